//! Calls, replies, redelivery, cancellation, forwarding.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::message::{flags, kind};
use kernel_abi::object::handle_flags;
use kernel_abi::{Call, Error, Handle};

const NONE: u64 = Handle::NONE.0 as u64;
/// Where tests put a `Transfer`, an `Incoming` and a `ReplyTransfer`.
const TRANSFER: u64 = BUFFER + 0x1000;
const INCOMING: u64 = BUFFER + 0x2000;
const REPLY: u64 = BUFFER + 0x3000;

/// A server with an endpoint, and a client with a session on it.
pub(super) struct Pair {
    pub h: Harness,
    pub server: ThreadId,
    pub endpoint: u64,
    pub client: ThreadId,
    pub session: u64,
}

pub(super) fn pair() -> Pair {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (_, client) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let mine = h.ok(server, Call::SessionCreate, &[endpoint, 7, NONE, 0]);
    let session = h.give(server, mine, client);
    h.ok(server, Call::HandleClose, &[mine]);
    Pair {
        h,
        server,
        endpoint,
        client,
        session,
    }
}

/// Writes a `Transfer` with one buffer and some handles.
fn transfer(h: &mut Harness, thread: ThreadId, buffer: Option<(u64, u64, u32)>, send: &[u32]) {
    let mut fields = crate::user_memory::Fields::<152>::zero();
    if let Some((address, length, direction)) = buffer {
        fields.set_u64(0, address);
        fields.set_u64(8, length);
        fields.set_u32(16, direction);
        fields.set_u32(96, 1);
    }
    fields.set_u32(100, send.len() as u32);
    for (index, slot) in send.iter().enumerate() {
        fields.set_u32(104 + index * 4, *slot);
    }
    h.poke(thread, TRANSFER, &fields.0);
}

#[test]
fn a_call_carries_six_words_there_and_back() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    h.receive(server, endpoint, INCOMING);
    assert!(h.is_blocked(server));
    h.send(client, session, &[1, 2, 3, 4, 5, 6], 0);
    assert!(h.is_blocked(client));
    assert_eq!(h.result(server), Some(Ok(kind::CALL)));
    assert_eq!(h.words(server), [1, 2, 3, 4, 5, 6]);
    assert_eq!(h.registers(server).r13, 7, "the session's badge");
    let token = h.registers(server).rdi;
    h.reply_receive(server, token, &[9, 8, 7, 6, 5, 4], endpoint, INCOMING);
    assert!(h.is_blocked(server));
    assert_eq!(h.result(client), Some(Ok(0)));
    assert_eq!(h.words(client), [9, 8, 7, 6, 5, 4]);
}

#[test]
fn the_server_runs_at_once_and_the_caller_after_its_answer() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    h.receive(server, endpoint, INCOMING);
    h.send(client, session, &[0; 6], 0);
    assert_eq!(h.kernel.scheduler.current(h.cpu), Some(server));
    let timers = h.kernel.machine.set_timer_calls;
    let token = h.registers(server).rdi;
    h.reply_receive(server, token, &[0; 6], endpoint, INCOMING);
    assert_eq!(h.kernel.scheduler.current(h.cpu), Some(client));
    assert_eq!(
        h.kernel.machine.set_timer_calls, timers,
        "a call touches no timer"
    );
}

#[test]
fn calls_queue_in_order_while_the_server_is_busy() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let owner = h.owner(client);
    let second = h.thread(owner);
    h.send(client, session, &[1, 0, 0, 0, 0, 0], 0);
    h.send(second, session, &[2, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.words(server)[0], 1);
    let first_token = h.registers(server).rdi;
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.words(server)[0], 2);
    h.reply(server, first_token, &[0; 6]);
    assert_eq!(h.result(client), Some(Ok(0)));
    assert!(h.is_blocked(second), "tokens are answered in any order");
}

#[test]
fn a_server_copies_out_of_and_into_lent_buffers_only_as_lent() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    h.poke(client, BUFFER + 0x100, b"question");
    transfer(&mut h, client, Some((BUFFER + 0x100, 8, 1)), &[]);
    h.send(client, session, &[0; 6], TRANSFER);
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.result(server), Some(Ok(kind::CALL | flags::INCOMING)));
    assert_eq!(h.peek_word(server, INCOMING), 8, "the buffer's length");
    let token = h.registers(server).rdi;
    let count = h.ok(server, Call::MessageRead, &[token, 0, 2, BUFFER, 100]);
    assert_eq!(count, 6, "short at the buffer's end");
    assert_eq!(h.peek(server, BUFFER, 6), b"estion");
    let refused = h.call(server, Call::MessageWrite, &[token, 0, 0, BUFFER, 1]);
    assert_eq!(refused, Err(Error::AccessDenied));
    let refused = h.call(server, Call::MessageRead, &[token, 1, 0, BUFFER, 1]);
    assert_eq!(refused, Err(Error::BadArgument));
}

