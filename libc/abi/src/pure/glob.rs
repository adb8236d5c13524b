//! `glob` (POSIX `<glob.h>`): a pattern's slashes are walked one directory at a time.

use super::string::bytes;
use super::support::{errno, free, getenv, malloc, realloc, set_errno};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use libc_algo::pattern::{Options, matches};

const GLOB_ERR: c_int = 0x01;
const GLOB_MARK: c_int = 0x02;
const GLOB_NOSORT: c_int = 0x04;
const GLOB_DOOFFS: c_int = 0x08;
const GLOB_NOCHECK: c_int = 0x10;
const GLOB_APPEND: c_int = 0x20;
const GLOB_NOESCAPE: c_int = 0x40;
const GLOB_PERIOD: c_int = 0x80;
const GLOB_TILDE: c_int = 0x1000;
const GLOB_TILDE_CHECK: c_int = 0x4000;
const GLOB_NOSPACE: c_int = 1;
const GLOB_ABORTED: c_int = 2;
const GLOB_NOMATCH: c_int = 3;

/// `glob_t`.
#[repr(C)]
pub struct Glob {
    count: usize,
    paths: *mut *mut c_char,
    offset: usize,
    reserved1: c_int,
    reserved2: [*mut c_void; 5],
}

/// `struct dirent`.
#[repr(C)]
struct DirectoryEntry {
    inode: u64,
    offset: i64,
    length: u16,
    kind: u8,
    name: [c_char; 256],
}

/// As much of `struct stat` as is needed: 144 bytes, the mode at 24.
#[repr(C)]
struct Status {
    before: [u64; 3],
    mode: u32,
    behind: [u32; 29],
}

unsafe extern "C" {
    fn opendir(path: *const c_char) -> *mut c_void;
    fn readdir(directory: *mut c_void) -> *mut DirectoryEntry;
    fn closedir(directory: *mut c_void) -> c_int;
    fn stat(path: *const c_char, status: *mut Status) -> c_int;
    fn lstat(path: *const c_char, status: *mut Status) -> c_int;
}

type OnError = unsafe extern "C" fn(*const c_char, c_int) -> c_int;

struct Walk {
    flags: c_int,
    on_error: Option<OnError>,
    found: Vec<Vec<u8>>,
}

