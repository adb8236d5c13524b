//! Paths: `realpath`.
//!
//! SAFETY of the C functions here: paths are NUL-ended; a result buffer has PATH_MAX bytes.

use super::support::{Error, set_errno, text};
use core::ffi::{c_char, c_int};
use libc_posix::names::{self, PATH_MAX, WORKING_DIRECTORY};

const MOST_LINKS: u32 = 40;
const NAME_MAX: usize = 255;

/// What is still to be walked, at the end of a buffer, so that links can be put before it.
struct Rest {
    bytes: [u8; PATH_MAX],
    start: usize,
    /// Whether a slash stood behind the component that was taken last.
    has_slash: bool,
}

impl Rest {
    /// Takes the next component, without its slash.
    fn next<'a>(&mut self, room: &'a mut [u8; NAME_MAX]) -> Result<&'a [u8], Error> {
        let text = &self.bytes[self.start..];
        let slash = text.iter().position(|byte| *byte == b'/');
        let length = slash.unwrap_or(text.len());
        let component = room.get_mut(..length).ok_or(Error::NameTooLong)?;
        component.copy_from_slice(&text[..length]);
        self.start += length + usize::from(slash.is_some());
        self.has_slash = slash.is_some();
        Ok(component)
    }

    fn prepend(&mut self, text: &[u8]) -> Result<(), Error> {
        let start = self
            .start
            .checked_sub(text.len())
            .ok_or(Error::NameTooLong)?;
        self.bytes[start..self.start].copy_from_slice(text);
        self.start = start;
        Ok(())
    }
}

struct Resolved {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Resolved {
    fn push(&mut self, component: &[u8]) -> Result<(), Error> {
        let separator = usize::from(self.length != 1);
        let end = self.length + separator + component.len();
        if end >= PATH_MAX {
            return Err(Error::NameTooLong);
        }
        self.bytes[self.length..self.length + separator].fill(b'/');
        self.bytes[self.length + separator..end].copy_from_slice(component);
        self.length = end;
        Ok(())
    }

    fn pop(&mut self) {
        let kept = self.bytes[..self.length]
            .iter()
            .rposition(|byte| *byte == b'/');
        self.length = kept.unwrap_or(0).max(1);
    }

    fn path(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// If the path is a link, puts what it says in front of the rest: whether it was one.
fn follow(resolved: &mut Resolved, rest: &mut Rest) -> Result<bool, Error> {
    let mut target = [0u8; PATH_MAX];
    match names::read_symlink(WORKING_DIRECTORY, resolved.path(), &mut target) {
        Ok(length) => {
            resolved.pop();
            if target[0] == b'/' {
                resolved.length = 1;
            }
            if rest.has_slash {
                rest.prepend(b"/")?;
            }
            rest.prepend(&target[..length.min(PATH_MAX)])?;
            Ok(true)
        }
        // Not a link. What follows must find a directory, which the next step checks.
        Err(Error::BadArgument) => Ok(false),
        Err(error) => Err(error),
    }
}

fn resolve(path: &[u8]) -> Result<Resolved, Error> {
    if path.is_empty() {
        return Err(Error::NotFound);
    }
    let mut rest = Rest {
        bytes: [0; PATH_MAX],
        start: PATH_MAX,
        has_slash: false,
    };
    rest.prepend(path)?;
    let mut resolved = Resolved {
        bytes: [0; PATH_MAX],
        length: 1,
    };
    resolved.bytes[0] = b'/';
    if path[0] != b'/' {
        resolved.length = names::working_directory(&mut resolved.bytes)?.clamp(1, PATH_MAX - 1);
    }
    let mut links = 0;
    while rest.start < PATH_MAX {
        match rest.next(&mut [0; NAME_MAX])? {
            b"" | b"." => {}
            b".." => resolved.pop(),
            component => {
                resolved.push(component)?;
                links += u32::from(follow(&mut resolved, &mut rest)?);
                if links > MOST_LINKS {
                    return Err(Error::TooManySymlinks);
                }
            }
        }
    }
    // A slash at the end wants a directory.
    if path.ends_with(b"/") {
        let status = names::status(WORKING_DIRECTORY, resolved.path(), 0)?;
        if status.mode & 0o170000 != 0o040000 {
            return Err(Error::NotDirectory);
        }
    }
    Ok(resolved)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpath(path: *const c_char, out: *mut c_char) -> *mut c_char {
    if path.is_null() {
        set_errno(Error::BadArgument as c_int);
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's.
    unsafe {
        match resolve(text(path)) {
            Ok(resolved) if out.is_null() => super::files::copy_out(resolved.path()),
            Ok(resolved) => {
                let target = super::support::bytes_mut(out.cast(), PATH_MAX);
                super::support::copy_text(resolved.path(), target);
                out
            }
            Err(error) => {
                set_errno(error as c_int);
                core::ptr::null_mut()
            }
        }
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn canonicalize_file_name(path: *const c_char) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe { realpath(path, core::ptr::null_mut()) }
}
