//! Waiting for descriptors: `poll`, and what `select` and `epoll` share with it.
//!
//! SAFETY of the C functions here: arrays have the lengths given, sets are valid.

use super::support::{Error, Result, Timespec, int, nanoseconds};
use alloc::vec::Vec;
use core::ffi::c_int;
use kernel_abi::wait::{FOREVER, NOW, WaitItem};
use kernel_abi::{Call, Signals};
use libc_posix::clock;

/// `struct pollfd`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct PollItem {
    pub(super) fd: c_int,
    pub(super) events: i16,
    pub(super) revents: i16,
}

/// The descriptor is not open.
pub(super) const POLLNVAL: i16 = 0x20;

/// Kernel signals and the bits of `poll` that mean the same; a signal's first bits are reported
/// only when asked for, those of the last three always.
const BITS: [(Signals, i16); 7] = [
    (Signals::READABLE, 0x41),
    // A process that has ended can be waited for.
    (Signals::TERMINATED, 0x41),
    (Signals::WRITABLE, 0x104),
    (Signals::PRIORITY, 0x82),
    (Signals::PEER_SHUTDOWN, 0x2000),
    (Signals::PEER_CLOSED, 0x10),
    (Signals::ERROR, 0x08),
];
/// Bits reported without being asked for: `POLLERR`, `POLLHUP`.
pub(super) const ALWAYS: i16 = 0x18;

const fn signals_of(events: i16) -> u32 {
    let wanted = events | ALWAYS;
    let (mut sum, mut index) = (0, 0);
    while index < BITS.len() {
        let (signal, bits) = BITS[index];
        if wanted & bits != 0 {
            sum |= signal.0;
        }
        index += 1;
    }
    sum
}

/// The kernel signals that the bits of `poll` mean.
pub(super) fn to_signals(events: i16) -> u32 {
    // What nearly every program asks for is looked up.
    const IN: i16 = 1;
    const OUT: i16 = 4;
    match events {
        IN => const { signals_of(IN) },
        OUT => const { signals_of(OUT) },
        other => signals_of(other),
    }
}

/// The bits of `poll` that raised kernel signals mean, of those asked for.
pub(super) fn to_events(raised: u32, asked: i16) -> i16 {
    if raised == 0 {
        return 0;
    }
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

/// `poll` until the monotonic deadline: how many entries have something to tell.
pub(super) fn poll_items(
    list: &mut [PollItem],
    deadline_ns: u64,
    mask: Option<u64>,
) -> Result<i32> {
    let (mut few, mut many) = ([WaitItem::default(); FEW], Vec::new());
    let items = if list.len() <= FEW {
        &mut few[..]
    } else {
        many.try_reserve_exact(list.len())
            .map_err(|_| Error::NoMemory)?;
        many.resize(list.len(), WaitItem::default());
        &mut many[..]
    };
    let mut used = 0;
    for entry in list.iter_mut() {
        entry.revents = 0;
        if entry.fd >= 0
            && let Some(place) = items.get_mut(used)
        {
            place.handle = entry.fd as u32;
            place.signals = to_signals(entry.events);
            used += 1;
        }
    }
    // Mostly few are ready; none of them is often all that is to be known.
    match wait(&mut items[..used], deadline_ns, mask)? {
        0 => Ok(0),
        _ => Ok(take_answers(list, &items[..used])),
    }
}

/// Turns the kernel's answers into events of the entries that are open: how many have any.
fn take_answers(list: &mut [PollItem], items: &[WaitItem]) -> i32 {
    let open = list.iter_mut().filter(|entry| entry.fd >= 0);
    let mut count = 0;
    for (entry, item) in open.zip(items) {
        entry.revents = match item.error {
            0 => to_events(item.raised, entry.events),
            _ => POLLNVAL,
        };
        count += i32::from(entry.revents != 0);
    }
    count
}

unsafe fn list<'a>(items: *mut PollItem, count: u64) -> &'a mut [PollItem] {
    if count == 0 {
        return &mut [];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts_mut(items, count as usize) }
}

/// The deadline of a timeout in milliseconds; negative = never.
pub(super) fn deadline_of(timeout_ms: c_int) -> u64 {
    match timeout_ms {
        0 => NOW,
        negative if negative < 0 => FOREVER,
        wait_ms => clock::deadline_after(wait_ms as u64 * 1_000_000),
    }
}

/// The deadline of a timeout; none = never.
pub(super) fn deadline_after(timeout: Option<&Timespec>) -> Result<u64> {
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
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let mask = mask.as_ref().map(|set| set[0]);
        int(deadline_after(timeout.as_ref())
            .and_then(|deadline| poll_items(list(items, count), deadline, mask)))
    }
}
