//! What sockets need of streams and sessions.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use crate::user_memory::Fields;
use core::mem::offset_of;
use kernel_abi::message::status_flags;
use kernel_abi::socket::{
    StreamMessage, message_flags, session_part, shut_down, stream_flags, stream_property,
};
use kernel_abi::wait::NOW;
use kernel_abi::{Call, Error, Handle, Signals};

const TWO: u64 = BUFFER + 0x8000;
const MESSAGE: u64 = BUFFER + 0x9000;
const SEGMENTS: u64 = BUFFER + 0x9100;
const HANDLES: u64 = BUFFER + 0x9200;
const NAME: u64 = BUFFER + 0x9300;
const SIZE: usize = size_of::<StreamMessage>();
const SOCKET: u64 = stream_flags::SOCKET;
const INBOX: u64 =
    SOCKET | stream_flags::ONE_WAY | stream_flags::MESSAGES | stream_flags::OPEN_ENDED;

fn stream(h: &mut Harness, thread: ThreadId, flags: u64, capacity: u64) -> (u64, u64) {
    h.ok(thread, Call::StreamCreate, &[flags, capacity, TWO, 0]);
    let both = h.peek_word(thread, TWO);
    (both & 0xffff_ffff, both >> 32)
}

/// Writes a message of `length` bytes at BUFFER.
fn message(h: &mut Harness, thread: ThreadId, length: u64, handles: &[u64], flags: u32) {
    h.poke_words(thread, SEGMENTS, &[BUFFER, length]);
    for (index, handle) in handles.iter().enumerate() {
        let handle = *handle as u32;
        h.poke(thread, HANDLES + index as u64 * 4, &handle.to_le_bytes());
    }
    let mut fields = Fields::<SIZE>::zero();
    fields.set_u64(0, SEGMENTS);
    fields.set_u64(8, 1);
    fields.set_u64(offset_of!(StreamMessage, handles), HANDLES);
    fields.set_u64(offset_of!(StreamMessage, name), NAME);
    fields.set_u32(
        offset_of!(StreamMessage, handle_count),
        handles.len() as u32,
    );
    fields.set_u32(offset_of!(StreamMessage, name_length), 32);
    fields.set_u32(offset_of!(StreamMessage, flags), flags);
    fields.set_u32(offset_of!(StreamMessage, target), Handle::NONE.0);
    h.poke(thread, MESSAGE, &fields.0);
}

fn field(h: &mut Harness, thread: ThreadId, offset: usize) -> u32 {
    let bytes = h.peek(thread, MESSAGE + offset as u64, 4);
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn taken(h: &mut Harness, thread: ThreadId) -> u32 {
    field(h, thread, offset_of!(StreamMessage, handle_count))
}

#[test]
fn handles_arrive_with_the_bytes_they_were_sent_with() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET, 4096);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    h.ok(thread, Call::Write, &[a, BUFFER, 3]);
    message(&mut h, thread, 2, &[event], 0);
    h.ok(thread, Call::StreamSend, &[a, MESSAGE]);
    h.ok(thread, Call::HandleClose, &[event]);
    assert_eq!(h.kernel.events.len(), 1, "the message keeps it");
    let receive = |h: &mut Harness, flags| {
        message(h, thread, 100, &[0; 4], flags);
        h.ok(thread, Call::StreamReceive, &[b, MESSAGE])
    };
    assert_eq!(receive(&mut h, message_flags::PEEK), 3, "to the boundary");
    assert_eq!(receive(&mut h, 0), 3);
    assert_eq!(taken(&mut h, thread), 0);
    assert_eq!(receive(&mut h, message_flags::PEEK), 2);
    assert_eq!(taken(&mut h, thread), 1, "a look copies");
    assert_eq!(receive(&mut h, 0), 2);
    assert_eq!(taken(&mut h, thread), 1);
    assert_eq!(h.kernel.under_way.len(), 0);
}

