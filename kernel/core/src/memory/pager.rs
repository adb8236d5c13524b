//! The pager's side of a Memory: requests, supply, failure, cleaning, discarding.

use super::object::{Source, page_range};
use super::page_map::Entry;
use super::{MemoryId, MemorySystem, PAGE, PAGE_SHIFT};
use crate::machine::Machine;
use alloc::vec::Vec;
use kernel_abi::Error;
use kernel_abi::memory::{Range, clean};

/// A request for pages, to be sent to a pager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// As given at the creation of the Memory.
    pub endpoint: u64,
    /// As given at the creation of the Memory.
    pub key: u64,
    /// First byte, page aligned.
    pub offset: u64,
    /// Bytes, whole pages.
    pub length: u64,
    /// Whether a store waits for it.
    pub write: bool,
}

/// Most pages in one request: what a disk reads at about the cost of one.
const READ_AHEAD_PAGES: u64 = 16;

impl MemorySystem {
    /// Asks the pager for a missing page and its missing neighbours.
    pub(crate) fn request_page(&mut self, id: MemoryId, page: u64, write: bool) {
        let Some(memory) = self.memories.get_mut(id) else {
            return;
        };
        let Source::Paged { endpoint, key } = memory.source else {
            return;
        };
        let limit = memory.mapped_page_limit().max(page + 1);
        let cluster = page & !(READ_AHEAD_PAGES - 1);
        let mut first = page;
        while first > cluster && memory.pages.get(first - 1) == Entry::EMPTY {
            first -= 1;
        }
        let mut end = page + 1;
        while end < limit && end - first < READ_AHEAD_PAGES && memory.pages.get(end) == Entry::EMPTY
        {
            end += 1;
        }
        for asked in first..end {
            memory.pages.set(asked, Entry::AWAITED);
        }
        self.page_requests.push_back(PageRequest {
            endpoint,
            key,
            offset: first << PAGE_SHIFT,
            length: (end - first) << PAGE_SHIFT,
            write,
        });
    }

    /// Asks again for every page that this endpoint's pager was asked for and has not supplied:
    /// the one that had taken the requests is dead.
    pub fn repeat_page_requests(&mut self, endpoint: u64) {
        let mut requests = Vec::new();
        for (_, memory) in self.memories.iter() {
            let Source::Paged {
                endpoint: pager,
                key,
            } = memory.source
            else {
                continue;
            };
            if pager != endpoint {
                continue;
            }
            for (page, _) in memory
                .pages
                .range(0, u64::MAX)
                .filter(|(_, entry)| entry.is_awaited())
            {
                let (offset, length) = (page << PAGE_SHIFT, PAGE);
                requests.push(PageRequest {
                    endpoint,
                    key,
                    offset,
                    length,
                    write: false,
                });
            }
        }
        self.page_requests.extend(requests);
    }