#[test]
fn handles_travel_with_calls_and_replies() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let event = h.ok(client, Call::EventCreate, &[1 << 16]);
    transfer(&mut h, client, None, &[event as u32]);
    h.send(client, session, &[0; 6], TRANSFER);
    h.receive(server, endpoint, INCOMING);
    let received = h.peek(server, INCOMING + 48, 4);
    let received = u64::from(u32::from_le_bytes(received.try_into().expect("4 bytes")));
    let token = h.registers(server).rdi;
    h.ok(server, Call::EventSignal, &[received, 1 << 16, 1 << 17]);
    let mut reply = crate::user_memory::Fields::<24>::zero();
    reply.set_u32(0, received as u32);
    reply.set_u32(16, 1);
    reply.set_u32(20, handle_flags::MOVE as u32);
    h.poke(server, REPLY, &reply.0);
    let registers = h.registers(server);
    registers.rax = Call::Reply as u64;
    registers.rdi = token;
    registers.r13 = REPLY;
    h.trap(server);
    h.ok(client, Call::Null, &[]);
    let count = h.peek(client, TRANSFER + 136, 4);
    assert_eq!(count, 1u32.to_le_bytes());
    let slot = h.peek(client, TRANSFER + 120, 4);
    assert_eq!(slot, 0u32.to_le_bytes(), "the lowest free descriptor");
    assert_eq!(
        h.call(server, Call::HandleClose, &[received]),
        Err(Error::BadHandle),
        "moved"
    );
}

