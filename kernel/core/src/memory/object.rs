//! Memory objects: creation, references, size and length.

use super::page_map::{Entry, PageMap};
use super::{MAXIMUM_SIZE, MemoryId, MemorySystem, PAGE, SpaceId, page_of, round_up};
use crate::machine::{Frame, Machine};
use alloc::collections::BTreeMap;
use kernel_abi::Error;
use kernel_abi::memory::{MemoryInfo, cache, memory_flags};

/// Where missing pages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Zeros.
    Anonymous,
    /// A server behind an endpoint (the token and key are the caller's, unchanged).
    Paged { endpoint: u64, key: u64 },
    /// Fixed frames, of RAM or a device's; `cache` as in [`kernel_abi::memory::cache`].
    Physical {
        first: Frame,
        cache: u8,
        device: bool,
    },
    /// The pages of another Memory, from a page on, as they are when first touched.
    Child { parent: MemoryId, first_page: u64 },
}

/// Pages.
pub struct Memory {
    pub(crate) source: Source,
    pub(crate) pages: PageMap,
    /// Capacity in bytes, whole pages.
    pub(crate) size: u64,
    /// Bytes of contents.
    pub(crate) length: u64,
    /// Somebody set the length: from then on it does not follow the size.
    pub(crate) length_is_set: bool,
    pub(crate) resizable: bool,
    pub(crate) references: u32,
    /// The spaces with regions of this Memory, and how many regions each.
    pub(crate) mappings: BTreeMap<SpaceId, u32>,
    pub(crate) modified_ns: u64,
}

impl Memory {
    fn new(source: Source, size: u64, resizable: bool) -> Memory {
        Memory {
            source,
            pages: PageMap::default(),
            size,
            length: size,
            length_is_set: false,
            resizable,
            references: 1,
            mappings: BTreeMap::new(),
            modified_ns: 0,
        }
    }

    /// How its pages are cached ([`kernel_abi::memory::cache`]).
    pub(crate) fn cache(&self) -> u8 {
        match self.source {
            Source::Physical { cache, .. } => cache,
            _ => cache::CACHED as u8,
        }
    }

    /// Whether its frames are not RAM, so that only mappings reach them.
    pub(crate) fn is_device(&self) -> bool {
        matches!(self.source, Source::Physical { device: true, .. })
    }

    /// Pages that a mapping may touch; those beyond are `BUS` faults.
    pub(crate) fn mapped_page_limit(&self) -> u64 {
        let end = if self.length_is_set {
            self.length
        } else {
            self.size
        };
        page_of(end.saturating_add(PAGE - 1))
    }
}

/// Checks `offset..offset + length` against a size and gives the pages it touches.
pub(crate) fn page_range(offset: u64, length: u64, size: u64) -> Result<(u64, u64), Error> {
    let end = offset.checked_add(length).ok_or(Error::BadArgument)?;
    if end > size || !offset.is_multiple_of(PAGE) {
        return Err(Error::BadArgument);
    }
    Ok((page_of(offset), page_of(end.saturating_add(PAGE - 1))))
}

impl MemorySystem {
    /// Makes zero-filled memory with one reference.
    ///
    /// # Errors
    /// `BadArgument` for unknown flags or a size out of range, `NoMemory` when contiguous
    /// frames are asked for and not to be had.
    pub fn create_anonymous<M: Machine>(
        &mut self,
        machine: &mut M,
        size: u64,
        flags: u64,
    ) -> Result<MemoryId, Error> {
        let known = memory_flags::RESIZABLE | memory_flags::CONTIGUOUS | memory_flags::BELOW_4G;
        let size = round_up(size).ok_or(Error::BadArgument)?;
        let resizable = flags & memory_flags::RESIZABLE != 0;
        let contiguous = flags & memory_flags::CONTIGUOUS != 0;
        if flags & !known != 0 || (contiguous && (resizable || size == 0)) {
            return Err(Error::BadArgument);
        }
        let mut memory = Memory::new(Source::Anonymous, size, resizable);
        if contiguous {
            let count = page_of(size);
            if count
                > machine
                    .free_frames()
                    .saturating_sub(super::frames::RESERVE_FRAMES) as u64
            {
                return Err(Error::NoMemory);
            }
            let below_4g = flags & memory_flags::BELOW_4G != 0;
            let first = machine
                .allocate_contiguous(count as usize, below_4g)
                .ok_or(Error::NoMemory)?;
            for page in 0..count {
                let frame = Frame(first.0 + page as u32);
                machine.zero_frame(frame);
                self.frames.adopt(frame);
                memory.pages.set(page, Entry::present(frame));
            }
        }
        Ok(self.memories.insert(memory))
    }

    /// Makes memory whose missing pages are asked from a server, with one reference.
    ///
    /// # Errors
    /// `BadArgument` for a size out of range.
    pub fn create_paged(&mut self, endpoint: u64, key: u64, size: u64) -> Result<MemoryId, Error> {
        let size = round_up(size).ok_or(Error::BadArgument)?;
        Ok(self
            .memories
            .insert(Memory::new(Source::Paged { endpoint, key }, size, true)))
    }

