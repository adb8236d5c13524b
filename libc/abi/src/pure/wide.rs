//! Wide strings (C 7.29.4, POSIX `<wchar.h>`) and wide character classes (C 7.30).

use super::support::malloc;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use libc_algo::character;

/// The characters of a wide string, without the terminating one.
pub(crate) unsafe fn characters<'a>(text: *const u32) -> &'a [u32] {
    // SAFETY: the string is readable up to its end.
    unsafe { core::slice::from_raw_parts(text, wcslen(text)) }
}

/// C 7.29.4.6.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcslen(text: *const u32) -> usize {
    // SAFETY: a wide string.
    unsafe { wcsnlen(text, usize::MAX) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsnlen(text: *const u32, limit: usize) -> usize {
    let mut length = 0;
    // SAFETY: readable up to its end or `limit`.
    while length < limit && unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    length
}

/// C 7.29.4.2.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmemcpy(to: *mut u32, from: *const u32, count: usize) -> *mut u32 {
    // SAFETY: `count` characters each.
    unsafe { core::ptr::copy_nonoverlapping(from, to, count) };
    to
}

/// C 7.29.4.2.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmemmove(to: *mut u32, from: *const u32, count: usize) -> *mut u32 {
    // SAFETY: `count` characters each.
    unsafe { core::ptr::copy(from, to, count) };
    to
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmempcpy(to: *mut u32, from: *const u32, count: usize) -> *mut u32 {
    // SAFETY: `count` characters each.
    unsafe { wmemcpy(to, from, count).add(count) }
}

/// C 7.29.4.6.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmemset(to: *mut u32, character: u32, count: usize) -> *mut u32 {
    // SAFETY: room for `count` characters.
    unsafe { core::slice::from_raw_parts_mut(to, count) }.fill(character);
    to
}

/// C 7.29.4.4.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmemcmp(left: *const u32, right: *const u32, count: usize) -> c_int {
    for index in 0..count {
        // SAFETY: `count` characters each.
        let (a, b) = unsafe { (*left.add(index) as i32, *right.add(index) as i32) };
        if a != b {
            return if a < b { -1 } else { 1 };
        }
    }
    0
}

/// C 7.29.4.5.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wmemchr(text: *const u32, character: u32, count: usize) -> *mut u32 {
    for index in 0..count {
        // SAFETY: `count` characters.
        unsafe {
            if *text.add(index) == character {
                return text.add(index).cast_mut();
            }
        }
    }
    null_mut()
}

/// POSIX: `wcscpy` that returns the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcpcpy(to: *mut u32, from: *const u32) -> *mut u32 {
    // SAFETY: the target has room.
    unsafe {
        let length = wcslen(from);
        wmemcpy(to, from, length + 1).add(length)
    }
}

/// C 7.29.4.2.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscpy(to: *mut u32, from: *const u32) -> *mut u32 {
    // SAFETY: as for `wcpcpy`.
    unsafe { wcpcpy(to, from) };
    to
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcpncpy(to: *mut u32, from: *const u32, size: usize) -> *mut u32 {
    // SAFETY: room for `size` characters.
    unsafe {
        let length = wcsnlen(from, size);
        wmemcpy(to, from, length);
        wmemset(to.add(length), 0, size - length)
    }
}

/// C 7.29.4.2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsncpy(to: *mut u32, from: *const u32, size: usize) -> *mut u32 {
    // SAFETY: as for `wcpncpy`.
    unsafe { wcpncpy(to, from, size) };
    to
}

/// C 7.29.4.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscat(to: *mut u32, from: *const u32) -> *mut u32 {
    // SAFETY: the target has room for both.
    unsafe { wcpcpy(to.add(wcslen(to)), from) };
    to
}

/// C 7.29.4.3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsncat(to: *mut u32, from: *const u32, limit: usize) -> *mut u32 {
    // SAFETY: the target has room for both, cut to `limit`, and the end.
    unsafe {
        let (end, length) = (to.add(wcslen(to)), wcsnlen(from, limit));
        wmemcpy(end, from, length);
        *end.add(length) = 0;
    }
    to
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcslcpy(to: *mut u32, from: *const u32, size: usize) -> usize {
    // SAFETY: room for `size` characters.
    unsafe {
        let length = wcslen(from);
        if size > 0 {
            let kept = length.min(size - 1);
            wmemcpy(to, from, kept);
            *to.add(kept) = 0;
        }
        length
    }
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcslcat(to: *mut u32, from: *const u32, size: usize) -> usize {
    // SAFETY: room for `size` characters.
    unsafe {
        let start = wcsnlen(to, size);
        if start == size {
            return size + wcslen(from);
        }
        start + wcslcpy(to.add(start), from, size - start)
    }
}

/// C 7.29.4.4.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsncmp(left: *const u32, right: *const u32, limit: usize) -> c_int {
    for index in 0..limit {
        // SAFETY: no end was met before this index.
        let (a, b) = unsafe { (*left.add(index) as i32, *right.add(index) as i32) };
        if a != b {
            return if a < b { -1 } else { 1 };
        }
        if a == 0 {
            break;
        }
    }
    0
}