#[test]
fn a_call_taken_by_a_server_that_dies_is_delivered_again_first_with_its_number() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let owner = h.owner(client);
    let (second, third) = (h.thread(owner), h.thread(owner));
    let (_, keeper) = h.process();
    let kept = h.give(server, endpoint, keeper);
    h.send(client, session, &[1, 0, 0, 0, 0, 0], 0);
    h.send(second, session, &[2, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let number = h.registers(server).r15;
    h.receive(server, endpoint, INCOMING);
    h.send(third, session, &[3, 0, 0, 0, 0, 0], 0);
    h.kill(server, 0);
    let mut delivered = std::vec::Vec::new();
    for _ in 0..3 {
        h.receive(keeper, kept, INCOMING);
        let status = h.result(keeper).expect("a call").expect("a call");
        delivered.push((h.words(keeper)[0], status & flags::REDELIVERED != 0));
        if delivered.len() == 1 {
            assert_eq!(h.registers(keeper).r15, number, "the number stays");
        }
    }
    assert_eq!(delivered, [(1, true), (2, true), (3, false)]);
}

#[test]
fn a_call_that_crashes_two_servers_fails_and_the_others_go_on() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let owner = h.owner(client);
    let other = h.thread(owner);
    let (_, keeper) = h.process();
    let kept = h.give(server, endpoint, keeper);
    h.send(other, session, &[2, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    h.send(client, session, &[1, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    h.crash(server);
    let (_, next) = h.process();
    let endpoint = h.give(keeper, kept, next);
    h.receive(next, endpoint, INCOMING);
    h.receive(next, endpoint, INCOMING);
    assert_eq!(h.words(next)[0], 1);
    h.crash(next);
    assert_eq!(h.result(client), Some(Err(Error::Io)));
    assert!(h.is_blocked(other));
    h.receive(keeper, kept, INCOMING);
    assert_eq!(h.words(keeper)[0], 2);
}

#[test]
fn calls_fail_when_nobody_can_receive_any_more() {
    let Pair {
        mut h,
        server,
        client,
        session,
        ..
    } = pair();
    h.send(client, session, &[0; 6], 0);
    h.kill(server, 0);
    assert_eq!(h.result(client), Some(Err(Error::PeerClosed)));
    h.send(client, session, &[0; 6], 0);
    assert_eq!(h.result(client), Some(Err(Error::PeerClosed)));
}

#[test]
fn the_server_is_told_of_a_caller_that_dies_and_may_still_answer() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    h.send(client, session, &[0; 6], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    h.kill(client, 0);
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.result(server), Some(Ok(kind::CANCELLED)));
    assert_eq!(h.registers(server).rdi, token);
    h.reply(server, token, &[0; 6]);
    assert_eq!(h.result(server), Some(Ok(0)));
}

#[test]
fn a_forwarded_call_is_answered_by_the_other_server() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let (_, second) = h.process();
    let other = h.ok(second, Call::EndpointCreate, &[]);
    let mine = h.ok(second, Call::SessionCreate, &[other, 99, NONE, 0]);
    let onward = h.give(second, mine, server);
    h.send(client, session, &[1, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    let registers = h.registers(server);
    registers.rax = Call::MessageForward as u64;
    registers.rdi = token;
    registers.rsi = onward;
    registers.rdx = 42;
    h.trap(server);
    assert_eq!(h.result(server), Some(Ok(0)));
    h.receive(second, other, INCOMING);
    assert_eq!(h.words(second)[0], 42);
    assert_eq!(h.registers(second).r13, 99);
    let refused = h.call(server, Call::MessageRead, &[token, 0, 0, BUFFER, 1]);
    assert_eq!(
        refused,
        Err(Error::AccessDenied),
        "the token is the other server's now"
    );
    let token = h.registers(second).rdi;
    h.reply(second, token, &[5; 6]);
    assert_eq!(h.words(client), [5; 6]);
}

#[test]
fn the_last_close_of_a_session_is_told_to_its_server() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let copy = h.ok(
        client,
        Call::HandleDuplicate,
        &[session, 0, u64::from(u32::MAX), 0],
    );
    h.ok(client, Call::HandleClose, &[session]);
    h.receive(server, endpoint, INCOMING);
    assert!(h.is_blocked(server));
    h.ok(client, Call::HandleClose, &[copy]);
    assert_eq!(h.result(server), Some(Ok(kind::SESSION_CLOSED)));
    assert_eq!(h.registers(server).r13, 7);
}

#[test]
fn a_read_without_data_object_is_a_call_to_the_server() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    h.receive(server, endpoint, INCOMING);
    h.start(client, Call::Read, &[session, BUFFER, 100]);
    assert!(h.is_blocked(client));
    assert_eq!(h.words(server)[..3], [1, u64::MAX, 100]);
    let token = h.registers(server).rdi;
    h.poke(server, BUFFER, b"data");
    assert_eq!(
        h.ok(server, Call::MessageWrite, &[token, 0, 0, BUFFER, 4]),
        4
    );
    h.reply(server, token, &[4, 0, 0, 0, 0, 0]);
    assert_eq!(h.result(client), Some(Ok(4)));
    assert_eq!(h.peek(client, BUFFER, 4), b"data");
}

#[test]
fn a_bound_object_sends_one_message_and_is_disarmed() {
    let Pair {
        mut h,
        server,
        endpoint,
        ..
    } = pair();
    let event = h.ok(server, Call::EventCreate, &[0]);
    h.ok(server, Call::EndpointBind, &[endpoint, event, 1 << 16, 55]);
    h.ok(server, Call::EventSignal, &[event, 0, 1 << 16]);
    h.ok(server, Call::EventSignal, &[event, 0, 1 << 16]);
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.result(server), Some(Ok(kind::SIGNAL)));
    assert_eq!(h.words(server)[..2], [55, 1 << 16]);
    h.receive(server, endpoint, INCOMING);
    assert!(h.is_blocked(server));
}

#[test]
fn bad_handles_rights_and_lists_are_refused() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    for (handle, error) in [(12345, Error::BadHandle), (u64::MAX, Error::BadHandle)] {
        h.send(client, handle, &[0; 6], 0);
        assert_eq!(h.result(client), Some(Err(error)));
    }
    let weak = h.ok(client, Call::HandleDuplicate, &[session, 0, 0, 0]);
    h.send(client, weak, &[0; 6], 0);
    assert_eq!(h.result(client), Some(Err(Error::AccessDenied)));
    h.send(server, endpoint, &[0; 6], 0);
    assert_eq!(h.result(server), Some(Err(Error::WrongKind)));
    h.send(client, session, &[0; 6], 8);
    assert_eq!(h.result(client), Some(Err(Error::BadAddress)));
    h.poke(client, TRANSFER, &[0xff; 152]);
    h.send(client, session, &[0; 6], TRANSFER);
    assert_eq!(h.result(client), Some(Err(Error::TooBig)));
}
