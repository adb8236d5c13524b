//! Choosing addresses.

use super::space::{HIGHEST_ADDRESS, LOWEST_ADDRESS, Space};

impl Space {
    /// A free range of `length` bytes: at the hint if that is free, else the highest one below the
    /// space's random top, else the highest anywhere.
    pub(crate) fn choose(&self, hint: u64, length: u64) -> Option<u64> {
        let hinted = hint.checked_add(length);
        if hint >= LOWEST_ADDRESS
            && hinted.is_some_and(|end| end <= HIGHEST_ADDRESS && self.is_free(hint, end))
        {
            return Some(hint);
        }
        self.highest_gap(self.top, length)
            .or_else(|| self.highest_gap(HIGHEST_ADDRESS, length))
    }

    fn highest_gap(&self, top: u64, length: u64) -> Option<u64> {
        // Nothing fits in what is known to be full: a program that only maps need not search all
        // its regions for each new one.
        let remembers = top == self.top;
        let mut end = if remembers {
            self.full_down_to.get()
        } else {
            top
        };
        let mut is_full = remembers;
        let below = self.regions.partition_point(|region| region.start < end);
        for region in self.regions.range(..below).rev() {
            // A region may reach over the top.
            if region.end < end {
                if is_full {
                    self.full_down_to.set(end);
                    is_full = false;
                }
                if end - region.end >= length {
                    return Some(end - length);
                }
            }
            end = end.min(region.start);
        }
        if is_full {
            self.full_down_to.set(end);
        }
        end.checked_sub(length)
            .filter(|&start| start >= LOWEST_ADDRESS)
    }

    /// A range has become free, up to `end`.
    pub(super) fn note_free(&self, end: u64) {
        if end > self.full_down_to.get() {
            self.full_down_to.set(self.top);
        }
    }
}
