//! Handles, events, timers, waits, wait sets, futexes, cursors, devices.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::system::{clock, control};
use kernel_abi::wait::{FOREVER, NOW, wait_flags};
use kernel_abi::{Call, Error, Handle, Rights};

const ALL: u64 = u32::MAX as u64;
const NONE: u64 = Handle::NONE.0 as u64;
const USER: u64 = 1 << 16;

fn item(h: &mut Harness, thread: ThreadId, handle: u64, signals: u64) {
    h.poke_words(thread, BUFFER, &[handle | signals << 32, 0]);
}

fn wait_set(h: &mut Harness, thread: ThreadId, flags: u64) -> (u64, u64) {
    let event = h.ok(thread, Call::EventCreate, &[0]);
    let set = h.ok(thread, Call::WaitSetCreate, &[]);
    h.ok(thread, Call::WaitSetChange, &[set, event, USER, 77, flags]);
    (event, set)
}

#[test]
fn descriptors_are_given_lowest_first_and_exact_ones_replace() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let event = h.ok(thread, Call::EventCreate, &[0]);
    for expected in 0..3 {
        assert_eq!(
            h.ok(thread, Call::HandleDuplicate, &[event, 0, ALL, 0]),
            expected
        );
    }
    h.ok(thread, Call::HandleClose, &[1]);
    assert_eq!(h.ok(thread, Call::HandleDuplicate, &[event, 0, ALL, 0]), 1);
    assert_eq!(
        h.ok(thread, Call::HandleDuplicate, &[event, 10, ALL, 0]),
        10
    );
    assert_eq!(
        h.ok(
            thread,
            Call::HandleDuplicate,
            &[event, 2, ALL, handle_flags::EXACT]
        ),
        2
    );
    assert_eq!(h.kernel.events.len(), 1);
    let far = h.call(
        thread,
        Call::HandleDuplicate,
        &[event, 4096, ALL, handle_flags::EXACT],
    );
    assert_eq!(far, Err(Error::BadHandle), "beyond the limit");
}

#[test]
fn rights_only_shrink() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let event = h.ok(thread, Call::EventCreate, &[0]);
    let weak = Rights::DUPLICATE.0.into();
    let copy = h.ok(thread, Call::HandleDuplicate, &[event, 0, weak, 0]);
    assert_eq!(
        h.call(thread, Call::EventSignal, &[copy, 0, 1]),
        Err(Error::AccessDenied)
    );
    let again = h.ok(thread, Call::HandleDuplicate, &[copy, 0, ALL, 0]);
    assert_eq!(
        h.call(thread, Call::EventSignal, &[again, 0, 1]),
        Err(Error::AccessDenied)
    );
}

#[test]
fn a_full_table_refuses_and_loses_nothing() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    h.kernel
        .processes
        .get_mut(process)
        .expect("process")
        .handles
        .limit = 2;
    let event = h.ok(thread, Call::EventCreate, &[0]);
    h.ok(thread, Call::HandleDuplicate, &[event, 0, ALL, 0]);
    h.ok(thread, Call::HandleDuplicate, &[event, 0, ALL, 0]);
    let third = h.call(thread, Call::HandleDuplicate, &[event, 0, ALL, 0]);
    assert_eq!(third, Err(Error::TableFull));
}

#[test]
fn a_wait_reports_what_is_raised_and_otherwise_blocks() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let event = h.ok(thread, Call::EventCreate, &[0]);
    item(&mut h, thread, event, USER);
    assert_eq!(h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]), 0);
    h.start(thread, Call::Wait, &[BUFFER, 1, FOREVER, 0]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::EventSignal, &[event, 0, USER]);
    assert_eq!(h.result(thread), Some(Ok(1)));
    assert_eq!(h.peek_word(thread, BUFFER + 8), USER);
}

#[test]
fn a_wait_ends_at_its_deadline_and_reports_bad_handles() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let event = h.ok(thread, Call::EventCreate, &[0]);
    item(&mut h, thread, event, USER);
    h.start(thread, Call::Wait, &[BUFFER, 1, 5000, 0]);
    assert!(h.is_blocked(thread));
    h.advance(4999);
    assert!(h.is_blocked(thread));
    h.advance(1);
    assert_eq!(h.result(thread), Some(Ok(0)));
    item(&mut h, thread, 500, USER);
    assert_eq!(h.ok(thread, Call::Wait, &[BUFFER, 1, FOREVER, 0]), 1);
    assert_eq!(
        h.peek_word(thread, BUFFER + 8) >> 32,
        Error::BadHandle as u64
    );
}

