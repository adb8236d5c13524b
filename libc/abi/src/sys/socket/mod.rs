//! Sockets. There is no network server yet: only pairs of local sockets can be made, which are
//! the two ends of a stream.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

mod ancillary;
mod transfer;

pub use transfer::{recv, recvfrom, recvmsg, send, sendmsg, sendto};

use super::support::{Error, Result, bytes_mut, fail, status};
use core::ffi::{c_int, c_void};
use kernel_abi::Handle;
use kernel_abi::object::ObjectKind;
use kernel_abi::wait::{shut_down, stream_flags};
use libc_posix::descriptor;
use libc_rt::kernel;
use proto::types::open_flags;

const AF_UNIX: c_int = 1;
const SOL_SOCKET: c_int = 1;
const SOCK_STREAM: c_int = 1;
const SOCK_DGRAM: c_int = 2;
const SOCK_SEQPACKET: c_int = 5;
const SOCK_TYPE: c_int = 0xf;
const SOCK_CLOEXEC: c_int = 0o2000000;
const SOCK_NONBLOCK: c_int = 0o4000;
const EINVAL: c_int = 22;
const EAFNOSUPPORT: c_int = 97;
const EPROTONOSUPPORT: c_int = 93;
const EISCONN: c_int = 106;
const ENOPROTOOPT: c_int = 92;

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
