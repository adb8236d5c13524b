//! The server dies and another one goes on.

use std::string::String;
use std::vec;

use file_system::testing::TestKernel;
use proto::Error;

use super::*;

/// Ends the server without warning and starts another one.
fn restart(client: TestClient, log: &TestLog) -> TestClient {
    let token = client.token.get();
    let (mut volume, kernel) = client.crash();
    let image = core::mem::take(&mut volume.file_system.device().data);
    let client = resume(image, kernel, log.clone());
    client.token.set(token);
    client
}

#[test]
fn a_restarted_server_finds_open_files_and_their_unwritten_content() {
    let log = new_log();
    let client = resume(make(8, "4096"), TestKernel::default(), log.clone());
    client.create("d", DIRECTORY).unwrap();
    client.create("d/kept", FILE).unwrap();
    client.create("gone", FILE).unwrap();
    let kept = client.open("d/kept", READ_WRITE).unwrap();
    let gone = client.open("gone", READ_WRITE).unwrap();
    client.write(gone, None, b"no name").unwrap();
    client.unlink("gone", false).unwrap();
    client.write(kept, None, &[9; 3000]).unwrap();
    let covered = client.node("d").unwrap();
    proto::file_system::cover(&client, covered, 1, &[]).unwrap();
    // Nothing of this was synced.
    let client = restart(client, &log);
    assert_eq!(
        client.walk("d/kept", false).unwrap().2,
        2,
        "the mount still covers it"
    );
    proto::file_system::cover(&client, covered, 0, &[]).unwrap();
    assert_eq!(client.read(kept, 0, 5000).unwrap(), vec![9; 3000]);
    assert_eq!(client.read(gone, 0, 100).unwrap(), b"no name");
    client.write(kept, None, &[8; 10]).unwrap();
    client.close(gone);
    client.close(kept);
    let image = image_of(client);
    assert_clean(&image);
    assert_eq!(image[1024 + 58] & 1, 1, "no check is due");
    let client = mount(image, TestKernel::default());
    let kept = client.open("d/kept", 0).unwrap();
    assert_eq!(
        client.read(kept, 2999, 100).unwrap(),
        [9, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]
    );
}

#[test]
fn no_change_is_lost_when_the_server_dies_again_and_again() {
    for block_size in ["1024", "4096"] {
        let log = new_log();
        let mut client = resume(make(16, block_size), TestKernel::default(), log.clone());
        let mut expected = vec![".".into(), "..".into(), String::from("lost+found")];
        for round in 0..150u32 {
            let name = std::format!("{round:0>80}");
            client.create(&name, FILE).unwrap();
            let file = client.open(&name, READ_WRITE).unwrap();
            client.write(file, None, &round.to_le_bytes()).unwrap();
            client.close(file);
            expected.push(name.clone());
            if round % 3 == 1 {
                client.unlink(&name, false).unwrap();
                expected.pop();
            }
            if round % 3 != 1 && round % 11 == 5 {
                client.rename(&name, "moved").unwrap();
                expected.retain(|other| *other != name && other != "moved");
                expected.push("moved".into());
            }
            if round % 17 == 3 {
                proto::file_system::sync(&client, &[]).unwrap();
            }
            if round % 5 == 2 {
                client = restart(client, &log);
            }
        }
        client = restart(client, &log);
        expected.sort();
        assert_eq!(client.names("").unwrap(), expected);
        let file = client
            .open(&std::format!("{:0>80}", 147), READ_WRITE)
            .unwrap();
        assert_eq!(client.read(file, 0, 4).unwrap(), 147u32.to_le_bytes());
        client.close(file);
        let image = image_of(client);
        assert_clean(&image);
    }
}

#[test]
fn a_call_that_was_carried_out_is_not_carried_out_twice() {
    let log = new_log();
    let client = resume(make(8, "1024"), TestKernel::default(), log.clone());
    let node = client.node("").unwrap();
    let credentials = encode(client.credentials.get());
    let create = |client: &TestClient| {
        let name = b"once";
        proto::file_system::create(client, node, FILE, 0, name, &credentials, &[])
    };
    let first = create(&client).unwrap();
    let client = restart(client, &log);
    client.redelivered.set(true);
    assert_eq!(create(&client).unwrap(), first);
    client.redelivered.set(false);
    assert_eq!(create(&client).map(|_| ()), Err(Error::Exists));
}

#[test]
fn nothing_stays_taken_of_files_that_lost_name_and_user_around_a_death() {
    let log = new_log();
    let client = resume(make(8, "4096"), TestKernel::default(), log.clone());
    // Synced with a name, so that freeing it has to wait for the next sync.
    for name in ["freed", "open", "closed"] {
        client.create(name, FILE).unwrap();
        let file = client.open(name, READ_WRITE).unwrap();
        client.write(file, None, &[7; 30_000]).unwrap();
        client.close(file);
    }
    proto::file_system::sync(&client, &[]).unwrap();
    let open = client.open("open", READ_WRITE).unwrap();
    let closed = client.open("closed", READ_WRITE).unwrap();
    for name in ["freed", "open", "closed"] {
        client.unlink(name, false).unwrap();
    }
    // Its last handle goes while nobody serves, so no instance is told.
    let sessions = client.server.borrow().kernel.0.clone();
    sessions.borrow_mut().forget_session(closed);
    let client = restart(client, &log);
    assert_eq!(client.read(open, 29_999, 10).unwrap(), [7]);
    client.close(open);
    let client = restart(client, &log);
    assert_clean(&image_of(client));
}
