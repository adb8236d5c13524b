//! Attributes of files: `stat` and what changes them.
//!
//! SAFETY of the C functions here: paths are NUL-ended strings, structures are valid.

use super::support::{Error, Result, Timespec, Timeval, fail, status, text};
use core::ffi::{c_char, c_int};
use libc_posix::names::{self, EMPTY_PATH, NO_FOLLOW, WORKING_DIRECTORY};
use libc_posix::{clock, descriptor};
use proto::types::{Attributes, attribute_mask};

/// `struct stat`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
#[allow(missing_docs, reason = "named as POSIX names them")]
pub struct Stat {
    pub st_dev: u64,
    pub st_ino: u64,
    pub st_nlink: u64,
    pub st_mode: u32,
    pub st_uid: u32,
    pub st_gid: u32,
    pub padding: u32,
    pub st_rdev: u64,
    pub st_size: i64,
    pub st_blksize: i64,
    pub st_blocks: i64,
    pub st_atim: Timespec,
    pub st_mtim: Timespec,
    pub st_ctim: Timespec,
    pub reserved: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == 144);

fn time(time_ns: i64) -> Timespec {
    Timespec {
        seconds: time_ns.div_euclid(1_000_000_000),
        nanoseconds: time_ns.rem_euclid(1_000_000_000),
    }
}

impl Stat {
    fn from_attributes(attributes: &Attributes) -> Stat {
        Stat {
            st_dev: attributes.device,
            st_ino: attributes.node,
            st_nlink: attributes.links as u64,
            st_mode: attributes.mode,
            st_uid: attributes.user,
            st_gid: attributes.group,
            st_rdev: attributes.special_device,
            st_size: attributes.size as i64,
            st_blksize: attributes.block_size as i64,
            st_blocks: attributes.blocks as i64,
            st_atim: time(attributes.access_ns),
            st_mtim: time(attributes.modify_ns),
            st_ctim: time(attributes.change_ns),
            ..Stat::default()
        }
    }
}

