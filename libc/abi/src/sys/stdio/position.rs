//! Positions.
//!
//! SAFETY of the C functions here: streams are open.

use super::file::{File, flag, locked};
use crate::sys::support::{Error, Result, fail, status};
use core::ffi::{c_int, c_long};

unsafe fn seek(file: &mut File, mut offset: i64, whence: c_int) -> Result<()> {
    const CURRENT: c_int = 1;
    if !(0..=2).contains(&whence) {
        return Err(Error::BadArgument);
    }
    // SAFETY: the stream is the caller's.
    unsafe {
        if whence == CURRENT {
            offset = offset
                .checked_sub(file.unread() as i64)
                .ok_or(Error::Overflow)?;
        }
        if !file.flush() {
            return Err(Error::from_number(crate::sys::support::errno()));
        }
        (file.operations.seek)(file, offset, whence)?;
    }
    file.discard_read();
    file.write_end = core::ptr::null_mut();
    (file.write_base, file.write_position) = (file.write_end, file.write_end);
    file.flags &= !flag::END;
    Ok(())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fseeko(file: *mut File, offset: i64, whence: c_int) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { locked(file, |file| seek(file, offset, whence)) })
}

/// C 7.21.9.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fseek(file: *mut File, offset: c_long, whence: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { fseeko(file, offset, whence) }
}

/// C 7.21.9.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewind(file: *mut File) {
    // SAFETY: the caller's.
    unsafe {
        fseeko(file, 0, 0);
        locked(file, |file| file.flags &= !flag::ERROR);
    }
}

unsafe fn tell(file: &mut File) -> Result<i64> {
    const CURRENT: c_int = 1;
    const END: c_int = 2;
    let pending = file.unwritten();
    let whence = if pending > 0 && file.flags & flag::APPEND != 0 {
        END
    } else {
        CURRENT
    };
    // SAFETY: the stream is the caller's.
    let position = unsafe { (file.operations.seek)(file, 0, whence) }?;
    Ok(position - file.unread() as i64 + pending as i64)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftello(file: *mut File) -> i64 {
    // SAFETY: the caller's.
    match unsafe { locked(file, |file| tell(file)) } {
        Ok(position) => position,
        Err(error) => fail(error as c_int) as i64,
    }
}

/// C 7.21.9.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftell(file: *mut File) -> c_long {
    // SAFETY: the caller's.
    unsafe { ftello(file) }
}

/// C 7.21.9.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetpos(file: *mut File, out: *mut i64) -> c_int {
    // SAFETY: the caller's; `fpos_t` begins with an integer.
    unsafe {
        let position = ftello(file);
        if position < 0 {
            return -1;
        }
        *out = position;
    }
    0
}

/// C 7.21.9.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsetpos(file: *mut File, position: *const i64) -> c_int {
    // SAFETY: the caller's.
    unsafe { fseeko(file, *position, 0) }
}
