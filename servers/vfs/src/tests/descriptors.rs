//! `/proc/PID/fd` and its like, `/dev/fd`.

use super::*;
use std::format;

use crate::tree::Slot;

const PIPE: u64 = (ObjectKind::Stream as u64) << 58 | 1 << 57 | 12;

fn describe(user: &User, slot: u32, info: HandleInfo) {
    let handle = DESCRIPTORS + slot;
    user.world.borrow_mut().descriptions.insert(handle, info);
}

/// Has the process 42 the file of a path open in a slot.
fn put_file(user: &User, slot: u32, path: &str, endpoint: u64) {
    let attributes = user.status(path).unwrap();
    let info = HandleInfo {
        kind: ObjectKind::Session as u32,
        endpoint,
        data_kind: ObjectKind::Cursor as u32,
        rights: Rights::READ.or(Rights::WRITE).0,
        ..Default::default()
    };
    describe(user, slot, info);
    let handle = DESCRIPTORS + slot;
    user.world.borrow_mut().files.insert(handle, attributes);
}

fn put_object(user: &User, slot: u32, kind: ObjectKind, object: u64, rights: Rights) {
    let info = HandleInfo {
        kind: kind as u32,
        object,
        rights: rights.0,
        ..Default::default()
    };
    describe(user, slot, info);
}

fn link(user: &User, path: &str) -> Result<String, Error> {
    let mut text = [0; 4096];
    let answer = directory::read_symlink(user, path.as_bytes(), &mut text, &[])?;
    let length = answer.words[0] as usize;
    Ok(String::from_utf8(text[..length].to_vec()).unwrap())
}

fn user_with_id(user: &User, id: u32) -> User {
    let mut other = user.clone();
    other.identity.credentials.user = id;
    other.identity.real_user = id;
    other
}

#[test]
fn a_descriptor_of_a_file_tells_its_path_wherever_the_file_has_gone() {
    let user = system();
    user.make_directory("/kept");
    user.create("/file");
    put_file(&user, 3, "/file", FILES_ENDPOINT);
    assert_eq!(link(&user, "/proc/42/fd/3").unwrap(), "/file");
    directory::rename(&user, 0, b"/file", b"/kept/new", &[ROOT]).unwrap();
    assert_eq!(link(&user, "/proc/42/fd/3").unwrap(), "/kept/new");
    assert!(user.open("/proc/42/fd/3", 0).is_ok());
    let status = user.status("/proc/42/fd/3").unwrap();
    assert_eq!(status.node, user.status("/kept/new").unwrap().node);
}

#[test]
fn a_file_without_a_name_is_shown_as_deleted_and_opens_still() {
    let user = system();
    let flags = open_flags::CREATE | open_flags::WRITE_ONLY;
    // Kept by its open session, as by the process's.
    user.open("/file", flags).unwrap();
    put_file(&user, 3, "/file", FILES_ENDPOINT);
    directory::unlink(&user, 0, b"/file", &[]).unwrap();
    let text = link(&user, "/proc/42/fd/3").unwrap();
    assert!(
        text.starts_with("/#") && text.ends_with(" (deleted)"),
        "{text}"
    );
    assert!(user.open("/proc/42/fd/3", 0).is_ok());
}

#[test]
fn an_end_of_a_pipe_is_named_by_its_number_and_opens_as_its_rights_allow() {
    let user = system();
    put_object(&user, 1, ObjectKind::Stream, PIPE, Rights::READ);
    let number = (ObjectKind::Stream as u64) << 58 | 12;
    assert_eq!(
        link(&user, "/proc/42/fd/1").unwrap(),
        format!("pipe:[{number}]")
    );
    let status = user.status("/proc/42/fd/1").unwrap();
    assert_eq!(status.mode & file_type::MASK, file_type::FIFO);
    assert_eq!((status.node, status.user), (number, 1000));
    let no_follow = crate::attributes::NO_FOLLOW;
    let of_link = user.status_at("/proc/42/fd/1", no_follow).unwrap();
    assert_eq!(of_link.mode, file_type::SYMLINK | 0o500);
    assert!(user.open("/proc/42/fd/1", 0).is_ok());
    assert_eq!(user.open("/proc/42/fd/1", 1), Err(Error::AccessDenied));
    assert_eq!(user.open("/proc/42/fd/1/x", 0), Err(Error::NotDirectory));
    let closed = user.world.borrow().closed.clone();
    let taken = closed.iter().filter(|handle| handle.0 == DESCRIPTORS + 1);
    assert_eq!(taken.count(), 8, "every copy of the handle was closed");
}

