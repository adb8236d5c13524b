//! Small XSI and BSD functions that belong to no larger group.

use super::support::set_errno;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::null_mut;

const ENOSYS: c_int = 38;
/// XSI: the digits of base 64 in their order.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// XSI: least significant digit first; 32 bits, sign extended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn a64l(text: *const c_char) -> c_long {
    let mut value = 0u32;
    for index in 0..6 {
        // SAFETY: a string, which is not read behind its end.
        let byte = unsafe { *text.add(index) } as u8;
        let Some(digit) = DIGITS.iter().position(|&digit| digit == byte && byte != 0) else {
            break;
        };
        value |= (digit as u32).wrapping_shl(6 * index as u32);
    }
    c_long::from(value as i32)
}

/// XSI.
#[unsafe(no_mangle)]
pub extern "C" fn l64a(value: c_long) -> *mut c_char {
    static mut TEXT: [u8; 7] = [0; 7];
    let mut rest = value as u32;
    let mut text = [0u8; 7];
    for place in &mut text[..6] {
        if rest == 0 {
            break;
        }
        *place = DIGITS[(rest & 63) as usize];
        rest >>= 6;
    }
    // SAFETY: XSI does not make it safe for threads.
    unsafe { TEXT = text };
    (&raw mut TEXT).cast()
}

/// XSI: no hashing method is provided.
#[unsafe(no_mangle)]
pub extern "C" fn crypt(_: *const c_char, _: *const c_char) -> *mut c_char {
    set_errno(ENOSYS);
    null_mut()
}

/// GNU: no hashing method is provided.
#[unsafe(no_mangle)]
pub extern "C" fn crypt_r(_: *const c_char, _: *const c_char, _: *mut c_void) -> *mut c_char {
    crypt(core::ptr::null(), core::ptr::null())
}

/// XSI: a signal's name without `SIG`, or a real-time signal's place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sig2str(signal: c_int, text: *mut c_char) -> c_int {
    let name = match (libc_algo::message::signal_name(signal), signal) {
        (Some(name), _) => alloc::string::String::from(name),
        (None, 35) => "RTMIN\0".into(),
        (None, 36..=49) => alloc::format!("RTMIN+{}\0", signal - 35),
        (None, 50..=63) => alloc::format!("RTMAX-{}\0", 64 - signal),
        (None, 64) => "RTMAX\0".into(),
        _ => return -1,
    };
    // SAFETY: the caller's buffer has SIG2STR_MAX bytes.
    unsafe { core::ptr::copy_nonoverlapping(name.as_ptr(), text.cast(), name.len()) };
    0
}

/// XSI: the number of a signal by its name or decimal number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn str2sig(text: *const c_char, signal: *mut c_int) -> c_int {
    // SAFETY: the caller's string and place.
    unsafe {
        let name = super::string::bytes(text);
        let number = |text: &[u8]| core::str::from_utf8(text).ok()?.parse::<c_int>().ok();
        let found = if let Some(place) = name.strip_prefix(b"RTMIN") {
            if place.is_empty() {
                Some(35)
            } else {
                place
                    .strip_prefix(b"+")
                    .and_then(number)
                    .map(|place| 35 + place)
            }
        } else if let Some(place) = name.strip_prefix(b"RTMAX") {
            if place.is_empty() {
                Some(64)
            } else {
                place
                    .strip_prefix(b"-")
                    .and_then(number)
                    .map(|place| 64 - place)
            }
        } else {
            libc_algo::message::signal_number(name).or_else(|| number(name))
        };
        match found.filter(|number| (1..=64).contains(number)) {
            Some(number) => {
                *signal = number;
                0
            }
            None => -1,
        }
    }
}

/// The old conversions to digits; they share one buffer, as XSI had them.
static mut DIGIT_BUFFER: [u8; 400] = [0; 400];

/// A number's digits by a `printf` format with one precision; sign and point go.
unsafe fn digits_by(format: &core::ffi::CStr, value: f64, precision: c_int) -> alloc::vec::Vec<u8> {
    let mut buffer = [0u8; 400];
    // SAFETY: the buffer has its size.
    unsafe {
        super::format::snprintf(
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            format.as_ptr(),
            precision,
            value,
        )
    };
    let length = buffer.iter().position(|&byte| byte == 0).unwrap_or(0);
    buffer[..length].to_vec()
}

unsafe fn give_digits(digits: &[u8]) -> *mut c_char {
    let place = (&raw mut DIGIT_BUFFER).cast::<u8>();
    let length = digits.len().min(399);
    // SAFETY: the length stays below the buffer's; not for two threads at once.
    unsafe {
        core::ptr::copy_nonoverlapping(digits.as_ptr(), place, length);
        *place.add(length) = 0;
    }
    place.cast()
}

/// The old XSI conversion to significant digits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecvt(
    value: f64,
    count: c_int,
    point: *mut c_int,
    sign: *mut c_int,
) -> *mut c_char {
    let count = count.clamp(1, 80);
    // SAFETY: the caller's places.
    unsafe {
        let text = digits_by(c"%.*e", value.abs(), count - 1);
        let exponent = text.iter().position(|&byte| byte == b'e').and_then(|at| {
            core::str::from_utf8(&text[at + 1..])
                .ok()?
                .parse::<c_int>()
                .ok()
        });
        *sign = c_int::from(value.is_sign_negative());
        *point = if value == 0.0 {
            0
        } else {
            exponent.map_or(0, |exponent| exponent + 1)
        };
        let end = text
            .iter()
            .position(|&byte| byte == b'e')
            .unwrap_or(text.len());
        let digits: alloc::vec::Vec<u8> = text[..end]
            .iter()
            .copied()
            .filter(|&byte| byte != b'.')
            .collect();
        give_digits(&digits)
    }
}

/// The old XSI conversion to digits behind the point.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcvt(
    value: f64,
    count: c_int,
    point: *mut c_int,
    sign: *mut c_int,
) -> *mut c_char {
    // SAFETY: the caller's places.
    unsafe {
        let text = digits_by(c"%.*f", value.abs(), count.clamp(0, 80));
        let whole = text
            .iter()
            .position(|&byte| byte == b'.')
            .unwrap_or(text.len());
        let digits: alloc::vec::Vec<u8> =
            text.iter().copied().filter(|&byte| byte != b'.').collect();
        let leading = digits
            .iter()
            .take_while(|&&byte| byte == b'0')
            .count()
            .min(digits.len());
        *sign = c_int::from(value.is_sign_negative());
        *point = whole as c_int - leading as c_int;
        give_digits(&digits[leading..])
    }
}

/// The old XSI conversion as by `%g`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gcvt(value: f64, count: c_int, buffer: *mut c_char) -> *mut c_char {
    // SAFETY: the caller promises room.
    unsafe { super::format::sprintf(buffer, c"%.*g".as_ptr(), count.clamp(1, 80), value) };
    buffer
}
