//! POSIX message queues (`<mqueue.h>`).
//!
//! SAFETY of the C functions here: structures are valid, variable arguments are those of
//! `mq_open`.

use crate::sys::notification::{self, SignalEvent, way};
use crate::sys::pthread::cancellation_point;
use crate::sys::support::{
    Error, Result, Timespec, bytes, bytes_mut, int, long, nanoseconds, status, text,
};
use core::ffi::{VaList, c_char, c_int, c_void};
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights};
use libc_posix::queue::{self, Told};
use libc_posix::{clock, descriptor};
use libc_rt::{Session, kernel};
use proto::types::open_flags;

/// `struct mq_attr`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct QueueAttributes {
    flags: i64,
    maximum: i64,
    size: i64,
    count: i64,
    reserved: [i64; 4],
}

unsafe fn open(name: *const c_char, flags: c_int, rest: &mut VaList<'_>) -> Result<i32> {
    let flags = flags as u32;
    let (mut mode, mut shape) = (0, None);
    // SAFETY: the caller's: both arguments are there when a queue may be made.
    unsafe {
        if flags & open_flags::CREATE != 0 {
            mode = rest.arg::<u32>();
            if let Some(attributes) = rest.arg::<*const QueueAttributes>().as_ref() {
                if attributes.maximum <= 0 || attributes.size <= 0 {
                    return Err(Error::BadArgument);
                }
                shape = Some((attributes.maximum as u64, attributes.size as u64));
            }
        }
        queue::open(text(name), flags, mode, shape)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_open(name: *const c_char, flags: c_int, mut rest: ...) -> c_int {
    // SAFETY: the caller's.
    int(unsafe { open(name, flags, &mut rest) })
}

/// POSIX. The process's own registration ends.
#[unsafe(no_mangle)]
pub extern "C" fn mq_close(queue: c_int) -> c_int {
    status(queue::notify(queue, Told::NoMore).and_then(|()| descriptor::close(queue)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's.
    status(queue::unlink(unsafe { text(name) }))
}

/// The monotonic deadline of a real time; none = never.
unsafe fn deadline(at: *const Timespec) -> Result<u64> {
    const REALTIME: c_int = 0;
    // SAFETY: the caller's.
    match unsafe { at.as_ref() } {
        None => Ok(u64::MAX),
        // 0 would mean not to wait at all, where a deadline that has passed is to be told.
        Some(at) => clock::deadline_at(REALTIME, nanoseconds(at)?).map(|at_ns| at_ns.max(1)),
    }
}

/// Lets a cancelled thread end where its wait was interrupted.
fn point<T>(result: Result<T>) -> Result<T> {
    if matches!(result, Err(Error::Interrupted)) {
        cancellation_point();
    }
    result
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_timedsend(
    queue: c_int,
    message: *const c_char,
    size: usize,
    priority: u32,
    at: *const Timespec,
) -> c_int {
    cancellation_point();
    // SAFETY: the caller's.
    let text = unsafe { bytes(message.cast(), size) };
    // SAFETY: the caller's.
    status(point(queue::send(queue, text, priority, || unsafe {
        deadline(at)
    })))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_send(
    queue: c_int,
    message: *const c_char,
    size: usize,
    priority: u32,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { mq_timedsend(queue, message, size, priority, core::ptr::null()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_timedreceive(
    queue: c_int,
    message: *mut c_char,
    size: usize,
    priority: *mut u32,
    at: *const Timespec,
) -> isize {
    cancellation_point();
    // SAFETY: the caller's.
    let result = unsafe {
        let text = bytes_mut(message.cast(), size);
        point(queue::receive(queue, text, || deadline(at))).map(|(length, of_message)| {
            if let Some(priority) = priority.as_mut() {
                *priority = of_message;
            }
            length
        })
    };
    long(result)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_receive(
    queue: c_int,
    message: *mut c_char,
    size: usize,
    priority: *mut u32,
) -> isize {
    // SAFETY: the caller's.
    unsafe { mq_timedreceive(queue, message, size, priority, core::ptr::null()) }
}

fn attributes(queue: c_int) -> Result<QueueAttributes> {
    let status = queue::status(queue)?;
    Ok(QueueAttributes {
        flags: i64::from(descriptor::status_flags(queue)? & open_flags::NONBLOCK),
        maximum: status.maximum as i64,
        size: status.size as i64,
        count: status.count as i64,
        reserved: [0; 4],
    })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_getattr(queue: c_int, out: *mut QueueAttributes) -> c_int {
    // SAFETY: the caller's.
    status(attributes(queue).map(|found| unsafe { *out = found }))
}

/// POSIX: only `O_NONBLOCK` can be changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_setattr(
    queue: c_int,
    new: *const QueueAttributes,
    old: *mut QueueAttributes,
) -> c_int {
    // SAFETY: the caller's.
    let change = || unsafe {
        let before = attributes(queue)?;
        if (*new).flags & !i64::from(open_flags::NONBLOCK) != 0 {
            return Err(Error::BadArgument);
        }
        descriptor::set_status_flags(queue, (*new).flags as u32)?;
        if let Some(old) = old.as_mut() {
            *old = before;
        }
        Ok(())
    };
    status(change())
}

/// What a thread that waits for a message needs; its own copy of the session, so that the
/// descriptor may be closed meanwhile.
struct Waiting {
    event: SignalEvent,
    session: Handle,
}

extern "C" fn wait(argument: *mut c_void) -> *mut c_void {
    // SAFETY: `watch` made the box for this thread.
    let waiting = unsafe { alloc::boxed::Box::from_raw(argument.cast::<Waiting>()) };
    let arrived = queue::await_arrival(&Session::new(waiting.session));
    // Closing an own handle cannot fail.
    let _ = kernel::handle_close(waiting.session);
    if arrived.is_ok() {
        waiting.event.call();
    }
    core::ptr::null_mut()
}

/// Starts the thread that waits.
unsafe fn watch(queue: c_int, event: &SignalEvent) -> Result<()> {
    let flags = handle_flags::HIGH | handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK;
    let handle = descriptor::handle(queue)?;
    let session = kernel::handle_duplicate(handle, Handle::HIGH_FREE, Rights::ALL, flags)?;
    let waiting = alloc::boxed::Box::new(Waiting {
        event: *event,
        session,
    });
    let argument = alloc::boxed::Box::into_raw(waiting);
    // SAFETY: the thread takes the box; the caller's attributes.
    if let Err(error) = unsafe { notification::start(event, wait, argument.cast()) } {
        // SAFETY: no thread has it.
        drop(unsafe { alloc::boxed::Box::from_raw(argument) });
        kernel::handle_close(session)?;
        return Err(error);
    }
    Ok(())
}

unsafe fn notify(queue: c_int, event: Option<&SignalEvent>) -> Result<()> {
    let Some(event) = event else {
        return queue::notify(queue, Told::NoMore);
    };
    match event.way() {
        way::SIGNAL => queue::notify(queue, Told::Signal(event.signal()?, event.value() as u64)),
        way::NOTHING => queue::notify(queue, Told::Nothing),
        way::THREAD => {
            queue::notify(queue, Told::Thread)?;
            // SAFETY: the caller's.
            unsafe { watch(queue, event) }.or_else(|error| {
                queue::notify(queue, Told::NoMore)?;
                Err(error)
            })
        }
        _ => Err(Error::BadArgument),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mq_notify(queue: c_int, event: *const SignalEvent) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { notify(queue, event.as_ref()) })
}
