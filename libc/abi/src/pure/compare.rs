//! Comparing strings (C 7.24.4, POSIX `<strings.h>`).
//!
//! Every function's precondition is the standard's: strings end in NUL.

use super::memory::memcpy;
use super::string::{bytes, strlen};
use core::arch::x86_64::{
    _mm_andnot_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_setzero_si128,
};
use core::ffi::{c_char, c_int, c_void};

/// The first pair of bytes that differ or end both strings, within `limit` bytes.
unsafe fn compare(left: *const u8, right: *const u8, limit: usize) -> (u8, u8) {
    /// The last offset in a page from which 16 bytes can be read.
    const LAST: usize = 4096 - 16;
    let mut index = 0;
    // SAFETY: 16 bytes are read only where they stay in a page that a string byte is in.
    unsafe {
        while index < limit {
            let (a, b) = (left.add(index), right.add(index));
            if (a.addr() & 4095) > LAST || (b.addr() & 4095) > LAST {
                if *a != *b || *a == 0 {
                    return (*a, *b);
                }
                index += 1;
                continue;
            }
            let (x, y) = (_mm_loadu_si128(a.cast()), _mm_loadu_si128(b.cast()));
            let same = _mm_cmpeq_epi8(x, y);
            let going_on = _mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_setzero_si128()), same);
            let mask = _mm_movemask_epi8(going_on) as u32 ^ 0xffff;
            if mask != 0 {
                let at = mask.trailing_zeros() as usize;
                return if index + at < limit {
                    (*a.add(at), *b.add(at))
                } else {
                    (0, 0)
                };
            }
            index += 16;
        }
    }
    (0, 0)
}

/// C 7.24.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcmp(left: *const c_char, right: *const c_char) -> c_int {
    // SAFETY: two strings.
    let (left, right) = unsafe { compare(left.cast(), right.cast(), usize::MAX) };
    c_int::from(left) - c_int::from(right)
}

/// C 7.24.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncmp(left: *const c_char, right: *const c_char, limit: usize) -> c_int {
    // SAFETY: two strings, or at least `limit` bytes.
    let (left, right) = unsafe { compare(left.cast(), right.cast(), limit) };
    c_int::from(left) - c_int::from(right)
}

/// C 7.24.4.3; both locales collate by byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcoll(left: *const c_char, right: *const c_char) -> c_int {
    // SAFETY: two strings.
    unsafe { strcmp(left, right) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcoll_l(
    left: *const c_char,
    right: *const c_char,
    _: *mut c_void,
) -> c_int {
    // SAFETY: two strings.
    unsafe { strcmp(left, right) }
}

/// C 7.24.4.5: the transformed string is the string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strxfrm(to: *mut c_char, from: *const c_char, size: usize) -> usize {
    // SAFETY: `to` has `size` bytes.
    unsafe {
        let length = strlen(from);
        if size > length {
            memcpy(to.cast(), from.cast(), length + 1);
        }
        length
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strxfrm_l(
    to: *mut c_char,
    from: *const c_char,
    size: usize,
    _: *mut c_void,
) -> usize {
    // SAFETY: as for `strxfrm`.
    unsafe { strxfrm(to, from, size) }
}

unsafe fn compare_case(left: *const c_char, right: *const c_char, limit: usize) -> c_int {
    for index in 0..limit {
        // SAFETY: no NUL was met before this index.
        let (a, b) = unsafe { (*left.add(index) as u8, *right.add(index) as u8) };
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        if a != b || a == 0 {
            return c_int::from(a) - c_int::from(b);
        }
    }
    0
}

/// POSIX `<strings.h>`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcasecmp(left: *const c_char, right: *const c_char) -> c_int {
    // SAFETY: two strings.
    unsafe { compare_case(left, right, usize::MAX) }
}

/// POSIX `<strings.h>`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncasecmp(
    left: *const c_char,
    right: *const c_char,
    limit: usize,
) -> c_int {
    // SAFETY: two strings, or at least `limit` bytes.
    unsafe { compare_case(left, right, limit) }
}

/// POSIX `<strings.h>`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strcasecmp_l(
    left: *const c_char,
    right: *const c_char,
    _: *mut c_void,
) -> c_int {
    // SAFETY: two strings.
    unsafe { compare_case(left, right, usize::MAX) }
}

/// POSIX `<strings.h>`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strncasecmp_l(
    left: *const c_char,
    right: *const c_char,
    limit: usize,
    _: *mut c_void,
) -> c_int {
    // SAFETY: as for `strncasecmp`.
    unsafe { compare_case(left, right, limit) }
}

/// GNU: compares runs of digits by their value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strverscmp(left: *const c_char, right: *const c_char) -> c_int {
    // SAFETY: two strings.
    unsafe { libc_algo::search::compare_versions(bytes(left), bytes(right)) as c_int }
}
