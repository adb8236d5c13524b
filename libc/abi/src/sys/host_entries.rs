//! Hosts as `struct hostent` (withdrawn from POSIX): `gethostbyname` and its relatives.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::internet::{AF_INET, AF_INET6};
use super::names_of_hosts::{Address, addresses};
use super::stdio;
use super::support::{copy_text, text};
use core::ffi::{c_char, c_int, c_void};

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
