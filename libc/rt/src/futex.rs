//! Waiting on a word of memory.

use crate::cancel;
use core::sync::atomic::AtomicU32;
use kernel_abi::system::clock;
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error};
use kernel_stubs::raw;

/// When a wait ends that nothing else ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// [`kernel_abi::system::clock`].
    clock: u64,
    at_ns: u64,
}

impl Deadline {
    /// Never.
    pub const NEVER: Deadline = Deadline::monotonic(FOREVER);

    /// At a time since boot.
    pub const fn monotonic(at_ns: u64) -> Deadline {
        Deadline {
            clock: clock::MONOTONIC,
            at_ns,
        }
    }

    /// At a time of the real-time clock, whenever it shows that.
    pub const fn realtime(at_ns: u64) -> Deadline {
        Deadline {
            clock: clock::REALTIME,
            at_ns,
        }
    }
}

/// Waits while `word` equals `expected`, until woken or until the deadline.
pub fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> Result<(), Error> {
    // SAFETY: the word outlives the call; the kernel only reads it.
    unsafe { wait_at(word.as_ptr(), expected, deadline) }
}

/// As [`wait`], for a wait that is no cancellation point.
pub fn wait_uncancelled(word: &AtomicU32, expected: u32, deadline: Deadline) -> Result<(), Error> {
    uncancelled(|| wait(word, expected, deadline))
}

/// Carries a wait out that is no cancellation point: one that a cancellation has interrupted goes
/// on, and the next wait is interrupted instead. Perhaps the thread has looked for a cancellation
/// already and is about to begin that.
fn uncancelled(wait: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
    let result = wait();
    if result != Err(Error::Interrupted) || !cancel::is_being_cancelled() {
        return result;
    }
    cancel::interrupt_next_wait(false);
    let result = wait();
    cancel::interrupt_next_wait(true);
    result
}

/// As [`wait`], for a word that is known by its address.
///
/// # Safety
/// `address` must be readable; a bad one is refused by the kernel, so nothing worse than a
/// spurious wait can come of memory that others reuse.
pub unsafe fn wait_at(address: *const u32, expected: u32, deadline: Deadline) -> Result<(), Error> {
    // SAFETY: the kernel checks the address and only reads it.
    unsafe {
        raw::call4(
            Call::FutexWait,
            address as u64,
            expected as u64,
            deadline.at_ns,
            deadline.clock,
        )
    }
    .map(|_| ())
}

/// Wakes up to `count` waiters of `word` and returns how many there were.
pub fn wake(word: &AtomicU32, count: u32) -> u32 {
    wake_at(word.as_ptr(), count)
}

/// As [`wake`], by address: the word itself is not touched, so it may be gone already.
pub fn wake_at(address: *const u32, count: u32) -> u32 {
    // SAFETY: the address is only a key to the queue of waiters.
    unsafe { raw::call2(Call::FutexWake, address as u64, count as u64) }.unwrap_or(0) as u32
}

/// Wakes `wake_count` waiters of `word` and moves up to `move_count` others to `target`, provided
/// that `word` still equals `expected`.
pub fn requeue(
    word: &AtomicU32,
    wake_count: u32,
    move_count: u32,
    target: &AtomicU32,
    expected: u32,
) -> Result<u64, Error> {
    // SAFETY: the kernel reads `word`; `target` is only a key.
    unsafe {
        raw::call5(
            Call::FutexRequeue,
            word.as_ptr() as u64,
            wake_count as u64,
            move_count as u64,
            target.as_ptr() as u64,
            expected as u64,
        )
    }
}

/// Takes a lock word that names its owner (`kernel_abi::process::lock_word`), waiting until the
/// deadline and lending the owner the caller's priority.
pub fn lock(word: &AtomicU32, deadline: Deadline) -> Result<(), Error> {
    let address = word.as_ptr() as u64;
    let lock = || {
        // SAFETY: the word outlives the call; the kernel changes it atomically.
        unsafe { raw::call3(Call::FutexLock, address, deadline.at_ns, deadline.clock) }
    };
    uncancelled(|| lock().map(|_| ()))
}

/// Hands such a lock to the most urgent waiter, or with `leave` other than 0 ends all waits.
pub fn unlock(word: &AtomicU32, leave: u32) -> Result<(), Error> {
    // SAFETY: as above.
    unsafe { raw::call2(Call::FutexUnlock, word.as_ptr() as u64, u64::from(leave)) }.map(|_| ())
}
