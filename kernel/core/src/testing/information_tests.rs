//! What a process server learns of the processes that it manages.

use super::{BUFFER, Harness};
use kernel_abi::process::{ThreadInfo, thread_state};
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
