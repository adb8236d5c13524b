//! Multibyte and wide characters (C 7.22.7, 7.22.8, 7.28, 7.29.6).
//!
//! UTF-8 where LC_CTYPE says so. In the C locale every byte is a character: those above
//! ASCII become wide characters in the surrogate block, where no real character is, so
//! that any bytes survive the way to wide characters and back.

use super::locale::is_utf8;
use super::support::set_errno;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;
use libc_algo::utf8::{Decoded, decode, encode};

const EILSEQ: c_int = 84;
/// `(size_t)-1`, `-2`, `-3`.
const FAILED: usize = usize::MAX;
const INCOMPLETE: usize = usize::MAX - 1;
const STORED: usize = usize::MAX - 2;
/// What a byte above ASCII is added to in the C locale.
const BYTE_BASE: u32 = 0xdf00;

/// `mbstate_t`: up to three bytes of an unfinished character with their number above
/// them, and a second UTF-16 half that is still to be given.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct State {
    partial: u32,
    pending: u32,
}

impl State {
    fn load(&self) -> ([u8; 4], usize) {
        let bytes = self.partial.to_le_bytes();
        ([bytes[0], bytes[1], bytes[2], 0], usize::from(bytes[3]))
    }

    fn save(&mut self, bytes: [u8; 4], count: usize) {
        self.partial = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], count as u8]);
    }
}

fn illegal() -> usize {
    set_errno(EILSEQ);
    FAILED
}

/// A state of the function's own for callers that give none.
macro_rules! own_state {
    ($state:expr) => {{
        static mut OWN: State = State {
            partial: 0,
            pending: 0,
        };
        if $state.is_null() {
            &raw mut OWN
        } else {
            $state
        }
    }};
}

/// Decodes one character at `text`; the result is `mbrtowc`'s.
unsafe fn decode_one(
    character: &mut u32,
    text: *const u8,
    size: usize,
    state: &mut State,
) -> usize {
    if size == 0 {
        return INCOMPLETE;
    }
    let (mut bytes, kept) = state.load();
    // SAFETY: at least one byte is there.
    let first = unsafe { *text };
    if kept == 0 && (first < 0x80 || !is_utf8()) {
        *character = if first < 0x80 {
            u32::from(first)
        } else {
            BYTE_BASE + u32::from(first)
        };
        return usize::from(first != 0);
    }
    for taken in 0..=3 - kept.min(3) {
        if taken >= size {
            state.save(bytes, kept + taken);
            return INCOMPLETE;
        }
        // SAFETY: `taken < size`.
        bytes[kept + taken] = unsafe { *text.add(taken) };
        match decode(&bytes[..=kept + taken]) {
            Decoded::Character(found, _) => {
                *character = found;
                state.partial = 0;
                return taken + 1;
            }
            Decoded::Invalid => break,
            Decoded::Incomplete => {}
        }
    }
    state.partial = 0;
    illegal()
}

/// C 7.29.6.3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrtowc(
    to: *mut u32,
    text: *const c_char,
    size: usize,
    state: *mut State,
) -> usize {
    let state = own_state!(state);
    // SAFETY: the caller's objects; without a state, its use by two threads is forbidden.
    unsafe {
        if text.is_null() {
            return if (*state).partial == 0 {
                0
            } else {
                (*state).partial = 0;
                illegal()
            };
        }
        let mut character = 0;
        let result = decode_one(&mut character, text.cast(), size, &mut *state);
        if result < STORED && !to.is_null() {
            *to = character;
        }
        result
    }
}

/// C 7.29.6.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrlen(text: *const c_char, size: usize, state: *mut State) -> usize {
    let state = own_state!(state);
    // SAFETY: as for `mbrtowc`.
    unsafe { mbrtowc(null_mut(), text, size, state) }
}

/// C 7.29.6.2.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbsinit(state: *const State) -> c_int {
    // SAFETY: null or the caller's state.
    c_int::from(state.is_null() || unsafe { (*state).partial == 0 && (*state).pending == 0 })
}

