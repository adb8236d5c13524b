//! The server is killed at every instant that matters.

use super::objects::{get, operation, semaphore};
use super::queues::{receive, send};
use super::{Harness, value};
use proto::types::object_kind;

#[test]
fn a_call_whose_change_was_saved_is_answered_again_and_not_made_again() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::MESSAGES, 0, 0, 0o1600));
    let message = send(id, 1, b"text");
    value(h.call(client, &message));
    let sent = h.last_call();
    h.restart();
    assert_eq!(value(h.deliver(client, &message, sent, true)), 0);
    value(h.call(client, &receive(id, 0, 0)));
    let received = h.last_call();
    h.restart();
    h.world.borrow_mut().written.clear();
    assert_eq!(
        value(h.deliver(client, &receive(id, 0, 0), received, true)),
        4
    );
    assert_eq!(h.written(received), b"text");
    assert!(
        h.call(client, &receive(id, 0, 0)).is_none(),
        "there is no second one"
    );
}

#[test]
fn waiting_calls_that_come_again_first_do_not_hide_the_answer_that_is_missing() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEMAPHORES, 0, 1, 0o1600));
    let take = operation(id, &[(0, -1, 0)], u64::MAX);
    assert!(h.call(client, &take).is_none());
    let waiting = h.last_call();
    // The one that gives is saved; the server dies before it answers and wakes.
    let give = operation(id, &[(0, 1, 0)], u64::MAX);
    let number = waiting + 1;
    h.restart();
    let other = h.client(11, 0);
    value(h.deliver(client, &give, number, true));
    h.world.borrow_mut().replies.clear();
    h.restart();
    assert_eq!(value(h.deliver(client, &take, waiting, true)), 0);
    assert_eq!(value(h.deliver(client, &give, number, true)), 0);
    assert_eq!(
        semaphore(&mut h, other, id, 12, 0),
        0,
        "given once, taken once"
    );
}

#[test]
fn objects_and_messages_are_there_after_a_restart() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::MESSAGES, 77, 0, 0o1600));
    for number in 0..20u8 {
        value(h.call(client, &send(id, 1, &[number; 40])));
    }
    h.restart();
    assert_eq!(
        value(get(&mut h, client, object_kind::MESSAGES, 77, 0, 0)),
        id
    );
    for number in 0..20u8 {
        value(h.call(client, &receive(id, 0, 0)));
        assert_eq!(h.written(h.last_call()), [number; 40]);
        value(h.call(client, &send(id, 2, &[100 + number; 40])));
    }
}

#[test]
fn a_process_that_ended_while_nobody_served_is_undone() {
    let mut h = Harness::new();
    let client = h.client(10, 0);
    let id = value(get(&mut h, client, object_kind::SEMAPHORES, 0, 1, 0o1600));
    let words = vec![proto::ipc::number::register];
    value(h.call(
        client,
        &super::Request {
            words,
            ..Default::default()
        },
    ));
    let session = h.world.borrow().last_session;
    value(h.call(client, &operation(id, &[(0, 3, 0o10000)], u64::MAX)));
    h.world.borrow_mut().sessions.remove(&session);
    h.restart();
    assert_eq!(semaphore(&mut h, client, id, 12, 0), 0);
}
