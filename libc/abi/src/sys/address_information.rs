//! Names to addresses and back (POSIX `<netdb.h>`): `getaddrinfo`, `getnameinfo`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::heap::{calloc, free};
use super::internet::{AF_INET, AF_INET6, inet_ntop};
use super::names_of_hosts::{Address, addresses, decimal, port_of};
use super::support::{copy_text, text};
use core::ffi::{c_char, c_int, c_void};

const EAI_BADFLAGS: c_int = -1;
const EAI_NONAME: c_int = -2;
const EAI_FAMILY: c_int = -6;
const EAI_SOCKTYPE: c_int = -7;
const EAI_SERVICE: c_int = -8;
const EAI_MEMORY: c_int = -10;
const EAI_OVERFLOW: c_int = -12;

const AI_NUMERICSERV: c_int = 0x400;
const AI_ALL_FLAGS: c_int = 0x43f;

/// `struct addrinfo`.
#[repr(C)]
pub struct AddressInfo {
    flags: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    length: u32,
    address: *mut c_void,
    name: *mut c_char,
    next: *mut AddressInfo,
}

/// An `AddressInfo` in one piece with its address, as `freeaddrinfo` expects.
#[repr(C)]
struct Entry {
    info: AddressInfo,
    /// `struct sockaddr_in` or `sockaddr_in6`.
    socket_address: [u8; 28],
    name: [u8; 256],
}

/// Fills a socket address: its length.
fn socket_address(address: &Address, port: u16, out: &mut [u8; 28]) -> u32 {
    out[..2].copy_from_slice(&(address.family() as u16).to_le_bytes());
    out[2..4].copy_from_slice(&port.to_be_bytes());
    match address {
        Address::Four(bytes) => {
            out[4..8].copy_from_slice(bytes);
            16
        }
        Address::Six(bytes) => {
            out[8..24].copy_from_slice(bytes);
            28
        }
    }
}

/// Socket kinds, each with its protocol.
const KINDS: [(c_int, c_int); 3] = [(1, 6), (2, 17), (3, 0)];

/// What the hints of `getaddrinfo` restrict.
struct Wanted {
    flags: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
}

impl Wanted {
    fn new(hints: Option<&AddressInfo>) -> Result<Wanted, c_int> {
        let wanted = hints.map_or(
            Wanted {
                flags: 0,
                family: 0,
                kind: 0,
                protocol: 0,
            },
            |hints| Wanted {
                flags: hints.flags,
                family: hints.family,
                kind: hints.kind,
                protocol: hints.protocol,
            },
        );
        if wanted.flags & !AI_ALL_FLAGS != 0 {
            return Err(EAI_BADFLAGS);
        }
        if ![0, AF_INET, AF_INET6].contains(&wanted.family) {
            return Err(EAI_FAMILY);
        }
        if wanted.kinds().next().is_none() {
            return Err(EAI_SOCKTYPE);
        }
        Ok(wanted)
    }

    fn kinds(&self) -> impl Iterator<Item = (c_int, c_int)> {
        KINDS.into_iter().filter(|(kind, protocol)| {
            (self.kind == 0 || self.kind == *kind)
                && (self.protocol == 0 || *protocol == 0 || self.protocol == *protocol)
        })
    }

    /// The port that a service's name or number means; none = 0.
    unsafe fn port(&self, service: &[u8]) -> Result<u16, c_int> {
        if service.is_empty() {
            return Ok(0);
        }
        match decimal(service) {
            Some(port) => Ok(port),
            None if self.flags & AI_NUMERICSERV != 0 => Err(EAI_NONAME),
            // SAFETY: reads a file.
            None => unsafe { port_of(service, None) }.ok_or(EAI_SERVICE),
        }
    }
}

