//! Waiting for descriptors: `poll`, `select`, `epoll`.
//!
//! SAFETY of the C functions here: arrays have the lengths given, sets are valid.

use super::support::{Error, Result, Timespec, Timeval, fail, int, nanoseconds, status};
use alloc::vec::Vec;
use core::ffi::c_int;
use kernel_abi::wait::{FOREVER, NOW, WaitItem, WaitReport, wait_flags};
use kernel_abi::{Call, Handle, Signals};
use libc_posix::{clock, descriptor};
use libc_rt::kernel;

/// `struct pollfd`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct PollItem {
    fd: c_int,
    events: i16,
    revents: i16,
}

const POLLNVAL: i16 = 0x20;

/// Kernel signals and the bits of `poll` that mean the same; a signal's first bits are reported
/// only when asked for, those of the last three always.
const BITS: [(Signals, i16); 6] = [
    (Signals::READABLE, 0x41),
    (Signals::WRITABLE, 0x104),
    (Signals::PRIORITY, 0x82),
    (Signals::PEER_SHUTDOWN, 0x2000),
    (Signals::PEER_CLOSED, 0x10),
    (Signals::ERROR, 0x08),
];
const ALWAYS: i16 = 0x18;

fn to_signals(events: i16) -> u32 {
    let wanted = events | ALWAYS;
    BITS.iter()
        .filter(|(_, bits)| wanted & bits != 0)
        .fold(0, |sum, (signal, _)| sum | signal.0)
}

fn to_events(raised: u32, asked: i16) -> i16 {
    let all = BITS.iter().filter(|(signal, _)| raised & signal.0 != 0);
    all.fold(0, |sum, (_, bits)| sum | bits) & (asked | ALWAYS)
}

