//! `<stdio_ext.h>`: looking into a stream.
//!
//! SAFETY of the C functions here: streams are open.

use super::file::{File, flag};
use super::standard::flush_all;
use core::ffi::{c_char, c_int};

/// Solaris.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _flushlbf() {
    // SAFETY: open streams are live.
    unsafe { flush_all() };
}

/// Solaris: streams always lock themselves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fsetlocking(_file: *mut File, _kind: c_int) -> c_int {
    0
}

macro_rules! questions {
    ($($name:ident -> $type:ty = |$file:ident| $value:expr;)*) => {$(
        /// Solaris, GNU.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(file: *mut File) -> $type {
            // SAFETY: the caller's.
            let $file = unsafe { &*file };
            $value as $type
        }
    )*};
}

questions! {
    __fwriting -> c_int = |file| file.flags & flag::NO_READ != 0 || !file.write_end.is_null();
    __freading -> c_int = |file| file.flags & flag::NO_WRITE != 0 || !file.read_end.is_null();
    __fwritable -> c_int = |file| file.flags & flag::NO_WRITE == 0;
    __freadable -> c_int = |file| file.flags & flag::NO_READ == 0;
    __flbf -> c_int = |file| file.line_end >= 0;
    __fbufsize -> usize = |file| file.size;
    __fpending -> usize = |file| file.unwritten();
    __freadahead -> usize = |file| file.unread();
}

/// Throws away what is buffered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpurge(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        (*file).write_position = (*file).write_base;
        (*file).discard_read();
    }
    0
}

/// Solaris' name for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fpurge(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { fpurge(file) };
}

/// What is buffered for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __freadptr(file: *mut File, size: *mut usize) -> *const c_char {
    // SAFETY: the caller's.
    unsafe {
        let unread = (*file).unread();
        if unread == 0 {
            return core::ptr::null();
        }
        *size = unread;
        (*file).read_position.cast_const().cast()
    }
}

/// Takes some of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __freadptrinc(file: *mut File, count: usize) {
    // SAFETY: the caller takes no more than there is.
    unsafe { (*file).read_position = (*file).read_position.add(count) }
}

/// Sets the error indicator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __fseterr(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { (*file).flags |= flag::ERROR }
}
