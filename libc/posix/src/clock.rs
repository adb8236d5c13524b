//! Time.

use crate::{Error, Result};
use kernel_abi::system::clock;
use libc_rt::futex::Deadline;
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
        id if id < 0 => cpu_time_ns(id),
        _ => Err(Error::BadArgument),
    }
}

/// Low bits of a negative `clockid_t`: the CPU clock of a process, or of a thread, whose number is
/// the complement of the rest (as on Linux).
const OF_PROCESS: i32 = 2;
const OF_THREAD: i32 = 6;

/// The `clockid_t` of a process's CPU time.
pub fn clock_of_process(process_id: i32) -> i32 {
    !process_id << 3 | OF_PROCESS
}

/// The `clockid_t` of the CPU time of a thread of this process.
pub fn clock_of_thread(number: i32) -> i32 {
    !number << 3 | OF_THREAD
}

/// Whether a clock is that of this process's CPU time, by its id.
pub(crate) fn own_process(clock_id: i32) -> bool {
    let id = u64::from((!(clock_id >> 3)).unsigned_abs());
    clock_id < 0 && clock_id & 7 == OF_PROCESS && (id == 0 || id == libc_rt::identity::process())
}

fn cpu_time_ns(clock_id: i32) -> Result<u64> {
    let id = u64::from((!(clock_id >> 3)).unsigned_abs());
    match clock_id & 7 {
        OF_PROCESS if own_process(clock_id) => time_ns(2),
        OF_PROCESS => crate::process::processor_time(id).map_err(|_| Error::BadArgument),
        OF_THREAD => {
            let time = kernel::thread_clock_read(clock::THREAD_CPU, id);
            time.map_err(|_| Error::BadArgument)
        }
        _ => Err(Error::BadArgument),
    }
}

/// Sets the real-time clock. `NotPermitted` unless the caller is root.
pub fn set_realtime(time_ns: u64) -> Result<()> {
    if libc_rt::identity::effective_user() != 0 {
        return Err(Error::NotPermitted);
    }
    let session = crate::power::supervisor()?;
    let offset_ns = time_ns.wrapping_sub(kernel::monotonic_ns());
    proto::supervisor::set_clock(&session, offset_ns, &[])?;
    kernel::handle_close(session.handle())?;
    Ok(())
}

/// The kernel's clock that a `clockid_t` can be slept on with.
pub fn sleep_clock(clock_id: i32) -> Result<u64> {
    match clock_id {
        0 | 5 | 8 | 11 => Ok(clock::REALTIME),
        1 | 4 | 6 | 7 | 9 => Ok(clock::MONOTONIC),
        _ => Err(Error::BadArgument),
    }
}

/// Sleeps until a time of a clock. `BadArgument` for the CPU clock of a thread (POSIX).
pub fn sleep_until(clock_id: i32, deadline_ns: u64) -> Result<()> {
    if clock_id == 2 || clock_id < 0 {
        return sleep_for_cpu_time(clock_id, deadline_ns);
    }
    match kernel::sleep_until(sleep_clock(clock_id)?, deadline_ns) {
        Ok(()) | Err(kernel_abi::Error::TimedOut) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the expiry of a timer of this process's CPU time.
fn sleep_for_cpu_time(clock_id: i32, deadline_ns: u64) -> Result<()> {
    let timer = crate::timer::create(clock_id)?;
    let waited = crate::timer::set(timer, clock_id, deadline_ns.max(1), 0, true)
        .and_then(|()| Ok(kernel::read(timer, &mut [0; 8])?));
    kernel::handle_close(timer)?;
    waited.map(|_| ())
}

/// The monotonic deadline that is `wait_ns` from now; `u64::MAX` = never.
pub fn deadline_after(wait_ns: u64) -> u64 {
    kernel::monotonic_ns().saturating_add(wait_ns)
}

/// The deadline of a futex for an absolute time of a clock.
pub fn deadline_of(clock_id: i32, time_ns_at: u64) -> Result<Deadline> {
    match clock_id {
        0 => Ok(Deadline::realtime(time_ns_at)),
        _ => deadline_at(clock_id, time_ns_at).map(Deadline::monotonic),
    }
}

/// The monotonic deadline for an absolute time of a clock.
pub fn deadline_at(clock_id: i32, time_ns_at: u64) -> Result<u64> {
    let now = time_ns(clock_id)?;
    Ok(deadline_after(time_ns_at.saturating_sub(now)))
}
