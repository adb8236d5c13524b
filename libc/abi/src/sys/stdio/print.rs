//! The `printf` functions that write to streams and descriptors.
//!
//! SAFETY of the C functions here: arguments match the format (C 7.21.6).

use super::file::{DESCRIPTOR, File, flag, locked};
use super::standard::OUTPUT;
use crate::pure::format::print;
use crate::sys::support::text;
use core::ffi::{VaList, c_char, c_int};
use libc_algo::format::{Output, Unit};

/// A stream as the engine's target.
pub(super) struct Stream<'a> {
    file: &'a mut File,
    failed: bool,
}

impl Output for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) {
        // SAFETY: the stream is open and locked.
        self.failed |= unsafe { self.file.write(bytes) } != bytes.len();
    }
}

/// Formats into a stream. An unbuffered one gets a buffer for the time, so that a message is
/// one write and not one for each piece.
pub(super) unsafe fn into_stream(
    file: &mut File,
    format: &[u8],
    list: &mut VaList<'_>,
    unit: Unit,
) -> c_int {
    let mut buffer = [0u8; 256];
    let borrowed = file.flags & flag::UNBUFFERED != 0;
    // SAFETY: the buffer is given back before this function ends.
    unsafe {
        if borrowed {
            file.flush();
            file.discard_read();
            file.buffer = buffer.as_mut_ptr();
            file.size = buffer.len();
            file.write_end = core::ptr::null_mut();
        }
        let mut stream = Stream {
            file,
            failed: false,
        };
        let count = print(&mut stream, format, list, unit);
        let Stream { file, mut failed } = stream;
        if borrowed {
            failed |= !file.flush();
            file.buffer = core::ptr::null_mut();
            file.size = 0;
            file.write_end = core::ptr::null_mut();
            (file.write_base, file.write_position) = (file.write_end, file.write_end);
        }
        if failed { -1 } else { count }
    }
}

/// C 7.21.6.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfprintf(
    file: *mut File,
    format: *const c_char,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            into_stream(file, text(format), &mut list, Unit::Byte)
        })
    }
}

/// C 7.21.6.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fprintf(file: *mut File, format: *const c_char, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfprintf(file, format, list) }
}

/// C 7.21.6.10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vprintf(format: *const c_char, list: VaList<'_>) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfprintf(&raw mut OUTPUT, format, list) }
}

/// C 7.21.6.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn printf(format: *const c_char, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfprintf(&raw mut OUTPUT, format, list) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vdprintf(fd: c_int, format: *const c_char, mut list: VaList<'_>) -> c_int {
    let mut file = File::new(
        &DESCRIPTOR,
        fd,
        flag::NO_READ | flag::UNBUFFERED,
        core::ptr::null_mut(),
        0,
    );
    // SAFETY: the caller's; the stream is this function's.
    unsafe { into_stream(&mut file, text(format), &mut list, Unit::Byte) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprintf(fd: c_int, format: *const c_char, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vdprintf(fd, format, list) }
}

/// C 7.21.10.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perror(message: *const c_char) {
    let error = crate::pure::message::strerror(crate::sys::support::errno());
    // SAFETY: the caller's; both formats take strings.
    unsafe {
        if message.is_null() || *message == 0 {
            fprintf(&raw mut super::standard::ERRORS, c"%s\n".as_ptr(), error);
        } else {
            fprintf(
                &raw mut super::standard::ERRORS,
                c"%s: %s\n".as_ptr(),
                message,
                error,
            );
        }
    }
}
