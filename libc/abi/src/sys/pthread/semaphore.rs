//! Semaphores (POSIX `<semaphore.h>`).
//!
//! SAFETY of the C functions here: objects were initialised.

use crate::sys::support::{Error, Timespec, fail};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex::{self, Deadline};

pub(super) const LARGEST: u32 = 0x7fff_ffff;

/// `sem_t`, 32 bytes.
#[repr(C)]
pub struct Semaphore {
    value: AtomicU32,
    waiters: AtomicU32,
    more: [usize; 3],
}

impl Semaphore {
    /// A semaphore with a value.
    pub(super) const fn new(value: u32) -> Semaphore {
        Semaphore {
            value: AtomicU32::new(value),
            waiters: AtomicU32::new(0),
            more: [0; 3],
        }
    }

    /// Its value.
    pub(super) fn value_now(&self) -> u32 {
        self.value.load(Ordering::Relaxed)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_init(semaphore: *mut Semaphore, _shared: c_int, value: u32) -> c_int {
    if value > LARGEST {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    unsafe { semaphore.write(Semaphore::new(value)) };
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sem_destroy(_semaphore: *mut Semaphore) -> c_int {
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_post(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: the caller's.
    let semaphore = unsafe { &*semaphore };
    let raised = semaphore
        .value
        .fetch_update(Ordering::Release, Ordering::Relaxed, |value| {
            (value < LARGEST).then(|| value + 1)
        });
    if raised.is_err() {
        return fail(Error::Overflow as c_int);
    }
    if semaphore.waiters.load(Ordering::SeqCst) > 0 {
        futex::wake(&semaphore.value, 1);
    }
    0
}

fn take(semaphore: &Semaphore) -> bool {
    let taken = semaphore
        .value
        .fetch_update(Ordering::Acquire, Ordering::Relaxed, |value| {
            value.checked_sub(1)
        });
    taken.is_ok()
}

unsafe fn wait(semaphore: *mut Semaphore, deadline: Deadline) -> c_int {
    super::cancellation_point();
    // SAFETY: the caller's.
    let semaphore = unsafe { &*semaphore };
    while !take(semaphore) {
        semaphore.waiters.fetch_add(1, Ordering::SeqCst);
        let result = futex::wait(&semaphore.value, 0, deadline);
        semaphore.waiters.fetch_sub(1, Ordering::SeqCst);
        super::cancellation_point();
        if let Err(error @ (kernel_abi::Error::TimedOut | kernel_abi::Error::Interrupted)) = result
        {
            return fail(error as c_int);
        }
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_wait(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: the caller's.
    unsafe { wait(semaphore, Deadline::NEVER) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_trywait(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: the caller's.
    if take(unsafe { &*semaphore }) {
        0
    } else {
        fail(Error::WouldBlock as c_int)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_timedwait(semaphore: *mut Semaphore, at: *const Timespec) -> c_int {
    // SAFETY: the caller's.
    unsafe { sem_clockwait(semaphore, 0, at) }
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_clockwait(
    semaphore: *mut Semaphore,
    clock: c_int,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if take(&*semaphore) {
            return 0;
        }
        match super::deadline(clock, at) {
            Ok(deadline) => wait(semaphore, deadline),
            Err(error) => fail(error as c_int),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_getvalue(semaphore: *mut Semaphore, out: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*semaphore).value.load(Ordering::Relaxed) as c_int };
    0
}
