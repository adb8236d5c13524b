//! Wide formatted strings (C 7.29.2.3, 7.29.2.4). The engines work on UTF-8, so formats
//! and results are converted on their way.

use super::format::print;
use super::support::set_errno;
use alloc::vec::Vec;
use core::ffi::{VaList, c_int};
use libc_algo::format::{Output, Unit};
use libc_algo::scan::Source;
use libc_algo::utf8::{Decoded, decode, encode};

const EILSEQ: c_int = 84;
const EOVERFLOW: c_int = 75;

/// A wide string as UTF-8; `None` where a character has no encoding.
pub(crate) unsafe fn narrow(text: *const u32) -> Option<Vec<u8>> {
    let mut result = Vec::new();
    // SAFETY: a wide string.
    for &character in unsafe { super::wide::characters(text) } {
        let (bytes, length) = encode(character)?;
        result.extend_from_slice(&bytes[..length]);
    }
    Some(result)
}

/// Collects the engine's bytes.
struct Collected(Vec<u8>);

impl Output for Collected {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// C 7.29.2.7: unlike `vsnprintf`, a result that does not fit is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vswprintf(
    to: *mut u32,
    size: usize,
    format: *const u32,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: the caller's wide string, and room for `size` characters.
    unsafe {
        let Some(format) = narrow(format) else {
            set_errno(EILSEQ);
            return -1;
        };
        let mut output = Collected(Vec::new());
        let count = print(&mut output, &format, &mut list, Unit::Character);
        if count < 0 {
            return count;
        }
        let (mut rest, mut written) = (output.0.as_slice(), 0);
        while !rest.is_empty() && written + 1 < size {
            let Decoded::Character(character, length) = decode(rest) else {
                set_errno(EILSEQ);
                return -1;
            };
            *to.add(written) = character;
            written += 1;
            rest = &rest[length..];
        }
        if size > 0 {
            *to.add(written) = 0;
        }
        if !rest.is_empty() || size == 0 {
            set_errno(EOVERFLOW);
            return -1;
        }
        count
    }
}

/// C 7.29.2.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn swprintf(
    to: *mut u32,
    size: usize,
    format: *const u32,
    list: ...
) -> c_int {
    // SAFETY: as for `vswprintf`.
    unsafe { vswprintf(to, size, format, list) }
}

/// A wide string as a source of UTF-8 bytes.
struct WideText {
    next: *const u32,
    bytes: [u8; 4],
    length: usize,
    place: usize,
}

impl Source for WideText {
    fn peek(&mut self) -> Option<u8> {
        if self.place == self.length {
            // SAFETY: never moved past the end.
            let character = unsafe { *self.next };
            if character == 0 {
                return None;
            }
            (self.bytes, self.length) = encode(character)?;
            self.place = 0;
            self.next = self.next.wrapping_add(1);
        }
        Some(self.bytes[self.place])
    }

    fn advance(&mut self) {
        self.place += 1;
    }
}

/// C 7.29.2.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vswscanf(
    text: *const u32,
    format: *const u32,
    mut list: VaList<'_>,
) -> c_int {
    // SAFETY: two wide strings.
    let Some(format) = (unsafe { narrow(format) }) else {
        set_errno(EILSEQ);
        return -1;
    };
    super::scan::read(
        &mut WideText {
            next: text,
            bytes: [0; 4],
            length: 0,
            place: 0,
        },
        &format,
        &mut list,
    )
}

/// C 7.29.2.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn swscanf(text: *const u32, format: *const u32, list: ...) -> c_int {
    // SAFETY: as for `vswscanf`.
    unsafe { vswscanf(text, format, list) }
}
