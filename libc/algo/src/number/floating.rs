//! The value of a floating-point number's text, correctly rounded.

use super::big::Big;
use super::digit_value;
use super::span::{FloatKind, FloatSpan};
use crate::float::{self, DOUBLE, EXTENDED, Extended, Format, Rounded, SINGLE};
use alloc::vec::Vec;

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

/// The number in `text` as found by [`super::float_span`], without its sign and prefix, as
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
    use super::super::float_span;
    use super::super::tests::at;
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    fn double(text: &str) -> Option<(f64, bool, usize)> {
        let span = float_span(at(text))?;
        let (value, range) = to_double(&text.as_bytes()[span.start..span.end], span);
        Some((value, range, span.end))
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
