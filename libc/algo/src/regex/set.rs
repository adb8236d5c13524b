//! Sets of characters: bracket expressions and class escapes.

use crate::character::{CharacterClass, is_in, to_lower, to_upper};
use alloc::vec::Vec;

#[derive(Debug, Default)]
pub(super) struct Set {
    /// ASCII members, bit by bit, after all other rules.
    ascii: u128,
    ranges: Vec<(u32, u32)>,
    classes: Vec<CharacterClass>,
    negated: bool,
}

impl Set {
    pub fn new(negated: bool) -> Self {
        Set {
            negated,
            ..Set::default()
        }
    }

    pub fn add_range(&mut self, first: u32, last: u32) {
        self.ranges.push((first, last));
    }

    pub fn add_class(&mut self, class: CharacterClass) {
        self.classes.push(class);
    }

    fn has(&self, character: u32) -> bool {
        self.ranges
            .iter()
            .any(|&(first, last)| (first..=last).contains(&character))
            || self.classes.iter().any(|&class| is_in(character, class))
    }

    fn decide(&self, character: u32, fold_case: bool) -> bool {
        let found = self.has(character)
            || fold_case && (self.has(to_lower(character)) || self.has(to_upper(character)));
        found != self.negated
    }

    /// Works out the ASCII members once; `newline` keeps it out of negated sets.
    pub fn finish(&mut self, fold_case: bool, newline: bool) {
        for character in 0..128 {
            if self.decide(character, fold_case) && !(newline && self.negated && character == 10) {
                self.ascii |= 1 << character;
            }
        }
    }

    pub fn contains(&self, character: u32, fold_case: bool) -> bool {
        if character < 128 {
            self.ascii >> character & 1 != 0
        } else {
            self.decide(character, fold_case)
        }
    }

    pub fn ascii(&self) -> u128 {
        self.ascii
    }
}
