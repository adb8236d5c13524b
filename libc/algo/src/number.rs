//! Reading numbers (C 7.22.1): the `strtol` and `strtod` families and `scanf`.
//!
//! The text is reached through a function from index to byte, zero where it ends, so that
//! nothing beyond the number is looked at and wide text needs no copy.

use crate::float::{self, DOUBLE, EXTENDED, Extended, Format, Rounded, SINGLE};
use alloc::vec;
use alloc::vec::Vec;

/// What an integer's text came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// A minus sign came first.
    pub negative: bool,
    /// The digits' value, `u64::MAX` when it is larger.
    pub magnitude: u64,
    /// The digits' value does not fit 64 bits.
    pub overflow: bool,
    /// Bytes from the start to behind the last digit.
    pub length: usize,
}

/// C's `isspace` in the C locale.
#[must_use]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn digit_value(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(36)
}

/// Reads an integer in `base` (0: by its prefix). `None` when there are no digits.
/// The base must be 0 or 2 to 36; the caller checks it.
pub fn integer(get: impl Fn(usize) -> u8, base: u32) -> Option<Integer> {
    let mut index = 0;
    while is_space(get(index)) {
        index += 1;
    }
    let negative = get(index) == b'-';
    index += usize::from(matches!(get(index), b'-' | b'+'));
    let prefixed = |letter: u8, base: u32| {
        get(index) == b'0' && get(index + 1) | 0x20 == letter && digit_value(get(index + 2)) < base
    };
    let base = match base {
        0 | 16 if prefixed(b'x', 16) => {
            index += 2;
            16
        }
        0 | 2 if prefixed(b'b', 2) => {
            index += 2;
            2
        }
        0 if get(index) == b'0' => 8,
        0 => 10,
        base => base,
    };
    let first = index;
    let (mut magnitude, mut overflow) = (0u64, false);
    loop {
        let digit = digit_value(get(index));
        if digit >= base {
            break;
        }
        let (product, lost) = magnitude.overflowing_mul(u64::from(base));
        let (sum, carried) = product.overflowing_add(u64::from(digit));
        overflow |= lost || carried;
        magnitude = sum;
        index += 1;
    }
    let magnitude = if overflow { u64::MAX } else { magnitude };
    (index > first).then_some(Integer {
        negative,
        magnitude,
        overflow,
        length: index,
    })
}

impl Integer {
    /// As a signed number in `min..=max`; the flag tells that it was out of range.
    #[must_use]
    pub fn signed(self, min: i64, max: i64) -> (i64, bool) {
        let limit = if self.negative {
            min.unsigned_abs()
        } else {
            max.unsigned_abs()
        };
        if self.overflow || self.magnitude > limit {
            return (if self.negative { min } else { max }, true);
        }
        let value = self.magnitude as i64;
        (
            if self.negative {
                value.wrapping_neg()
            } else {
                value
            },
            false,
        )
    }

    /// As an unsigned number up to `max`, negated as C wants; the flag as in `signed`.
    #[must_use]
    pub fn unsigned(self, max: u64) -> (u64, bool) {
        if self.overflow || self.magnitude > max {
            return (max, true);
        }
        let value = if self.negative {
            self.magnitude.wrapping_neg() & max
        } else {
            self.magnitude
        };
        (value, false)
    }
}

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

/// Digits with the power of the base by which the last one must be multiplied.
struct Digits<'a> {
    text: &'a [u8],
    point: Option<usize>,
    exponent: i64,
}

impl<'a> Digits<'a> {
    /// Splits `text` (as found by `float_span`) at its exponent letter.
    fn new(text: &'a [u8], exponent_letter: u8) -> Self {
        let letter = text.iter().position(|byte| byte | 0x20 == exponent_letter);
        let (digits, exponent) = text.split_at(letter.unwrap_or(text.len()));
        let point = digits.iter().position(|&byte| byte == b'.');
        Digits {
            text: digits,
            point,
            exponent: Self::exponent(exponent),
        }
    }

    fn exponent(text: &[u8]) -> i64 {
        let negative = text.get(1) == Some(&b'-');
        let mut value = 0i64;
        for &byte in text.iter().skip(1).filter(|byte| byte.is_ascii_digit()) {
            // Far beyond every format's range, and far from overflow.
            value = (value * 10 + i64::from(byte - b'0')).min(1 << 40);
        }
        if negative { -value } else { value }
    }

    fn values(&self) -> impl Iterator<Item = u8> + '_ {
        self.text
            .iter()
            .filter(|&&byte| byte != b'.')
            .map(|&byte| digit_value(byte) as u8)
    }

    fn fraction_length(&self) -> i64 {
        self.point.map_or(0, |point| self.text.len() - point - 1) as i64
    }
}