/// Waits for items until the monotonic deadline, with another signal mask if one is given.
fn wait(items: &mut [WaitItem], deadline_ns: u64, mask: Option<u64>) -> Result<usize> {
    let mask_address = mask
        .as_ref()
        .map_or(0, |mask| core::ptr::from_ref(mask) as u64);
    // SAFETY: the kernel writes only into the items and reads the mask.
    let count = unsafe {
        kernel_stubs::raw::call4(
            Call::Wait,
            items.as_mut_ptr() as u64,
            items.len() as u64,
            deadline_ns,
            mask_address,
        )
    };
    match count {
        Ok(count) => Ok(count as usize),
        Err(kernel_abi::Error::TimedOut) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Items on the stack up to this many; more need an allocation.
const FEW: usize = 16;

fn poll_items(list: &mut [PollItem], deadline_ns: u64, mask: Option<u64>) -> Result<i32> {
    let mut few = [WaitItem::default(); FEW];
    let mut many = Vec::new();
    let items = if list.len() <= FEW {
        &mut few[..]
    } else {
        many.try_reserve_exact(list.len())
            .map_err(|_| Error::NoMemory)?;
        many.resize(list.len(), WaitItem::default());
        &mut many[..]
    };
    let mut used = 0;
    for entry in list.iter_mut().filter(|entry| entry.fd >= 0) {
        items[used] = WaitItem {
            handle: entry.fd as u32,
            signals: to_signals(entry.events),
            ..WaitItem::default()
        };
        used += 1;
    }
    wait(&mut items[..used], deadline_ns, mask)?;
    let mut answered = items[..used].iter();
    let mut count = 0;
    for entry in list {
        entry.revents = 0;
        if entry.fd < 0 {
            continue;
        }
        let Some(item) = answered.next() else { break };
        entry.revents = match item.error {
            0 => to_events(item.raised, entry.events),
            _ => POLLNVAL,
        };
        count += i32::from(entry.revents != 0);
    }
    Ok(count)
}

unsafe fn list<'a>(items: *mut PollItem, count: u64) -> &'a mut [PollItem] {
    if count == 0 {
        return &mut [];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts_mut(items, count as usize) }
}

/// The deadline of a timeout in milliseconds; negative = never.
fn deadline_of(timeout_ms: c_int) -> u64 {
    match timeout_ms {
        0 => NOW,
        negative if negative < 0 => FOREVER,
        wait_ms => clock::deadline_after(wait_ms as u64 * 1_000_000),
    }
}

/// The deadline of a timeout; none = never.
fn deadline_after(timeout: Option<&Timespec>) -> Result<u64> {
    Ok(match timeout.map(nanoseconds).transpose()? {
        None => FOREVER,
        Some(0) => NOW,
        Some(wait_ns) => clock::deadline_after(wait_ns),
    })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn poll(items: *mut PollItem, count: u64, timeout_ms: c_int) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    int(poll_items(
        unsafe { list(items, count) },
        deadline_of(timeout_ms),
        None,
    ))
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ppoll(
    items: *mut PollItem,
    count: u64,
    timeout: *const Timespec,
    mask: *const super::signal::SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let mask = mask.as_ref().map(|set| set[0]);
        int(deadline_after(timeout.as_ref())
            .and_then(|deadline| poll_items(list(items, count), deadline, mask)))
    }
}

/// `fd_set`.
pub type DescriptorSet = [u64; 16];

const SETSIZE: usize = 1024;
const READ_BITS: i16 = 0x1;
const WRITE_BITS: i16 = 0x4;
const EXCEPT_BITS: i16 = 0x2;

fn has(set: &Option<&mut DescriptorSet>, fd: usize) -> bool {
    set.as_ref()
        .is_some_and(|set| set[fd / 64] >> (fd % 64) & 1 != 0)
}

fn select_sets(
    count: c_int,
    mut sets: [Option<&mut DescriptorSet>; 3],
    deadline_ns: u64,
    mask: Option<u64>,
) -> Result<i32> {
    let count = usize::try_from(count)
        .map_err(|_| Error::BadArgument)?
        .min(SETSIZE);
    const WANTED: [i16; 3] = [READ_BITS, WRITE_BITS, EXCEPT_BITS];
    let mut list = Vec::new();
    for fd in 0..count {
        let events = (0..3)
            .filter(|which| has(&sets[*which], fd))
            .fold(0, |sum, which| sum | WANTED[which]);
        if events != 0 {
            list.try_reserve(1).map_err(|_| Error::NoMemory)?;
            list.push(PollItem {
                fd: fd as c_int,
                events,
                revents: 0,
            });
        }
    }
    poll_items(&mut list, deadline_ns, mask)?;
    if list.iter().any(|item| item.revents & POLLNVAL != 0) {
        return Err(Error::BadHandle);
    }
    for set in sets.iter_mut().flatten() {
        set[..count.div_ceil(64)].fill(0);
    }
    let mut total = 0;
    for item in &list {
        // A hang-up or an error makes reads and writes return at once: both are ready.
        let ready = [
            item.revents & (READ_BITS | ALWAYS) != 0,
            item.revents & (WRITE_BITS | 0x8) != 0,
            item.revents & EXCEPT_BITS != 0,
        ];
        for which in 0..3 {
            if ready[which]
                && item.events & WANTED[which] != 0
                && let Some(set) = &mut sets[which]
            {
                set[item.fd as usize / 64] |= 1 << (item.fd % 64);
                total += 1;
            }
        }
    }
    Ok(total)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pselect(
    count: c_int,
    read: *mut DescriptorSet,
    write: *mut DescriptorSet,
    except: *mut DescriptorSet,
    timeout: *const Timespec,
    mask: *const super::signal::SignalSet,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let sets = [read.as_mut(), write.as_mut(), except.as_mut()];
        let mask = mask.as_ref().map(|set| set[0]);
        int(deadline_after(timeout.as_ref())
            .and_then(|deadline| select_sets(count, sets, deadline, mask)))
    }
}

/// POSIX; the timeout is left as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn select(
    count: c_int,
    read: *mut DescriptorSet,
    write: *mut DescriptorSet,
    except: *mut DescriptorSet,
    timeout: *mut Timeval,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let timeout = timeout.as_ref().map(|timeout| {
            let microseconds = timeout.microseconds;
            Timespec {
                seconds: timeout.seconds + microseconds / 1_000_000,
                nanoseconds: microseconds % 1_000_000 * 1000,
            }
        });
        let timeout = timeout
            .as_ref()
            .map_or(core::ptr::null(), core::ptr::from_ref);
        pselect(count, read, write, except, timeout, core::ptr::null())
    }
}

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
    int(low(kernel::wait_set_create(), flags & CLOEXEC != 0))
}

/// A fresh handle as the lowest free descriptor.
pub(super) fn low(
    made: core::result::Result<Handle, kernel_abi::Error>,
    close_on_exec: bool,
) -> Result<i32> {
    let made = made?;
    if made.0 < Handle::HIGH_BASE {
        let fd = made.0 as i32;
        descriptor::set_close_on_exec(fd, close_on_exec)?;
        return Ok(fd);
    }
    let flags = kernel_abi::object::handle_flags::CLOSE_ON_EXEC * u64::from(close_on_exec);
    let moved = kernel::handle_duplicate(made, 0, kernel_abi::Rights::ALL, flags);
    kernel::handle_close(made)?;
    Ok(moved?.0 as i32)
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

/// Linux: a timer as a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn timerfd_create(id: c_int, flags: c_int) -> c_int {
    const NONBLOCK: c_int = 0o4000;
    const CLOEXEC: c_int = 0o2000000;
    let make = || {
        let fd = low(
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
