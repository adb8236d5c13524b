//! Big integers: the few operations that an exact conversion needs.

use alloc::vec;
use alloc::vec::Vec;

/// An unsigned integer of any size, least significant limb first.
pub(super) struct Big(Vec<u32>);

impl Big {
    pub(super) fn one() -> Self {
        Big(vec![1])
    }

    pub(super) fn from_digits(digits: &[u8]) -> Self {
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

    pub(super) fn multiply_power(&mut self, base: u32, mut power: u32) {
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
    pub(super) fn top(&self) -> (u128, i64, bool) {
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
    pub(super) fn divide(mut self, mut divisor: Big) -> (u128, i64, bool) {
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
