//! Bytes and messages through sockets: `send`, `recv` and their relatives.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

use super::ancillary::{MOST_HANDLES, handles_received, handles_to_send};
use super::{EISCONN, stream};
use crate::sys::io::{IoVector, written};
use crate::sys::pthread::cancellation_point;
use crate::sys::support::{Error, Result, bytes, bytes_mut, fail, long};
use core::ffi::{c_int, c_void};
use kernel_abi::Call;
use kernel_abi::object::handle_flags;
use kernel_abi::wait::StreamMessage;

const MSG_PEEK: c_int = 2;
const MSG_CTRUNC: c_int = 8;
const MSG_TRUNC: c_int = 0x20;
const MSG_DONTWAIT: c_int = 0x40;
const MSG_WAITALL: c_int = 0x100;
const MSG_NOSIGNAL: c_int = 0x4000;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;

/// `struct msghdr`.
#[repr(C)]
pub struct MessageHeader {
    name: *mut c_void,
    name_length: u32,
    pieces: *mut IoVector,
    piece_count: c_int,
    gap1: c_int,
    control: *mut c_void,
    control_length: u32,
    gap2: c_int,
    flags: c_int,
}

fn stream_flags_of(flags: c_int) -> u32 {
    let mut bits = 0;
    if flags & MSG_DONTWAIT != 0 {
        bits |= 1;
    }
    if flags & MSG_PEEK != 0 {
        bits |= 2;
    }
    if flags & MSG_CMSG_CLOEXEC != 0 {
        bits |= (handle_flags::CLOSE_ON_EXEC as u32) << 8;
    }
    bits
}

/// Sends bytes, with the handles already in `message`.
fn send_bytes(fd: c_int, data: &[u8], flags: c_int, message: &mut StreamMessage) -> Result<usize> {
    let handle = stream(fd)?;
    message.address = data.as_ptr() as u64;
    message.length = data.len() as u64;
    message.flags = stream_flags_of(flags);
    // SAFETY: the kernel reads the bytes, borrowed for the call.
    Ok(unsafe { kernel_stubs::safe::stream_transfer(Call::StreamSend, handle, message)? })
}

fn receive_bytes(
    fd: c_int,
    data: &mut [u8],
    flags: c_int,
    message: &mut StreamMessage,
) -> Result<usize> {
    let handle = stream(fd)?;
    message.address = data.as_mut_ptr() as u64;
    message.length = data.len() as u64;
    message.flags = stream_flags_of(flags);
    // SAFETY: the kernel writes into the bytes, borrowed for the call.
    Ok(unsafe { kernel_stubs::safe::stream_transfer(Call::StreamReceive, handle, message)? })
}

