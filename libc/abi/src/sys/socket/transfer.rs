//! Sending to sockets and receiving from them: one kernel call on the socket's session.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

use super::ancillary as control;
use super::datagram;
use super::{address, give_address};
use crate::sys::io::IoVector;
use crate::sys::support::{Error, Result, bytes, bytes_mut, fail, long};
use core::ffi::{c_int, c_void};
use kernel_abi::object::handle_flags;
use kernel_abi::socket::{MAX_MESSAGE_HANDLES, MAX_NAME, StreamMessage, message_flags};
use kernel_abi::{Call, Handle};
use libc_posix::socket as posix;
use libc_posix::{descriptor, socket::Destination};
use proto::arrival;
use proto::types::socket_status;

/// Flags of `send` and `recv`.
pub(super) mod flag {
    use core::ffi::c_int;
    pub const OOB: c_int = 1;
    pub const PEEK: c_int = 2;
    pub const CTRUNC: c_int = 8;
    pub const TRUNC: c_int = 0x20;
    pub const DONTWAIT: c_int = 0x40;
    pub const EOR: c_int = 0x80;
    pub const WAITALL: c_int = 0x100;
    pub const NOSIGNAL: c_int = 0x4000;
    pub const WAITFORONE: c_int = 0x10000;
    pub const CMSG_CLOFORK: c_int = 0x80_0000;
    pub const CMSG_CLOEXEC: c_int = 0x4000_0000;
}

const SIGPIPE: c_int = 13;
/// Most segments of a message.
const IOV_MAX: c_int = 1024;
/// Most handles of one message.
const MOST_HANDLES: usize = MAX_MESSAGE_HANDLES as usize;

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

/// `struct mmsghdr`.
#[repr(C)]
pub struct MultipleHeader {
    header: MessageHeader,
    length: u32,
}

fn kernel_flags(flags: c_int) -> u32 {
    let bit = |flag, bit| if flags & flag != 0 { bit } else { 0 };
    bit(flag::DONTWAIT, message_flags::DO_NOT_WAIT) | bit(flag::PEEK, message_flags::PEEK)
}

fn placing(flags: c_int) -> u32 {
    let bit = |flag, bit: u64| if flags & flag != 0 { bit as u32 } else { 0 };
    bit(flag::CMSG_CLOEXEC, handle_flags::CLOSE_ON_EXEC)
        | bit(flag::CMSG_CLOFORK, handle_flags::CLOSE_ON_FORK)
}

/// What the kernel refuses for the kind of its object means other things to a socket's user.
fn error_of(fd: c_int, error: kernel_abi::Error, sends: bool) -> Error {
    match error {
        kernel_abi::Error::WrongKind => match posix::information(fd) {
            Err(error) => error,
            Ok(found) if found.kind == posix::DATAGRAM && sends => Error::DestinationRequired,
            Ok(_) => Error::NotConnected,
        },
        // It writes to no stream of its own: a datagram socket without a peer.
        kernel_abi::Error::AccessDenied => match posix::information(fd) {
            Ok(_) if sends => Error::DestinationRequired,
            Ok(_) => Error::BadHandle,
            Err(error) => error,
        },
        other => other.into(),
    }
}

/// Sends a message whose parts are named in it, with SIGPIPE as POSIX asks for it.
unsafe fn send_message(
    fd: c_int,
    message: &mut StreamMessage,
    flags: c_int,
    target: Target<'_>,
    control: &[u8],
) -> Result<usize> {
    if flags & flag::OOB != 0 {
        posix::information(fd)?;
        return Err(Error::NotSupported);
    }
    message.flags = kernel_flags(flags & !flag::PEEK);
    message.target = match &target {
        Target::Own => Handle::NONE.0,
        Target::Destination(destination) => destination.handle().0,
        Target::Address(address) => {
            // SAFETY: the caller's.
            return unsafe { datagram::send(fd, address, message, control) };
        }
    };
    let handle = descriptor::handle(fd)?;
    // SAFETY: the caller's.
    let sent = unsafe { kernel_stubs::safe::stream_transfer(Call::StreamSend, handle, message) };
    if let Err(kernel_abi::Error::WrongKind | kernel_abi::Error::AccessDenied) = sent
        && posix::sends_by_call(fd)
    {
        // SAFETY: the caller's.
        return unsafe { datagram::send(fd, &[], message, &[]) };
    }
    sent.map_err(|error| {
        if error == kernel_abi::Error::PeerClosed && flags & flag::NOSIGNAL == 0 {
            crate::sys::signal::raise(SIGPIPE);
        }
        error_of(fd, error, true)
    })
}

