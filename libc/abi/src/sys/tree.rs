//! File trees and words: `ftw`, `nftw`, `wordexp`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::directory::{closedir, opendir, readdir};
use super::heap::{free, realloc};
use super::status::{Stat, lstat, stat};
use super::support::{errno, set_errno, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};

fn terminated(path: &[u8]) -> Vec<u8> {
    let mut all = path.to_vec();
    all.push(0);
    all
}

/// `struct FTW`.
#[repr(C)]
pub struct Place {
    base: c_int,
    level: c_int,
}

const FTW_F: c_int = 1;
const FTW_D: c_int = 2;
const FTW_DNR: c_int = 3;
const FTW_NS: c_int = 4;
const FTW_SL: c_int = 5;
const FTW_DP: c_int = 6;
const FTW_SLN: c_int = 7;

const FTW_PHYS: c_int = 1;
const FTW_MOUNT: c_int = 2;
const FTW_CHDIR: c_int = 4;
const FTW_DEPTH: c_int = 8;

type Visit = unsafe extern "C" fn(*const c_char, *const Stat, c_int, *mut Place) -> c_int;

struct Walk {
    visit: Visit,
    flags: c_int,
    device: u64,
    /// Device and node of the directories above, against loops through links.
    above: Vec<(u64, u64)>,
}

impl Walk {
    unsafe fn kind(&self, path: &[u8], found: &mut Stat) -> Option<c_int> {
        const EACCES: c_int = 13;
        let name = path.as_ptr().cast();
        // SAFETY: a NUL-ended name.
        unsafe {
            let physical = self.flags & FTW_PHYS != 0;
            let result = if physical {
                lstat(name, found)
            } else {
                stat(name, found)
            };
            if result != 0 {
                if !physical && lstat(name, found) == 0 {
                    return Some(FTW_SLN);
                }
                return if errno() == EACCES {
                    Some(FTW_NS)
                } else {
                    None
                };
            }
        }
        Some(match found.st_mode & 0o170000 {
            0o040000 if self.flags & FTW_DEPTH != 0 => FTW_DP,
            0o040000 => FTW_D,
            0o120000 => FTW_SL,
            _ => FTW_F,
        })
    }

    unsafe fn walk(&mut self, path: &[u8], level: c_int) -> c_int {
        let mut found = Stat::default();
        // SAFETY: `path` is NUL-ended; the visitor is the program's.
        unsafe {
            let Some(mut kind) = self.kind(path, &mut found) else {
                return -1;
            };
            let plain = &path[..path.len() - 1];
            let base = plain
                .iter()
                .rposition(|byte| *byte == b'/')
                .map_or(0, |at| at + 1);
            let mut place = Place {
                base: base as c_int,
                level,
            };
            if level == 0 {
                self.device = found.st_dev;
            } else if self.flags & FTW_MOUNT != 0 && found.st_dev != self.device {
                return 0;
            }
            let is_directory = kind == FTW_D || kind == FTW_DP;
            let key = (found.st_dev, found.st_ino);
            if is_directory && self.above.contains(&key) {
                return 0;
            }
            let mut directory = core::ptr::null_mut();
            if is_directory {
                directory = opendir(path.as_ptr().cast());
                if directory.is_null() {
                    kind = FTW_DNR;
                }
            }
            let name = path.as_ptr().cast();
            if kind != FTW_DP {
                let result = (self.visit)(name, &found, kind, &mut place);
                if result != 0 || directory.is_null() {
                    if !directory.is_null() {
                        closedir(directory);
                    }
                    return result;
                }
            }
            self.above.push(key);
            let mut result = 0;
            loop {
                let entry = readdir(directory);
                if entry.is_null() || result != 0 {
                    break;
                }
                let child = text((&raw const (*entry).d_name).cast());
                if child != b"." && child != b".." {
                    let separator: &[u8] = if plain.ends_with(b"/") { b"" } else { b"/" };
                    let below = [plain, separator, child, b"\0"].concat();
                    result = self.walk(&below, level + 1);
                }
            }
            self.above.pop();
            closedir(directory);
            if result == 0 && kind == FTW_DP {
                result = (self.visit)(name, &found, kind, &mut place);
            }
            result
        }
    }
}

/// POSIX. `FTW_CHDIR` is not offered: paths stay good from where the walk began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nftw(
    path: *const c_char,
    visit: Visit,
    _descriptors: c_int,
    flags: c_int,
) -> c_int {
    const EINVAL: c_int = 22;
    if flags & FTW_CHDIR != 0 {
        set_errno(EINVAL);
        return -1;
    }
    let mut walk = Walk {
        visit,
        flags,
        device: 0,
        above: Vec::new(),
    };
    // SAFETY: the caller's.
    unsafe { walk.walk(&terminated(text(path)), 0) }
}

type OldVisit = unsafe extern "C" fn(*const c_char, *const Stat, c_int) -> c_int;