/// The value of a hexadecimal text, rounded into `format`.
fn hexadecimal(text: &[u8], format: Format) -> Rounded {
    let digits = Digits::new(text, b'p');
    let (mut significand, mut dropped, mut sticky) = (0u64, 0i64, false);
    for value in digits.values() {
        if significand >> 60 == 0 {
            significand = significand << 4 | u64::from(value);
        } else {
            sticky |= value != 0;
            dropped += 1;
        }
    }
    let exponent = digits.exponent + 4 * (dropped - digits.fraction_length());
    // The significand has at least 61 bits here whenever anything was dropped. Rounding to
    // 64 must see the tail below its last bit, so make room for it.
    if sticky && format.precision == 64 {
        return hexadecimal_wide(&digits, exponent - 4 * dropped, format);
    }
    float::round(
        significand,
        exponent.clamp(-100_000, 100_000) as i32,
        sticky,
        format,
    )
}

/// More than 60 significant bits into a 64-bit significand: 128 bits, then the tail.
fn hexadecimal_wide(digits: &Digits<'_>, exponent: i64, format: Format) -> Rounded {
    let (mut wide, mut dropped, mut sticky) = (0u128, 0i64, false);
    for value in digits.values() {
        if wide >> 124 == 0 {
            wide = wide << 4 | u128::from(value);
        } else {
            sticky |= value != 0;
            dropped += 1;
        }
    }
    round_wide(wide, exponent + 4 * dropped, sticky, format)
}

/// Rounds 128 bits times a power of two into a format of at most 64 bits.
fn round_wide(wide: u128, exponent: i64, sticky: bool, format: Format) -> Rounded {
    let leading = wide.leading_zeros();
    if leading == 128 {
        return float::round(0, 0, sticky, format);
    }
    let normal = wide << leading;
    let exponent = (exponent - i64::from(leading) + 64).clamp(-100_000, 100_000) as i32;
    let (high, low) = ((normal >> 64) as u64, normal as u64);
    if format.precision < 64 || exponent < format.min_exponent {
        return float::round(high, exponent, low != 0 || sticky, format);
    }
    let up = low > 1 << 63 || low == 1 << 63 && (sticky || high & 1 != 0);
    match (up, high.checked_add(1)) {
        (false, _) => float::round(high, exponent, false, format),
        (true, Some(sum)) => float::round(sum, exponent, false, format),
        (true, None) => float::round(1 << 63, exponent + 1, false, format),
    }
}

/// Digits beyond which a decimal text's tail cannot change an extended number except by
/// breaking a tie: 16445 bits of fraction have fewer than 11,600 significant digits.
const DIGITS_MAX: usize = 12_000;

/// The value of a decimal text, rounded into `format` with big integers.
fn decimal_exact(text: &[u8], format: Format) -> Rounded {
    let digits = Digits::new(text, b'e');
    let zero = Rounded::Fits {
        significand: 0,
        exponent: format.min_exponent,
        inexact_tiny: false,
    };
    let significant: Vec<u8> = digits
        .values()
        .skip_while(|&value| value == 0)
        .take(DIGITS_MAX)
        .collect();
    if significant.is_empty() {
        return zero;
    }
    let total = digits.values().skip_while(|&value| value == 0).count();
    let sticky = digits
        .values()
        .skip_while(|&value| value == 0)
        .skip(DIGITS_MAX)
        .any(|value| value != 0);
    let exponent = digits.exponent - digits.fraction_length() + (total - significant.len()) as i64;
    let magnitude = exponent + significant.len() as i64;
    if magnitude > 5000 {
        return Rounded::Overflow;
    }
    if magnitude < -5100 {
        return Rounded::Fits {
            significand: 0,
            exponent: format.min_exponent,
            inexact_tiny: true,
        };
    }
    let mut numerator = Big::from_digits(&significant);
    if exponent >= 0 {
        numerator.multiply_power(10, exponent as u32);
        let (wide, shift, rest) = numerator.top();
        return round_wide(wide, shift, rest || sticky, format);
    }
    let mut denominator = Big::one();
    denominator.multiply_power(10, exponent.unsigned_abs() as u32);
    let (wide, shift, rest) = numerator.divide(denominator);
    round_wide(wide, shift, rest || sticky, format)
}

/// An unsigned integer of any size, least significant limb first.
struct Big(Vec<u32>);

impl Big {
    fn one() -> Self {
        Big(vec![1])
    }

    fn from_digits(digits: &[u8]) -> Self {
        let mut big = Big(Vec::with_capacity(digits.len() / 9 + 1));
        for group in digits.chunks(9) {
            let value = group
                .iter()
                .fold(0u32, |value, &digit| value * 10 + u32::from(digit));
            big.multiply_add(10u32.pow(group.len() as u32), value);
        }
        big
    }

