//! NUL-terminated strings (C 7.24, POSIX `<string.h>` and `<strings.h>`).
//!
//! Every function's precondition is the standard's: strings end in NUL, targets have room.

use super::compare::strncasecmp;
use super::memory::{find, memcpy};
use super::support::malloc;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

/// The bytes of a C string, without its NUL.
pub(crate) unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's string is readable up to its NUL.
    unsafe { core::slice::from_raw_parts(text.cast(), strlen(text)) }
}

/// C 7.24.7.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    // SAFETY: a string has a NUL.
    unsafe { find(text.cast(), 0, false, usize::MAX).unwrap_or(0) }
}

/// POSIX: `strlen` that looks at `limit` bytes at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strnlen(text: *const c_char, limit: usize) -> usize {
    // SAFETY: readable up to a NUL or `limit`.
    unsafe { find(text.cast(), 0, false, limit).unwrap_or(limit) }
}

/// GNU: `strchr` that returns the end where there is no match.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strchrnul(text: *const c_char, byte: c_int) -> *mut c_char {
    // SAFETY: a string has a NUL, so the search ends.
    unsafe {
        text.add(find(text.cast(), byte as u8, true, usize::MAX).unwrap_or(0))
            .cast_mut()
    }
}

/// C 7.24.5.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strchr(text: *const c_char, byte: c_int) -> *mut c_char {
    // SAFETY: `strchrnul` returns a place in the string.
    unsafe {
        let place = strchrnul(text, byte);
        if *place as u8 == byte as u8 {
            place
        } else {
            null_mut()
        }
    }
}

/// C 7.24.5.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strrchr(text: *const c_char, byte: c_int) -> *mut c_char {
    // SAFETY: the terminating NUL belongs to what is searched.
    unsafe { super::memory::memrchr(text.cast(), byte, strlen(text) + 1).cast() }
}

/// The old `strchr`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn index(text: *const c_char, byte: c_int) -> *mut c_char {
    // SAFETY: as for `strchr`.
    unsafe { strchr(text, byte) }
}

/// The old `strrchr`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rindex(text: *const c_char, byte: c_int) -> *mut c_char {
    // SAFETY: as for `strrchr`.
    unsafe { strrchr(text, byte) }
}

/// POSIX: `strcpy` that returns the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stpcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: the target has room for the string and its NUL.
    unsafe {
        let length = strlen(from);
        memcpy(to.cast(), from.cast(), length + 1);
        to.add(length)
    }
}

/// C 7.24.2.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: as for `stpcpy`.
    unsafe { stpcpy(to, from) };
    to
}

/// POSIX: `strncpy` that returns the end of the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stpncpy(to: *mut c_char, from: *const c_char, size: usize) -> *mut c_char {
    // SAFETY: the target has `size` bytes.
    unsafe {
        let length = strnlen(from, size);
        memcpy(to.cast(), from.cast(), length);
        super::memory::memset(to.add(length).cast(), 0, size - length);
        to.add(length)
    }
}

/// C 7.24.2.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncpy(to: *mut c_char, from: *const c_char, size: usize) -> *mut c_char {
    // SAFETY: as for `stpncpy`.
    unsafe { stpncpy(to, from, size) };
    to
}

/// C 7.24.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcat(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: the target has room for both.
    unsafe { stpcpy(to.add(strlen(to)), from) };
    to
}

/// C 7.24.3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncat(
    to: *mut c_char,
    from: *const c_char,
    limit: usize,
) -> *mut c_char {
    // SAFETY: the target has room for both, cut to `limit`, and a NUL.
    unsafe {
        let (end, length) = (to.add(strlen(to)), strnlen(from, limit));
        memcpy(end.cast(), from.cast(), length);
        *end.add(length) = 0;
    }
    to
}

/// POSIX.1-2024: copies what fits and returns what would have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlcpy(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    // SAFETY: the target has `size` bytes.
    unsafe {
        let length = strlen(from);
        if size > 0 {
            let kept = length.min(size - 1);
            memcpy(to.cast(), from.cast(), kept);
            *to.add(kept) = 0;
        }
        length
    }
}

/// POSIX.1-2024: appends what fits and returns what would have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlcat(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    // SAFETY: the target has `size` bytes.
    unsafe {
        let start = strnlen(to, size);
        if start == size {
            return size + strlen(from);
        }
        start + strlcpy(to.add(start), from, size - start)
    }
}

/// A set of byte values.
struct ByteSet([u64; 4]);