/// POSIX, obsolescent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftw(path: *const c_char, visit: OldVisit, descriptors: c_int) -> c_int {
    // SAFETY: the caller's. The calling convention lets a function get one argument more than it
    // takes.
    unsafe {
        nftw(
            path,
            core::mem::transmute::<OldVisit, Visit>(visit),
            descriptors,
            0,
        )
    }
}

/// `wordexp_t`.
#[repr(C)]
pub struct Words {
    count: usize,
    words: *mut *mut c_char,
    offset: usize,
}

const WRDE_DOOFFS: c_int = 1;
const WRDE_APPEND: c_int = 2;
const WRDE_NOCMD: c_int = 4;
const WRDE_REUSE: c_int = 8;
const WRDE_NOSPACE: c_int = 1;
const WRDE_BADCHAR: c_int = 2;
const WRDE_CMDSUB: c_int = 4;
const WRDE_SYNTAX: c_int = 5;

/// Whether words can be expanded: no operators of the shell outside quotes, and no command
/// substitution if that is forbidden.
fn check_words(words: &[u8], flags: c_int) -> c_int {
    let (mut single, mut double, mut braces) = (false, false, 0);
    let mut at = 0;
    while at < words.len() {
        let byte = words[at];
        match byte {
            b'\\' if !single => {
                at += 1;
                if at == words.len() {
                    return WRDE_SYNTAX;
                }
            }
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            _ if single => {}
            b'`' if flags & WRDE_NOCMD != 0 => return WRDE_CMDSUB,
            b'$' if words.get(at + 1) == Some(&b'(') => {
                let is_arithmetic = words.get(at + 2) == Some(&b'(');
                if flags & WRDE_NOCMD != 0 && !is_arithmetic {
                    return WRDE_CMDSUB;
                }
                braces += if is_arithmetic { 2 } else { 1 };
                at += if is_arithmetic { 2 } else { 1 };
            }
            b'$' if words.get(at + 1) == Some(&b'{') => {
                braces += 1;
                at += 1;
            }
            b')' | b'}' if braces > 0 => braces -= 1,
            b'\n' | b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' | b'{' | b'}'
                if !double && braces == 0 =>
            {
                return WRDE_BADCHAR;
            }
            _ => {}
        }
        at += 1;
    }
    if single || double || braces > 0 {
        WRDE_SYNTAX
    } else {
        0
    }
}

/// POSIX: the shell expands, and prints each word with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wordexp(words: *const c_char, out: *mut Words, flags: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if flags & WRDE_REUSE != 0 {
            wordfree(out);
        }
        let wanted = text(words);
        let refused = check_words(wanted, flags);
        if refused != 0 {
            return refused;
        }
        let command = [b"printf '%s\\0' x ", wanted, b"\0"].concat();
        let pipe = super::stdio::popen(command.as_ptr().cast(), c"re".as_ptr());
        if pipe.is_null() {
            return WRDE_NOSPACE;
        }
        let (mut line, mut room) = (core::ptr::null_mut(), 0);
        let mut found = Vec::new();
        while super::stdio::getdelim(&mut line, &mut room, 0, pipe) > 0 {
            found.push(text(line).to_vec());
        }
        free(line.cast());
        if super::stdio::pclose(pipe) != 0 || found.is_empty() {
            return WRDE_SYNTAX;
        }
        found.remove(0);
        if store(&mut *out, flags, &found) {
            0
        } else {
            WRDE_NOSPACE
        }
    }
}

/// Puts words into a result, behind those that are there: whether there was memory.
unsafe fn store(out: &mut Words, flags: c_int, found: &[Vec<u8>]) -> bool {
    let offset = if flags & WRDE_DOOFFS != 0 {
        out.offset
    } else {
        0
    };
    let append = flags & WRDE_APPEND != 0;
    let before = if append { out.count } else { 0 };
    let old = if append {
        out.words
    } else {
        core::ptr::null_mut()
    };
    let size = (offset + before + found.len() + 1) * size_of::<*mut c_char>();
    // SAFETY: the list has room for offset, old, new and the null pointer.
    unsafe {
        let list: *mut *mut c_char = realloc(old.cast(), size).cast();
        if list.is_null() {
            return false;
        }
        if old.is_null() {
            core::ptr::write_bytes(list, 0, offset);
        }
        (out.words, out.count, out.offset) = (list, before, offset);
        for word in found {
            let copy = super::files::copy_out(word);
            *list.add(offset + out.count) = copy;
            if copy.is_null() {
                return false;
            }
            out.count += 1;
        }
        *list.add(offset + out.count) = core::ptr::null_mut();
    }
    true
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wordfree(words: *mut Words) {
    // SAFETY: the caller's result of `wordexp`.
    unsafe {
        let words = &mut *words;
        if words.words.is_null() {
            return;
        }
        for index in 0..words.count {
            free((*words.words.add(words.offset + index)).cast());
        }
        free(words.words.cast());
        (words.count, words.words) = (0, core::ptr::null_mut());
    }
}