#[test]
fn handles_that_are_not_taken_are_closed_and_the_receiver_is_told() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET | stream_flags::MESSAGES, 4096);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    message(&mut h, thread, 9, &[event, event, event], 0);
    h.ok(thread, Call::StreamSend, &[a, MESSAGE]);
    h.ok(thread, Call::HandleClose, &[event]);
    message(&mut h, thread, 5, &[0], 0);
    assert_eq!(h.ok(thread, Call::StreamReceive, &[b, MESSAGE]), 5);
    assert_eq!(taken(&mut h, thread), 1);
    let truncated = offset_of!(StreamMessage, truncated);
    assert_eq!(field(&mut h, thread, truncated), 4);
    let flags = field(&mut h, thread, offset_of!(StreamMessage, flags));
    assert_eq!(flags, message_flags::HANDLES_LOST);
    let event = h.peek_word(thread, HANDLES) & 0xffff_ffff;
    h.ok(thread, Call::HandleClose, &[event]);
    assert_eq!(h.kernel.events.len(), 0);
}

#[test]
fn handles_under_way_end_with_the_reading_end() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET, 4096);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    message(&mut h, thread, 1, &[event], 0);
    h.ok(thread, Call::StreamSend, &[a, MESSAGE]);
    h.ok(thread, Call::HandleClose, &[event]);
    h.ok(thread, Call::HandleClose, &[b]);
    assert_eq!(h.kernel.events.len(), 0);
    assert!(h.kernel.under_way.is_empty());
    h.ok(thread, Call::HandleClose, &[a]);
    assert_eq!(h.kernel.streams.len(), 0);
}

#[test]
fn a_handle_that_would_keep_itself_alive_is_refused() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET, 4096);
    let (c, d) = stream(&mut h, thread, SOCKET, 4096);
    let send = |h: &mut Harness, through: u64, handle: u64| {
        message(h, thread, 1, &[handle], 0);
        h.call(thread, Call::StreamSend, &[through, MESSAGE])
    };
    let refused = Err(Error::TooManyReferences);
    assert_eq!(send(&mut h, a, b), refused, "the reader in its own queue");
    assert_eq!(
        send(&mut h, a, a),
        Ok(1),
        "the writer goes when the reader goes"
    );
    assert_eq!(send(&mut h, a, d), Ok(1));
    assert_eq!(send(&mut h, c, b), refused, "each in the other's queue");
    for handle in [a, b, c, d] {
        h.ok(thread, Call::HandleClose, &[handle]);
    }
    assert_eq!(h.kernel.streams.len(), 0);
}

#[test]
fn nesting_and_number_of_handles_under_way_are_bounded() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let mut inner = h.ok(thread, Call::EventCreate, &[0]);
    let mut refused = None;
    for depth in 0..10 {
        let (a, b) = stream(&mut h, thread, SOCKET, 4096);
        message(&mut h, thread, 1, &[inner], 0);
        if h.call(thread, Call::StreamSend, &[a, MESSAGE]) == Err(Error::TooManyReferences) {
            refused = Some(depth);
            break;
        }
        inner = b;
    }
    assert_eq!(refused, Some(5));
    let (a, _) = stream(&mut h, thread, SOCKET | stream_flags::MESSAGES, 1 << 20);
    let owner = h.kernel.processes.get_mut(process).expect("process");
    owner.handles.limit = 100;
    let mut sent = 0;
    loop {
        message(&mut h, thread, 1, &[inner; 10], 0);
        match h.call(thread, Call::StreamSend, &[a, MESSAGE]) {
            Ok(_) => sent += 10,
            Err(error) => break assert_eq!(error, Error::TooManyReferences),
        }
    }
    assert!(sent <= 100, "{sent}");
}

#[test]
fn only_streams_of_sockets_carry_messages() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (_, b) = stream(&mut h, thread, 0, 4096);
    message(&mut h, thread, 1, &[], 0);
    let refused = Err(Error::WrongKind);
    assert_eq!(h.call(thread, Call::StreamSend, &[b, MESSAGE]), refused);
    assert_eq!(h.call(thread, Call::StreamReceive, &[b, MESSAGE]), refused);
    message(&mut h, thread, 1, &[], message_flags::ANY_STREAM);
    h.ok(thread, Call::StreamSend, &[b, MESSAGE]);
}

#[test]
fn closing_with_unread_data_resets_the_other_end() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET, 4096);
    h.ok(thread, Call::Write, &[a, BUFFER, 3]);
    h.ok(thread, Call::HandleClose, &[b]);
    let read = |h: &mut Harness| h.call(thread, Call::Read, &[a, BUFFER, 3]);
    assert_eq!(read(&mut h), Err(Error::ConnectionReset));
    assert_eq!(read(&mut h), Ok(0), "once");
    let write = h.call(thread, Call::Write, &[a, BUFFER, 1]);
    assert_eq!(write, Err(Error::PeerClosed));
}

