//! The whole server over a kernel in memory.

use std::vec;

use file_system::Server;
use file_system::testing::{Client, TestKernel, user};
use proto::types::{attribute_mask, file_type, open_flags};
use proto::{Attributes, Error};

use crate::TemporaryVolume;

const FILE: u32 = file_type::REGULAR | 0o644;
const DIRECTORY: u32 = file_type::DIRECTORY | 0o755;
const READ_WRITE: u32 = open_flags::READ_WRITE;

fn client() -> Client<TemporaryVolume> {
    Client::new(Server::new(
        TemporaryVolume::new(1 << 20, 5),
        TestKernel::default(),
    ))
}

#[test]
fn what_is_written_is_read_and_the_status_tells() {
    let client = client();
    client.create("a", FILE).unwrap();
    let file = client.open("a", READ_WRITE).unwrap();
    assert_eq!(client.write(file, None, b"hello "), Ok(6));
    assert_eq!(client.write(file, None, b"world"), Ok(5));
    assert_eq!(client.write(file, Some(0), b"J"), Ok(1));
    assert_eq!(client.read(file, 0, 100).unwrap(), b"Jello world");
    let status = client.status(file).unwrap();
    assert_eq!((status.size, status.links, status.blocks), (11, 1, 8));
    assert_eq!(client.write(file, Some(5000), b"x"), Ok(1));
    assert_eq!(client.read(file, 4999, 5).unwrap(), b"\0x");
}

#[test]
fn a_walk_says_where_and_why_it_ended() {
    let client = client();
    client.create("d", DIRECTORY).unwrap();
    client.create("d/e", DIRECTORY).unwrap();
    client.create("d/e/file", FILE).unwrap();
    client.symlink("e/file", "d/link").unwrap();
    let reason = |path, follow| {
        client
            .walk(path, follow)
            .map(|(_, consumed, why, _)| (consumed, why))
    };
    assert_eq!(reason("d/e/file", false), Ok((8, 0)));
    assert_eq!(reason("", false), Ok((0, 0)));
    assert_eq!(reason("d//e/../e/.", false), Ok((11, 0)));
    assert_eq!(reason("d/link", false), Ok((6, 0)));
    assert_eq!(reason("d/link", true), Ok((2, 1)));
    assert_eq!(reason("d/link/x", false), Ok((2, 1)));
    assert_eq!(reason("d/../../x", false), Ok((8, 3)));
    assert_eq!(reason("d/e/none", false), Ok((4, 4)));
    assert_eq!(reason("d/none/", false), Ok((2, 4)));
    assert_eq!(reason("d/none/x", false), Err(Error::NotFound));
    assert_eq!(reason("d/e/file/x", false), Err(Error::NotDirectory));
    assert_eq!(reason("d/e/file/", false), Err(Error::NotDirectory));
    let covered = client.node("d/e").unwrap();
    proto::file_system::cover(&client, covered, 1, &[]).unwrap();
    assert_eq!(reason("d/e/file", false), Ok((4, 2)));
    assert_eq!(client.unlink("d/e", true), Err(Error::Busy));
}

