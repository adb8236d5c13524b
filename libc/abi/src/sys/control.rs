//! `fcntl`, `ioctl` and file locks.
//!
//! SAFETY of the C functions here: the variable argument has the type that the command wants.

use super::support::{Error, Result, fail, int, status};
use core::ffi::{VaList, c_int, c_void};
use libc_posix::descriptor;
use proto::types::open_flags;

/// `struct flock`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Flock {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    process: i32,
}

mod command {
    pub const DUPFD: i32 = 0;
    pub const GETFD: i32 = 1;
    pub const SETFD: i32 = 2;
    pub const GETFL: i32 = 3;
    pub const SETFL: i32 = 4;
    pub const GETLK: i32 = 5;
    pub const SETLK: i32 = 6;
    pub const SETLKW: i32 = 7;
    pub const OFD_GETLK: i32 = 36;
    pub const OFD_SETLK: i32 = 37;
    pub const OFD_SETLKW: i32 = 38;
    pub const DUPFD_CLOEXEC: i32 = 0x406;
    pub const SETPIPE_SZ: i32 = 0x407;
    pub const DUPFD_CLOFORK: i32 = 0x41a;
    pub const GETPIPE_SZ: i32 = 0x408;
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, mut rest: ...) -> c_int {
    // SAFETY: the caller's; commands without an argument do not use what is read here.
    unsafe {
        match command {
            command::DUPFD | command::DUPFD_CLOEXEC | command::DUPFD_CLOFORK => {
                let kept = match command {
                    command::DUPFD_CLOEXEC => descriptor::kept_flags(open_flags::CLOSE_ON_EXEC),
                    command::DUPFD_CLOFORK => descriptor::kept_flags(open_flags::CLOSE_ON_FORK),
                    _ => 0,
                };
                int(descriptor::duplicate_keeping(fd, rest.arg::<c_int>(), kept))
            }
            command::GETFD => int(descriptor::descriptor_flags(fd)),
            command::SETFD => status(descriptor::set_descriptor_flags(fd, rest.arg::<c_int>())),
            command::GETFL => int(descriptor::status_flags(fd).map(|flags| flags as i32)),
            command::SETFL => status(descriptor::set_status_flags(fd, rest.arg::<c_int>() as u32)),
            command::GETLK | command::OFD_GETLK => status(get_lock(
                fd,
                command == command::OFD_GETLK,
                &mut *rest.arg::<*mut Flock>(),
            )),
            command::SETLK | command::SETLKW | command::OFD_SETLK | command::OFD_SETLKW => {
                status(set_lock(fd, command, &*rest.arg::<*mut Flock>()))
            }
            command::GETPIPE_SZ => int(super::splice::pipe_size(fd, None)),
            command::SETPIPE_SZ => int(super::splice::pipe_size(fd, Some(rest.arg::<c_int>()))),
            _ => fail(Error::BadArgument as c_int),
        }
    }
}

const SHARED: i16 = 0;
const EXCLUSIVE: i16 = 1;
const UNLOCK: i16 = 2;
/// Bits of `proto::file::lock`'s mode.
const WAIT: u32 = 1;
const TEST: u32 = 2;
const BY_OPEN_FILE: u32 = 4;
const WHOLE: u32 = 8;

fn lock_kind(kind: i16) -> Result<u32> {
    match kind {
        UNLOCK => Ok(0),
        SHARED => Ok(1),
        EXCLUSIVE => Ok(2),
        _ => Err(Error::BadArgument),
    }
}

/// Start and length as an absolute range; a negative length means the bytes before the start.
fn range(fd: c_int, lock: &Flock) -> Result<(u64, u64)> {
    let base = match lock.whence {
        0 => 0,
        1 => descriptor::seek(fd, 0, 1)? as i64,
        2 => descriptor::status(fd)?.size as i64,
        _ => return Err(Error::BadArgument),
    };
    let mut start = base.checked_add(lock.start).ok_or(Error::Overflow)?;
    let mut length = lock.length;
    if length < 0 {
        start = start.checked_add(length).ok_or(Error::BadArgument)?;
        length = -length;
    }
    let start = u64::try_from(start).map_err(|_| Error::BadArgument)?;
    Ok((start, length as u64))
}