unsafe fn give(result: Result<Attributes>, out: *mut Stat) -> c_int {
    status(result.map(|attributes| {
        // SAFETY: the caller's structure.
        unsafe { *out = Stat::from_attributes(&attributes) };
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, out: *mut Stat) -> c_int {
    // SAFETY: the caller's.
    unsafe { give(names::status(WORKING_DIRECTORY, text(path), 0), out) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstat(path: *const c_char, out: *mut Stat) -> c_int {
    // SAFETY: the caller's.
    unsafe { give(names::status(WORKING_DIRECTORY, text(path), NO_FOLLOW), out) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(fd: c_int, out: *mut Stat) -> c_int {
    // SAFETY: the caller's.
    unsafe { give(descriptor::status(fd), out) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatat(
    directory: c_int,
    path: *const c_char,
    out: *mut Stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { give(names::status(directory, text(path), flags as u32), out) }
}

/// Sets attributes of a path, or of the descriptor with an empty path and `AT_EMPTY_PATH`.
fn set(directory: c_int, path: &[u8], flags: u32, mask: u64, new: &Attributes) -> Result<()> {
    if path.is_empty() && flags & EMPTY_PATH != 0 {
        return descriptor::set_attributes(directory, mask, new);
    }
    names::set_attributes(directory, path, flags, mask, new)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chmod(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { fchmodat(WORKING_DIRECTORY, path, mode, 0) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lchmod(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { fchmodat(WORKING_DIRECTORY, path, mode, NO_FOLLOW as c_int) }
}

fn with_mode(mode: u32) -> Attributes {
    Attributes {
        mode: mode & 0o7777,
        ..Attributes::default()
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fchmod(fd: c_int, mode: u32) -> c_int {
    status(descriptor::set_attributes(
        fd,
        attribute_mask::MODE,
        &with_mode(mode),
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchmodat(
    directory: c_int,
    path: *const c_char,
    mode: u32,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's.
    let path = unsafe { text(path) };
    status(set(
        directory,
        path,
        flags as u32,
        attribute_mask::MODE,
        &with_mode(mode),
    ))
}

fn owner(user: u32, group: u32) -> (u64, Attributes) {
    let mut mask = 0;
    if user != u32::MAX {
        mask |= attribute_mask::USER;
    }
    if group != u32::MAX {
        mask |= attribute_mask::GROUP;
    }
    let attributes = Attributes {
        user,
        group,
        ..Attributes::default()
    };
    (mask, attributes)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chown(path: *const c_char, user: u32, group: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { fchownat(WORKING_DIRECTORY, path, user, group, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lchown(path: *const c_char, user: u32, group: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { fchownat(WORKING_DIRECTORY, path, user, group, NO_FOLLOW as c_int) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fchown(fd: c_int, user: u32, group: u32) -> c_int {
    let (mask, attributes) = owner(user, group);
    status(descriptor::set_attributes(fd, mask, &attributes))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchownat(
    directory: c_int,
    path: *const c_char,
    user: u32,
    group: u32,
    flags: c_int,
) -> c_int {
    let (mask, attributes) = owner(user, group);
    // SAFETY: the caller's.
    status(set(
        directory,
        unsafe { text(path) },
        flags as u32,
        mask,
        &attributes,
    ))
}

const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;

fn times(times: Option<&[Timespec; 2]>) -> Result<(u64, Attributes)> {
    use attribute_mask::{ACCESS, ACCESS_NOW, MODIFY, MODIFY_NOW};
    let mut attributes = Attributes::default();
    let Some([access, modify]) = times else {
        let now = clock::time_ns(0)? as i64;
        (attributes.access_ns, attributes.modify_ns) = (now, now);
        return Ok((ACCESS_NOW | MODIFY_NOW, attributes));
    };
    let mut mask = 0;
    let mut one = |time: &Timespec, explicit: u64, now: u64| match time.nanoseconds {
        UTIME_OMIT => Ok(0),
        UTIME_NOW => {
            mask |= now;
            Ok(clock::time_ns(0)? as i64)
        }
        0..1_000_000_000 => {
            mask |= explicit;
            let seconds = time.seconds.checked_mul(1_000_000_000);
            let total = seconds.and_then(|ns| ns.checked_add(time.nanoseconds));
            total.ok_or(Error::BadArgument)
        }
        _ => Err(Error::BadArgument),
    };
    attributes.access_ns = one(access, ACCESS, ACCESS_NOW)?;
    attributes.modify_ns = one(modify, MODIFY, MODIFY_NOW)?;
    Ok((mask, attributes))
}

fn set_times(directory: c_int, path: &[u8], new: Option<&[Timespec; 2]>, flags: u32) -> Result<()> {
    let (mask, attributes) = times(new)?;
    set(directory, path, flags, mask, &attributes)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimensat(
    directory: c_int,
    path: *const c_char,
    new: *const [Timespec; 2],
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if path.is_null() {
            return futimens(directory, new);
        }
        status(set_times(directory, text(path), new.as_ref(), flags as u32))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimens(fd: c_int, new: *const [Timespec; 2]) -> c_int {
    // SAFETY: the caller's.
    let new = unsafe { new.as_ref() };
    status(set_times(fd, &[], new, EMPTY_PATH))
}

unsafe fn timevals(new: *const [Timeval; 2]) -> Option<[Timespec; 2]> {
    // SAFETY: the caller's.
    unsafe { new.as_ref() }.map(|pair| pair.map(Timeval::to_timespec))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimes(path: *const c_char, new: *const [Timeval; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let new = timevals(new);
        status(set_times(WORKING_DIRECTORY, text(path), new.as_ref(), 0))
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lutimes(path: *const c_char, new: *const [Timeval; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let new = timevals(new);
        status(set_times(
            WORKING_DIRECTORY,
            text(path),
            new.as_ref(),
            NO_FOLLOW,
        ))
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimes(fd: c_int, new: *const [Timeval; 2]) -> c_int {
    // SAFETY: the caller's.
    let new = unsafe { timevals(new) };
    status(set_times(fd, &[], new.as_ref(), EMPTY_PATH))
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimesat(
    directory: c_int,
    path: *const c_char,
    new: *const [Timeval; 2],
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let new = timevals(new);
        status(set_times(directory, text(path), new.as_ref(), 0))
    }
}

/// `struct utimbuf`.
#[repr(C)]
pub struct UTimeBuffer {
    access: i64,
    modify: i64,
}

/// POSIX, obsolescent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utime(path: *const c_char, new: *const UTimeBuffer) -> c_int {
    let at = |seconds| Timespec {
        seconds,
        nanoseconds: 0,
    };
    // SAFETY: the caller's.
    unsafe {
        let new = new.as_ref().map(|new| [at(new.access), at(new.modify)]);
        status(set_times(WORKING_DIRECTORY, text(path), new.as_ref(), 0))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate(path: *const c_char, length: i64) -> c_int {
    const O_WRONLY_CLOEXEC: u32 = 0o2000001;
    if length < 0 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    let path = unsafe { text(path) };
    status(
        names::open(WORKING_DIRECTORY, path, O_WRONLY_CLOEXEC, 0).and_then(|fd| {
            let result = descriptor::truncate(fd, length as u64);
            descriptor::close(fd)?;
            result
        }),
    )
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: c_int, length: i64) -> c_int {
    if length < 0 {
        return fail(Error::BadArgument as c_int);
    }
    status(descriptor::truncate(fd, length as u64))
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn fallocate(fd: c_int, mode: c_int, offset: i64, length: i64) -> c_int {
    if offset < 0 || length <= 0 {
        return fail(Error::BadArgument as c_int);
    }
    status(descriptor::allocate(
        fd,
        mode as u32,
        offset as u64,
        length as u64,
    ))
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn posix_fallocate(fd: c_int, offset: i64, length: i64) -> c_int {
    if offset < 0 || length <= 0 {
        return Error::BadArgument as c_int;
    }
    super::support::number(descriptor::allocate(fd, 0, offset as u64, length as u64))
}

/// POSIX: advice is taken note of by doing nothing.
#[unsafe(no_mangle)]
pub extern "C" fn posix_fadvise(fd: c_int, _offset: i64, _length: i64, advice: c_int) -> c_int {
    if !(0..=5).contains(&advice) {
        return Error::BadArgument as c_int;
    }
    super::support::number(descriptor::close_on_exec(fd).map(|_| ()))
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn readahead(fd: c_int, _offset: i64, _length: usize) -> isize {
    status(descriptor::close_on_exec(fd).map(|_| ())) as isize
}
