//! The environment.
//!
//! SAFETY of the C functions here: POSIX's preconditions; strings are NUL-ended.

use super::heap::{free, malloc, realloc};
use super::support::{fail, text};
use core::ffi::{c_char, c_int};

const EINVAL: c_int = 22;
const ENOMEM: c_int = 12;

/// The environment (POSIX).
#[unsafe(no_mangle)]
pub static mut environ: *mut *mut c_char = core::ptr::null_mut();
/// Another name for it.
#[unsafe(no_mangle)]
pub static mut __environ: *mut *mut *mut c_char = &raw mut environ;

/// The array that this module allocated, and how many entries fit: the program may have put
/// another one in `environ`.
static mut OWN: (*mut *mut c_char, usize) = (core::ptr::null_mut(), 0);

/// Strings that `setenv` allocated, so that replacing one frees it. `putenv`'s are the program's.
static mut STRINGS: (*mut *mut c_char, usize) = (core::ptr::null_mut(), 0);

unsafe fn find(name: &[u8]) -> Option<(*mut *mut c_char, *mut c_char)> {
    // SAFETY: the environment is an array of strings that ends with a null pointer.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let string = (*entry).cast::<u8>();
            let mut at = 0;
            while at < name.len() && *string.add(at) == name[at] {
                at += 1;
            }
            if at == name.len() && *string.add(at) == b'=' {
                return Some((entry, string.add(at + 1).cast()));
            }
            entry = entry.add(1);
        }
    }
    None
}

/// C 7.22.4.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe { find(text(name)) }.map_or(core::ptr::null_mut(), |(_, value)| value)
}

/// `getenv`, but nothing in a program that was executed set-id.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_getenv(name: *const c_char) -> *mut c_char {
    if libc_rt::start::auxiliary(libc_rt::start::key::SECURE).unwrap_or(0) != 0 {
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's.
    unsafe { getenv(name) }
}

unsafe fn count() -> usize {
    // SAFETY: as in `find`.
    unsafe {
        let mut length = 0;
        while !environ.is_null() && !(*environ.add(length)).is_null() {
            length += 1;
        }
        length
    }
}

/// Puts a `NAME=VALUE` string in the environment.
unsafe fn put(string: *mut c_char, name_length: usize) -> c_int {
    // SAFETY: the arrays are this module's; the string is NUL-ended.
    unsafe {
        let name = core::slice::from_raw_parts(string.cast::<u8>(), name_length);
        if let Some((entry, _)) = find(name) {
            let old = *entry;
            *entry = string;
            forget(old);
            return 0;
        }
        let length = count();
        if OWN.0 != environ || length + 2 > OWN.1 {
            let capacity = (length + 2).next_power_of_two().max(32);
            let from = if OWN.0 == environ {
                OWN.0
            } else {
                core::ptr::null_mut()
            };
            let array: *mut *mut c_char = realloc(from.cast(), capacity * 8).cast();
            if array.is_null() {
                return fail(ENOMEM);
            }
            if from.is_null() && length > 0 {
                core::ptr::copy_nonoverlapping(environ, array, length);
            }
            OWN = (array, capacity);
            environ = array;
        }
        *environ.add(length) = string;
        *environ.add(length + 1) = core::ptr::null_mut();
    }
    0
}

/// Remembers an allocated string.
unsafe fn remember(string: *mut c_char) {
    // SAFETY: the list is this module's.
    unsafe {
        let (list, length) = STRINGS;
        for index in 0..length {
            if (*list.add(index)).is_null() {
                *list.add(index) = string;
                return;
            }
        }
        let longer: *mut *mut c_char = realloc(list.cast(), (length + 1) * 8).cast();
        // Without room it stays allocated for good, which loses nothing but its bytes.
        if !longer.is_null() {
            *longer.add(length) = string;
            STRINGS = (longer, length + 1);
        }
    }
}

/// Frees a string that left the environment, if `setenv` had made it.
unsafe fn forget(string: *mut c_char) {
    // SAFETY: as above.
    unsafe {
        let (list, length) = STRINGS;
        for index in 0..length {
            if *list.add(index) == string {
                *list.add(index) = core::ptr::null_mut();
                free(string.cast());
                return;
            }
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setenv(
    name: *const c_char,
    value: *const c_char,
    overwrite: c_int,
) -> c_int {
    // SAFETY: the caller's; the new string is filled before it is used.
    unsafe {
        let (name, value) = (text(name), text(value));
        if name.is_empty() || name.contains(&b'=') {
            return fail(EINVAL);
        }
        if overwrite == 0 && find(name).is_some() {
            return 0;
        }
        let string: *mut u8 = malloc(name.len() + value.len() + 2).cast();
        if string.is_null() {
            return fail(ENOMEM);
        }
        core::ptr::copy_nonoverlapping(name.as_ptr(), string, name.len());
        *string.add(name.len()) = b'=';
        let rest = string.add(name.len() + 1);
        core::ptr::copy_nonoverlapping(value.as_ptr(), rest, value.len());
        *rest.add(value.len()) = 0;
        if put(string.cast(), name.len()) != 0 {
            free(string.cast());
            return -1;
        }
        remember(string.cast());
    }
    0
}

/// POSIX: the string itself becomes part of the environment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putenv(string: *mut c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        match text(string).iter().position(|byte| *byte == b'=') {
            None => unsetenv(string),
            Some(0) => fail(EINVAL),
            Some(length) => put(string, length),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unsetenv(name: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let name = text(name);
        if name.is_empty() || name.contains(&b'=') {
            return fail(EINVAL);
        }
        while let Some((mut entry, _)) = find(name) {
            let old = *entry;
            while !(*entry).is_null() {
                *entry = *entry.add(1);
                entry = entry.add(1);
            }
            forget(old);
        }
    }
    0
}

/// Removes every variable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearenv() -> c_int {
    // SAFETY: strings of `setenv` are freed, the array is given up.
    unsafe {
        let mut entry = environ;
        environ = core::ptr::null_mut();
        while !entry.is_null() && !(*entry).is_null() {
            forget(*entry);
            entry = entry.add(1);
        }
    }
    0
}
