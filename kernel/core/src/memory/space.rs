//! Address spaces: making, destroying, forking, looking up.

use super::frames::RESERVE_FRAMES;
use super::page_map::PageMap;
use super::region::{Region, RegionView};
use super::{MemoryId, MemorySystem, PAGE, SpaceId, page_of};
use crate::machine::{self, Machine};
use alloc::collections::VecDeque;
use core::cell::Cell;
use kernel_abi::memory::map_flags;
use kernel_abi::{Error, IDENTITY_PAGE};

/// Addresses below are never mapped: a null pointer with an offset faults.
pub(crate) const LOWEST_ADDRESS: u64 = 0x1_0000;
/// One more than the highest address for regions.
pub(crate) const HIGHEST_ADDRESS: u64 = IDENTITY_PAGE;
/// Chosen addresses start within this many pages below the top.
const RANDOM_PAGES: u64 = 1 << 28;
/// Room above chosen addresses, for stacks that are placed at the top.
const TOP_GAP: u64 = 1 << 30;

/// Most regions of a space: what one process can have the kernel remember is bounded.
pub(crate) const MOST_REGIONS: usize = 65_536;

/// Bounds that the owner of a process sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Most bytes mapped.
    pub address_space: u64,
    /// Most bytes of a stack region that may be touched, from its upper end.
    pub stack: u64,
    /// Most bytes mapped private, writable and not as a stack.
    pub data: u64,
}

impl Default for SpaceLimits {
    fn default() -> SpaceLimits {
        SpaceLimits {
            address_space: u64::MAX,
            stack: u64::MAX,
            data: u64::MAX,
        }
    }
}

/// How much memory a space uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceUsage {
    /// Bytes mapped.
    pub mapped_bytes: u64,
    /// Bytes of private pages present.
    pub resident_bytes: u64,
}

/// An address space.
pub struct Space {
    pub(crate) machine: machine::Space,
    /// Sorted by address, disjoint.
    pub(crate) regions: VecDeque<Region>,
    /// The space's own pages, by virtual page number.
    pub(crate) private: PageMap,
    pub(crate) mapped_bytes: u64,
    pub(crate) limits: SpaceLimits,
    /// Addresses are chosen downwards from here.
    pub(crate) top: u64,
    /// From the top down to here everything is mapped.
    pub(super) full_down_to: Cell<u64>,
    /// The region that the last lookup found: neighbouring faults hit the same one.
    last_found: Cell<usize>,
}

impl Space {
    /// Index of the first region that ends above an address.
    pub(crate) fn index_above(&self, address: u64) -> usize {
        let cached = self.last_found.get();
        if let Some(region) = self.regions.get(cached)
            && region.start <= address
            && address < region.end
        {
            return cached;
        }
        let index = self.regions.partition_point(|region| region.end <= address);
        self.last_found.set(index);
        index
    }

    /// The region that holds an address.
    pub(crate) fn find(&self, address: u64) -> Option<&Region> {
        self.regions
            .get(self.index_above(address))
            .filter(|region| region.start <= address)
    }

    /// Whether a range is free of regions.
    pub(crate) fn is_free(&self, start: u64, end: u64) -> bool {
        self.regions
            .get(self.index_above(start))
            .is_none_or(|region| region.start >= end)
    }
}