#[test]
fn a_level_triggered_item_is_reported_as_long_as_it_is_raised() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (event, set) = wait_set(&mut h, thread, 0);
    assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 0);
    h.ok(thread, Call::EventSignal, &[event, 0, USER]);
    for _ in 0..3 {
        assert_eq!(
            h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, FOREVER]),
            1
        );
        assert_eq!(h.peek_word(thread, BUFFER), 77);
    }
    h.ok(thread, Call::EventSignal, &[event, USER, 0]);
    assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 0);
}

#[test]
fn an_edge_triggered_item_is_reported_once_for_each_raise() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (event, set) = wait_set(&mut h, thread, wait_flags::EDGE);
    for _ in 0..2 {
        h.ok(thread, Call::EventSignal, &[event, 0, USER]);
        assert_eq!(
            h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, FOREVER]),
            1
        );
        assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 0);
    }
}

#[test]
fn a_one_shot_item_is_reported_once_until_it_is_changed() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (event, set) = wait_set(&mut h, thread, wait_flags::ONE_SHOT);
    h.ok(thread, Call::EventSignal, &[event, 0, USER]);
    assert_eq!(
        h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, FOREVER]),
        1
    );
    h.ok(thread, Call::EventSignal, &[event, 0, USER]);
    assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 0);
    let flags = wait_flags::ONE_SHOT;
    h.ok(thread, Call::WaitSetChange, &[set, event, USER, 78, flags]);
    assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 1);
    assert_eq!(h.peek_word(thread, BUFFER), 78);
}

#[test]
fn a_closed_object_leaves_its_wait_set() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let (event, set) = wait_set(&mut h, thread, 0);
    h.ok(thread, Call::EventSignal, &[event, 0, USER]);
    h.ok(thread, Call::HandleClose, &[event]);
    assert_eq!(h.ok(thread, Call::WaitSetWait, &[set, BUFFER, 8, NOW]), 0);
}

#[test]
fn a_timer_counts_its_expiries() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let timer = h.ok(thread, Call::TimerCreate, &[clock::MONOTONIC]);
    h.ok(thread, Call::TimerSet, &[timer, 1000, 100]);
    h.start(thread, Call::Read, &[timer, BUFFER, 8]);
    assert!(h.is_blocked(thread));
    h.advance(1000);
    assert_eq!(h.result(thread), Some(Ok(8)));
    assert_eq!(h.peek_word(thread, BUFFER), 1);
    h.advance(350);
    assert_eq!(h.ok(thread, Call::Read, &[timer, BUFFER, 8]), 8);
    assert_eq!(h.peek_word(thread, BUFFER), 3);
    h.ok(thread, Call::TimerSet, &[timer, u64::MAX, 0]);
    assert_eq!(h.kernel.timer_queue.len(), 0);
}

#[test]
fn a_futex_waits_only_while_the_word_is_as_expected() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    h.poke(thread, BUFFER, &5u32.to_le_bytes());
    let refused = h.call(thread, Call::FutexWait, &[BUFFER, 4, FOREVER]);
    assert_eq!(refused, Err(Error::WouldBlock));
    h.start(thread, Call::FutexWait, &[BUFFER, 5, FOREVER]);
    assert!(h.is_blocked(thread));
    assert_eq!(h.ok(other, Call::FutexWake, &[BUFFER + 4, 1]), 0);
    assert_eq!(h.ok(other, Call::FutexWake, &[BUFFER, 1]), 1);
    assert_eq!(h.result(thread), Some(Ok(0)));
    h.start(thread, Call::FutexWait, &[BUFFER, 5, 100]);
    h.advance(100);
    assert_eq!(h.result(thread), Some(Err(Error::TimedOut)));
}

#[test]
fn futex_waiters_are_moved_to_another_word() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let waiters = [h.thread(process), h.thread(process), h.thread(process)];
    for waiter in waiters {
        h.start(waiter, Call::FutexWait, &[BUFFER, 0, FOREVER]);
    }
    let done = h.ok(thread, Call::FutexRequeue, &[BUFFER, 1, 5, BUFFER + 8, 0]);
    assert_eq!(done, 3);
    assert_eq!(h.ok(thread, Call::FutexWake, &[BUFFER, 5]), 0);
    assert_eq!(h.ok(thread, Call::FutexWake, &[BUFFER + 8, 5]), 2);
}

