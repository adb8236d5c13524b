//! Streams of bytes and of messages.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use crate::user_memory::Fields;
use kernel_abi::message::status_flags;
use kernel_abi::wait::{shut_down, stream_flags};
use kernel_abi::{Call, Error};

const TWO: u64 = BUFFER + 0x8000;
const MESSAGE: u64 = BUFFER + 0x9000;
const NONBLOCK: u64 = status_flags::NONBLOCK as u64;

fn stream(h: &mut Harness, thread: ThreadId, flags: u64, capacity: u64) -> (u64, u64) {
    h.ok(thread, Call::StreamCreate, &[flags, capacity, TWO, 0]);
    let both = h.peek_word(thread, TWO);
    (both & 0xffff_ffff, both >> 32)
}

fn message(h: &mut Harness, thread: ThreadId, length: u64, handles: &[u32], flags: u32) {
    let mut fields = Fields::<104>::zero();
    fields.set_u64(0, BUFFER);
    fields.set_u64(8, length);
    for (index, handle) in handles.iter().enumerate() {
        fields.set_u32(24 + index * 4, *handle);
    }
    fields.set_u32(88, handles.len() as u32);
    fields.set_u32(92, flags);
    h.poke(thread, MESSAGE, &fields.0);
}

#[test]
fn a_pipe_gives_the_bytes_in_order_and_then_the_end() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    assert_eq!((reads, writes), (0, 1), "the lowest free descriptors");
    h.poke(thread, BUFFER, b"hello");
    assert_eq!(h.ok(thread, Call::Write, &[writes, BUFFER, 5]), 5);
    assert_eq!(h.ok(thread, Call::Read, &[reads, BUFFER + 100, 3]), 3);
    assert_eq!(h.peek(thread, BUFFER + 100, 3), b"hel");
    h.ok(thread, Call::HandleClose, &[writes]);
    assert_eq!(h.ok(thread, Call::Read, &[reads, BUFFER + 100, 100]), 2);
    assert_eq!(h.ok(thread, Call::Read, &[reads, BUFFER + 100, 100]), 0);
}

#[test]
fn a_reader_of_an_empty_pipe_blocks_until_a_write() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.start(thread, Call::Read, &[reads, BUFFER, 10]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::Write, &[writes, BUFFER + 500, 4]);
    assert_eq!(h.result(thread), Some(Ok(4)));
}

#[test]
fn small_writes_are_whole_and_large_ones_wait_for_room() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.ok(thread, Call::Write, &[writes, BUFFER, 4000]);
    h.start(thread, Call::Write, &[writes, BUFFER, 200]);
    assert!(h.is_blocked(thread), "200 bytes do not fit at once");
    h.ok(other, Call::Read, &[reads, BUFFER, 4000]);
    assert_eq!(h.result(thread), Some(Ok(200)));
    h.start(thread, Call::Write, &[writes, BUFFER, 10_000]);
    assert!(h.is_blocked(thread));
    let mut total = 0;
    while total < 10_200 {
        total += h.ok(other, Call::Read, &[reads, BUFFER, 3000]);
    }
    assert_eq!(h.result(thread), Some(Ok(10_000)));
}

#[test]
fn a_nonblocking_end_says_that_it_would_block() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    for end in [reads, writes] {
        h.ok(thread, Call::StatusFlags, &[end, 1, NONBLOCK]);
    }
    assert_eq!(
        h.call(thread, Call::Read, &[reads, BUFFER, 1]),
        Err(Error::WouldBlock)
    );
    assert_eq!(h.ok(thread, Call::Write, &[writes, BUFFER, 5000]), 4096);
    assert_eq!(
        h.call(thread, Call::Write, &[writes, BUFFER, 1]),
        Err(Error::WouldBlock)
    );
}

#[test]
fn writing_to_a_pipe_without_reader_fails() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.ok(thread, Call::Write, &[writes, BUFFER, 4096]);
    h.start(thread, Call::Write, &[writes, BUFFER, 1]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::HandleClose, &[reads]);
    assert_eq!(h.result(thread), Some(Err(Error::PeerClosed)));
}

