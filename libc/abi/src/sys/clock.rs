//! Clocks, sleeping, interval timers.
//!
//! SAFETY of the C functions here: structures are valid.

use super::support::{Error, Result, Timespec, Timeval, fail, nanoseconds, status};
use core::ffi::{c_int, c_void};
use libc_posix::{clock, process};

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(id: c_int, out: *mut Timespec) -> c_int {
    status(clock::time_ns(id).map(|time_ns| {
        // SAFETY: the caller's.
        unsafe { *out = Timespec::from_ns(time_ns) };
    }))
}

/// POSIX: the time-stamp counter ticks at least once a nanosecond's order of magnitude.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_getres(id: c_int, out: *mut Timespec) -> c_int {
    status(clock::time_ns(id).map(|_| {
        // SAFETY: the caller's.
        if let Some(out) = unsafe { out.as_mut() } {
            *out = Timespec::from_ns(1);
        }
    }))
}

fn set(id: c_int, time_ns: Result<u64>) -> c_int {
    status(match id {
        0 => time_ns.and_then(clock::set_realtime),
        _ => Err(Error::BadArgument),
    })
}

/// POSIX: only the real-time clock can be set, by root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_settime(id: c_int, time: *const Timespec) -> c_int {
    // SAFETY: the caller's.
    set(id, nanoseconds(unsafe { &*time }))
}

/// BSD: as `clock_settime`. The zone is not kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn settimeofday(time: *const Timeval, _zone: *const c_void) -> c_int {
    // SAFETY: the caller's.
    match unsafe { time.as_ref() } {
        Some(time) => set(0, nanoseconds(&time.to_timespec())),
        None => 0,
    }
}

/// SVID: as `clock_settime`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stime(time: *const i64) -> c_int {
    // SAFETY: the caller's.
    let seconds = u64::try_from(unsafe { *time }).map_err(|_| Error::BadArgument);
    set(
        0,
        seconds.map(|seconds| seconds.saturating_mul(clock::SECOND_NS)),
    )
}

/// BSD: the clock is set by the whole difference at once; so nothing of an adjustment is ever left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adjtime(new: *const Timeval, old: *mut Timeval) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if let Some(old) = old.as_mut() {
            *old = Timeval::from_ns(0);
        }
        let Some(new) = new.as_ref() else { return 0 };
        let difference_ns = new.to_timespec().signed_ns();
        let now_ns = libc_rt::kernel::realtime_ns();
        set(
            0,
            now_ns
                .checked_add_signed(difference_ns)
                .ok_or(Error::BadArgument),
        )
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_getcpuclockid(process: c_int, out: *mut c_int) -> c_int {
    let id = if process == 0 {
        libc_rt::identity::process() as c_int
    } else {
        process
    };
    let id = clock::clock_of_process(id);
    if process < 0 || clock::time_ns(id).is_err() {
        return Error::NoProcess as c_int;
    }
    // SAFETY: the caller's.
    unsafe { *out = id };
    0
}

/// C 7.27.2.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut i64) -> i64 {
    let seconds = (libc_rt::kernel::realtime_ns() / clock::SECOND_NS) as i64;
    // SAFETY: the caller's.
    if let Some(out) = unsafe { out.as_mut() } {
        *out = seconds;
    }
    seconds
}

/// C 7.27.2.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timespec_get(out: *mut Timespec, base: c_int) -> c_int {
    const TIME_UTC: c_int = 1;
    if base != TIME_UTC {
        return 0;
    }
    // SAFETY: the caller's.
    if unsafe { clock_gettime(0, out) } == 0 {
        base
    } else {
        0
    }
}

/// BSD; the zone is not told, as everywhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(out: *mut Timeval, _zone: *mut c_void) -> c_int {
    // SAFETY: the caller's.
    if let Some(out) = unsafe { out.as_mut() } {
        *out = Timeval::from_ns(libc_rt::kernel::realtime_ns());
    }
    0
}

/// C 7.27.2.1: in microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn clock() -> i64 {
    clock::time_ns(2).map_or(-1, |time_ns| (time_ns / 1000) as i64)
}

/// `struct tms`.
#[repr(C)]
pub struct ProcessTimes {
    user: i64,
    system: i64,
    children_user: i64,
    children_system: i64,
}

const TICK_NS: u64 = 10_000_000;

