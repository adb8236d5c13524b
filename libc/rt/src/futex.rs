//! Waiting on a word of memory.

use core::sync::atomic::AtomicU32;
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error};
use kernel_stubs::raw;

/// Waits while `word` equals `expected`, until woken or until the monotonic deadline.
pub fn wait(word: &AtomicU32, expected: u32, deadline_ns: Option<u64>) -> Result<(), Error> {
    // SAFETY: the word outlives the call; the kernel only reads it.
    unsafe { wait_at(word.as_ptr(), expected, deadline_ns) }
}

/// As [`wait`], for a word that is known by its address.
///
/// # Safety
/// `address` must be readable; a bad one is refused by the kernel, so nothing worse than a
/// spurious wait can come of memory that others reuse.
pub unsafe fn wait_at(
    address: *const u32,
    expected: u32,
    deadline_ns: Option<u64>,
) -> Result<(), Error> {
    let deadline_ns = deadline_ns.unwrap_or(FOREVER);
    // SAFETY: the kernel checks the address and only reads it.
    unsafe {
        raw::call3(
            Call::FutexWait,
            address as u64,
            expected as u64,
            deadline_ns,
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
/// monotonic deadline and lending the owner the caller's priority.
pub fn lock(word: &AtomicU32, deadline_ns: Option<u64>) -> Result<(), Error> {
    let deadline_ns = deadline_ns.unwrap_or(FOREVER);
    // SAFETY: the word outlives the call; the kernel changes it atomically.
    unsafe { raw::call2(Call::FutexLock, word.as_ptr() as u64, deadline_ns) }.map(|_| ())
}

/// Hands such a lock to the most urgent waiter, or with `leave` other than 0 ends all waits.
pub fn unlock(word: &AtomicU32, leave: u32) -> Result<(), Error> {
    // SAFETY: as above.
    unsafe { raw::call2(Call::FutexUnlock, word.as_ptr() as u64, u64::from(leave)) }.map(|_| ())
}
