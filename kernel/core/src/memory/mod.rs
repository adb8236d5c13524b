//! Memory objects, address spaces, faults and copies.
//!
//! A *Memory* is a map from page numbers to frames, with a capacity (`size`) and a length of its
//! contents. A *space* is a sorted list of regions. A shared region shows the pages of its
//! Memory; a private one shows the space's own pages (`Space::private`, by virtual page number),
//! and beneath them those of its Memory, or zeros. Private pages belong to the space and not to
//! a Memory of their own, so that splitting, merging and moving regions touches no page, and a
//! fork copies one map.
//!
//! Frames are counted by the page maps that refer to them. A store into a page whose frame is
//! counted more than once copies it first. Page tables are a cache of all this: whatever
//! changes a page map takes the stale translations away, and faults bring them back.

mod copy;
mod fault;
mod frames;
mod map;
mod object;
mod page_map;
mod pager;
mod pin;
mod place;
mod region;
mod remap;
mod space;
#[cfg(test)]
mod tests;

pub use copy::{CopyStop, Progress};
pub use fault::FaultOutcome;
pub use map::MapRequest;
pub use object::Memory;
pub use pager::PageRequest;
pub use region::RegionView;
pub use space::{Space, SpaceLimits, SpaceUsage};

use crate::slab::{Id, Slab};
use alloc::collections::VecDeque;
use frames::Frames;

/// Name of a Memory.
pub type MemoryId = Id<Memory>;
/// Name of an address space.
pub type SpaceId = Id<Space>;

/// log2 of the page size.
pub(crate) const PAGE_SHIFT: u32 = 12;
/// The page size.
pub(crate) const PAGE: u64 = 1 << PAGE_SHIFT;
/// Most pages of a Memory: byte offsets stay far below 2^63.
pub(crate) const MAXIMUM_SIZE: u64 = 1 << 60;

/// All memory.
pub struct MemorySystem {
    pub(crate) frames: Frames,
    pub(crate) memories: Slab<Memory>,
    pub(crate) spaces: Slab<Space>,
    page_requests: VecDeque<PageRequest>,
    wakeups: VecDeque<(MemoryId, u64)>,
    unreferenced: VecDeque<MemoryId>,
}

impl MemorySystem {
    /// No memory, no space; `frame_limit` as in [`crate::machine::Machine::frame_limit`].
    pub fn new(frame_limit: u32) -> MemorySystem {
        MemorySystem {
            frames: Frames::new(frame_limit),
            memories: Slab::new(),
            spaces: Slab::new(),
            page_requests: VecDeque::new(),
            wakeups: VecDeque::new(),
            unreferenced: VecDeque::new(),
        }
    }

    /// Whether any of the `take` methods has something to say: after most operations none has.
    #[inline]
    pub fn has_news(&self) -> bool {
        !(self.wakeups.is_empty() && self.page_requests.is_empty() && self.unreferenced.is_empty())
    }

    /// The next page request to send to a pager.
    pub fn take_page_request(&mut self) -> Option<PageRequest> {
        self.page_requests.pop_front()
    }

    /// The next page whose waiters should go on: it came, or it will not.
    pub fn take_wakeup(&mut self) -> Option<(MemoryId, u64)> {
        self.wakeups.pop_front()
    }

    /// The next Memory of which only one reference is left, its owner's.
    pub fn take_unreferenced(&mut self) -> Option<MemoryId> {
        self.unreferenced.pop_front()
    }
}

/// The page that holds a byte.
pub(crate) const fn page_of(offset: u64) -> u64 {
    offset >> PAGE_SHIFT
}

/// Rounds a length up to whole pages; `None` when it is too large for any object or space.
pub(crate) const fn round_up(length: u64) -> Option<u64> {
    if length > MAXIMUM_SIZE {
        return None;
    }
    Some((length + PAGE - 1) & !(PAGE - 1))
}