/// A session that reads from its own inbox and writes to another's; (endpoint, session, the other
/// inbox's reading end).
fn datagram(h: &mut Harness, thread: ThreadId) -> (u64, u64, u64) {
    let endpoint = h.ok(thread, Call::EndpointCreate, &[]);
    let (own, outlet) = stream(h, thread, INBOX, 8192);
    h.ok(thread, Call::HandleClose, &[outlet]);
    let session = h.ok(thread, Call::SessionCreate, &[endpoint, 7, own, 0]);
    let (reads, writes) = stream(h, thread, INBOX, 8192);
    let set = [endpoint, 7, session_part::OUTLET, writes, 0];
    h.ok(thread, Call::SessionSet, &set);
    (endpoint, session, reads)
}

#[test]
fn a_session_with_an_outlet_writes_there_under_its_name_and_reads_its_data() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (endpoint, session, reads) = datagram(&mut h, thread);
    h.poke(thread, NAME, b"sender");
    let set = [endpoint, 7, session_part::NAME, NAME, 6];
    h.ok(thread, Call::SessionSet, &set);
    h.ok(thread, Call::Write, &[session, BUFFER, 5]);
    message(&mut h, thread, 100, &[], 0);
    assert_eq!(h.ok(thread, Call::StreamReceive, &[reads, MESSAGE]), 5);
    assert_eq!(h.peek(thread, NAME, 6), b"sender");
    let length = offset_of!(StreamMessage, name_length);
    assert_eq!(field(&mut h, thread, length), 6);
    let data = h.ok(thread, Call::SessionData, &[endpoint, 7, 0]);
    let own = h.ok(thread, Call::StreamOpen, &[data, 1]);
    h.ok(thread, Call::Write, &[own, BUFFER, 2]);
    assert_eq!(h.ok(thread, Call::Read, &[session, BUFFER, 100]), 2);
    message(&mut h, thread, 4, &[], 0);
    let target = MESSAGE + offset_of!(StreamMessage, target) as u64;
    h.poke(thread, target, &(own as u32).to_le_bytes());
    assert_eq!(h.ok(thread, Call::StreamSend, &[session, MESSAGE]), 4);
    assert_eq!(h.ok(thread, Call::Read, &[session, BUFFER, 100]), 4);
}

#[test]
fn a_poll_of_such_a_session_sees_both_streams() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (_, session, reads) = datagram(&mut h, thread);
    let poll = |h: &mut Harness| {
        h.poke_words(thread, BUFFER, &[session | 3 << 32, 0]);
        h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]);
        Signals(h.peek_word(thread, BUFFER + 8) as u32)
    };
    assert_eq!(poll(&mut h), Signals::WRITABLE);
    h.ok(
        thread,
        Call::StatusFlags,
        &[session, 1, status_flags::NONBLOCK.into()],
    );
    while h
        .call(thread, Call::Write, &[session, BUFFER, 1000])
        .is_ok()
    {}
    assert_eq!(poll(&mut h), Signals::NONE);
    h.ok(thread, Call::HandleClose, &[reads]);
    assert_eq!(poll(&mut h), Signals::WRITABLE);
    let write = h.call(thread, Call::Write, &[session, BUFFER, 1]);
    assert_eq!(write, Err(Error::ConnectionRefused));
}

#[test]
fn a_queue_of_connections_is_accepted_from_and_never_read() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let flags = INBOX | stream_flags::CONNECTIONS;
    let (reads, writes) = stream(&mut h, thread, flags, 129);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    for _ in 0..2 {
        message(&mut h, thread, 0, &[event], message_flags::DO_NOT_WAIT);
        h.ok(thread, Call::StreamSend, &[writes, MESSAGE]);
    }
    let full = h.call(thread, Call::StreamSend, &[writes, MESSAGE]);
    assert_eq!(full, Err(Error::WouldBlock));
    let read = h.call(thread, Call::Read, &[reads, BUFFER, 1]);
    assert_eq!(read, Err(Error::BadArgument));
    message(&mut h, thread, 0, &[0], 0);
    let receive = h.call(thread, Call::StreamReceive, &[reads, MESSAGE]);
    assert_eq!(receive, Err(Error::BadArgument));
    message(&mut h, thread, 0, &[0], message_flags::ACCEPT);
    h.ok(thread, Call::StreamReceive, &[reads, MESSAGE]);
    assert_eq!(taken(&mut h, thread), 1);
    h.ok(thread, Call::HandleClose, &[reads]);
    assert_eq!(h.kernel.events.len(), 1);
}