fn sent(result: Result<usize>, flags: c_int) -> isize {
    if flags & MSG_NOSIGNAL != 0 {
        long(result)
    } else {
        written(result)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(
    fd: c_int,
    data: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    // SAFETY: the caller's.
    let data = unsafe { bytes(data, length) };
    sent(
        send_bytes(fd, data, flags, &mut StreamMessage::default()),
        flags,
    )
}

/// POSIX: with an address only sockets that are not connected send, and those do not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    data: *const c_void,
    length: usize,
    flags: c_int,
    address: *const c_void,
    _address_length: u32,
) -> isize {
    if !address.is_null() {
        return fail(EISCONN) as isize;
    }
    // SAFETY: the caller's.
    unsafe { send(fd, data, length, flags) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(fd: c_int, data: *mut c_void, length: usize, flags: c_int) -> isize {
    cancellation_point();
    let mut done = 0;
    loop {
        // SAFETY: the caller's.
        let rest = unsafe { bytes_mut(data.cast::<u8>().wrapping_add(done).cast(), length - done) };
        match receive_bytes(fd, rest, flags, &mut StreamMessage::default()) {
            Ok(0) => return done as isize,
            Ok(count) => done += count,
            Err(_) if done > 0 => return done as isize,
            Err(error) => return fail(error as c_int) as isize,
        }
        if flags & MSG_WAITALL == 0 || flags & MSG_PEEK != 0 || done == length {
            return done as isize;
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    fd: c_int,
    data: *mut c_void,
    length: usize,
    flags: c_int,
    _address: *mut c_void,
    address_length: *mut u32,
) -> isize {
    // SAFETY: the caller's; the peers have no names.
    unsafe {
        let got = recv(fd, data, length, flags);
        if let Some(address_length) = address_length.as_mut() {
            *address_length = 0;
        }
        got
    }
}

/// Copies the pieces of a message to or from one buffer; those of one piece need none.
unsafe fn pieces<'a>(header: &MessageHeader) -> &'a [IoVector] {
    if header.piece_count <= 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts(header.pieces, header.piece_count as usize) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, header: *const MessageHeader, flags: c_int) -> isize {
    let mut message = StreamMessage::default();
    // SAFETY: the caller's.
    unsafe {
        let header = &*header;
        let control = bytes(header.control, header.control_length as usize);
        if let Err(error) = handles_to_send(control, &mut message) {
            return fail(error as c_int) as isize;
        }
        let list = pieces(header);
        if let [one] = list {
            let data = bytes(one.base, one.length);
            return sent(send_bytes(fd, data, flags, &mut message), flags);
        }
        let mut data = alloc::vec::Vec::new();
        for piece in list {
            if data.try_reserve(piece.length).is_err() {
                return fail(Error::NoMemory as c_int) as isize;
            }
            data.extend_from_slice(bytes(piece.base, piece.length));
        }
        sent(send_bytes(fd, &data, flags, &mut message), flags)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(fd: c_int, header: *mut MessageHeader, flags: c_int) -> isize {
    cancellation_point();
    let mut message = StreamMessage::default();
    // SAFETY: the caller's.
    unsafe {
        let header = &mut *header;
        message.handle_count = if header.control_length > 0 {
            MOST_HANDLES as u32
        } else {
            0
        };
        let list = pieces(header);
        let got = match list {
            [one] => receive_bytes(fd, bytes_mut(one.base, one.length), flags, &mut message),
            _ => receive_scattered(fd, list, flags, &mut message),
        };
        let count = match got {
            Ok(count) => count,
            Err(error) => return fail(error as c_int) as isize,
        };
        let control = bytes_mut(header.control, header.control_length as usize);
        let (length, all) = handles_received(&message, control);
        header.control_length = length as u32;
        header.name_length = 0;
        header.flags = 0;
        if !all {
            header.flags |= MSG_CTRUNC;
        }
        if message.truncated > 0 {
            header.flags |= MSG_TRUNC;
        }
        count as isize
    }
}

unsafe fn receive_scattered(
    fd: c_int,
    list: &[IoVector],
    flags: c_int,
    message: &mut StreamMessage,
) -> Result<usize> {
    let total = list
        .iter()
        .fold(0usize, |sum, piece| sum.saturating_add(piece.length));
    let mut data = alloc::vec::Vec::new();
    data.try_reserve_exact(total).map_err(|_| Error::NoMemory)?;
    data.resize(total, 0u8);
    let count = receive_bytes(fd, &mut data, flags, message)?;
    let mut rest = &data[..count];
    for piece in list {
        let take = rest.len().min(piece.length);
        // SAFETY: the caller's.
        unsafe { bytes_mut(piece.base, take) }.copy_from_slice(&rest[..take]);
        rest = &rest[take..];
    }
    Ok(count)
}

/// Linux: not offered.
#[unsafe(no_mangle)]
pub extern "C" fn sendmmsg(_fd: c_int, _list: *mut c_void, _count: u32, _flags: u32) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// Linux: not offered.
#[unsafe(no_mangle)]
pub extern "C" fn recvmmsg(
    _fd: c_int,
    _list: *mut c_void,
    _count: u32,
    _flags: u32,
    _timeout: *mut c_void,
) -> c_int {
    fail(Error::Unsupported as c_int)
}
