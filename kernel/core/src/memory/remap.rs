//! Growing, shrinking and moving mappings (`mremap`).

use super::map::check_range;
use super::page_map::Entry;
use super::region::Region;
use super::space::HIGHEST_ADDRESS;
use super::{MemorySystem, SpaceId, page_of, round_up};
use crate::machine::Machine;
use kernel_abi::Error;

impl MemorySystem {
    /// Makes a mapping longer or shorter, moving it if it may; returns its address.
    ///
    /// # Errors
    /// `BadArgument` for malformed ranges, `BadAddress` when the old range is not within one
    /// region, `NoMemory` when there is no room or a limit forbids it.
    pub fn remap<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        old_length: u64,
        new_length: u64,
        may_move: bool,
    ) -> Result<u64, Error> {
        let old_end = check_range(address, old_length)?;
        let new_length = round_up(new_length)
            .filter(|&length| length != 0)
            .ok_or(Error::BadArgument)?;
        if new_length > HIGHEST_ADDRESS {
            return Err(Error::NoMemory);
        }
        let space = self.spaces.get(id).ok_or(Error::NotFound)?;
        let region = *space.find(address).ok_or(Error::BadAddress)?;
        let old_length = old_end - address;
        if region.end < old_end {
            return Err(Error::BadAddress);
        }
        if new_length <= old_length {
            if new_length < old_length {
                self.unmap(machine, id, address + new_length, old_length - new_length)?;
            }
            return Ok(address);
        }
        let growth = Region {
            start: old_end,
            end: address + new_length,
            ..region.tail(old_end)
        };
        space.check_limits(&growth)?;
        if let Some((memory, offset)) = growth.backing {
            self.check_backing(memory, offset, growth.length(), growth.flags)?;
        }
        if growth.end <= HIGHEST_ADDRESS && space.is_free(old_end, growth.end) {
            self.insert_region(machine, id, growth);
            return Ok(address);
        }
        if !may_move {
            return Err(Error::NoMemory);
        }
        let target = space.choose(0, new_length).ok_or(Error::NoMemory)?;
        self.move_region(
            machine,
            id,
            (address, old_end),
            (target, target + new_length),
        );
        Ok(target)
    }

    /// Moves the part of a region in `from` to the free range `to`, which may be longer.
    fn move_region<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        from: (u64, u64),
        to: (u64, u64),
    ) {
        let within = self.cut(id, from.0, from.1);
        let Some(space) = self.spaces.get_mut(id) else {
            return;
        };
        let Some(old) = space.regions.drain(within).next() else {
            return;
        };
        space.note_free(from.1);
        space.mapped_bytes -= old.length();
        machine.unmap(space.machine, old.start, page_of(old.length()));
        let mut page = page_of(from.0);
        while let Some((found, entry)) = space.private.next(page, page_of(from.1)) {
            page = found + 1;
            space.private.set(found, Entry::EMPTY);
            space
                .private
                .set(found - page_of(from.0) + page_of(to.0), entry);
        }
        self.insert_region(
            machine,
            id,
            Region {
                start: to.0,
                end: to.1,
                ..old
            },
        );
        self.forget_mapping(machine, id, &old);
    }
}
