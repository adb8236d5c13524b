//! System V message queues (POSIX `<sys/msg.h>`).
//!
//! SAFETY of the C functions here: structures are valid; messages are a `long` and the text.

use super::{Permission, command, id_of};
use crate::sys::pthread::cancellation_point;
use crate::sys::support::{Error, Result, bytes, bytes_mut, int, long, status};
use core::ffi::{c_int, c_void};
use libc_posix::ipc;
use proto::types::object_kind::MESSAGES;

const STAT_INDEX: c_int = 11;
const ALL_INFO: c_int = 12;
const STAT_ANY: c_int = 13;
/// Bytes of a message's type.
const TYPE: usize = size_of::<i64>();
/// Bytes of a message, and of a queue's (`MSGMAX`, `MSGMNB`).
const LONGEST: c_int = 8192;
const QUEUE_BYTES: c_int = 16384;

/// `struct msqid_ds`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct QueueStatus {
    permission: Permission,
    sent_s: i64,
    received_s: i64,
    changed_s: i64,
    bytes: u64,
    count: u64,
    limit: u64,
    last_sender: c_int,
    last_receiver: c_int,
    reserved: [u64; 2],
}

/// `struct msginfo`.
#[repr(C)]
struct Limits {
    pool: c_int,
    map: c_int,
    longest: c_int,
    queue_bytes: c_int,
    queues: c_int,
    segment_size: c_int,
    messages: c_int,
    segments: u16,
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn msgget(key: c_int, flags: c_int) -> c_int {
    int(ipc::get(MESSAGES, key, 0, flags as u32).map(|id| id as c_int))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msgsnd(
    id: c_int,
    message: *const c_void,
    size: usize,
    flags: c_int,
) -> c_int {
    cancellation_point();
    if isize::try_from(size).is_err() {
        return status(Err(Error::BadArgument));
    }
    // SAFETY: the caller's.
    let result = unsafe {
        let kind = message.cast::<i64>().read_unaligned();
        let text = bytes(message.byte_add(TYPE), size);
        id_of(id).and_then(|id| ipc::send(id, kind, text, flags as u32))
    };
    if result == Err(Error::Interrupted) {
        cancellation_point();
    }
    status(result)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msgrcv(
    id: c_int,
    message: *mut c_void,
    size: usize,
    wanted: i64,
    flags: c_int,
) -> isize {
    cancellation_point();
    if isize::try_from(size).is_err() {
        return long(Err(Error::BadArgument));
    }
    // SAFETY: the caller's.
    let result = unsafe {
        let text = bytes_mut(message.byte_add(TYPE), size);
        let received = id_of(id).and_then(|id| ipc::receive(id, wanted, text, flags as u32));
        received.map(|(length, kind)| {
            message.cast::<i64>().write_unaligned(kind);
            length
        })
    };
    if result == Err(Error::Interrupted) {
        cancellation_point();
    }
    long(result)
}

fn read_status(id: u32, by_index: u32) -> Result<(u32, QueueStatus)> {
    let found = ipc::status(MESSAGES, id, by_index)?;
    let status = QueueStatus {
        permission: Permission::of(&found),
        sent_s: found.first_s,
        received_s: found.second_s,
        changed_s: found.changed_s,
        bytes: found.bytes,
        count: u64::from(found.count),
        limit: found.limit,
        last_sender: found.first_process as c_int,
        last_receiver: found.second_process as c_int,
        reserved: [0; 2],
    };
    Ok((found.id, status))
}

unsafe fn control(id: c_int, command: c_int, out: *mut QueueStatus) -> Result<c_int> {
    let number = id_of(id);
    // SAFETY: the caller's structure is what the command wants.
    unsafe {
        match command {
            command::STAT => {
                *out = read_status(number?, 0)?.1;
                Ok(0)
            }
            STAT_INDEX | STAT_ANY => {
                let (id, found) = read_status(number?, 1 + u32::from(command == STAT_ANY))?;
                *out = found;
                Ok(id as c_int)
            }
            command::SET => {
                let (permission, limit) = (&(*out).permission, (*out).limit);
                ipc::change(
                    MESSAGES,
                    number?,
                    permission.owner(),
                    permission.mode,
                    limit,
                )
                .map(|()| 0)
            }
            command::REMOVE => ipc::remove(MESSAGES, number?).map(|()| 0),
            command::INFO | ALL_INFO => {
                let figures = ipc::figures(MESSAGES)?;
                let in_use = command == ALL_INFO;
                out.cast::<Limits>().write(Limits {
                    // With MSG_INFO, how many queues, messages and bytes there are.
                    pool: if in_use {
                        figures[1] as c_int
                    } else {
                        192 * QUEUE_BYTES / 1024
                    },
                    map: if in_use {
                        figures[2] as c_int
                    } else {
                        QUEUE_BYTES
                    },
                    longest: LONGEST,
                    queue_bytes: QUEUE_BYTES,
                    queues: 192,
                    segment_size: 64,
                    messages: if in_use {
                        figures[3] as c_int
                    } else {
                        QUEUE_BYTES
                    },
                    segments: u16::MAX,
                });
                Ok(figures[0] as c_int)
            }
            _ => Err(Error::BadArgument),
        }
    }
}

/// POSIX; Linux's commands that `ipcs` uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msgctl(id: c_int, command: c_int, out: *mut QueueStatus) -> c_int {
    // SAFETY: the caller's.
    int(unsafe { control(id, command, out) })
}
