//! Numbers from text (C 7.22.1, 7.8.2) and integer arithmetic (C 7.22.6).

use super::support::set_errno;
use core::ffi::{c_char, c_int, c_void};
use libc_algo::float::Extended;
use libc_algo::number::{self, FloatSpan, Integer};

const EINVAL: c_int = 22;
const ERANGE: c_int = 34;

/// Text that the reading functions can look at byte by byte.
trait Text: Copy {
    /// The byte at `index`; a wide character that is not ASCII becomes 0xff.
    unsafe fn at(self, index: usize) -> u8;
    /// The place at `index`, as the `end` parameter's type.
    fn place(self, index: usize) -> Self;
}

impl Text for *const c_char {
    unsafe fn at(self, index: usize) -> u8 {
        // SAFETY: the readers stop at the NUL.
        unsafe { *self.add(index) as u8 }
    }
    fn place(self, index: usize) -> Self {
        self.wrapping_add(index)
    }
}

impl Text for *const u32 {
    unsafe fn at(self, index: usize) -> u8 {
        // SAFETY: the readers stop at the NUL.
        let character = unsafe { *self.add(index) };
        if character < 0x80 {
            character as u8
        } else {
            0xff
        }
    }
    fn place(self, index: usize) -> Self {
        self.wrapping_add(index)
    }
}

unsafe fn read_integer<T: Text>(text: T, end: *mut T, base: c_int) -> Option<Integer> {
    let valid = base == 0 || (2..=36).contains(&base);
    let found = if valid {
        // SAFETY: the text is a string.
        number::integer(|index| unsafe { text.at(index) }, base as u32)
    } else {
        None
    };
    if !valid {
        set_errno(EINVAL);
    }
    if !end.is_null() {
        // SAFETY: `end` is a place for a pointer.
        unsafe { *end = text.place(found.map_or(0, |found| found.length)) };
    }
    found
}

unsafe fn signed<T: Text>(text: T, end: *mut T, base: c_int) -> i64 {
    // SAFETY: passed on.
    let Some(found) = (unsafe { read_integer(text, end, base) }) else {
        return 0;
    };
    let (value, out_of_range) = found.signed(i64::MIN, i64::MAX);
    if out_of_range {
        set_errno(ERANGE);
    }
    value
}

unsafe fn unsigned<T: Text>(text: T, end: *mut T, base: c_int) -> u64 {
    // SAFETY: passed on.
    let Some(found) = (unsafe { read_integer(text, end, base) }) else {
        return 0;
    };
    let (value, out_of_range) = found.unsigned(u64::MAX);
    if out_of_range {
        set_errno(ERANGE);
    }
    value
}

/// Defines the integer readers of one signedness: all have 64 bits on this architecture.
macro_rules! integer_readers {
    ($($reader:ident $result:ty: $($narrow:ident)* / $($wide:ident)*;)*) => {$(
        $(
            /// C 7.22.1.4, 7.8.2.3.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $narrow(text: *const c_char, end: *mut *const c_char, base: c_int) -> $result {
                // SAFETY: the caller's string and place.
                unsafe { $reader(text, end, base) }
            }
        )*
        $(
            /// C 7.29.4.1.2, 7.8.2.4.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $wide(text: *const u32, end: *mut *const u32, base: c_int) -> $result {
                // SAFETY: the caller's string and place.
                unsafe { $reader(text, end, base) }
            }
        )*
    )*};
}

integer_readers! {
    signed i64: strtol strtoll strtoimax __strtol_internal __strtoll_internal / wcstol wcstoll wcstoimax;
    unsigned u64: strtoul strtoull strtoumax __strtoul_internal __strtoull_internal / wcstoul wcstoull wcstoumax;
}

/// C 7.22.1.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atol(text: *const c_char) -> i64 {
    // SAFETY: a string.
    match unsafe { number::integer(|index| text.at(index), 10) } {
        Some(found) if found.negative => (found.magnitude as i64).wrapping_neg(),
        Some(found) => found.magnitude as i64,
        None => 0,
    }
}

/// C 7.22.1.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atoll(text: *const c_char) -> i64 {
    // SAFETY: a string.
    unsafe { atol(text) }
}

/// C 7.22.1.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atoi(text: *const c_char) -> c_int {
    // SAFETY: a string.
    unsafe { atol(text) as c_int }
}

