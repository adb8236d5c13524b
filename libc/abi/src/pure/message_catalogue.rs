//! Message catalogues (POSIX `<nl_types.h>`, `<libintl.h>`). There are none: opening one
//! fails, and every message translates to itself, as both standards provide.

use super::support::set_errno;
use core::ffi::{c_char, c_int, c_ulong, c_void};
use core::ptr::{null_mut, without_provenance_mut};

const ENOENT: c_int = 2;
const EBADF: c_int = 9;

/// POSIX: there is no catalogue to open.
#[unsafe(no_mangle)]
pub extern "C" fn catopen(_: *const c_char, _: c_int) -> *mut c_void {
    set_errno(ENOENT);
    without_provenance_mut(usize::MAX)
}

/// POSIX: the default text.
#[unsafe(no_mangle)]
pub extern "C" fn catgets(_: *mut c_void, _: c_int, _: c_int, text: *const c_char) -> *mut c_char {
    text.cast_mut()
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn catclose(_: *mut c_void) -> c_int {
    super::support::fail(EBADF)
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub extern "C" fn gettext(text: *const c_char) -> *mut c_char {
    text.cast_mut()
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub extern "C" fn dgettext(_: *const c_char, text: *const c_char) -> *mut c_char {
    text.cast_mut()
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub extern "C" fn dcgettext(_: *const c_char, text: *const c_char, _: c_int) -> *mut c_char {
    text.cast_mut()
}

/// POSIX.1-2024: English has one plural.
#[unsafe(no_mangle)]
pub extern "C" fn ngettext(one: *const c_char, many: *const c_char, count: c_ulong) -> *mut c_char {
    if count == 1 {
        one.cast_mut()
    } else {
        many.cast_mut()
    }
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub extern "C" fn dngettext(
    _: *const c_char,
    one: *const c_char,
    many: *const c_char,
    count: c_ulong,
) -> *mut c_char {
    ngettext(one, many, count)
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub extern "C" fn dcngettext(
    _: *const c_char,
    one: *const c_char,
    many: *const c_char,
    count: c_ulong,
    _: c_int,
) -> *mut c_char {
    ngettext(one, many, count)
}

/// POSIX.1-2024: the domain is remembered, for programs that ask for it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn textdomain(name: *const c_char) -> *mut c_char {
    const SIZE: usize = 256;
    static mut DOMAIN: [c_char; SIZE] = [0; SIZE];
    let domain = (&raw mut DOMAIN).cast::<c_char>();
    // SAFETY: null or a string; the standard leaves threads to the program.
    unsafe {
        if !name.is_null() {
            let name = if *name == 0 {
                c"messages".as_ptr()
            } else {
                name
            };
            super::string::strlcpy(domain, name, SIZE);
        }
        if *domain == 0 {
            c"messages".as_ptr().cast_mut()
        } else {
            domain
        }
    }
}

/// POSIX.1-2024: no directory is used.
#[unsafe(no_mangle)]
pub extern "C" fn bindtextdomain(_: *const c_char, directory: *const c_char) -> *mut c_char {
    directory.cast_mut()
}

/// POSIX.1-2024: messages are never converted.
#[unsafe(no_mangle)]
pub extern "C" fn bind_textdomain_codeset(_: *const c_char, _: *const c_char) -> *mut c_char {
    null_mut()
}