/// C 7.29.4.4.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscmp(left: *const u32, right: *const u32) -> c_int {
    // SAFETY: two wide strings.
    unsafe { wcsncmp(left, right, usize::MAX) }
}

/// C 7.29.4.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscoll(left: *const u32, right: *const u32) -> c_int {
    // SAFETY: two wide strings.
    unsafe { wcscmp(left, right) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscoll_l(left: *const u32, right: *const u32, _: *const c_void) -> c_int {
    // SAFETY: two wide strings.
    unsafe { wcscmp(left, right) }
}

/// C 7.29.4.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsxfrm(to: *mut u32, from: *const u32, size: usize) -> usize {
    // SAFETY: room for `size` characters.
    unsafe { wcslcpy(to, from, size) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsxfrm_l(
    to: *mut u32,
    from: *const u32,
    size: usize,
    _: *const c_void,
) -> usize {
    // SAFETY: room for `size` characters.
    unsafe { wcslcpy(to, from, size) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsncasecmp(left: *const u32, right: *const u32, limit: usize) -> c_int {
    for index in 0..limit {
        // SAFETY: no end was met before this index.
        let (a, b) = unsafe { (*left.add(index), *right.add(index)) };
        let (a, b) = (character::to_lower(a) as i32, character::to_lower(b) as i32);
        if a != b || a == 0 {
            return a.wrapping_sub(b);
        }
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscasecmp(left: *const u32, right: *const u32) -> c_int {
    // SAFETY: two wide strings.
    unsafe { wcsncasecmp(left, right, usize::MAX) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsncasecmp_l(
    left: *const u32,
    right: *const u32,
    limit: usize,
    _: *const c_void,
) -> c_int {
    // SAFETY: as for `wcsncasecmp`.
    unsafe { wcsncasecmp(left, right, limit) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscasecmp_l(
    left: *const u32,
    right: *const u32,
    _: *const c_void,
) -> c_int {
    // SAFETY: two wide strings.
    unsafe { wcscasecmp(left, right) }
}

/// C 7.29.4.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcschr(text: *const u32, character: u32) -> *mut u32 {
    // SAFETY: the terminating character belongs to what is searched.
    unsafe { wmemchr(text, character, wcslen(text) + 1) }
}

/// C 7.29.4.5.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsrchr(text: *const u32, character: u32) -> *mut u32 {
    // SAFETY: as for `wcschr`.
    unsafe {
        for index in (0..=wcslen(text)).rev() {
            if *text.add(index) == character {
                return text.add(index).cast_mut();
            }
        }
    }
    null_mut()
}

/// C 7.29.4.5.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcscspn(text: *const u32, rejected: *const u32) -> usize {
    // SAFETY: two wide strings.
    let (text, rejected) = unsafe { (characters(text), characters(rejected)) };
    text.iter()
        .position(|character| rejected.contains(character))
        .unwrap_or(text.len())
}

/// C 7.29.4.5.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsspn(text: *const u32, accepted: *const u32) -> usize {
    // SAFETY: two wide strings.
    let (text, accepted) = unsafe { (characters(text), characters(accepted)) };
    text.iter()
        .position(|character| !accepted.contains(character))
        .unwrap_or(text.len())
}

/// C 7.29.4.5.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcspbrk(text: *const u32, accepted: *const u32) -> *mut u32 {
    // SAFETY: `wcscspn` stays in the string.
    unsafe {
        let place = text.add(wcscspn(text, accepted));
        if *place == 0 {
            null_mut()
        } else {
            place.cast_mut()
        }
    }
}

/// C 7.29.4.5.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsstr(text: *const u32, needle: *const u32) -> *mut u32 {
    // SAFETY: two wide strings.
    unsafe {
        let (haystack, needle) = (characters(text), characters(needle));
        if needle.is_empty() {
            return text.cast_mut();
        }
        match haystack
            .windows(needle.len())
            .position(|window| window == needle)
        {
            Some(index) => text.add(index).cast_mut(),
            None => null_mut(),
        }
    }
}

/// The old `wcsstr`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcswcs(text: *const u32, needle: *const u32) -> *mut u32 {
    // SAFETY: as for `wcsstr`.
    unsafe { wcsstr(text, needle) }
}

/// C 7.29.4.5.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcstok(
    text: *mut u32,
    separators: *const u32,
    state: *mut *mut u32,
) -> *mut u32 {
    // SAFETY: `text` or the saved place is a wide string that may be written.
    unsafe {
        let start = if text.is_null() { *state } else { text };
        if start.is_null() {
            return null_mut();
        }
        let token = start.add(wcsspn(start, separators));
        if *token == 0 {
            *state = null_mut();
            return null_mut();
        }
        let end = token.add(wcscspn(token, separators));
        *state = if *end == 0 { null_mut() } else { end.add(1) };
        *end = 0;
        token
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsdup(text: *const u32) -> *mut u32 {
    // SAFETY: the new block has room for the copy.
    unsafe {
        let length = wcslen(text);
        let copy = malloc((length + 1) * 4).cast::<u32>();
        if !copy.is_null() {
            wmemcpy(copy, text, length + 1);
        }
        copy
    }
}
