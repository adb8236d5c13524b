//! System V objects: shared memory, semaphores, message queues.

use core::sync::atomic::{AtomicU32, Ordering};

use kernel_abi::Handle;
use libc_rt::{Session, kernel};
use proto::ipc;
use proto::types::{ObjectStatus, Plain, open_flags};

use crate::{Error, Result, names};

const DEVICE: &[u8] = b"/dev/ipc";
/// The session of the device, once it is needed; it passes to children.
static SESSION: AtomicU32 = AtomicU32::new(Handle::NONE.0);

/// The session with the server of these objects.
pub fn session() -> Result<Session> {
    let known = SESSION.load(Ordering::Acquire);
    if known != Handle::NONE.0 {
        return Ok(Session::new(Handle(known)));
    }
    let made = names::open_high(names::WORKING_DIRECTORY, DEVICE, open_flags::READ_WRITE)?;
    let none = Handle::NONE.0;
    match SESSION.compare_exchange(none, made.0, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(Session::new(made)),
        Err(others) => {
            // Another thread was faster.
            kernel::handle_close(made)?;
            Ok(Session::new(Handle(others)))
        }
    }
}

/// The id of the object of a kind (`types::object_kind`) with a key, made if `flags` say so.
pub fn get(kind: u32, key: i32, size: u64, flags: u32) -> Result<u32> {
    let answer = ipc::get(&session()?, kind, u64::from(key as u32), size, flags, &[])?;
    Ok(answer.words[0] as u32)
}

/// What there is to tell of an object. See [`ipc::status`].
pub fn status(kind: u32, id: u32, by_index: u32) -> Result<ObjectStatus> {
    let mut bytes = [0; ObjectStatus::SIZE];
    ipc::status(&session()?, kind, u64::from(id), by_index, &mut bytes, &[])?;
    ObjectStatus::decode(&bytes).ok_or(Error::BadMessage)
}

/// `IPC_SET`.
pub fn change(kind: u32, id: u32, owner: (u32, u32), mode: u32, limit: u64) -> Result<()> {
    let owner = u64::from(owner.0) << 32 | u64::from(owner.1);
    ipc::change(&session()?, kind, u64::from(id), owner, mode, limit, &[]).map(|_| ())
}

/// `IPC_RMID`.
pub fn remove(kind: u32, id: u32) -> Result<()> {
    ipc::remove(&session()?, kind, u64::from(id), &[]).map(|_| ())
}

/// Figures of all objects of a kind. See [`ipc::figures`].
pub fn figures(kind: u32) -> Result<[u64; 4]> {
    let words = ipc::figures(&session()?, kind, &[])?.words;
    Ok([words[0], words[1], words[2], words[3]])
}

/// A segment's memory, and its length.
pub fn attach(id: u32, read_only: bool) -> Result<(Handle, u64)> {
    let answer = ipc::attach(&session()?, u64::from(id), u32::from(read_only), &[])?;
    Ok((answer.handles[0], answer.words[0]))
}

/// Tells that a segment was unmapped.
pub fn detach(id: u32) -> Result<()> {
    ipc::detach(&session()?, u64::from(id), &[]).map(|_| ())
}

/// `semtimedop` until a monotonic deadline. `operations` are `struct sembuf`s.
pub fn operate(id: u32, operations: &[u8], deadline_ns: u64) -> Result<()> {
    let session = session()?;
    let operate = || ipc::operate(&session, u64::from(id), deadline_ns, operations, &[]);
    match operate() {
        // The first `SEM_UNDO` of this process: the server wants to hear of its end.
        Err(Error::BadState) => {
            ipc::register(&session.giving_own_handles(), &[])?;
            operate()
        }
        result => result,
    }
    .map(|_| ())
}

/// A command of `semctl` for one semaphore. See [`ipc::semaphore`].
pub fn semaphore(id: u32, number: u32, command: u32, value: u64) -> Result<u64> {
    let answer = ipc::semaphore(&session()?, u64::from(id), number, command, value, &[])?;
    Ok(answer.words[0])
}

/// `GETALL`: u16 values.
pub fn values(id: u32, values: &mut [u8]) -> Result<()> {
    ipc::values(&session()?, u64::from(id), values, &[]).map(|_| ())
}

/// `SETALL`: u16 values.
pub fn set_values(id: u32, values: &[u8]) -> Result<()> {
    ipc::set_values(&session()?, u64::from(id), values, &[]).map(|_| ())
}

/// `msgsnd`.
pub fn send(id: u32, kind: i64, text: &[u8], flags: u32) -> Result<()> {
    ipc::send(&session()?, u64::from(id), kind, flags, text, &[]).map(|_| ())
}

/// `msgrcv`: the message's length and type.
pub fn receive(id: u32, wanted: i64, text: &mut [u8], flags: u32) -> Result<(usize, i64)> {
    let answer = ipc::receive(&session()?, u64::from(id), wanted, flags, text, &[])?;
    Ok((answer.words[0] as usize, answer.words[1] as i64))
}
