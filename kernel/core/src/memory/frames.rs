//! Physical frames with reference counts.

use crate::machine::{Frame, Machine};
use alloc::vec;
use alloc::vec::Vec;

/// Frames that user pages leave alone, so that the kernel's own allocations for the step under
/// way (page tables, table entries) find some.
pub(crate) const RESERVE_FRAMES: usize = 96;

/// How many page maps refer to each frame.
pub(crate) struct Frames {
    counts: Vec<u32>,
}

impl Frames {
    /// Counts for all frames below a limit.
    pub fn new(limit: u32) -> Frames {
        Frames {
            counts: vec![0; limit as usize],
        }
    }

    /// Takes a frame with undefined contents and a count of 1.
    pub fn allocate<M: Machine>(&mut self, machine: &mut M) -> Option<Frame> {
        if machine.free_frames() <= RESERVE_FRAMES {
            return None;
        }
        let frame = machine.allocate_frame()?;
        self.adopt(frame);
        Some(frame)
    }

    /// Takes a frame of zeros and a count of 1.
    pub fn allocate_zeroed<M: Machine>(&mut self, machine: &mut M) -> Option<Frame> {
        let frame = self.allocate(machine)?;
        machine.zero_frame(frame);
        Some(frame)
    }

    /// Takes a copy of a frame, with a count of 1.
    pub fn allocate_copy<M: Machine>(&mut self, machine: &mut M, from: Frame) -> Option<Frame> {
        let frame = self.allocate(machine)?;
        machine.copy((from, 0), (frame, 0), 4096);
        Some(frame)
    }

    /// Starts counting a frame that was allocated elsewhere.
    pub fn adopt(&mut self, frame: Frame) {
        if let Some(count) = self.counts.get_mut(frame.0 as usize) {
            *count = 1;
        }
    }

    /// One more page map refers to it.
    pub fn share(&mut self, frame: Frame) {
        if let Some(count) = self.counts.get_mut(frame.0 as usize) {
            *count += 1;
        }
    }

    /// Whether more than one page map refers to it.
    pub fn is_shared(&self, frame: Frame) -> bool {
        self.counts
            .get(frame.0 as usize)
            .is_some_and(|&count| count > 1)
    }

    /// One page map less refers to it; the last gives it back.
    pub fn release<M: Machine>(&mut self, machine: &mut M, frame: Frame) {
        // A frame beyond the table was never counted: it is not ours to free.
        let Some(count) = self.counts.get_mut(frame.0 as usize) else {
            return;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            machine.free_frame(frame);
        }
    }
}
