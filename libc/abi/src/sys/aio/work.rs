//! The requests that are under way, and the threads that carry them out.

use super::ControlBlock;
use crate::sys::notification::{self, SignalEvent};
use crate::sys::support::{Result, bytes, bytes_mut};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel_abi::Handle;
use libc_posix::{clock, descriptor};
use libc_rt::futex::{self, Deadline};
use libc_rt::{Lock, kernel};

/// `si_code` of the end of a request.
pub(super) const SI_ASYNCIO: i64 = -4;
const MOST_THREADS: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
pub(super) struct Group {
    pub left: AtomicU32,
    pub event: SignalEvent,
}

pub(super) struct Request {
    pub block: *mut ControlBlock,
    pub descriptor: c_int,
    /// A handle of the library's own: the program may close its descriptor meanwhile.
    pub handle: Handle,
    pub kind: Kind,
    pub group: *const Group,
    pub runs: bool,
}

pub(super) struct Requests {
    /// In their order.
    pub list: VecDeque<Request>,
    threads: usize,
    idle: usize,
}

// SAFETY: blocks and groups are the library's until their requests are done.
unsafe impl Send for Requests {}

pub(super) static REQUESTS: Lock<Requests> = Lock::new(Requests {
    list: VecDeque::new(),
    threads: 0,
    idle: 0,
});
/// Changes when there may be something to do for a thread.
static WORK: AtomicU32 = AtomicU32::new(0);
/// Changes when a request is done.
pub(super) static DONE: AtomicU32 = AtomicU32::new(0);

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

    pub fn take(&mut self, block: *mut ControlBlock) -> Option<Request> {
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
pub(super) unsafe fn finish(request: Request, result: Result<usize>) {
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
        let until = Deadline::monotonic(clock::deadline_after(PATIENCE_NS));
        let waited = futex::wait(&WORK, change, until);
        let mut requests = REQUESTS.lock();
        requests.idle -= 1;
        if waited == Err(kernel_abi::Error::TimedOut) && WORK.load(Ordering::Acquire) == change {
            requests.threads -= 1;
            return core::ptr::null_mut();
        }
    }
}

/// Makes sure that a thread will look at the list.
pub(super) fn employ() -> Result<()> {
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