#[test]
fn message_boundaries_are_kept_and_cut_messages_say_so() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, stream_flags::MESSAGES, 65536);
    h.ok(thread, Call::Write, &[a, BUFFER, 10]);
    h.ok(thread, Call::Write, &[a, BUFFER, 20]);
    assert_eq!(h.ok(thread, Call::StreamQueued, &[b]), 10);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 100]), 10);
    message(&mut h, thread, 5, &[], 0);
    assert_eq!(h.ok(thread, Call::StreamReceive, &[b, MESSAGE]), 5);
    assert_eq!(
        h.peek_word(thread, MESSAGE + 16),
        15,
        "bytes that did not fit"
    );
    assert_eq!(h.ok(thread, Call::StreamQueued, &[b]), 0);
}

#[test]
fn handles_arrive_with_the_bytes_they_were_sent_with() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, 0, 4096);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    h.ok(thread, Call::Write, &[a, BUFFER, 3]);
    message(&mut h, thread, 2, &[event as u32], 0);
    h.ok(thread, Call::StreamSend, &[a, MESSAGE]);
    h.ok(thread, Call::HandleClose, &[event]);
    assert_eq!(h.kernel.events.len(), 1, "the message keeps it");
    message(&mut h, thread, 100, &[0; 4], 2);
    assert_eq!(
        h.ok(thread, Call::StreamReceive, &[b, MESSAGE]),
        3,
        "a look, to the boundary"
    );
    message(&mut h, thread, 100, &[0; 4], 0);
    assert_eq!(h.ok(thread, Call::StreamReceive, &[b, MESSAGE]), 3);
    assert_eq!(h.peek(thread, MESSAGE + 88, 4), [0; 4]);
    message(&mut h, thread, 100, &[0; 4], 0);
    assert_eq!(h.ok(thread, Call::StreamReceive, &[b, MESSAGE]), 2);
    assert_eq!(h.peek(thread, MESSAGE + 88, 4), 1u32.to_le_bytes());
}

#[test]
fn handles_under_way_end_with_the_stream() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, 0, 4096);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    message(&mut h, thread, 1, &[event as u32], 0);
    h.ok(thread, Call::StreamSend, &[a, MESSAGE]);
    h.ok(thread, Call::HandleClose, &[event]);
    h.ok(thread, Call::HandleClose, &[b]);
    assert_eq!(h.kernel.events.len(), 0);
    h.ok(thread, Call::HandleClose, &[a]);
    assert_eq!(h.kernel.streams.len(), 0);
}

#[test]
fn a_shut_down_direction_ends_reads_and_refuses_writes() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, 0, 4096);
    h.ok(thread, Call::Write, &[a, BUFFER, 1]);
    h.ok(thread, Call::StreamShutDown, &[a, shut_down::WRITE]);
    assert_eq!(
        h.call(thread, Call::Write, &[a, BUFFER, 1]),
        Err(Error::PeerClosed)
    );
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 9]), 1);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 9]), 0);
    assert_eq!(
        h.ok(thread, Call::Write, &[b, BUFFER, 1]),
        1,
        "the other direction goes on"
    );
}

#[test]
fn a_bad_address_takes_nothing_from_the_queue() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    assert_eq!(
        h.call(thread, Call::Write, &[writes, 8, 1]),
        Err(Error::BadAddress)
    );
    h.ok(thread, Call::Write, &[writes, BUFFER, 7]);
    assert_eq!(
        h.call(thread, Call::Read, &[reads, 8, 7]),
        Err(Error::BadAddress)
    );
    assert_eq!(h.ok(thread, Call::Read, &[reads, BUFFER, 100]), 7);
    let refused = h.call(thread, Call::Read, &[reads, BUFFER, u64::MAX]);
    assert_eq!(refused, Err(Error::BadArgument));
    assert_eq!(
        h.call(thread, Call::Read, &[writes, BUFFER, 1]),
        Err(Error::AccessDenied)
    );
}
