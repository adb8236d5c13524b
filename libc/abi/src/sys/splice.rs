//! Copying between descriptors: `sendfile`, `copy_file_range`, `splice`, `tee`, `vmsplice` (Linux). All of
//! them copy; nothing is taken from a pipe that could not be written.
//!
//! SAFETY of the C functions here: positions and lists are valid.

use super::io::{IoVector, lseek, pread, pwrite, read, write, writev};
use super::support::{Error, Result, fail, long, set_errno};
use core::ffi::c_int;
use kernel_abi::socket::{StreamMessage, message_flags, stream_flags, stream_property};
use kernel_abi::{Call, Handle, Rights};
use libc_posix::descriptor;
use libc_rt::kernel;

/// Bytes that are copied at once.
const PIECE: usize = 16384;
/// `SPLICE_F_*`: move, do not wait, more follows, gift.
const FLAGS: u32 = 15;
const DO_NOT_WAIT: u32 = 2;

/// Copies through a buffer on the stack.
unsafe fn copy(from: c_int, to: c_int, count: usize, at: *mut i64, target_at: *mut i64) -> isize {
    let mut buffer = [0u8; PIECE];
    let mut total = 0;
    while total < count {
        let wanted = buffer.len().min(count - total);
        // SAFETY: the buffer is this function's; positions are the caller's or null.
        unsafe {
            let address = buffer.as_mut_ptr().cast();
            let got = if at.is_null() {
                read(from, address, wanted)
            } else {
                pread(from, address, wanted, *at)
            };
            if got <= 0 {
                return if total > 0 { total as isize } else { got };
            }
            let put = if target_at.is_null() {
                write(to, address, got as usize)
            } else {
                pwrite(to, address, got as usize, *target_at)
            };
            let written = put.max(0);
            if !at.is_null() {
                *at += written as i64;
            } else if written < got {
                // What was read and not written is put back, where the file allows it.
                let error = super::support::errno();
                lseek(from, (written - got) as i64, 1);
                set_errno(error);
            }
            if put < 0 {
                return if total > 0 { total as isize } else { put };
            }
            if !target_at.is_null() {
                *target_at += put as i64;
            }
            total += put as usize;
            if put < got || (got as usize) < wanted {
                break;
            }
        }
    }
    total as isize
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile(to: c_int, from: c_int, at: *mut i64, count: usize) -> isize {
    // SAFETY: the caller's.
    unsafe { copy(from, to, count, at, core::ptr::null_mut()) }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    at: *mut i64,
    to: c_int,
    target_at: *mut i64,
    count: usize,
    flags: u32,
) -> isize {
    if flags != 0 {
        return fail(Error::BadArgument as c_int) as isize;
    }
    // SAFETY: the caller's.
    unsafe { copy(from, to, count, at, target_at) }
}

/// Whether a descriptor is a pipe, named or not.
fn is_pipe(fd: c_int) -> Result<bool> {
    let handle = descriptor::handle(fd)?;
    kernel::handle_info(handle)?;
    let flags = kernel::stream_property(handle, stream_property::FLAGS, 0, 0);
    Ok(flags
        .is_ok_and(|flags| flags & stream_flags::ONE_WAY != 0 && flags & stream_flags::SOCKET == 0))
}

/// `F_GETPIPE_SZ` and `F_SETPIPE_SZ`: how many bytes a pipe holds; a new size is rounded up.
pub(super) fn pipe_size(fd: c_int, new: Option<c_int>) -> Result<c_int> {
    /// More is for no one (Linux lets root have it).
    const MOST: u64 = 1 << 20;
    if !is_pipe(fd)? {
        return Err(Error::BadHandle);
    }
    let handle = descriptor::handle(fd)?;
    let reads = kernel::handle_info(handle)?.rights & Rights::WRITE.0 == 0;
    let property = match reads {
        true => stream_property::RECEIVE_CAPACITY,
        false => stream_property::SEND_CAPACITY,
    };
    let size = match new {
        None => kernel::stream_property(handle, property, 0, 0)?,
        Some(new) => {
            let wanted = u64::try_from(new).map_err(|_| Error::BadArgument)?;
            let rounded = wanted.max(kernel_abi::PAGE_SIZE).next_power_of_two();
            if rounded > MOST {
                return Err(Error::NotPermitted);
            }
            kernel::stream_property(handle, property, 1, rounded)?
        }
    };
    Ok(size as c_int)
}

/// Looks at what a pipe holds, without taking it.
fn look(pipe: c_int, bytes: &mut [u8], waits: bool) -> Result<usize> {
    let segment = [bytes.as_mut_ptr() as u64, bytes.len() as u64];
    let wait_flag = if waits { 0 } else { message_flags::DO_NOT_WAIT };
    let mut message = StreamMessage {
        segments: segment.as_ptr() as u64,
        segment_count: 1,
        flags: message_flags::ANY_STREAM | message_flags::PEEK | wait_flag,
        target: Handle::NONE.0,
        ..StreamMessage::default()
    };
    let handle = descriptor::handle(pipe)?;
    // SAFETY: the kernel writes into the bytes, borrowed for the call.
    let looked =
        unsafe { kernel_stubs::safe::stream_transfer(Call::StreamReceive, handle, &mut message) };
    looked.map_err(descriptor::transfer_error)
}

/// Takes from a pipe what had been looked at.
fn take(pipe: c_int, mut count: usize) {
    let mut buffer = [0u8; PIECE];
    while count > 0 {
        let wanted = buffer.len().min(count);
        // The bytes are there; only another reader could have been faster.
        match descriptor::read(pipe, &mut buffer[..wanted]) {
            Ok(got @ 1..) => count -= got,
            _ => return,
        }
    }
}

/// Linux: moves bytes from or to a pipe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn splice(
    from: c_int,
    at: *mut i64,
    to: c_int,
    target_at: *mut i64,
    count: usize,
    flags: u32,
) -> isize {
    const ESPIPE: c_int = 29;
    let pipes = match (is_pipe(from), is_pipe(to)) {
        (Ok(from), Ok(to)) => [from, to],
        (Err(error), _) | (_, Err(error)) => return fail(error as c_int) as isize,
    };
    if flags & !FLAGS != 0 || pipes == [false, false] {
        return fail(Error::BadArgument as c_int) as isize;
    }
    if pipes[0] && !at.is_null() || pipes[1] && !target_at.is_null() {
        return fail(ESPIPE) as isize;
    }
    if !pipes[0] {
        // SAFETY: the caller's.
        return unsafe { copy(from, to, count.min(PIECE), at, target_at) };
    }
    let mut buffer = [0u8; PIECE];
    let wanted = count.min(PIECE);
    let looked = match look(from, &mut buffer[..wanted], flags & DO_NOT_WAIT == 0) {
        Ok(looked) if looked > 0 => looked,
        end => return long(end),
    };
    // SAFETY: the buffer is this function's; the position is the caller's.
    let put = unsafe {
        let address = buffer.as_ptr().cast();
        match target_at.as_mut() {
            None => write(to, address, looked),
            Some(position) => {
                let put = pwrite(to, address, looked, *position);
                *position += put.max(0) as i64;
                put
            }
        }
    };
    take(from, put.max(0) as usize);
    put
}