#[test]
fn permission_is_checked_by_class() {
    let client = client();
    client.create("d", DIRECTORY).unwrap();
    client.create("d/f", file_type::REGULAR | 0o640).unwrap();
    let owner = Attributes {
        user: 7,
        group: 8,
        ..Attributes::default()
    };
    let mask = attribute_mask::USER | attribute_mask::GROUP;
    client.set_attributes("d/f", mask, &owner).unwrap();
    client.credentials.set(user(9, 8));
    assert!(client.open("d/f", 0).is_ok());
    assert_eq!(client.open("d/f", READ_WRITE), Err(Error::AccessDenied));
    assert_eq!(client.create("d/g", FILE), Err(Error::AccessDenied));
    assert_eq!(client.unlink("d/f", false), Err(Error::AccessDenied));
    let values = Attributes {
        mode: 0o777,
        ..Attributes::default()
    };
    let chmod = client.set_attributes("d/f", attribute_mask::MODE, &values);
    assert_eq!(chmod, Err(Error::NotPermitted));
    client.credentials.set(user(7, 1));
    assert!(client.open("d/f", READ_WRITE).is_ok());
    // The root directory is sticky, as /tmp is.
    assert_eq!(client.rename("d", "e"), Err(Error::NotPermitted));
    client.credentials.set(user(10, 10));
    assert_eq!(client.open("d/f", 0), Err(Error::AccessDenied));
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed_and_unmapped() {
    let client = client();
    client.create("f", FILE).unwrap();
    let file = client.open("f", READ_WRITE).unwrap();
    client.write(file, None, &vec![1; 100_000]).unwrap();
    let free = |client: &Client<TemporaryVolume>| {
        use file_system::Volume;
        client.server.borrow_mut().volume.status().blocks_free
    };
    let before = free(&client);
    client.unlink("f", false).unwrap();
    assert_eq!(client.read(file, 99_999, 5).unwrap(), [1]);
    assert_eq!(client.status(file).unwrap().links, 0);
    client.close(file);
    assert_eq!(free(&client), before + 25);
}

#[test]
fn the_first_mapping_of_a_file_after_it_was_written_changes_its_access_time() {
    let client = client();
    client.create("f", FILE).unwrap();
    let file = client.open("f", READ_WRITE).unwrap();
    let map = || client.with_file(file, |client| proto::file::map(client, 0, &[]));
    client.write(file, None, b"x").unwrap();
    let written = client.status(file).unwrap();
    map().unwrap();
    let mapped = client.status(file).unwrap();
    assert!(mapped.access_ns > written.access_ns);
    assert_eq!(
        (mapped.modify_ns, mapped.change_ns),
        (written.modify_ns, written.change_ns)
    );
    map().unwrap();
    let again = client.status(file).unwrap();
    assert_eq!(again.access_ns, mapped.access_ns, "noted already");
}

#[test]
fn a_full_volume_writes_what_fits_and_then_refuses() {
    let client = client();
    client.create("f", FILE).unwrap();
    let file = client.open("f", READ_WRITE).unwrap();
    assert_eq!(client.write(file, None, &vec![1; 2 << 20]), Ok(1 << 20));
    assert_eq!(client.write(file, None, b"x"), Err(Error::NoSpace));
    client
        .with_file(file, |client| proto::file::truncate(client, 10, &[]))
        .unwrap();
    assert_eq!(client.write(file, None, b"x"), Ok(1));
    assert_eq!(client.status(file).unwrap().size, 11);
}

#[test]
fn directories_list_all_names_in_small_pieces() {
    let client = client();
    client.create("d", DIRECTORY).unwrap();
    for number in 0..100 {
        client
            .create(&std::format!("d/file{number}"), FILE)
            .unwrap();
    }
    assert_eq!(client.names("d").unwrap().len(), 102);
    for number in 0..100 {
        client
            .unlink(&std::format!("d/file{number}"), false)
            .unwrap();
    }
    assert_eq!(client.names("d").unwrap(), [".", ".."]);
    client.unlink("d", true).unwrap();
    assert_eq!(client.node("d"), Err(Error::NotFound));
}

#[test]
fn renames_replace_and_refuse_as_posix_says() {
    let client = client();
    client.create("a", DIRECTORY).unwrap();
    client.create("a/b", DIRECTORY).unwrap();
    client.create("f", FILE).unwrap();
    assert_eq!(client.rename("a", "a/b/c"), Err(Error::BadArgument));
    assert_eq!(client.rename("f", "a"), Err(Error::IsDirectory));
    assert_eq!(client.rename("a", "f"), Err(Error::NotDirectory));
    assert_eq!(client.rename("a/b", "moved"), Ok(()));
    assert_eq!(client.rename("moved", "a"), Ok(()));
    assert_eq!(client.names("").unwrap(), [".", "..", "a", "f"]);
    assert_eq!(client.walk("", false).unwrap().3.links, 3);
}

#[test]
fn a_lock_waits_for_the_other_owner_and_deadlock_is_refused() {
    let client = client();
    client.create("f", FILE).unwrap();
    let file = client.open("f", READ_WRITE).unwrap();
    let lock = |kind, mode, start, length| {
        client.with_file(file, |client| {
            proto::file::lock(client, kind, mode, start, length, &[])
        })
    };
    let own = || client.with_file(file, |client| proto::file::own_locks(client, &[]));
    assert_eq!(lock(2, 0, 0, 10), Err(Error::BadState), "nobody is known");
    own().unwrap();
    lock(2, 0, 0, 10).unwrap();
    client.credentials.set(user(1, 1));
    own().unwrap();
    assert_eq!(lock(1, 0, 5, 10), Err(Error::WouldBlock));
    assert_eq!(lock(1, 2, 5, 10).unwrap().words[..3], [2, 0, 10]);
    lock(2, 0, 20, 0).unwrap();
    // The answer comes later.
    assert_eq!(lock(1, 1, 5, 10), Err(Error::WouldBlock));
    let waiting = client.last_token();
    client.credentials.set(user(0, 0));
    assert_eq!(lock(2, 1, 30, 1), Err(Error::Deadlock));
    lock(0, 0, 0, 0).unwrap();
    let world = client.server.borrow().kernel.0.clone();
    assert_eq!(world.borrow().replies.len(), 1);
    assert_eq!(world.borrow().replies[0].0, waiting);
}

#[test]
fn open_files_are_known_to_the_next_instance_by_their_badges() {
    let client = client();
    client.create("f", FILE).unwrap();
    let file = client.open("f", open_flags::WRITE_ONLY).unwrap();
    let found = Client::<TemporaryVolume>::open_file(file).unwrap();
    assert!(found.writable && !found.readable && !found.executable);
    assert_eq!(found.node, client.node("f").unwrap());
}