fn has_wildcard(part: &[u8]) -> bool {
    part.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

fn terminated(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    path.push(0);
    path
}

impl Walk {
    fn unescaped(&self, part: &[u8]) -> Vec<u8> {
        if self.flags & GLOB_NOESCAPE != 0 {
            return part.to_vec();
        }
        let mut result = Vec::with_capacity(part.len());
        let mut rest = part.iter();
        while let Some(&byte) = rest.next() {
            result.push(if byte == b'\\' {
                rest.next().copied().unwrap_or(b'\\')
            } else {
                byte
            });
        }
        result
    }

    /// Goes on from `prefix` (empty, or ending in a slash) with the rest of the pattern.
    fn run(&mut self, mut prefix: Vec<u8>, pattern: &[u8]) -> Result<(), c_int> {
        let slashes = pattern.iter().take_while(|&&byte| byte == b'/').count();
        prefix.extend_from_slice(&pattern[..slashes]);
        let pattern = &pattern[slashes..];
        if pattern.is_empty() {
            self.note(prefix);
            return Ok(());
        }
        let end = pattern
            .iter()
            .position(|&byte| byte == b'/')
            .unwrap_or(pattern.len());
        let (part, rest) = pattern.split_at(end);
        if !has_wildcard(part) {
            prefix.extend(self.unescaped(part));
            return if rest.is_empty() {
                self.note(prefix);
                Ok(())
            } else {
                self.run(prefix, rest)
            };
        }
        for name in self.names(&prefix, part)? {
            let path = [prefix.as_slice(), &name].concat();
            if rest.is_empty() {
                self.note(path);
            } else if is_directory(&path) {
                self.run(path, rest)?;
            }
        }
        Ok(())
    }

    /// The names in a directory that fit a part of the pattern.
    fn names(&self, prefix: &[u8], part: &[u8]) -> Result<Vec<Vec<u8>>, c_int> {
        let path = terminated(if prefix.is_empty() { b"." } else { prefix });
        let options = Options {
            no_escape: self.flags & GLOB_NOESCAPE != 0,
            period: self.flags & GLOB_PERIOD == 0,
            ..Options::default()
        };
        let mut names = Vec::new();
        // SAFETY: the path ends in NUL; entries are read before the next `readdir`.
        unsafe {
            let directory = opendir(path.as_ptr().cast());
            if directory.is_null() {
                let error = errno();
                let stop = self
                    .on_error
                    .is_some_and(|on_error| on_error(path.as_ptr().cast(), error) != 0);
                return if stop || self.flags & GLOB_ERR != 0 {
                    Err(GLOB_ABORTED)
                } else {
                    Ok(names)
                };
            }
            loop {
                let entry = readdir(directory);
                if entry.is_null() {
                    break;
                }
                let name = bytes((&raw const (*entry).name).cast());
                if matches(part, name, options) {
                    names.push(name.to_vec());
                }
            }
            closedir(directory);
        }
        Ok(names)
    }

    /// Keeps a path that exists.
    fn note(&mut self, mut path: Vec<u8>) {
        let mut status = core::mem::MaybeUninit::<Status>::uninit();
        let text = terminated(&path);
        // SAFETY: the path ends in NUL. A link that leads nowhere exists too.
        if unsafe { lstat(text.as_ptr().cast(), status.as_mut_ptr()) } != 0 {
            return;
        }
        if self.flags & GLOB_MARK != 0 && path.last() != Some(&b'/') && is_directory(&path) {
            path.push(b'/');
        }
        self.found.push(path);
    }
}

fn is_directory(path: &[u8]) -> bool {
    let text = terminated(path);
    let mut status = core::mem::MaybeUninit::<Status>::uninit();
    // SAFETY: the path ends in NUL; the status is read only where it was written.
    unsafe {
        stat(text.as_ptr().cast(), status.as_mut_ptr()) == 0
            && status.assume_init_ref().mode & 0o170_000 == 0o040_000
    }
}

/// Replaces a leading `~` by the home directory; `None` where there is none.
unsafe fn expand_tilde(pattern: &[u8]) -> Option<Vec<u8>> {
    let rest = pattern.strip_prefix(b"~")?;
    if !rest.is_empty() && rest[0] != b'/' {
        return None;
    }
    // SAFETY: an environment value is a string.
    unsafe {
        let home = getenv(c"HOME".as_ptr());
        if home.is_null() {
            None
        } else {
            Some([bytes(home), rest].concat())
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn glob(
    pattern: *const c_char,
    flags: c_int,
    on_error: Option<OnError>,
    result: *mut Glob,
) -> c_int {
    // SAFETY: the caller's string and object.
    unsafe {
        let mut pattern = bytes(pattern).to_vec();
        if flags & GLOB_APPEND == 0 {
            (*result).count = 0;
            (*result).paths = null_mut();
            if flags & GLOB_DOOFFS == 0 {
                (*result).offset = 0;
            }
        }
        if flags & (GLOB_TILDE | GLOB_TILDE_CHECK) != 0 && pattern.first() == Some(&b'~') {
            match expand_tilde(&pattern) {
                Some(expanded) => pattern = expanded,
                None if flags & GLOB_TILDE_CHECK != 0 => return GLOB_NOMATCH,
                None => {}
            }
        }
        let mut walk = Walk {
            flags,
            on_error,
            found: Vec::new(),
        };
        let mut error = walk.run(Vec::new(), &pattern).err().unwrap_or(0);
        if walk.found.is_empty() && error == 0 {
            if flags & GLOB_NOCHECK == 0 {
                error = GLOB_NOMATCH;
            } else {
                walk.found.push(pattern);
            }
        }
        if flags & GLOB_NOSORT == 0 {
            walk.found.sort_unstable();
        }
        match append(&mut *result, &walk.found) {
            Ok(()) => error,
            Err(no_space) => no_space,
        }
    }
}

/// Adds paths to the result's array, which ends in a null pointer.
unsafe fn append(result: &mut Glob, paths: &[Vec<u8>]) -> Result<(), c_int> {
    let used = result.offset + result.count;
    if paths.is_empty() && result.paths.is_null() {
        return Ok(());
    }
    // SAFETY: the array is null or was made here; new blocks have room for what is written.
    unsafe {
        let size = (used + paths.len() + 1) * size_of::<*mut c_char>();
        let array = realloc(result.paths.cast(), size).cast::<*mut c_char>();
        if array.is_null() {
            return Err(GLOB_NOSPACE);
        }
        if result.paths.is_null() {
            for index in 0..result.offset {
                *array.add(index) = null_mut();
            }
        }
        result.paths = array;
        *array.add(used) = null_mut();
        for path in paths {
            let copy = malloc(path.len() + 1).cast::<u8>();
            if copy.is_null() {
                return Err(GLOB_NOSPACE);
            }
            core::ptr::copy_nonoverlapping(path.as_ptr(), copy, path.len());
            *copy.add(path.len()) = 0;
            *array.add(result.offset + result.count) = copy.cast();
            result.count += 1;
            *array.add(result.offset + result.count) = null_mut();
        }
    }
    Ok(())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn globfree(result: *mut Glob) {
    // SAFETY: `glob` filled the object.
    unsafe {
        let errno = errno();
        for index in 0..(*result).count {
            free((*(*result).paths.add((*result).offset + index)).cast());
        }
        free((*result).paths.cast());
        (*result).count = 0;
        (*result).paths = null_mut();
        set_errno(errno);
    }
}

// The layouts that C sees.
const _: () =
    assert!(core::mem::offset_of!(DirectoryEntry, name) == 19 && size_of::<Status>() == 144);
