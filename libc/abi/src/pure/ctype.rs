//! Character classes (C 7.4, POSIX `<ctype.h>`): ASCII in every locale, because a single
//! byte above 127 is never a character of UTF-8.

use core::ffi::{c_int, c_void};
use libc_algo::character::{CharacterClass, is_in};

/// Defines a class function and its `_l` form.
macro_rules! class {
    ($($name:ident $name_l:ident $class:ident;)*) => {$(
        /// C 7.4.1.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(character: c_int) -> c_int {
            c_int::from((0..128).contains(&character) && is_in(character as u32, CharacterClass::$class))
        }

        /// POSIX: the same in every locale.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name_l(character: c_int, _: *mut c_void) -> c_int {
            $name(character)
        }
    )*};
}

class! {
    isalnum isalnum_l Alnum;
    isalpha isalpha_l Alpha;
    isblank isblank_l Blank;
    iscntrl iscntrl_l Cntrl;
    isdigit isdigit_l Digit;
    isgraph isgraph_l Graph;
    islower islower_l Lower;
    isprint isprint_l Print;
    ispunct ispunct_l Punct;
    isspace isspace_l Space;
    isupper isupper_l Upper;
    isxdigit isxdigit_l Xdigit;
}

/// C 7.4.2.1.
#[unsafe(no_mangle)]
pub extern "C" fn tolower(character: c_int) -> c_int {
    if (0x41..=0x5a).contains(&character) {
        character | 0x20
    } else {
        character
    }
}

/// C 7.4.2.2.
#[unsafe(no_mangle)]
pub extern "C" fn toupper(character: c_int) -> c_int {
    if (0x61..=0x7a).contains(&character) {
        character & 0x5f
    } else {
        character
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tolower_l(character: c_int, _: *mut c_void) -> c_int {
    tolower(character)
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn toupper_l(character: c_int, _: *mut c_void) -> c_int {
    toupper(character)
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn isascii(character: c_int) -> c_int {
    c_int::from((0..128).contains(&character))
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn toascii(character: c_int) -> c_int {
    character & 0x7f
}
