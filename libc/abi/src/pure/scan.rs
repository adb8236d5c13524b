//! The `scanf` family's C side: targets in memory, strings as sources (C 7.21.6).
//!
//! Streams are `sys`'s: it implements [`Source`] for its buffers and calls [`read`].

use super::support::malloc;
use core::ffi::{VaList, c_char, c_int};
use libc_algo::float::Extended;
use libc_algo::scan::{Source, Targets, scan};
use libc_algo::utf8::{Decoded, decode};

/// The pointer arguments of a `scanf` call.
struct Pointers<'a, 'b>(&'a mut VaList<'b>);

fn place_of<T>(address: usize) -> *mut T {
    core::ptr::with_exposed_provenance_mut(address)
}

/// Writes `text` at `place`, as bytes or wide characters; the engine has checked it.
unsafe fn store_text(place: *mut u8, text: &[u8], wide: bool, terminate: bool) {
    // SAFETY: the caller's target has room for the text (and the end).
    unsafe {
        if !wide {
            core::ptr::copy_nonoverlapping(text.as_ptr(), place, text.len());
            if terminate {
                *place.add(text.len()) = 0;
            }
            return;
        }
        let (mut to, mut rest) = (place.cast::<u32>(), text);
        while let Decoded::Character(character, length) = decode(rest) {
            to.write(character);
            to = to.add(1);
            rest = &rest[length..];
        }
        if terminate {
            to.write(0);
        }
    }
}

impl Targets for Pointers<'_, '_> {
    fn next(&mut self) -> usize {
        // SAFETY: the format promises a pointer.
        unsafe { self.0.arg::<usize>() }
    }

    fn integer(&mut self, place: usize, size: usize, value: u64) {
        // SAFETY: the format promises a place for an integer of this size.
        unsafe {
            core::ptr::copy_nonoverlapping(value.to_le_bytes().as_ptr(), place_of(place), size)
        }
    }

    fn single(&mut self, place: usize, value: f32) {
        // SAFETY: the format promises a `float`.
        unsafe { place_of::<f32>(place).write_unaligned(value) }
    }

    fn double(&mut self, place: usize, value: f64) {
        // SAFETY: the format promises a `double`.
        unsafe { place_of::<f64>(place).write_unaligned(value) }
    }

    fn extended(&mut self, place: usize, value: Extended) {
        // SAFETY: the format promises a `long double`, ten bytes of which count.
        unsafe {
            place_of::<u64>(place).write_unaligned(value.significand);
            place_of::<u16>(place + 8).write_unaligned(value.sign_exponent);
        }
    }

    fn text(&mut self, place: usize, text: &[u8], wide: bool, terminate: bool) {
        // SAFETY: the caller promises room for the text.
        unsafe { store_text(place_of(place), text, wide, terminate) }
    }

    fn allocate(&mut self, place: usize, text: &[u8], wide: bool, terminate: bool) -> bool {
        let size = (text.len() + 1) * if wide { 4 } else { 1 };
        // SAFETY: the block has room for every byte's character; the format promises a pointer's place.
        unsafe {
            let block = malloc(size).cast::<u8>();
            if !block.is_null() {
                store_text(block, text, wide, terminate);
                place_of::<*mut u8>(place).write(block);
            }
            !block.is_null()
        }
    }
}

/// Scans from `source`; the result is C's.
pub fn read(source: &mut dyn Source, format: &[u8], list: &mut VaList<'_>) -> c_int {
    scan(source, format, &mut Pointers(list))
}

struct Text(*const u8);

impl Source for Text {
    fn peek(&mut self) -> Option<u8> {
        // SAFETY: never moved past the NUL.
        match unsafe { *self.0 } {
            0 => None,
            byte => Some(byte),
        }
    }

    fn advance(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }
}

/// C 7.21.6.14.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsscanf(
    text: *const c_char,
    format: *const c_char,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: two strings.
    read(
        &mut Text(text.cast()),
        unsafe { super::string::bytes(format) },
        &mut list,
    )
}

/// C 7.21.6.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sscanf(text: *const c_char, format: *const c_char, list: ...) -> c_int {
    // SAFETY: as for `vsscanf`.
    unsafe { vsscanf(text, format, list) }
}
