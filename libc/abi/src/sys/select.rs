//! Waiting for descriptors in sets: `select`, `pselect`.
//!
//! SAFETY of the C functions here: the sets are valid.

use super::poll::{ALWAYS, POLLNVAL, PollItem, deadline_after, poll_items};
use super::support::{Error, Result, Timespec, Timeval, int};
use alloc::vec::Vec;
use core::ffi::c_int;

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
