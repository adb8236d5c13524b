//! Memory mappings.
//!
//! SAFETY of the C functions here: what is unmapped or replaced is not used any more (POSIX).

use super::memory_locks;
use super::support::{Error, Result, fail, int, set_errno, status};
use core::ffi::{c_char, c_int, c_void};
use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::{Handle, PAGE_SIZE};
use libc_posix::{descriptor, names};
use libc_rt::{Lock, kernel, memory};

const PROT_WRITE: c_int = 2;
const PROT_EXEC: c_int = 4;
const PROT_ALL: c_int = 7;
const MAP_SHARED: c_int = 1;
const MAP_PRIVATE: c_int = 2;
const MAP_TYPE: c_int = 15;
const MAP_SHARED_VALIDATE: c_int = 3;
const MAP_FIXED: c_int = 0x10;
const MAP_ANONYMOUS: c_int = 0x20;
const MAP_GROWSDOWN: c_int = 0x100;
const MAP_POPULATE: c_int = 0x8000;
const MAP_FIXED_NOREPLACE: c_int = 0x10_0000;
const FAILED: *mut c_void = usize::MAX as *mut c_void;

fn failed(error: Error) -> *mut c_void {
    set_errno(error as c_int);
    FAILED
}

/// POSIX's bits as the kernel's: the numbers are the same. What is writable is not executable.
fn protection_of(bits: c_int) -> Result<u32> {
    if bits & !(PROT_ALL | 0x0300_0000) != 0 {
        return Err(Error::BadArgument);
    }
    if bits & PROT_WRITE != 0 && bits & PROT_EXEC != 0 {
        return Err(Error::NotSupported);
    }
    Ok((bits & PROT_ALL) as u32 & (protection::READ | protection::WRITE | protection::EXECUTE))
}

struct Request {
    address: usize,
    length: usize,
    protection: u32,
    flags: c_int,
    fd: c_int,
    offset: i64,
}

fn check(request: &Request) -> Result<()> {
    if request.length == 0
        || request.offset < 0
        || !(request.offset as u64).is_multiple_of(PAGE_SIZE)
    {
        return Err(Error::BadArgument);
    }
    if request.length > isize::MAX as usize - PAGE_SIZE as usize {
        return Err(Error::NoMemory);
    }
    Ok(())
}

/// POSIX's flags as the kernel's.
fn flags_of(bits: c_int) -> Result<u32> {
    let mut flags = match bits & MAP_TYPE {
        MAP_SHARED | MAP_SHARED_VALIDATE => map_flags::SHARED,
        MAP_PRIVATE => 0,
        _ => return Err(Error::BadArgument),
    };
    for (ours, theirs) in [
        (MAP_FIXED, map_flags::FIXED),
        (
            MAP_FIXED_NOREPLACE,
            map_flags::FIXED | map_flags::NO_REPLACE,
        ),
        (MAP_POPULATE, map_flags::POPULATE),
        (MAP_GROWSDOWN, map_flags::STACK),
    ] {
        if bits & ours != 0 {
            flags |= theirs;
        }
    }
    Ok(flags)
}

/// The memory of the file to map; none for what is mapped without a file, as `/dev/zero` is.
fn file_of(request: &Request) -> Result<Option<Handle>> {
    const ZERO_DEVICE: u64 = 1 << 8 | 5;
    if request.flags & MAP_ANONYMOUS != 0 {
        return Ok(None);
    }
    match descriptor::memory(request.fd, request.protection) {
        Ok((memory, _)) => Ok(Some(memory)),
        Err(Error::NoDevice) => match descriptor::status(request.fd)?.special_device {
            ZERO_DEVICE => Ok(None),
            _ => Err(Error::NoDevice),
        },
        Err(error) => Err(error),
    }
}

