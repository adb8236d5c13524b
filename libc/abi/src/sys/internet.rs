//! Internet addresses: byte order, text forms (POSIX `<arpa/inet.h>`).
//!
//! SAFETY of the C functions here: strings are NUL-ended, addresses have their family's size.

use super::support::{fail, text};
use core::ffi::{c_char, c_int, c_void};
use libc_resolver::address;

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

/// The loose form, behind which there may be anything after a space.
fn parse_loose(text: &[u8]) -> Option<[u8; 4]> {
    let word = text.split(u8::is_ascii_whitespace).next()?;
    address::parse_loose(word).map(|found| found.octets())
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
            AF_INET => match address::parse4(string) {
                Some(address) => *out.cast::<[u8; 4]>() = address.octets(),
                None => return 0,
            },
            AF_INET6 => match address::parse6(string) {
                Some(address) => *out.cast::<[u8; 16]>() = address.octets(),
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
