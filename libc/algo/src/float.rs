//! Binary floating-point numbers taken apart and put together, exactly.

/// An x87 extended-precision number as its two fields (System V ABI: 10 bytes in memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Extended {
    /// The significand with its explicit integer bit.
    pub significand: u64,
    /// Sign in bit 15, biased exponent below.
    pub sign_exponent: u16,
}

/// A number as sign and class; a finite one is `significand * 2^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The sign bit, meaningful for zero and NaN as well.
    pub negative: bool,
    /// What kind of number it is.
    pub class: Class,
}

/// The kinds of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `significand * 2^exponent`.
    Finite {
        /// The integer significand.
        significand: u64,
        /// The power of two it is multiplied by.
        exponent: i32,
    },
    /// Infinity.
    Infinite,
    /// Not a number.
    Nan,
}

impl From<f64> for Parts {
    fn from(value: f64) -> Self {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let class = match (bits >> 52 & 0x7ff) as i32 {
            0x7ff if fraction == 0 => Class::Infinite,
            0x7ff => Class::Nan,
            0 => Class::Finite {
                significand: fraction,
                exponent: -1074,
            },
            biased => Class::Finite {
                significand: fraction | 1 << 52,
                exponent: biased - 1075,
            },
        };
        Parts {
            negative: bits >> 63 != 0,
            class,
        }
    }
}

impl From<Extended> for Parts {
    fn from(value: Extended) -> Self {
        let class = match i32::from(value.sign_exponent & 0x7fff) {
            0x7fff if value.significand << 1 == 0 => Class::Infinite,
            0x7fff => Class::Nan,
            // A subnormal's exponent is that of the smallest normal number.
            biased => Class::Finite {
                significand: value.significand,
                exponent: biased.max(1) - 16446,
            },
        };
        Parts {
            negative: value.sign_exponent >> 15 != 0,
            class,
        }
    }
}

/// A binary format's width and range, for rounding into it.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bits of significand, the leading one included.
    pub precision: u32,
    /// The smallest exponent of a least significant bit (a subnormal's).
    pub min_exponent: i32,
    /// The largest exponent of a least significant bit.
    pub max_exponent: i32,
}

/// IEEE binary32.
pub const SINGLE: Format = Format {
    precision: 24,
    min_exponent: -149,
    max_exponent: 104,
};
/// IEEE binary64.
pub const DOUBLE: Format = Format {
    precision: 53,
    min_exponent: -1074,
    max_exponent: 971,
};
/// x87 extended precision.
pub const EXTENDED: Format = Format {
    precision: 64,
    min_exponent: -16445,
    max_exponent: 16320,
};

/// A significand and exponent rounded into a format, or too large for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounded {
    /// Fits; `inexact_tiny` tells that it is subnormal (or zero) and lost bits.
    Fits {
        /// The integer significand.
        significand: u64,
        /// The power of two it is multiplied by.
        exponent: i32,
        /// Underflow in C's sense.
        inexact_tiny: bool,
    },
    /// Larger than the largest finite number.
    Overflow,
}

/// Rounds `significand * 2^exponent` (plus a nonzero tail below it when `sticky`) to
/// nearest, ties to even.
#[must_use]
pub fn round(significand: u64, exponent: i32, sticky: bool, format: Format) -> Rounded {
    if significand == 0 {
        return Rounded::Fits {
            significand: 0,
            exponent: format.min_exponent,
            inexact_tiny: sticky,
        };
    }
    let leading = significand.leading_zeros();
    let normal = significand << leading;
    let exponent = exponent.saturating_sub(leading as i32);
    let mut drop = 64 - format.precision;
    let mut target = exponent.saturating_add(drop as i32);
    if target < format.min_exponent {
        let extra = format.min_exponent.saturating_sub(target).min(70) as u32;
        drop += extra;
        target = format.min_exponent;
    }
    let (mut kept, half, rest) = match drop {
        0 => (normal, false, sticky),
        1..64 => (
            normal >> drop,
            normal >> (drop - 1) & 1 != 0,
            sticky || normal & ((1 << (drop - 1)) - 1) != 0,
        ),
        64 => (0, normal >> 63 != 0, sticky || normal << 1 != 0),
        _ => (0, false, true),
    };
    // With no dropped bit the tail decides nothing: callers that need 64 bits pass a
    // significand whose tail is below half a unit.
    let inexact = half || rest;
    if half && (rest || kept & 1 != 0) {
        match kept.checked_add(1) {
            Some(sum) => kept = sum,
            None => {
                kept = 1 << 63;
                target += 1;
            }
        }
        if format.precision < 64 && kept >> format.precision != 0 {
            kept >>= 1;
            target += 1;
        }
    }
    if target > format.max_exponent {
        return Rounded::Overflow;
    }
    let tiny = kept >> (format.precision - 1) == 0;
    Rounded::Fits {
        significand: kept,
        exponent: target,
        inexact_tiny: tiny && inexact,
    }
}

