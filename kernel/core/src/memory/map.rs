//! Changing the regions of a space.

use super::fault::FaultOutcome;
use super::region::Region;
use super::space::{HIGHEST_ADDRESS, LOWEST_ADDRESS, MOST_REGIONS, Space};
use super::{MemoryId, MemorySystem, PAGE, SpaceId, page_of, round_up};
use crate::machine::Machine;
use alloc::vec::Vec;
use kernel_abi::Error;
use kernel_abi::memory::{map_flags, protection};

/// A mapping to make.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Wanted address: exact with `FIXED`, else a hint; 0 for any.
    pub address: u64,
    /// Bytes, rounded up to pages.
    pub length: u64,
    /// Offset in the Memory, page aligned.
    pub offset: u64,
    /// The Memory; `None` for anonymous.
    pub memory: Option<MemoryId>,
    /// [`protection`].
    pub protection: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// Most that a later protect may allow; 0 for everything.
    pub maximum: u32,
}

const ALL_PROTECTION: u32 = protection::READ | protection::WRITE | protection::EXECUTE;
const ALL_FLAGS: u32 = map_flags::SHARED
    | map_flags::FIXED
    | map_flags::NO_REPLACE
    | map_flags::POPULATE
    | map_flags::STACK
    | map_flags::ANONYMOUS;

fn check_protection(wanted: u32, maximum: u32) -> Result<(), Error> {
    let both = protection::WRITE | protection::EXECUTE;
    if wanted & !ALL_PROTECTION != 0 || wanted & both == both {
        return Err(Error::BadArgument);
    }
    if wanted & !maximum != 0 {
        Err(Error::AccessDenied)
    } else {
        Ok(())
    }
}

/// Checks that a range is page aligned, not empty and in the user half; gives its end.
pub(super) fn check_range(address: u64, length: u64) -> Result<u64, Error> {
    let length = round_up(length).ok_or(Error::BadArgument)?;
    let end = address.checked_add(length).ok_or(Error::BadArgument)?;
    if length == 0 || !address.is_multiple_of(PAGE) || end > HIGHEST_ADDRESS {
        return Err(Error::BadArgument);
    }
    Ok(end)
}

