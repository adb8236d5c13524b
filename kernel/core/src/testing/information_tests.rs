//! What a process server learns of the processes that it manages.

use super::{BUFFER, Harness};
use kernel_abi::process::{ThreadInfo, priority, process_property, thread_property, thread_state};
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error};
use std::mem::offset_of;

#[test]
fn the_descriptors_of_another_process_are_found_one_after_the_other() {
    let mut h = Harness::new();
    let (_, manager) = h.process();
    let (_, other) = h.process();
    let process = h.give_process(other, manager);
    assert_eq!(
        h.call(manager, Call::HandleNext, &[process, 0]),
        Err(Error::NotFound)
    );
    let event = h.ok(other, Call::EventCreate, &[0]);
    let copy = h.ok(other, Call::HandleDuplicate, &[event, 7, 0x3ff, 0]);
    assert_eq!(copy, 7);
    assert_eq!(h.ok(manager, Call::HandleNext, &[process, 0]), 7);
    assert_eq!(h.ok(manager, Call::HandleNext, &[process, 7]), 7);
    assert_eq!(h.ok(manager, Call::HandleNext, &[process, 8]), event);
}

#[test]
fn a_session_tells_its_endpoint_and_another_object_none() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let endpoint = h.ok(thread, Call::EndpointCreate, &[]);
    let session = h.ok(
        thread,
        Call::SessionCreate,
        &[endpoint, 5, u64::from(u32::MAX - 1), 0],
    );
    h.ok(thread, Call::HandleInfo, &[endpoint, BUFFER]);
    let number = h.peek_word(thread, BUFFER + 8);
    assert_eq!(h.peek_word(thread, BUFFER + 32), 0);
    h.ok(thread, Call::HandleInfo, &[session, BUFFER]);
    assert_eq!(h.peek_word(thread, BUFFER + 32), number);
}

#[test]
fn a_thread_is_described_with_what_it_waits_for_and_its_registers() {
    let mut h = Harness::new();
    let (_, manager) = h.process();
    let (_, other) = h.process();
    let process = h.give_process(other, manager);
    h.registers(other).rbx = 0x1234;
    h.start(other, Call::SleepUntil, &[0, FOREVER]);
    h.settle();
    h.ok(manager, Call::ThreadInfo, &[process, 0, BUFFER]);
    let mut word = |offset: usize| h.peek_word(manager, BUFFER + offset as u64);
    assert_eq!(word(offset_of!(ThreadInfo, number)), 1);
    assert_eq!(
        word(offset_of!(ThreadInfo, state)) as u32,
        thread_state::WAIT_TIME
    );
    assert_eq!(word(offset_of!(ThreadInfo, registers) + 8), 0x1234);
    assert_eq!(
        h.call(manager, Call::ThreadInfo, &[process, 2, BUFFER]),
        Err(Error::NotFound)
    );
}

#[test]
fn only_what_is_there_is_read_of_another_process_if_so_asked() {
    let mut h = Harness::new();
    let (_, manager) = h.process();
    let (_, other) = h.process();
    let process = h.give_process(other, manager);
    let present = kernel_abi::process::READ_PRESENT;
    h.poke(other, BUFFER, b"there");
    let read = |h: &mut Harness, address, length| {
        h.call(
            manager,
            Call::ProcessRead,
            &[process, address, BUFFER, length, present],
        )
    };
    assert_eq!(read(&mut h, BUFFER, 5), Ok(5));
    assert_eq!(h.peek(manager, BUFFER, 5), b"there");
    assert_eq!(read(&mut h, 0x7000_0000_0000, 5), Err(Error::NotFound));
}

#[test]
fn a_supervised_process_changes_no_limit_of_its_own() {
    let mut h = Harness::new();
    let (_, manager) = h.process();
    let (_, other) = h.process();
    let process = h.give_process(other, manager);
    let endpoint = h.ok(manager, Call::EndpointCreate, &[]);
    h.ok(manager, Call::ProcessSupervise, &[process, endpoint, 1]);
    let own = u64::from(kernel_abi::Handle::SELF.0);
    for property in [process_property::LIMIT_FILE, process_property::PRIORITY] {
        let set = h.call(other, Call::ProcessSet, &[own, property, 1]);
        assert_eq!(set, Err(Error::AccessDenied));
    }
    h.ok(
        other,
        Call::ProcessSet,
        &[own, process_property::UPCALL_ENTRY, 0x1000],
    );
    h.ok(
        manager,
        Call::ProcessSet,
        &[process, process_property::LIMIT_FILE, 1],
    );
}

#[test]
fn a_thread_takes_no_more_priority_than_its_process_may() {
    let mut h = Harness::new();
    let (_, manager) = h.process();
    let (_, other) = h.process();
    let process = h.give_process(other, manager);
    h.ok(
        manager,
        Call::ProcessSet,
        &[process, process_property::LIMIT_REAL_TIME, 5],
    );
    h.ok(
        manager,
        Call::ProcessSet,
        &[process, process_property::PRIORITY, 25],
    );
    let priority_of = thread_property::PRIORITY;
    let mut set = |priority| h.call(other, Call::ThreadSet, &[0, priority_of, priority]);
    assert_eq!(set(priority::FIFO | 6), Err(Error::AccessDenied));
    assert_eq!(set(priority::FIFO | 5), Ok(0));
    assert_eq!(set(priority::FAIR | 10), Ok(0));
    assert_eq!(h.ok(other, Call::ThreadGet, &[0, priority_of]), 25);
}

#[test]
fn a_process_that_has_had_all_its_cpu_time_is_killed() {
    let mut h = Harness::new();
    let (id, thread) = h.process();
    let (_, owner) = h.process();
    let handle = h.give_process(thread, owner);
    for (limit, time_ns) in [
        (process_property::LIMIT_CPU_NS, 1_000_000),
        (process_property::LIMIT_CPU_END_NS, 3_000_000),
    ] {
        h.ok(owner, Call::ProcessSet, &[handle, limit, time_ns]);
    }
    h.ok(thread, Call::UpcallMask, &[2, u64::MAX]);
    h.start(owner, Call::UpcallSuspend, &[0]);
    h.kernel.run_on(h.cpu, thread);
    h.advance(2_000_000);
    assert_eq!(h.ok(thread, Call::UpcallPending, &[]), 1 << 23);
    for _ in 0..4 {
        h.advance(2_000_000);
    }
    let ended = h
        .kernel
        .processes
        .get(id)
        .map(|process| process.exit_status);
    assert!(
        ended.is_none_or(|status| status == 1 << 31 | 9),
        "{ended:?}"
    );
}
