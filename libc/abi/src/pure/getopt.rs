//! Command-line options (POSIX `getopt`, GNU `getopt_long` and `getopt_long_only`).
//!
//! GNU's order: operands move behind the options unless the option string begins with
//! `+` (stop at the first operand) or `-` (operands are options of letter 1).

use super::string::{bytes, strlen};
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;
use libc_algo::utf8::{Decoded, decode};

unsafe extern "C" {
    fn write(descriptor: c_int, data: *const u8, size: usize) -> isize;
}

/// The argument of the option found last.
#[unsafe(no_mangle)]
pub static mut optarg: *mut c_char = null_mut();
/// The next argument to look at.
#[unsafe(no_mangle)]
pub static mut optind: c_int = 1;
/// Whether to print messages.
#[unsafe(no_mangle)]
pub static mut opterr: c_int = 1;
/// The option that was wrong.
#[unsafe(no_mangle)]
pub static mut optopt: c_int = 0;
/// BSD: set to start over.
#[unsafe(no_mangle)]
pub static mut optreset: c_int = 0;
/// The next letter's place in the argument, 0 at its beginning.
static mut POSITION: usize = 0;

/// `struct option` of `<getopt.h>`.
#[repr(C)]
pub struct LongOption {
    name: *const c_char,
    has_argument: c_int,
    flag: *mut c_int,
    value: c_int,
}

const REQUIRED: c_int = 1;

/// Prints "program: message: option" to the standard error.
unsafe fn complain(program: *const c_char, message: &str, option: &[u8]) {
    let mut line = alloc::vec::Vec::new();
    // SAFETY: the program's name is a string.
    line.extend_from_slice(unsafe { bytes(program) });
    for part in [message.as_bytes(), option, b"\n"] {
        line.extend_from_slice(part);
    }
    // SAFETY: the line is readable; a message that cannot be written is lost.
    unsafe { write(2, line.as_ptr(), line.len()) };
}

