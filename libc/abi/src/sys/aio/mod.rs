//! Asynchronous transfers (POSIX `<aio.h>`): requests that threads of the library carry out.
//!
//! Requests of one descriptor and direction are carried out in their order, which is what POSIX
//! wants of appending writes and what streams need; `aio_fsync` comes after the writes before it.
//!
//! SAFETY of the C functions here: a control block and its buffer stay as they are until the
//! request is done (POSIX).

mod list;
mod work;

use super::notification::{SignalEvent, way};
use super::pthread::cancellation_point;
use super::support::{Error, Result, Timespec, fail, nanoseconds, status};
use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicI32, Ordering};
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights};
use libc_posix::{clock, descriptor};
use libc_rt::futex::{self, Deadline};
use libc_rt::kernel;
use work::{DONE, Group, Kind, REQUESTS, Request, employ, finish};

pub use list::lio_listio;

const IN_PROGRESS: i32 = 115;
const CANCELED: c_int = 0;
const NOT_CANCELED: c_int = 1;
const ALL_DONE: c_int = 2;
/// Most requests that are under way.
const MOST_REQUESTS: usize = 1024;
/// How much a request's priority may be lowered (`AIO_PRIO_DELTA_MAX`).
const MOST_PRIORITY: c_int = 20;
const O_DSYNC: c_int = 0o10000;
const O_SYNC: c_int = 0o4010000;

/// `struct aiocb`, 168 bytes.
#[repr(C)]
pub struct ControlBlock {
    descriptor: c_int,
    operation: c_int,
    priority: c_int,
    buffer: *mut c_void,
    length: usize,
    event: SignalEvent,
    worker: *mut c_void,
    lock: [c_int; 2],
    error: AtomicI32,
    result: isize,
    offset: i64,
    links: [usize; 4],
}

const _: () = assert!(size_of::<ControlBlock>() == 168);

/// Checks a request and puts it into the list.
unsafe fn submit(block: *mut ControlBlock, kind: Kind, group: *const Group) -> Result<()> {
    // SAFETY: the caller's.
    let (fd, event, offset, priority) = unsafe {
        (
            (*block).descriptor,
            (*block).event,
            (*block).offset,
            (*block).priority,
        )
    };
    let access = descriptor::status_flags(fd)? & 3;
    let allowed = match kind {
        Kind::Read => access != 1,
        _ => access != 0,
    };
    if !allowed {
        return Err(Error::BadHandle);
    }
    let is_sync = matches!(kind, Kind::Sync { .. });
    // SAFETY: as above.
    let too_long = unsafe { isize::try_from((*block).length).is_err() };
    if !is_sync && (offset < 0 || too_long || !(0..=MOST_PRIORITY).contains(&priority)) {
        return Err(Error::BadArgument);
    }
    // Signal 0 is none, which is what a block of zeros asks for.
    if event.way() == way::SIGNAL && !event.is_silent() {
        event.signal()?;
    }
    let flags = handle_flags::HIGH | handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK;
    let handle = descriptor::handle(fd)?;
    let handle = kernel::handle_duplicate(handle, Handle::HIGH_FREE, Rights::ALL, flags)?;
    {
        let mut requests = REQUESTS.lock();
        if requests.list.len() >= MOST_REQUESTS {
            drop(requests);
            kernel::handle_close(handle)?;
            return Err(Error::WouldBlock);
        }
        // SAFETY: as above.
        unsafe { (*block).error.store(IN_PROGRESS, Ordering::Relaxed) };
        requests.list.push_back(Request {
            block,
            descriptor: fd,
            handle,
            kind,
            group,
            runs: false,
        });
    }
    employ().inspect_err(|_| {
        let request = REQUESTS.lock().take(block);
        if let Some(request) = request {
            // Closing an own handle cannot fail.
            let _ = kernel::handle_close(request.handle);
        }
    })
}

