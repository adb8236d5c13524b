//! Sockets: making, naming and connecting them. What goes through them is `transfer`'s business,
//! what goes along with it `ancillary`'s; `options` has their options.
//!
//! A socket is a session with the server of its family, `proto::socket`; whatever the family, the
//! functions here are the same.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

mod ancillary;
mod datagram;
mod options;
mod transfer;

use crate::sys::support::{Error, Result, bytes, bytes_mut, fail, int, status};
use core::ffi::{c_int, c_void};
use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::socket::shut_down;
use libc_posix::{descriptor, socket as posix};
use proto::types::open_flags;
use transfer::accept_message;

pub use options::{getsockopt, setsockopt};
pub use transfer::{
    MessageHeader, MultipleHeader, recv, recvfrom, recvmmsg, recvmsg, send, sendmmsg, sendmsg,
    sendto,
};

const SOCK_TYPE: c_int = 0xf;
const SOCK_CLOEXEC: c_int = 0o2000000;
const SOCK_CLOFORK: c_int = 0o200000000;
const SOCK_NONBLOCK: c_int = 0o4000;
/// Longest address that is looked at (`struct sockaddr_storage`).
const MAX_ADDRESS: usize = 128;

/// The flags of handles that flags of a type (`SOCK_CLOEXEC`, `SOCK_CLOFORK`) ask for.
fn placing(flags: c_int) -> u64 {
    let bit = |flag, bit| if flags & flag != 0 { bit } else { 0 };
    bit(SOCK_CLOEXEC, handle_flags::CLOSE_ON_EXEC) | bit(SOCK_CLOFORK, handle_flags::CLOSE_ON_FORK)
}

/// What the arguments of `socket` ask for.
fn new(family: c_int, kind: c_int, protocol: c_int) -> Result<posix::New> {
    if kind & !(SOCK_TYPE | SOCK_CLOEXEC | SOCK_CLOFORK | SOCK_NONBLOCK) != 0 {
        return Err(Error::BadArgument);
    }
    let nonblocking = kind & SOCK_NONBLOCK != 0;
    Ok(posix::New {
        family: u32::try_from(family).map_err(|_| Error::NoAddressFamily)?,
        kind: (kind & SOCK_TYPE) as u32,
        protocol: u32::try_from(protocol).map_err(|_| Error::NoProtocol)?,
        status: if nonblocking {
            status_flags::NONBLOCK
        } else {
            0
        },
        handle_flags: placing(kind),
    })
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    int(new(family, kind, protocol).and_then(posix::create))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    ends: *mut [c_int; 2],
) -> c_int {
    let made = new(family, kind, protocol).and_then(|new| {
        if ends.is_null() {
            return Err(Error::BadAddress);
        }
        posix::pair(new)
    });
    // SAFETY: the caller's.
    status(made.map(|made| unsafe { *ends = made }))
}

/// An address that the caller gives.
pub(super) unsafe fn address<'a>(address: *const c_void, length: u32) -> Result<&'a [u8]> {
    let length = length as usize;
    if !(2..=MAX_ADDRESS).contains(&length) {
        return Err(Error::BadArgument);
    }
    if address.is_null() {
        return Err(Error::BadAddress);
    }
    // SAFETY: the caller's.
    Ok(unsafe { bytes(address, length) })
}

/// Gives the caller an address: as much as there is room for, and its whole length.
pub(super) unsafe fn give_address(found: &[u8], address: *mut c_void, length: *mut u32) {
    if address.is_null() || length.is_null() {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        let room = (*length as usize).min(found.len());
        bytes_mut(address, room).copy_from_slice(&found[..room]);
        *length = found.len() as u32;
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bind(fd: c_int, name: *const c_void, length: u32) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { address(name, length) }.and_then(|address| posix::bind(fd, address)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn connect(fd: c_int, name: *const c_void, length: u32) -> c_int {
    crate::sys::pthread::cancellation_point();
    // SAFETY: the caller's.
    status(unsafe { address(name, length) }.and_then(|address| posix::connect(fd, address)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    status(posix::listen(fd, backlog))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { accept4(fd, address, length, 0) }
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn accept4(
    fd: c_int,
    address: *mut c_void,
    length: *mut u32,
    flags: c_int,
) -> c_int {
    crate::sys::pthread::cancellation_point();
    if flags & !(SOCK_CLOEXEC | SOCK_CLOFORK | SOCK_NONBLOCK) != 0 {
        return fail(Error::BadArgument as c_int);
    }
    let mut name = [0; MAX_ADDRESS];
    let accepted = accept_message(fd, &mut name, placing(flags)).and_then(|(made, count)| {
        if flags & SOCK_NONBLOCK != 0 {
            descriptor::set_status_flags(made, open_flags::NONBLOCK)?;
        }
        Ok((made, count))
    });
    int(accepted.map(|(made, count)| {
        let unnamed = (posix::LOCAL as u16).to_le_bytes();
        let found = match count {
            0 => &unnamed[..],
            count => &name[..count.min(MAX_ADDRESS)],
        };
        // SAFETY: the caller's.
        unsafe { give_address(found, address, length) };
        made
    }))
}

unsafe fn name_of(fd: c_int, which: u32, address: *mut c_void, length: *mut u32) -> c_int {
    let mut name = [0; MAX_ADDRESS];
    let found = posix::name(fd, which, &mut name).and_then(|count| {
        if address.is_null() || length.is_null() {
            return Err(Error::BadAddress);
        }
        Ok(count.min(MAX_ADDRESS))
    });
    // SAFETY: the caller's.
    status(found.map(|count| unsafe { give_address(&name[..count], address, length) }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockname(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { name_of(fd, 0, address, length) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpeername(fd: c_int, address: *mut c_void, length: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { name_of(fd, 1, address, length) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    let directions = match how {
        0 => shut_down::READ,
        1 => shut_down::WRITE,
        2 => shut_down::READ | shut_down::WRITE,
        _ => return fail(Error::BadArgument as c_int),
    };
    status(posix::shut_down(fd, directions))
}

/// POSIX: no family here has out-of-band data.
#[unsafe(no_mangle)]
pub extern "C" fn sockatmark(fd: c_int) -> c_int {
    match posix::information(fd) {
        Ok(_) => fail(Error::BadArgument as c_int),
        Err(error) => fail(error as c_int),
    }
}