    /// Makes memory over fixed frames of RAM, which it never frees, with one reference.
    ///
    /// # Errors
    /// `BadArgument` for a range that is not page aligned, empty or not addressable.
    pub fn create_physical(&mut self, address: u64, size: u64) -> Result<MemoryId, Error> {
        self.create_fixed(address, size, cache::CACHED, false)
    }

    /// Makes memory of a device's registers or firmware's tables, with one reference. It can be
    /// mapped shared, and nothing else: no copy, no private mapping.
    ///
    /// # Errors
    /// As [`Self::create_physical`], and for an unknown cache attribute.
    pub fn create_device(
        &mut self,
        address: u64,
        size: u64,
        cache: u64,
    ) -> Result<MemoryId, Error> {
        self.create_fixed(address, size, cache, true)
    }

    fn create_fixed(
        &mut self,
        address: u64,
        size: u64,
        cache: u64,
        device: bool,
    ) -> Result<MemoryId, Error> {
        let size = round_up(size).ok_or(Error::BadArgument)?;
        let end = address.checked_add(size).ok_or(Error::BadArgument)?;
        // 32 bits of frame number.
        let addressable = end <= 1 << 44;
        if !address.is_multiple_of(PAGE)
            || size == 0
            || cache > cache::WRITE_COMBINING
            || !addressable
        {
            return Err(Error::BadArgument);
        }
        let source = Source::Physical {
            first: Frame(page_of(address) as u32),
            cache: cache as u8,
            device,
        };
        Ok(self.memories.insert(Memory::new(source, size, false)))
    }

