//! Spin locks.
//!
//! SAFETY of the C functions here: objects were initialised.

use crate::sys::support::Error;
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, Ordering};

unsafe fn word<'a>(lock: *mut c_int) -> &'a AtomicI32 {
    // SAFETY: the caller's word, used atomically by everyone here.
    unsafe { AtomicI32::from_ptr(lock) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_spin_init(lock: *mut c_int, _shared: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { *lock = 0 };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_spin_destroy(_lock: *mut c_int) -> c_int {
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_spin_lock(lock: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    while unsafe { pthread_spin_trylock(lock) } != 0 {
        core::hint::spin_loop();
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_spin_trylock(lock: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    match unsafe { word(lock) }.swap(1, Ordering::Acquire) {
        0 => 0,
        _ => Error::Busy as c_int,
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_spin_unlock(lock: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { word(lock) }.store(0, Ordering::Release);
    0
}