/// Puts a rounded number together as binary64; the flag tells of overflow or underflow.
#[must_use]
pub fn double_from(rounded: Rounded, negative: bool) -> (f64, bool) {
    let sign = u64::from(negative) << 63;
    let (bits, out_of_range) = match rounded {
        Rounded::Overflow => (0x7ff << 52, true),
        Rounded::Fits {
            significand,
            exponent,
            inexact_tiny,
        } => {
            let biased = if significand >> 52 == 0 {
                0
            } else {
                (exponent + 1075) as u64
            };
            (biased << 52 | significand & ((1 << 52) - 1), inexact_tiny)
        }
    };
    (f64::from_bits(sign | bits), out_of_range)
}

/// Puts a rounded number together as binary32; the flag tells of overflow or underflow.
#[must_use]
pub fn single_from(rounded: Rounded, negative: bool) -> (f32, bool) {
    let sign = u32::from(negative) << 31;
    let (bits, out_of_range) = match rounded {
        Rounded::Overflow => (0xff << 23, true),
        Rounded::Fits {
            significand,
            exponent,
            inexact_tiny,
        } => {
            let biased = if significand >> 23 == 0 {
                0
            } else {
                (exponent + 150) as u32
            };
            (
                biased << 23 | significand as u32 & ((1 << 23) - 1),
                inexact_tiny,
            )
        }
    };
    (f32::from_bits(sign | bits), out_of_range)
}

/// Puts a rounded number together as x87 extended; the flag tells of overflow or underflow.
#[must_use]
pub fn extended_from(rounded: Rounded, negative: bool) -> (Extended, bool) {
    let sign = u16::from(negative) << 15;
    match rounded {
        Rounded::Overflow => (
            Extended {
                significand: 1 << 63,
                sign_exponent: sign | 0x7fff,
            },
            true,
        ),
        Rounded::Fits {
            significand,
            exponent,
            inexact_tiny,
        } => {
            let biased = if significand >> 63 == 0 {
                0
            } else {
                (exponent + 16446) as u16
            };
            (
                Extended {
                    significand,
                    sign_exponent: sign | biased,
                },
                inexact_tiny,
            )
        }
    }
}

impl Extended {
    /// The same number in extended precision; always exact.
    #[must_use]
    pub fn from_f64(value: f64) -> Self {
        let parts = Parts::from(value);
        let sign = u16::from(parts.negative) << 15;
        match parts.class {
            Class::Infinite => Extended {
                significand: 1 << 63,
                sign_exponent: sign | 0x7fff,
            },
            Class::Nan => Extended {
                significand: 3 << 62,
                sign_exponent: sign | 0x7fff,
            },
            Class::Finite { significand: 0, .. } => Extended {
                significand: 0,
                sign_exponent: sign,
            },
            Class::Finite {
                significand,
                exponent,
            } => {
                extended_from(
                    round(significand, exponent, false, EXTENDED),
                    parts.negative,
                )
                .0
            }
        }
    }

    /// The nearest binary64 number.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let parts = Parts::from(self);
        let sign = u64::from(parts.negative) << 63;
        match parts.class {
            Class::Infinite => f64::from_bits(sign | 0x7ff << 52),
            Class::Nan => f64::from_bits(sign | 0xfff << 51),
            Class::Finite {
                significand,
                exponent,
            } => double_from(round(significand, exponent, false, DOUBLE), parts.negative).0,
        }
    }
}
