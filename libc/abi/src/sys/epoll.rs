//! `epoll`: many descriptors waited for at once (Linux). A set is a kernel object.
//!
//! SAFETY of the C functions here: structures and arrays are valid.

use super::poll::{deadline_of, to_events, to_signals};
use super::support::{Error, Result, Timespec, fail, int, nanoseconds, status};
use core::ffi::c_int;
use kernel_abi::object::ObjectKind;
use kernel_abi::wait::{FOREVER, WaitReport, wait_flags};
use kernel_abi::{Call, Signals};
use libc_posix::{clock, descriptor};
use libc_rt::kernel;

/// `struct epoll_event`, packed on this architecture.
#[derive(Clone, Copy)]
#[repr(C, packed)]
pub struct EpollEvent {
    events: u32,
    data: u64,
}

const CLOEXEC: c_int = 0o2000000;
/// `EPOLLIN`, `EPOLLPRI`, `EPOLLOUT`, `EPOLLERR`, `EPOLLHUP`, `EPOLLRDHUP`: without the bits that mean the
/// same as one of these.
const FIRST_BITS: i16 = 0x201f;
const EPOLLEXCLUSIVE: u32 = 1 << 28;
const EPOLLONESHOT: u32 = 1 << 30;
const EPOLLET: u32 = 1 << 31;

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn epoll_create1(flags: c_int) -> c_int {
    if flags & !CLOEXEC != 0 {
        return fail(Error::BadArgument as c_int);
    }
    int(descriptor::adopt(
        kernel::wait_set_create(),
        flags & CLOEXEC != 0,
    ))
}

/// Linux, obsolete.
#[unsafe(no_mangle)]
pub extern "C" fn epoll_create(size: c_int) -> c_int {
    if size <= 0 {
        return fail(Error::BadArgument as c_int);
    }
    epoll_create1(0)
}

/// Whether a descriptor is a set; otherwise why not.
fn check_set(set: c_int) -> Result<()> {
    let information = kernel::handle_info(descriptor::handle(set)?)?;
    if information.kind == ObjectKind::WaitSet as u32 {
        Ok(())
    } else {
        Err(Error::BadArgument)
    }
}

/// Regular files and directories are always ready, and therefore refused (Linux).
fn check_pollable(fd: c_int) -> Result<()> {
    let information = kernel::handle_info(descriptor::handle(fd)?)?;
    if information.data_kind == ObjectKind::Cursor as u32 {
        return Err(Error::NotPermitted);
    }
    let is_plain_session =
        information.kind == ObjectKind::Session as u32 && information.data_kind == 0;
    if is_plain_session
        && let Ok(attributes) = descriptor::status(fd)
        && matches!(attributes.mode & 0o170000, 0o100000 | 0o040000)
    {
        return Err(Error::NotPermitted);
    }
    Ok(())
}

fn change(set: c_int, operation: c_int, fd: c_int, event: Option<EpollEvent>) -> Result<()> {
    const ADD: c_int = 1;
    const DELETE: c_int = 2;
    const MODIFY: c_int = 3;
    let (handle, target) = (descriptor::handle(set)?, descriptor::handle(fd)?);
    kernel::handle_info(target)?;
    check_set(set)?;
    if operation == DELETE {
        return Ok(kernel::wait_set_change(
            handle,
            target,
            Signals::NONE,
            0,
            0,
        )?);
    }
    let EpollEvent { events, data } = event.ok_or(Error::BadAddress)?;
    let mut flags = match operation {
        ADD => wait_flags::ADD,
        MODIFY if events & EPOLLEXCLUSIVE == 0 => wait_flags::MODIFY,
        _ => return Err(Error::BadArgument),
    };
    if set == fd {
        return Err(Error::BadArgument);
    }
    check_pollable(fd)?;
    if events & EPOLLET != 0 {
        flags |= wait_flags::EDGE;
    }
    if events & EPOLLONESHOT != 0 {
        flags |= wait_flags::ONE_SHOT;
    }
    let signals = Signals(to_signals(events as i16));
    kernel::wait_set_change(handle, target, signals, data, flags).map_err(|error| match error {
        kernel_abi::Error::WrongKind => Error::NotPermitted,
        other => other.into(),
    })
}

/// Linux. `EPOLLEXCLUSIVE` and `EPOLLWAKEUP` are accepted: to wake more waiters than one is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_ctl(
    set: c_int,
    operation: c_int,
    fd: c_int,
    event: *const EpollEvent,
) -> c_int {
    let event = if event.is_null() {
        None
    } else {
        // SAFETY: the caller's; the structure is packed, and need not be aligned.
        Some(unsafe { event.read_unaligned() })
    };
    status(change(set, operation, fd, event))
}

/// Waits with another signal mask, if one is given, until a monotonic deadline.
unsafe fn wait(
    set: c_int,
    events: *mut EpollEvent,
    room: c_int,
    deadline_ns: u64,
    mask: Option<u64>,
) -> Result<i32> {
    const MOST: usize = 64;
    let handle = descriptor::handle(set)?;
    if room <= 0 {
        return Err(Error::BadArgument);
    }
    let mut reports = [WaitReport::default(); MOST];
    let mask_address = mask
        .as_ref()
        .map_or(0, |mask| core::ptr::from_ref(mask) as u64);
    // SAFETY: the kernel writes at most as many reports as there are, and reads the mask.
    let taken = unsafe {
        kernel_stubs::raw::call5(
            Call::WaitSetWait,
            handle.0 as u64,
            reports.as_mut_ptr() as u64,
            (room as usize).min(MOST) as u64,
            deadline_ns,
            mask_address,
        )
    };
    let count = match taken {
        Err(kernel_abi::Error::TimedOut) => 0,
        Err(kernel_abi::Error::WrongKind) => return Err(Error::BadArgument),
        result => result? as usize,
    };
    if events.is_null() && count > 0 {
        return Err(Error::BadAddress);
    }
    for (index, report) in reports.iter().enumerate().take(count) {
        let event = EpollEvent {
            // A report names only signals that were asked for, each by its first bit.
            events: (to_events(report.raised, -1) & FIRST_BITS) as u16 as u32,
            data: report.cookie,
        };
        // SAFETY: the caller's array has `room` entries.
        unsafe { events.add(index).write_unaligned(event) };
    }
    Ok(count as i32)
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_wait(
    set: c_int,
    events: *mut EpollEvent,
    room: c_int,
    timeout_ms: c_int,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    int(unsafe { wait(set, events, room, deadline_of(timeout_ms), None) })
}

/// Linux: with another signal mask meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait(
    set: c_int,
    events: *mut EpollEvent,
    room: c_int,
    timeout_ms: c_int,
    mask: *const super::signal::SignalSet,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let mask = mask.as_ref().map(|set| set[0]);
        int(wait(set, events, room, deadline_of(timeout_ms), mask))
    }
}

/// Linux: with a finer timeout; none is for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait2(
    set: c_int,
    events: *mut EpollEvent,
    room: c_int,
    timeout: *const Timespec,
    mask: *const super::signal::SignalSet,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let mask = mask.as_ref().map(|set| set[0]);
        let deadline = match timeout.as_ref().map(nanoseconds).transpose() {
            Ok(wait_ns) => wait_ns.map_or(FOREVER, clock::deadline_after),
            Err(error) => return fail(error as c_int),
        };
        int(wait(set, events, room, deadline, mask))
    }
}