/// POSIX: returns 0 or an `EAI_` number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const AddressInfo,
    out: *mut *mut AddressInfo,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let result = Wanted::new(hints.as_ref()).and_then(|wanted| {
            if host.is_null() && service.is_null() {
                return Err(EAI_NONAME);
            }
            let port = wanted.port(text(service))?;
            let mut list = [Address::Four([0; 4]); 16];
            match addresses(host, wanted.flags, wanted.family, &mut list) {
                0 => Err(EAI_NONAME),
                count => entries(host, &wanted, &list[..count], port),
            }
        });
        match result {
            Ok(list) => {
                *out = list;
                0
            }
            Err(error) => error,
        }
    }
}

/// The list of `getaddrinfo`: each address with each kind of socket.
unsafe fn entries(
    host: *const c_char,
    wanted: &Wanted,
    addresses: &[Address],
    port: u16,
) -> Result<*mut AddressInfo, c_int> {
    let mut list = core::ptr::null_mut();
    let mut tail = &raw mut list;
    for address in addresses {
        for (kind, protocol) in wanted.kinds() {
            // SAFETY: zero is a value of every field; the list is this function's so far.
            unsafe {
                let entry: *mut Entry = calloc(1, size_of::<Entry>()).cast();
                if entry.is_null() {
                    freeaddrinfo(list);
                    return Err(EAI_MEMORY);
                }
                let place = &mut *entry;
                place.info.length = socket_address(address, port, &mut place.socket_address);
                place.info.family = address.family();
                (place.info.kind, place.info.protocol) = (kind, protocol);
                place.info.address = place.socket_address.as_mut_ptr().cast();
                if list.is_null() && !host.is_null() {
                    copy_text(text(host), &mut place.name);
                    place.info.name = place.name.as_mut_ptr().cast();
                }
                *tail = entry.cast();
                tail = &raw mut place.info.next;
            }
        }
    }
    Ok(list)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freeaddrinfo(list: *mut AddressInfo) {
    let mut entry = list;
    // SAFETY: the list came from `getaddrinfo`.
    unsafe {
        while !entry.is_null() {
            let next = (*entry).next;
            free(entry.cast());
            entry = next;
        }
    }
}

/// POSIX: numbers only. Returns 0 or an `EAI_` number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnameinfo(
    address: *const u8,
    length: u32,
    host: *mut c_char,
    host_size: u32,
    service: *mut c_char,
    service_size: u32,
    flags: c_int,
) -> c_int {
    const NI_NAMEREQD: c_int = 8;
    // SAFETY: the caller's.
    unsafe {
        let family = if length < 4 {
            0
        } else {
            address.cast::<u16>().read_unaligned() as c_int
        };
        let offset = match family {
            AF_INET if length >= 16 => 4,
            AF_INET6 if length >= 28 => 8,
            _ => return EAI_FAMILY,
        };
        if !host.is_null() && host_size > 0 {
            if flags & NI_NAMEREQD != 0 {
                return EAI_NONAME;
            }
            if inet_ntop(family, address.add(offset).cast(), host, host_size).is_null() {
                return EAI_OVERFLOW;
            }
        }
        if !service.is_null() && service_size > 0 {
            let port = u16::from_be_bytes([*address.add(2), *address.add(3)]);
            let format = c"%u".as_ptr();
            let size = service_size as usize;
            let written = crate::pure::format::snprintf(service, size, format, port as u32);
            if written < 0 || written as usize >= size {
                return EAI_OVERFLOW;
            }
        }
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn gai_strerror(error: c_int) -> *const c_char {
    let message = match error {
        EAI_BADFLAGS => c"Invalid flags",
        EAI_NONAME => c"Name does not resolve",
        -3 => c"Try again",
        -4 => c"Non-recoverable error",
        EAI_FAMILY => c"Unrecognized address family or invalid length",
        EAI_SOCKTYPE => c"Unrecognized socket type",
        EAI_SERVICE => c"Unrecognized service",
        EAI_MEMORY => c"Out of memory",
        -11 => c"System error",
        EAI_OVERFLOW => c"Overflow",
        _ => c"Unknown error",
    };
    message.as_ptr()
}
