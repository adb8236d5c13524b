//! Lock words that name their owner: priority inheritance, robust lists.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::process::{lock_word, priority, thread_property};
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error};

const LOCK: u64 = BUFFER;
const LIST: u64 = BUFFER + 64;
const ENTRY: u64 = BUFFER + 128;

fn name(h: &mut Harness, thread: ThreadId) -> u32 {
    h.ok(thread, Call::ThreadGet, &[0, thread_property::LOCK_OWNER]) as u32
}

fn word(h: &mut Harness, thread: ThreadId, address: u64) -> u32 {
    h.peek_word(thread, address) as u32
}

fn urgent(h: &mut Harness, thread: ThreadId, level: u64) {
    let value = priority::FIFO | level;
    h.ok(
        thread,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, value],
    );
}

fn effective(h: &Harness, thread: ThreadId) -> u64 {
    h.kernel
        .threads
        .get(thread)
        .expect("thread")
        .effective
        .raw()
}

#[test]
fn a_free_lock_word_is_taken_and_let_go() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let own = name(&mut h, thread);
    assert_eq!(h.ok(thread, Call::FutexLock, &[LOCK, FOREVER]), 0);
    assert_eq!(word(&mut h, thread, LOCK), own);
    let again = h.call(thread, Call::FutexLock, &[LOCK, FOREVER]);
    assert_eq!(again, Err(Error::BadState), "its own");
    assert_eq!(h.ok(thread, Call::FutexUnlock, &[LOCK, 0]), 0);
    assert_eq!(word(&mut h, thread, LOCK), 0);
    let twice = h.call(thread, Call::FutexUnlock, &[LOCK, 0]);
    assert_eq!(twice, Err(Error::NotPermitted));
}

#[test]
fn the_owner_of_a_lock_runs_with_the_priority_of_its_most_urgent_waiter() {
    let mut h = Harness::new();
    let (process, owner) = h.process();
    let (low, high) = (h.thread(process), h.thread(process));
    urgent(&mut h, low, 10);
    urgent(&mut h, high, 50);
    h.ok(owner, Call::FutexLock, &[LOCK, FOREVER]);
    h.start(low, Call::FutexLock, &[LOCK, FOREVER]);
    assert_eq!(effective(&h, owner), priority::FIFO | 10);
    h.start(high, Call::FutexLock, &[LOCK, 1000]);
    assert_eq!(effective(&h, owner), priority::FIFO | 50);
    h.advance(1000);
    assert_eq!(h.result(high), Some(Err(Error::TimedOut)));
    assert_eq!(
        effective(&h, owner),
        priority::FIFO | 10,
        "it lends no more"
    );
    h.start(high, Call::FutexLock, &[LOCK, FOREVER]);
    h.ok(owner, Call::FutexUnlock, &[LOCK, 0]);
    assert_eq!(effective(&h, owner), priority::NORMAL);
    assert_eq!(h.result(high), Some(Ok(0)), "the most urgent waiter first");
    let expected = name(&mut h, high) | lock_word::WAITERS;
    assert_eq!(word(&mut h, high, LOCK), expected);
    assert!(h.is_blocked(low));
    h.ok(high, Call::FutexUnlock, &[LOCK, 0]);
    assert_eq!(h.result(low), Some(Ok(0)));
    let expected = name(&mut h, low);
    assert_eq!(word(&mut h, low, LOCK), expected);
}

#[test]
fn priority_is_lent_along_a_chain_of_owners() {
    let mut h = Harness::new();
    let (process, first) = h.process();
    let (second, third) = (h.thread(process), h.thread(process));
    h.ok(first, Call::FutexLock, &[LOCK, FOREVER]);
    h.ok(second, Call::FutexLock, &[LOCK + 4, FOREVER]);
    h.start(second, Call::FutexLock, &[LOCK, FOREVER]);
    urgent(&mut h, third, 30);
    h.start(third, Call::FutexLock, &[LOCK + 4, FOREVER]);
    assert_eq!(effective(&h, second), priority::FIFO | 30);
    assert_eq!(effective(&h, first), priority::FIFO | 30);
}

