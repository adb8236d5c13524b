//! Calls on Memory objects and mappings.

use super::Request;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::{MapRequest, MemoryId, SpaceId};
use crate::object::{HandleEntry, Object};
use crate::thread::{Step, Stop};
use crate::user_memory::Fields;
use kernel_abi::memory::{map_flags, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::READ_PRESENT;
use kernel_abi::{Call, Error, Handle, PAGE_SIZE, Rights};

/// Most ranges of one MemoryDirty.
const MOST_RANGES: u64 = 256;
/// `flags` of MemoryRemap: the mapping may move.
const MAY_MOVE: u64 = 1;
/// Size and fields of `kernel_abi::memory::MapArguments`.
const MAP_SIZE: usize = size_of::<kernel_abi::memory::MapArguments>();
const MAP_MEMORY: usize = 24;
const MAP_PROTECTION: usize = 28;
const MAP_FLAGS: usize = 32;
const MAP_MAXIMUM: usize = 36;

impl<M: Machine> Kernel<M> {
    pub(super) fn dispatch_memory(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            thread,
            process,
            arguments,
            ..
        } = request;
        let [a, b, c, d, ..] = arguments;
        let result = match call {
            Call::MemoryCreate => self.memory_create(process, a, b),
            Call::MemoryCreatePaged => self.memory_create_paged(process, a, b, c),
            Call::MemoryCreatePhysical => self.memory_create_physical(process, arguments),
            Call::MemoryChild => self.memory_child(process, a, b, c),
            Call::MemoryInfo => self.memory_info(thread, process, a, b),
            Call::MemoryResize => self.memory_resize(process, a, b),
            Call::MemorySetLength => self.memory_set_length(process, a, b),
            Call::MemorySupply => self.memory_supply(process, arguments),
            Call::MemorySupplyZero => self.memory_supply_zero(process, a, b, c),
            Call::MemoryFail => self.memory_fail(process, a, b, c),
            Call::MemoryDirty => self.memory_dirty(thread, process, arguments),
            Call::MemoryClean => self.memory_clean(process, a, b, c, d),
            Call::MemoryDiscard => self.memory_discard(process, a, b, c),
            Call::MemoryMap => self.memory_map(thread, process, a, b),
            Call::MemoryUnmap => self.memory_unmap(process, a, b, c),
            Call::MemoryProtect => self.memory_protect(process, a, b, c, d),
            Call::RegionInfo => self.region_info(thread, process, a, b, c),
            Call::ProcessWrite => self.process_copy(thread, process, arguments, true),
            Call::ProcessRead => self.process_copy(thread, process, arguments, false),
            Call::MemoryRemap => self.memory_remap(process, a, b, c, d),
            Call::MemoryDecommit => self.memory_decommit(process, a, b),
            _ => Err(Error::Unsupported.into()),
        };
        self.settle_memory();
        result
    }

    /// The Memory behind a handle.
    fn memory_of(
        &self,
        process: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<MemoryId, Error> {
        match self.lookup(process, handle, rights)?.object {
            Object::Memory(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    /// Gives a new Memory, whose first reference is counted already, its handle.
    fn place_memory(&mut self, process: ProcessId, id: MemoryId, rights: Rights) -> Step {
        let entry = HandleEntry::new(Object::Memory(id), rights);
        Ok(u64::from(self.place(
            process,
            entry,
            0,
            handle_flags::HIGH,
        )?))
    }

    fn memory_create(&mut self, process: ProcessId, size: u64, flags: u64) -> Step {
        self.check_reserve()?;
        let id = self
            .memory
            .create_anonymous(&mut self.machine, size, flags)?;
        self.place_memory(process, id, Rights::ALL)
    }

    fn memory_create_paged(
        &mut self,
        process: ProcessId,
        endpoint: u64,
        key: u64,
        size: u64,
    ) -> Step {
        self.check_reserve()?;
        let endpoint = self.endpoint_of(process, endpoint, Rights::RECEIVE)?;
        let id = self.memory.create_paged(endpoint.to_word(), key, size)?;
        self.place_memory(process, id, Rights::ALL)
    }

    fn memory_create_physical(&mut self, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [resource, address, size, cache, ..] = arguments;
        self.check_resource(process, resource)?;
        self.check_reserve()?;
        let whole = size
            .checked_next_multiple_of(PAGE_SIZE)
            .ok_or(Error::BadArgument)?;
        // RAM that the kernel gives out itself is nobody's device.
        if !self.machine.is_device_memory(address, whole) {
            return Err(Error::AccessDenied.into());
        }
        let id = self.memory.create_device(address, size, cache)?;
        self.place_memory(process, id, Rights::ALL)
    }

    fn memory_child(&mut self, process: ProcessId, handle: u64, offset: u64, length: u64) -> Step {
        self.check_reserve()?;
        let entry = self.lookup(process, handle, Rights::READ)?;
        let Object::Memory(id) = entry.object else {
            return Err(Error::WrongKind.into());
        };
        let child = self.memory.child(&mut self.machine, id, offset, length)?;
        // A copy may be written whoever may not write the original; executed only as that.
        let rights = match entry.rights.contains(Rights::EXECUTE) {
            true => Rights::ALL,
            false => Rights::ALL.without(Rights::EXECUTE),
        };
        self.place_memory(process, child, rights)
    }

    fn memory_info(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        handle: u64,
        address: u64,
    ) -> Step {
        let id = self.memory_of(process, handle, Rights::NONE)?;
        let info = self.memory.info(id)?;
        let words = [
            info.size,
            info.length,
            info.present_pages,
            info.dirty_pages,
            info.modified_ns,
            info.references,
        ];
        self.write_words(thread, address, &words)?;
        Ok(0)
    }

    fn memory_resize(&mut self, process: ProcessId, handle: u64, size: u64) -> Step {
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        self.memory.resize(&mut self.machine, id, size)?;
        Ok(0)
    }

    fn memory_set_length(&mut self, process: ProcessId, handle: u64, length: u64) -> Step {
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        self.memory.set_length(&mut self.machine, id, length)?;
        Ok(0)
    }

    fn memory_supply(&mut self, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [handle, offset, length, source, source_offset, _] = arguments;
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        let source = self.memory_of(process, source, Rights::WRITE)?;
        self.memory
            .supply(&mut self.machine, id, offset, length, source, source_offset)?;
        Ok(0)
    }

    fn memory_supply_zero(
        &mut self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        length: u64,
    ) -> Step {
        self.check_reserve()?;
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        self.memory
            .supply_zero(&mut self.machine, id, offset, length)?;
        Ok(0)
    }

    fn memory_fail(&mut self, process: ProcessId, handle: u64, offset: u64, length: u64) -> Step {
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        self.memory.fail(id, offset, length)?;
        Ok(0)
    }

    fn memory_dirty(&mut self, thread: ThreadId, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [handle, offset, address, count, ..] = arguments;
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        let ranges = self
            .memory
            .dirty(id, offset, count.min(MOST_RANGES) as usize)?;
        for (index, range) in ranges.iter().enumerate() {
            let place = address
                .checked_add(index as u64 * 16)
                .ok_or(Error::BadAddress)?;
            self.write_words(thread, place, &[range.offset, range.length])?;
        }
        Ok(ranges.len() as u64)
    }

    fn memory_clean(
        &mut self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Step {
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        self.memory
            .clean(&mut self.machine, id, offset, length, phase)?;
        Ok(0)
    }

    fn memory_discard(
        &mut self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        length: u64,
    ) -> Step {
        let id = self.memory_of(process, handle, Rights::MANAGE)?;
        Ok(self.memory.discard(&mut self.machine, id, offset, length)?)
    }

    /// The address space of a process that the caller may change.
    fn space_named(&self, caller: ProcessId, handle: u64) -> Result<SpaceId, Error> {
        self.space_of(self.process_alive(caller, handle, Rights::MANAGE)?)
    }

    fn memory_map(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        target: u64,
        address: u64,
    ) -> Step {
        self.check_reserve()?;
        let space = self.space_named(process, target)?;
        let fields: Fields<MAP_SIZE> = self.read_fields(thread, address)?;
        let (wanted, flags) = (fields.u32(MAP_PROTECTION), fields.u32(MAP_FLAGS));
        let all = protection::READ | protection::WRITE | protection::EXECUTE;
        let handle = fields.u32(MAP_MEMORY);
        let (memory, allowed) = match flags & map_flags::ANONYMOUS {
            0 => {
                let entry = self.lookup(process, u64::from(handle), Rights::NONE)?;
                let Object::Memory(id) = entry.object else {
                    return Err(Error::WrongKind.into());
                };
                (Some(id), allowed_protection(entry.rights, flags))
            }
            _ if handle != Handle::NONE.0 => return Err(Error::BadArgument.into()),
            _ => (None, all),
        };
        let asked = match fields.u32(MAP_MAXIMUM) {
            0 => all,
            maximum => maximum,
        };
        let maximum = allowed & asked;
        if wanted & !all != 0 {
            return Err(Error::BadArgument.into());
        }
        // No right at all would read as no limit below.
        if wanted & !maximum != 0 || maximum == 0 {
            return Err(Error::AccessDenied.into());
        }
        let request = MapRequest {
            address: fields.u64(0),
            length: fields.u64(8),
            offset: fields.u64(16),
            memory,
            protection: wanted,
            flags,
            maximum,
        };
        Ok(self.memory.map(&mut self.machine, space, &request)?)
    }

    fn memory_unmap(&mut self, process: ProcessId, target: u64, address: u64, length: u64) -> Step {
        let space = self.space_named(process, target)?;
        self.memory
            .unmap(&mut self.machine, space, address, length)?;
        Ok(0)
    }

    fn memory_protect(
        &mut self,
        process: ProcessId,
        target: u64,
        address: u64,
        length: u64,
        wanted: u64,
    ) -> Step {
        let space = self.space_named(process, target)?;
        let wanted = u32::try_from(wanted).map_err(|_| Error::BadArgument)?;
        self.memory
            .protect(&mut self.machine, space, address, length, wanted)?;
        Ok(0)
    }

    fn region_info(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        target: u64,
        address: u64,
        information: u64,
    ) -> Step {
        let space = self.space_named(process, target)?;
        let view = self.memory.region_info(space, address)?;
        let words = [
            view.address,
            view.length,
            view.offset,
            view.memory.map_or(0, |id| Object::Memory(id).number()),
            u64::from(view.protection) | u64::from(view.flags) << 32,
            view.present_pages,
        ];
        self.write_words(thread, information, &words)?;
        Ok(0)
    }

    /// ProcessWrite and ProcessRead.
    fn process_copy(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
        write: bool,
    ) -> Step {
        let [target, address, own, mut length, flags, _] = arguments;
        let there = (self.space_named(process, target)?, address);
        if !write && flags & READ_PRESENT != 0 {
            if !self.memory.is_present(there.0, address) {
                return Err(Error::NotFound.into());
            }
            length = length.min(PAGE_SIZE - address % PAGE_SIZE);
        }
        let here = (self.space_of(process)?, own);
        let (from, to) = if write { (here, there) } else { (there, here) };
        self.copy_stepwise(thread, from, to, length)
    }

    fn memory_remap(
        &mut self,
        process: ProcessId,
        address: u64,
        old_length: u64,
        new_length: u64,
        flags: u64,
    ) -> Step {
        self.check_reserve()?;
        let space = self.space_of(process)?;
        let may_move = flags & MAY_MOVE != 0;
        let machine = &mut self.machine;
        Ok(self
            .memory
            .remap(machine, space, address, old_length, new_length, may_move)?)
    }

    fn memory_decommit(&mut self, process: ProcessId, address: u64, length: u64) -> Step {
        let space = self.space_of(process)?;
        self.memory
            .decommit(&mut self.machine, space, address, length)
            .map_err(Stop::from)?;
        Ok(0)
    }
}

/// What a mapping may allow with these rights to the Memory. A private one needs no right to
/// write, for its stores stay with it.
fn allowed_protection(rights: Rights, flags: u32) -> u32 {
    let mut allowed = 0;
    if rights.contains(Rights::READ) {
        allowed |= protection::READ;
        if flags & map_flags::SHARED == 0 || rights.contains(Rights::WRITE) {
            allowed |= protection::WRITE;
        }
    }
    if rights.contains(Rights::EXECUTE) {
        allowed |= protection::EXECUTE;
    }
    allowed
}
