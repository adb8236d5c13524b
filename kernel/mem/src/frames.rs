//! Which physical frames are free.
//!
//! Fresh regions are handed out from their start by a moving mark, so that boot need not touch
//! all of RAM; frames that come back form a list through their own first words.

use crate::direct_map::DirectMap;
use kernel_core::machine::Frame;

/// Most regions of RAM; the smallest are left unused beyond it.
const MAX_REGIONS: usize = 64;
/// Ends the list of free frames.
const NO_FRAME: u32 = u32::MAX;
/// First frame number at or above 4 GiB.
const FOUR_GIB: u32 = 1 << 20;

#[derive(Clone, Copy, Debug, Default)]
struct Region {
    first: u32,
    end: u32,
}

/// The frames.
pub struct FrameAllocator {
    map: DirectMap,
    regions: [Region; MAX_REGIONS],
    region_count: usize,
    /// The region that fresh frames come from now.
    current: usize,
    list: u32,
    /// Frames of zeros (but for their link), which page tables are made from and become again.
    zeroed: u32,
    free: usize,
    total: usize,
    limit: u32,
}

impl FrameAllocator {
    /// No frames.
    pub const fn new(map: DirectMap) -> FrameAllocator {
        FrameAllocator {
            map,
            regions: [Region { first: 0, end: 0 }; MAX_REGIONS],
            region_count: 0,
            current: 0,
            list: NO_FRAME,
            zeroed: NO_FRAME,
            free: 0,
            total: 0,
            limit: 0,
        }
    }

    /// Adds usable RAM (bytes; cut inwards to whole frames). Frame 0 is never used, so that no
    /// valid frame has address 0.
    pub fn add(&mut self, base: u64, length: u64) {
        let first = base.div_ceil(4096).max(1);
        let end = base.saturating_add(length) / 4096;
        let (Ok(first), Ok(end)) = (u32::try_from(first), u32::try_from(end)) else {
            return;
        };
        if first >= end || self.region_count == MAX_REGIONS {
            return;
        }
        self.regions[self.region_count] = Region { first, end };
        self.region_count += 1;
        self.free += (end - first) as usize;
        self.total += (end - first) as usize;
        self.limit = self.limit.max(end);
    }

    /// Counts RAM that is in use from the start (the boot bundle, the kernel) and given to user
    /// memory as it is: it has frame numbers, but is not free.
    pub fn note_used(&mut self, base: u64, length: u64) {
        let end = base.saturating_add(length).div_ceil(4096);
        self.total += (end - base / 4096) as usize;
        self.limit = self.limit.max(u32::try_from(end).unwrap_or(0));
    }

    /// Takes a frame.
    #[inline]
    pub fn allocate(&mut self) -> Option<Frame> {
        if self.list != NO_FRAME {
            let frame = Frame(self.list);
            self.list = self.map.load_u32(frame, 0);
            self.free -= 1;
            return Some(frame);
        }
        self.allocate_fresh()
    }

    fn allocate_fresh(&mut self) -> Option<Frame> {
        while self.current < self.region_count {
            let region = &mut self.regions[self.current];
            if region.first < region.end {
                let frame = Frame(region.first);
                region.first += 1;
                self.free -= 1;
                return Some(frame);
            }
            self.current += 1;
        }
        self.take_zeroed()
    }

    /// Takes a frame of zeros.
    pub fn allocate_zeroed(&mut self) -> Option<Frame> {
        if let Some(frame) = self.take_zeroed() {
            return Some(frame);
        }
        let frame = self.allocate()?;
        self.map.zero(frame);
        Some(frame)
    }

    fn take_zeroed(&mut self) -> Option<Frame> {
        if self.zeroed == NO_FRAME {
            return None;
        }
        let frame = Frame(self.zeroed);
        self.zeroed = self.map.load_u32(frame, 0);
        self.map.zero_words(frame, 1);
        self.free -= 1;
        Some(frame)
    }

