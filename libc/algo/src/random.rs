//! Pseudo-random sequences (C 7.22.2, XSI `random` and `drand48`).

/// One step of the 64-bit generator behind `rand`: the multiplier is Knuth's (MMIX).
#[must_use]
pub fn step(state: u64) -> u64 {
    state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1)
}

/// The 31 bits `rand` shows of a state.
#[must_use]
pub fn output(state: u64) -> i32 {
    (state >> 33) as i32
}

/// One step of `rand_r`, whose state is only 32 bits: mixed, so that low bits are good too.
#[must_use]
pub fn small_step(state: u32) -> (u32, i32) {
    let state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
    let mut mixed = state ^ state >> 11;
    mixed ^= mixed << 7 & 0x9d2c_5680;
    mixed ^= mixed << 15 & 0xefc6_0000;
    (state, ((mixed ^ mixed >> 18) >> 1) as i32)
}

/// The additive generator of `random`: lags 31 and 3.
#[derive(Clone, Debug)]
pub struct Additive {
    words: [u32; 31],
    front: usize,
}

impl Additive {
    /// The sequence for a seed.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        let mut words = [0u32; 31];
        let mut state = seed as u64;
        let mut index = 0;
        while index < 31 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            words[index] = (state >> 32) as u32;
            index += 1;
        }
        // An odd word somewhere gives the generator its full period.
        words[0] |= 1;
        Additive { words, front: 3 }
    }

    /// The next 31 bits.
    pub fn next_bits(&mut self) -> i32 {
        let back = (self.front + 28) % 31;
        let sum = self.words[self.front].wrapping_add(self.words[back]);
        self.words[self.front] = sum;
        self.front = (self.front + 1) % 31;
        (sum >> 1) as i32
    }

    /// The state as words, to be kept in a caller's array: 31 of them and the position.
    #[must_use]
    pub fn save(&self) -> [u32; 32] {
        let mut saved = [0; 32];
        saved[..31].copy_from_slice(&self.words);
        saved[31] = self.front as u32;
        saved
    }

    /// The generator that `save` stored.
    #[must_use]
    pub fn restore(saved: &[u32; 32]) -> Self {
        let mut words = [0; 31];
        words.copy_from_slice(&saved[..31]);
        Additive {
            words,
            front: saved[31] as usize % 31,
        }
    }
}

/// The 48-bit linear congruential generator of `drand48` (XSI gives its constants).
#[derive(Clone, Copy, Debug)]
pub struct Congruential {
    /// The multiplier, 0x5deece66d unless `lcong48` changed it.
    pub multiplier: u64,
    /// The addend, 0xb unless `lcong48` changed it.
    pub addend: u64,
}

impl Congruential {
    /// The constants of XSI.
    pub const STANDARD: Congruential = Congruential {
        multiplier: 0x5_deec_e66d,
        addend: 0xb,
    };

    /// The state after `words` (low one first).
    #[must_use]
    pub fn step(self, words: [u16; 3]) -> [u16; 3] {
        let state = u64::from(words[0]) | u64::from(words[1]) << 16 | u64::from(words[2]) << 32;
        let next = state
            .wrapping_mul(self.multiplier)
            .wrapping_add(self.addend);
        [next as u16, (next >> 16) as u16, (next >> 32) as u16]
    }
}

/// A 48-bit state as a number in [0, 1).
#[must_use]
pub fn fraction(words: [u16; 3]) -> f64 {
    let state = u64::from(words[0]) | u64::from(words[1]) << 16 | u64::from(words[2]) << 32;
    state as f64 / (1u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_48_bit_generator_is_the_standard_one() {
        // srand48(1): the state is 1 in the high words and 0x330e below.
        let words = Congruential::STANDARD.step([0x330e, 1, 0]);
        assert!((fraction(words) - 0.041_630_344_771_475).abs() < 1e-12);
    }

    #[test]
    fn a_saved_sequence_goes_on() {
        let mut first = Additive::new(7);
        first.next_bits();
        let mut second = Additive::restore(&first.save());
        assert!((0..100).all(|_| first.next_bits() == second.next_bits()));
        assert!((0..100).map(|_| first.next_bits()).all(|value| value >= 0));
    }
}