/// C 7.22.7.2: UTF-8 has no shift states.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbtowc(to: *mut u32, text: *const c_char, size: usize) -> c_int {
    if text.is_null() {
        return 0;
    }
    let mut state = State::default();
    // SAFETY: the caller's objects.
    match unsafe { mbrtowc(to, text, size, &raw mut state) } {
        INCOMPLETE => illegal() as c_int,
        result => result as c_int,
    }
}

/// C 7.22.7.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mblen(text: *const c_char, size: usize) -> c_int {
    // SAFETY: as for `mbtowc`.
    unsafe { mbtowc(null_mut(), text, size) }
}

/// C 7.29.6.1.1.
#[unsafe(no_mangle)]
pub extern "C" fn btowc(byte: c_int) -> u32 {
    match byte {
        0..=0x7f => byte as u32,
        0x80..=0xff if !is_utf8() => BYTE_BASE + byte as u32,
        _ => u32::MAX,
    }
}

/// C 7.29.6.1.2.
#[unsafe(no_mangle)]
pub extern "C" fn wctob(character: u32) -> c_int {
    match character {
        0..=0x7f => character as c_int,
        0xdf80..=0xdfff if !is_utf8() => (character - BYTE_BASE) as c_int,
        _ => -1,
    }
}

/// The bytes of a wide character in the current locale.
pub(crate) fn encode_one(character: u32) -> Option<([u8; 4], usize)> {
    if is_utf8() {
        return encode(character);
    }
    u8::try_from(wctob(character))
        .ok()
        .map(|byte| ([byte, 0, 0, 0], 1))
}

/// C 7.29.6.3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcrtomb(to: *mut c_char, character: u32, _: *mut State) -> usize {
    if to.is_null() {
        return 1;
    }
    match encode_one(character) {
        Some((bytes, length)) => {
            // SAFETY: the caller's buffer has MB_CUR_MAX bytes.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), length) };
            length
        }
        None => illegal(),
    }
}

/// C 7.22.7.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wctomb(to: *mut c_char, character: u32) -> c_int {
    if to.is_null() {
        return 0;
    }
    // SAFETY: as for `wcrtomb`.
    unsafe { wcrtomb(to, character, null_mut()) as c_int }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbsnrtowcs(
    to: *mut u32,
    from: *mut *const c_char,
    mut size: usize,
    limit: usize,
    state: *mut State,
) -> usize {
    let state = own_state!(state);
    let mut count = 0;
    // SAFETY: the caller's string of at most `size` bytes and target of `limit` characters.
    unsafe {
        let mut text = *from;
        loop {
            if !to.is_null() && count == limit || size == 0 {
                break;
            }
            let mut character = 0;
            let taken = decode_one(&mut character, text.cast(), size, &mut *state);
            if taken == FAILED {
                if !to.is_null() {
                    *from = text;
                }
                return FAILED;
            }
            if taken == INCOMPLETE {
                text = text.add(size);
                break;
            }
            if !to.is_null() {
                *to.add(count) = character;
            }
            if taken == 0 {
                text = core::ptr::null();
                break;
            }
            text = text.add(taken);
            size -= taken;
            count += 1;
        }
        if !to.is_null() {
            *from = text;
        }
    }
    count
}

/// C 7.29.6.4.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbsrtowcs(
    to: *mut u32,
    from: *mut *const c_char,
    limit: usize,
    state: *mut State,
) -> usize {
    let state = own_state!(state);
    // SAFETY: the string ends in NUL.
    unsafe { mbsnrtowcs(to, from, usize::MAX, limit, state) }
}

