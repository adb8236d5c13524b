//! Waiting for many descriptors that stay the same: `epoll` is a wait set of the kernel.
//!
//! SAFETY of the C functions here: events are valid, arrays have the lengths given.

use super::poll::{deadline_of, to_events, to_signals};
use super::support::{Error, Result, fail, int, status};
use core::ffi::c_int;
use kernel_abi::Signals;
use kernel_abi::wait::{WaitReport, wait_flags};
use libc_posix::descriptor;
use libc_rt::kernel;

/// `struct epoll_event`, packed on this architecture.
#[derive(Clone, Copy)]
#[repr(C, packed)]
pub struct EpollEvent {
    events: u32,
    data: u64,
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn epoll_create1(flags: c_int) -> c_int {
    const CLOEXEC: c_int = 0o2000000;
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

const EPOLLONESHOT: u32 = 1 << 30;
const EPOLLET: u32 = 1 << 31;

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_ctl(
    set: c_int,
    operation: c_int,
    fd: c_int,
    event: *const EpollEvent,
) -> c_int {
    const DELETE: c_int = 2;
    let change = || -> Result<()> {
        let (set, handle) = (descriptor::handle(set)?, descriptor::handle(fd)?);
        if operation == DELETE {
            return Ok(kernel::wait_set_change(set, handle, Signals::NONE, 0, 0)?);
        }
        if event.is_null() {
            return Err(Error::BadAddress);
        }
        // SAFETY: the caller's.
        let EpollEvent { events, data } = unsafe { *event };
        let mut flags = 0;
        if events & EPOLLET != 0 {
            flags |= wait_flags::EDGE;
        }
        if events & EPOLLONESHOT != 0 {
            flags |= wait_flags::ONE_SHOT;
        }
        let signals = Signals(to_signals(events as i16));
        Ok(kernel::wait_set_change(set, handle, signals, data, flags)?)
    };
    status(change())
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
    const MOST: usize = 64;
    if room <= 0 {
        return fail(Error::BadArgument as c_int);
    }
    let mut reports = [WaitReport::default(); MOST];
    let room = (room as usize).min(MOST);
    let taken = descriptor::handle(set).and_then(|set| {
        match kernel::wait_set_wait(set, &mut reports[..room], deadline_of(timeout_ms)) {
            Err(kernel_abi::Error::TimedOut) => Ok(0),
            result => Ok(result?),
        }
    });
    int(taken.map(|count| {
        for (index, report) in reports.iter().enumerate().take(count) {
            let event = EpollEvent {
                // A report names only signals that were asked for.
                events: to_events(report.raised, -1) as u16 as u32,
                data: report.cookie,
            };
            // SAFETY: the caller's array has `room` entries.
            unsafe { events.add(index).write_unaligned(event) };
        }
        count as i32
    }))
}

/// Linux: with another signal mask meanwhile. The mask changes in steps of their own here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait(
    set: c_int,
    events: *mut EpollEvent,
    room: c_int,
    timeout_ms: c_int,
    mask: *const super::signal::SignalSet,
) -> c_int {
    use kernel_abi::process::mask_how;
    // SAFETY: the caller's.
    unsafe {
        let Some(mask) = mask.as_ref() else {
            return epoll_wait(set, events, room, timeout_ms);
        };
        let before = match super::signal::change_mask(mask_how::SET, mask[0]) {
            Ok(before) => before,
            Err(error) => return fail(error as c_int),
        };
        let result = epoll_wait(set, events, room, timeout_ms);
        super::process::keep_errno(|| super::signal::change_mask(mask_how::SET, before)).ok();
        result
    }
}