#[test]
fn a_cursor_reads_and_writes_within_the_content_and_moves() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let memory = h.ok(thread, Call::MemoryCreate, &[8192, 0]);
    let rights = u64::from(Rights::READ.or(Rights::WRITE).0);
    let cursor = h.ok(thread, Call::CursorCreate, &[memory, rights]);
    h.poke(thread, BUFFER, b"abcdef");
    assert_eq!(h.ok(thread, Call::Write, &[cursor, BUFFER, 6]), 6);
    assert_eq!(h.ok(thread, Call::Seek, &[cursor, 2, 0]), 2);
    assert_eq!(h.ok(thread, Call::Read, &[cursor, BUFFER + 100, 3]), 3);
    assert_eq!(h.peek(thread, BUFFER + 100, 3), b"cde");
    assert_eq!(h.ok(thread, Call::Seek, &[cursor, 0, 1]), 5);
    assert_eq!(h.ok(thread, Call::ReadAt, &[cursor, BUFFER + 100, 1, 0]), 1);
    assert_eq!(
        h.ok(thread, Call::Seek, &[cursor, 0, 1]),
        5,
        "ReadAt moves nothing"
    );
    h.ok(thread, Call::MemorySetLength, &[memory, 6]);
    assert_eq!(
        h.ok(thread, Call::Read, &[cursor, BUFFER, 100]),
        1,
        "up to the end"
    );
    assert_eq!(h.ok(thread, Call::Read, &[cursor, BUFFER, 100]), 0);
    assert_eq!(
        h.call(thread, Call::Write, &[cursor, BUFFER, 1]),
        Err(Error::TooLong)
    );
    let before = (-7i64) as u64;
    assert_eq!(
        h.call(thread, Call::Seek, &[cursor, before, 2]),
        Err(Error::BadArgument)
    );
}

#[test]
fn a_write_that_grows_a_file_goes_to_its_server() {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (_, client) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let memory = h.ok(server, Call::MemoryCreate, &[8192, 0]);
    h.ok(server, Call::MemorySetLength, &[memory, 4]);
    let rights = u64::from(Rights::READ.or(Rights::WRITE).0);
    let cursor = h.ok(server, Call::CursorCreate, &[memory, rights]);
    let append = u64::from(status_flags::APPEND);
    let mine = h.ok(server, Call::SessionCreate, &[endpoint, 1, cursor, append]);
    assert_eq!(
        h.call(server, Call::HandleClose, &[cursor]),
        Err(Error::BadHandle),
        "moved"
    );
    let file = h.give(server, mine, client);
    h.receive(server, endpoint, BUFFER);
    h.start(client, Call::Write, &[file, BUFFER, 3]);
    assert_eq!(h.words(server)[..3], [2, u64::MAX, 3]);
    let token = h.registers(server).rdi;
    h.ok(server, Call::MemorySetLength, &[memory, 7]);
    h.reply(server, token, &[3, 7, 0, 0, 0, 0]);
    assert_eq!(h.result(client), Some(Ok(3)));
    assert_eq!(h.ok(client, Call::Seek, &[file, 0, 1]), 7);
    assert_eq!(h.ok(client, Call::ReadAt, &[file, BUFFER, 100, 0]), 7);
}

#[test]
fn vectors_are_read_and_written_as_one() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let memory = h.ok(thread, Call::MemoryCreate, &[4096, 0]);
    let rights = u64::from(Rights::READ.or(Rights::WRITE).0);
    let cursor = h.ok(thread, Call::CursorCreate, &[memory, rights]);
    h.poke(thread, BUFFER, b"abcdef");
    h.poke_words(thread, BUFFER + 0x100, &[BUFFER + 3, 3, 0, 0, BUFFER, 3]);
    assert_eq!(
        h.ok(thread, Call::WriteVector, &[cursor, BUFFER + 0x100, 3]),
        6
    );
    assert_eq!(h.ok(thread, Call::ReadAt, &[cursor, BUFFER, 6, 0]), 6);
    assert_eq!(h.peek(thread, BUFFER, 6), b"defabc");
    let long = h.call(thread, Call::ReadVector, &[cursor, BUFFER, 5000]);
    assert_eq!(long, Err(Error::BadArgument));
}

#[test]
fn polling_a_session_sees_its_data_object() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let endpoint = h.ok(thread, Call::EndpointCreate, &[]);
    h.ok(thread, Call::StreamCreate, &[0, 4096, BUFFER, 0]);
    let session = h.ok(thread, Call::SessionCreate, &[endpoint, 1, 0, 0]);
    item(&mut h, thread, session, 1);
    assert_eq!(h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]), 0);
    h.ok(thread, Call::Write, &[1, BUFFER, 1]);
    assert_eq!(h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]), 1);
    h.ok(thread, Call::SessionAttach, &[endpoint, 1, NONE]);
    assert_eq!(h.kernel.streams.len(), 1);
    assert_eq!(
        h.call(thread, Call::Write, &[1, BUFFER, 1]),
        Err(Error::PeerClosed)
    );
}