unsafe fn map(request: &Request) -> Result<*mut c_void> {
    check(request)?;
    memory_locks::may_map(request.length)?;
    let flags = flags_of(request.flags)?;
    let file = file_of(request)?;
    let mut arguments = MapArguments {
        address: request.address as u64,
        length: request.length as u64,
        offset: request.offset as u64,
        memory: Handle::NONE.0,
        protection: request.protection,
        flags,
        maximum_protection: 0,
    };
    let object = match (file, flags & map_flags::SHARED != 0) {
        (Some(file), _) => Some(file),
        (None, false) => {
            arguments.flags |= map_flags::ANONYMOUS;
            arguments.offset = 0;
            None
        }
        // Shared with children: an object of its own, that a fork does not copy.
        (None, true) => {
            arguments.offset = 0;
            let size = (request.length as u64).next_multiple_of(PAGE_SIZE);
            Some(kernel::memory_create(size, 0)?)
        }
    };
    if let Some(object) = object {
        arguments.memory = object.0;
    }
    // SAFETY: the caller's.
    let mapped = unsafe { memory::map(&arguments) };
    if let Some(object) = object {
        // The mapping keeps the object.
        kernel::handle_close(object)?;
    }
    let mapped = mapped?;
    memory_locks::mapped(mapped as usize, request.length);
    Ok(mapped.cast())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    bits: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    let mapped = protection_of(bits).and_then(|protection| {
        let request = Request {
            address: address as usize,
            length,
            protection,
            flags,
            fd,
            offset,
        };
        // SAFETY: the caller's.
        unsafe { map(&request) }
    });
    mapped.unwrap_or_else(failed)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    // SAFETY: the caller's.
    status(
        unsafe { memory::unmap(address.cast(), length) }
            .map(|()| memory_locks::unmapped(address as usize, length))
            .map_err(Error::from),
    )
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(address: *mut c_void, length: usize, bits: c_int) -> c_int {
    // Some programs pass addresses within a page; what POSIX lets us refuse is rounded.
    let start = address as usize & !(PAGE_SIZE as usize - 1);
    let end = (address as usize + length).next_multiple_of(PAGE_SIZE as usize);
    status(protection_of(bits).and_then(|protection| {
        // SAFETY: the caller's.
        unsafe { memory::protect(start as *mut u8, end - start, protection) }.map_err(Error::from)
    }))
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    address: *mut c_void,
    old_length: usize,
    new_length: usize,
    flags: c_int,
    _rest: ...
) -> *mut c_void {
    const MAYMOVE: c_int = 1;
    if flags & !MAYMOVE != 0 {
        return failed(Error::BadArgument);
    }
    // SAFETY: the caller's.
    match unsafe { memory::remap(address.cast(), old_length, new_length, flags & MAYMOVE != 0) } {
        Ok(moved) => moved.cast(),
        Err(error) => failed(error.into()),
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    const DONTNEED: c_int = 4;
    const FREE: c_int = 8;
    match advice {
        DONTNEED | FREE => {
            // SAFETY: the caller gives the content up.
            let result = unsafe { memory::decommit(address.cast(), length) };
            status(result.map_err(Error::from))
        }
        // The rest is advice, which may be ignored.
        0..=25 => 0,
        _ => fail(Error::BadArgument as c_int),
    }
}

/// POSIX: returns the error's number. Unlike BSD's, it must not lose content.
#[unsafe(no_mangle)]
pub extern "C" fn posix_madvise(_address: *mut c_void, _length: usize, advice: c_int) -> c_int {
    if (0..=4).contains(&advice) {
        0
    } else {
        Error::BadArgument as c_int
    }
}

/// BSD: whether pages are there is not told page by page.
#[unsafe(no_mangle)]
pub extern "C" fn mincore(_address: *mut c_void, _length: usize, _out: *mut u8) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux, obsolete: not offered.
#[unsafe(no_mangle)]
pub extern "C" fn remap_file_pages(
    _address: *mut c_void,
    _length: usize,
    _protection: c_int,
    _offset: usize,
    _flags: c_int,
) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: a file in memory that has no name, from the file system of `/tmp`. It cannot be sealed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memfd_create(name: *const c_char, flags: u32) -> c_int {
    use proto::types::open_flags::{CLOSE_ON_EXEC, DIRECTORY, READ_WRITE, TEMPORARY};
    const CLOEXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    const MOST_NAME: usize = 249;
    // SAFETY: the caller's.
    let name = unsafe { super::support::text(name) };
    if flags & !(CLOEXEC | ALLOW_SEALING) != 0 || name.len() > MOST_NAME {
        return fail(Error::BadArgument as c_int);
    }
    let closes = if flags & CLOEXEC != 0 {
        CLOSE_ON_EXEC
    } else {
        0
    };
    let how = TEMPORARY | DIRECTORY | READ_WRITE | closes;
    let made = names::open(names::WORKING_DIRECTORY, b"/tmp", how, 0o777);
    super::support::int(made)
}

/// Room for the path of a file under `/dev/shm`.
pub(super) const SHARED_PATH: usize = 272;

/// The path of a shared-memory object, or with a prefix that of a named semaphore.
pub(super) unsafe fn shared_path(
    prefix: &[u8],
    name: *const c_char,
    path: &mut [u8; SHARED_PATH],
) -> Result<usize> {
    const DIRECTORY: &[u8] = b"/dev/shm/";
    // SAFETY: the caller's.
    let name = unsafe { super::support::text(name) };
    let name = name.strip_prefix(b"/").unwrap_or(name);
    if prefix.len() + name.len() > 255 {
        return Err(Error::NameTooLong);
    }
    if name.is_empty() || name.contains(&b'/') || name == b"." || name == b".." {
        return Err(Error::BadArgument);
    }
    let mut length = 0;
    for part in [DIRECTORY, prefix, name] {
        path[length..][..part.len()].copy_from_slice(part);
        length += part.len();
    }
    Ok(length)
}

/// POSIX: a file under `/dev/shm`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_open(name: *const c_char, flags: c_int, mode: u32) -> c_int {
    const CLOEXEC: u32 = 0o2000000;
    let mut path = [0; SHARED_PATH];
    // SAFETY: the caller's.
    int(
        unsafe { shared_path(b"", name, &mut path) }.and_then(|length| {
            let directory = libc_posix::names::WORKING_DIRECTORY;
            libc_posix::names::open(directory, &path[..length], flags as u32 | CLOEXEC, mode)
        }),
    )
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    let mut path = [0; SHARED_PATH];
    // SAFETY: the caller's.
    status(
        unsafe { shared_path(b"", name, &mut path) }.and_then(|length| {
            libc_posix::names::unlink(libc_posix::names::WORKING_DIRECTORY, &path[..length], 0)
        }),
    )
}

/// The area that `sbrk` grows in: reserved when first asked for, filled by page faults.
struct Break {
    start: usize,
    end: usize,
}
static BREAK: Lock<Break> = Lock::new(Break { start: 0, end: 0 });
const BREAK_AREA: usize = 1 << 30;

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn sbrk(step: isize) -> *mut c_void {
    let mut area = BREAK.lock();
    if area.start == 0 {
        match memory::map_anonymous(BREAK_AREA) {
            Ok(start) => (area.start, area.end) = (start as usize, start as usize),
            Err(_) => return failed(Error::NoMemory),
        }
    }
    let before = area.end;
    let after = before.wrapping_add_signed(step);
    if after < area.start || after > area.start + BREAK_AREA {
        return failed(Error::NoMemory);
    }
    area.end = after;
    before as *mut c_void
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn brk(end: *mut c_void) -> c_int {
    let now = sbrk(0) as usize;
    if sbrk((end as usize).wrapping_sub(now) as isize) == FAILED {
        -1
    } else {
        0
    }
}
