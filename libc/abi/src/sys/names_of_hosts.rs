//! Names of hosts and services (POSIX `<netdb.h>`): numbers, and the files `/etc/hosts` and
//! `/etc/services`. There is no network yet, so no name server is asked.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::heap::{calloc, free};
use super::internet::{AF_INET, AF_INET6, inet_ntop, parse4, parse6};
use super::stdio;
use super::support::{copy_text, text};
use core::ffi::{c_char, c_int, c_void};

const EAI_BADFLAGS: c_int = -1;
const EAI_NONAME: c_int = -2;
const EAI_FAMILY: c_int = -6;
const EAI_SOCKTYPE: c_int = -7;
const EAI_SERVICE: c_int = -8;
const EAI_MEMORY: c_int = -10;
const EAI_OVERFLOW: c_int = -12;

const AI_PASSIVE: c_int = 1;
const AI_NUMERICHOST: c_int = 4;
const AI_NUMERICSERV: c_int = 0x400;
const AI_ALL_FLAGS: c_int = 0x43f;

/// An address of either family.
#[derive(Clone, Copy)]
enum Address {
    Four([u8; 4]),
    Six([u8; 16]),
}

impl Address {
    fn parse(text: &[u8]) -> Option<Address> {
        // What follows a `%` names an interface, of which there is none.
        parse4(text)
            .map(Address::Four)
            .or_else(|| parse6(text).map(Address::Six))
    }

    fn family(&self) -> c_int {
        match self {
            Address::Four(_) => AF_INET,
            Address::Six(_) => AF_INET6,
        }
    }
}

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

/// Words of a line without its comment.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = line
        .iter()
        .position(|byte| *byte == b'#')
        .unwrap_or(line.len());
    line[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Visits the lines of a file until something is found.
pub(super) unsafe fn in_file<T>(
    path: &core::ffi::CStr,
    mut visit: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    let mut line = [0 as c_char; 512];
    // SAFETY: the stream is this function's.
    unsafe {
        let file = stdio::fopen(path.as_ptr(), c"re".as_ptr());
        if file.is_null() {
            return None;
        }
        let mut found = None;
        while found.is_none() && !stdio::fgets(line.as_mut_ptr(), 512, file).is_null() {
            found = visit(text(line.as_ptr()));
        }
        stdio::fclose(file);
        found
    }
}

pub(super) fn equals(first: &[u8], second: &[u8]) -> bool {
    first.eq_ignore_ascii_case(second)
}

/// Addresses of a host, into a list: how many.
unsafe fn look_up(name: &[u8], family: c_int, list: &mut [Address]) -> usize {
    let mut count = 0;
    let mut add = |address: Address| {
        if (family == 0 || family == address.family()) && count < list.len() {
            list[count] = address;
            count += 1;
        }
    };
    // SAFETY: reads a file.
    unsafe {
        in_file(c"/etc/hosts", |line| {
            let mut words = words(line);
            let address = Address::parse(words.next()?)?;
            if words.any(|word| equals(word, name)) {
                add(address);
            }
            None::<()>
        });
    }
    // RFC 6761: this name needs no table.
    if count == 0 && equals(name, b"localhost") {
        let mut loopback = [0; 16];
        loopback[15] = 1;
        for address in [Address::Six(loopback), Address::Four([127, 0, 0, 1])] {
            if (family == 0 || family == address.family()) && count < list.len() {
                list[count] = address;
                count += 1;
            }
        }
    }
    count
}

pub(super) fn decimal(text: &[u8]) -> Option<u16> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// The port of a service.
pub(super) unsafe fn port_of(service: &[u8], protocol: Option<&[u8]>) -> Option<u16> {
    // SAFETY: reads a file.
    unsafe {
        in_file(c"/etc/services", |line| {
            let mut words = words(line);
            let name = words.next()?;
            let mut numbers = words.next()?.split(|byte| *byte == b'/');
            let port = decimal(numbers.next()?)?;
            let is_protocol = protocol.is_none_or(|wanted| numbers.next() == Some(wanted));
            let matches = equals(name, service) || words.any(|alias| equals(alias, service));
            (is_protocol && matches).then_some(port)
        })
    }
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

const KINDS: [(c_int, c_int); 3] = [(1, 6), (2, 17), (3, 0)];

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
        let (flags, family, kind, protocol) = hints.as_ref().map_or((0, 0, 0, 0), |hints| {
            (hints.flags, hints.family, hints.kind, hints.protocol)
        });
        if flags & !AI_ALL_FLAGS != 0 {
            return EAI_BADFLAGS;
        }
        if ![0, AF_INET, AF_INET6].contains(&family) {
            return EAI_FAMILY;
        }
        if host.is_null() && service.is_null() {
            return EAI_NONAME;
        }
        let fits = |entry: &(c_int, c_int)| {
            (kind == 0 || kind == entry.0) && (protocol == 0 || entry.1 == 0 || protocol == entry.1)
        };
        if !KINDS.iter().any(fits) {
            return EAI_SOCKTYPE;
        }
        let port = match text(service) {
            b"" => 0,
            name => match decimal(name) {
                Some(port) => port,
                None if flags & AI_NUMERICSERV != 0 => return EAI_NONAME,
                None => match port_of(name, None) {
                    Some(port) => port,
                    None => return EAI_SERVICE,
                },
            },
        };
        let mut list = [Address::Four([0; 4]); 16];
        let count = match addresses(host, flags, family, &mut list) {
            0 => return EAI_NONAME,
            count => count,
        };
        let mut tail = out;
        *out = core::ptr::null_mut();
        for address in &list[..count] {
            for (kind, protocol) in KINDS.iter().filter(|entry| fits(entry)) {
                let entry: *mut Entry = calloc(1, size_of::<Entry>()).cast();
                if entry.is_null() {
                    freeaddrinfo(*out);
                    return EAI_MEMORY;
                }
                let place = &mut *entry;
                place.info.length = socket_address(address, port, &mut place.socket_address);
                place.info.family = address.family();
                (place.info.kind, place.info.protocol) = (*kind, *protocol);
                place.info.address = place.socket_address.as_mut_ptr().cast();
                if (*out).is_null() && !host.is_null() {
                    copy_text(text(host), &mut place.name);
                    place.info.name = place.name.as_mut_ptr().cast();
                }
                *tail = entry.cast();
                tail = &raw mut place.info.next;
            }
        }
    }
    0
}

