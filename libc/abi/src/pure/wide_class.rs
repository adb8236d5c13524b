//! Kinds of wide characters: widths, classes and mappings (C 7.30, POSIX `<wctype.h>`).

use super::wide::wcsnlen;
use core::ffi::{c_char, c_int, c_void};
use libc_algo::character::{self, CharacterClass, class_named, class_numbered, is_in};

/// XSI: columns on a terminal.
#[unsafe(no_mangle)]
pub extern "C" fn wcwidth(character: u32) -> c_int {
    character::width(character)
}

/// XSI: columns on a terminal, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcswidth(text: *const u32, limit: usize) -> c_int {
    // SAFETY: a wide string or `limit` characters.
    let text = unsafe { core::slice::from_raw_parts(text, wcsnlen(text, limit)) };
    let mut total = 0;
    for &character in text {
        match wcwidth(character) {
            -1 => return -1,
            width => total += width,
        }
    }
    total
}

/// Defines a wide class function and its `_l` form.
macro_rules! class {
    ($($name:ident $name_l:ident $class:ident;)*) => {$(
        /// C 7.30.2.1.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(character: u32) -> c_int {
            c_int::from(is_in(character, CharacterClass::$class))
        }

        /// POSIX.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name_l(character: u32, _: *const c_void) -> c_int {
            $name(character)
        }
    )*};
}

class! {
    iswalnum iswalnum_l Alnum;
    iswalpha iswalpha_l Alpha;
    iswblank iswblank_l Blank;
    iswcntrl iswcntrl_l Cntrl;
    iswdigit iswdigit_l Digit;
    iswgraph iswgraph_l Graph;
    iswlower iswlower_l Lower;
    iswprint iswprint_l Print;
    iswpunct iswpunct_l Punct;
    iswspace iswspace_l Space;
    iswupper iswupper_l Upper;
    iswxdigit iswxdigit_l Xdigit;
}

/// C 7.30.3.1.1.
#[unsafe(no_mangle)]
pub extern "C" fn towlower(character: u32) -> u32 {
    character::to_lower(character)
}

/// C 7.30.3.1.2.
#[unsafe(no_mangle)]
pub extern "C" fn towupper(character: u32) -> u32 {
    character::to_upper(character)
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn towlower_l(character: u32, _: *const c_void) -> u32 {
    towlower(character)
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn towupper_l(character: u32, _: *const c_void) -> u32 {
    towupper(character)
}

/// C 7.30.2.2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wctype(name: *const c_char) -> u64 {
    // SAFETY: a string.
    class_named(unsafe { super::string::bytes(name) }).map_or(0, |class| class as u64)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wctype_l(name: *const c_char, _: *const c_void) -> u64 {
    // SAFETY: a string.
    unsafe { wctype(name) }
}

/// C 7.30.2.2.1.
#[unsafe(no_mangle)]
pub extern "C" fn iswctype(character: u32, class: u64) -> c_int {
    c_int::from(class_numbered(class).is_some_and(|class| is_in(character, class)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn iswctype_l(character: u32, class: u64, _: *const c_void) -> c_int {
    iswctype(character, class)
}

/// The two mappings, as `wctrans_t` values.
const TO_LOWER: usize = 1;
const TO_UPPER: usize = 2;

/// C 7.30.3.2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wctrans(name: *const c_char) -> usize {
    // SAFETY: a string.
    match unsafe { super::string::bytes(name) } {
        b"tolower" => TO_LOWER,
        b"toupper" => TO_UPPER,
        _ => 0,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wctrans_l(name: *const c_char, _: *const c_void) -> usize {
    // SAFETY: a string.
    unsafe { wctrans(name) }
}

/// C 7.30.3.2.1.
#[unsafe(no_mangle)]
pub extern "C" fn towctrans(character: u32, mapping: usize) -> u32 {
    match mapping {
        TO_LOWER => towlower(character),
        TO_UPPER => towupper(character),
        _ => character,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn towctrans_l(character: u32, mapping: usize, _: *const c_void) -> u32 {
    towctrans(character, mapping)
}