unsafe fn submit_alone(block: *mut ControlBlock, kind: Kind) -> c_int {
    // SAFETY: the caller's.
    let result = unsafe { submit(block, kind, core::ptr::null()) };
    if let Err(error) = result {
        // SAFETY: as above. What was refused at once is seen by aio_error as well.
        unsafe {
            (*block).result = -1;
            (*block).error.store(error as i32, Ordering::Relaxed);
        }
    }
    status(result)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_read(block: *mut ControlBlock) -> c_int {
    // SAFETY: the caller's.
    unsafe { submit_alone(block, Kind::Read) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_write(block: *mut ControlBlock) -> c_int {
    // SAFETY: the caller's.
    unsafe { submit_alone(block, Kind::Write) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_fsync(operation: c_int, block: *mut ControlBlock) -> c_int {
    let data_only = match operation {
        O_SYNC => false,
        O_DSYNC => true,
        _ => return fail(Error::BadArgument as c_int),
    };
    // SAFETY: the caller's.
    unsafe { submit_alone(block, Kind::Sync { data_only }) }
}

/// POSIX: the request's error, `EINPROGRESS`, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_error(block: *const ControlBlock) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*block).error.load(Ordering::Acquire) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_return(block: *mut ControlBlock) -> isize {
    // SAFETY: the caller's.
    unsafe {
        if (*block).error.load(Ordering::Acquire) == IN_PROGRESS {
            return fail(Error::BadArgument as c_int) as isize;
        }
        (*block).result
    }
}

/// POSIX: requests that a thread has begun are not called off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_cancel(fd: c_int, block: *mut ControlBlock) -> c_int {
    if let Err(error) = descriptor::status_flags(fd) {
        return fail(error as c_int);
    }
    // SAFETY: the caller's.
    if unsafe { block.as_ref() }.is_some_and(|block| block.descriptor != fd) {
        return fail(Error::BadArgument as c_int);
    }
    let mut taken = Vec::new();
    let mut runs = false;
    {
        let mut requests = REQUESTS.lock();
        for request in core::mem::take(&mut requests.list) {
            let is_meant = request.descriptor == fd && (block.is_null() || block == request.block);
            if is_meant && !request.runs {
                taken.push(request);
            } else {
                runs |= is_meant;
                requests.list.push_back(request);
            }
        }
    }
    let answer = match (runs, taken.is_empty()) {
        (true, _) => NOT_CANCELED,
        (false, false) => CANCELED,
        (false, true) => ALL_DONE,
    };
    for request in taken {
        // SAFETY: it is in the list no more.
        unsafe { finish(request, Err(Error::Cancelled)) };
    }
    answer
}

/// Waits until a condition holds that the end of requests brings about.
fn wait_for(mut holds: impl FnMut() -> bool, deadline: Deadline) -> Result<()> {
    cancellation_point();
    loop {
        let change = DONE.load(Ordering::Acquire);
        if holds() {
            return Ok(());
        }
        match futex::wait(&DONE, change, deadline) {
            Err(kernel_abi::Error::TimedOut) => return Err(Error::WouldBlock),
            Err(kernel_abi::Error::Interrupted) => {
                cancellation_point();
                return Err(Error::Interrupted);
            }
            _ => {}
        }
    }
}

unsafe fn is_under_way(block: *const ControlBlock) -> bool {
    // SAFETY: the caller's; null blocks are allowed in lists.
    unsafe { !block.is_null() && aio_error(block) == IN_PROGRESS }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aio_suspend(
    list: *const *const ControlBlock,
    count: c_int,
    limit: *const Timespec,
) -> c_int {
    let Ok(count) = usize::try_from(count) else {
        return fail(Error::BadArgument as c_int);
    };
    // SAFETY: the caller's.
    let result = unsafe {
        let deadline = match limit.as_ref().map(nanoseconds) {
            None => Deadline::NEVER,
            Some(Ok(wait_ns)) => Deadline::monotonic(clock::deadline_after(wait_ns)),
            Some(Err(error)) => return fail(error as c_int),
        };
        let blocks = if count == 0 {
            &[][..]
        } else {
            core::slice::from_raw_parts(list, count)
        };
        let is_done = |block: &*const ControlBlock| !block.is_null() && !is_under_way(*block);
        wait_for(|| blocks.iter().any(is_done), deadline)
    };
    status(result)
}