/// C 7.22.8.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbstowcs(to: *mut u32, text: *const c_char, limit: usize) -> usize {
    let (mut text, mut state) = (text, State::default());
    // SAFETY: as for `mbsrtowcs`.
    unsafe { mbsrtowcs(to, &raw mut text, limit, &raw mut state) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsnrtombs(
    to: *mut c_char,
    from: *mut *const u32,
    characters: usize,
    limit: usize,
    _: *mut State,
) -> usize {
    let mut count = 0;
    // SAFETY: the caller's wide string of at most `characters` and target of `limit` bytes.
    unsafe {
        let mut text = *from;
        for _ in 0..characters {
            let Some((bytes, length)) = encode_one(*text) else {
                if !to.is_null() {
                    *from = text;
                }
                return illegal();
            };
            if !to.is_null() {
                if length > limit - count {
                    break;
                }
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(count).cast(), length);
            }
            if *text == 0 {
                text = core::ptr::null();
                break;
            }
            count += length;
            text = text.add(1);
        }
        if !to.is_null() {
            *from = text;
        }
    }
    count
}

/// C 7.29.6.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsrtombs(
    to: *mut c_char,
    from: *mut *const u32,
    limit: usize,
    state: *mut State,
) -> usize {
    // SAFETY: the wide string ends in a null character.
    unsafe { wcsnrtombs(to, from, usize::MAX, limit, state) }
}

/// C 7.22.8.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcstombs(to: *mut c_char, text: *const u32, limit: usize) -> usize {
    let mut text = text;
    // SAFETY: as for `wcsrtombs`.
    unsafe { wcsrtombs(to, &raw mut text, limit, null_mut()) }
}

/// C 7.28.1.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrtoc32(
    to: *mut u32,
    text: *const c_char,
    size: usize,
    state: *mut State,
) -> usize {
    let state = own_state!(state);
    // SAFETY: as for `mbrtowc`; without text, C wants the call `mbrtoc32(NULL, "", 1, state)`.
    unsafe {
        if text.is_null() {
            return mbrtowc(null_mut(), c"".as_ptr(), 1, state);
        }
        mbrtowc(to, text, size, state)
    }
}

/// C 7.28.1.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn c32rtomb(to: *mut c_char, character: u32, state: *mut State) -> usize {
    // SAFETY: as for `wcrtomb`.
    unsafe { wcrtomb(to, character, state) }
}

/// C 7.28.1.1: a character beyond the first plane comes in two halves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mbrtoc16(
    to: *mut u16,
    text: *const c_char,
    size: usize,
    state: *mut State,
) -> usize {
    let state = own_state!(state);
    // SAFETY: as for `mbrtowc`.
    unsafe {
        if text.is_null() {
            return mbrtoc16(null_mut(), c"".as_ptr(), 1, state);
        }
        if (*state).pending != 0 {
            if !to.is_null() {
                *to = (*state).pending as u16;
            }
            (*state).pending = 0;
            return STORED;
        }
        let mut character = 0;
        let result = mbrtowc(&raw mut character, text, size, state);
        if result < STORED {
            let mut unit = character as u16;
            if character >= 0x10000 {
                unit = (0xd7c0 + (character >> 10)) as u16;
                (*state).pending = 0xdc00 | character & 0x3ff;
            }
            if !to.is_null() {
                *to = unit;
            }
        }
        result
    }
}

/// C 7.28.1.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn c16rtomb(to: *mut c_char, unit: u16, state: *mut State) -> usize {
    let state = own_state!(state);
    if to.is_null() {
        return 1;
    }
    let value = u32::from(unit);
    // SAFETY: the caller's objects.
    unsafe {
        let high = core::mem::take(&mut (*state).pending);
        match (high, value) {
            (0, 0xd800..=0xdbff) => {
                (*state).pending = value;
                0
            }
            (0, 0xdc00..=0xdfff) => illegal(),
            (0, _) => wcrtomb(to, value, null_mut()),
            (_, 0xdc00..=0xdfff) => wcrtomb(
                to,
                0x10000 + ((high & 0x3ff) << 10) + (value & 0x3ff),
                null_mut(),
            ),
            _ => illegal(),
        }
    }
}
