//! Where a floating-point number stands in its text.

use super::{digit_value, is_space};

/// The kind of a floating-point number's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatKind {
    /// Digits with an optional point and exponent.
    Decimal,
    /// `0x` and hexadecimal digits.
    Hexadecimal,
    /// `inf` or `infinity`.
    Infinity,
    /// `nan` or `nan(...)`.
    Nan,
}

/// Where a floating-point number stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatSpan {
    /// The kind of number.
    pub kind: FloatKind,
    /// A minus sign came first.
    pub negative: bool,
    /// The first byte behind the sign and the hexadecimal prefix.
    pub start: usize,
    /// The byte behind the number.
    pub end: usize,
}

fn matches_word(get: &impl Fn(usize) -> u8, index: usize, word: &[u8]) -> bool {
    word.iter()
        .enumerate()
        .all(|(offset, &letter)| get(index + offset) | 0x20 == letter)
}

/// Finds the longest prefix that is a floating-point number (C 7.22.1.3).
pub fn float_span(get: impl Fn(usize) -> u8) -> Option<FloatSpan> {
    let mut index = 0;
    while is_space(get(index)) {
        index += 1;
    }
    let negative = get(index) == b'-';
    index += usize::from(matches!(get(index), b'-' | b'+'));
    let span = |kind, start, end| {
        Some(FloatSpan {
            kind,
            negative,
            start,
            end,
        })
    };
    if matches_word(&get, index, b"inf") {
        let long = matches_word(&get, index + 3, b"inity");
        return span(FloatKind::Infinity, index, index + if long { 8 } else { 3 });
    }
    if matches_word(&get, index, b"nan") {
        let mut end = index + 3;
        if get(end) == b'(' {
            let mut inner = end + 1;
            while get(inner).is_ascii_alphanumeric() || get(inner) == b'_' {
                inner += 1;
            }
            end = if get(inner) == b')' { inner + 1 } else { end };
        }
        return span(FloatKind::Nan, index, end);
    }
    if get(index) == b'0'
        && get(index + 1) | 0x20 == b'x'
        && let Some(end) = digits_span(&get, index + 2, 16, b'p')
    {
        return span(FloatKind::Hexadecimal, index + 2, end);
    }
    span(
        FloatKind::Decimal,
        index,
        digits_span(&get, index, 10, b'e')?,
    )
}

fn digits_span(
    get: &impl Fn(usize) -> u8,
    start: usize,
    base: u32,
    exponent_letter: u8,
) -> Option<usize> {
    let (mut index, mut digits, mut point) = (start, 0, false);
    loop {
        let byte = get(index);
        if digit_value(byte) < base {
            digits += 1;
        } else if byte == b'.' && !point {
            point = true;
        } else {
            break;
        }
        index += 1;
    }
    if digits == 0 {
        return None;
    }
    if get(index) | 0x20 == exponent_letter {
        let signed = usize::from(matches!(get(index + 1), b'-' | b'+'));
        let mut behind = index + 1 + signed;
        if get(behind).is_ascii_digit() {
            while get(behind).is_ascii_digit() {
                behind += 1;
            }
            index = behind;
        }
    }
    Some(index)
}
