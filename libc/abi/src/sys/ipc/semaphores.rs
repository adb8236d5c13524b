//! System V semaphores (POSIX `<sys/sem.h>`).
//!
//! SAFETY of the C functions here: structures are valid; the variable argument is the `union semun`
//! that the command wants.

use super::{Permission, command, id_of};
use crate::sys::support::{Error, Result, Timespec, bytes, bytes_mut, int, nanoseconds, status};
use core::ffi::{c_int, c_void};
use libc_posix::{clock, ipc};
use proto::types::object_kind::SEMAPHORES;

const GETPID: c_int = 11;
const GETVAL: c_int = 12;
const GETALL: c_int = 13;
const GETNCNT: c_int = 14;
const GETZCNT: c_int = 15;
const SETVAL: c_int = 16;
const SETALL: c_int = 17;
const STAT_INDEX: c_int = 18;
const ALL_INFO: c_int = 19;
const STAT_ANY: c_int = 20;
/// Operations of a call (`SEMOPM`).
const MOST_OPERATIONS: usize = 500;

/// `struct semid_ds`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SetStatus {
    permission: Permission,
    operated_s: i64,
    reserved1: i64,
    changed_s: i64,
    reserved2: i64,
    count: u16,
    gap: [u16; 3],
    reserved3: [i64; 2],
}

/// `struct seminfo`.
#[repr(C)]
struct Limits {
    map: c_int,
    sets: c_int,
    semaphores: c_int,
    undoers: c_int,
    in_set: c_int,
    operations: c_int,
    undo_entries: c_int,
    undo_size: c_int,
    largest: c_int,
    largest_undo: c_int,
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn semget(key: c_int, count: c_int, flags: c_int) -> c_int {
    let made = u64::try_from(count)
        .map_err(|_| Error::BadArgument)
        .and_then(|count| ipc::get(SEMAPHORES, key, count, flags as u32));
    int(made.map(|id| id as c_int))
}

unsafe fn operate(
    id: c_int,
    operations: *const c_void,
    count: usize,
    limit: Option<&Timespec>,
) -> Result<()> {
    if count > MOST_OPERATIONS {
        return Err(Error::ArgumentsTooLong);
    }
    let deadline_ns = match limit {
        Some(limit) => clock::deadline_after(nanoseconds(limit)?),
        None => u64::MAX,
    };
    // SAFETY: the caller's; a `struct sembuf` has 6 bytes.
    let operations = unsafe { bytes(operations, count * 6) };
    ipc::operate(id_of(id)?, operations, deadline_ns)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn semop(id: c_int, operations: *mut c_void, count: usize) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { operate(id, operations, count, None) })
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn semtimedop(
    id: c_int,
    operations: *mut c_void,
    count: usize,
    limit: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { operate(id, operations, count, limit.as_ref()) })
}

fn read_status(id: u32, by_index: u32) -> Result<(u32, SetStatus)> {
    let found = ipc::status(SEMAPHORES, id, by_index)?;
    let status = SetStatus {
        permission: Permission::of(&found),
        operated_s: found.first_s,
        changed_s: found.changed_s,
        count: found.count as u16,
        ..SetStatus::default()
    };
    Ok((found.id, status))
}

fn limits(in_use: bool) -> Result<(c_int, Limits)> {
    let figures = ipc::figures(SEMAPHORES)?;
    let limits = Limits {
        map: 192 * 1024,
        sets: 192,
        semaphores: 192 * 1024,
        undoers: 192 * 1024,
        in_set: 1024,
        operations: MOST_OPERATIONS as c_int,
        undo_entries: MOST_OPERATIONS as c_int,
        // With SEM_INFO, how many sets and semaphores there are.
        undo_size: if in_use { figures[1] as c_int } else { 0 },
        largest: 32767,
        largest_undo: if in_use { figures[2] as c_int } else { 32767 },
    };
    Ok((figures[0] as c_int, limits))
}

unsafe fn control(
    id: c_int,
    number: c_int,
    command: c_int,
    argument: *mut c_void,
) -> Result<c_int> {
    let set = id_of(id);
    // SAFETY: the caller's union is what the command wants.
    unsafe {
        match command {
            GETPID | GETVAL | GETNCNT | GETZCNT => {
                let number = u32::try_from(number).map_err(|_| Error::BadArgument)?;
                ipc::semaphore(set?, number, command as u32, 0).map(|value| value as c_int)
            }
            SETVAL => {
                let number = u32::try_from(number).map_err(|_| Error::BadArgument)?;
                let value = u64::try_from(argument as usize as c_int);
                let value = value.map_err(|_| Error::OutOfRange)?;
                ipc::semaphore(set?, number, command as u32, value).map(|_| 0)
            }
            GETALL => {
                let (set, count) = (set?, read_status(set?, 0)?.1.count);
                ipc::values(set, bytes_mut(argument, 2 * usize::from(count))).map(|()| 0)
            }
            SETALL => {
                let set = set?;
                let count = ipc::status(SEMAPHORES, set, 0)?.count as usize;
                ipc::set_values(set, bytes(argument, 2 * count)).map(|()| 0)
            }
            command::STAT => {
                *argument.cast::<SetStatus>() = read_status(set?, 0)?.1;
                Ok(0)
            }
            STAT_INDEX | STAT_ANY => {
                let (id, found) = read_status(set?, 1 + u32::from(command == STAT_ANY))?;
                *argument.cast::<SetStatus>() = found;
                Ok(id as c_int)
            }
            command::SET => {
                let permission = &(*argument.cast::<SetStatus>()).permission;
                ipc::change(SEMAPHORES, set?, permission.owner(), permission.mode, 0).map(|()| 0)
            }
            command::REMOVE => ipc::remove(SEMAPHORES, set?).map(|()| 0),
            command::INFO | ALL_INFO => {
                let (highest, limits) = limits(command == ALL_INFO)?;
                argument.cast::<Limits>().write(limits);
                Ok(highest)
            }
            _ => Err(Error::BadArgument),
        }
    }
}

/// POSIX; Linux's commands that `ipcs` uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn semctl(id: c_int, number: c_int, command: c_int, mut rest: ...) -> c_int {
    // SAFETY: the caller's; commands without an argument do not use what is read here.
    int(unsafe { control(id, number, command, rest.arg::<*mut c_void>()) })
}
