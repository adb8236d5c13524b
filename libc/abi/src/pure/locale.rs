//! Locales (C 7.11, POSIX `<locale.h>`, `<langinfo.h>`): "C", whose characters are bytes,
//! and "C.UTF-8", which every other name stands for. They differ in LC_CTYPE only.

use super::support::{getenv, set_errno};
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};

const EINVAL: c_int = 22;
const LC_CTYPE: c_int = 0;
const LC_MESSAGES: c_int = 5;
const LC_ALL: c_int = 6;
const LC_CTYPE_MASK: c_int = 1;

/// A `locale_t`. There are only two, so that none is ever allocated.
pub struct Locale {
    utf8: bool,
}

static C_LOCALE: Locale = Locale { utf8: false };
static UTF8_LOCALE: Locale = Locale { utf8: true };
/// What `LC_GLOBAL_LOCALE` is.
const GLOBAL: *const Locale = core::ptr::without_provenance(usize::MAX);

/// The program's LC_CTYPE is UTF-8.
static GLOBAL_UTF8: AtomicBool = AtomicBool::new(false);

#[thread_local]
static THREAD_LOCALE: Cell<*const Locale> = Cell::new(GLOBAL);

/// Whether the current locale's multibyte characters are UTF-8.
pub(crate) fn is_utf8() -> bool {
    let locale = THREAD_LOCALE.get();
    if locale == GLOBAL {
        return GLOBAL_UTF8.load(Ordering::Relaxed);
    }
    // SAFETY: `uselocale` stores only pointers to the two statics.
    unsafe { (*locale).utf8 }
}

/// C 7.22: what MB_CUR_MAX is.
#[unsafe(no_mangle)]
pub extern "C" fn __ctype_get_mb_cur_max() -> usize {
    if is_utf8() { 4 } else { 1 }
}

/// Whether a locale's name means UTF-8; the empty name asks the environment.
unsafe fn name_is_utf8(name: *const c_char) -> bool {
    // SAFETY: names and environment values are strings.
    unsafe {
        let mut name = name;
        if *name == 0 {
            name = [c"LC_ALL", c"LC_CTYPE", c"LANG"]
                .into_iter()
                .map(|variable| getenv(variable.as_ptr()).cast_const())
                .find(|value| !value.is_null() && **value != 0)
                .unwrap_or(c"C.UTF-8".as_ptr());
        }
        !matches!(super::string::bytes(name), b"C" | b"POSIX")
    }
}

/// C 7.11.1.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlocale(category: c_int, name: *const c_char) -> *mut c_char {
    if !(LC_CTYPE..=LC_ALL).contains(&category) {
        return null_mut();
    }
    if !name.is_null() && matches!(category, LC_CTYPE | LC_ALL) {
        // SAFETY: a string. What `setlocale(LC_ALL, NULL)` returned is a list: its first
        // entry is LC_CTYPE's.
        let utf8 = unsafe { name_is_utf8(name) && !super::string::bytes(name).starts_with(b"C;") };
        GLOBAL_UTF8.store(utf8, Ordering::Relaxed);
    }
    let utf8 = GLOBAL_UTF8.load(Ordering::Relaxed);
    let text = match category {
        LC_ALL if utf8 => c"C.UTF-8;C;C;C;C;C",
        LC_CTYPE if utf8 => c"C.UTF-8",
        _ => c"C",
    };
    text.as_ptr().cast_mut()
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn newlocale(
    mask: c_int,
    name: *const c_char,
    base: *const Locale,
) -> *const Locale {
    if name.is_null() {
        set_errno(EINVAL);
        return null();
    }
    if mask & LC_CTYPE_MASK == 0 {
        return if base.is_null() {
            &raw const C_LOCALE
        } else {
            base
        };
    }
    // SAFETY: a string.
    if unsafe { name_is_utf8(name) } {
        &raw const UTF8_LOCALE
    } else {
        &raw const C_LOCALE
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn duplocale(locale: *const Locale) -> *const Locale {
    if locale != GLOBAL {
        return locale;
    }
    if GLOBAL_UTF8.load(Ordering::Relaxed) {
        &raw const UTF8_LOCALE
    } else {
        &raw const C_LOCALE
    }
}

/// POSIX: there is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn freelocale(_: *const Locale) {}

/// POSIX: the calling thread's locale.
#[unsafe(no_mangle)]
pub extern "C" fn uselocale(locale: *const Locale) -> *const Locale {
    let old = THREAD_LOCALE.get();
    if !locale.is_null() {
        THREAD_LOCALE.set(locale);
    }
    old
}

/// `struct lconv` of `<locale.h>`.
#[repr(C)]
pub struct Conventions {
    texts: [*const c_char; 10],
    numbers: [c_char; 14],
}

// SAFETY: it holds only pointers to constants.
unsafe impl Sync for Conventions {}

/// C 7.11.2.1: nothing but the decimal point is defined in the C locale.
#[unsafe(no_mangle)]
pub extern "C" fn localeconv() -> *const Conventions {
    const EMPTY: *const c_char = c"".as_ptr();
    static CONVENTIONS: Conventions = Conventions {
        texts: [
            c".".as_ptr(),
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
            EMPTY,
        ],
        numbers: [c_char::MAX; 14],
    };
    &raw const CONVENTIONS
}

/// The texts of a category, one after the other, each ending in NUL.
const TIME_TEXTS: &str = concat!(
    "Sun\0Mon\0Tue\0Wed\0Thu\0Fri\0Sat\0",
    "Sunday\0Monday\0Tuesday\0Wednesday\0Thursday\0Friday\0Saturday\0",
    "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec\0",
    "January\0February\0March\0April\0May\0June\0July\0August\0September\0October\0November\0December\0",
    "AM\0PM\0%a %b %e %T %Y\0%m/%d/%y\0%H:%M:%S\0%I:%M:%S %p\0\0\0%m/%d/%y\00123456789\0%a %b %e %T %Y\0%H:%M:%S\0",
);
const NUMERIC_TEXTS: &str = ".\0\0";
const MESSAGE_TEXTS: &str = "^[yY]\0^[nN]\0yes\0no\0";
const CODESET: c_int = 14;
const CRNCYSTR: c_int = 0x4000f;
const LC_TIME: c_int = 2;
const LC_NUMERIC: c_int = 1;

/// POSIX: items are numbered as category and index.
#[unsafe(no_mangle)]
pub extern "C" fn nl_langinfo(item: c_int) -> *const c_char {
    if item == CODESET {
        return if is_utf8() {
            c"UTF-8".as_ptr()
        } else {
            c"ASCII".as_ptr()
        };
    }
    if item == CRNCYSTR {
        return c"-".as_ptr();
    }
    let texts = match item >> 16 {
        LC_NUMERIC => NUMERIC_TEXTS,
        LC_TIME => TIME_TEXTS,
        LC_MESSAGES => MESSAGE_TEXTS,
        _ => return c"".as_ptr(),
    };
    match texts.split_inclusive('\0').nth((item & 0xffff) as usize) {
        Some(text) => text.as_ptr().cast(),
        None => c"".as_ptr(),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn nl_langinfo_l(item: c_int, _: *const c_void) -> *const c_char {
    nl_langinfo(item)
}