/// Finds a number and converts it with `convert`, which gets its text as bytes.
unsafe fn floating<T: Text, R>(
    text: T,
    end: *mut T,
    convert: fn(&[u8], FloatSpan) -> (R, bool),
) -> Option<R> {
    /// Longer numbers are rare enough to be copied to the heap.
    const SHORT: usize = 64;
    // SAFETY: the text is a string.
    let span = number::float_span(|index| unsafe { text.at(index) });
    if !end.is_null() {
        // SAFETY: `end` is a place for a pointer.
        unsafe { *end = text.place(span.map_or(0, |span| span.end)) };
    }
    let span = span?;
    // SAFETY: the span is inside the string.
    let byte = |index: usize| unsafe { text.at(span.start + index) };
    let length = span.end - span.start;
    let (value, out_of_range) = if length <= SHORT {
        let mut buffer = [0u8; SHORT];
        for (index, place) in buffer[..length].iter_mut().enumerate() {
            *place = byte(index);
        }
        convert(&buffer[..length], span)
    } else {
        let copy: alloc::vec::Vec<u8> = (0..length).map(byte).collect();
        convert(&copy, span)
    };
    if out_of_range {
        set_errno(ERANGE);
    }
    Some(value)
}

/// C 7.22.1.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtod(text: *const c_char, end: *mut *const c_char) -> f64 {
    // SAFETY: the caller's string and place.
    unsafe { floating(text, end, number::to_double).unwrap_or(0.0) }
}

/// C 7.22.1.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtof(text: *const c_char, end: *mut *const c_char) -> f32 {
    // SAFETY: the caller's string and place.
    unsafe { floating(text, end, number::to_single).unwrap_or(0.0) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtod_l(
    text: *const c_char,
    end: *mut *const c_char,
    _: *mut c_void,
) -> f64 {
    // SAFETY: as for `strtod`.
    unsafe { strtod(text, end) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtof_l(
    text: *const c_char,
    end: *mut *const c_char,
    _: *mut c_void,
) -> f32 {
    // SAFETY: as for `strtof`.
    unsafe { strtof(text, end) }
}

/// C 7.22.1.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atof(text: *const c_char) -> f64 {
    // SAFETY: a string.
    unsafe { strtod(text, core::ptr::null_mut()) }
}

/// C 7.29.4.1.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcstod(text: *const u32, end: *mut *const u32) -> f64 {
    // SAFETY: the caller's string and place.
    unsafe { floating(text, end, number::to_double).unwrap_or(0.0) }
}

/// C 7.29.4.1.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcstof(text: *const u32, end: *mut *const u32) -> f32 {
    // SAFETY: the caller's string and place.
    unsafe { floating(text, end, number::to_single).unwrap_or(0.0) }
}

unsafe extern "C" fn read_long_double(
    result: *mut Extended,
    text: *const c_char,
    end: *mut *const c_char,
) {
    // SAFETY: the shim passes a place for the result and the caller's arguments.
    unsafe { result.write(floating(text, end, number::to_extended).unwrap_or_default()) }
}

unsafe extern "C" fn read_wide_long_double(
    result: *mut Extended,
    text: *const u32,
    end: *mut *const u32,
) {
    // SAFETY: the shim passes a place for the result and the caller's arguments.
    unsafe { result.write(floating(text, end, number::to_extended).unwrap_or_default()) }
}

/// A function `(text, end) -> long double`, whose result travels in st(0): the inner
/// function writes it to memory first, because Rust has no type for it.
macro_rules! long_double_reader {
    ($($name:ident = $inner:ident;)*) => {$(
        /// C 7.22.1.3, 7.29.4.1.1.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "sub rsp, 24",
                "mov rdx, rsi",
                "mov rsi, rdi",
                "mov rdi, rsp",
                "call {inner}",
                "fld tbyte ptr [rsp]",
                "add rsp, 24",
                "ret",
                inner = sym $inner,
            )
        }
    )*};
}

long_double_reader! {
    strtold = read_long_double;
    strtold_l = read_long_double;
    wcstold = read_wide_long_double;
}

/// A quotient and a remainder, as `div_t` and its relatives.
#[repr(C)]
pub struct Division<T> {
    quotient: T,
    remainder: T,
}

/// C 7.22.6.2.
#[unsafe(no_mangle)]
pub extern "C" fn div(left: c_int, right: c_int) -> Division<c_int> {
    Division {
        quotient: left.wrapping_div(right),
        remainder: left.wrapping_rem(right),
    }
}

/// Defines the 64-bit functions under their names.
macro_rules! long_arithmetic {
    ($($divide:ident $absolute:ident)*) => {$(
        /// C 7.22.6.2, 7.8.2.2.
        #[unsafe(no_mangle)]
        pub extern "C" fn $divide(left: i64, right: i64) -> Division<i64> {
            Division { quotient: left.wrapping_div(right), remainder: left.wrapping_rem(right) }
        }

        /// C 7.22.6.1, 7.8.2.1.
        #[unsafe(no_mangle)]
        pub extern "C" fn $absolute(value: i64) -> i64 {
            value.wrapping_abs()
        }
    )*};
}

long_arithmetic! { ldiv labs lldiv llabs imaxdiv imaxabs }

/// C 7.22.6.1.
#[unsafe(no_mangle)]
pub extern "C" fn abs(value: c_int) -> c_int {
    value.wrapping_abs()
}
