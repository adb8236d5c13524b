//! Attributes of mutexes, condition variables, read-write locks and barriers.
//!
//! SAFETY of the C functions here: objects were initialised by `..._init`.

use super::mutex::kind;
use crate::sys::support::Error;
use core::ffi::c_int;

macro_rules! attribute_objects {
    ($($init:ident, $destroy:ident: $type:ty = $value:expr;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $init(attributes: *mut $type) -> c_int {
            // SAFETY: the caller's.
            unsafe { attributes.write($value) };
            0
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub extern "C" fn $destroy(_attributes: *mut $type) -> c_int {
            0
        }
    )*};
}

attribute_objects! {
    pthread_mutexattr_init, pthread_mutexattr_destroy: u32 = 0;
    pthread_condattr_init, pthread_condattr_destroy: u32 = 0;
    pthread_rwlockattr_init, pthread_rwlockattr_destroy: [u32; 2] = [0; 2];
    pthread_barrierattr_init, pthread_barrierattr_destroy: u32 = 0;
}

/// Attributes are words: the mutex's kind or the condition's clock low, sharing in the top bit.
pub(super) const SHARED: u32 = 1 << 31;

macro_rules! shared {
    ($($get:ident, $set:ident;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(attributes: *const u32, out: *mut c_int) -> c_int {
            // SAFETY: the caller's.
            unsafe { *out = (*attributes & SHARED != 0) as c_int };
            0
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $set(attributes: *mut u32, shared: c_int) -> c_int {
            // SAFETY: the caller's.
            let word = unsafe { &mut *attributes };
            match shared {
                0 => *word &= !SHARED,
                1 => *word |= SHARED,
                _ => return Error::BadArgument as c_int,
            }
            0
        }
    )*};
}

shared! {
    pthread_mutexattr_getpshared, pthread_mutexattr_setpshared;
    pthread_condattr_getpshared, pthread_condattr_setpshared;
    pthread_rwlockattr_getpshared, pthread_rwlockattr_setpshared;
    pthread_barrierattr_getpshared, pthread_barrierattr_setpshared;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_gettype(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*attributes & kind::TYPE) as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_settype(attributes: *mut u32, new: c_int) -> c_int {
    if !(0..=2).contains(&new) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe { *attributes = *attributes & !kind::TYPE | new as u32 };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_getrobust(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*attributes & kind::ROBUST != 0) as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_setrobust(attributes: *mut u32, robust: c_int) -> c_int {
    // SAFETY: the caller's.
    let word = unsafe { &mut *attributes };
    match robust {
        0 => *word &= !kind::ROBUST,
        1 => *word |= kind::ROBUST,
        _ => return Error::BadArgument as c_int,
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_getprotocol(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *out = match *attributes & (kind::INHERIT | kind::PROTECT) {
            kind::INHERIT => 1,
            kind::PROTECT => 2,
            _ => 0,
        };
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_setprotocol(
    attributes: *mut u32,
    protocol: c_int,
) -> c_int {
    let bit = match protocol {
        0 => 0,
        1 => kind::INHERIT,
        2 => kind::PROTECT,
        _ => return Error::BadArgument as c_int,
    };
    // SAFETY: the caller's.
    unsafe { *attributes = *attributes & !(kind::INHERIT | kind::PROTECT) | bit };
    0
}

/// Whether a priority can be a ceiling: those of `SCHED_FIFO`.
pub(super) fn is_ceiling(priority: c_int) -> bool {
    (1..=99).contains(&priority)
}

/// The ceiling in a mutex's attributes; the lowest when none was set.
pub(super) fn ceiling_of(attributes: u32) -> u32 {
    (attributes >> kind::CEILING_SHIFT & 0xff).max(1)
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_getprioceiling(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = ceiling_of(*attributes) as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_setprioceiling(
    attributes: *mut u32,
    ceiling: c_int,
) -> c_int {
    if !is_ceiling(ceiling) {
        return Error::BadArgument as c_int;
    }
    let mask = 0xff << kind::CEILING_SHIFT;
    // SAFETY: the caller's.
    unsafe { *attributes = *attributes & !mask | (ceiling as u32) << kind::CEILING_SHIFT };
    0
}
