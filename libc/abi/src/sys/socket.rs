//! Sockets. There is no network server yet: only pairs of local sockets can be made, which are
//! the two ends of a stream.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

use super::io::IoVector;
use super::support::{Error, Result, bytes, bytes_mut, fail, long, status};
use core::ffi::{c_int, c_void};
use kernel_abi::object::{ObjectKind, handle_flags};
use kernel_abi::wait::{StreamMessage, shut_down, stream_flags};
use kernel_abi::{Call, Handle};
use libc_posix::descriptor;
use libc_rt::kernel;
use proto::types::open_flags;

const AF_UNIX: c_int = 1;
const SOCK_STREAM: c_int = 1;
const SOCK_DGRAM: c_int = 2;
const SOCK_SEQPACKET: c_int = 5;
const SOCK_TYPE: c_int = 0xf;
const SOCK_CLOEXEC: c_int = 0o2000000;
const SOCK_NONBLOCK: c_int = 0o4000;
const EAFNOSUPPORT: c_int = 97;
const EPROTONOSUPPORT: c_int = 93;
const EISCONN: c_int = 106;
const ENOPROTOOPT: c_int = 92;

const MSG_PEEK: c_int = 2;
const MSG_CTRUNC: c_int = 8;
const MSG_TRUNC: c_int = 0x20;
const MSG_DONTWAIT: c_int = 0x40;
const MSG_WAITALL: c_int = 0x100;
const MSG_NOSIGNAL: c_int = 0x4000;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;

/// POSIX: no address family has a server yet.
#[unsafe(no_mangle)]
pub extern "C" fn socket(_family: c_int, _kind: c_int, _protocol: c_int) -> c_int {
    fail(EAFNOSUPPORT)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    ends: *mut [c_int; 2],
) -> c_int {
    const CAPACITY: u64 = 212_992;
    if family != AF_UNIX {
        return fail(EAFNOSUPPORT);
    }
    let flags = match kind & SOCK_TYPE {
        SOCK_STREAM => 0,
        SOCK_DGRAM | SOCK_SEQPACKET => stream_flags::MESSAGES,
        _ => return fail(EPROTONOSUPPORT),
    };
    if protocol != 0 {
        return fail(EPROTONOSUPPORT);
    }
    let make = || -> Result<()> {
        let made = descriptor::stream(flags, CAPACITY, kind & SOCK_CLOEXEC != 0)?;
        if kind & SOCK_NONBLOCK != 0 {
            for end in made {
                descriptor::set_status_flags(end, open_flags::NONBLOCK)?;
            }
        }
        // SAFETY: the caller's.
        unsafe { *ends = made };
        Ok(())
    };
    status(make())
}

/// The stream behind a descriptor, or why it is none.
fn stream(fd: c_int) -> Result<Handle> {
    let handle = descriptor::handle(fd)?;
    let information = kernel::handle_info(handle)?;
    let kind = ObjectKind::Stream as u32;
    if information.kind == kind || information.data_kind == kind {
        Ok(handle)
    } else {
        Err(Error::NotSocket)
    }
}

macro_rules! connected_already {
    ($($name:ident($($argument:ident: $type:ty),*) = $error:ident;)*) => {$(
        /// POSIX: every socket there is was made connected.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(fd: c_int, $($argument: $type),*) -> c_int {
            match stream(fd) {
                Ok(_) => fail($error),
                Err(error) => fail(error as c_int),
            }
        }
    )*};
}

const EINVAL: c_int = 22;
connected_already! {
    bind(_address: *const c_void, _length: u32) = EINVAL;
    connect(_address: *const c_void, _length: u32) = EISCONN;
    listen(_backlog: c_int) = EINVAL;
    accept(_address: *mut c_void, _length: *mut u32) = EINVAL;
    accept4(_address: *mut c_void, _length: *mut u32, _flags: c_int) = EINVAL;
    sockatmark() = EINVAL;
}