    /// Makes a copy-on-write copy of a range, with one reference.
    ///
    /// # Errors
    /// `BadArgument` for a range that is not page aligned or beyond the size; `NotFound`;
    /// `Unsupported` for device memory; `NoMemory`.
    pub fn child<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        offset: u64,
        length: u64,
    ) -> Result<MemoryId, Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        let (first, end) = page_range(offset, length, memory.size)?;
        let source = match memory.source {
            Source::Anonymous => Source::Anonymous,
            Source::Physical { device: true, .. } => {
                return Err(Error::Unsupported);
            }
            Source::Paged { .. } | Source::Physical { .. } => Source::Child {
                parent: id,
                first_page: first,
            },
            // A child of a child has the same parent: there are no chains.
            Source::Child { parent, first_page } => Source::Child {
                parent,
                first_page: first_page + first,
            },
        };
        let mut child = Memory::new(source, (end - first) << super::PAGE_SHIFT, false);
        child.length = length;
        let result = self.share_pages(machine, id, first, end, &mut child);
        if let Source::Child { parent, .. } = source {
            self.reference(parent);
        }
        let child = self.memories.insert(child);
        match result {
            Ok(()) => Ok(child),
            Err(error) => {
                self.release(machine, child);
                Err(error)
            }
        }
    }

    /// Lets a child refer to the pages that its parent has now, except those of a paged parent:
    /// these are taken when they are touched.
    fn share_pages<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        first: u64,
        end: u64,
        child: &mut Memory,
    ) -> Result<(), Error> {
        let Some(parent) = self.memories.get(id) else {
            return Err(Error::NotFound);
        };
        if matches!(parent.source, Source::Paged { .. }) {
            return Ok(());
        }
        for (page, entry) in parent.pages.range(first, end) {
            let Some(mut frame) = entry.frame() else {
                continue;
            };
            if entry.pins() > 0 {
                // A device may write into it at any time.
                frame = self
                    .frames
                    .allocate_copy(machine, frame)
                    .ok_or(Error::NoMemory)?;
            } else {
                self.frames.share(frame);
            }
            child.pages.set(page - first, Entry::present(frame));
        }
        self.write_protect_everywhere(machine, id, first, end - first);
        Ok(())
    }

    /// Counts one more handle, message or region that refers to the Memory.
    pub fn reference(&mut self, id: MemoryId) {
        if let Some(memory) = self.memories.get_mut(id) {
            memory.references = memory.references.saturating_add(1);
        }
    }

    /// Counts one reference less; the last one frees the pages.
    pub fn release<M: Machine>(&mut self, machine: &mut M, id: MemoryId) {
        let Some(memory) = self.memories.get_mut(id) else {
            return;
        };
        memory.references = memory.references.saturating_sub(1);
        match memory.references {
            0 => {}
            1 => return self.unreferenced.push_back(id),
            _ => return,
        }
        self.drop_pages(machine, id, 0, u64::MAX);
        if let Some(memory) = self.memories.remove(id)
            && let Source::Child { parent, .. } = memory.source
        {
            self.release(machine, parent);
        }
    }

    /// How many handles, messages and regions refer to it.
    pub fn references(&self, id: MemoryId) -> u32 {
        self.memories.get(id).map_or(0, |memory| memory.references)
    }

    /// Bytes of contents.
    pub fn length(&self, id: MemoryId) -> Option<u64> {
        self.memories.get(id).map(|memory| memory.length)
    }

    /// Capacity in bytes.
    pub fn size(&self, id: MemoryId) -> Option<u64> {
        self.memories.get(id).map(|memory| memory.size)
    }

    /// How many Memory objects there are.
    pub fn count(&self) -> usize {
        self.memories.len()
    }

    /// Pages of all paged Memory objects.
    pub fn paged_pages(&self) -> u64 {
        let memories = self.memories.iter();
        let paged = memories.filter(|(_, memory)| matches!(memory.source, Source::Paged { .. }));
        paged.map(|(_, memory)| memory.pages.present()).sum()
    }

    /// Describes a Memory.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn info(&self, id: MemoryId) -> Result<MemoryInfo, Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        let present_pages = match memory.source {
            Source::Physical { .. } => page_of(memory.size),
            _ => memory.pages.present(),
        };
        Ok(MemoryInfo {
            size: memory.size,
            length: memory.length,
            present_pages,
            dirty_pages: memory.pages.unclean(),
            modified_ns: memory.modified_ns,
            references: u64::from(memory.references.saturating_sub(1)),
        })
    }

    /// Changes the capacity; pages beyond are dropped, from mappings too.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` for memory that was not made resizable; `BadArgument` for a
    /// size out of range; `Busy` when a page beyond is pinned.
    pub fn resize<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        size: u64,
    ) -> Result<(), Error> {
        let memory = self.memories.get_mut(id).ok_or(Error::NotFound)?;
        let size = round_up(size).ok_or(Error::BadArgument)?;
        if !memory.resizable {
            return Err(Error::Unsupported);
        }
        if memory
            .pages
            .range(page_of(size), u64::MAX)
            .any(|(_, entry)| entry.pins() > 0)
        {
            return Err(Error::Busy);
        }
        let shrinks = size < memory.size;
        memory.size = size;
        memory.length = if memory.length_is_set {
            memory.length.min(size)
        } else {
            size
        };
        if shrinks {
            self.drop_pages(machine, id, page_of(size), u64::MAX);
        }
        Ok(())
    }

    /// Sets the length of the contents. When it shrinks, pages beyond are dropped and the rest of
    /// the last page is zeroed, so that a later growth shows zeros.
    ///
    /// # Errors
    /// `NotFound`; `BadArgument` when it exceeds the size; `NoMemory`.
    pub fn set_length<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        length: u64,
    ) -> Result<(), Error> {
        let memory = self.memories.get_mut(id).ok_or(Error::NotFound)?;
        if length > memory.size || length > MAXIMUM_SIZE {
            return Err(Error::BadArgument);
        }
        if matches!(memory.source, Source::Physical { .. }) {
            return Err(Error::Unsupported);
        }
        let shrinks = length < memory.length;
        memory.length_is_set = true;
        if !shrinks {
            memory.length = length;
            return Ok(());
        }
        let page = page_of(length);
        let rest = (length % PAGE) as usize;
        let mut beyond = page;
        if rest != 0 {
            beyond += 1;
            if memory.pages.get(page).frame().is_some() {
                let frame = self
                    .break_sharing(machine, id, page)
                    .ok_or(Error::NoMemory)?;
                zero_tail(machine, frame, rest);
            }
        }
        if let Some(memory) = self.memories.get_mut(id) {
            memory.length = length;
        }
        self.drop_pages(machine, id, beyond, u64::MAX);
        Ok(())
    }

    /// Drops the pages of a range and their translations; wakes who waits for one. A pinned page
    /// stays, filled with zeros: a device may still write to it.
    pub(crate) fn drop_pages<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        first: u64,
        end: u64,
    ) {
        self.unmap_everywhere(machine, id, first, end - first);
        let Some(memory) = self.memories.get_mut(id) else {
            return;
        };
        let mut from = first;
        while let Some((page, entry)) = memory.pages.next(from, end) {
            from = page + 1;
            if entry.pins() > 0 {
                if let Some(frame) = entry.frame() {
                    machine.zero_frame(frame);
                }
                continue;
            }
            memory.pages.set(page, Entry::EMPTY);
            if let Some(frame) = entry.frame() {
                self.frames.release(machine, frame);
            }
            if entry.is_awaited() {
                self.wakeups.push_back((id, page));
            }
        }
    }

    /// Makes sure that no other page map refers to a present page's frame; gives the frame.
    pub(crate) fn break_sharing<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        page: u64,
    ) -> Option<Frame> {
        let entry = self.memories.get(id)?.pages.get(page);
        let frame = entry.frame()?;
        if !self.frames.is_shared(frame) {
            return Some(frame);
        }
        let copy = self.frames.allocate_copy(machine, frame)?;
        // Every region of this Memory must see the new frame from now on.
        self.unmap_everywhere(machine, id, page, 1);
        self.memories
            .get_mut(id)?
            .pages
            .set(page, entry.with_frame(copy));
        self.frames.release(machine, frame);
        Some(copy)
    }
}

fn zero_tail<M: Machine>(machine: &mut M, frame: Frame, from: usize) {
    const ZEROS: [u8; 256] = [0; 256];
    let mut at = from;
    while at < PAGE as usize {
        let count = ZEROS.len().min(PAGE as usize - at);
        machine.write(frame, at, &ZEROS[..count]);
        at += count;
    }
}
