//! Wide characters on streams: UTF-8 outside.
//!
//! SAFETY of the C functions here: streams are open, strings end with a null character.

use super::file::{File, flag, locked};
use super::print::into_stream;
use super::standard::{INPUT, OUTPUT};
use crate::sys::support::set_errno;
use alloc::vec::Vec;
use core::ffi::{VaList, c_int};
use libc_algo::format::Unit;

const WEOF: u32 = u32::MAX;
const EILSEQ: c_int = 84;

unsafe fn get(file: &mut File) -> u32 {
    file.orientation = 1;
    // SAFETY: the stream is the caller's.
    unsafe {
        let Some(first) = file.get() else { return WEOF };
        let length = match first {
            0..0x80 => return first as u32,
            0xc2..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf5 => 4,
            _ => 0,
        };
        let mut bytes = [first, 0, 0, 0];
        for place in bytes.iter_mut().take(length).skip(1) {
            match file.get() {
                Some(byte) if byte & 0xc0 == 0x80 => *place = byte,
                other => {
                    if let Some(byte) = other {
                        file.unget(byte);
                    }
                    return illegal(file);
                }
            }
        }
        match core::str::from_utf8(&bytes[..length])
            .ok()
            .and_then(|text| text.chars().next())
        {
            Some(character) => character as u32,
            None => illegal(file),
        }
    }
}

fn illegal(file: &mut File) -> u32 {
    file.flags |= flag::ERROR;
    set_errno(EILSEQ);
    WEOF
}

unsafe fn put(file: &mut File, wide: u32) -> u32 {
    file.orientation = 1;
    let Some(character) = char::from_u32(wide) else {
        return illegal(file);
    };
    let mut bytes = [0; 4];
    let encoded = character.encode_utf8(&mut bytes).as_bytes();
    // SAFETY: the stream is the caller's.
    if unsafe { file.write(encoded) } == encoded.len() {
        wide
    } else {
        WEOF
    }
}

/// C 7.29.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetwc(file: *mut File) -> u32 {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| get(file)) }
}

/// C 7.29.3.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getwc(file: *mut File) -> u32 {
    // SAFETY: the caller's.
    unsafe { fgetwc(file) }
}

/// C 7.29.3.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getwchar() -> u32 {
    // SAFETY: the standard stream.
    unsafe { fgetwc(&raw mut INPUT) }
}

/// C 7.29.3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputwc(wide: u32, file: *mut File) -> u32 {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| put(file, wide)) }
}

/// C 7.29.3.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putwc(wide: u32, file: *mut File) -> u32 {
    // SAFETY: the caller's.
    unsafe { fputwc(wide, file) }
}

/// C 7.29.3.9.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putwchar(wide: u32) -> u32 {
    // SAFETY: the standard stream.
    unsafe { fputwc(wide, &raw mut OUTPUT) }
}

/// C 7.29.3.10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ungetwc(wide: u32, file: *mut File) -> u32 {
    let Some(character) = char::from_u32(wide) else {
        return WEOF;
    };
    let mut bytes = [0; 4];
    let encoded = character.encode_utf8(&mut bytes).as_bytes();
    // SAFETY: the caller's.
    let pushed = unsafe {
        locked(file, |file| {
            file.orientation = 1;
            encoded.iter().rev().all(|byte| file.unget(*byte))
        })
    };
    if pushed { wide } else { WEOF }
}

/// C 7.29.3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetws(buffer: *mut u32, size: c_int, file: *mut File) -> *mut u32 {
    if size <= 0 {
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            let mut length = 0;
            while length + 1 < size as usize {
                let wide = get(file);
                if wide == WEOF {
                    if length == 0 || file.flags & flag::ERROR != 0 {
                        return core::ptr::null_mut();
                    }
                    break;
                }
                *buffer.add(length) = wide;
                length += 1;
                if wide == b'\n' as u32 {
                    break;
                }
            }
            *buffer.add(length) = 0;
            buffer
        })
    }
}

/// C 7.29.3.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputws(string: *const u32, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            let mut next = string;
            while *next != 0 {
                if put(file, *next) == WEOF {
                    return -1;
                }
                next = next.add(1);
            }
            0
        })
    }
}

/// C 7.29.3.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwide(file: *mut File, mode: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            if file.orientation == 0 {
                file.orientation = mode.signum();
            }
            file.orientation
        })
    }
}

macro_rules! unlocked {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $function:ident;)*) => {$(
        /// GNU.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            // SAFETY: the caller's.
            unsafe { $function($($argument),*) }
        }
    )*};
}

unlocked! {
    fgetwc_unlocked(file: *mut File) -> u32 = fgetwc;
    getwc_unlocked(file: *mut File) -> u32 = fgetwc;
    getwchar_unlocked() -> u32 = getwchar;
    fputwc_unlocked(wide: u32, file: *mut File) -> u32 = fputwc;
    putwc_unlocked(wide: u32, file: *mut File) -> u32 = fputwc;
    putwchar_unlocked(wide: u32) -> u32 = putwchar;
    fgetws_unlocked(buffer: *mut u32, size: c_int, file: *mut File) -> *mut u32 = fgetws;
    fputws_unlocked(string: *const u32, file: *mut File) -> c_int = fputws;
}

/// A wide format as the UTF-8 that the engine reads.
pub(super) unsafe fn narrow(format: *const u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut next = format;
    // SAFETY: the string ends with a null character.
    unsafe {
        while *next != 0 {
            let mut buffer = [0; 4];
            let encoded = char::from_u32(*next)?.encode_utf8(&mut buffer).as_bytes();
            bytes.try_reserve(4).ok()?;
            bytes.extend_from_slice(encoded);
            next = next.add(1);
        }
    }
    Some(bytes)
}

/// C 7.29.2.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfwprintf(
    file: *mut File,
    format: *const u32,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let Some(format) = narrow(format) else {
            set_errno(EILSEQ);
            return -1;
        };
        locked(file, |file| {
            file.orientation = 1;
            into_stream(file, &format, &mut list, Unit::Character)
        })
    }
}

/// C 7.29.2.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwprintf(file: *mut File, format: *const u32, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwprintf(file, format, list) }
}

/// C 7.29.2.9.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwprintf(format: *const u32, list: VaList<'_>) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwprintf(&raw mut OUTPUT, format, list) }
}

/// C 7.29.2.11.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wprintf(format: *const u32, list: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { vfwprintf(&raw mut OUTPUT, format, list) }
}