#[test]
fn an_interrupt_is_readable_until_acknowledged() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let resource = crate::object::Object::Resource;
    let resource = h
        .kernel
        .place_new(process, resource, Rights::ALL)
        .expect("resource");
    h.poke_words(thread, BUFFER, &[4, 0, 0]);
    let interrupt = h.ok(thread, Call::InterruptCreate, &[resource, BUFFER]);
    assert_eq!(h.peek_word(thread, BUFFER + 8), 0xfee0_0000);
    item(&mut h, thread, interrupt, 1);
    h.start(thread, Call::Wait, &[BUFFER, 1, FOREVER, 0]);
    h.kernel.interrupt(h.cpu, 0);
    h.kernel.schedule(h.cpu);
    h.settle();
    assert_eq!(h.result(thread), Some(Ok(1)));
    h.ok(thread, Call::InterruptAcknowledge, &[interrupt]);
    assert_eq!(h.ok(thread, Call::Wait, &[BUFFER, 1, NOW, 0]), 0);
    assert!(!h.kernel.machine.interrupts[&0], "unmasked");
    h.ok(thread, Call::HandleClose, &[interrupt]);
    assert!(h.kernel.machine.interrupts.is_empty());
}

#[test]
fn ports_are_reached_within_their_range_only() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let resource = crate::object::Object::Resource;
    let resource = h
        .kernel
        .place_new(process, resource, Rights::ALL)
        .expect("resource");
    let ports = h.ok(thread, Call::PortsCreate, &[resource, 0x3f8, 8]);
    h.ok(thread, Call::PortWrite, &[ports, 7, 1, 0x5a]);
    assert_eq!(h.ok(thread, Call::PortRead, &[ports, 7, 1]), 0x5a);
    for (offset, width) in [(8, 1), (7, 2), (0, 3), (u64::MAX, 1)] {
        let refused = h.call(thread, Call::PortRead, &[ports, offset, width]);
        assert_eq!(refused, Err(Error::BadArgument));
    }
    let refused = h.call(thread, Call::PortsCreate, &[ports, 0, 1]);
    assert_eq!(refused, Err(Error::WrongKind));
    h.poke(thread, BUFFER, b"test");
    let arguments = [resource, control::HAS_OPTION, BUFFER, 4];
    assert_eq!(h.ok(thread, Call::SystemControl, &arguments), 1);
}

#[test]
fn unknown_calls_are_unsupported() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let registers = h.registers(thread);
    registers.rax = 39;
    h.trap(thread);
    assert_eq!(h.result(thread), Some(Err(Error::Unsupported)));
}

#[test]
fn every_call_of_the_table_leads_to_an_operation() {
    for &(call, name, _) in Call::TABLE {
        let mut h = Harness::new();
        let (process, thread) = h.process();
        h.kernel.run_on(h.cpu, thread);
        let request = crate::system_call::Request {
            cpu: h.cpu,
            thread,
            process,
            arguments: [0; 6],
        };
        let result = h.kernel.dispatch(call, &request);
        let unknown = Err(crate::thread::Stop::Error(Error::Unsupported));
        assert_ne!(result, unknown, "{name}");
    }
}

#[test]
fn a_void_takes_everything_and_reads_as_its_end_or_as_zeros() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    for (zeros, expected) in [(0, (0, [7; 8])), (1, (8, [0; 8]))] {
        let void = h.ok(thread, Call::VoidCreate, &[zeros]);
        assert_eq!(
            h.call(thread, Call::Write, &[void, BUFFER, 100_000]),
            Ok(100_000)
        );
        h.poke(thread, BUFFER, &[7; 8]);
        let count = h.ok(thread, Call::Read, &[void, BUFFER, 8]);
        let mut bytes = [0; 8];
        h.kernel
            .read_user(thread, BUFFER, &mut bytes)
            .expect("read");
        assert_eq!((count, bytes), expected);
        assert_eq!(h.call(thread, Call::Seek, &[void, 5, 0]), Ok(0));
    }
    // Long ones are read in steps, and beyond the memory not at all.
    let zeros = h.ok(thread, Call::VoidCreate, &[1]);
    let length = super::BUFFER_SIZE;
    assert_eq!(
        h.call(thread, Call::Read, &[zeros, BUFFER, length]),
        Ok(length)
    );
    let refused = h.call(thread, Call::Read, &[zeros, 1 << 40, 8]);
    assert_eq!(refused, Err(Error::BadAddress));
}
