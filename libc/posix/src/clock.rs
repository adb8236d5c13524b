//! Time.

use crate::{Error, Result};
use kernel_abi::system::clock;
use libc_rt::kernel;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Time of a `clockid_t`, in nanoseconds.
pub fn time_ns(clock_id: i32) -> Result<u64> {
    match clock_id {
        // CLOCK_REALTIME, _COARSE, _ALARM, TAI
        0 | 5 | 8 | 11 => Ok(kernel::realtime_ns()),
        // CLOCK_MONOTONIC, _RAW, _COARSE, BOOTTIME, BOOTTIME_ALARM
        1 | 4 | 6 | 7 | 9 => Ok(kernel::monotonic_ns()),
        2 => Ok(kernel::clock_read(clock::PROCESS_CPU)?),
        3 => Ok(kernel::clock_read(clock::THREAD_CPU)?),
        _ => Err(Error::BadArgument),
    }
}

/// The kernel's clock that a `clockid_t` can be slept on with.
pub fn sleep_clock(clock_id: i32) -> Result<u64> {
    match clock_id {
        0 | 5 | 8 | 11 => Ok(clock::REALTIME),
        1 | 4 | 6 | 7 | 9 => Ok(clock::MONOTONIC),
        2 => Err(Error::NotSupported),
        _ => Err(Error::BadArgument),
    }
}

/// Sleeps until a time of a clock.
pub fn sleep_until(clock_id: i32, deadline_ns: u64) -> Result<()> {
    match kernel::sleep_until(sleep_clock(clock_id)?, deadline_ns) {
        Ok(()) | Err(kernel_abi::Error::TimedOut) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The monotonic deadline that is `wait_ns` from now; `u64::MAX` = never.
pub fn deadline_after(wait_ns: u64) -> u64 {
    kernel::monotonic_ns().saturating_add(wait_ns)
}

/// The monotonic deadline for an absolute time of a clock.
pub fn deadline_at(clock_id: i32, time_ns_at: u64) -> Result<u64> {
    let now = time_ns(clock_id)?;
    Ok(deadline_after(time_ns_at.saturating_sub(now)))
}
