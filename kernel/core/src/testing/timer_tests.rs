//! Upcalls that queue, timers that raise upcalls, CPU time, and a real-time clock that is set.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use crate::machine::Machine;
use kernel_abi::process::{RAISE_UNLESS_DEFAULT, mask_how, process_property, upcall_flags};
use kernel_abi::system::clock;
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error, Handle};
use std::vec::Vec;

const SELF: u64 = Handle::SELF.0 as u64;
const BLOCK_ALL: u64 = u64::MAX;

fn program() -> (Harness, ThreadId) {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, BLOCK_ALL]);
    (h, thread)
}

/// Takes a pending upcall of any number: it and its three words.
fn take(h: &mut Harness, thread: ThreadId) -> Option<(u64, [u64; 3])> {
    let taken = h
        .call(thread, Call::UpcallTake, &[u64::MAX, BUFFER, 0])
        .ok()?;
    let words = [0, 8, 16].map(|offset| h.peek_word(thread, BUFFER + offset));
    Some((taken, words))
}

#[test]
fn upcalls_that_queue_keep_their_words_and_order_up_to_the_limit() {
    let (mut h, thread) = program();
    let limit = process_property::LIMIT_QUEUED_UPCALLS;
    let (_, owner) = h.process();
    let handle = h.give_process(thread, owner);
    h.ok(owner, Call::ProcessSet, &[handle, limit, 3]);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 50, 1, 2, 3]);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 50, 4, 5, 6]);
    h.ok(thread, Call::UpcallRaise, &[SELF, SELF, 40, 7, 8, 9]);
    let full = h.call(thread, Call::UpcallRaise, &[SELF, 0, 40, 0]);
    assert_eq!(full, Err(Error::WouldBlock));
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 9, 10, 11, 12]);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 9, 0, 0, 0]);
    let taken: Vec<_> = core::iter::from_fn(|| take(&mut h, thread)).collect();
    let expected = [
        (9, [10, 11, 12]),
        (40, [7, 8, 9]),
        (50, [1, 2, 3]),
        (50, [4, 5, 6]),
    ];
    assert_eq!(taken, expected);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 40, 0]);
}

#[test]
fn an_upcall_ignored_by_default_is_kept_only_for_who_blocks_it() {
    let (mut h, thread) = program();
    let raised = 16 | RAISE_UNLESS_DEFAULT;
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, raised, 0]);
    assert_eq!(h.ok(thread, Call::UpcallPending, &[]), 1 << 16);
    h.ok(thread, Call::UpcallDiscard, &[SELF, 1 << 16]);
    assert_eq!(h.ok(thread, Call::UpcallPending, &[]), 0);
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, 0]);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, raised, 0]);
    assert_eq!(h.ok(thread, Call::UpcallPending, &[]), 0);
}

#[test]
fn a_timer_raises_its_upcall_once_and_counts_the_overrun() {
    let (mut h, thread) = program();
    let timer = h.ok(thread, Call::TimerCreate, &[clock::MONOTONIC]);
    h.ok(thread, Call::TimerNotify, &[timer, 0, 13, 77, 5, 6]);
    h.ok(thread, Call::TimerSet, &[timer, 1000, 100, 0]);
    h.advance(1000);
    for _ in 0..3 {
        h.advance(100);
    }
    assert_eq!(take(&mut h, thread), Some((13, [77, 5 | 3 << 32, 6])));
    assert_eq!(take(&mut h, thread), None);
    h.ok(thread, Call::TimerState, &[timer, BUFFER]);
    let words = [0, 8, 16, 24].map(|offset| h.peek_word(thread, BUFFER + offset));
    assert_eq!(words, [1400, 1300, 100, 3]);
    h.advance(100);
    assert_eq!(take(&mut h, thread), Some((13, [77, 5, 6])));
    h.advance(100);
    h.ok(thread, Call::HandleClose, &[timer]);
    assert_eq!(
        take(&mut h, thread),
        Some((13, [77, 5, 6])),
        "raised before"
    );
}

#[test]
fn a_timer_of_cpu_time_expires_when_the_process_has_run_so_long() {
    let (mut h, thread) = program();
    h.kernel.run_on(h.cpu, thread);
    h.schedule(0);
    let timer = h.ok(thread, Call::TimerCreate, &[clock::PROCESS_CPU]);
    let used = h.ok(thread, Call::ClockRead, &[clock::PROCESS_CPU]);
    h.ok(thread, Call::TimerNotify, &[timer, 0, 26, 1, 0, 0]);
    h.ok(thread, Call::TimerSet, &[timer, used + 5_000_000, 0, 0]);
    h.advance(4_000_000);
    h.schedule(0);
    assert_eq!(take(&mut h, thread), None);
    h.advance(2_000_000);
    h.schedule(0);
    assert_eq!(take(&mut h, thread), Some((26, [1, 0, 0])));
    assert_eq!(h.kernel.scheduler.cpu_watches, 0);
}