impl ByteSet {
    unsafe fn new(members: *const c_char) -> Self {
        let mut set = ByteSet([0; 4]);
        // SAFETY: a string.
        for &byte in unsafe { bytes(members) } {
            set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        set
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }
}

unsafe fn span(text: *const c_char, set: &ByteSet, inside: bool) -> usize {
    let mut index = 0;
    // SAFETY: the loop stops at the NUL.
    unsafe {
        while *text.add(index) != 0 && set.contains(*text.add(index) as u8) == inside {
            index += 1;
        }
    }
    index
}

/// C 7.24.5.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcspn(text: *const c_char, rejected: *const c_char) -> usize {
    // SAFETY: two strings.
    unsafe {
        if *rejected != 0 && *rejected.add(1) == 0 {
            return find(text.cast(), *rejected as u8, true, usize::MAX).unwrap_or(0);
        }
        span(text, &ByteSet::new(rejected), false)
    }
}

/// C 7.24.5.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strspn(text: *const c_char, accepted: *const c_char) -> usize {
    // SAFETY: two strings.
    unsafe { span(text, &ByteSet::new(accepted), true) }
}

/// C 7.24.5.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strpbrk(text: *const c_char, accepted: *const c_char) -> *mut c_char {
    // SAFETY: `strcspn` stays in the string.
    unsafe {
        let place = text.add(strcspn(text, accepted));
        if *place == 0 {
            null_mut()
        } else {
            place.cast_mut()
        }
    }
}

/// C 7.24.5.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strstr(text: *const c_char, needle: *const c_char) -> *mut c_char {
    // SAFETY: two strings. The search starts at the first byte's first match, so that a
    // text without it is not measured first.
    unsafe {
        if *needle == 0 {
            return text.cast_mut();
        }
        let start = strchr(text, c_int::from(*needle));
        if start.is_null() {
            return null_mut();
        }
        match libc_algo::search::find(bytes(start), bytes(needle)) {
            Some(index) => start.add(index),
            None => null_mut(),
        }
    }
}

/// GNU: `strstr` without regard to case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcasestr(text: *const c_char, needle: *const c_char) -> *mut c_char {
    // SAFETY: two strings.
    unsafe {
        let length = strlen(needle);
        for index in 0..=strlen(text) {
            if strncasecmp(text.add(index), needle, length) == 0 {
                return text.add(index).cast_mut();
            }
        }
    }
    null_mut()
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtok_r(
    text: *mut c_char,
    separators: *const c_char,
    state: *mut *mut c_char,
) -> *mut c_char {
    // SAFETY: `text` or the saved place is a string that may be written.
    unsafe {
        let start = if text.is_null() { *state } else { text };
        if start.is_null() {
            return null_mut();
        }
        let set = ByteSet::new(separators);
        let token = start.add(span(start, &set, true));
        if *token == 0 {
            *state = null_mut();
            return null_mut();
        }
        let end = token.add(span(token, &set, false));
        *state = if *end == 0 { null_mut() } else { end.add(1) };
        *end = 0;
        token
    }
}

/// C 7.24.5.8: one hidden state for the whole program, as the standard has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtok(text: *mut c_char, separators: *const c_char) -> *mut c_char {
    static mut STATE: *mut c_char = null_mut();
    // SAFETY: the standard forbids calling `strtok` from two threads at once.
    unsafe { strtok_r(text, separators, &raw mut STATE) }
}

/// BSD: as `strtok_r`, with empty tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strsep(state: *mut *mut c_char, separators: *const c_char) -> *mut c_char {
    // SAFETY: the saved place is a string that may be written.
    unsafe {
        let start = *state;
        if start.is_null() {
            return null_mut();
        }
        let end = start.add(strcspn(start, separators));
        *state = if *end == 0 { null_mut() } else { end.add(1) };
        *end = 0;
        start
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strndup(text: *const c_char, limit: usize) -> *mut c_char {
    // SAFETY: the new block has room for what is copied.
    unsafe {
        let length = strnlen(text, limit);
        let copy = malloc(length + 1).cast::<c_char>();
        if !copy.is_null() {
            memcpy(copy.cast(), text.cast(), length);
            *copy.add(length) = 0;
        }
        copy
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: a string.
    unsafe { strndup(text, usize::MAX) }
}

/// POSIX: the place of the lowest one bit, counted from 1.
#[unsafe(no_mangle)]
pub extern "C" fn ffs(value: c_int) -> c_int {
    ffsll(i64::from(value))
}

/// As `ffs`, for `long`.
#[unsafe(no_mangle)]
pub extern "C" fn ffsl(value: i64) -> c_int {
    ffsll(value)
}

/// As `ffs`, for `long long`.
#[unsafe(no_mangle)]
pub extern "C" fn ffsll(value: i64) -> c_int {
    if value == 0 {
        0
    } else {
        value.trailing_zeros() as c_int + 1
    }
}