    /// Moves pages of an anonymous Memory into missing pages of `id`; a page that was never
    /// touched in the source supplies zeros. Pages already present stay.
    ///
    /// # Errors
    /// `BadArgument` for ranges that are misaligned, beyond an end, or of one and the same
    /// Memory; `WrongKind` when the source is not anonymous; `Busy` when a page of it is pinned;
    /// `NoMemory`.
    pub fn supply<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
        source: MemoryId,
        source_offset: u64,
    ) -> Result<(), Error> {
        let (first, end) = self.supply_range(id, offset, length)?;
        let giver = self.memories.get(source).ok_or(Error::NotFound)?;
        let (from, from_end) = page_range(source_offset, length, giver.size)?;
        if id == source {
            return Err(Error::BadArgument);
        }
        if giver.source != Source::Anonymous {
            return Err(Error::WrongKind);
        }
        if giver
            .pages
            .range(from, from_end)
            .any(|(_, entry)| entry.pins() > 0)
        {
            return Err(Error::Busy);
        }
        self.unmap_everywhere(machine, source, from, from_end - from);
        for page in first..end {
            if self.has_page(id, page) {
                continue;
            }
            let place = from + (page - first);
            let moved = self
                .memories
                .get_mut(source)
                .map(|giver| giver.pages.set(place, Entry::EMPTY));
            let frame = match moved.and_then(Entry::frame) {
                Some(frame) => frame,
                None => self
                    .frames
                    .allocate_zeroed(machine)
                    .ok_or(Error::NoMemory)?,
            };
            self.settle_page(id, page, Entry::present(frame));
        }
        Ok(())
    }

    /// Supplies zero pages.
    ///
    /// # Errors
    /// `BadArgument` for a range that is misaligned or beyond the end, `NoMemory`.
    pub fn supply_zero<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        let (first, end) = self.supply_range(id, offset, length)?;
        for page in first..end {
            if !self.has_page(id, page) {
                let frame = self
                    .frames
                    .allocate_zeroed(machine)
                    .ok_or(Error::NoMemory)?;
                self.settle_page(id, page, Entry::present(frame));
            }
        }
        Ok(())
    }

    fn supply_range(&self, id: MemoryId, offset: u64, length: u64) -> Result<(u64, u64), Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        if !matches!(memory.source, Source::Paged { .. } | Source::Anonymous) {
            return Err(Error::WrongKind);
        }
        page_range(offset, length, memory.size)
    }

    fn has_page(&self, id: MemoryId, page: u64) -> bool {
        self.memories
            .get(id)
            .is_some_and(|memory| memory.pages.get(page).frame().is_some())
    }

    /// Sets the state of a missing page, and wakes who waits for it.
    fn settle_page(&mut self, id: MemoryId, page: u64, entry: Entry) {
        let Some(memory) = self.memories.get_mut(id) else {
            return;
        };
        if memory.pages.set(page, entry).is_awaited() {
            self.wakeups.push_back((id, page));
        }
    }

    /// Ends the waits for missing pages: the next access to each of them fails, the one after
    /// that asks again.
    ///
    /// # Errors
    /// `BadArgument` for a range that is misaligned or beyond the end.
    pub fn fail(&mut self, id: MemoryId, offset: u64, length: u64) -> Result<(), Error> {
        let (first, end) = self.supply_range(id, offset, length)?;
        let mut from = first;
        while let Some((page, entry)) = self
            .memories
            .get(id)
            .and_then(|memory| memory.pages.next(from, end))
        {
            from = page + 1;
            if entry.is_awaited() {
                self.settle_page(id, page, Entry::BROKEN);
            }
        }
        Ok(())
    }

    /// The dirty ranges from an offset on, at most `count`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn dirty(&self, id: MemoryId, offset: u64, count: usize) -> Result<Vec<Range>, Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        let mut ranges: Vec<Range> = Vec::new();
        for (page, entry) in memory.pages.range(super::page_of(offset), u64::MAX) {
            if !entry.is_dirty() {
                continue;
            }
            let start = page << PAGE_SHIFT;
            let full = ranges.len() >= count;
            match ranges.last_mut() {
                Some(last) if last.offset + last.length == start => last.length += PAGE,
                _ if full => break,
                _ => ranges.push(Range {
                    offset: start,
                    length: PAGE,
                }),
            }
        }
        Ok(ranges)
    }

    /// One phase of writing dirty pages out ([`kernel_abi::memory::clean`]).
    ///
    /// # Errors
    /// `BadArgument` for an unknown phase or a range that is misaligned or beyond the end.
    pub fn clean<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Result<(), Error> {
        let memory = self.memories.get_mut(id).ok_or(Error::NotFound)?;
        let (first, end) = page_range(offset, length, memory.size)?;
        if phase > clean::FAILED {
            return Err(Error::BadArgument);
        }
        let mut from = first;
        while let Some((page, entry)) = memory.pages.next(from, end) {
            from = page + 1;
            let after = match phase {
                clean::BEGIN if entry.is_dirty() => entry.with_dirty(false).with_cleaning(true),
                clean::END => entry.with_cleaning(false),
                clean::FAILED if entry.is_cleaning() => entry.with_cleaning(false).with_dirty(true),
                _ => continue,
            };
            memory.pages.set(page, after);
        }
        if phase == clean::BEGIN {
            self.write_protect_everywhere(machine, id, first, end - first);
        }
        Ok(())
    }

    /// Drops the clean, unpinned pages of a range of paged memory; returns how many.
    ///
    /// # Errors
    /// `WrongKind` for memory without a pager, which could not bring them back; `BadArgument`
    /// for a range that is misaligned or beyond the end.
    pub fn discard<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
    ) -> Result<u64, Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        let (first, end) = page_range(offset, length, memory.size)?;
        if !matches!(memory.source, Source::Paged { .. }) {
            return Err(Error::WrongKind);
        }
        let droppable = |entry: Entry| {
            entry.frame().is_some()
                && !entry.is_dirty()
                && !entry.is_cleaning()
                && entry.pins() == 0
        };
        let pages: Vec<u64> = memory
            .pages
            .range(first, end)
            .filter(|&(_, entry)| droppable(entry))
            .map(|(page, _)| page)
            .collect();
        for &page in &pages {
            self.drop_pages(machine, id, page, page + 1);
        }
        Ok(pages.len() as u64)
    }
}
