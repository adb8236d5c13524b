//! Pages that must stay where they are while a device reaches them.

use super::object::{Source, page_range};
use super::{CopyStop, MemoryId, MemorySystem, page_of};
use crate::machine::{Frame, Machine};
use alloc::vec::Vec;

impl MemorySystem {
    /// Pins the pages of a range, making them present and the Memory's own, and gives their
    /// physical addresses. Nothing stays pinned when it fails.
    ///
    /// # Errors
    /// [`CopyStop`]: `Fault` for a range that is misaligned or beyond the end.
    pub fn pin<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u64>, CopyStop> {
        let memory = self.memories.get(id).ok_or(CopyStop::Fault)?;
        let (first, end) = page_range(offset, length, memory.size).map_err(|_| CopyStop::Fault)?;
        let source = memory.source;
        if page_of(length) > machine.total_frames() as u64 {
            return Err(CopyStop::NoMemory);
        }
        let mut addresses = Vec::new();
        for page in first..end {
            let pinned = match source {
                Source::Physical { first, .. } => Ok(Frame(first.0 + page as u32)),
                _ => self.pin_page(machine, id, page),
            };
            match pinned {
                Ok(frame) => addresses.push(frame.address()),
                Err(stop) => {
                    self.unpin_pages(machine, id, first, page);
                    return Err(stop);
                }
            }
        }
        Ok(addresses)
    }

    fn pin_page<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        page: u64,
    ) -> Result<Frame, CopyStop> {
        let frame = self.object_page(machine, id, page, false)?;
        let frame = match self.break_sharing(machine, id, page) {
            Some(own) => own,
            None if self.frames.is_shared(frame) => return Err(CopyStop::NoMemory),
            None => frame,
        };
        let memory = self.memories.get_mut(id).ok_or(CopyStop::Fault)?;
        let entry = memory.pages.get(page);
        let pins = entry.pins().checked_add(1).ok_or(CopyStop::NoMemory)?;
        memory.pages.set(page, entry.with_pins(pins));
        Ok(frame)
    }

    /// Takes back one pin of each page of a range.
    pub fn unpin<M: Machine>(&mut self, machine: &mut M, id: MemoryId, offset: u64, length: u64) {
        let Some(memory) = self.memories.get(id) else {
            return;
        };
        // Ranges come from a successful `pin`; a Memory with pinned pages does not shrink.
        let Ok((first, end)) = page_range(offset, length, memory.size) else {
            return;
        };
        self.unpin_pages(machine, id, first, end);
    }

    fn unpin_pages<M: Machine>(&mut self, machine: &mut M, id: MemoryId, first: u64, end: u64) {
        let Some(memory) = self.memories.get_mut(id) else {
            return;
        };
        let limit = if memory.length_is_set {
            memory.mapped_page_limit()
        } else {
            u64::MAX
        };
        let mut from = first;
        let mut beyond_end = false;
        while let Some((page, entry)) = memory.pages.next(from, end) {
            from = page + 1;
            let pins = entry.pins().saturating_sub(1);
            memory.pages.set(page, entry.with_pins(pins));
            beyond_end |= pins == 0 && entry.pins() == 1 && page >= limit;
        }
        if beyond_end {
            // The contents were cut off while the device still had the pages.
            self.drop_pages(machine, id, first.max(limit), end);
        }
    }
}
