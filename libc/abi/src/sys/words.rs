//! Words as the shell expands them: `wordexp`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::heap::{free, realloc};
use super::support::text;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};

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
