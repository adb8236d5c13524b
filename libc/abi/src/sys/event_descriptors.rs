//! Linux's descriptors that stand for events: timers; and those that are not offered (`eventfd`,
//! `signalfd`, `inotify`).
//!
//! SAFETY of the C functions here: structures are valid.

use super::support::{Error, Result, Timespec, fail, int, nanoseconds, status};
use core::ffi::c_int;
use libc_posix::{clock, descriptor};
use libc_rt::kernel;

/// Linux: a timer as a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn timerfd_create(id: c_int, flags: c_int) -> c_int {
    const NONBLOCK: c_int = 0o4000;
    const CLOEXEC: c_int = 0o2000000;
    let make = || {
        let fd = descriptor::adopt(
            kernel::timer_create(clock::sleep_clock(id)?),
            flags & CLOEXEC != 0,
        )?;
        if flags & NONBLOCK != 0 {
            descriptor::set_status_flags(fd, NONBLOCK as u32)?;
        }
        Ok(fd)
    };
    int(make())
}

/// Linux: value and interval; the old ones are not told by the kernel and read as zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const [Timespec; 2],
    old: *mut [Timespec; 2],
) -> c_int {
    const ABSOLUTE: c_int = 1;
    let set = || -> Result<()> {
        // SAFETY: the caller's.
        let [interval, value] = unsafe { &*new };
        let (interval, value) = (nanoseconds(interval)?, nanoseconds(value)?);
        let deadline = match value {
            0 => u64::MAX,
            value if flags & ABSOLUTE != 0 => value,
            value => clock::deadline_after(value),
        };
        Ok(kernel::timer_set(
            descriptor::handle(fd)?,
            deadline,
            interval,
        )?)
    };
    // SAFETY: the caller's.
    if let Some(old) = unsafe { old.as_mut() } {
        *old = [Timespec::default(); 2];
    }
    status(set())
}

/// Linux: the kernel does not tell what is left.
#[unsafe(no_mangle)]
pub extern "C" fn timerfd_gettime(_fd: c_int, _out: *mut [Timespec; 2]) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: needs a counter object that the kernel does not have.
#[unsafe(no_mangle)]
pub extern "C" fn eventfd(_value: u32, _flags: c_int) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: signals are upcalls here, and cannot be read.
#[unsafe(no_mangle)]
pub extern "C" fn signalfd(_fd: c_int, _set: *const u64, _flags: c_int) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: no server tells of changes to files.
#[unsafe(no_mangle)]
pub extern "C" fn inotify_init1(_flags: c_int) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: no server tells of changes to files.
#[unsafe(no_mangle)]
pub extern "C" fn inotify_init() -> c_int {
    inotify_init1(0)
}

/// Linux: there are no descriptors to call this with.
#[unsafe(no_mangle)]
pub extern "C" fn inotify_add_watch(_fd: c_int, _path: *const i8, _mask: u32) -> c_int {
    fail(Error::BadArgument as c_int)
}

/// Linux: there are no descriptors to call this with.
#[unsafe(no_mangle)]
pub extern "C" fn inotify_rm_watch(_fd: c_int, _watch: c_int) -> c_int {
    fail(Error::BadArgument as c_int)
}
