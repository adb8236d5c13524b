//! Condition variables.
//!
//! SAFETY of the C functions here: objects were initialised; the mutex is held by the caller.

use super::cancel::{_pthread_cleanup_pop, _pthread_cleanup_push, Cleanup, cancellation_point};
use super::mutex::Mutex;
use crate::sys::support::{Error, Timespec};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex::{self, Deadline};

/// `pthread_cond_t`, 48 bytes. The sequence changes with every signal: a waiter that read it
/// under the mutex cannot miss one.
#[repr(C)]
pub struct Condition {
    sequence: AtomicU32,
    clock: u32,
    waiters: AtomicU32,
    reserved: u32,
    more: [usize; 4],
}

const _: () = assert!(size_of::<Condition>() == 48);

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_init(
    condition: *mut Condition,
    attributes: *const u32,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        condition.write(Condition {
            sequence: AtomicU32::new(0),
            clock: attributes.as_ref().map_or(0, |word| word & 0xff),
            waiters: AtomicU32::new(0),
            reserved: 0,
            more: [0; 4],
        });
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_cond_destroy(_condition: *mut Condition) -> c_int {
    0
}

unsafe extern "C" fn relock(mutex: *mut c_void) {
    // SAFETY: the waiter's mutex.
    unsafe { (*mutex.cast::<Mutex>()).lock(Deadline::NEVER) };
}

unsafe fn wait(condition: *mut Condition, mutex: *mut Mutex, deadline: Deadline) -> c_int {
    cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let condition = &*condition;
        let sequence = condition.sequence.load(Ordering::Relaxed);
        condition.waiters.fetch_add(1, Ordering::Relaxed);
        let unlocked = (*mutex).unlock();
        if unlocked != 0 {
            condition.waiters.fetch_sub(1, Ordering::Relaxed);
            return unlocked;
        }
        let result = futex::wait(&condition.sequence, sequence, deadline);
        condition.waiters.fetch_sub(1, Ordering::Relaxed);
        if result.is_err() {
            // A thread cancelled here holds the mutex when its cleanup handlers run (POSIX). One
            // that was woken acts on it later: the signal must not be lost for the others.
            let mut handler = core::mem::MaybeUninit::<Cleanup>::uninit();
            _pthread_cleanup_push(handler.as_mut_ptr(), relock, mutex.cast());
            cancellation_point();
            _pthread_cleanup_pop(handler.as_mut_ptr(), 0);
        }
        match ((*mutex).lock(Deadline::NEVER), result) {
            // Anything but a timeout may be a spurious wake-up, which POSIX allows.
            (0, Err(kernel_abi::Error::TimedOut)) => Error::TimedOut as c_int,
            (locked, _) => locked,
        }
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_wait(condition: *mut Condition, mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    unsafe { wait(condition, mutex, Deadline::NEVER) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { pthread_cond_clockwait(condition, mutex, (*condition).clock as c_int, at) }
}

/// POSIX 2024: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_clockwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    clock: c_int,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        match super::deadline(clock, at) {
            Ok(deadline) => wait(condition, mutex, deadline),
            Err(error) => error as c_int,
        }
    }
}

unsafe fn wake(condition: *mut Condition, count: u32) -> c_int {
    // SAFETY: the caller's.
    let condition = unsafe { &*condition };
    condition.sequence.fetch_add(1, Ordering::Release);
    if condition.waiters.load(Ordering::Relaxed) > 0 {
        futex::wake(&condition.sequence, count);
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_signal(condition: *mut Condition) -> c_int {
    // SAFETY: the caller's.
    unsafe { wake(condition, 1) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_broadcast(condition: *mut Condition) -> c_int {
    // SAFETY: the caller's.
    unsafe { wake(condition, u32::MAX) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_getclock(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*attributes & 0xff) as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_setclock(attributes: *mut u32, clock: c_int) -> c_int {
    if !matches!(clock, 0 | 1) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe { *attributes = *attributes & !0xff | clock as u32 };
    0
}
