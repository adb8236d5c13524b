//! Pseudo-random numbers (C 7.22.2, XSI). The states are the program's: POSIX does not
//! make these functions safe for threads, but a torn state must not break anything, so
//! they are atomics where they are one word.

use core::ffi::{c_char, c_int, c_uint};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU64, Ordering};
use libc_algo::random::{self, Additive, Congruential};

static STATE: AtomicU64 = AtomicU64::new(0);

/// C 7.22.2.2.
#[unsafe(no_mangle)]
pub extern "C" fn srand(seed: c_uint) {
    STATE.store(u64::from(seed).wrapping_sub(1), Ordering::Relaxed);
}

/// C 7.22.2.1.
#[unsafe(no_mangle)]
pub extern "C" fn rand() -> c_int {
    let next = random::step(STATE.load(Ordering::Relaxed));
    STATE.store(next, Ordering::Relaxed);
    random::output(next)
}

/// POSIX (obsolescent).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rand_r(state: *mut c_uint) -> c_int {
    // SAFETY: the caller's state.
    unsafe {
        let (next, value) = random::small_step(*state);
        *state = next;
        value
    }
}

/// `random`'s current sequence.
static mut SEQUENCE: Additive = Additive::new(1);
/// Where the caller keeps the sequence, if `initstate` or `setstate` was called.
static mut KEPT: *mut c_char = null_mut();
/// The words a kept state takes; smaller arrays are refused.
const STATE_SIZE: usize = 128;

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn random() -> i64 {
    // SAFETY: `random` is not for two threads at once; a race gives a wrong number only.
    unsafe { i64::from((*&raw mut SEQUENCE).next_bits()) }
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn srandom(seed: c_uint) {
    // SAFETY: as for `random`.
    unsafe { *&raw mut SEQUENCE = Additive::new(seed) }
}

unsafe fn keep() {
    // SAFETY: KEPT is null or an array of STATE_SIZE bytes that the caller still owns.
    unsafe {
        if !KEPT.is_null() {
            KEPT.cast::<[u32; 32]>()
                .write_unaligned((*&raw const SEQUENCE).save());
        }
    }
}

/// XSI: the state array must have 128 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn initstate(seed: c_uint, state: *mut c_char, size: usize) -> *mut c_char {
    if size < STATE_SIZE {
        return null_mut();
    }
    // SAFETY: the caller's array.
    unsafe {
        keep();
        let old = KEPT;
        srandom(seed);
        KEPT = state;
        keep();
        old
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setstate(state: *mut c_char) -> *mut c_char {
    // SAFETY: an array that `initstate` filled.
    unsafe {
        keep();
        let old = KEPT;
        *&raw mut SEQUENCE = Additive::restore(&state.cast::<[u32; 32]>().read_unaligned());
        KEPT = state;
        old
    }
}

static mut GENERATOR: Congruential = Congruential::STANDARD;
static mut WORDS: [u16; 3] = [0x330e, 0, 0];

unsafe fn advance(words: *mut [u16; 3]) -> [u16; 3] {
    // SAFETY: the caller's or the library's own state; not for two threads at once.
    unsafe {
        *words = (*&raw const GENERATOR).step(*words);
        *words
    }
}

fn high_bits(words: [u16; 3]) -> i64 {
    i64::from(i32::from(words[1]) | i32::from(words[2]) << 16)
}

fn low_bits(words: [u16; 3]) -> i64 {
    (high_bits(words) as u32 >> 1).into()
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn erand48(words: *mut [u16; 3]) -> f64 {
    // SAFETY: the caller's three words.
    random::fraction(unsafe { advance(words) })
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nrand48(words: *mut [u16; 3]) -> i64 {
    // SAFETY: the caller's three words.
    low_bits(unsafe { advance(words) })
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jrand48(words: *mut [u16; 3]) -> i64 {
    // SAFETY: the caller's three words.
    high_bits(unsafe { advance(words) })
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn drand48() -> f64 {
    // SAFETY: as for `advance`.
    unsafe { erand48(&raw mut WORDS) }
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn lrand48() -> i64 {
    // SAFETY: as for `advance`.
    unsafe { nrand48(&raw mut WORDS) }
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn mrand48() -> i64 {
    // SAFETY: as for `advance`.
    unsafe { jrand48(&raw mut WORDS) }
}

/// XSI: the low word is 0x330e, the multiplier and addend are the usual ones again.
#[unsafe(no_mangle)]
pub extern "C" fn srand48(seed: i64) {
    // SAFETY: as for `advance`.
    unsafe {
        WORDS = [0x330e, seed as u16, (seed >> 16) as u16];
        GENERATOR = Congruential::STANDARD;
    }
}

/// XSI: returns the old state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seed48(words: *const [u16; 3]) -> *mut [u16; 3] {
    static mut OLD: [u16; 3] = [0; 3];
    // SAFETY: the caller's three words; as for `advance`.
    unsafe {
        OLD = WORDS;
        WORDS = *words;
        GENERATOR = Congruential::STANDARD;
    }
    &raw mut OLD
}

/// XSI: state, multiplier and addend as seven words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lcong48(parameters: *const [u16; 7]) {
    // SAFETY: the caller's seven words; as for `advance`.
    unsafe {
        let [a, b, c, d, e, f, addend] = *parameters;
        WORDS = [a, b, c];
        GENERATOR = Congruential {
            multiplier: u64::from(d) | u64::from(e) << 16 | u64::from(f) << 32,
            addend: addend.into(),
        };
    }
}
