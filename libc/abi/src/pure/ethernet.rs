//! Ethernet addresses as text (BSD `<netinet/ether.h>`).

use super::string::bytes;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

type Ethernet = [u8; 6];

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ether_aton_r(text: *const c_char, to: *mut Ethernet) -> *mut Ethernet {
    // SAFETY: the caller's string and place.
    unsafe {
        let mut address = [0u8; 6];
        let mut parts = bytes(text).split(|&byte| byte == b':');
        for octet in &mut address {
            let part = parts
                .next()
                .and_then(|part| core::str::from_utf8(part).ok())
                .filter(|part| !part.starts_with('+'));
            match part.and_then(|part| u8::from_str_radix(part, 16).ok()) {
                Some(value) => *octet = value,
                None => return null_mut(),
            }
        }
        if parts.next().is_some() {
            return null_mut();
        }
        *to = address;
    }
    to
}

static mut ETHERNET: Ethernet = [0; 6];

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ether_aton(text: *const c_char) -> *mut Ethernet {
    // SAFETY: not for two threads at once.
    unsafe { ether_aton_r(text, &raw mut ETHERNET) }
}

/// BSD: the buffer has 18 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ether_ntoa_r(address: *const Ethernet, to: *mut c_char) -> *mut c_char {
    let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)] as c_char;
    // SAFETY: the caller's address and buffer.
    unsafe {
        for (index, octet) in (*address).into_iter().enumerate() {
            *to.add(3 * index) = digit(octet >> 4);
            *to.add(3 * index + 1) = digit(octet & 15);
            *to.add(3 * index + 2) = if index == 5 { 0 } else { b':' as c_char };
        }
    }
    to
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ether_ntoa(address: *const Ethernet) -> *mut c_char {
    static mut TEXT: [c_char; 18] = [0; 18];
    // SAFETY: not for two threads at once.
    unsafe { ether_ntoa_r(address, (&raw mut TEXT).cast()) }
}

/// BSD: there is no ethers database, so nothing is ever found.
#[unsafe(no_mangle)]
pub extern "C" fn ether_line(_: *const c_char, _: *mut Ethernet, _: *mut c_char) -> c_int {
    -1
}

/// BSD: there is no ethers database.
#[unsafe(no_mangle)]
pub extern "C" fn ether_ntohost(_: *mut c_char, _: *const Ethernet) -> c_int {
    -1
}

/// BSD: there is no ethers database.
#[unsafe(no_mangle)]
pub extern "C" fn ether_hostton(_: *const c_char, _: *mut Ethernet) -> c_int {
    -1
}