#[test]
fn nobody_is_asked_about_a_session_of_a_stranger() {
    let user = system();
    user.create("/file");
    put_file(&user, 3, "/file", 99);
    assert_eq!(
        link(&user, "/proc/42/fd/3").unwrap(),
        "anon_inode:[session]"
    );
    assert_eq!(user.open("/proc/42/fd/3", 0), Err(Error::NoDeviceAddress));
}

#[test]
fn sockets_and_events_are_named_and_do_not_open() {
    let user = system();
    put_file(&user, 0, "/proc", SOCKETS_ENDPOINT);
    put_object(&user, 2, ObjectKind::Event, 7, Rights::ALL);
    assert_eq!(link(&user, "/proc/42/fd/0").unwrap(), "socket:[1]");
    assert_eq!(
        link(&user, "/proc/42/fd/2").unwrap(),
        "anon_inode:[eventfd]"
    );
    for path in ["/proc/42/fd/0", "/proc/42/fd/2"] {
        assert_eq!(user.open(path, 0), Err(Error::NoDeviceAddress));
    }
}

#[test]
fn only_root_and_the_owner_see_what_a_process_has_open() {
    let user = system();
    user.create("/program");
    let executable = proto::types::process_slot::EXECUTABLE % Handle::HIGH_BASE;
    put_file(&user, executable, "/program", FILES_ENDPOINT);
    put_object(&user, 1, ObjectKind::Stream, PIPE, Rights::READ);
    let (owner, stranger) = (user_with_id(&user, 1000), user_with_id(&user, 2000));
    for path in ["/proc/42/exe", "/proc/42/fd/1"] {
        assert!(link(&owner, path).is_ok() && link(&user, path).is_ok());
        assert_eq!(link(&stranger, path), Err(Error::AccessDenied), "{path}");
    }
    assert_eq!(link(&owner, "/proc/42/exe").unwrap(), "/program");
    assert_eq!(stranger.open("/proc/42/fd", 0), Err(Error::AccessDenied));
    assert_eq!(stranger.open("/proc/42/maps", 0), Err(Error::AccessDenied));
    assert_eq!(owner.names("/proc/42/fd"), [".", "..", "0", "1", "2", "3"]);
}

#[test]
fn a_working_directory_is_walked_through_and_named() {
    let user = system();
    user.make_directory("/home");
    user.create("/home/note");
    let session = user.open("/home", open_flags::DIRECTORY).unwrap();
    let slot = proto::types::process_slot::WORKING_DIRECTORY % Handle::HIGH_BASE;
    let info = HandleInfo {
        kind: ObjectKind::Session as u32,
        object: session.0.into(),
        endpoint: OWN_ENDPOINT,
        ..Default::default()
    };
    describe(&user, slot, info);
    assert_eq!(link(&user, "/proc/42/cwd").unwrap(), "/home");
    assert!(user.open("/proc/42/cwd/note", 0).is_ok());
    assert_eq!(user.names("/proc/42/cwd/"), [".", "..", "note"]);
}

#[test]
fn the_links_of_dev_lead_to_the_callers_own_descriptors() {
    let mut user = system();
    user.identity.process = 42;
    put_object(&user, 0, ObjectKind::Stream, PIPE, Rights::READ);
    put_object(&user, 3, ObjectKind::Stream, PIPE, Rights::READ);
    assert_eq!(link(&user, "/dev/stdin").unwrap(), "/proc/self/fd/0");
    assert!(user.open("/dev/stdin", 0).is_ok());
    assert!(user.open("/dev/fd/3", 0).is_ok());
    assert_eq!(user.open("/dev/fd/4", 0), Err(Error::NotFound));
    assert_eq!(link(&user, "/proc/thread-self").unwrap(), "42/task/3");
}

#[test]
fn the_text_of_a_descriptor_tells_position_and_flags() {
    let user = system();
    user.create("/file");
    put_file(&user, 3, "/file", FILES_ENDPOINT);
    let server = user.server.borrow();
    let text = server.slot_text(Slot {
        process: 42,
        slot: 3,
    });
    assert_eq!(text.unwrap(), b"pos:\t17\nflags:\t02\n");
}

#[test]
fn the_mappings_of_the_program_are_named_and_no_others() {
    let text = b"1000-2000 r-xp 0 00:00 77\n2000-3000 rw-p 0 00:00 177\n";
    let named = crate::descriptors::named_lines(text, 77, b"/bin/x");
    let expected = b"1000-2000 r-xp 0 00:00 77          /bin/x\n2000-3000 rw-p 0 00:00 177\n";
    assert_eq!(named, expected);
}
