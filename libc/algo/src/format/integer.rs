//! Integer conversions.

use super::specification::Specification;
use super::{Engine, FormatError, Piece};

/// Room for 64 binary digits.
const DIGITS: usize = 64;

impl Engine<'_> {
    pub(super) fn signed(
        &mut self,
        specification: &Specification,
        slot: u64,
    ) -> Result<(), FormatError> {
        let value = match specification.size {
            1 => i64::from(slot as i8),
            2 => i64::from(slot as i16),
            4 => i64::from(slot as i32),
            _ => slot as i64,
        };
        let prefix: &[u8] = match (value < 0, specification.plus, specification.space) {
            (true, ..) => b"-",
            (false, true, _) => b"+",
            (false, false, true) => b" ",
            _ => b"",
        };
        self.digits(specification, value.unsigned_abs(), 10, prefix)
    }

    pub(super) fn unsigned(
        &mut self,
        specification: &Specification,
        slot: u64,
    ) -> Result<(), FormatError> {
        let value = match specification.size {
            1 => u64::from(slot as u8),
            2 => u64::from(slot as u16),
            4 => u64::from(slot as u32),
            _ => slot,
        };
        let prefixed = specification.alternative && value != 0;
        let (base, prefix): (u64, &[u8]) = match specification.letter {
            b'o' => return self.octal(specification, value),
            b'x' if prefixed => (16, b"0x"),
            b'X' if prefixed => (16, b"0X"),
            b'b' if prefixed => (2, b"0b"),
            b'B' if prefixed => (2, b"0B"),
            b'x' | b'X' => (16, b""),
            b'b' | b'B' => (2, b""),
            _ => (10, b""),
        };
        self.digits(specification, value, base, prefix)
    }

    /// `#` raises the precision until the first digit is a zero (C 7.21.6.1).
    fn octal(&mut self, specification: &Specification, value: u64) -> Result<(), FormatError> {
        let mut specification = *specification;
        if specification.alternative {
            let length = (64 - value.leading_zeros()).div_ceil(3) as usize;
            let wanted = specification.precision.unwrap_or(1).max(length + 1);
            // A lone zero already begins with one.
            let wanted = if value == 0 {
                specification.precision.unwrap_or(1).max(1)
            } else {
                wanted
            };
            // The zero flag stays valid where no precision was given.
            if specification.precision.is_none()
                && specification.zero
                && specification.width > wanted
                && !specification.left
            {
                return self.digits(&specification, value, 8, b"0");
            }
            specification.precision = Some(wanted);
        }
        self.digits(&specification, value, 8, b"")
    }

    pub(super) fn pointer(
        &mut self,
        specification: &Specification,
        value: u64,
    ) -> Result<(), FormatError> {
        let prefix: &[u8] = if value == 0 { b"" } else { b"0x" };
        let specification = Specification {
            letter: b'x',
            ..*specification
        };
        self.digits(&specification, value, 16, prefix)
    }

    fn digits(
        &mut self,
        specification: &Specification,
        mut value: u64,
        base: u64,
        prefix: &[u8],
    ) -> Result<(), FormatError> {
        let mut buffer = [0u8; DIGITS];
        let mut start = DIGITS;
        let letters = if specification.letter == b'X' {
            b'A'
        } else {
            b'a'
        };
        while value > 0 {
            let digit = match base {
                10 => (value % 10) as u8,
                16 => (value & 15) as u8,
                8 => (value & 7) as u8,
                _ => (value & 1) as u8,
            };
            value = match base {
                10 => value / 10,
                16 => value >> 4,
                8 => value >> 3,
                _ => value >> 1,
            };
            start -= 1;
            buffer[start] = if digit < 10 {
                b'0' + digit
            } else {
                letters + digit - 10
            };
        }
        let length = DIGITS - start;
        let zeros = specification.precision.unwrap_or(1).saturating_sub(length);
        let pieces = [Piece::Zeros(zeros), Piece::Bytes(&buffer[start..])];
        let zero_padding = specification.zero && specification.precision.is_none();
        self.field_number(specification, zero_padding, prefix, &pieces)
    }
}
