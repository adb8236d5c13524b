//! System V shared memory (POSIX `<sys/shm.h>`).
//!
//! SAFETY of the C functions here: structures are valid; detached memory is not used any more.

use super::{Permission, command, id_of};
use crate::sys::support::{Error, Result, int, set_errno, status};
use core::ffi::{c_int, c_void};
use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::{Handle, PAGE_SIZE};
use libc_posix::ipc;
use libc_rt::{Lock, kernel, memory};
use proto::types::object_kind::SEGMENT;

const LOCK: c_int = 11;
const UNLOCK: c_int = 12;
const STAT_INDEX: c_int = 13;
const ALL_INFO: c_int = 14;
const STAT_ANY: c_int = 15;
/// Flags of `shmat`.
const READ_ONLY: c_int = 0o10000;
const ROUND: c_int = 0o20000;
const REPLACE: c_int = 0o40000;
const EXECUTABLE: c_int = 0o100000;
/// Segments that a process may have attached (`SHMSEG`).
const MOST_ATTACHED: usize = 128;

/// `struct shmid_ds`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SegmentStatus {
    permission: Permission,
    bytes: usize,
    attached_s: i64,
    detached_s: i64,
    changed_s: i64,
    creator: c_int,
    last_process: c_int,
    uses: u64,
    reserved: [u64; 2],
}

/// `struct shminfo`.
#[derive(Default)]
#[repr(C)]
struct Limits {
    largest: u64,
    smallest: u64,
    most: u64,
    most_of_process: u64,
    all_pages: u64,
    reserved: [u64; 4],
}

/// `struct shm_info`.
#[derive(Default)]
#[repr(C)]
struct Figures {
    used: c_int,
    total_pages: u64,
    present_pages: u64,
    swapped_pages: u64,
    swap: [u64; 2],
}

/// What is attached where: `shmdt` is told an address only. Children have it from their parent.
#[derive(Clone, Copy)]
struct Attached {
    address: usize,
    length: usize,
    id: u32,
}
static ATTACHED: Lock<[Option<Attached>; MOST_ATTACHED]> = Lock::new([None; MOST_ATTACHED]);

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn shmget(key: c_int, bytes: usize, flags: c_int) -> c_int {
    int(ipc::get(SEGMENT, key, bytes as u64, flags as u32).map(|id| id as c_int))
}

/// Where to attach: address and flags of the mapping.
fn place(address: usize, flags: c_int) -> Result<(usize, u32)> {
    if address == 0 {
        return Ok((0, map_flags::SHARED));
    }
    let rounded = address & !(PAGE_SIZE as usize - 1);
    if rounded != address && flags & ROUND == 0 {
        return Err(Error::BadArgument);
    }
    let fixed = map_flags::SHARED | map_flags::FIXED;
    let replaces = flags & REPLACE != 0;
    Ok((
        rounded,
        if replaces {
            fixed
        } else {
            fixed | map_flags::NO_REPLACE
        },
    ))
}

unsafe fn attach(id: u32, address: usize, flags: c_int) -> Result<*mut c_void> {
    let (address, mapping) = place(address, flags)?;
    let mut attached = ATTACHED.lock();
    let free = attached
        .iter_mut()
        .find(|one| one.is_none())
        .ok_or(Error::TableFull)?;
    let read_only = flags & READ_ONLY != 0;
    let (memory, bytes): (Handle, u64) = ipc::attach(id, read_only)?;
    let write = if read_only { 0 } else { protection::WRITE };
    let execute = if flags & EXECUTABLE != 0 {
        protection::EXECUTE
    } else {
        0
    };
    let length = bytes.next_multiple_of(PAGE_SIZE);
    let arguments = MapArguments {
        address: address as u64,
        length,
        offset: 0,
        memory: memory.0,
        protection: protection::READ | write | execute,
        flags: mapping,
        maximum_protection: 0,
    };
    // SAFETY: the caller's, if it names what is to be replaced.
    let mapped = unsafe { memory::map(&arguments) };
    // The mapping keeps the memory.
    kernel::handle_close(memory)?;
    let mapped = mapped.map_err(|error| match error {
        kernel_abi::Error::Exists => Error::BadArgument,
        other => other.into(),
    })?;
    *free = Some(Attached {
        address: mapped as usize,
        length: length as usize,
        id,
    });
    Ok(mapped.cast())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmat(id: c_int, address: *const c_void, flags: c_int) -> *mut c_void {
    // SAFETY: the caller's.
    match id_of(id).and_then(|id| unsafe { attach(id, address as usize, flags) }) {
        Ok(mapped) => mapped,
        Err(error) => {
            set_errno(error as c_int);
            usize::MAX as *mut c_void
        }
    }
}

unsafe fn detach(address: usize) -> Result<()> {
    let mut attached = ATTACHED.lock();
    let is_here = |one: &&mut Option<Attached>| one.is_some_and(|one| one.address == address);
    let place = attached
        .iter_mut()
        .find(is_here)
        .ok_or(Error::BadArgument)?;
    let found = place.take().ok_or(Error::BadArgument)?;
    // SAFETY: the caller's.
    unsafe { memory::unmap(found.address as *mut u8, found.length)? };
    match ipc::detach(found.id) {
        // Removed meanwhile.
        Err(Error::BadArgument) => Ok(()),
        result => result,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmdt(address: *const c_void) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { detach(address as usize) })
}

fn read_status(id: u32, by_index: u32) -> Result<(u32, SegmentStatus)> {
    let found = ipc::status(SEGMENT, id, by_index)?;
    let status = SegmentStatus {
        permission: Permission::of(&found),
        bytes: found.bytes as usize,
        attached_s: found.first_s,
        detached_s: found.second_s,
        changed_s: found.changed_s,
        creator: found.first_process as c_int,
        last_process: found.second_process as c_int,
        uses: found.limit,
        reserved: [0; 2],
    };
    Ok((found.id, status))
}

unsafe fn control(id: c_int, command: c_int, out: *mut SegmentStatus) -> Result<c_int> {
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
                let permission = &(*out).permission;
                ipc::change(SEGMENT, number?, permission.owner(), permission.mode, 0).map(|()| 0)
            }
            command::REMOVE => ipc::remove(SEGMENT, number?).map(|()| 0),
            // Memory is never written out, so that every segment is locked; the id is checked.
            LOCK | UNLOCK => read_status(number?, 0).map(|_| 0),
            command::INFO => {
                let figures = ipc::figures(SEGMENT)?;
                out.cast::<Limits>().write(Limits {
                    largest: i64::MAX as u64,
                    smallest: 1,
                    most: 192,
                    most_of_process: MOST_ATTACHED as u64,
                    all_pages: i64::MAX as u64 / PAGE_SIZE,
                    ..Limits::default()
                });
                Ok(figures[0] as c_int)
            }
            ALL_INFO => {
                let figures = ipc::figures(SEGMENT)?;
                out.cast::<Figures>().write(Figures {
                    used: figures[1] as c_int,
                    total_pages: figures[2].div_ceil(PAGE_SIZE),
                    present_pages: figures[3].div_ceil(PAGE_SIZE),
                    ..Figures::default()
                });
                Ok(figures[0] as c_int)
            }
            _ => Err(Error::BadArgument),
        }
    }
}

/// POSIX; Linux's commands that `ipcs` uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmctl(id: c_int, command: c_int, out: *mut SegmentStatus) -> c_int {
    // SAFETY: the caller's.
    int(unsafe { control(id, command, out) })
}