    fn multiply_add(&mut self, factor: u32, mut carry: u32) {
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + u64::from(carry);
            *limb = product as u32;
            carry = (product >> 32) as u32;
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn multiply_power(&mut self, base: u32, mut power: u32) {
        while power > 0 {
            let step = power.min(9);
            self.multiply_add(base.pow(step), 0);
            power -= step;
        }
    }

    fn bits(&self) -> i64 {
        self.0.last().map_or(0, |top| {
            self.0.len() as i64 * 32 - i64::from(top.leading_zeros())
        })
    }

    fn shift_left(&mut self, count: u32) {
        let (words, bits) = ((count / 32) as usize, count % 32);
        if bits > 0 {
            self.multiply_add(1 << bits, 0);
        }
        self.0.splice(0..0, core::iter::repeat_n(0, words));
    }

    /// The top 128 bits, the power of two of their last bit, and whether more bits follow.
    fn top(&self) -> (u128, i64, bool) {
        let take = self.0.len().min(4);
        let (low, high) = self.0.split_at(self.0.len() - take);
        let wide = high
            .iter()
            .rev()
            .fold(0u128, |wide, &limb| wide << 32 | u128::from(limb));
        (
            wide,
            low.len() as i64 * 32,
            low.iter().any(|&limb| limb != 0),
        )
    }

    fn at_least(&self, other: &Big) -> bool {
        if self.0.len() != other.0.len() {
            return self.0.len() > other.0.len();
        }
        self.0.iter().rev().ge(other.0.iter().rev())
    }

    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let right = other.0.get(index).copied().unwrap_or(0);
            let (difference, first) = limb.overflowing_sub(right);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *limb = difference;
            borrow = first || second;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The first bits of a quotient: value, power of two of its last bit, remainder left.
    /// One bit at a time: a hundred subtractions are nothing beside building the operands.
    fn divide(mut self, mut divisor: Big) -> (u128, i64, bool) {
        const QUOTIENT_BITS: i64 = 70;
        let shift = self.bits() - divisor.bits();
        if shift > 0 {
            divisor.shift_left(shift as u32);
        } else {
            self.shift_left((-shift) as u32);
        }
        let mut quotient = 0u128;
        for step in 0..QUOTIENT_BITS {
            if step > 0 {
                self.multiply_add(2, 0);
            }
            quotient <<= 1;
            if self.at_least(&divisor) {
                self.subtract(&divisor);
                quotient |= 1;
            }
        }
        (quotient, shift - (QUOTIENT_BITS - 1), !self.0.is_empty())
    }
}

/// The number in `text` as found by [`float_span`], without its sign and prefix, as
/// binary64; the flag tells of a range error (overflow or underflow).
#[must_use]
pub fn to_double(text: &[u8], span: FloatSpan) -> (f64, bool) {
    let sign = if span.negative { -1.0 } else { 1.0 };
    match span.kind {
        FloatKind::Infinity => (sign * f64::INFINITY, false),
        FloatKind::Nan => (f64::NAN.copysign(sign), false),
        FloatKind::Hexadecimal => float::double_from(hexadecimal(text, DOUBLE), span.negative),
        FloatKind::Decimal => {
            let value = double_quick(text)
                .or_else(|| core::str::from_utf8(text).ok()?.parse().ok())
                .unwrap_or(0.0);
            let tiny = value < f64::MIN_POSITIVE && has_nonzero_digit(text);
            (sign * value, value.is_infinite() || tiny)
        }
    }
}

/// The common short numbers, where one exact operation gives the correctly rounded result.
fn double_quick(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if text.len() > 16 {
        return None;
    }
    let (mut value, mut places, mut point) = (0u64, 0usize, false);
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                places += usize::from(point);
            }
            b'.' => point = true,
            _ => return None,
        }
    }
    (value < 1 << 53).then(|| value as f64 / POWERS[places])
}

fn has_nonzero_digit(text: &[u8]) -> bool {
    text.iter()
        .take_while(|byte| **byte | 0x20 != b'e')
        .any(|byte| matches!(byte, b'1'..=b'9'))
}

/// As [`to_double`], for binary32: rounded once, not by way of binary64.
#[must_use]
pub fn to_single(text: &[u8], span: FloatSpan) -> (f32, bool) {
    let sign = if span.negative { -1.0 } else { 1.0 };
    match span.kind {
        FloatKind::Infinity => (sign * f32::INFINITY, false),
        FloatKind::Nan => (f32::NAN.copysign(sign), false),
        FloatKind::Hexadecimal => float::single_from(hexadecimal(text, SINGLE), span.negative),
        FloatKind::Decimal => {
            let value: f32 = core::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0.0);
            let tiny = value < f32::MIN_POSITIVE && has_nonzero_digit(text);
            (sign * value, value.is_infinite() || tiny)
        }
    }
}

