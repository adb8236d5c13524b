//! The map of physical memory, and the only allocator there is: it carves pages out of it.

use crate::memory::{PhysicalRange, page_ceil, page_floor};
use crate::{LoadError, PAGE_SIZE};

/// Regions a map can hold. UEFI firmware hands over about a hundred.
pub const MAX_REGIONS: usize = 512;

/// What a region is, numbered as the Limine protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryKind {
    /// Free for the kernel.
    Usable = 0,
    /// Not memory, or the firmware's.
    Reserved = 1,
    /// ACPI tables; free once they have been read.
    AcpiReclaimable = 2,
    /// Kept for the firmware across sleep.
    AcpiNvs = 3,
    /// Defective.
    BadMemory = 4,
    /// Holds the loader's responses, page tables and stacks.
    BootloaderReclaimable = 5,
    /// Holds the kernel and its modules.
    ExecutableAndModules = 6,
    /// A framebuffer.
    Framebuffer = 7,
    /// Reserved, but holding ACPI tables and therefore in the direct map.
    MappedReserved = 8,
}

impl MemoryKind {
    /// Whether the higher-half direct map covers such a region as ordinary memory.
    #[must_use]
    pub const fn is_direct_mapped(self) -> bool {
        !matches!(self, Self::Reserved | Self::BadMemory | Self::Framebuffer)
    }
}

/// One region; regions of a map are sorted and do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub base: u64,
    /// First address behind it.
    pub end: u64,
    /// What it is.
    pub kind: MemoryKind,
}

/// A sorted map without overlaps.
#[derive(Debug, Clone)]
pub struct MemoryMap {
    regions: [Region; MAX_REGIONS],
    count: usize,
}

impl Default for MemoryMap {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryMap {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        let empty = Region {
            base: 0,
            end: 0,
            kind: MemoryKind::Reserved,
        };
        Self {
            regions: [empty; MAX_REGIONS],
            count: 0,
        }
    }

    /// All regions in ascending order.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions[..self.count]
    }

    /// Makes `range` a region of `kind`, whatever was there before.
    ///
    /// Firmware maps may overlap: add usable memory first and everything else after it, and
    /// the stricter description wins.
    ///
    /// # Errors
    ///
    /// [`LoadError::MemoryMapFull`].
    pub fn overlay(&mut self, range: PhysicalRange, kind: MemoryKind) -> Result<(), LoadError> {
        let (base, end) = (range.base, range.end());
        if base >= end {
            return Ok(());
        }
        self.cut(base, end)?;
        let at = self
            .regions()
            .iter()
            .take_while(|region| region.base < base)
            .count();
        self.insert(at, Region { base, end, kind })?;
        self.merge_with_next(at);
        if at > 0 {
            self.merge_with_next(at - 1);
        }
        Ok(())
    }

    /// Shrinks usable regions to whole pages and takes page 0 out of them, as the protocol
    /// promises the kernel. Call it once, before allocating.
    ///
    /// # Errors
    ///
    /// [`LoadError::MemoryMapFull`].
    pub fn align_usable(&mut self) -> Result<(), LoadError> {
        if self.kind_at(0) == Some(MemoryKind::Usable) {
            let first_page = PhysicalRange {
                base: 0,
                length: PAGE_SIZE,
            };
            self.overlay(first_page, MemoryKind::Reserved)?;
        }
        let mut index = 0;
        while index < self.count {
            let region = &mut self.regions[index];
            if region.kind == MemoryKind::Usable {
                region.base = page_ceil(region.base);
                region.end = page_floor(region.end);
                if region.base >= region.end {
                    self.remove(index);
                    continue;
                }
            }
            index += 1;
        }
        Ok(())
    }

    /// Takes `length` bytes, rounded up to pages, from the top of the highest usable region
    /// that ends the search below `limit`, and marks them as `kind`.
    ///
    /// From the top, so that successive allocations join into one region.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`] and [`LoadError::MemoryMapFull`].
    pub fn allocate(
        &mut self,
        length: u64,
        kind: MemoryKind,
        limit: u64,
    ) -> Result<u64, LoadError> {
        let length = page_ceil(length);
        // Whole pages even where the map has not been aligned yet.
        let end = |region: &Region| page_floor(region.end.min(limit));
        let fits = |region: &&Region| {
            region.kind == MemoryKind::Usable
                && page_ceil(region.base).saturating_add(length) <= end(region)
        };
        let region = self
            .regions()
            .iter()
            .rev()
            .find(fits)
            .ok_or(LoadError::OutOfMemory)?;
        let base = end(region) - length;
        self.overlay(PhysicalRange { base, length }, kind)?;
        Ok(base)
    }

    /// The kind of the region that holds `address`.
    #[must_use]
    pub fn kind_at(&self, address: u64) -> Option<MemoryKind> {
        let holds = |region: &&Region| region.base <= address && address < region.end;
        self.regions().iter().find(holds).map(|region| region.kind)
    }

    /// The first stretch at or above `from` that the direct map covers, in whole pages.
    ///
    /// Adjacent regions are joined, so that large pages can span them; asked by address
    /// because building the tables that map one stretch allocates, which changes the regions.
    #[must_use]
    pub fn next_direct_mapped(&self, from: u64) -> Option<PhysicalRange> {
        let mut found: Option<(u64, u64)> = None;
        for region in self.regions() {
            if !region.kind.is_direct_mapped() || region.end <= from {
                continue;
            }
            let base = page_floor(region.base).max(from);
            found = match found {
                None => Some((base, page_ceil(region.end))),
                Some((start, end)) if base <= end => Some((start, page_ceil(region.end).max(end))),
                Some(_) => break,
            };
        }
        found.map(|(base, end)| PhysicalRange {
            base,
            length: end - base,
        })
    }

    /// Removes `base..end` from all regions.
    fn cut(&mut self, base: u64, end: u64) -> Result<(), LoadError> {
        let mut index = 0;
        while index < self.count {
            let region = self.regions[index];
            if region.end <= base || end <= region.base {
                index += 1;
                continue;
            }
            match (region.base < base, end < region.end) {
                (false, false) => {
                    self.remove(index);
                    continue;
                }
                (true, false) => self.regions[index].end = base,
                (false, true) => self.regions[index].base = end,
                (true, true) => {
                    self.regions[index].end = base;
                    self.insert(
                        index + 1,
                        Region {
                            base: end,
                            ..region
                        },
                    )?;
                }
            }
            index += 1;
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, region: Region) -> Result<(), LoadError> {
        if self.count == MAX_REGIONS {
            return Err(LoadError::MemoryMapFull);
        }
        self.regions.copy_within(at..self.count, at + 1);
        self.regions[at] = region;
        self.count += 1;
        Ok(())
    }

    fn remove(&mut self, at: usize) {
        self.regions.copy_within(at + 1..self.count, at);
        self.count -= 1;
    }

    fn merge_with_next(&mut self, at: usize) {
        let [first, second] = match self.regions().get(at..at + 2) {
            Some(&[first, second]) => [first, second],
            _ => return,
        };
        if first.kind == second.kind && first.end == second.base {
            self.regions[at].end = second.end;
            self.remove(at + 1);
        }
    }
}
