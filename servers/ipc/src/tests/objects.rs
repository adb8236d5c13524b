//! System V objects.

use super::{Client, Harness, Request, error, value};
use proto::ipc::number;
use proto::types::object_kind;
use proto::{Answer, Error};

pub fn get(
    h: &mut Harness,
    client: Client,
    kind: u32,
    key: u64,
    size: u64,
    flags: u32,
) -> Option<Result<Answer, Error>> {
    let words = vec![number::get, u64::from(kind), key, size, u64::from(flags)];
    h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    )
}

/// `semop`.
pub fn operation(id: u64, list: &[(u16, i16, i16)], deadline_ns: u64) -> Request {
    let bytes = list.iter().flat_map(|(number, change, flags)| {
        [
            number.to_le_bytes(),
            change.to_le_bytes(),
            flags.to_le_bytes(),
        ]
        .concat()
    });
    Request {
        words: vec![number::operate, id, deadline_ns],
        input: Some(bytes.collect()),
        output: None,
    }
}

/// `semctl` of one semaphore.
pub fn semaphore(h: &mut Harness, client: Client, id: u64, command: u64, new: u64) -> u64 {
    let words = vec![number::semaphore, id, 0, command, new];
    value(h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    ))
}

const VALUE: u64 = 12;
const CREATE: u32 = 0o1600;

#[test]
fn keys_and_permissions_are_kept() {
    let mut h = Harness::new();
    let (root, other) = (h.client(10, 0), h.client(11, 1000));
    for kind in [
        object_kind::SEGMENT,
        object_kind::SEMAPHORES,
        object_kind::MESSAGES,
    ] {
        let id = value(get(&mut h, root, kind, 5, 4, CREATE));
        assert_eq!(value(get(&mut h, root, kind, 5, 2, 0)), id);
        assert_eq!(
            error(get(&mut h, root, kind, 5, 4, CREATE | 0o2000)),
            Error::Exists
        );
        assert_eq!(error(get(&mut h, root, kind, 6, 4, 0)), Error::NotFound);
        assert_eq!(
            error(get(&mut h, other, kind, 5, 0, 0o400)),
            Error::AccessDenied
        );
        let words = vec![number::remove, u64::from(kind), id];
        let remove = Request {
            words,
            ..Default::default()
        };
        assert_eq!(error(h.call(other, &remove)), Error::NotPermitted);
        assert_eq!(value(h.call(root, &remove)), 0);
        assert_eq!(
            error(h.call(root, &remove)),
            Error::BadArgument,
            "the id is not used again"
        );
    }
}

#[test]
fn a_user_makes_only_so_many_objects() {
    let mut h = Harness::new();
    let user = h.client(10, 1000);
    for _ in 0..64 {
        value(get(&mut h, user, object_kind::SEMAPHORES, 0, 1, CREATE));
    }
    let refused = get(&mut h, user, object_kind::SEMAPHORES, 0, 1, CREATE);
    assert_eq!(error(refused), Error::NoSpace);
}

#[test]
fn operations_wait_for_all_that_they_need_and_for_no_longer_than_asked() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEMAPHORES, 0, 2, CREATE));
    assert!(
        h.call(client, &operation(id, &[(0, -1, 0), (1, 0, 0)], u64::MAX))
            .is_none()
    );
    let waiting = h.last_call();
    assert_eq!(
        semaphore(&mut h, client, id, 14, 0),
        1,
        "one waits for it to grow"
    );
    assert!(
        h.call(client, &operation(id, &[(0, -5, 0)], 1000))
            .is_none()
    );
    let timed = h.last_call();
    assert_eq!(h.world.borrow().alarm_ns, Some(1000));
    assert_eq!(
        value(h.call(client, &operation(id, &[(0, 1, 0)], u64::MAX))),
        0
    );
    assert_eq!(
        h.answer_to(waiting).map(|answer| answer.is_ok()),
        Some(true)
    );
    assert_eq!(semaphore(&mut h, client, id, VALUE, 0), 0);
    h.world.borrow_mut().now_ns = 1000;
    h.server.alarm();
    assert_eq!(h.answer_to(timed), Some(Err(Error::WouldBlock)));
    let refused = h.call(client, &operation(id, &[(0, -1, 0o4000)], u64::MAX));
    assert_eq!(error(refused), Error::WouldBlock);
}

#[test]
fn what_a_process_did_with_undo_is_undone_at_its_end() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEMAPHORES, 0, 1, CREATE));
    let give = operation(id, &[(0, 3, 0o10000)], u64::MAX);
    assert_eq!(
        error(h.call(client, &give)),
        Error::BadState,
        "not registered yet"
    );
    let words = vec![number::register];
    value(h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    ));
    let session = h.world.borrow().last_session;
    value(h.call(client, &give));
    let other = h.client(11, 0);
    assert!(
        h.call(other, &operation(id, &[(0, -1, 0), (0, 0, 0)], u64::MAX))
            .is_none()
    );
    let waiting = h.last_call();
    value(h.call(other, &operation(id, &[(0, 1, 0)], u64::MAX)));
    h.world.borrow_mut().sessions.remove(&session);
    h.server.session_closed(session);
    assert_eq!(
        h.answer_to(waiting).map(|answer| answer.is_ok()),
        Some(true)
    );
    assert_eq!(semaphore(&mut h, other, id, VALUE, 0), 0);
}

#[test]
fn a_removed_segment_goes_with_its_last_user() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEGMENT, 9, 5000, CREATE));
    let words = vec![number::attach, id, 0];
    assert_eq!(
        value(h.call(
            client,
            &Request {
                words,
                ..Default::default()
            }
        )),
        5000
    );
    let words = vec![number::remove, 0, id];
    value(h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    ));
    assert_eq!(h.world.borrow().segments.len(), 1);
    assert_eq!(
        error(get(&mut h, client, object_kind::SEGMENT, 9, 0, 0)),
        Error::NotFound
    );
    h.world.borrow_mut().uses.clear();
    let words = vec![number::detach, id];
    value(h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    ));
    assert_eq!(h.world.borrow().segments.len(), 0);
}

#[test]
fn a_removal_ends_the_waits() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEMAPHORES, 0, 1, CREATE));
    assert!(
        h.call(client, &operation(id, &[(0, -1, 0)], u64::MAX))
            .is_none()
    );
    let waiting = h.last_call();
    let words = vec![number::remove, 1, id];
    value(h.call(
        client,
        &Request {
            words,
            ..Default::default()
        },
    ));
    assert_eq!(h.answer_to(waiting), Some(Err(Error::Removed)));
}
