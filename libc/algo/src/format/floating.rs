//! Floating-point conversions, exact for every precision.

use super::specification::Specification;
use super::{Engine, FormatError, Piece};
use crate::decimal::{DOUBLE_LIMBS, Decimal, EXTENDED_LIMBS};
use crate::float::{Class, Extended, Parts};

/// A number that wants decimal digits: `significand * 2^exponent` behind a sign.
struct Finite {
    prefix: &'static [u8],
    significand: u64,
    exponent: i32,
}

impl Engine<'_> {
    pub(super) fn floating_double(
        &mut self,
        specification: &Specification,
        value: f64,
    ) -> Result<(), FormatError> {
        match self.special(specification, Parts::from(value))? {
            None => Ok(()),
            Some(number) => {
                let decimal = Decimal::<{ 9 * DOUBLE_LIMBS }>::new::<DOUBLE_LIMBS>(
                    number.significand,
                    number.exponent,
                );
                self.decimal(specification, number.prefix, decimal)
            }
        }
    }

    pub(super) fn floating_extended(
        &mut self,
        specification: &Specification,
        value: Extended,
    ) -> Result<(), FormatError> {
        match self.special(specification, Parts::from(value))? {
            None => Ok(()),
            Some(number) => {
                let decimal = Decimal::<{ 9 * EXTENDED_LIMBS }>::new::<EXTENDED_LIMBS>(
                    number.significand,
                    number.exponent,
                );
                self.decimal(specification, number.prefix, decimal)
            }
        }
    }

    /// Writes infinities, NaNs and hexadecimal forms; hands back what needs decimal digits.
    fn special(
        &mut self,
        specification: &Specification,
        parts: Parts,
    ) -> Result<Option<Finite>, FormatError> {
        let prefix: &'static [u8] = match (parts.negative, specification.plus, specification.space)
        {
            (true, ..) => b"-",
            (false, true, _) => b"+",
            (false, false, true) => b" ",
            _ => b"",
        };
        let upper = specification.upper();
        let name: &[u8] = match parts.class {
            Class::Infinite if upper => b"INF",
            Class::Infinite => b"inf",
            Class::Nan if upper => b"NAN",
            Class::Nan => b"nan",
            Class::Finite {
                significand,
                exponent,
            } if specification.letter | 0x20 == b'a' => {
                self.hexadecimal(specification, parts.negative, prefix, significand, exponent)?;
                return Ok(None);
            }
            Class::Finite {
                significand,
                exponent,
            } => {
                return Ok(Some(Finite {
                    prefix,
                    significand,
                    exponent,
                }));
            }
        };
        self.field_number(specification, false, prefix, &[Piece::Bytes(name)])?;
        Ok(None)
    }

    fn decimal<const D: usize>(
        &mut self,
        specification: &Specification,
        prefix: &[u8],
        mut decimal: Decimal<D>,
    ) -> Result<(), FormatError> {
        let precision = specification.precision.unwrap_or(6);
        match specification.letter | 0x20 {
            b'f' => {
                decimal.round(i64::from(decimal.exponent) + 1 + precision as i64);
                self.fixed(specification, prefix, &decimal, precision)
            }
            b'e' => {
                decimal.round(precision as i64 + 1);
                self.scientific(specification, prefix, &decimal, precision)
            }
            _ => self.general(specification, prefix, decimal, precision.max(1)),
        }
    }

    /// `%g`: the shorter form of the two, without trailing zeros unless `#`.
    fn general<const D: usize>(
        &mut self,
        specification: &Specification,
        prefix: &[u8],
        mut decimal: Decimal<D>,
        significant: usize,
    ) -> Result<(), FormatError> {
        decimal.round(significant as i64);
        if !specification.alternative {
            decimal.trim();
        }
        let exponent = i64::from(decimal.exponent);
        let shown = if specification.alternative {
            significant
        } else {
            decimal.digits().len()
        } as i64;
        if exponent < -4 || exponent >= significant as i64 {
            return self.scientific(specification, prefix, &decimal, (shown - 1) as usize);
        }
        self.fixed(
            specification,
            prefix,
            &decimal,
            (shown - 1 - exponent).max(0) as usize,
        )
    }

    fn fixed<const D: usize>(
        &mut self,
        specification: &Specification,
        prefix: &[u8],
        decimal: &Decimal<D>,
        precision: usize,
    ) -> Result<(), FormatError> {
        let digits = decimal.digits();
        let whole = usize::try_from(decimal.exponent + 1).unwrap_or(0);
        let (integer, fraction) = digits.split_at(whole.min(digits.len()));
        let leading = usize::try_from(-decimal.exponent - 1)
            .unwrap_or(0)
            .min(precision);
        let fraction = &fraction[..fraction.len().min(precision - leading)];
        let point = point(specification, precision);
        let pieces = [
            Piece::Bytes(if integer.is_empty() { b"0" } else { integer }),
            Piece::Zeros(whole - integer.len()),
            Piece::Bytes(point),
            Piece::Zeros(leading),
            Piece::Bytes(fraction),
            Piece::Zeros(precision - leading - fraction.len()),
        ];
        self.field_number(specification, specification.zero, prefix, &pieces)
    }

    fn scientific<const D: usize>(
        &mut self,
        specification: &Specification,
        prefix: &[u8],
        decimal: &Decimal<D>,
        precision: usize,
    ) -> Result<(), FormatError> {
        let (first, rest) = decimal.digits().split_at(1);
        let rest = &rest[..rest.len().min(precision)];
        let point = point(specification, precision);
        let letter = if specification.upper() { b'E' } else { b'e' };
        let mut buffer = [0u8; 8];
        let start = exponent_text(&mut buffer, letter, decimal.exponent, 2);
        let pieces = [
            Piece::Bytes(first),
            Piece::Bytes(point),
            Piece::Bytes(rest),
            Piece::Zeros(precision - rest.len()),
            Piece::Bytes(&buffer[start..]),
        ];
        self.field_number(specification, specification.zero, prefix, &pieces)
    }

    /// `%a`, normalized so that the digit before the point is 1 for every nonzero number.
    fn hexadecimal(
        &mut self,
        specification: &Specification,
        negative: bool,
        sign: &[u8],
        significand: u64,
        exponent: i32,
    ) -> Result<(), FormatError> {
        let upper = specification.upper();
        let zero = significand == 0;
        let shift = if zero { 0 } else { significand.leading_zeros() };
        let normal = significand << shift;
        let mut leading = u8::from(!zero);
        let mut fraction = normal << 1;
        let binary_exponent = if zero {
            0
        } else {
            exponent - shift as i32 + 63
        };
        let natural = (16 - fraction.trailing_zeros() / 4).min(16) as usize;
        let shown = specification.precision.unwrap_or(natural);
        if shown < natural {
            (leading, fraction) = round_hexadecimal(leading, fraction, shown);
        }
        let mut prefix = [0u8; 3];
        prefix[..sign.len()].copy_from_slice(sign);
        prefix[sign.len()..sign.len() + 2].copy_from_slice(if upper { b"0X" } else { b"0x" });
        debug_assert!(sign.len() == 1 || !negative);
        let digits = hexadecimal_digits(fraction, upper);
        let mut buffer = [0u8; 8];
        let start = exponent_text(
            &mut buffer,
            if upper { b'P' } else { b'p' },
            binary_exponent,
            1,
        );
        let point = point(specification, shown);
        let pieces = [
            Piece::Bytes(&[b'0' + leading]),
            Piece::Bytes(point),
            Piece::Bytes(&digits[..shown.min(16)]),
            Piece::Zeros(shown.saturating_sub(16)),
            Piece::Bytes(&buffer[start..]),
        ];
        self.field_number(
            specification,
            specification.zero,
            &prefix[..sign.len() + 2],
            &pieces,
        )
    }
}