impl MemorySystem {
    /// Maps a Memory or anonymous memory; returns the address.
    ///
    /// # Errors
    /// `BadArgument` for malformed requests, writable and executable ones among them;
    /// `AccessDenied` for a protection beyond the maximum; `Exists` with `NO_REPLACE`; `NoMemory`
    /// for no room, no frames or a limit; `NotFound` for a stale space or Memory.
    pub fn map<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        request: &MapRequest,
    ) -> Result<u64, Error> {
        let mut region = self.check_request(request)?;
        let length = region.end;
        let fixed = request.flags & map_flags::FIXED != 0;
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        let address = if fixed {
            check_range(request.address, request.length)?;
            if request.address < LOWEST_ADDRESS {
                return Err(Error::BadArgument);
            }
            request.address
        } else {
            space
                .choose(request.address & !(PAGE - 1), length)
                .ok_or(Error::NoMemory)?
        };
        let end = address + length;
        let free = space.is_free(address, end);
        if !free && request.flags & map_flags::NO_REPLACE != 0 {
            return Err(Error::Exists);
        }
        (region.start, region.end) = (address, end);
        space.check_limits(&region)?;
        if !free {
            self.unmap(machine, id, address, length)?;
        }
        let anonymous_shared = region.is_shared() && region.backing.is_none();
        if anonymous_shared {
            region.backing = Some((self.create_anonymous(machine, length, 0)?, 0));
        }
        self.insert_region(machine, id, region);
        if let Some((memory, _)) = region.backing
            && anonymous_shared
        {
            self.release(machine, memory);
        }
        if request.flags & map_flags::POPULATE != 0 {
            self.populate(machine, id, address, end)?;
        }
        Ok(address)
    }

    /// Checks what does not depend on the space. The region starts at 0.
    fn check_request(&self, request: &MapRequest) -> Result<Region, Error> {
        let length = round_up(request.length).ok_or(Error::BadArgument)?;
        if length == 0 || length > HIGHEST_ADDRESS || request.flags & !ALL_FLAGS != 0 {
            return Err(Error::BadArgument);
        }
        let maximum = if request.maximum == 0 {
            ALL_PROTECTION
        } else {
            request.maximum
        };
        check_protection(request.protection, maximum)?;
        let anonymous = request.flags & map_flags::ANONYMOUS != 0;
        if anonymous != request.memory.is_none() {
            return Err(Error::BadArgument);
        }
        let flags = request.flags & (map_flags::SHARED | map_flags::STACK);
        let backing = match request.memory {
            None => None,
            Some(memory) => {
                self.check_backing(memory, request.offset, length, flags)?;
                Some((memory, request.offset))
            }
        };
        Ok(Region {
            start: 0,
            end: length,
            protection: request.protection,
            maximum,
            flags,
            backing,
        })
    }

    pub(super) fn check_backing(
        &self,
        id: MemoryId,
        offset: u64,
        length: u64,
        flags: u32,
    ) -> Result<(), Error> {
        let memory = self.memories.get(id).ok_or(Error::NotFound)?;
        let end = offset.checked_add(length).ok_or(Error::BadArgument)?;
        if !offset.is_multiple_of(PAGE) || end > super::MAXIMUM_SIZE {
            return Err(Error::BadArgument);
        }
        // A private copy of device registers makes no sense, and reading them may act.
        if memory.is_device() && flags & map_flags::SHARED == 0 {
            return Err(Error::BadArgument);
        }
        Ok(())
    }

    /// Adds a region to free addresses, joining it with its neighbours where they continue
    /// each other.
    pub(crate) fn insert_region<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        region: Region,
    ) {
        self.remember_mapping(id, &region);
        let Some(space) = self.spaces.get_mut(id) else {
            return;
        };
        let index = space
            .regions
            .partition_point(|other| other.start < region.start);
        space.regions.insert(index, region);
        space.mapped_bytes += region.length();
        self.join_regions(machine, id, index, index + 1);
    }

    /// Joins the regions `first..=last` and their neighbours where they continue each other.
    fn join_regions<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        first: usize,
        last: usize,
    ) {
        let Some(space) = self.spaces.get_mut(id) else {
            return;
        };
        let mut joined: Vec<Region> = Vec::new();
        let mut index = (last + 1).min(space.regions.len());
        let lowest = first.saturating_sub(1);
        while index > lowest + 1 {
            index -= 1;
            let upper = space.regions[index];
            if space.regions[index - 1].joins(&upper) {
                space.regions[index - 1].end = upper.end;
                space.regions.remove(index);
                joined.push(upper);
            }
        }
        for region in &joined {
            self.forget_mapping(machine, id, region);
        }
    }

    /// Cuts regions so that none crosses either end of a range; gives the range of indices within.
    pub(super) fn cut(&mut self, id: SpaceId, start: u64, end: u64) -> core::ops::Range<usize> {
        self.cut_at(id, start);
        self.cut_at(id, end);
        let Some(space) = self.spaces.get(id) else {
            return 0..0;
        };
        let first = space.regions.partition_point(|region| region.start < start);
        let last = space.regions.partition_point(|region| region.start < end);
        first..last
    }

    fn cut_at(&mut self, id: SpaceId, address: u64) {
        let Some(space) = self.spaces.get_mut(id) else {
            return;
        };
        let index = space.index_above(address);
        let Some(region) = space.regions.get_mut(index) else {
            return;
        };
        if region.start >= address {
            return;
        }
        let tail = region.tail(address);
        region.end = address;
        space.regions.insert(index + 1, tail);
        self.remember_mapping(id, &tail);
    }

    /// Unmaps a range; what is not mapped in it is skipped.
    ///
    /// # Errors
    /// `BadArgument` for a range that is misaligned, empty or outside the user half; `NoMemory`
    /// when that would leave more regions than a space may have.
    pub fn unmap<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        length: u64,
    ) -> Result<(), Error> {
        let end = check_range(address, length)?;
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        space.check_cut(address, end)?;
        space.note_free(end);
        let within = self.cut(id, address, end);
        let space = self.spaces.get_mut(id).ok_or(Error::NotFound)?;
        let removed: Vec<Region> = space.regions.drain(within).collect();
        for region in &removed {
            space.mapped_bytes -= region.length();
        }
        for region in &removed {
            self.drop_private(machine, id, region.start, region.end);
            self.forget_mapping(machine, id, region);
        }
        Ok(())
    }

    /// Drops the private pages of a range, and the translations of all its pages.
    fn drop_private<M: Machine>(&mut self, machine: &mut M, id: SpaceId, start: u64, end: u64) {
        let Some(space) = self.spaces.get_mut(id) else {
            return;
        };
        machine.unmap(space.machine, start, page_of(end - start));
        space
            .private
            .take_range(page_of(start), page_of(end), |_, entry| {
                if let Some(frame) = entry.frame() {
                    self.frames.release(machine, frame);
                }
            });
    }

    /// Changes the protection of a range.
    ///
    /// # Errors
    /// `BadArgument` for a malformed range or protection, `NoMemory` when a part is not mapped
    /// (as POSIX wants it) or there would be too many regions, `AccessDenied` beyond a region's maximum. Nothing has changed then.
    pub fn protect<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        length: u64,
        wanted: u32,
    ) -> Result<(), Error> {
        let end = check_range(address, length)?;
        check_protection(wanted, ALL_PROTECTION)?;
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        let mut covered = address;
        let above = space.regions.iter().skip(space.index_above(address));
        for region in above.take_while(|region| region.start < end) {
            if region.start > covered {
                return Err(Error::NoMemory);
            }
            check_protection(wanted, region.maximum)?;
            covered = region.end;
        }
        if covered < end {
            return Err(Error::NoMemory);
        }
        space.check_cut(address, end)?;
        let within = self.cut(id, address, end);
        let Some(space) = self.spaces.get_mut(id) else {
            return Err(Error::NotFound);
        };
        let hardware = space.machine;
        for region in space.regions.range_mut(within.clone()) {
            let old = core::mem::replace(&mut region.protection, wanted);
            let pages = page_of(region.length());
            // Faults add permissions; only those taken away are in the page tables already.
            if (old ^ wanted) & (protection::EXECUTE | protection::READ) != 0 {
                machine.unmap(hardware, region.start, pages);
            } else if old & !wanted & protection::WRITE != 0 {
                machine.protect_read_only(hardware, region.start, pages);
            }
        }
        self.join_regions(machine, id, within.start, within.end);
        Ok(())
    }

    /// Drops the private pages of a range, which read as new again.
    ///
    /// # Errors
    /// `BadArgument` for a malformed range, `NoMemory` when nothing is mapped in it.
    pub fn decommit<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        length: u64,
    ) -> Result<(), Error> {
        let end = check_range(address, length)?;
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        if space.is_free(address, end) {
            return Err(Error::NoMemory);
        }
        self.drop_private(machine, id, address, end);
        Ok(())
    }

    /// Makes the pages of a range present, as far as no pager is needed.
    fn populate<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        start: u64,
        end: u64,
    ) -> Result<(), Error> {
        let writable = self
            .spaces
            .get(id)
            .and_then(|space| space.find(start))
            .is_some_and(|region| region.is_writable());
        let mut address = start;
        while address < end {
            match self.fault(machine, id, address, writable, false) {
                FaultOutcome::Resolved => {}
                FaultOutcome::WaitForPager { .. } => break,
                FaultOutcome::Fault(kernel_abi::process::fault_kind::NO_MEMORY) => {
                    self.unmap(machine, id, start, end - start)?;
                    return Err(Error::NoMemory);
                }
                // Beyond the object's end: that access will fault again.
                FaultOutcome::Fault(_) => break,
            }
            address += PAGE;
        }
        Ok(())
    }
}