/// The option string without its order marks, and whether errors are silent (`:`).
unsafe fn letters<'a>(options: *const c_char) -> (&'a [u8], bool) {
    // SAFETY: a string.
    let text = unsafe { bytes(options) };
    let text = text
        .strip_prefix(b"+")
        .or(text.strip_prefix(b"-"))
        .unwrap_or(text);
    match text.strip_prefix(b":") {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

fn character_at(text: &[u8]) -> (u32, usize) {
    match decode(text) {
        Decoded::Character(character, length) => (character, length),
        _ => (u32::from(text[0]), 1),
    }
}

/// What an option string says of a letter: `None` unknown, else the number of colons.
fn lookup(letters: &[u8], option: u32) -> Option<usize> {
    let mut rest = letters;
    while !rest.is_empty() {
        let (letter, length) = character_at(rest);
        rest = &rest[length..];
        let colons = rest.iter().take_while(|&&byte| byte == b':').count();
        if letter == option && letter != u32::from(b':') {
            return Some(colons);
        }
        rest = &rest[colons..];
    }
    None
}

unsafe fn restart_where_asked() {
    // SAFETY: `getopt` is not for two threads at once (POSIX).
    unsafe {
        if optind == 0 || optreset != 0 {
            optreset = 0;
            POSITION = 0;
            optind = 1;
        }
    }
}

/// POSIX `<unistd.h>`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getopt(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
) -> c_int {
    // SAFETY: the caller's argument vector; not for two threads at once.
    unsafe {
        restart_where_asked();
        if optind >= count {
            return -1;
        }
        let argument = *arguments.add(optind as usize);
        if argument.is_null() {
            return -1;
        }
        let text = bytes(argument);
        if text.first() != Some(&b'-') {
            if *options == b'-' as c_char {
                optarg = argument;
                optind += 1;
                return 1;
            }
            return -1;
        }
        if text.len() == 1 {
            return -1;
        }
        if text == b"--" {
            optind += 1;
            return -1;
        }
        short_option(count, arguments, options, text)
    }
}

unsafe fn short_option(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    text: &[u8],
) -> c_int {
    // SAFETY: as for `getopt`; `text` is the current argument.
    unsafe {
        let (letters, silent) = letters(options);
        let argument = *arguments.add(optind as usize);
        let start = POSITION.max(1).min(text.len() - 1);
        let (option, length) = character_at(&text[start..]);
        let option_text = &text[start..start + length];
        let behind = start + length;
        POSITION = behind;
        if behind >= text.len() {
            optind += 1;
            POSITION = 0;
        }
        let Some(colons) = lookup(letters, option) else {
            optopt = option as c_int;
            if opterr != 0 && !silent {
                complain(*arguments, ": unrecognized option: ", option_text);
            }
            return c_int::from(b'?');
        };
        if colons == 0 {
            return option as c_int;
        }
        optarg = null_mut();
        if POSITION != 0 {
            optarg = argument.add(behind);
            optind += 1;
            POSITION = 0;
        } else if colons == 1 {
            if optind >= count {
                optopt = option as c_int;
                if silent {
                    return c_int::from(b':');
                }
                if opterr != 0 {
                    complain(*arguments, ": option requires an argument: ", option_text);
                }
                return c_int::from(b'?');
            }
            optarg = *arguments.add(optind as usize);
            optind += 1;
        }
        option as c_int
    }
}

/// Moves the argument at `from` to `to`, shifting those between by one.
unsafe fn rotate(arguments: *mut *mut c_char, to: usize, from: usize) {
    // SAFETY: both are indices of the caller's vector, which GNU's interface may permute.
    unsafe { core::slice::from_raw_parts_mut(arguments.add(to), from - to + 1) }.rotate_right(1);
}

unsafe fn long(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    table: *const LongOption,
    index: *mut c_int,
    only: bool,
) -> c_int {
    // SAFETY: the caller's argument vector; not for two threads at once.
    unsafe {
        restart_where_asked();
        if optind >= count || (*arguments.add(optind as usize)).is_null() {
            return -1;
        }
        let skipped = optind;
        if !matches!(*options as u8, b'+' | b'-') {
            let mut next = optind;
            loop {
                if next >= count || (*arguments.add(next as usize)).is_null() {
                    return -1;
                }
                let text = bytes(*arguments.add(next as usize));
                if text.len() > 1 && text[0] == b'-' {
                    break;
                }
                next += 1;
            }
            optind = next;
        }
        let resumed = optind;
        let result = long_here(count, arguments, options, table, index, only);
        if resumed > skipped {
            // The options just read move before the operands that were skipped.
            let moved = optind - resumed;
            for _ in 0..moved {
                rotate(
                    arguments.cast_mut(),
                    skipped as usize,
                    (optind - 1) as usize,
                );
            }
            optind = skipped + moved;
        }
        result
    }
}

/// What a long option's name was found to mean.
enum Found {
    Nothing,
    One(usize),
    Ambiguous,
}

unsafe fn find_long(table: *const LongOption, name: &[u8]) -> Found {
    let mut found = Found::Nothing;
    // SAFETY: the table ends with a null name.
    unsafe {
        for index in 0.. {
            let entry = &*table.add(index);
            if entry.name.is_null() {
                break;
            }
            let entry_name = bytes(entry.name);
            if entry_name == name {
                return Found::One(index);
            }
            if !entry_name.starts_with(name) {
                continue;
            }
            found = match found {
                Found::Nothing => Found::One(index),
                Found::One(other) => {
                    let other = &*table.add(other);
                    // Two names for the same thing are no ambiguity.
                    if other.has_argument == entry.has_argument
                        && other.flag == entry.flag
                        && other.value == entry.value
                    {
                        found
                    } else {
                        Found::Ambiguous
                    }
                }
                Found::Ambiguous => Found::Ambiguous,
            };
        }
    }
    found
}

unsafe fn long_here(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    table: *const LongOption,
    index: *mut c_int,
    only: bool,
) -> c_int {
    // SAFETY: as for `long`.
    unsafe {
        let argument = *arguments.add(optind as usize);
        let text = bytes(argument);
        let double = text.starts_with(b"--") && text.len() > 2;
        let single = only
            && !double
            && text.len() > 1
            && text[0] == b'-'
            && text[1] != b'-'
            && POSITION == 0;
        if table.is_null() || !(double || single) {
            return getopt(count, arguments, options);
        }
        let dashes = if double { 2 } else { 1 };
        let end = text
            .iter()
            .position(|&byte| byte == b'=')
            .unwrap_or(text.len());
        let name = &text[dashes..end];
        match find_long(table, name) {
            Found::One(place) => long_found(
                count,
                arguments,
                options,
                &*table.add(place),
                place,
                index,
                end < text.len(),
                end,
            ),
            _ if single && lookup(letters(options).0, character_at(&text[1..]).0).is_some() => {
                getopt(count, arguments, options)
            }
            unfound => {
                optopt = 0;
                let message = if matches!(unfound, Found::Ambiguous) {
                    ": option is ambiguous: "
                } else {
                    ": unrecognized option: "
                };
                if opterr != 0 && !letters(options).1 {
                    complain(*arguments, message, name);
                }
                optind += 1;
                c_int::from(b'?')
            }
        }
    }
}

#[allow(clippy::too_many_arguments)] // one call's state; a structure would have one user
unsafe fn long_found(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    entry: &LongOption,
    place: usize,
    index: *mut c_int,
    has_value: bool,
    equals: usize,
) -> c_int {
    // SAFETY: as for `long`; `entry` is in the caller's table.
    unsafe {
        let argument = *arguments.add(optind as usize);
        let silent = letters(options).1;
        optind += 1;
        optarg = null_mut();
        let mut problem = None;
        if has_value {
            if entry.has_argument == 0 {
                problem = Some((": option does not take an argument: ", b'?'));
            }
            optarg = argument.add(equals + 1);
        } else if entry.has_argument == REQUIRED {
            if optind >= count {
                problem = Some((
                    ": option requires an argument: ",
                    if silent { b':' } else { b'?' },
                ));
            } else {
                optarg = *arguments.add(optind as usize);
                optind += 1;
            }
        }
        if let Some((message, result)) = problem {
            optopt = entry.value;
            if opterr != 0 && !silent {
                complain(*arguments, message, bytes(entry.name));
            }
            return c_int::from(result);
        }
        if !index.is_null() {
            *index = place as c_int;
        }
        if entry.flag.is_null() {
            return entry.value;
        }
        *entry.flag = entry.value;
        0
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getopt_long(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    table: *const LongOption,
    index: *mut c_int,
) -> c_int {
    // SAFETY: the caller's arrays.
    unsafe { long(count, arguments, options, table, index, false) }
}

/// GNU: long options may have one dash.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getopt_long_only(
    count: c_int,
    arguments: *const *mut c_char,
    options: *const c_char,
    table: *const LongOption,
    index: *mut c_int,
) -> c_int {
    // SAFETY: the caller's arrays.
    unsafe { long(count, arguments, options, table, index, true) }
}

/// POSIX: splits "name=value,name" by the names in `keys`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsubopt(
    option: *mut *mut c_char,
    keys: *const *const c_char,
    value: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller's string, list and places.
    unsafe {
        let text = *option;
        *value = null_mut();
        let end = super::string::strchrnul(text, c_int::from(b','));
        if *end != 0 {
            *end = 0;
            *option = end.add(1);
        } else {
            *option = end;
        }
        for index in 0.. {
            let key = *keys.add(index);
            if key.is_null() {
                break;
            }
            let length = strlen(key);
            if super::compare::strncmp(key, text, length) != 0 {
                continue;
            }
            match *text.add(length) as u8 {
                b'=' => *value = text.add(length + 1),
                0 => {}
                _ => continue,
            }
            return index as c_int;
        }
    }
    -1
}
