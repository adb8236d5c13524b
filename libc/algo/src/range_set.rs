//! A set of addresses as disjoint ranges.

use alloc::vec::Vec;
use core::ops::Range;

/// Ranges, sorted, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<Range<usize>>,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> RangeSet {
        RangeSet { ranges: Vec::new() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many addresses are in it.
    pub fn total(&self) -> usize {
        self.ranges.iter().map(|range| range.len()).sum()
    }

    /// Whether any address of a range is in it.
    pub fn overlaps(&self, range: &Range<usize>) -> bool {
        let first = self.ranges.partition_point(|own| own.end <= range.start);
        !range.is_empty()
            && self
                .ranges
                .get(first)
                .is_some_and(|own| own.start < range.end)
    }

    /// How many addresses of a range are in it.
    pub fn total_within(&self, range: &Range<usize>) -> usize {
        let within = |own: &Range<usize>| {
            let (start, end) = (own.start.max(range.start), own.end.min(range.end));
            end.saturating_sub(start)
        };
        self.ranges.iter().map(within).sum()
    }

    /// Adds a range.
    pub fn insert(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|own| own.end < range.start);
        let behind = self.ranges.partition_point(|own| own.start <= range.end);
        let joined = self.ranges[first..behind].iter().fold(range, |all, own| {
            all.start.min(own.start)..all.end.max(own.end)
        });
        self.ranges.splice(first..behind, [joined]);
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: &Range<usize>) {
        if range.is_empty() {
            return;
        }
        let first = self.ranges.partition_point(|own| own.end <= range.start);
        let behind = self.ranges.partition_point(|own| own.start < range.end);
        if first >= behind {
            return;
        }
        let (low, high) = (&self.ranges[first], &self.ranges[behind - 1]);
        let kept = [low.start..range.start, range.end..high.end];
        let kept = kept.into_iter().filter(|part| part.start < part.end);
        self.ranges.splice(first..behind, kept);
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: usize = 24;

    fn same(set: &RangeSet, bits: u32) {
        let there = |address: usize| bits >> address & 1 == 1;
        for address in 0..SPAN {
            assert_eq!(set.overlaps(&(address..address + 1)), there(address));
        }
        assert_eq!(set.total(), bits.count_ones() as usize);
        assert_eq!(set.is_empty(), bits == 0);
        let gaps = set
            .ranges
            .windows(2)
            .all(|pair| pair[0].end < pair[1].start);
        assert!(gaps, "ranges that touch are one: {set:?}");
    }

    #[test]
    fn it_behaves_like_a_set_of_bits() {
        let (mut set, mut bits, mut state) = (RangeSet::new(), 0u32, 7u64);
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let start = (state >> 33) as usize % SPAN;
            let end = start + (state >> 43) as usize % (SPAN - start + 1);
            let mask = (start..end).fold(0, |mask, bit| mask | 1 << bit);
            assert_eq!(set.overlaps(&(start..end)), bits & mask != 0);
            assert_eq!(
                set.total_within(&(start..end)),
                (bits & mask).count_ones() as usize
            );
            if state >> 63 == 1 {
                set.insert(start..end);
                bits |= mask;
            } else {
                set.remove(&(start..end));
                bits &= !mask;
            }
            same(&set, bits);
        }
        set.clear();
        same(&set, 0);
    }
}
