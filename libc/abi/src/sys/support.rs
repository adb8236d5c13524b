//! Conversions between C's arguments and the safe layer's.

pub use crate::pure::support::{errno, fail, set_errno};
use core::ffi::{c_char, c_int, c_void};
pub use libc_posix::{Error, Result};

/// The bytes of a C string; empty for a null pointer.
///
/// # Safety
/// `string` must be null or NUL-ended, and stay as long as the result is used.
pub unsafe fn text<'a>(string: *const c_char) -> &'a [u8] {
    if string.is_null() {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { core::ffi::CStr::from_ptr(string).to_bytes() }
}

/// A buffer that the library only reads.
///
/// # Safety
/// `length` bytes must be readable, or `length` 0.
pub unsafe fn bytes<'a>(pointer: *const c_void, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts(pointer.cast(), length.min(isize::MAX as usize)) }
}

/// A buffer that the library fills.
///
/// # Safety
/// `length` bytes must be writable and not otherwise used, or `length` 0.
pub unsafe fn bytes_mut<'a>(pointer: *mut c_void, length: usize) -> &'a mut [u8] {
    if length == 0 {
        return &mut [];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts_mut(pointer.cast(), length.min(isize::MAX as usize)) }
}

/// The error's number. What interrupted a wait may have been a cancellation: a thread that has
/// been cancelled ends here (POSIX: where it waits).
fn number_of(error: Error) -> c_int {
    if error == Error::Interrupted {
        super::pthread::cancellation_point();
    }
    error as c_int
}

/// 0, or -1 with `errno`.
pub fn status(result: Result<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => fail(number_of(error)),
    }
}

/// The value, or -1 with `errno`.
pub fn int(result: Result<i32>) -> c_int {
    match result {
        Ok(value) => value,
        Err(error) => fail(number_of(error)),
    }
}

/// The value, or -1 with `errno`.
pub fn long(result: Result<usize>) -> isize {
    match result {
        Ok(value) => value as isize,
        Err(error) => fail(number_of(error)) as isize,
    }
}

/// 0, or the error's number, as the pthread functions return it.
pub fn number(result: Result<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => number_of(error),
    }
}

/// Nanoseconds of a duration or time, or `BadArgument`.
pub fn nanoseconds(time: &Timespec) -> Result<u64> {
    if time.seconds < 0 || !(0..1_000_000_000).contains(&time.nanoseconds) {
        return Err(Error::BadArgument);
    }
    Ok((time.seconds as u64)
        .saturating_mul(1_000_000_000)
        .saturating_add(time.nanoseconds as u64))
}

/// `struct timespec`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds.
    pub nanoseconds: i64,
}

impl Timespec {
    /// From nanoseconds.
    pub fn from_ns(time_ns: u64) -> Timespec {
        Timespec {
            seconds: (time_ns / 1_000_000_000) as i64,
            nanoseconds: (time_ns % 1_000_000_000) as i64,
        }
    }
}

impl Timespec {
    /// In nanoseconds, which may be negative.
    pub fn signed_ns(self) -> i64 {
        self.seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(self.nanoseconds)
    }
}

/// `struct timeval`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Timeval {
    /// Seconds.
    pub seconds: i64,
    /// Microseconds.
    pub microseconds: i64,
}

impl Timeval {
    /// From nanoseconds.
    pub fn from_ns(time_ns: u64) -> Timeval {
        Timeval {
            seconds: (time_ns / 1_000_000_000) as i64,
            microseconds: (time_ns % 1_000_000_000 / 1000) as i64,
        }
    }

    /// As a timespec.
    pub fn to_timespec(self) -> Timespec {
        Timespec {
            seconds: self.seconds,
            nanoseconds: self.microseconds.saturating_mul(1000),
        }
    }
}

/// A NUL-ended copy of a string in a buffer of the caller's, cut where it ends.
pub fn copy_text(text: &[u8], buffer: &mut [u8]) {
    let length = text.len().min(buffer.len().saturating_sub(1));
    buffer[..length].copy_from_slice(&text[..length]);
    if let Some(end) = buffer.get_mut(length) {
        *end = 0;
    }
}
