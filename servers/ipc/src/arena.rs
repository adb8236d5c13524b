//! Where messages lie: ranges of one Memory. What is free is known from what is not, so nothing
//! of this is saved.

use alloc::collections::BTreeMap;

/// Bytes of all messages, in units of [`UNIT`].
pub const ARENA_BYTES: u64 = 16 << 20;
const UNIT: u64 = 64;

/// The free ranges by their start.
pub struct Arena {
    free: BTreeMap<u64, u64>,
}

fn units(length: u64) -> u64 {
    length.max(1).next_multiple_of(UNIT)
}

impl Arena {
    /// An arena in which nothing lies.
    pub fn new() -> Arena {
        Arena {
            free: BTreeMap::from([(0, ARENA_BYTES)]),
        }
    }

    /// Takes the first range that is long enough.
    pub fn take(&mut self, length: u64) -> Option<u64> {
        let wanted = units(length);
        let (&start, &free) = self.free.iter().find(|(_, free)| **free >= wanted)?;
        self.free.remove(&start);
        if free > wanted {
            self.free.insert(start + wanted, free - wanted);
        }
        Some(start)
    }

    /// Takes a given range: `false` when it is not free.
    pub fn claim(&mut self, start: u64, length: u64) -> bool {
        let end = start.saturating_add(units(length));
        let Some((&from, &free)) = self.free.range(..=start).next_back() else {
            return false;
        };
        let after = from + free;
        if !start.is_multiple_of(UNIT) || end > after {
            return false;
        }
        self.free.remove(&from);
        if start > from {
            self.free.insert(from, start - from);
        }
        if after > end {
            self.free.insert(end, after - end);
        }
        true
    }

    /// Gives a range back.
    pub fn give(&mut self, start: u64, length: u64) {
        let (mut start, mut length) = (start, units(length));
        if let Some((&before, &free)) = self.free.range(..start).next_back()
            && before + free == start
        {
            self.free.remove(&before);
            (start, length) = (before, length + free);
        }
        if let Some(free) = self.free.remove(&(start + length)) {
            length += free;
        }
        self.free.insert(start, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_were_given_back_join_again() {
        let mut arena = Arena::new();
        let taken: Vec<u64> = (0..10)
            .filter_map(|length| arena.take(length * 40))
            .collect();
        assert_eq!(taken.len(), 10);
        for (index, start) in taken.iter().enumerate().rev().step_by(2) {
            arena.give(*start, index as u64 * 40);
        }
        for (index, start) in taken.iter().enumerate().step_by(2) {
            arena.give(*start, index as u64 * 40);
        }
        assert_eq!(arena.free, BTreeMap::from([(0, ARENA_BYTES)]));
        assert_eq!(arena.take(ARENA_BYTES + 1), None);
    }

    #[test]
    fn a_range_is_claimed_only_once() {
        let mut arena = Arena::new();
        assert!(arena.claim(128, 100));
        assert!(!arena.claim(192, 1));
        assert!(!arena.claim(ARENA_BYTES - 64, 65));
        assert!(arena.claim(0, 128));
        assert_eq!(arena.take(1), Some(256));
    }
}