    /// Takes neighbouring frames from the end of a fresh region. Frames that came back are not
    /// searched: drivers ask for their rings while the system is young.
    pub fn allocate_contiguous(&mut self, count: usize, below_4g: bool) -> Option<Frame> {
        let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
        let highest = if below_4g { FOUR_GIB } else { u32::MAX };
        let mut regions = self.regions[..self.region_count].iter_mut();
        let fits = |region: &&mut Region| {
            region.end <= highest && region.end.saturating_sub(region.first) >= count
        };
        let region = regions.find(fits)?;
        region.end -= count;
        self.free -= count as usize;
        Some(Frame(region.end))
    }

    /// Gives a frame back.
    #[inline]
    pub fn free(&mut self, frame: Frame) {
        self.map.write(frame, 0, &self.list.to_le_bytes());
        self.list = frame.0;
        self.free += 1;
    }

    /// Gives a frame of zeros back.
    pub fn free_zeroed(&mut self, frame: Frame) {
        self.map.write(frame, 0, &self.zeroed.to_le_bytes());
        self.zeroed = frame.0;
        self.free += 1;
    }

    /// Frames free now.
    pub fn free_count(&self) -> usize {
        self.free
    }

    /// Frames of RAM.
    pub fn total(&self) -> usize {
        self.total
    }

    /// One more than the highest frame number.
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::vec;

    /// RAM of a few frames, with a map that leads into it.
    fn ram(frames: usize) -> (std::vec::Vec<u64>, DirectMap) {
        let memory = vec![0u64; (frames + 2) * 512];
        let base = (memory.as_ptr() as u64).next_multiple_of(4096);
        // SAFETY: the tests only use frame numbers inside the vector.
        (memory, unsafe { DirectMap::new(base) })
    }

    #[test]
    fn every_frame_is_given_once_and_can_come_back() {
        let (_memory, map) = ram(64);
        let mut frames = FrameAllocator::new(map);
        frames.add(0x1000, 15 * 4096);
        frames.add(0x20_000 + 1, 8 * 4096);
        assert_eq!(frames.total(), 15 + 7);
        let mut seen = HashSet::new();
        while let Some(frame) = frames.allocate() {
            assert!(seen.insert(frame.0) && frame.0 != 0);
        }
        assert_eq!((seen.len(), frames.free_count()), (22, 0));
        seen.iter().for_each(|&frame| frames.free(Frame(frame)));
        let again: HashSet<u32> = core::iter::from_fn(|| frames.allocate())
            .map(|f| f.0)
            .collect();
        assert_eq!(again, seen);
    }

    #[test]
    fn frames_of_zeros_stay_so_and_serve_as_others_when_there_is_no_other() {
        let (_memory, map) = ram(16);
        let mut frames = FrameAllocator::new(map);
        frames.add(0x1000, 3 * 4096);
        let all: std::vec::Vec<Frame> = core::iter::from_fn(|| frames.allocate()).collect();
        map.write(all[0], 8, b"text");
        frames.free(all[0]);
        map.zero(all[1]);
        map.zero(all[2]);
        frames.free_zeroed(all[1]);
        frames.free_zeroed(all[2]);
        assert_eq!(frames.free_count(), 3);
        for _ in 0..3 {
            let frame = frames.allocate_zeroed().unwrap();
            let mut bytes = [1; 4096];
            map.read(frame, 0, &mut bytes);
            assert_eq!(bytes, [0; 4096]);
        }
        assert!(frames.allocate_zeroed().is_none());
        frames.free_zeroed(all[1]);
        assert_eq!(frames.allocate().map(|frame| frame.0), Some(all[1].0));
        assert!(frames.allocate().is_none());
    }

    #[test]
    fn contiguous_frames_do_not_overlap_single_ones() {
        let (_memory, map) = ram(64);
        let mut frames = FrameAllocator::new(map);
        frames.add(0x1000, 20 * 4096);
        let run = frames.allocate_contiguous(8, true).unwrap();
        let singles: HashSet<u32> = core::iter::from_fn(|| frames.allocate())
            .map(|f| f.0)
            .collect();
        assert_eq!(singles.len(), 12);
        assert!((run.0..run.0 + 8).all(|frame| !singles.contains(&frame)));
        assert!(frames.allocate_contiguous(1, false).is_none());
        assert!(frames.allocate_contiguous(0, false).is_none());
    }
}
