//! Reading, writing, positions, duplicating, pipes.
//!
//! SAFETY of the C functions here: buffers are valid for the length given (POSIX).

use super::support::{Error, Result, bytes, bytes_mut, fail, int, long, status};
use core::ffi::{c_int, c_void};
use kernel_abi::Call;
use kernel_stubs::{raw, safe};
use libc_posix::descriptor;
use proto::types::open_flags;

/// `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IoVector {
    /// Address.
    pub base: *mut c_void,
    /// Length.
    pub length: usize,
}

const IOV_MAX: c_int = 1024;
const SIGPIPE: c_int = 13;

/// A write into a pipe that nobody reads raises SIGPIPE, which no server can do for us.
pub(super) fn written(result: Result<usize>) -> isize {
    if result == Err(Error::PeerClosed) {
        super::signal::raise(SIGPIPE);
    }
    long(result)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, length: usize) -> isize {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    let buffer = unsafe { bytes_mut(buffer, length) };
    long(match descriptor::read(fd, buffer) {
        // What has no bytes to read may have signals (`signalfd`).
        Err(Error::NotSupported) => super::signal_descriptor::read(fd, buffer),
        result => result,
    })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, length: usize) -> isize {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    written(descriptor::write(fd, unsafe { bytes(buffer, length) }))
}

fn offset(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Error::BadArgument)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, buffer: *mut c_void, length: usize, at: i64) -> isize {
    // SAFETY: the caller's.
    let buffer = unsafe { bytes_mut(buffer, length) };
    long(descriptor::handle(fd).and_then(|handle| {
        safe::read_at(handle, buffer, offset(at)?).map_err(descriptor::transfer_error)
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, buffer: *const c_void, length: usize, at: i64) -> isize {
    // SAFETY: the caller's.
    let buffer = unsafe { bytes(buffer, length) };
    written(descriptor::handle(fd).and_then(|handle| {
        safe::write_at(handle, buffer, offset(at)?).map_err(descriptor::transfer_error)
    }))
}

unsafe fn vector(call: Call, fd: c_int, list: *const IoVector, count: c_int) -> Result<usize> {
    if !(0..=IOV_MAX).contains(&count) {
        return Err(Error::BadArgument);
    }
    let handle = descriptor::handle(fd)?;
    // SAFETY: the list and its pieces are the caller's.
    let done = unsafe { raw::call3(call, handle.0 as u64, list as u64, count as u64) };
    done.map(|done| done as usize)
        .map_err(descriptor::transfer_error)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(fd: c_int, list: *const IoVector, count: c_int) -> isize {
    // SAFETY: the caller's.
    long(unsafe { vector(Call::ReadVector, fd, list, count) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, list: *const IoVector, count: c_int) -> isize {
    // SAFETY: the caller's.
    written(unsafe { vector(Call::WriteVector, fd, list, count) })
}

/// Applies a transfer to each piece in turn, until one comes short.
unsafe fn each(
    list: *const IoVector,
    count: c_int,
    mut at: i64,
    transfer: impl Fn(&IoVector, i64) -> isize,
) -> isize {
    if !(0..=IOV_MAX).contains(&count) {
        return fail(Error::BadArgument as c_int) as isize;
    }
    let mut total = 0;
    for index in 0..count as usize {
        // SAFETY: the caller's.
        let piece = unsafe { &*list.add(index) };
        let done = transfer(piece, at);
        if done < 0 {
            return if total > 0 { total } else { done };
        }
        total += done;
        at += done as i64;
        if (done as usize) < piece.length {
            break;
        }
    }
    total
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn preadv(fd: c_int, list: *const IoVector, count: c_int, at: i64) -> isize {
    // SAFETY: the caller's.
    unsafe {
        each(list, count, at, |piece, at| {
            pread(fd, piece.base, piece.length, at)
        })
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(fd: c_int, list: *const IoVector, count: c_int, at: i64) -> isize {
    // SAFETY: the caller's.
    unsafe {
        each(list, count, at, |piece, at| {
            pwrite(fd, piece.base, piece.length, at)
        })
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    long(descriptor::seek(fd, offset, whence).map(|position| position as usize)) as i64
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn close(fd: c_int) -> c_int {
    status(descriptor::close(fd))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn dup(fd: c_int) -> c_int {
    int(descriptor::duplicate(fd, 0, false))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn dup2(fd: c_int, target: c_int) -> c_int {
    if fd == target {
        return int(descriptor::close_on_exec(fd).map(|_| fd));
    }
    int(descriptor::duplicate_to(fd, target, 0))
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub extern "C" fn dup3(fd: c_int, target: c_int, flags: c_int) -> c_int {
    const KNOWN: u32 = open_flags::CLOSE_ON_EXEC | open_flags::CLOSE_ON_FORK;
    let flags = flags as u32;
    if fd == target || flags & !KNOWN != 0 {
        return fail(Error::BadArgument as c_int);
    }
    int(descriptor::duplicate_to(
        fd,
        target,
        descriptor::kept_flags(flags),
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pipe(ends: *mut [c_int; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe { pipe2(ends, 0) }
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pipe2(ends: *mut [c_int; 2], flags: c_int) -> c_int {
    status(descriptor::pipe(flags as u32).map(|made| {
        // SAFETY: the caller's.
        unsafe { *ends = made };
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    status(descriptor::sync(fd, false))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    status(descriptor::sync(fd, true))
}

/// Writes out the file system that a descriptor is on: here, all of them.
#[unsafe(no_mangle)]
pub extern "C" fn syncfs(fd: c_int) -> c_int {
    match descriptor::close_on_exec(fd) {
        Ok(_) => status(libc_posix::names::sync_all()),
        Err(error) => fail(error as c_int),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sync() {
    // POSIX gives `sync` no way to fail.
    let _ = libc_posix::names::sync_all();
}

/// Linux: closes a range, or marks it.
#[unsafe(no_mangle)]
pub extern "C" fn close_range(first: u32, last: u32, flags: c_int) -> c_int {
    const CLOSE_RANGE_CLOEXEC: c_int = 4;
    let flags = if flags & CLOSE_RANGE_CLOEXEC != 0 {
        kernel_abi::object::handle_flags::CLOSE_ON_EXEC
    } else {
        0
    };
    // The runtime's own handles are no descriptors.
    let last = last.min(kernel_abi::Handle::HIGH_BASE - 1);
    if flags == 0 {
        descriptor::forget_locks_of(first, last);
    }
    status(safe::handle_close_range(first, last, flags).map_err(Error::from))
}

/// BSD: closes everything from a descriptor on.
#[unsafe(no_mangle)]
pub extern "C" fn closefrom(first: c_int) {
    close_range(first.max(0) as u32, u32::MAX, 0);
}
