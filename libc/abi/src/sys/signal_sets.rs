//! Sets of signals.
//!
//! SAFETY of the C functions here: sets are valid (POSIX).

use super::signal::SignalSet;
use super::support::{Error, Result, int, status};
use core::ffi::c_int;

/// A signal's bit.
pub(super) fn member(number: c_int) -> Result<u64> {
    match number {
        1..=64 => Ok(1 << (number - 1)),
        _ => Err(Error::BadArgument),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigemptyset(set: *mut SignalSet) -> c_int {
    // SAFETY: the caller's.
    unsafe { *set = [0; 16] };
    0
}

/// POSIX: without the signals that the library keeps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigfillset(set: *mut SignalSet) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *set = [0; 16];
        (*set)[0] = !super::signal::INTERNAL;
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaddset(set: *mut SignalSet, number: c_int) -> c_int {
    // SAFETY: the caller's.
    status(member(number).map(|bit| unsafe { (*set)[0] |= bit }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigdelset(set: *mut SignalSet, number: c_int) -> c_int {
    // SAFETY: the caller's.
    status(member(number).map(|bit| unsafe { (*set)[0] &= !bit }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigismember(set: *const SignalSet, number: c_int) -> c_int {
    // SAFETY: the caller's.
    int(member(number).map(|bit| unsafe { (*set)[0] & bit != 0 } as i32))
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigisemptyset(set: *const SignalSet) -> c_int {
    // SAFETY: the caller's.
    unsafe { ((*set)[0] == 0) as c_int }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigorset(
    out: *mut SignalSet,
    first: *const SignalSet,
    second: *const SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*out)[0] = (*first)[0] | (*second)[0] };
    0
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigandset(
    out: *mut SignalSet,
    first: *const SignalSet,
    second: *const SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*out)[0] = (*first)[0] & (*second)[0] };
    0
}