#[test]
fn what_waits_for_a_real_time_follows_the_clock_when_it_is_set() {
    let (mut h, thread) = program();
    let process = h.owner(thread);
    let sleeper = h.thread(process);
    let timer = h.ok(thread, Call::TimerCreate, &[clock::REALTIME]);
    let relative = h.ok(thread, Call::TimerCreate, &[clock::REALTIME]);
    h.ok(thread, Call::TimerSet, &[timer, 1_000_000, 0, 0]);
    h.ok(thread, Call::TimerSet, &[relative, 1_000_000, 0, 1]);
    h.start(sleeper, Call::SleepUntil, &[clock::REALTIME, 1_000_000]);
    assert!(h.is_blocked(sleeper));
    h.kernel.machine.set_realtime_offset_ns(900_000);
    h.kernel.realtime_changed();
    h.settle();
    assert!(h.is_blocked(sleeper), "not yet");
    h.advance(100_000);
    assert_eq!(h.result(sleeper), Some(Ok(0)));
    assert_eq!(h.ok(thread, Call::Read, &[timer, BUFFER, 8]), 8);
    h.start(thread, Call::Read, &[relative, BUFFER, 8]);
    assert!(h.is_blocked(thread), "a relative time does not move");
}

#[test]
fn a_timer_refuses_flags_that_are_none_and_stays_as_it_was() {
    let (mut h, thread) = program();
    let timer = h.ok(thread, Call::TimerCreate, &[clock::MONOTONIC]);
    h.ok(thread, Call::TimerSet, &[timer, 1_000_000, 0, 0]);
    for flags in [2, 3, 1 << 63, u64::MAX] {
        let refused = h.call(thread, Call::TimerSet, &[timer, u64::MAX, 0, flags]);
        assert_eq!(refused, Err(Error::BadArgument));
    }
    h.advance(2_000_000);
    assert_eq!(h.ok(thread, Call::Read, &[timer, BUFFER, 8]), 8);
}

#[test]
fn a_futex_wait_until_a_real_time_follows_the_clock_when_it_is_set() {
    let (mut h, thread) = program();
    let process = h.owner(thread);
    let others = [h.thread(process), h.thread(process), h.thread(process)];
    let until = 1_000_000;
    h.ok(
        thread,
        Call::FutexLock,
        &[BUFFER + 8, FOREVER, clock::MONOTONIC],
    );
    let waits: [(Call, &[u64]); 3] = [
        (Call::FutexWait, &[BUFFER, 0, until, clock::REALTIME]),
        (Call::FutexLock, &[BUFFER + 8, until, clock::REALTIME]),
        (Call::FutexWait, &[BUFFER, 0, until, clock::MONOTONIC]),
    ];
    for (other, (call, arguments)) in others.into_iter().zip(waits) {
        h.start(other, call, arguments);
    }
    h.kernel.machine.set_realtime_offset_ns(900_000);
    h.kernel.realtime_changed();
    h.settle();
    assert!(others.iter().all(|&other| h.is_blocked(other)), "not yet");
    h.advance(100_000);
    assert_eq!(h.result(others[0]), Some(Err(Error::TimedOut)));
    assert_eq!(h.result(others[1]), Some(Err(Error::TimedOut)));
    assert!(h.is_blocked(others[2]), "a time since boot does not move");
    h.kernel.machine.set_realtime_offset_ns(0);
    h.start(others[0], waits[0].0, waits[0].1);
    h.advance(800_000);
    assert!(h.is_blocked(others[0]), "set back, it comes later");
    let unknown = h.call(
        thread,
        Call::FutexWait,
        &[BUFFER, 0, until, clock::THREAD_CPU],
    );
    assert_eq!(unknown, Err(Error::BadArgument));
}

#[test]
fn who_waits_for_an_upcall_takes_it_though_it_has_a_handler() {
    let (mut h, thread) = program();
    let process = h.owner(thread);
    let other = h.thread(process);
    h.ok(other, Call::UpcallMask, &[mask_how::SET, BLOCK_ALL]);
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, 0]);
    let entry = process_property::UPCALL_ENTRY;
    h.ok(thread, Call::ProcessSet, &[SELF, entry, 0x50_0000]);
    h.poke_words(thread, BUFFER, &[upcall_flags::CAUGHT, 0]);
    h.ok(thread, Call::UpcallAction, &[9, BUFFER, 0]);
    h.start(thread, Call::UpcallTake, &[1 << 9, BUFFER, FOREVER]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::UpcallRaise, &[SELF, 0, 9, 5, 0, 0]);
    h.settle();
    assert_eq!(h.result(thread), Some(Ok(9)));
    assert_eq!(h.ok(thread, Call::UpcallMask, &[mask_how::READ, 0]), 0);
}
