//! Many requests at once (`lio_listio`).
//!
//! SAFETY of the C functions here: as for single requests.

use super::work::{Group, Kind, SI_ASYNCIO};
use super::{ControlBlock, aio_error, is_under_way, submit, wait_for};
use crate::sys::notification::SignalEvent;
use crate::sys::support::{Error, Result, fail, status};
use alloc::boxed::Box;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex::Deadline;

/// Operations, and modes.
const LIO_READ: c_int = 0;
const LIO_WRITE: c_int = 1;
const LIO_NOP: c_int = 2;
const LIO_WAIT: c_int = 0;
const LIO_NOWAIT: c_int = 1;
/// Most requests of one list (`AIO_LISTIO_MAX`).
const MOST_IN_LIST: c_int = 64;

/// Starts what a list wants: whether all of it could be.
unsafe fn submit_all(blocks: &[*mut ControlBlock], group: *const Group) -> Result<()> {
    let mut result = Ok(());
    for &block in blocks {
        // SAFETY: the caller's.
        let kind = match unsafe { block.as_ref() }.map(|block| block.operation) {
            Some(LIO_READ) => Kind::Read,
            Some(LIO_WRITE) => Kind::Write,
            _ => continue,
        };
        // SAFETY: the group has a place for each of them.
        unsafe {
            if let Some(group) = group.as_ref() {
                group.left.fetch_add(1, Ordering::Relaxed);
            }
            if let Err(error) = submit(block, kind, group) {
                (*block).result = -1;
                (*block).error.store(error as i32, Ordering::Relaxed);
                result = Err(match error {
                    Error::WouldBlock => Error::WouldBlock,
                    _ => Error::Io,
                });
                if let Some(group) = group.as_ref() {
                    group.left.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
    result
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lio_listio(
    mode: c_int,
    list: *const *mut ControlBlock,
    count: c_int,
    event: *const SignalEvent,
) -> c_int {
    if !(0..=MOST_IN_LIST).contains(&count) || (mode != LIO_WAIT && mode != LIO_NOWAIT) {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    unsafe {
        let blocks = match count {
            0 => &[][..],
            count => core::slice::from_raw_parts(list, count as usize),
        };
        let known = |block: &&*mut ControlBlock| {
            block
                .as_ref()
                .is_none_or(|block| (LIO_READ..=LIO_NOP).contains(&block.operation))
        };
        if blocks.iter().filter(known).count() != blocks.len() {
            return fail(Error::BadArgument as c_int);
        }
        if mode == LIO_WAIT {
            let started = submit_all(blocks, core::ptr::null());
            let all_done = || !blocks.iter().any(|block| is_under_way(*block));
            return status(
                wait_for(all_done, Deadline::NEVER)
                    .and(started)
                    .and_then(|()| failed(blocks)),
            );
        }
        let event = event.as_ref().copied().unwrap_or(SignalEvent::nothing());
        // One more than its requests, until all of them have been started.
        let left = AtomicU32::new(1);
        let group = Box::into_raw(Box::new(Group { left, event }));
        let started = submit_all(blocks, group);
        if (*group).left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let group = Box::from_raw(group);
            group.event.tell(SI_ASYNCIO);
        }
        status(started)
    }
}

/// `Io` when a request of the list has failed.
unsafe fn failed(blocks: &[*mut ControlBlock]) -> Result<()> {
    let failed = |block: &&*mut ControlBlock| {
        // SAFETY: the caller's.
        unsafe {
            block
                .as_ref()
                .is_some_and(|one| one.operation != LIO_NOP && aio_error(one) != 0)
        }
    };
    match blocks.iter().filter(failed).count() {
        0 => Ok(()),
        _ => Err(Error::Io),
    }
}
