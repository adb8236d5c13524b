//! Message queues of both kinds.

use super::objects::get;
use super::{Client, Harness, Request, error, value};
use proto::types::object_kind;
use proto::{Error, ipc, queue};

/// `msgsnd`.
pub fn send(id: u64, kind: u64, text: &[u8]) -> Request {
    Request {
        words: vec![ipc::number::send, id, kind, 0],
        input: Some(text.to_vec()),
        output: None,
    }
}

/// `msgrcv`.
pub fn receive(id: u64, wanted: i64, flags: u64) -> Request {
    Request {
        words: vec![ipc::number::receive, id, wanted as u64, flags],
        input: None,
        output: Some(64),
    }
}

fn put(priority: u64, deadline_ns: u64, text: &[u8]) -> Request {
    Request {
        words: vec![queue::number::put, priority, deadline_ns],
        input: Some(text.to_vec()),
        output: None,
    }
}

fn take(deadline_ns: u64) -> Request {
    Request {
        words: vec![queue::number::take, deadline_ns],
        input: None,
        output: Some(16),
    }
}

/// A client of an open queue of two messages of 16 bytes.
fn open(h: &mut Harness, name: &[u8]) -> Client {
    let client = h.client(10, 0);
    let words = vec![ipc::number::open_queue, 0o102, 0o600, 2, 16];
    let input = Some(name.to_vec());
    value(h.call(
        client,
        &Request {
            words,
            input,
            output: None,
        },
    ));
    let badge = h.world.borrow().last_session;
    Client { badge, ..client }
}

#[test]
fn messages_are_received_by_type() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::MESSAGES, 0, 0, 0o1600));
    for (kind, text) in [(3, b"three"), (1, b"first"), (2, b"twice")] {
        value(h.call(client, &send(id, kind, text)));
    }
    for (wanted, text) in [(-2, b"first"), (2, b"twice"), (0, b"three")] {
        assert_eq!(value(h.call(client, &receive(id, wanted, 0))), 5);
        assert_eq!(h.written(h.last_call()), text);
    }
    assert_eq!(
        error(h.call(client, &receive(id, 0, 0o4000))),
        Error::NoMessage
    );
    assert!(h.call(client, &receive(id, 7, 0)).is_none());
    let waiting = h.last_call();
    value(h.call(client, &send(id, 6, b"other")));
    assert_eq!(h.answer_to(waiting), None);
    value(h.call(client, &send(id, 7, b"seven")));
    assert!(h.answer_to(waiting).expect("woken").is_ok());
    assert_eq!(h.written(waiting), b"seven");
}

#[test]
fn the_most_urgent_message_comes_first_and_a_full_queue_makes_wait() {
    let mut h = Harness::new();
    let client = open(&mut h, b"name");
    value(h.call(client, &put(1, 0, b"low")));
    value(h.call(client, &put(5, 0, b"high")));
    assert_eq!(
        error(h.call(client, &put(5, 0, b"more"))),
        Error::WouldBlock
    );
    assert!(h.call(client, &put(9, u64::MAX, b"most")).is_none());
    let waiting = h.last_call();
    for text in [&b"high"[..], b"most", b"low"] {
        assert_eq!(value(h.call(client, &take(0))), text.len() as u64);
        assert_eq!(h.written(h.last_call()), text);
    }
    assert!(h.answer_to(waiting).expect("woken").is_ok());
    assert_eq!(
        error(h.call(client, &put(0, 0, &[0; 17]))),
        Error::MessageTooLong
    );
    assert_eq!(error(h.call(client, &take(0))), Error::WouldBlock);
}

#[test]
fn one_process_is_told_of_a_message_once() {
    let mut h = Harness::new();
    let client = open(&mut h, b"name");
    let words = vec![queue::number::notify, 0, 12, 99];
    let register = Request {
        words,
        ..Default::default()
    };
    value(h.call(client, &register));
    assert_eq!(error(h.call(client, &register)), Error::Busy);
    value(h.call(client, &put(0, 0, b"one")));
    value(h.call(client, &put(0, 0, b"two")));
    let world = h.world.borrow();
    let [told] = world.notified.as_slice() else {
        panic!("told {} times", world.notified.len());
    };
    assert_eq!((told.process, told.signal, told.value), (10, 12, 99));
}

#[test]
fn an_unlinked_queue_goes_with_its_last_session() {
    let mut h = Harness::new();
    let client = open(&mut h, b"name");
    value(h.call(client, &put(0, 0, b"one")));
    let general = h.client(10, 0);
    let words = vec![ipc::number::unlink_queue];
    let input = Some(b"name".to_vec());
    let unlink = Request {
        words,
        input,
        output: None,
    };
    value(h.call(general, &unlink));
    assert_eq!(error(h.call(general, &unlink)), Error::NotFound);
    assert_eq!(value(h.call(client, &take(0))), 3);
    h.world.borrow_mut().sessions.remove(&client.badge);
    h.server.session_closed(client.badge);
    assert_eq!(error(h.call(client, &take(0))), Error::BadArgument);
}