/// Writes the address of a socket that has none: its family.
unsafe fn unnamed(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    status(stream(fd).map(|_| {
        // SAFETY: the caller's.
        unsafe {
            let target = bytes_mut(address, *length as usize);
            for (byte, value) in target.iter_mut().zip((AF_UNIX as u16).to_le_bytes()) {
                *byte = value;
            }
            *length = 2;
        }
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockname(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { unnamed(fd, address, length) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpeername(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { unnamed(fd, address, length) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    let directions = match how {
        0 => shut_down::READ,
        1 => shut_down::WRITE,
        2 => shut_down::READ | shut_down::WRITE,
        _ => return fail(EINVAL),
    };
    status(stream(fd).and_then(|handle| Ok(kernel::stream_shut_down(handle, directions)?)))
}

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

/// Head of a control message: length, level, kind.
const CONTROL_HEAD: usize = 16;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const MOST_HANDLES: usize = 16;

fn word(bytes: &[u8], at: usize) -> i32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    i32::from_le_bytes(word)
}

/// Takes the descriptors of `SCM_RIGHTS` messages out of a control buffer.
fn handles_to_send(control: &[u8], message: &mut StreamMessage) -> Result<()> {
    let mut rest = control;
    while rest.len() >= CONTROL_HEAD {
        let length = word(rest, 0) as usize;
        if length < CONTROL_HEAD || length > rest.len() {
            return Err(Error::BadArgument);
        }
        if word(rest, 8) != SOL_SOCKET || word(rest, 12) != SCM_RIGHTS {
            return Err(Error::BadArgument);
        }
        for place in rest[CONTROL_HEAD..length].chunks_exact(4) {
            let slot = message.handles.get_mut(message.handle_count as usize);
            *slot.ok_or(Error::BadArgument)? = descriptor::handle(word(place, 0))?.0;
            message.handle_count += 1;
        }
        rest = &rest[length.next_multiple_of(8).min(rest.len())..];
    }
    Ok(())
}

/// Writes received descriptors as one `SCM_RIGHTS` message: its length, and whether all fitted.
fn handles_received(message: &StreamMessage, control: &mut [u8]) -> (usize, bool) {
    let count = message.handle_count as usize;
    if count == 0 {
        return (0, true);
    }
    let room = control.len().saturating_sub(CONTROL_HEAD) / 4;
    let fitting = count.min(room);
    for handle in &message.handles[fitting..count.min(MOST_HANDLES)] {
        // What the caller has no room for would leak.
        let _ = kernel::handle_close(Handle(*handle));
    }
    if fitting == 0 {
        return (0, false);
    }
    let length = CONTROL_HEAD + fitting * 4;
    control[..4].copy_from_slice(&(length as u32).to_le_bytes());
    control[4..8].fill(0);
    control[8..12].copy_from_slice(&SOL_SOCKET.to_le_bytes());
    control[12..16].copy_from_slice(&SCM_RIGHTS.to_le_bytes());
    for (place, handle) in control[CONTROL_HEAD..]
        .chunks_exact_mut(4)
        .zip(&message.handles[..fitting])
    {
        place.copy_from_slice(&handle.to_le_bytes());
    }
    (length, fitting == count)
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
        super::io::written(result)
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
    super::pthread::cancellation_point();
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
    super::pthread::cancellation_point();
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

/// POSIX: the kind of a socket and its lack of errors are all that can be asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_int,
    length: *mut u32,
) -> c_int {
    const SO_TYPE: c_int = 3;
    const SO_ERROR: c_int = 4;
    const SO_DOMAIN: c_int = 39;
    if let Err(error) = stream(fd) {
        return fail(error as c_int);
    }
    let answer = match (level, option) {
        (SOL_SOCKET, SO_TYPE) => SOCK_STREAM,
        (SOL_SOCKET, SO_ERROR) => 0,
        (SOL_SOCKET, SO_DOMAIN) => AF_UNIX,
        _ => return fail(ENOPROTOOPT),
    };
    // SAFETY: the caller's.
    unsafe {
        if *length < 4 {
            return fail(EINVAL);
        }
        *value = answer;
        *length = 4;
    }
    0
}

/// POSIX: local stream pairs have nothing to set.
#[unsafe(no_mangle)]
pub extern "C" fn setsockopt(
    fd: c_int,
    _level: c_int,
    _option: c_int,
    _value: *const c_void,
    _length: u32,
) -> c_int {
    match stream(fd) {
        Ok(_) => fail(ENOPROTOOPT),
        Err(error) => fail(error as c_int),
    }
}
