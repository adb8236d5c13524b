//! File trees and patterns: `glob`, `ftw`, `nftw`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::directory::{closedir, opendir, readdir};
use super::heap::{free, realloc};
use super::status::{Stat, lstat, stat};
use super::support::{errno, set_errno, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};

/// `glob_t`.
#[repr(C)]
pub struct Glob {
    count: usize,
    paths: *mut *mut c_char,
    offset: usize,
    reserved: c_int,
    more: [usize; 5],
}

const GLOB_ERR: c_int = 1;
const GLOB_MARK: c_int = 2;
const GLOB_NOSORT: c_int = 4;
const GLOB_DOOFFS: c_int = 8;
const GLOB_NOCHECK: c_int = 0x10;
const GLOB_APPEND: c_int = 0x20;
const GLOB_NOESCAPE: c_int = 0x40;
const GLOB_PERIOD: c_int = 0x80;
const GLOB_TILDE: c_int = 0x1000;
const GLOB_TILDE_CHECK: c_int = 0x4000;

const GLOB_NOSPACE: c_int = 1;
const GLOB_ABORTED: c_int = 2;
const GLOB_NOMATCH: c_int = 3;

type OnError = Option<unsafe extern "C" fn(*const c_char, c_int) -> c_int>;

struct Search {
    flags: c_int,
    on_error: OnError,
    found: Vec<Vec<u8>>,
}

fn terminated(path: &[u8]) -> Vec<u8> {
    let mut all = path.to_vec();
    all.push(0);
    all
}