fn get_lock(fd: c_int, by_open_file: bool, lock: &mut Flock) -> Result<()> {
    let (start, length) = range(fd, lock)?;
    let owner = if by_open_file { BY_OPEN_FILE } else { 0 };
    let found = descriptor::lock(fd, lock_kind(lock.kind)?, TEST | owner, start, length)?;
    if found.kind == 0 {
        lock.kind = UNLOCK;
        return Ok(());
    }
    *lock = Flock {
        kind: if found.kind == 1 { SHARED } else { EXCLUSIVE },
        whence: 0,
        start: found.start as i64,
        length: found.length as i64,
        process: found.owner as i32,
    };
    Ok(())
}

fn set_lock(fd: c_int, command: c_int, lock: &Flock) -> Result<()> {
    let (start, length) = range(fd, lock)?;
    let mut mode = 0;
    if command == command::SETLKW || command == command::OFD_SETLKW {
        mode |= WAIT;
    }
    if command == command::OFD_SETLK || command == command::OFD_SETLKW {
        mode |= BY_OPEN_FILE;
    }
    descriptor::lock(fd, lock_kind(lock.kind)?, mode, start, length).map(|_| ())
}

/// BSD: a lock on the whole file, owned by the open file.
#[unsafe(no_mangle)]
pub extern "C" fn flock(fd: c_int, operation: c_int) -> c_int {
    const LOCK_NB: c_int = 4;
    let kind = match operation & !LOCK_NB {
        1 => 1,
        2 => 2,
        8 => 0,
        _ => return fail(Error::BadArgument as c_int),
    };
    let wait = if operation & LOCK_NB == 0 { WAIT } else { 0 };
    status(descriptor::lock(fd, kind, WHOLE | BY_OPEN_FILE | wait, 0, 0).map(|_| ()))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn lockf(fd: c_int, operation: c_int, size: i64) -> c_int {
    let mut lock = Flock {
        kind: EXCLUSIVE,
        whence: 1,
        length: size,
        ..Flock::default()
    };
    status(match operation {
        0 => {
            lock.kind = UNLOCK;
            set_lock(fd, command::SETLK, &lock)
        }
        1 => set_lock(fd, command::SETLKW, &lock),
        2 => set_lock(fd, command::SETLK, &lock),
        3 => get_lock(fd, false, &mut lock).and_then(|()| match lock.kind {
            UNLOCK => Ok(()),
            _ if lock.process as u64 == libc_rt::identity::process() => Ok(()),
            _ => Err(Error::AccessDenied),
        }),
        _ => Err(Error::BadArgument),
    })
}

/// How a request's argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// An integer.
    Value,
    /// Bytes that the server reads.
    In(usize),
    /// Bytes that the server writes.
    Out(usize),
    /// Both.
    InOut(usize),
}

/// Bytes of `struct termios`.
pub(super) const TERMIOS_SIZE: usize = 60;

/// The old requests do not tell their argument's size in their number; the others do.
fn shape(request: u32) -> Shape {
    match request {
        0x5401 => Shape::Out(TERMIOS_SIZE),
        0x5402..=0x5404 => Shape::In(TERMIOS_SIZE),
        0x540f | 0x5411 | 0x5415 | 0x541b | 0x5424 | 0x5429 | 0x1268 => Shape::Out(4),
        0x5410 | 0x5416..=0x5418 | 0x5420 | 0x5423 => Shape::In(4),
        // TIOCSIG: numbered as if it took a pointer, but Linux takes the signal itself.
        0x4004_5436 => Shape::Value,
        0x5412 => Shape::In(1),
        0x5413 => Shape::Out(8),
        0x5414 => Shape::In(8),
        0x1260 => Shape::Out(8),
        // Routes: struct rtentry.
        0x890b | 0x890c => Shape::In(120),
        // Network interfaces: struct ifreq.
        0x8910..=0x89ff => Shape::InOut(40),
        _ => {
            let size = (request >> 16 & 0x3fff) as usize;
            match request >> 30 {
                1 if size > 0 => Shape::In(size),
                2 if size > 0 => Shape::Out(size),
                3 if size > 0 => Shape::InOut(size),
                _ => Shape::Value,
            }
        }
    }
}