impl Space {
    /// Whether a range may be cut out of its regions, which may make two more of them.
    fn check_cut(&self, start: u64, end: u64) -> Result<(), Error> {
        let cuts = |address| {
            self.find(address)
                .is_some_and(|region| region.start < address)
        };
        match self.regions.len() + usize::from(cuts(start)) + usize::from(cuts(end)) {
            // Without a cut there are never more than before.
            count if count > MOST_REGIONS && count > self.regions.len() => Err(Error::NoMemory),
            _ => Ok(()),
        }
    }

    /// Whether the limits allow one more region. What it replaces is not counted off: that
    /// only makes the limit a little stricter for `FIXED`.
    pub(super) fn check_limits(&self, region: &Region) -> Result<(), Error> {
        let length = region.length();
        if self.regions.len() >= MOST_REGIONS {
            return Err(Error::NoMemory);
        }
        if self.mapped_bytes.saturating_add(length) > self.limits.address_space {
            return Err(Error::NoMemory);
        }
        let is_data = |region: &Region| {
            !region.is_shared() && region.is_writable() && region.flags & map_flags::STACK == 0
        };
        if self.limits.data != u64::MAX && is_data(region) {
            let data: u64 = self
                .regions
                .iter()
                .filter(|r| is_data(r))
                .map(Region::length)
                .sum();
            if data + length > self.limits.data {
                return Err(Error::NoMemory);
            }
        }
        Ok(())
    }
}
