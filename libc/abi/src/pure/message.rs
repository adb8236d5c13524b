//! Error and signal messages (C 7.24.6.2, POSIX). They end in NUL in their table.

use core::ffi::{c_char, c_int, c_void};
use libc_algo::message;

const ERANGE: c_int = 34;

fn c_text(text: &'static str) -> *mut c_char {
    text.as_ptr().cast::<c_char>().cast_mut()
}

/// C 7.24.6.2.
#[unsafe(no_mangle)]
pub extern "C" fn strerror(number: c_int) -> *mut c_char {
    c_text(message::error_terminated(number))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn strerror_l(number: c_int, _: *mut c_void) -> *mut c_char {
    strerror(number)
}

/// POSIX (not GNU's): 0, or ERANGE where the message was cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strerror_r(number: c_int, buffer: *mut c_char, size: usize) -> c_int {
    // SAFETY: the buffer has `size` bytes.
    let length = unsafe { super::string::strlcpy(buffer, strerror(number), size) };
    if length < size { 0 } else { ERANGE }
}

/// The name that glibc's headers give to the POSIX function; Rust's `std` uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __xpg_strerror_r(
    number: c_int,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: as for `strerror_r`.
    unsafe { strerror_r(number, buffer, size) }
}

/// GNU: `ENOENT` for 2; null for what has no name.
#[unsafe(no_mangle)]
pub extern "C" fn strerrorname_np(number: c_int) -> *const c_char {
    message::error_name(number).map_or(core::ptr::null(), |name| c_text(name).cast_const())
}

/// GNU: the message; null for what has none.
#[unsafe(no_mangle)]
pub extern "C" fn strerrordesc_np(number: c_int) -> *const c_char {
    if message::error_name(number).is_none() {
        core::ptr::null()
    } else {
        strerror(number).cast_const()
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn strsignal(number: c_int) -> *mut c_char {
    c_text(message::signal_terminated(number))
}

/// GNU: `TERM` for 15; null for what has no name.
#[unsafe(no_mangle)]
pub extern "C" fn sigabbrev_np(number: c_int) -> *const c_char {
    message::signal_name(number).map_or(core::ptr::null(), |name| c_text(name).cast_const())
}

/// GNU: the message; null for what has none.
#[unsafe(no_mangle)]
pub extern "C" fn sigdescr_np(number: c_int) -> *const c_char {
    if message::signal_name(number).is_none() {
        core::ptr::null()
    } else {
        strsignal(number).cast_const()
    }
}