const FIONREAD: u32 = 0x541b;
const FIONBIO: u32 = 0x5421;
const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;
const TIOCGPTPEER: u32 = 0x5441;
const SIOCGIFCONF: u32 = 0x8912;

/// `struct ifconf`.
#[repr(C)]
struct InterfaceList {
    length: c_int,
    place: *mut c_void,
}

/// `SIOCGIFCONF`: the list's place stands in the argument. Without one, how long it would be.
unsafe fn list_interfaces(fd: c_int, list: *mut InterfaceList) -> Result<i32> {
    // SAFETY: the caller's.
    let list = unsafe { list.as_mut() }.ok_or(Error::BadAddress)?;
    let room = usize::try_from(list.length).map_err(|_| Error::BadArgument)?;
    let mut nothing = [0; 0];
    let place = match list.place.is_null() {
        true => &mut nothing[..],
        // SAFETY: the caller's.
        false => unsafe { super::support::bytes_mut(list.place, room) },
    };
    list.length = descriptor::control(fd, SIOCGIFCONF.into(), 0, &[], place)? as c_int;
    Ok(0)
}

/// POSIX (STREAMS), Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_int, mut rest: ...) -> c_int {
    // SAFETY: the caller passes what the request wants; a missing argument is read but not used.
    int(unsafe { control(fd, request as u32, &mut rest) })
}

unsafe fn control(fd: c_int, request: u32, rest: &mut VaList<'_>) -> Result<i32> {
    // SAFETY: the caller's.
    unsafe {
        match request {
            FIONBIO => {
                let on = *rest.arg::<*mut c_int>() != 0;
                let flags = descriptor::status_flags(fd)?;
                let bit = proto::types::open_flags::NONBLOCK;
                let flags = if on { flags | bit } else { flags & !bit };
                descriptor::set_status_flags(fd, flags).map(|()| 0)
            }
            FIOCLEX | FIONCLEX => descriptor::set_close_on_exec(fd, request == FIOCLEX).map(|()| 0),
            FIONREAD => {
                let out = rest.arg::<*mut c_int>();
                if let Ok(queued) = libc_rt::kernel::stream_queued(descriptor::handle(fd)?) {
                    *out = queued as c_int;
                    return Ok(0);
                }
                transfer(fd, request, out.cast())
            }
            TIOCGPTPEER => descriptor::terminal_peer(fd, rest.arg::<c_int>() as u32),
            SIOCGIFCONF => list_interfaces(fd, rest.arg::<*mut InterfaceList>()),
            _ => transfer(fd, request, rest.arg::<*mut c_void>()),
        }
    }
}

/// Carries a request to the descriptor's server.
pub(super) unsafe fn transfer(fd: c_int, request: u32, argument: *mut c_void) -> Result<i32> {
    use super::support::{bytes, bytes_mut};
    let number = request as u64;
    // SAFETY: the caller's buffer has the size that the request's number tells.
    let value = unsafe {
        match shape(request) {
            Shape::Value => descriptor::control(fd, number, argument as u64, &[], &mut []),
            _ if argument.is_null() => Err(Error::BadAddress),
            Shape::In(size) => descriptor::control(fd, number, 0, bytes(argument, size), &mut []),
            Shape::Out(size) => descriptor::control(fd, number, 0, &[], bytes_mut(argument, size)),
            Shape::InOut(size) => {
                let mut copy = [0u8; 0x4000];
                let copy = copy.get_mut(..size).ok_or(Error::BadArgument)?;
                copy.copy_from_slice(bytes(argument, size));
                descriptor::control(fd, number, 0, copy, bytes_mut(argument, size))
            }
        }
    }?;
    Ok(value as i32)
}
