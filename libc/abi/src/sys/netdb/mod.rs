//! Names of hosts, services, protocols and networks (POSIX `<netdb.h>`, BSD `<resolv.h>`).
//!
//! What is found, and how, is `libc_resolver`'s business; here are C's structures, and the sockets
//! and files that it works with.

pub mod address_information;
pub mod host_entries;
mod machine;
pub mod name_information;
pub mod name_messages;
pub mod numbered_entries;
pub mod resolver;
pub mod services;
mod uncancelled;

use crate::sys::support::Error;
use core::ffi::c_int;
use libc_resolver::lookup::NotFound;

/// Errors of `getaddrinfo` and `getnameinfo`.
mod eai {
    use core::ffi::c_int;

    pub const BADFLAGS: c_int = -1;
    pub const NONAME: c_int = -2;
    pub const AGAIN: c_int = -3;
    pub const FAIL: c_int = -4;
    pub const NODATA: c_int = -5;
    pub const FAMILY: c_int = -6;
    pub const SOCKTYPE: c_int = -7;
    pub const SERVICE: c_int = -8;
    pub const MEMORY: c_int = -10;
    pub const SYSTEM: c_int = -11;
    pub const OVERFLOW: c_int = -12;
}

/// An `EAI_` number.
fn error_of(reason: NotFound) -> c_int {
    match reason {
        NotFound::NoName => eai::NONAME,
        NotFound::NoAddress => eai::NODATA,
        NotFound::Temporary => eai::AGAIN,
        NotFound::Refused => eai::FAIL,
    }
}

/// The number that the `_r` functions return for a buffer that is too small.
const TOO_SMALL: c_int = Error::OutOfRange as c_int;
