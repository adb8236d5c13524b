//! `getsockopt` and `setsockopt`.
//!
//! SAFETY of the C functions here: values have the length that is given.

use crate::sys::support::{
    Error, Result, Timespec, Timeval, bytes, bytes_mut, nanoseconds, status,
};
use core::ffi::{c_int, c_void};
use libc_posix::socket as posix;
use proto::arrival::wanted;

const SOL_SOCKET: c_int = 1;
const SO_LINGER: c_int = 13;
const SO_PASSCRED: c_int = 16;
const SO_RCVTIMEO: c_int = 20;
const SO_SNDTIMEO: c_int = 21;
/// Longest value that is looked at.
const MAX_VALUE: usize = 64;

/// Reads an option into `value`; its length.
fn read_option(fd: c_int, level: c_int, option: c_int, value: &mut [u8]) -> Result<usize> {
    let give = |from: &[u8], value: &mut [u8]| {
        let length = from.len().min(value.len());
        value[..length].copy_from_slice(&from[..length]);
        Ok(length)
    };
    match (level, option) {
        (SOL_SOCKET, SO_PASSCRED) => {
            let on = posix::pass_credentials(fd, None)?;
            give(&c_int::from(on).to_le_bytes(), value)
        }
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => {
            let time = Timeval::from_ns(posix::timeout(fd, option == SO_SNDTIMEO, None)?);
            let mut words = [0; 16];
            words[..8].copy_from_slice(&time.seconds.to_le_bytes());
            words[8..].copy_from_slice(&time.microseconds.to_le_bytes());
            give(&words, value)
        }
        _ => posix::option(fd, level as u32, option as u32, value),
    }
}

fn write_option(fd: c_int, level: c_int, option: c_int, value: &[u8]) -> Result<()> {
    let word = |at: usize| value.get(at..).and_then(|rest| rest.first_chunk::<8>());
    match (level, option) {
        (SOL_SOCKET, SO_PASSCRED) => {
            let on = value.first_chunk::<4>().ok_or(Error::BadArgument)?;
            posix::pass_credentials(fd, Some(*on != [0; 4])).map(|_| ())
        }
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => {
            let (Some(seconds), Some(rest)) = (word(0), word(8)) else {
                return Err(Error::BadArgument);
            };
            let time = Timespec {
                seconds: i64::from_le_bytes(*seconds),
                nanoseconds: i64::from_le_bytes(*rest).saturating_mul(1000),
            };
            // POSIX: what is out of range is a domain error.
            let timeout_ns = nanoseconds(&time).map_err(|_| Error::OutOfDomain)?;
            posix::timeout(fd, option == SO_SNDTIMEO, Some(timeout_ns)).map(|_| ())
        }
        _ => {
            posix::set_option(fd, level as u32, option as u32, value)?;
            if (level, option) == (SOL_SOCKET, SO_LINGER) {
                let (on, time) = value.split_at(value.len().min(4));
                let some = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
                return posix::set_reset(fd, some(on) && !some(time));
            }
            match told_with_messages(level, option) {
                Some(bit) => {
                    let on = value.iter().any(|byte| *byte != 0);
                    posix::status_bit(fd, bit, Some(on)).map(|_| ())
                }
                None => Ok(()),
            }
        }
    }
}

/// The status flag of an option that asks for control messages about how a datagram arrived: this
/// library makes them.
fn told_with_messages(level: c_int, option: c_int) -> Option<u32> {
    const IP: c_int = 0;
    const IPV6: c_int = 41;
    match (level, option) {
        // IP_PKTINFO, IPV6_RECVPKTINFO.
        (IP, 8) | (IPV6, 49) => Some(wanted::DESTINATION),
        // IP_RECVTTL, IPV6_RECVHOPLIMIT.
        (IP, 12) | (IPV6, 51) => Some(wanted::HOPS),
        // SO_TIMESTAMP.
        (SOL_SOCKET, 29) => Some(wanted::TIME),
        _ => None,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    length: *mut u32,
) -> c_int {
    let read = || {
        if value.is_null() || length.is_null() {
            posix::information(fd)?;
            return Err(Error::BadAddress);
        }
        // SAFETY: the caller's.
        let place = unsafe { bytes_mut(value, (*length as usize).min(MAX_VALUE)) };
        let count = read_option(fd, level, option, place)?;
        // SAFETY: the caller's.
        unsafe { *length = count as u32 };
        Ok(())
    };
    status(read())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    length: u32,
) -> c_int {
    let write = || {
        if value.is_null() && length > 0 {
            posix::information(fd)?;
            return Err(Error::BadAddress);
        }
        // SAFETY: the caller's.
        let value = unsafe { bytes(value, (length as usize).min(MAX_VALUE)) };
        write_option(fd, level, option, value)
    };
    status(write())
}