/// As [`to_double`], for x87 extended precision.
#[must_use]
pub fn to_extended(text: &[u8], span: FloatSpan) -> (Extended, bool) {
    let sign = u16::from(span.negative) << 15;
    match span.kind {
        FloatKind::Infinity => (
            Extended {
                significand: 1 << 63,
                sign_exponent: sign | 0x7fff,
            },
            false,
        ),
        FloatKind::Nan => (
            Extended {
                significand: 3 << 62,
                sign_exponent: sign | 0x7fff,
            },
            false,
        ),
        FloatKind::Hexadecimal => float::extended_from(hexadecimal(text, EXTENDED), span.negative),
        FloatKind::Decimal => float::extended_from(decimal_exact(text, EXTENDED), span.negative),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    fn at(text: &str) -> impl Fn(usize) -> u8 + '_ {
        |index| text.as_bytes().get(index).copied().unwrap_or(0)
    }

    fn double(text: &str) -> Option<(f64, bool, usize)> {
        let span = float_span(at(text))?;
        let (value, range) = to_double(&text.as_bytes()[span.start..span.end], span);
        Some((value, range, span.end))
    }

    #[test]
    fn integers_follow_their_base() {
        let read = |text, base| {
            integer(at(text), base).map(|found| (found.signed(i64::MIN, i64::MAX), found.length))
        };
        assert_eq!(read("  -12x", 10), Some(((-12, false), 5)));
        assert_eq!(read("0x1fg", 0), Some(((31, false), 4)));
        assert_eq!(read("0x", 16), Some(((0, false), 1)));
        assert_eq!(read("017", 0), Some(((15, false), 3)));
        assert_eq!(read("0b101", 0), Some(((5, false), 5)));
        assert_eq!(read("z", 36), Some(((35, false), 1)));
        assert_eq!(read("-", 10), None);
        assert_eq!(
            read("9223372036854775808", 10),
            Some(((i64::MAX, true), 19))
        );
        assert_eq!(
            read("-9223372036854775808", 10),
            Some(((i64::MIN, false), 20))
        );
        assert_eq!(
            integer(at("-1"), 10).map(|found| found.unsigned(u64::MAX)),
            Some((u64::MAX, false))
        );
    }

    #[test]
    fn floats_end_where_they_must() {
        assert_eq!(double("1e+x"), Some((1.0, false, 1)));
        assert_eq!(double(".5."), Some((0.5, false, 2)));
        assert_eq!(double("."), None);
        assert_eq!(double("0x.8p1z"), Some((1.0, false, 6)));
        assert_eq!(double("0xg"), Some((0.0, false, 1)));
        assert_eq!(double("-infinit"), Some((f64::NEG_INFINITY, false, 4)));
        assert_eq!(double("1e999"), Some((f64::INFINITY, true, 5)));
        assert_eq!(double("1e-999"), Some((0.0, true, 6)));
        assert_eq!(double("0x1.fffffffffffff8p0"), Some((2.0, false, 20)));
        assert_eq!(double("nan(12)x").map(|found| found.2), Some(7));
    }

    #[test]
    fn long_doubles_are_rounded_once() {
        let extended = |text: &str| {
            let span = float_span(at(text)).unwrap();
            to_extended(&text.as_bytes()[span.start..span.end], span).0
        };
        assert_eq!(
            extended("0.1"),
            Extended {
                significand: 0xcccc_cccc_cccc_cccd,
                sign_exponent: 16379
            }
        );
        assert_eq!(
            extended("3.6451995318824746025e-4951"),
            Extended {
                significand: 1,
                sign_exponent: 0
            }
        );
        assert_eq!(
            extended("1.18973149535723176502e+4932"),
            Extended {
                significand: u64::MAX,
                sign_exponent: 0x7ffe
            }
        );
        assert_eq!(
            extended("18446744073709551615"),
            Extended {
                significand: u64::MAX,
                sign_exponent: 16446
            }
        );
        assert_eq!(
            extended("18446744073709551617"),
            Extended {
                significand: 1 << 63,
                sign_exponent: 16447
            }
        );
        assert_eq!(
            extended("0x1.00000000000000001p0"),
            Extended {
                significand: 1 << 63,
                sign_exponent: 16383
            }
        );
    }

    proptest! {
        #[test]
        fn every_double_survives_its_text(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(double(&value.to_string()).unwrap().0.to_bits(), bits);
        }

        #[test]
        fn the_big_integers_agree_with_rust(text in "[0-9]{1,30}(\\.[0-9]{0,20})?(e-?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            let (value, _) = float::double_from(decimal_exact(text.as_bytes(), DOUBLE), false);
            prop_assert_eq!(value.to_bits(), expected.to_bits());
        }
    }
}