/// Linux: copies from a pipe to another one, and leaves the bytes in the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tee(from: c_int, to: c_int, count: usize, flags: u32) -> isize {
    let both = match (is_pipe(from), is_pipe(to)) {
        (Ok(from), Ok(to)) => from && to,
        (Err(error), _) | (_, Err(error)) => return fail(error as c_int) as isize,
    };
    if flags & !FLAGS != 0 || !both {
        return fail(Error::BadArgument as c_int) as isize;
    }
    let mut buffer = [0u8; PIECE];
    let wanted = count.min(PIECE);
    match look(from, &mut buffer[..wanted], flags & DO_NOT_WAIT == 0) {
        // SAFETY: the buffer is this function's.
        Ok(looked) if looked > 0 => unsafe { write(to, buffer.as_ptr().cast(), looked) },
        end => long(end),
    }
}

/// Linux: writes memory to a pipe; to take its pages instead of copying them is not offered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vmsplice(
    fd: c_int,
    list: *const IoVector,
    count: usize,
    flags: u32,
) -> isize {
    match is_pipe(fd) {
        Ok(true) if flags & !FLAGS == 0 && count <= 1024 => {}
        Ok(true) => return fail(Error::BadArgument as c_int) as isize,
        Ok(false) => return fail(Error::BadHandle as c_int) as isize,
        Err(error) => return fail(error as c_int) as isize,
    }
    // SAFETY: the caller's.
    unsafe { writev(fd, list, count as c_int) }
}