/// POSIX: in hundredths of a second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn times(out: *mut ProcessTimes) -> i64 {
    let (Ok(own), Ok(children)) = (process::usage(false), process::usage(true)) else {
        return fail(Error::Io as c_int) as i64;
    };
    let ticks = |time_ns: u64| (time_ns / TICK_NS) as i64;
    // SAFETY: the caller's.
    if let Some(out) = unsafe { out.as_mut() } {
        *out = ProcessTimes {
            user: ticks(own.user_ns),
            system: ticks(own.kernel_ns),
            children_user: ticks(children.user_ns),
            children_system: ticks(children.kernel_ns),
        };
    }
    ticks(libc_rt::kernel::monotonic_ns())
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    id: c_int,
    flags: c_int,
    wanted: *const Timespec,
    rest: *mut Timespec,
) -> c_int {
    const TIMER_ABSTIME: c_int = 1;
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    let result = nanoseconds(unsafe { &*wanted }).and_then(|wanted_ns| -> Result<()> {
        if flags & TIMER_ABSTIME != 0 {
            return clock::sleep_until(id, wanted_ns);
        }
        if id == 2 || id < 0 {
            let deadline_ns = clock::time_ns(id)?.saturating_add(wanted_ns);
            return clock::sleep_until(id, deadline_ns);
        }
        clock::sleep_clock(id)?;
        // A relative sleep does not change when the real-time clock is set.
        let deadline = clock::deadline_after(wanted_ns);
        clock::sleep_until(1, deadline).inspect_err(|_| {
            let left = deadline.saturating_sub(libc_rt::kernel::monotonic_ns());
            // SAFETY: the caller's.
            if let Some(rest) = unsafe { rest.as_mut() } {
                *rest = Timespec::from_ns(left);
            }
        })
    });
    super::support::number(result)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(wanted: *const Timespec, rest: *mut Timespec) -> c_int {
    // SAFETY: the caller's.
    match unsafe { clock_nanosleep(0, 0, wanted, rest) } {
        0 => 0,
        error => fail(error),
    }
}

/// POSIX: the seconds that were left.
#[unsafe(no_mangle)]
pub extern "C" fn sleep(seconds: u32) -> u32 {
    let wanted = Timespec {
        seconds: seconds as i64,
        nanoseconds: 0,
    };
    let mut rest = Timespec::default();
    // SAFETY: both are this function's.
    match unsafe { nanosleep(&wanted, &mut rest) } {
        0 => 0,
        _ => (rest.seconds + i64::from(rest.nanoseconds > 0)) as u32,
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn usleep(microseconds: u32) -> c_int {
    let wanted = Timespec::from_ns(microseconds as u64 * 1000);
    // SAFETY: it is this function's.
    unsafe { nanosleep(&wanted, core::ptr::null_mut()) }
}

/// `struct itimerval`: interval, then value.
pub type IntervalTimer = [Timeval; 2];

fn timer(which: c_int, new: Option<(u64, u64)>) -> Result<(u64, u64)> {
    if !(0..=2).contains(&which) {
        return Err(Error::BadArgument);
    }
    libc_posix::timer::interval_timer(which as u32, new)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setitimer(
    which: c_int,
    new: *const IntervalTimer,
    old: *mut IntervalTimer,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let new = match new.as_ref() {
            None => None,
            Some([interval, value]) => {
                let both = nanoseconds(&value.to_timespec())
                    .and_then(|value| Ok((value, nanoseconds(&interval.to_timespec())?)));
                match both {
                    Ok(both) => Some(both),
                    Err(error) => return fail(error as c_int),
                }
            }
        };
        status(timer(which, new).map(|(value, interval)| {
            if let Some(old) = old.as_mut() {
                *old = [Timeval::from_ns(interval), Timeval::from_ns(value)];
            }
        }))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getitimer(which: c_int, out: *mut IntervalTimer) -> c_int {
    // SAFETY: the caller's.
    unsafe { setitimer(which, core::ptr::null(), out) }
}

/// POSIX: the seconds that were left, rounded up.
#[unsafe(no_mangle)]
pub extern "C" fn alarm(seconds: u32) -> u32 {
    match timer(0, Some((seconds as u64 * clock::SECOND_NS, 0))) {
        Ok((value, _)) => value.div_ceil(clock::SECOND_NS) as u32,
        Err(_) => 0,
    }
}

/// BSD: the microseconds that were left.
#[unsafe(no_mangle)]
pub extern "C" fn ualarm(value: u32, interval: u32) -> u32 {
    match timer(0, Some((value as u64 * 1000, interval as u64 * 1000))) {
        Ok((left, _)) => (left / 1000) as u32,
        Err(_) => 0,
    }
}

/// `struct timeb`.
#[repr(C)]
pub struct TimeB {
    time: i64,
    milliseconds: u16,
    zone: i16,
    summer: i16,
}

/// BSD, obsolete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftime(out: *mut TimeB) -> c_int {
    let time_ns = libc_rt::kernel::realtime_ns();
    // SAFETY: the caller's.
    unsafe {
        *out = TimeB {
            time: (time_ns / clock::SECOND_NS) as i64,
            milliseconds: (time_ns % clock::SECOND_NS / 1_000_000) as u16,
            zone: 0,
            summer: 0,
        };
    }
    0
}
