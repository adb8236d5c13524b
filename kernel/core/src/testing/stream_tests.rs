//! Streams of bytes and of messages.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::message::status_flags;
use kernel_abi::socket::{shut_down, stream_flags};
use kernel_abi::{Call, Error};

const TWO: u64 = BUFFER + 0x8000;
const NONBLOCK: u64 = status_flags::NONBLOCK as u64;

fn stream(h: &mut Harness, thread: ThreadId, flags: u64, capacity: u64) -> (u64, u64) {
    h.ok(thread, Call::StreamCreate, &[flags, capacity, TWO, 0]);
    let both = h.peek_word(thread, TWO);
    (both & 0xffff_ffff, both >> 32)
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
fn a_reader_that_waits_is_given_the_bytes_and_the_queue_stays_empty() {
    for flags in [0, stream_flags::ONE_WAY, stream_flags::MESSAGES] {
        let mut h = Harness::new();
        let (process, thread) = h.process();
        let other = h.thread(process);
        let (reads, writes) = stream(&mut h, thread, flags, 4096);
        for count in 1..4 {
            h.start(thread, Call::Read, &[reads, BUFFER, 10]);
            assert!(h.is_blocked(thread));
            h.poke(other, BUFFER + 500, b"abcd");
            assert_eq!(
                h.ok(other, Call::Write, &[writes, BUFFER + 500, count]),
                count
            );
            assert_eq!(h.result(thread), Some(Ok(count)));
            assert_eq!(
                h.peek(thread, BUFFER, count as usize),
                b"abcd"[..count as usize]
            );
            assert_eq!(h.ok(other, Call::StreamQueued, &[reads]), 0);
            h.check();
        }
    }
}

#[test]
fn what_a_waiting_reader_has_no_room_for_is_queued() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.start(thread, Call::Read, &[reads, BUFFER, 3]);
    h.poke(other, BUFFER + 500, b"hello");
    assert_eq!(h.ok(other, Call::Write, &[writes, BUFFER + 500, 5]), 5);
    assert_eq!(h.result(thread), Some(Ok(3)));
    assert_eq!(h.ok(thread, Call::Read, &[reads, BUFFER, 10]), 2);
    assert_eq!(h.peek(thread, BUFFER, 2), b"lo");
}

#[test]
fn a_waiting_reader_that_cannot_be_written_to_leaves_the_bytes() {
    const UNMAPPED: u64 = 0x1000;
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.start(thread, Call::Read, &[reads, UNMAPPED, 10]);
    assert!(h.is_blocked(thread));
    assert_eq!(h.ok(other, Call::Write, &[writes, BUFFER, 4]), 4);
    assert_eq!(h.result(thread), Some(Err(Error::BadAddress)));
    assert_eq!(h.ok(other, Call::StreamQueued, &[reads]), 4);
}

#[test]
fn of_two_waiting_readers_one_gets_the_bytes() {
    let mut h = Harness::new();
    let (process, first) = h.process();
    let (second, writer) = (h.thread(process), h.thread(process));
    let (reads, writes) = stream(&mut h, first, stream_flags::ONE_WAY, 4096);
    for thread in [first, second] {
        h.start(thread, Call::Read, &[reads, BUFFER, 10]);
    }
    h.ok(writer, Call::Write, &[writes, BUFFER + 500, 4]);
    let done = [first, second].map(|thread| h.result(thread) == Some(Ok(4)));
    assert!(done[0] != done[1], "{done:?}");
    assert_eq!(h.ok(writer, Call::StreamQueued, &[reads]), 0);
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
fn message_boundaries_are_kept() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (a, b) = stream(&mut h, thread, stream_flags::MESSAGES, 65536);
    h.ok(thread, Call::Write, &[a, BUFFER, 10]);
    h.ok(thread, Call::Write, &[a, BUFFER, 20]);
    assert_eq!(h.ok(thread, Call::StreamQueued, &[b]), 10);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 100]), 10);
    assert_eq!(h.ok(thread, Call::Read, &[b, BUFFER, 5]), 5);
    assert_eq!(h.ok(thread, Call::StreamQueued, &[b]), 0);
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

#[test]
fn an_end_of_a_pipe_can_be_opened_again_and_finds_what_was_queued() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (reads, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 4096);
    h.poke(thread, BUFFER, b"kept");
    h.ok(thread, Call::Write, &[writes, BUFFER, 4]);
    h.ok(thread, Call::HandleClose, &[reads]);
    let write = h.call(thread, Call::Write, &[writes, BUFFER, 1]);
    assert_eq!(write, Err(Error::PeerClosed));
    let again = h.ok(thread, Call::StreamOpen, &[writes, 1]);
    h.ok(thread, Call::Write, &[writes, BUFFER, 1]);
    assert_eq!(h.ok(thread, Call::Read, &[again, BUFFER + 64, 9]), 5);
    assert_eq!(h.peek(thread, BUFFER + 64, 5), b"keptk");
    let write = h.call(thread, Call::Write, &[again, BUFFER, 1]);
    assert_eq!(write, Err(Error::AccessDenied), "it is the reading end");
    let bad = h.call(thread, Call::StreamOpen, &[writes, 2]);
    assert_eq!(bad, Err(Error::BadArgument));
}

#[test]
fn a_pipes_capacity_changes_but_not_below_what_it_holds() {
    use kernel_abi::socket::stream_property::{SEND_CAPACITY, SEND_QUEUED};
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (_, writes) = stream(&mut h, thread, stream_flags::ONE_WAY, 65536);
    h.ok(thread, Call::Write, &[writes, BUFFER, 5000]);
    let get = h.ok(thread, Call::StreamProperty, &[writes, SEND_CAPACITY, 0, 0]);
    assert_eq!(get, 65536);
    let queued = h.ok(thread, Call::StreamProperty, &[writes, SEND_QUEUED, 0, 0]);
    assert_eq!(queued, 5000);
    let set = |size| [writes, SEND_CAPACITY, 1, size];
    let small = h.call(thread, Call::StreamProperty, &set(4096));
    assert_eq!(small, Err(Error::Busy));
    assert_eq!(h.ok(thread, Call::StreamProperty, &set(8192)), 8192);
    h.ok(thread, Call::StatusFlags, &[writes, 1, NONBLOCK]);
    let more = h.call(thread, Call::Write, &[writes, BUFFER, 4000]);
    assert_eq!(more, Err(Error::WouldBlock));
    let huge = h.call(thread, Call::StreamProperty, &set(1 << 30));
    assert_eq!(huge, Err(Error::BadArgument));
}