/// The point, which stands before digits, or always if `#` wants it.
fn point(specification: &Specification, digits_after: usize) -> &'static [u8] {
    if digits_after > 0 || specification.alternative {
        b"."
    } else {
        b""
    }
}

/// Rounds `leading.fraction` to `shown` hexadecimal digits after the point, halves to even.
fn round_hexadecimal(leading: u8, fraction: u64, shown: usize) -> (u8, u64) {
    // As one number, so that a carry runs into the leading digit.
    let whole = u128::from(leading) << 64 | u128::from(fraction);
    let drop = 64 - 4 * shown as u32;
    let tail = whole & ((1 << drop) - 1);
    let (half, odd) = (1 << (drop - 1), whole >> drop & 1 != 0);
    let up = tail > half || tail == half && odd;
    let rounded = whole - tail + (u128::from(up) << drop);
    ((rounded >> 64) as u8, rounded as u64)
}

fn hexadecimal_digits(fraction: u64, upper: bool) -> [u8; 16] {
    let alphabet: &[u8; 16] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    core::array::from_fn(|index| alphabet[(fraction >> (60 - 4 * index) & 15) as usize])
}

/// Writes letter, sign and at least `minimum` digits at the buffer's end; returns the start.
fn exponent_text(buffer: &mut [u8; 8], letter: u8, exponent: i32, minimum: usize) -> usize {
    let mut rest = exponent.unsigned_abs();
    let mut start = buffer.len();
    while rest > 0 || buffer.len() - start < minimum {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    start -= 2;
    buffer[start] = letter;
    buffer[start + 1] = if exponent < 0 { b'-' } else { b'+' };
    start
}
