//! The `scanf` functions that read from streams.
//!
//! SAFETY of the C functions here: arguments match the format (C 7.21.6).

use super::file::{File, locked};
use super::standard::INPUT;
use crate::pure::scan::read;
use crate::sys::support::{set_errno, text};
use core::ffi::{VaList, c_char, c_int};
use libc_algo::scan::Source;

/// A stream as the engine's source. What is peeked at stays in the stream's buffer.
struct Stream<'a>(&'a mut File);

impl Source for Stream<'_> {
    fn peek(&mut self) -> Option<u8> {
        // SAFETY: the stream is open and locked; the window is its buffer.
        unsafe {
            if self.0.unread() == 0 && !self.0.fill() {
                return None;
            }
            Some(*self.0.read_position)
        }
    }

    fn advance(&mut self) {
        if self.0.unread() > 0 {
            self.0.read_position = self.0.read_position.wrapping_add(1);
        }
    }
}

/// C 7.21.6.9.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfscanf(
    file: *mut File,
    format: *const c_char,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            read(&mut Stream(file), text(format), &mut list)
        })
    }
}

/// C 7.21.6.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fscanf(file: *mut File, format: *const c_char, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfscanf(file, format, list) }
}

/// C 7.21.6.11.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vscanf(format: *const c_char, list: VaList<'_>) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfscanf(&raw mut INPUT, format, list) }
}

/// C 7.21.6.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scanf(format: *const c_char, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfscanf(&raw mut INPUT, format, list) }
}

/// C 7.29.2.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfwscanf(
    file: *mut File,
    format: *const u32,
    mut list: VaList<'_>,
) -> c_int {
    const EILSEQ: c_int = 84;
    // SAFETY: the caller's. The engine reads characters where a conversion is wide.
    unsafe {
        let Some(format) = super::wide::narrow(format) else {
            set_errno(EILSEQ);
            return -1;
        };
        locked(file, |file| {
            file.orientation = 1;
            read(&mut Stream(file), &format, &mut list)
        })
    }
}

/// C 7.29.2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwscanf(file: *mut File, format: *const u32, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwscanf(file, format, list) }
}

/// C 7.29.2.10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwscanf(format: *const u32, list: VaList<'_>) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwscanf(&raw mut INPUT, format, list) }
}

/// C 7.29.2.12.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wscanf(format: *const u32, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwscanf(&raw mut INPUT, format, list) }
}
