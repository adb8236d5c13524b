//! Temporary files and names.
//!
//! SAFETY of the C functions here: templates are writable NUL-ended strings.

use super::file::{DESCRIPTOR, File};
use super::open::make;
use crate::sys::support::{Error, fail, set_errno, text};
use core::ffi::{c_char, c_int};
use libc_posix::names::{self, WORKING_DIRECTORY};
use proto::types::open_flags;

const TRIES: usize = 100;
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

/// Fills the last six characters before the suffix at random.
fn fill(place: &mut [u8]) {
    let mut random = [0u8; 6];
    if libc_rt::kernel::random(&mut random).is_err() {
        let now = libc_rt::kernel::monotonic_ns().to_le_bytes();
        random.copy_from_slice(&now[..6]);
    }
    for (byte, choice) in place.iter_mut().zip(random) {
        *byte = LETTERS[choice as usize % LETTERS.len()];
    }
}

/// Tries names made of a template until `attempt` does not find one taken.
unsafe fn make_unique(
    template: *mut c_char,
    suffix: c_int,
    attempt: impl Fn(&[u8]) -> libc_posix::Result<i32>,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let length = text(template).len();
        let end = length.wrapping_sub(suffix.max(0) as usize);
        let name = core::slice::from_raw_parts_mut(template.cast::<u8>(), length);
        let Some(place) = end
            .checked_sub(6)
            .and_then(|start| name.get_mut(start..end))
        else {
            return fail(Error::BadArgument as c_int);
        };
        if suffix < 0 || place != b"XXXXXX" {
            return fail(Error::BadArgument as c_int);
        }
        for _ in 0..TRIES {
            fill(&mut name[end - 6..end]);
            match attempt(name) {
                Ok(value) => return value,
                Err(Error::Exists) => {}
                Err(error) => {
                    name[end - 6..end].copy_from_slice(b"XXXXXX");
                    return fail(error as c_int);
                }
            }
        }
        name[end - 6..end].copy_from_slice(b"XXXXXX");
    }
    fail(Error::Exists as c_int)
}

fn create(name: &[u8], flags: c_int) -> libc_posix::Result<i32> {
    let flags = flags as u32 & !open_flags::ACCESS_MODE;
    let all = flags | open_flags::READ_WRITE | open_flags::CREATE | open_flags::EXCLUSIVE;
    names::open(WORKING_DIRECTORY, name, all, 0o600)
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { make_unique(template, suffix, |name| create(name, flags)) }
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkostemp(template: *mut c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { mkostemps(template, 0, flags) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkstemps(template: *mut c_char, suffix: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { mkostemps(template, suffix, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkstemp(template: *mut c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { mkostemps(template, 0, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdtemp(template: *mut c_char) -> *mut c_char {
    // SAFETY: the caller's.
    let made = unsafe {
        make_unique(template, 0, |name| {
            names::make_directory(WORKING_DIRECTORY, name, 0o700).map(|()| 0)
        })
    };
    if made == 0 {
        template
    } else {
        core::ptr::null_mut()
    }
}

fn is_free(name: &[u8]) -> libc_posix::Result<i32> {
    match names::status(WORKING_DIRECTORY, name, names::NO_FOLLOW) {
        Err(Error::NotFound) => Ok(0),
        Ok(_) => Err(Error::Exists),
        Err(error) => Err(error),
    }
}

/// BSD: a name only, which somebody else may take meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mktemp(template: *mut c_char) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe {
        if make_unique(template, 0, is_free) != 0 {
            *template = 0;
        }
    }
    template
}

/// C 7.21.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tmpnam(buffer: *mut c_char) -> *mut c_char {
    static mut NAME: [u8; 20] = [0; 20];
    // SAFETY: C makes no promise to threads without a buffer; with one it has L_tmpnam bytes.
    unsafe {
        let place = if buffer.is_null() {
            (&raw mut NAME).cast()
        } else {
            buffer
        };
        core::ptr::copy_nonoverlapping(c"/tmp/tmpnamXXXXXX".as_ptr(), place, 18);
        mktemp(place);
        if *place == 0 {
            core::ptr::null_mut()
        } else {
            place
        }
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tempnam(directory: *const c_char, prefix: *const c_char) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe {
        let directory = if directory.is_null() {
            &b"/tmp"[..]
        } else {
            text(directory)
        };
        let prefix = if prefix.is_null() {
            &b"temp"[..]
        } else {
            text(prefix)
        };
        let mut name = [0u8; names::PATH_MAX];
        let length = directory.len() + prefix.len() + 8;
        let Some(place) = name.get_mut(..length) else {
            set_errno(Error::NameTooLong as c_int);
            return core::ptr::null_mut();
        };
        place[..directory.len()].copy_from_slice(directory);
        place[directory.len()] = b'/';
        place[directory.len() + 1..][..prefix.len()].copy_from_slice(prefix);
        place[length - 7..].copy_from_slice(b"_XXXXXX");
        if make_unique(name.as_mut_ptr().cast(), 0, is_free) != 0 {
            return core::ptr::null_mut();
        }
        crate::sys::files::copy_out(&name[..length])
    }
}

/// C 7.21.4.3: a file that has no name any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tmpfile() -> *mut File {
    let mut name = *b"/tmp/tmpfileXXXXXX\0";
    // SAFETY: the name is this function's.
    unsafe {
        let fd = mkstemp(name.as_mut_ptr().cast());
        if fd < 0 {
            return core::ptr::null_mut();
        }
        let _ = names::unlink(WORKING_DIRECTORY, &name[..name.len() - 1], 0);
        let file = make(&DESCRIPTOR, fd, 0);
        if file.is_null() {
            crate::sys::io::close(fd);
        }
        file
    }
}
