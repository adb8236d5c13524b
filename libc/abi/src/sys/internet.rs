//! Internet addresses: byte order, text forms (POSIX `<arpa/inet.h>`).
//!
//! SAFETY of the C functions here: strings are NUL-ended, addresses have their family's size.

use super::support::{fail, text};
use core::ffi::{c_char, c_int, c_void};

pub(super) const AF_INET: c_int = 2;
pub(super) const AF_INET6: c_int = 10;
const EAFNOSUPPORT: c_int = 97;
const ENOSPC: c_int = 28;

macro_rules! byte_order {
    ($($name:ident: $type:ty;)*) => {$(
        /// POSIX.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(value: $type) -> $type {
            value.swap_bytes()
        }
    )*};
}

byte_order! {
    htonl: u32;
    htons: u16;
    ntohl: u32;
    ntohs: u16;
}

/// A number with C's prefixes.
fn number(digits: &[u8]) -> Option<u32> {
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = (*digit as char).to_digit(base)?;
        value.checked_mul(base)?.checked_add(digit)
    })
}

/// One to four numbers, the last of which fills what is left (4.2BSD's forms).
fn parse_loose(text: &[u8]) -> Option<[u8; 4]> {
    let end = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(text.len());
    let mut parts = [0u32; 4];
    let mut count = 0;
    for part in text[..end].split(|byte| *byte == b'.') {
        *parts.get_mut(count)? = number(part)?;
        count += 1;
    }
    let mut value = 0u32;
    for part in &parts[..count - 1] {
        value = value << 8 | u8::try_from(*part).ok()? as u32;
    }
    let left = 32 - 8 * (count as u32 - 1);
    let last = parts[count - 1];
    if left < 32 && last >> left != 0 {
        return None;
    }
    let high = if left == 32 { 0 } else { value << left };
    Some((high | last).to_be_bytes())
}

/// Exactly four decimal numbers.
pub(super) fn parse4(text: &[u8]) -> Option<[u8; 4]> {
    let mut address = [0; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for byte in &mut address {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 3 || (part.len() > 1 && part[0] == b'0') {
            return None;
        }
        if !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        *byte = u8::try_from(number(part)?).ok()?;
    }
    parts.next().is_none().then_some(address)
}

/// RFC 4291, section 2.2.
pub(super) fn parse6(text: &[u8]) -> Option<[u8; 16]> {
    core::str::from_utf8(text)
        .ok()?
        .parse::<core::net::Ipv6Addr>()
        .ok()
        .map(|found| found.octets())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_aton(string: *const c_char, out: *mut [u8; 4]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        match parse_loose(text(string)) {
            Some(address) => {
                *out = address;
                1
            }
            None => 0,
        }
    }
}

/// POSIX, obsolescent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_addr(string: *const c_char) -> u32 {
    // SAFETY: the caller's.
    unsafe { parse_loose(text(string)) }.map_or(u32::MAX, u32::from_ne_bytes)
}

/// BSD: in the machine's byte order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_network(string: *const c_char) -> u32 {
    // SAFETY: the caller's.
    unsafe { inet_addr(string) }.swap_bytes()
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn inet_makeaddr(network: u32, host: u32) -> u32 {
    let shift = match network {
        0..256 => 24,
        256..65536 => 16,
        _ => 8,
    };
    (network << shift | host).swap_bytes()
}

/// BSD: the part of a class A, B or C address that names the host.
#[unsafe(no_mangle)]
pub extern "C" fn inet_lnaof(address: u32) -> u32 {
    let value = address.swap_bytes();
    match value >> 24 {
        0..128 => value & 0xff_ffff,
        128..192 => value & 0xffff,
        _ => value & 0xff,
    }
}

/// BSD: the part that names the network.
#[unsafe(no_mangle)]
pub extern "C" fn inet_netof(address: u32) -> u32 {
    let value = address.swap_bytes();
    match value >> 24 {
        0..128 => value >> 24,
        128..192 => value >> 16,
        _ => value >> 8,
    }
}

/// POSIX: in a buffer that the next call uses again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_ntoa(address: u32) -> *mut c_char {
    static mut TEXT: [c_char; 16] = [0; 16];
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        let out = (&raw mut TEXT).cast();
        inet_ntop(AF_INET, (&raw const address).cast(), out, 16);
        out
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_pton(
    family: c_int,
    string: *const c_char,
    out: *mut c_void,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let string = text(string);
        match family {
            AF_INET => match parse4(string) {
                Some(address) => *out.cast::<[u8; 4]>() = address,
                None => return 0,
            },
            AF_INET6 => match parse6(string) {
                Some(address) => *out.cast::<[u8; 16]>() = address,
                None => return 0,
            },
            _ => return fail(EAFNOSUPPORT),
        }
    }
    1
}

/// Text in a fixed buffer.
struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, piece: &str) -> core::fmt::Result {
        let end = self.length + piece.len();
        let place = self
            .bytes
            .get_mut(self.length..end)
            .ok_or(core::fmt::Error)?;
        place.copy_from_slice(piece.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inet_ntop(
    family: c_int,
    address: *const c_void,
    out: *mut c_char,
    size: u32,
) -> *const c_char {
    use core::fmt::Write;
    let mut text = Text {
        bytes: [0; 64],
        length: 0,
    };
    // SAFETY: the caller's.
    unsafe {
        let written = match family {
            AF_INET => {
                let bytes = *address.cast::<[u8; 4]>();
                write!(text, "{}", core::net::Ipv4Addr::from(bytes))
            }
            AF_INET6 => {
                let bytes = *address.cast::<[u8; 16]>();
                write!(text, "{}", core::net::Ipv6Addr::from(bytes))
            }
            _ => {
                fail(EAFNOSUPPORT);
                return core::ptr::null();
            }
        };
        if written.is_err() || text.length >= size as usize {
            fail(ENOSPC);
            return core::ptr::null();
        }
        let target = super::support::bytes_mut(out.cast(), size as usize);
        super::support::copy_text(&text.bytes[..text.length], target);
    }
    out
}

/// IPv6's unspecified address.
#[unsafe(no_mangle)]
pub static in6addr_any: [u8; 16] = [0; 16];
/// IPv6's loopback address.
#[unsafe(no_mangle)]
pub static in6addr_loopback: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// POSIX: there are no network interfaces.
#[unsafe(no_mangle)]
pub extern "C" fn if_nametoindex(_name: *const c_char) -> u32 {
    const ENODEV: c_int = 19;
    fail(ENODEV);
    0
}

/// POSIX: there are no network interfaces.
#[unsafe(no_mangle)]
pub extern "C" fn if_indextoname(_index: u32, _out: *mut c_char) -> *mut c_char {
    const ENXIO: c_int = 6;
    fail(ENXIO);
    core::ptr::null_mut()
}

/// POSIX: an empty list, ended by an entry of zeros.
#[unsafe(no_mangle)]
pub extern "C" fn if_nameindex() -> *mut c_void {
    super::heap::calloc(1, 16)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn if_freenameindex(list: *mut c_void) {
    // SAFETY: the caller's list came from `if_nameindex`.
    unsafe { super::heap::free(list) }
}

/// BSD: there are no network interfaces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getifaddrs(out: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = core::ptr::null_mut() };
    0
}

/// BSD: the list is always empty.
#[unsafe(no_mangle)]
pub extern "C" fn freeifaddrs(_list: *mut c_void) {}