unsafe fn addresses(
    host: *const c_char,
    flags: c_int,
    family: c_int,
    list: &mut [Address],
) -> usize {
    // SAFETY: the caller's.
    let host_name = unsafe { text(host) };
    if host.is_null() {
        let last = u8::from(flags & AI_PASSIVE == 0);
        let mut six = [0; 16];
        six[15] = last;
        let four = if last == 0 { [0; 4] } else { [127, 0, 0, 1] };
        let all = [Address::Six(six), Address::Four(four)];
        let mut count = 0;
        for address in all
            .iter()
            .filter(|address| family == 0 || family == address.family())
        {
            list[count] = *address;
            count += 1;
        }
        return count;
    }
    match Address::parse(host_name) {
        Some(address) if family == 0 || family == address.family() => {
            list[0] = address;
            1
        }
        Some(_) => 0,
        None if flags & AI_NUMERICHOST != 0 => 0,
        // SAFETY: reads a file.
        None => unsafe { look_up(host_name, family, list) },
    }
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

/// Where `h_errno` is.
#[unsafe(no_mangle)]
pub extern "C" fn __h_errno_location() -> *mut c_int {
    static mut NUMBER: c_int = 0;
    &raw mut NUMBER
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn hstrerror(error: c_int) -> *const c_char {
    let message = match error {
        1 => c"Host not found",
        2 => c"Try again",
        3 => c"Non-recoverable error",
        4 => c"Address not available",
        _ => c"Unknown error",
    };
    message.as_ptr()
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn herror(message: *const c_char) {
    // SAFETY: the caller's.
    unsafe {
        let error = hstrerror(*__h_errno_location());
        if message.is_null() || *message == 0 {
            stdio::dprintf(2, c"%s\n".as_ptr(), error);
        } else {
            stdio::dprintf(2, c"%s: %s\n".as_ptr(), message, error);
        }
    }
}

/// `struct hostent`.
#[repr(C)]
pub struct HostEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    family: c_int,
    length: c_int,
    addresses: *mut *mut c_char,
}

/// What the strings and lists of a `HostEntry` are kept in.
#[repr(C)]
struct HostRoom {
    addresses: [[u8; 16]; 8],
    list: [*mut c_char; 9],
    no_aliases: [*mut c_char; 1],
    name: [u8; 256],
}

const HOST_NOT_FOUND: c_int = 1;
const ERANGE: c_int = 34;

/// GNU: returns the error's number; a host that is not found is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *result = core::ptr::null_mut();
        let padding = (buffer as usize).wrapping_neg() & 15;
        if size < padding + size_of::<HostRoom>() {
            return ERANGE;
        }
        let room = &mut *buffer.add(padding).cast::<HostRoom>();
        let mut list = [Address::Four([0; 4]); 8];
        let count = addresses(name, 0, family, &mut list);
        if count == 0 || name.is_null() {
            *error = HOST_NOT_FOUND;
            return 0;
        }
        for (index, address) in list[..count].iter().enumerate() {
            match address {
                Address::Four(bytes) => room.addresses[index][..4].copy_from_slice(bytes),
                Address::Six(bytes) => room.addresses[index] = *bytes,
            }
            room.list[index] = room.addresses[index].as_mut_ptr().cast();
        }
        room.list[count] = core::ptr::null_mut();
        room.no_aliases = [core::ptr::null_mut()];
        copy_text(text(name), &mut room.name);
        *out = HostEntry {
            name: room.name.as_mut_ptr().cast(),
            aliases: room.no_aliases.as_mut_ptr(),
            family,
            length: if family == AF_INET6 { 16 } else { 4 },
            addresses: room.list.as_mut_ptr(),
        };
        *result = out;
    }
    0
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname_r(
    name: *const c_char,
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { gethostbyname2_r(name, AF_INET, out, buffer, size, result, error) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2(name: *const c_char, family: c_int) -> *mut HostEntry {
    const SIZE: usize = size_of::<HostRoom>() + 16;
    static mut ENTRY: core::mem::MaybeUninit<HostEntry> = core::mem::MaybeUninit::uninit();
    static mut ROOM: [c_char; SIZE] = [0; SIZE];
    let mut result = core::ptr::null_mut();
    // SAFETY: no promise is made to threads here.
    unsafe {
        let (entry, room) = ((&raw mut ENTRY).cast(), (&raw mut ROOM).cast());
        gethostbyname2_r(
            name,
            family,
            entry,
            room,
            SIZE,
            &mut result,
            __h_errno_location(),
        );
    }
    result
}

/// POSIX, withdrawn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname(name: *const c_char) -> *mut HostEntry {
    // SAFETY: the caller's.
    unsafe { gethostbyname2(name, AF_INET) }
}

/// POSIX, withdrawn: names of addresses are not looked up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyaddr(
    _address: *const c_void,
    _length: u32,
    _family: c_int,
) -> *mut HostEntry {
    // SAFETY: the word is this module's.
    unsafe { *__h_errno_location() = HOST_NOT_FOUND };
    core::ptr::null_mut()
}