#[test]
fn a_sessions_timeout_ends_a_wait_and_leaves_what_was_done() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let endpoint = h.ok(thread, Call::EndpointCreate, &[]);
    let (own, other) = stream(&mut h, thread, SOCKET, 4096);
    let session = h.ok(thread, Call::SessionCreate, &[endpoint, 1, own, 0]);
    let property = |which| [session, which, 1, 5_000_000];
    let receive = property(stream_property::RECEIVE_TIMEOUT_NS);
    assert_eq!(h.ok(thread, Call::StreamProperty, &receive), 5_000_000);
    h.ok(
        thread,
        Call::StreamProperty,
        &property(stream_property::SEND_TIMEOUT_NS),
    );
    h.start(thread, Call::Read, &[session, BUFFER, 1]);
    assert!(h.is_blocked(thread));
    h.advance(6_000_000);
    assert_eq!(h.result(thread), Some(Err(Error::WouldBlock)));
    h.start(thread, Call::Write, &[session, BUFFER, 6000]);
    assert!(h.is_blocked(thread));
    h.advance(6_000_000);
    assert_eq!(h.result(thread), Some(Ok(4096)));
    let bare = h.call(thread, Call::StreamProperty, &[other, 3, 1, 1]);
    assert_eq!(bare, Err(Error::WrongKind));
}

#[test]
fn a_socket_shut_down_both_ways_hangs_up() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, _b) = stream(&mut h, thread, SOCKET, 4096);
    h.ok(
        thread,
        Call::StreamShutDown,
        &[a, shut_down::READ | shut_down::WRITE],
    );
    h.poke_words(thread, BUFFER, &[a | 3 << 32, 0]);
    h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]);
    let raised = Signals(h.peek_word(thread, BUFFER + 8) as u32);
    assert_eq!(raised.and(Signals::PEER_CLOSED), Signals::PEER_CLOSED);
}

#[test]
fn a_lossy_stream_drops_what_it_has_no_room_for_and_never_makes_anybody_wait() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (inbox, writes) = stream(&mut h, thread, INBOX | stream_flags::LOSSY, 100);
    h.poke(thread, BUFFER, b"first");
    assert_eq!(h.ok(thread, Call::Write, &[writes, BUFFER, 60]), 60);
    h.poke(thread, BUFFER, b"lost!");
    assert_eq!(h.ok(thread, Call::Write, &[writes, BUFFER, 60]), 60);
    let too_long = h
        .call(thread, Call::Write, &[writes, BUFFER, 101])
        .unwrap_err();
    assert_eq!(too_long, Error::MessageTooLong);
    assert_eq!(h.ok(thread, Call::Read, &[inbox, BUFFER, 100]), 60);
    assert_eq!(h.peek(thread, BUFFER, 5), b"first");
    h.ok(
        thread,
        Call::StatusFlags,
        &[inbox, 1, status_flags::NONBLOCK.into()],
    );
    let empty = h
        .call(thread, Call::Read, &[inbox, BUFFER, 100])
        .unwrap_err();
    assert_eq!(empty, Error::WouldBlock);
}

#[test]
fn an_end_that_is_to_reset_its_peer_does_so_when_it_is_closed() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, SOCKET, 4096);
    assert_eq!(
        h.ok(
            thread,
            Call::StreamProperty,
            &[a, stream_property::RESETS, 0, 0]
        ),
        0
    );
    h.ok(
        thread,
        Call::StreamProperty,
        &[a, stream_property::RESETS, 1, 1],
    );
    h.ok(thread, Call::Write, &[a, BUFFER, 3]);
    h.ok(thread, Call::HandleClose, &[a]);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 9]), 3);
    let reset = h.call(thread, Call::Read, &[b, BUFFER, 9]).unwrap_err();
    assert_eq!(reset, Error::ConnectionReset);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 9]), 0);
}
