//! POSIX message queues. A queue descriptor is a descriptor.

use libc_rt::Session;
use proto::types::open_flags;
use proto::{Answer, ipc, queue};

use crate::{Error, Result, descriptor};

/// A queue's shape and filling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Most messages.
    pub maximum: u64,
    /// Most bytes of a message.
    pub size: u64,
    /// Messages that are there.
    pub count: u64,
}

/// The name of a queue as the server has it: after its slash (POSIX leaves the rest open).
fn plain_name(name: &[u8]) -> Result<&[u8]> {
    let name = name.strip_prefix(b"/").ok_or(Error::BadArgument)?;
    match name {
        [] => Err(Error::NotFound),
        _ if name.len() > 255 => Err(Error::NameTooLong),
        _ if name.contains(&b'/') => Err(Error::AccessDenied),
        _ => Ok(name),
    }
}

/// `mq_open`. `shape` is most messages and most bytes of one.
pub fn open(name: &[u8], flags: u32, mode: u32, shape: Option<(u64, u64)>) -> Result<i32> {
    let name = plain_name(name)?;
    let (maximum, size) = shape.unwrap_or((0, 0));
    let session = crate::ipc::session()?.giving_descriptors(true);
    let answer = ipc::open_queue(&session, flags, mode, maximum, size, name, &[])?;
    let made = answer.handles[0].0 as i32;
    if flags & open_flags::NONBLOCK != 0 {
        descriptor::set_status_flags(made, open_flags::NONBLOCK)?;
    }
    Ok(made)
}

/// `mq_unlink`.
pub fn unlink(name: &[u8]) -> Result<()> {
    ipc::unlink_queue(&crate::ipc::session()?, plain_name(name)?, &[]).map(|_| ())
}

/// A descriptor that is none of a queue is a bad one.
fn of_queue(answer: Result<Answer>) -> Result<Answer> {
    match answer {
        Err(Error::Unsupported | Error::NotSupported | Error::BadMessage) => Err(Error::BadHandle),
        answer => answer,
    }
}

/// The deadline of a call that finds nothing to do: `Err(WouldBlock)` when it must not wait.
fn wait_until(queue: i32, deadline: impl FnOnce() -> Result<u64>) -> Result<u64> {
    if descriptor::status_flags(queue)? & open_flags::NONBLOCK != 0 {
        return Err(Error::WouldBlock);
    }
    deadline()
}

/// `mq_timedsend`. The monotonic deadline is asked for only when the queue is full.
pub fn send(
    queue: i32,
    text: &[u8],
    priority: u32,
    deadline: impl FnOnce() -> Result<u64>,
) -> Result<()> {
    let session: Session = descriptor::session(queue)?;
    match of_queue(queue::put(&session, priority, 0, text, &[])) {
        Err(Error::WouldBlock) => {
            let deadline_ns = wait_until(queue, deadline)?;
            of_queue(queue::put(&session, priority, deadline_ns, text, &[])).map(|_| ())
        }
        result => result.map(|_| ()),
    }
}

/// `mq_timedreceive`: length and priority. As [`send`].
pub fn receive(
    queue: i32,
    text: &mut [u8],
    deadline: impl FnOnce() -> Result<u64>,
) -> Result<(usize, u32)> {
    let session: Session = descriptor::session(queue)?;
    let answer = match of_queue(queue::take(&session, 0, text, &[])) {
        Err(Error::WouldBlock) => {
            let deadline_ns = wait_until(queue, deadline)?;
            of_queue(queue::take(&session, deadline_ns, text, &[]))
        }
        result => result,
    }?;
    Ok((answer.words[0] as usize, answer.words[1] as u32))
}

/// `mq_getattr`, but for the flags.
pub fn status(queue: i32) -> Result<QueueStatus> {
    let words = of_queue(queue::attributes(&descriptor::session(queue)?, &[]))?.words;
    Ok(QueueStatus {
        maximum: words[0],
        size: words[1],
        count: words[2],
    })
}

/// How a process wants to be told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By a signal with a value.
    Signal(u32, u64),
    /// Not at all; but nobody else is told either.
    Nothing,
    /// By the end of [`await_arrival`].
    Thread,
    /// No more.
    NoMore,
}

/// `mq_notify`.
pub fn notify(queue: i32, told: Told) -> Result<()> {
    let (kind, signal, value) = match told {
        Told::Signal(signal, value) => (0, signal, value),
        Told::Nothing => (1, 0, 0),
        Told::Thread => (2, 0, 0),
        Told::NoMore => (3, 0, 0),
    };
    let session = descriptor::session(queue)?;
    of_queue(queue::notify(&session, kind, signal, value, &[])).map(|_| ())
}

/// Waits for the message that the process has registered for; `Cancelled` when it was told
/// that it need not.
pub fn await_arrival(session: &Session) -> Result<()> {
    queue::await_arrival(session, &[]).map(|_| ())
}
