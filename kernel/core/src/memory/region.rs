//! Regions of an address space.

use super::{MemoryId, PAGE_SHIFT, page_of};
use kernel_abi::memory::{map_flags, protection};

/// A run of addresses with the same attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub start: u64,
    pub end: u64,
    /// [`protection`].
    pub protection: u32,
    /// Most that a protect may allow.
    pub maximum: u32,
    /// `SHARED` and `STACK` of [`map_flags`].
    pub flags: u32,
    /// The Memory shown (shared) or beneath (private), and the offset at `start`.
    pub backing: Option<(MemoryId, u64)>,
}

impl Region {
    pub fn is_shared(&self) -> bool {
        self.flags & map_flags::SHARED != 0
    }

    pub fn is_writable(&self) -> bool {
        self.protection & protection::WRITE != 0
    }

    pub fn is_executable(&self) -> bool {
        self.protection & protection::EXECUTE != 0
    }

    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    /// The Memory's page behind an address of the region.
    pub fn backing_page(&self, address: u64) -> Option<(MemoryId, u64)> {
        let (memory, offset) = self.backing?;
        Some((memory, page_of(offset + (address - self.start))))
    }

    /// The addresses that show pages `first..end` of the Memory beneath.
    pub fn addresses_of(&self, memory: MemoryId, first: u64, end: u64) -> Option<(u64, u64)> {
        let (own, offset) = self.backing?;
        if own != memory {
            return None;
        }
        let base = page_of(offset);
        let pages = page_of(self.length());
        let low = first.saturating_sub(base).min(pages);
        let high = end.saturating_sub(base).min(pages);
        (low < high).then(|| {
            (
                self.start + (low << PAGE_SHIFT),
                self.start + (high << PAGE_SHIFT),
            )
        })
    }

    /// The part above an address, where this one is cut.
    pub fn tail(&self, address: u64) -> Region {
        let backing = self
            .backing
            .map(|(memory, offset)| (memory, offset + (address - self.start)));
        Region {
            start: address,
            backing,
            ..*self
        }
    }

    /// Whether `next` continues this region.
    pub fn joins(&self, next: &Region) -> bool {
        self.end == next.start
            && self.tail(self.end)
                == Region {
                    end: self.end,
                    ..*next
                }
    }
}

/// What [`kernel_abi::Call::RegionInfo`] tells of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionView {
    /// First address.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
    /// The Memory, if it is not anonymous, ...
    pub memory: Option<MemoryId>,
    /// ... and the offset in it.
    pub offset: u64,
    /// [`protection`].
    pub protection: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// Pages present.
    pub present_pages: u64,
}
