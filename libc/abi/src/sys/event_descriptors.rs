//! Counters and timers as descriptors: `eventfd` and `timerfd` (Linux). Reading and writing them are
//! kernel calls. `inotify` is not offered.
//!
//! SAFETY of the C functions here: structures are valid.

use super::support::{Error, Result, Timespec, fail, int, nanoseconds, status};
use core::ffi::c_int;
use kernel_abi::Handle;
use kernel_abi::object::ObjectKind;
use kernel_abi::wait::event_kind;
use libc_posix::timer::MONOTONIC_DEADLINE;
use libc_posix::{clock, descriptor};
use libc_rt::kernel;
use proto::types::open_flags;

const NONBLOCK: c_int = 0o4000;
const CLOEXEC: c_int = 0o2000000;

/// A fresh kernel object as a descriptor with `O_CLOEXEC` and `O_NONBLOCK` as flags ask for.
pub(super) fn as_descriptor(
    made: core::result::Result<Handle, kernel_abi::Error>,
    flags: c_int,
) -> Result<c_int> {
    let fd = descriptor::adopt(made, flags & CLOEXEC != 0)?;
    if flags & NONBLOCK != 0 {
        descriptor::set_status_flags(fd, open_flags::NONBLOCK)?;
    }
    Ok(fd)
}

/// The handle of a descriptor of a kernel object of this kind, or `EINVAL`.
pub(super) fn object(fd: c_int, kind: ObjectKind) -> Result<Handle> {
    let handle = descriptor::handle(fd)?;
    if kernel::handle_info(handle)?.kind == kind as u32 {
        Ok(handle)
    } else {
        Err(Error::BadArgument)
    }
}

/// Linux: a counter.
#[unsafe(no_mangle)]
pub extern "C" fn eventfd(value: u32, flags: c_int) -> c_int {
    const SEMAPHORE: c_int = 1;
    if flags & !(SEMAPHORE | CLOEXEC | NONBLOCK) != 0 {
        return fail(Error::BadArgument as c_int);
    }
    let kind = if flags & SEMAPHORE != 0 {
        event_kind::SEMAPHORE
    } else {
        event_kind::COUNTER
    };
    int(as_descriptor(
        kernel::event_create_counter(kind, value.into()),
        flags,
    ))
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventfd_read(fd: c_int, value: *mut u64) -> c_int {
    let mut bytes = [0; 8];
    status(descriptor::read(fd, &mut bytes).and_then(|count| {
        if count != bytes.len() {
            return Err(Error::BadArgument);
        }
        // SAFETY: the caller's.
        unsafe { *value = u64::from_le_bytes(bytes) };
        Ok(())
    }))
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn eventfd_write(fd: c_int, value: u64) -> c_int {
    status(descriptor::write(fd, &value.to_le_bytes()).map(|_| ()))
}

/// Linux: a timer.
#[unsafe(no_mangle)]
pub extern "C" fn timerfd_create(id: c_int, flags: c_int) -> c_int {
    if flags & !(CLOEXEC | NONBLOCK) != 0 {
        return fail(Error::BadArgument as c_int);
    }
    let make = || as_descriptor(kernel::timer_create(clock::sleep_clock(id)?), flags);
    int(make())
}

/// What is left until a timer expires, and its interval, ns.
fn remaining(timer: Handle) -> Result<[Timespec; 2]> {
    let state = kernel::timer_state(timer)?;
    let left_ns = match state.deadline_ns {
        u64::MAX => 0,
        // An expiry that is due, but not yet delivered, must not read as disarmed.
        deadline_ns => deadline_ns.saturating_sub(state.now_ns).max(1),
    };
    Ok([state.interval_ns, left_ns].map(Timespec::from_ns))
}

/// Linux: sets value and interval. `TFD_TIMER_CANCEL_ON_SET` is refused: the clock's changes are
/// not told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const [Timespec; 2],
    old: *mut [Timespec; 2],
) -> c_int {
    const ABSOLUTE: c_int = 1;
    let set = || -> Result<()> {
        let timer = object(fd, ObjectKind::Timer)?;
        if flags & !ABSOLUTE != 0 {
            return Err(Error::BadArgument);
        }
        // SAFETY: the caller's.
        let [interval, value] = unsafe { new.as_ref() }.ok_or(Error::BadAddress)?;
        let (interval_ns, value_ns) = (nanoseconds(interval)?, nanoseconds(value)?);
        let before = remaining(timer)?;
        match (value_ns, flags & ABSOLUTE != 0) {
            (0, _) => kernel::timer_set(timer, u64::MAX, 0)?,
            (at_ns, true) => {
                kernel::timer_set_with(timer, at_ns.min(u64::MAX - 1), interval_ns, 0)?
            }
            (wait_ns, false) => {
                let deadline_ns = kernel::monotonic_ns().saturating_add(wait_ns);
                kernel::timer_set_with(timer, deadline_ns, interval_ns, MONOTONIC_DEADLINE)?
            }
        }
        // SAFETY: the caller's.
        if let Some(old) = unsafe { old.as_mut() } {
            *old = before;
        }
        Ok(())
    };
    status(set())
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timerfd_gettime(fd: c_int, out: *mut [Timespec; 2]) -> c_int {
    let get = || {
        let found = remaining(object(fd, ObjectKind::Timer)?)?;
        // SAFETY: the caller's.
        *unsafe { out.as_mut() }.ok_or(Error::BadAddress)? = found;
        Ok(())
    };
    status(get())
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