/// Receives a message whose places are named in it.
unsafe fn receive_message(fd: c_int, message: &mut StreamMessage, flags: c_int) -> Result<usize> {
    if flags & flag::OOB != 0 {
        posix::information(fd)?;
        return Err(Error::BadArgument);
    }
    message.flags = kernel_flags(flags);
    message.handle_flags = placing(flags);
    message.target = Handle::NONE.0;
    let handle = descriptor::handle(fd)?;
    // SAFETY: the caller's.
    unsafe { kernel_stubs::safe::stream_transfer(Call::StreamReceive, handle, message) }
        .map_err(|error| error_of(fd, error, false))
}

/// Takes a connection: its descriptor, and the length of its peer's name.
pub(super) fn accept_message(fd: c_int, name: &mut [u8], placing: u64) -> Result<(c_int, usize)> {
    let mut taken = [u32::MAX; 1];
    let mut message = StreamMessage {
        handles: taken.as_mut_ptr() as u64,
        handle_count: 1,
        name: name.as_mut_ptr() as u64,
        name_length: name.len() as u32,
        flags: message_flags::ACCEPT,
        target: Handle::NONE.0,
        handle_flags: placing as u32,
        ..StreamMessage::default()
    };
    let handle = descriptor::handle(fd)?;
    // SAFETY: the kernel writes one handle and a name of the room given.
    let result =
        unsafe { kernel_stubs::safe::stream_transfer(Call::StreamReceive, handle, &mut message) };
    match result {
        Ok(_) if message.handle_count == 1 => Ok((taken[0] as c_int, message.name_length as usize)),
        // A descriptor that found no place is lost with its connection (POSIX leaves that open).
        Ok(_) if message.flags & message_flags::HANDLES_LOST != 0 => Err(Error::TableFull),
        // The queue was shut.
        Ok(_) => Err(Error::BadArgument),
        Err(kernel_abi::Error::WrongKind | kernel_abi::Error::BadArgument) => {
            match posix::information(fd)?.kind {
                posix::DATAGRAM => Err(Error::NotSupported),
                _ => Err(Error::BadArgument),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn one_segment(segment: &[u64; 2]) -> StreamMessage {
    StreamMessage {
        segments: segment.as_ptr() as u64,
        segment_count: 1,
        ..StreamMessage::default()
    }
}

/// Where a send goes.
enum Target<'a> {
    /// Where the socket's own stream does.
    Own,
    /// Through the stream of another one.
    Destination(Destination),
    /// To an address that the socket's server is told.
    Address(&'a [u8]),
}

/// The destination of a send that names one; a connected socket has its own (POSIX `EISCONN`).
unsafe fn target<'a>(fd: c_int, name: *const c_void, length: u32) -> Result<Target<'a>> {
    if name.is_null() || length == 0 {
        return Ok(Target::Own);
    }
    let found = posix::information(fd)?;
    if found.status & socket_status::SENDS_BY_CALL != 0 {
        // SAFETY: the caller's.
        return Ok(Target::Address(unsafe { address(name, length) }?));
    }
    if found.kind != posix::DATAGRAM {
        return match (found.kind, found.has_stream) {
            // Linux ignores the address here; POSIX allows that.
            (posix::SEQUENCE, true) => Ok(Target::Own),
            (_, true) => Err(Error::IsConnected),
            (_, false) => Err(Error::NotConnected),
        };
    }
    // SAFETY: the caller's.
    posix::destination(fd, unsafe { address(name, length) }?).map(Target::Destination)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(
    fd: c_int,
    data: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    crate::sys::pthread::cancellation_point();
    let segment = [data as u64, length as u64];
    // SAFETY: the caller's.
    long(unsafe { send_message(fd, &mut one_segment(&segment), flags, Target::Own, &[]) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    data: *const c_void,
    length: usize,
    flags: c_int,
    name: *const c_void,
    name_length: u32,
) -> isize {
    crate::sys::pthread::cancellation_point();
    let segment = [data as u64, length as u64];
    // SAFETY: the caller's.
    long(unsafe {
        target(fd, name, name_length)
            .and_then(|to| send_message(fd, &mut one_segment(&segment), flags, to, &[]))
    })
}

/// The segments of a header.
unsafe fn segments(header: &MessageHeader) -> Result<(u64, u64)> {
    match header.piece_count {
        ..0 | 1025.. => Err(Error::MessageTooLong),
        count => Ok((header.pieces as u64, count as u64)),
    }
}

const _: () = assert!(IOV_MAX == 1024);

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, header: *const MessageHeader, flags: c_int) -> isize {
    crate::sys::pthread::cancellation_point();
    let mut handles = [0u32; MOST_HANDLES];
    let mut send = || {
        // SAFETY: the caller's.
        unsafe {
            let header = header.as_ref().ok_or(Error::BadAddress)?;
            let control = bytes(header.control, header.control_length as usize);
            let to = target(fd, header.name, header.name_length)?;
            let count = match to {
                // What such control messages mean is the server's to know.
                Target::Address(_) => 0,
                _ => control::handles_to_send(control, &mut handles)?,
            };
            let (segments, segment_count) = segments(header)?;
            let mut message = StreamMessage {
                segments,
                segment_count,
                handles: handles.as_ptr() as u64,
                handle_count: count as u32,
                ..StreamMessage::default()
            };
            send_message(fd, &mut message, flags, to, control)
        }
    };
    long(send())
}

/// Receives bytes, all that were asked for if `MSG_WAITALL` says so and the socket is one of bytes.
unsafe fn receive_bytes(
    fd: c_int,
    data: *mut c_void,
    length: usize,
    flags: c_int,
    name: &mut [u8],
) -> Result<(usize, usize)> {
    let mut done = 0;
    loop {
        let rest = data.cast::<u8>().wrapping_add(done);
        let segment = [rest as u64, (length - done) as u64];
        let mut message = one_segment(&segment);
        message.name = name.as_mut_ptr() as u64;
        message.name_length = name.len() as u32;
        // SAFETY: the caller's.
        let got = unsafe { receive_message(fd, &mut message, flags) };
        let count = match got {
            Err(error) if done == 0 => return Err(error),
            Err(_) => return Ok((done, 0)),
            Ok(0) => return Ok((done, message.name_length as usize)),
            Ok(count) => count,
        };
        done += count;
        let is_stream = socket_status::kind(message.status) == posix::STREAM;
        let goes_on = flags & flag::WAITALL != 0 && flags & (flag::PEEK | flag::DONTWAIT) == 0;
        if !is_stream || !goes_on || done == length {
            let whole = if flags & flag::TRUNC != 0 && !is_stream {
                message.truncated as usize
            } else {
                0
            };
            return Ok((done + whole, message.name_length as usize));
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(fd: c_int, data: *mut c_void, length: usize, flags: c_int) -> isize {
    crate::sys::pthread::cancellation_point();
    // SAFETY: the caller's.
    long(unsafe { receive_bytes(fd, data, length, flags, &mut []) }.map(|(count, _)| count))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    fd: c_int,
    data: *mut c_void,
    length: usize,
    flags: c_int,
    name: *mut c_void,
    name_length: *mut u32,
) -> isize {
    crate::sys::pthread::cancellation_point();
    let mut found = [0; MAX_NAME];
    // SAFETY: the caller's.
    let got = unsafe { receive_bytes(fd, data, length, flags, &mut found) };
    long(got.map(|(count, length)| {
        let (address, _) = arrival::split(&found[..length.min(found.len())]);
        // SAFETY: the caller's.
        unsafe { give_address(address, name, name_length) };
        count
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(fd: c_int, header: *mut MessageHeader, flags: c_int) -> isize {
    crate::sys::pthread::cancellation_point();
    // SAFETY: the caller's.
    long(
        unsafe { header.as_mut().ok_or(Error::BadAddress) }.and_then(|header| {
            // SAFETY: the caller's.
            unsafe { receive_header(fd, header, flags) }
        }),
    )
}

unsafe fn receive_header(fd: c_int, header: &mut MessageHeader, flags: c_int) -> Result<usize> {
    let mut handles = [0u32; MOST_HANDLES];
    let mut name = [0; MAX_NAME];
    // SAFETY: the caller's.
    let ((segments, segment_count), room) = unsafe {
        let room = bytes_mut(header.control, header.control_length as usize);
        (segments(header)?, room)
    };
    let mut message = StreamMessage {
        segments,
        segment_count,
        handles: handles.as_mut_ptr() as u64,
        handle_count: control::most_handles(room.len()).min(MOST_HANDLES) as u32,
        name: name.as_mut_ptr() as u64,
        name_length: name.len() as u32,
        ..StreamMessage::default()
    };
    // SAFETY: the caller's.
    let mut count = unsafe { receive_message(fd, &mut message, flags) }?;
    let found = &name[..(message.name_length as usize).min(name.len())];
    let (address, arrival) = arrival::split(found);
    let mut written = control::write(&message, &handles, count > 0, room);
    if let Some(arrival) = arrival {
        control::write_arrival(&arrival, message.status, room, &mut written);
    }
    header.control_length = written.length as u32;
    // SAFETY: the caller's.
    unsafe { give_address(address, header.name, &raw mut header.name_length) };
    header.flags = 0;
    let lost = message.flags & message_flags::HANDLES_LOST != 0;
    if lost || written.cut {
        header.flags |= flag::CTRUNC;
    }
    if message.truncated > 0 {
        header.flags |= flag::TRUNC;
    } else if socket_status::kind(message.status) == posix::SEQUENCE && count > 0 {
        header.flags |= flag::EOR;
    }
    header.flags |= flags & flag::CMSG_CLOEXEC;
    if flags & flag::TRUNC != 0 {
        count += message.truncated as usize;
    }
    Ok(count)
}

/// Linux: several messages, as far as they go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmmsg(
    fd: c_int,
    list: *mut MultipleHeader,
    count: u32,
    flags: u32,
) -> c_int {
    for index in 0..count.min(IOV_MAX as u32) as usize {
        // SAFETY: the caller's.
        let sent = unsafe {
            let entry = &mut *list.add(index);
            let sent = sendmsg(fd, &entry.header, flags as c_int);
            entry.length = sent as u32;
            sent
        };
        if sent < 0 {
            return if index > 0 { index as c_int } else { -1 };
        }
    }
    count.min(IOV_MAX as u32) as c_int
}

/// Linux: several messages. The time that may pass is looked at after each message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmmsg(
    fd: c_int,
    list: *mut MultipleHeader,
    count: u32,
    flags: u32,
    timeout: *const crate::sys::support::Timespec,
) -> c_int {
    // SAFETY: the caller's.
    let timeout = unsafe { timeout.as_ref() };
    let deadline_ns = match timeout.map(crate::sys::support::nanoseconds).transpose() {
        Ok(wait_ns) => wait_ns.map(libc_posix::clock::deadline_after),
        Err(error) => return fail(error as c_int),
    };
    let mut flags = flags as c_int;
    let waits_for_one = flags & flag::WAITFORONE != 0;
    flags &= !flag::WAITFORONE;
    let count = count.min(IOV_MAX as u32) as usize;
    for index in 0..count {
        // SAFETY: the caller's.
        let got = unsafe {
            let entry = &mut *list.add(index);
            let got = recvmsg(fd, &mut entry.header, flags);
            entry.length = got as u32;
            got
        };
        if got < 0 {
            return if index > 0 { index as c_int } else { -1 };
        }
        if waits_for_one {
            flags |= flag::DONTWAIT;
        }
        let now_ns = kernel_stubs::safe::monotonic_ns();
        if deadline_ns.is_some_and(|deadline_ns| now_ns >= deadline_ns) {
            return index as c_int + 1;
        }
    }
    count as c_int
}
