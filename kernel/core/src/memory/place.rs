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
        let mut end = top;
        let below = self.regions.partition_point(|region| region.start < top);
        for region in self.regions[..below].iter().rev() {
            // A region may reach over the top.
            if region.end < end && end - region.end >= length {
                return Some(end - length);
            }
            end = end.min(region.start);
        }
        end.checked_sub(length)
            .filter(|&start| start >= LOWEST_ADDRESS)
    }
}
