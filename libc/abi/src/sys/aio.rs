//! Asynchronous transfers (POSIX `<aio.h>`): requests that threads of the library carry out.
//!
//! Requests of one descriptor and direction are carried out in their order, which is what POSIX
//! wants of appending writes and what streams need; `aio_fsync` comes after the writes before it.
//!
//! SAFETY of the C functions here: a control block and its buffer stay as they are until the
//! request is done (POSIX).

use super::notification::{self, SignalEvent, way};
use super::pthread::cancellation_point;
use super::support::{Error, Result, Timespec, bytes, bytes_mut, fail, nanoseconds, status};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights};
use libc_posix::{clock, descriptor};
use libc_rt::{Lock, futex, kernel};

const IN_PROGRESS: i32 = 115;
const CANCELED: c_int = 0;
const NOT_CANCELED: c_int = 1;
const ALL_DONE: c_int = 2;
/// `si_code` of the end of a request.
const SI_ASYNCIO: i64 = -4;
/// `lio_listio`: operations, and modes.
const LIO_READ: c_int = 0;
const LIO_WRITE: c_int = 1;
const LIO_NOP: c_int = 2;
const LIO_WAIT: c_int = 0;
const LIO_NOWAIT: c_int = 1;
/// Most requests of one `lio_listio` (`AIO_LISTIO_MAX`), most that are under way, most threads.
const MOST_IN_LIST: c_int = 64;
const MOST_REQUESTS: usize = 1024;
const MOST_THREADS: usize = 32;
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Sync { data_only: bool },
}

impl Kind {
    /// Whether a request must wait for one before it on the same descriptor.
    fn follows(self, earlier: Kind) -> bool {
        (self == Kind::Read) == (earlier == Kind::Read)
    }
}

/// The requests of one `lio_listio`.
struct Group {
    left: AtomicU32,
    event: SignalEvent,
}

struct Request {
    block: *mut ControlBlock,
    descriptor: c_int,
    /// A handle of the library's own: the program may close its descriptor meanwhile.
    handle: Handle,
    kind: Kind,
    group: *const Group,
    runs: bool,
}

struct Requests {
    /// In their order.
    list: VecDeque<Request>,
    threads: usize,
    idle: usize,
}

// SAFETY: blocks and groups are the library's until their requests are done.
unsafe impl Send for Requests {}

static REQUESTS: Lock<Requests> = Lock::new(Requests {
    list: VecDeque::new(),
    threads: 0,
    idle: 0,
});
/// Changes when there may be something to do for a thread.
static WORK: AtomicU32 = AtomicU32::new(0);
/// Changes when a request is done.
static DONE: AtomicU32 = AtomicU32::new(0);

impl Requests {
    /// Marks the first request that can be carried out now.
    fn start_next(&mut self) -> Option<(*mut ControlBlock, Handle, Kind)> {
        let can_start = |index: usize| {
            let request = self.list.get(index)?;
            let mut earlier = self.list.iter().take(index);
            let waits = earlier.any(|other| {
                other.descriptor == request.descriptor && request.kind.follows(other.kind)
            });
            (!request.runs && !waits).then_some(index)
        };
        let index = (0..self.list.len()).find_map(can_start)?;
        let request = self.list.get_mut(index)?;
        request.runs = true;
        Some((request.block, request.handle, request.kind))
    }

    fn take(&mut self, block: *mut ControlBlock) -> Option<Request> {
        let index = self
            .list
            .iter()
            .position(|request| request.block == block)?;
        self.list.remove(index)
    }
}

