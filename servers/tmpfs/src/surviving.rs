//! Instances after one another over one memory.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;

use file_system::Server;
use file_system::testing::{Client, TestKernel};
use proto::types::{attribute_mask, file_type, open_flags};
use proto::{Attributes, Error};

use crate::TemporaryVolume;
use crate::journal::tests::SharedMemory;

const FILE: u32 = file_type::REGULAR | 0o644;
const DIRECTORY: u32 = file_type::DIRECTORY | 0o755;
const READ_WRITE: u32 = open_flags::READ_WRITE;

type TestClient = Client<TemporaryVolume>;

fn start(kernel: TestKernel, memory: &SharedMemory) -> TestClient {
    let volume = TemporaryVolume::new(1 << 20, 5).kept_in(Box::new(memory.clone()));
    Client::new(Server::new(volume, kernel))
}

fn restart(client: TestClient, memory: &SharedMemory) -> TestClient {
    let token = client.token.get();
    let (_, kernel) = client.crash();
    *memory.left.borrow_mut() = u64::MAX;
    let client = start(kernel, memory);
    client.token.set(token);
    client
}

/// What programs can see: paths, types, modes, links, sizes, contents.
fn picture(client: &TestClient, path: &str, into: &mut Vec<String>) {
    for name in client.names(path).unwrap() {
        if name == "." || name == ".." {
            continue;
        }
        let inner = match path {
            "" => name,
            path => format!("{path}/{name}"),
        };
        let (_, _, _, mut found) = client.walk(&inner, false).unwrap();
        // Numbers of nodes and the clock go on differently where a call was made twice.
        (
            found.node,
            found.access_ns,
            found.modify_ns,
            found.change_ns,
        ) = (0, 0, 0, 0);
        let mut content = Vec::new();
        if found.mode & file_type::MASK == file_type::REGULAR {
            let file = client.open(&inner, READ_WRITE).unwrap();
            content = client.read(file, 0, 10_000).unwrap();
            client.close(file);
        }
        into.push(format!("{inner} {found:?} {content:?}"));
        if found.mode & file_type::MASK == file_type::DIRECTORY {
            picture(client, &inner, into);
        }
    }
}

fn whole_picture(client: &TestClient) -> Vec<String> {
    let mut lines = Vec::new();
    picture(client, "", &mut lines);
    lines
}

/// One of many kinds of change.
fn change(client: &TestClient, step: u32) {
    let name = |number: u32| format!("n{}", number % 5);
    let mode = Attributes {
        mode: 0o600 + step % 8,
        ..Attributes::default()
    };
    let (one, other) = (name(step / 8), name(step / 3));
    // Some of them are refused, which must not change anything either.
    match step % 8 {
        0 | 1 => {
            let _ = client.create(&one, FILE);
        }
        2 => {
            let _ = client.create(&one, DIRECTORY);
        }
        3 => {
            let _ = client.symlink("somewhere", &one);
        }
        4 => {
            let _ = client.rename(&one, &other);
        }
        5 => {
            let _ = client.unlink(&one, step % 16 == 5);
        }
        6 => {
            let _ = client.set_attributes(&one, attribute_mask::MODE, &mode);
        }
        _ => {
            if let Ok(file) = client.open(&one, READ_WRITE) {
                let _ = client.write(file, None, format!("step {step}").as_bytes());
                client.close(file);
            }
        }
    }
}

#[test]
fn the_next_instance_finds_names_contents_open_files_and_mounts() {
    let memory = SharedMemory::new(1 << 20);
    let client = start(TestKernel::default(), &memory);
    client.create("d", DIRECTORY).unwrap();
    client.create("d/kept", FILE).unwrap();
    client.create("gone", FILE).unwrap();
    let kept = client.open("d/kept", READ_WRITE).unwrap();
    let gone = client.open("gone", READ_WRITE).unwrap();
    client.write(gone, None, b"no name").unwrap();
    client.unlink("gone", false).unwrap();
    client.write(kept, None, &[9; 3000]).unwrap();
    let status = client.status(kept).unwrap();
    let before = whole_picture(&client);
    let client = restart(client, &memory);
    assert_eq!(whole_picture(&client), before);
    assert_eq!(client.status(kept).unwrap(), status, "times, too");
    let covered = client.node("d").unwrap();
    proto::file_system::cover(&client, covered, 1, &[]).unwrap();
    let client = restart(client, &memory);
    assert_eq!(client.read(gone, 0, 10).unwrap(), b"no name");
    client.write(kept, Some(3000), b"more").unwrap();
    assert_eq!(client.read(kept, 2999, 10).unwrap(), b"\x09more");
    assert_eq!(client.unlink("d", true), Err(Error::Busy));
    proto::file_system::cover(&client, covered, 0, &[]).unwrap();
    client.unlink("d/kept", false).unwrap();
    client.close(kept);
    client.close(gone);
    let client = restart(client, &memory);
    assert_eq!(client.names("").unwrap(), [".", "..", "d"]);
    assert!(client.server.borrow().kernel.0.borrow().kept.is_empty());
}

#[test]
fn an_instance_that_dies_at_any_write_leaves_the_state_before_or_after_the_call() {
    for writes in 0..3 {
        let memory = SharedMemory::new(1 << 20);
        let mut client = start(TestKernel::default(), &memory);
        // One that never dies.
        let twin = start(TestKernel::default(), &SharedMemory::new(1 << 20));
        for step in 0..300 {
            let before = whole_picture(&twin);
            *memory.left.borrow_mut() = writes;
            let act = std::panic::AssertUnwindSafe(|| change(&client, step * 7));
            let died = std::panic::catch_unwind(act).is_err();
            change(&twin, step * 7);
            if died {
                client = restart(client, &memory);
            }
            *memory.left.borrow_mut() = u64::MAX;
            if died && whole_picture(&client) == before {
                // Delivered again.
                change(&client, step * 7);
            }
            assert_eq!(
                whole_picture(&client),
                whole_picture(&twin),
                "{writes} {step}"
            );
        }
    }
}

#[test]
fn a_log_that_has_grown_is_begun_anew_and_tells_the_same() {
    let memory = SharedMemory::new(2 << 20);
    let client = start(TestKernel::default(), &memory);
    for step in 0..6000 {
        change(&client, step * 11 % 4096);
    }
    let before = whole_picture(&client);
    let client = restart(client, &memory);
    assert_eq!(whole_picture(&client), before);
}