#[test]
fn a_lock_whose_owner_ends_goes_to_a_waiter_marked() {
    let mut h = Harness::new();
    let (process, owner) = h.process();
    let (first, second) = (h.thread(process), h.thread(process));
    h.ok(owner, Call::FutexLock, &[LOCK, FOREVER]);
    h.start(first, Call::FutexLock, &[LOCK, FOREVER]);
    h.start(second, Call::FutexLock, &[LOCK, FOREVER]);
    h.start(owner, Call::ThreadExit, &[0]);
    assert_eq!(h.result(first), Some(Ok(0)));
    let marks = lock_word::OWNER_DIED | lock_word::WAITERS;
    let expected = name(&mut h, first) | marks;
    assert_eq!(word(&mut h, first, LOCK), expected);
    let unrecoverable = u64::from(lock_word::UNRECOVERABLE);
    h.ok(first, Call::FutexUnlock, &[LOCK, unrecoverable]);
    assert_eq!(h.result(second), Some(Err(Error::BadState)));
    let later = h.call(first, Call::FutexLock, &[LOCK, FOREVER]);
    assert_eq!(later, Err(Error::BadState));
}

#[test]
fn a_robust_lock_is_marked_when_its_owner_ends_and_others_are_not() {
    let mut h = Harness::new();
    let (process, owner) = h.process();
    let other = h.thread(process);
    let own = name(&mut h, owner);
    let (held, foreign) = (ENTRY + 24, ENTRY + 64 + 24);
    for (place, value) in [
        (LIST, ENTRY),
        (LIST + 8, 24),
        (LIST + 16, 0),
        (ENTRY, ENTRY + 64),
        (ENTRY + 64, 0),
        (held, u64::from(own | lock_word::WAITERS)),
        (foreign, u64::from(own + 1)),
    ] {
        h.poke(owner, place, &value.to_le_bytes());
    }
    h.ok(
        owner,
        Call::ThreadSet,
        &[0, thread_property::ROBUST_LIST, LIST],
    );
    let expected = u64::from(own | lock_word::WAITERS);
    h.start(other, Call::FutexWait, &[held, expected, FOREVER]);
    h.start(owner, Call::ThreadExit, &[0]);
    assert_eq!(h.result(other), Some(Ok(0)), "a waiter is woken");
    let marks = lock_word::OWNER_DIED | lock_word::WAITERS;
    assert_eq!(word(&mut h, other, held), marks);
    assert_eq!(word(&mut h, other, foreign), own + 1);
}

#[test]
fn a_robust_list_in_a_circle_or_nowhere_ends_with_its_thread() {
    let mut h = Harness::new();
    let (process, owner) = h.process();
    let other = h.thread(process);
    for (place, value) in [(LIST, ENTRY), (LIST + 8, 24), (ENTRY, ENTRY)] {
        h.poke(owner, place, &value.to_le_bytes());
    }
    h.ok(
        owner,
        Call::ThreadSet,
        &[0, thread_property::ROBUST_LIST, LIST],
    );
    h.start(owner, Call::ThreadExit, &[0]);
    h.ok(
        other,
        Call::ThreadSet,
        &[0, thread_property::ROBUST_LIST, 8],
    );
    let foreign = h.thread(process);
    let refused = h.call(
        other,
        Call::ThreadSet,
        &[3, thread_property::ROBUST_LIST, LIST],
    );
    assert_eq!(refused, Err(Error::BadArgument), "only its own");
    h.start(other, Call::ThreadExit, &[0]);
    assert_eq!(h.ok(foreign, Call::ThreadNumber, &[]), 3);
}

#[test]
fn an_urgent_thread_is_woken_from_a_futex_first() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let waiters = [0, 5, 20, 10, 0, 20].map(|level| {
        let waiter = h.thread(process);
        if level != 0 {
            urgent(&mut h, waiter, level);
        }
        h.start(waiter, Call::FutexWait, &[BUFFER, 0, FOREVER]);
        waiter
    });
    let expected = [2, 5, 3, 1, 0, 4];
    for (count, &index) in expected.iter().enumerate() {
        assert_eq!(h.ok(thread, Call::FutexWake, &[BUFFER, 1]), 1);
        assert!(!h.is_blocked(waiters[index]), "waiter {index}");
        for &later in &expected[count + 1..] {
            assert!(h.is_blocked(waiters[later]), "waiter {later}");
        }
    }
}
