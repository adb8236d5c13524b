//! `regcomp` and its relatives (POSIX `<regex.h>`).

use super::string::bytes;
use alloc::boxed::Box;
use alloc::vec;
use core::ffi::{c_char, c_int, c_void};
use libc_algo::regex::{Context, Options, Regex, RegexError};

const REG_EXTENDED: c_int = 1;
const REG_ICASE: c_int = 2;
const REG_NEWLINE: c_int = 4;
const REG_NOSUB: c_int = 8;
const REG_NOTBOL: c_int = 1;
const REG_NOTEOL: c_int = 2;
const REG_NOMATCH: c_int = 1;
const REG_BADPAT: c_int = 2;

/// `regex_t`.
#[repr(C)]
pub struct Compiled {
    groups: usize,
    program: *mut Pattern,
    reserved1: [*mut c_void; 4],
    reserved2: usize,
    reserved3: c_char,
}

struct Pattern {
    regex: Regex,
    without_spans: bool,
}

/// `regmatch_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Match {
    start: i64,
    end: i64,
}

fn number(error: RegexError) -> c_int {
    match error {
        RegexError::BadPattern => REG_BADPAT,
        RegexError::Collation => 3,
        RegexError::ClassName => 4,
        RegexError::TrailingBackslash => 5,
        RegexError::BackReference => 6,
        RegexError::Bracket => 7,
        RegexError::Parenthesis => 8,
        RegexError::Brace => 9,
        RegexError::BraceContent => 10,
        RegexError::Range => 11,
        RegexError::TooLarge => 12,
        RegexError::Repetition => 13,
    }
}

/// The messages by error number, each ending in NUL.
const MESSAGES: [&str; 14] = [
    "No error\0",
    "No match\0",
    "Invalid regular expression\0",
    "Unknown collating element\0",
    "Unknown character class name\0",
    "Trailing backslash\0",
    "Invalid back reference\0",
    "Missing ']'\0",
    "Missing ')'\0",
    "Missing '}'\0",
    "Invalid contents of {}\0",
    "Invalid character range\0",
    "Out of memory\0",
    "Repetition not preceded by valid expression\0",
];

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn regcomp(
    result: *mut Compiled,
    pattern: *const c_char,
    flags: c_int,
) -> c_int {
    let options = Options {
        extended: flags & REG_EXTENDED != 0,
        fold_case: flags & REG_ICASE != 0,
        newline: flags & REG_NEWLINE != 0,
        utf8: super::locale::is_utf8(),
    };
    // SAFETY: the caller's string and object.
    unsafe {
        match Regex::new(bytes(pattern), options) {
            Err(error) => number(error),
            Ok(regex) => {
                (*result).groups = regex.groups();
                (*result).program = Box::into_raw(Box::new(Pattern {
                    regex,
                    without_spans: flags & REG_NOSUB != 0,
                }));
                0
            }
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn regexec(
    compiled: *const Compiled,
    text: *const c_char,
    count: usize,
    matches: *mut Match,
    flags: c_int,
) -> c_int {
    let context = Context {
        not_line_start: flags & REG_NOTBOL != 0,
        not_line_end: flags & REG_NOTEOL != 0,
    };
    // SAFETY: `regcomp` made the program; the caller's string and array of `count`.
    unsafe {
        let pattern = &*(*compiled).program;
        let wanted = if pattern.without_spans { 0 } else { count };
        let mut spans = vec![None; wanted.min(pattern.regex.groups() + 1)];
        if !pattern.regex.find(bytes(text), context, &mut spans) {
            return REG_NOMATCH;
        }
        for index in 0..wanted {
            let found = spans.get(index).copied().flatten();
            let span = found.map_or(Match { start: -1, end: -1 }, |(start, end)| Match {
                start: start as i64,
                end: end as i64,
            });
            matches.add(index).write(span);
        }
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn regfree(compiled: *mut Compiled) {
    // SAFETY: `regcomp` made the program; it is freed once.
    unsafe {
        let program = core::mem::take(&mut (*compiled).program);
        if !program.is_null() {
            drop(Box::from_raw(program));
        }
    }
}

/// POSIX: returns the size that the whole message needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn regerror(
    error: c_int,
    _: *const Compiled,
    buffer: *mut c_char,
    size: usize,
) -> usize {
    let message = usize::try_from(error)
        .ok()
        .and_then(|error| MESSAGES.get(error))
        .unwrap_or(&"Unknown error\0");
    // SAFETY: the caller's buffer has `size` bytes; the message ends in NUL.
    unsafe { super::string::strlcpy(buffer, message.as_ptr().cast(), size) + 1 }
}