/// Carries a request out.
unsafe fn transfer(block: *mut ControlBlock, handle: Handle, kind: Kind) -> Result<usize> {
    // SAFETY: the program leaves the block and its buffer alone.
    unsafe {
        let (buffer, length, offset) = ((*block).buffer, (*block).length, (*block).offset as u64);
        let transferred = match kind {
            Kind::Read => match kernel::read_at(handle, bytes_mut(buffer, length), offset) {
                Err(kernel_abi::Error::NotSeekable) => {
                    kernel::read(handle, bytes_mut(buffer, length))
                }
                result => result,
            },
            Kind::Write => {
                let appends = kernel::status_flags(handle, 0, 0)?
                    & u64::from(kernel_abi::message::status_flags::APPEND)
                    != 0;
                if appends {
                    kernel::write(handle, bytes(buffer, length))
                } else {
                    match kernel::write_at(handle, bytes(buffer, length), offset) {
                        Err(kernel_abi::Error::NotSeekable) => {
                            kernel::write(handle, bytes(buffer, length))
                        }
                        result => result,
                    }
                }
            }
            Kind::Sync { data_only } => {
                let session = libc_rt::Session::new(handle);
                proto::file::sync(&session, u32::from(data_only), &[])?;
                Ok(0)
            }
        };
        transferred.map_err(descriptor::transfer_error)
    }
}

/// Ends a request that is no more in the list, and tells who wants to know.
unsafe fn finish(request: Request, result: Result<usize>) {
    // Closing an own handle cannot fail.
    let _ = kernel::handle_close(request.handle);
    // SAFETY: the block is the library's until `error` is set; it is not touched afterwards.
    let event = unsafe {
        let event = (*request.block).event;
        let (value, error) = match result {
            Ok(count) => (count as isize, 0),
            Err(error) => (-1, error as i32),
        };
        (*request.block).result = value;
        (*request.block).error.store(error, Ordering::Release);
        event
    };
    DONE.fetch_add(1, Ordering::Release);
    futex::wake(&DONE, u32::MAX);
    event.tell(SI_ASYNCIO);
    if request.group.is_null() {
        return;
    }
    // SAFETY: the group lives until its last request is done.
    unsafe {
        if (*request.group).left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let group = Box::from_raw(request.group.cast_mut());
            group.event.tell(SI_ASYNCIO);
        }
    }
}

/// How long a thread without work stays.
const PATIENCE_NS: u64 = 1_000_000_000;

extern "C" fn work(_: *mut c_void) -> *mut c_void {
    loop {
        let change = WORK.load(Ordering::Acquire);
        let next = REQUESTS.lock().start_next();
        if let Some((block, handle, kind)) = next {
            // SAFETY: the request is this thread's.
            unsafe {
                let result = transfer(block, handle, kind);
                let request = REQUESTS.lock().take(block);
                WORK.fetch_add(1, Ordering::Release);
                futex::wake(&WORK, 1);
                if let Some(request) = request {
                    finish(request, result);
                }
            }
            continue;
        }
        REQUESTS.lock().idle += 1;
        let until = clock::deadline_after(PATIENCE_NS);
        let waited = futex::wait(&WORK, change, Some(until));
        let mut requests = REQUESTS.lock();
        requests.idle -= 1;
        if waited == Err(kernel_abi::Error::TimedOut) && WORK.load(Ordering::Acquire) == change {
            requests.threads -= 1;
            return core::ptr::null_mut();
        }
    }
}

/// Makes sure that a thread will look at the list.
fn employ() -> Result<()> {
    const QUIET: SignalEvent = SignalEvent::nothing();
    let starts = {
        let mut requests = REQUESTS.lock();
        let starts = requests.idle == 0 && requests.threads < MOST_THREADS;
        requests.threads += usize::from(starts);
        starts
    };
    WORK.fetch_add(1, Ordering::Release);
    futex::wake(&WORK, 1);
    if starts {
        // SAFETY: the routine takes no argument.
        unsafe { notification::start(&QUIET, work, core::ptr::null_mut()) }.inspect_err(|_| {
            REQUESTS.lock().threads -= 1;
        })?;
    }
    Ok(())
}

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
fn wait_for(mut holds: impl FnMut() -> bool, deadline: Option<u64>) -> Result<()> {
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
            None => None,
            Some(Ok(wait_ns)) => Some(clock::deadline_after(wait_ns)),
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
                wait_for(all_done, None)
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
