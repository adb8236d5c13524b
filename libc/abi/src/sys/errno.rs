//! `errno`.

use core::ffi::c_int;

/// Where the calling thread's `errno` is.
#[unsafe(no_mangle)]
pub extern "C" fn __errno_location() -> *mut c_int {
    // SAFETY: the current block lives as long as its thread.
    unsafe { &raw mut (*libc_rt::thread::current()).errno }
}

/// The same, by the name that some ported code uses.
#[unsafe(no_mangle)]
pub extern "C" fn ___errno_location() -> *mut c_int {
    __errno_location()
}