impl MemorySystem {
    /// Makes an empty space.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn space_create<M: Machine>(&mut self, machine: &mut M) -> Result<SpaceId, Error> {
        let hardware = machine.create_space().map_err(|_| Error::NoMemory)?;
        let random = machine.entropy() % RANDOM_PAGES;
        let top = HIGHEST_ADDRESS - TOP_GAP - random * PAGE;
        Ok(self.spaces.insert(Space {
            machine: hardware,
            regions: VecDeque::new(),
            private: PageMap::default(),
            mapped_bytes: 0,
            limits: SpaceLimits::default(),
            top,
            full_down_to: Cell::new(top),
            last_found: Cell::new(0),
        }))
    }

    /// Unmaps everything and frees the page tables. No processor uses the space any more.
    pub fn space_destroy<M: Machine>(&mut self, machine: &mut M, id: SpaceId) {
        let Some(space) = self.spaces.remove(id) else {
            return;
        };
        machine.destroy_space(space.machine);
        for (_, entry) in space.private.range(0, u64::MAX) {
            if let Some(frame) = entry.frame() {
                self.frames.release(machine, frame);
            }
        }
        for region in &space.regions {
            self.forget_mapping(machine, id, region);
        }
    }

    /// Makes a copy of a space: private pages are shared until one side stores into them.
    ///
    /// # Errors
    /// `NotFound`, `NoMemory`.
    pub fn space_fork<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
    ) -> Result<SpaceId, Error> {
        let parent = self.spaces.get(id).ok_or(Error::NotFound)?;
        // What is copied must not exhaust the kernel's heap half way.
        let regions = parent.regions.len() * size_of::<Region>();
        let frames = (parent.private.footprint() + 2 * regions) / PAGE as usize;
        if machine.free_frames() < frames + RESERVE_FRAMES {
            return Err(Error::NoMemory);
        }
        let hardware = machine.create_space().map_err(|_| Error::NoMemory)?;
        let private = parent.private.clone();
        for (_, entry) in private.range(0, u64::MAX) {
            if let Some(frame) = entry.frame() {
                self.frames.share(frame);
            }
        }
        for region in parent.regions.iter().filter(|region| !region.is_shared()) {
            if region.is_writable() {
                machine.protect_read_only(parent.machine, region.start, page_of(region.length()));
            }
        }
        let child = Space {
            machine: hardware,
            regions: parent.regions.clone(),
            private,
            mapped_bytes: parent.mapped_bytes,
            limits: parent.limits,
            top: parent.top,
            full_down_to: parent.full_down_to.clone(),
            last_found: Cell::new(0),
        };
        let regions = child.regions.clone();
        let child = self.spaces.insert(child);
        for region in &regions {
            self.remember_mapping(child, region);
        }
        Ok(child)
    }

    /// Counts a region that shows a Memory.
    pub(crate) fn remember_mapping(&mut self, space: SpaceId, region: &Region) {
        let Some((id, _)) = region.backing else {
            return;
        };
        self.reference(id);
        if let Some(memory) = self.memories.get_mut(id) {
            *memory.mappings.entry(space).or_insert(0) += 1;
        }
    }

    /// Uncounts it.
    pub(crate) fn forget_mapping<M: Machine>(
        &mut self,
        machine: &mut M,
        space: SpaceId,
        region: &Region,
    ) {
        let Some((id, _)) = region.backing else {
            return;
        };
        if let Some(memory) = self.memories.get_mut(id)
            && let Some(count) = memory.mappings.get_mut(&space)
        {
            *count -= 1;
            if *count == 0 {
                memory.mappings.remove(&space);
            }
        }
        self.release(machine, id);
    }

    /// Takes away the translations of a Memory's pages in every space.
    pub(crate) fn unmap_everywhere<M: Machine>(
        &self,
        machine: &mut M,
        id: MemoryId,
        first: u64,
        pages: u64,
    ) {
        self.each_mapping(id, first, pages, |space, _, start, end| {
            machine.unmap(space, start, page_of(end - start));
        });
    }

    /// Takes away the write permission of a Memory's pages in every shared region.
    pub(crate) fn write_protect_everywhere<M: Machine>(
        &self,
        machine: &mut M,
        id: MemoryId,
        first: u64,
        pages: u64,
    ) {
        self.each_mapping(id, first, pages, |space, region, start, end| {
            if region.is_shared() && region.is_writable() {
                machine.protect_read_only(space, start, page_of(end - start));
            }
        });
    }

    fn each_mapping(
        &self,
        id: MemoryId,
        first: u64,
        pages: u64,
        mut act: impl FnMut(machine::Space, &Region, u64, u64),
    ) {
        let Some(memory) = self.memories.get(id) else {
            return;
        };
        let end = first.saturating_add(pages);
        for space in memory
            .mappings
            .keys()
            .filter_map(|&space| self.spaces.get(space))
        {
            for region in &space.regions {
                if let Some((low, high)) = region.addresses_of(id, first, end) {
                    act(space.machine, region, low, high);
                }
            }
        }
    }

    /// The hardware's name of a space.
    #[inline]
    pub fn machine_space(&self, id: SpaceId) -> Option<machine::Space> {
        self.spaces.get(id).map(|space| space.machine)
    }

    /// Sets bounds.
    pub fn set_space_limits(&mut self, id: SpaceId, limits: SpaceLimits) {
        if let Some(space) = self.spaces.get_mut(id) {
            space.limits = limits;
        }
    }

    /// The bounds of a space.
    pub fn space_limits(&self, id: SpaceId) -> SpaceLimits {
        self.spaces
            .get(id)
            .map_or_else(SpaceLimits::default, |space| space.limits)
    }

    /// How much a space uses.
    pub fn space_usage(&self, id: SpaceId) -> SpaceUsage {
        self.spaces
            .get(id)
            .map_or_else(SpaceUsage::default, |space| SpaceUsage {
                mapped_bytes: space.mapped_bytes,
                resident_bytes: space.private.present() * PAGE,
            })
    }

    /// Whether the page of an address holds something.
    pub fn is_present(&self, id: SpaceId, address: u64) -> bool {
        let Some(space) = self.spaces.get(id) else {
            return false;
        };
        let region = space.regions.get(space.index_above(address));
        let Some(region) = region.filter(|region| region.start <= address) else {
            return false;
        };
        let own = space.private.get(page_of(address)).frame();
        let shown = region
            .backing_page(address)
            .and_then(|(memory, page)| self.memories.get(memory)?.pages.get(page).frame());
        own.or(shown).is_some()
    }

    /// The region at or above an address.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn region_info(&self, id: SpaceId, address: u64) -> Result<RegionView, Error> {
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        let region = space
            .regions
            .get(space.index_above(address))
            .ok_or(Error::NotFound)?;
        let (start, end) = (page_of(region.start), page_of(region.end));
        let own = space
            .private
            .range(start, end)
            .filter(|(_, entry)| entry.frame().is_some());
        let mut present_pages = own.count() as u64;
        if let Some((memory, first)) = region.backing_page(region.start)
            && let Some(memory) = self.memories.get(memory)
        {
            let shown =
                memory
                    .pages
                    .range(first, first + (end - start))
                    .filter(|&(page, entry)| {
                        entry.frame().is_some()
                            && space.private.get(start + (page - first)).frame().is_none()
                    });
            present_pages += shown.count() as u64;
        }
        Ok(RegionView {
            address: region.start,
            length: region.length(),
            memory: region.backing.map(|(memory, _)| memory),
            offset: region.backing.map_or(0, |(_, offset)| offset),
            protection: region.protection,
            flags: region.flags & (map_flags::SHARED | map_flags::STACK)
                | if region.backing.is_none() {
                    map_flags::ANONYMOUS
                } else {
                    0
                },
            present_pages,
        })
    }
}