/// Whether a component has to be matched and cannot just be named.
fn is_pattern(component: &[u8], flags: c_int) -> bool {
    let escapes = flags & GLOB_NOESCAPE == 0;
    component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[') || (escapes && *byte == b'\\'))
}

impl Search {
    /// Goes on with the pattern's `rest` from the directory `base` (empty: the working one).
    unsafe fn walk(&mut self, base: &[u8], rest: &[u8]) -> c_int {
        let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
        let mut base = base.to_vec();
        base.extend_from_slice(&rest[..slashes]);
        let rest = &rest[slashes..];
        let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (component, rest) = rest.split_at(end);
        // SAFETY: the caller's.
        unsafe {
            if component.is_empty() {
                self.take(base);
                return 0;
            }
            if !is_pattern(component, self.flags) {
                base.extend_from_slice(component);
                if !rest.is_empty() {
                    return self.walk(&base, rest);
                }
                self.take(base);
                return 0;
            }
            self.expand(&base, component, rest)
        }
    }

    /// Keeps a path that exists.
    unsafe fn take(&mut self, mut path: Vec<u8>) {
        let mut found = Stat::default();
        let name = terminated(&path);
        // SAFETY: a NUL-ended name.
        unsafe {
            if lstat(name.as_ptr().cast(), &mut found) != 0 {
                return;
            }
            if self.flags & GLOB_MARK != 0
                && !path.ends_with(b"/")
                && stat(name.as_ptr().cast(), &mut found) == 0
                && found.st_mode & 0o170000 == 0o040000
            {
                path.push(b'/');
            }
        }
        self.found.push(path);
    }

    /// Matches a component against a directory's entries.
    unsafe fn expand(&mut self, base: &[u8], component: &[u8], rest: &[u8]) -> c_int {
        const FNM_NOESCAPE: c_int = 2;
        const FNM_PERIOD: c_int = 4;
        let directory_name = terminated(if base.is_empty() { b"." } else { base });
        let pattern = terminated(component);
        let mut flags = 0;
        if self.flags & GLOB_NOESCAPE != 0 {
            flags |= FNM_NOESCAPE;
        }
        if self.flags & GLOB_PERIOD == 0 {
            flags |= FNM_PERIOD;
        }
        // SAFETY: NUL-ended names; the directory is this function's.
        unsafe {
            let directory = opendir(directory_name.as_ptr().cast());
            if directory.is_null() {
                return self.complain(&directory_name);
            }
            let mut names = Vec::new();
            loop {
                let entry = readdir(directory);
                if entry.is_null() {
                    break;
                }
                let name = (&raw const (*entry).d_name).cast::<c_char>();
                if crate::pure::fnmatch::fnmatch(pattern.as_ptr().cast(), name, flags) == 0 {
                    names.push(text(name).to_vec());
                }
            }
            closedir(directory);
            for name in names {
                let path = [base, &name].concat();
                let result = if rest.is_empty() {
                    self.take(path);
                    0
                } else {
                    self.walk(&path, rest)
                };
                if result != 0 {
                    return result;
                }
            }
        }
        0
    }

    unsafe fn complain(&mut self, name: &[u8]) -> c_int {
        const ENOENT: c_int = 2;
        const ENOTDIR: c_int = 20;
        let error = errno();
        if error == ENOENT || error == ENOTDIR {
            return 0;
        }
        // SAFETY: the program's function.
        let stop = self.on_error.is_some_and(|call| unsafe { call(name.as_ptr().cast(), error) } != 0);
        if stop || self.flags & GLOB_ERR != 0 { GLOB_ABORTED } else { 0 }
    }
}

/// The home directory that a leading `~` or `~name` stands for.
unsafe fn home_of(pattern: &[u8]) -> Option<Vec<u8>> {
    let rest = pattern.strip_prefix(b"~")?;
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    // SAFETY: constant and NUL-ended names.
    unsafe {
        let mut home = if name.is_empty() {
            super::environment::getenv(c"HOME".as_ptr())
        } else {
            core::ptr::null_mut()
        };
        if home.is_null() {
            home = super::accounts::home_of(&terminated(name));
        }
        if home.is_null() {
            return None;
        }
        Some([text(home), rest].concat())
    }
}

/// Appends paths to a result: whether there was memory.
unsafe fn store(out: &mut Glob, flags: c_int, paths: &[Vec<u8>]) -> bool {
    let offset = if flags & GLOB_DOOFFS != 0 { out.offset } else { 0 };
    let before = if flags & GLOB_APPEND != 0 { out.count } else { 0 };
    let old = if flags & GLOB_APPEND != 0 { out.paths } else { core::ptr::null_mut() };
    let size = (offset + before + paths.len() + 1) * size_of::<*mut c_char>();
    // SAFETY: the list has room for offset, old, new and the null pointer.
    unsafe {
        let list: *mut *mut c_char = realloc(old.cast(), size).cast();
        if list.is_null() {
            return false;
        }
        if old.is_null() {
            core::ptr::write_bytes(list, 0, offset);
        }
        out.paths = list;
        out.count = before;
        for path in paths {
            let copy = super::files::copy_out(path);
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
pub unsafe extern "C" fn glob(
    pattern: *const c_char,
    flags: c_int,
    on_error: OnError,
    out: *mut Glob,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let out = &mut *out;
        if flags & GLOB_APPEND == 0 {
            (out.count, out.paths) = (0, core::ptr::null_mut());
            if flags & GLOB_DOOFFS == 0 {
                out.offset = 0;
            }
        }
        let mut wanted = text(pattern).to_vec();
        if flags & (GLOB_TILDE | GLOB_TILDE_CHECK) != 0 && wanted.starts_with(b"~") {
            match home_of(&wanted) {
                Some(expanded) => wanted = expanded,
                None if flags & GLOB_TILDE_CHECK != 0 => return GLOB_NOMATCH,
                None => {}
            }
        }
        let mut search = Search {
            flags,
            on_error,
            found: Vec::new(),
        };
        let result = if wanted.is_empty() { 0 } else { search.walk(&[], &wanted) };
        let mut found = search.found;
        if found.is_empty() && result == 0 {
            if flags & GLOB_NOCHECK == 0 {
                return GLOB_NOMATCH;
            }
            found.push(wanted);
        }
        if flags & GLOB_NOSORT == 0 {
            found.sort_unstable();
        }
        if !store(out, flags, &found) { GLOB_NOSPACE } else { result }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn globfree(glob: *mut Glob) {
    // SAFETY: the caller's result of `glob`.
    unsafe {
        let glob = &mut *glob;
        for index in 0..glob.count {
            free((*glob.paths.add(glob.offset + index)).cast());
        }
        free(glob.paths.cast());
        (glob.count, glob.paths) = (0, core::ptr::null_mut());
    }
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
            let result = if physical { lstat(name, found) } else { stat(name, found) };
            if result != 0 {
                if !physical && lstat(name, found) == 0 {
                    return Some(FTW_SLN);
                }
                return if errno() == EACCES { Some(FTW_NS) } else { None };
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
            let base = plain.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
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
    unsafe { nftw(path, core::mem::transmute::<OldVisit, Visit>(visit), descriptors, 0) }
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
    if single || double || braces > 0 { WRDE_SYNTAX } else { 0 }
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
        let mut list = Glob {
            count: (*out).count,
            paths: (*out).words,
            offset: if flags & WRDE_DOOFFS != 0 { (*out).offset } else { 0 },
            reserved: 0,
            more: [0; 5],
        };
        let append = if flags & WRDE_APPEND != 0 { GLOB_APPEND } else { 0 };
        let stored = store(&mut list, append | GLOB_DOOFFS, &found);
        ((*out).count, (*out).words, (*out).offset) = (list.count, list.paths, list.offset);
        if stored { 0 } else { WRDE_NOSPACE }
    }
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
