//! The exact decimal expansion of a binary number.

/// Limbs (base 10^9) that hold any binary64 number: 53 bits times 5^1074.
pub const DOUBLE_LIMBS: usize = 88;
/// Limbs that hold any x87 extended number: 64 bits times 5^16445.
pub const EXTENDED_LIMBS: usize = 1284;

const BASE: u64 = 1_000_000_000;

/// Decimal digits `d[0].d[1]d[2]... * 10^exponent`; `D` is nine times the limbs.
pub struct Decimal<const D: usize> {
    digits: [u8; D],
    length: usize,
    /// The power of ten of the first digit.
    pub exponent: i32,
}

impl<const D: usize> Decimal<D> {
    /// Expands `significand * 2^exponent`. Multiplying by 5 instead of dividing by 2
    /// keeps everything an integer: `m / 2^k` is `m * 5^k / 10^k`.
    #[must_use]
    pub fn new<const L: usize>(significand: u64, exponent: i32) -> Self {
        if significand == 0 {
            return Decimal {
                digits: [b'0'; D],
                length: 1,
                exponent: 0,
            };
        }
        let shift = significand.trailing_zeros();
        let (significand, exponent) = (significand >> shift, exponent + shift as i32);
        let mut limbs = [0u32; L];
        let mut used = 0;
        let mut rest = significand;
        while rest > 0 {
            limbs[used] = (rest % BASE) as u32;
            rest /= BASE;
            used += 1;
        }
        let (factor_base, step) = if exponent >= 0 {
            (2u64, 31)
        } else {
            (5u64, 13)
        };
        let mut left = exponent.unsigned_abs();
        while left > 0 {
            let take = left.min(step);
            multiply(&mut limbs, &mut used, factor_base.pow(take));
            left -= take;
        }
        let mut decimal = Decimal {
            digits: [b'0'; D],
            length: 0,
            exponent: 0,
        };
        decimal.write_limbs(&limbs[..used]);
        decimal.exponent = decimal.length as i32 - 1 + exponent.min(0);
        decimal
    }

    fn write_limbs(&mut self, limbs: &[u32]) {
        for (index, &limb) in limbs.iter().rev().enumerate() {
            let mut group = [b'0'; 9];
            let mut rest = limb;
            for digit in group.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            let skip = if index == 0 {
                group.iter().take_while(|&&digit| digit == b'0').count()
            } else {
                0
            };
            let kept = &group[skip..];
            self.digits[self.length..self.length + kept.len()].copy_from_slice(kept);
            self.length += kept.len();
        }
    }

    /// The digits as ASCII, most significant first; what follows them is zeros.
    #[must_use]
    pub fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    /// Rounds to `count` significant digits, to nearest with ties to even. A count that
    /// is not positive leaves zero or one unit of the place above the first digit.
    pub fn round(&mut self, count: i64) {
        if count >= self.length as i64 {
            return;
        }
        let keep = count.max(-1);
        let up = keep >= 0 && self.rounds_up(keep as usize);
        self.length = keep.max(0) as usize;
        if up {
            self.increment();
        }
        if self.length == 0 {
            self.digits[0] = b'0';
            self.length = 1;
            self.exponent = 0;
        }
    }

    fn rounds_up(&self, keep: usize) -> bool {
        let tail = &self.digits[keep..self.length];
        match tail[0] {
            0..=b'4' => false,
            b'5' if tail[1..].iter().all(|&digit| digit == b'0') => {
                keep > 0 && self.digits[keep - 1] & 1 != 0
            }
            _ => true,
        }
    }

    fn increment(&mut self) {
        let mut place = self.length;
        while place > 0 && self.digits[place - 1] == b'9' {
            self.digits[place - 1] = b'0';
            place -= 1;
        }
        if place > 0 {
            self.digits[place - 1] += 1;
            return;
        }
        // All nines (or no digit kept): one in the next higher place.
        self.length = self.length.max(1);
        self.digits[0] = b'1';
        self.exponent += 1;
    }

    /// Drops zeros at the end, keeping one digit.
    pub fn trim(&mut self) {
        while self.length > 1 && self.digits[self.length - 1] == b'0' {
            self.length -= 1;
        }
    }
}

fn multiply(limbs: &mut [u32], used: &mut usize, factor: u64) {
    let mut carry = 0;
    for limb in &mut limbs[..*used] {
        let product = u64::from(*limb) * factor + carry;
        *limb = (product % BASE) as u32;
        carry = product / BASE;
    }
    while carry > 0 {
        limbs[*used] = (carry % BASE) as u32;
        carry /= BASE;
        *used += 1;
    }
}
