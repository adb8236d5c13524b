//! Reading numbers (C 7.22.1): the `strtol` and `strtod` families and `scanf`.
//!
//! The text is reached through a function from index to byte, zero where it ends, so that
//! nothing beyond the number is looked at and wide text needs no copy.

mod big;
mod floating;
mod span;

pub use floating::{to_double, to_extended, to_single};
pub use span::{FloatKind, FloatSpan, float_span};

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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn at(text: &str) -> impl Fn(usize) -> u8 + '_ {
        |index| text.as_bytes().get(index).copied().unwrap_or(0)
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
}
