//! Calls on handles.

use super::Request;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use crate::stream::end_rights;
use crate::thread::Step;
use crate::user_memory::Fields;
use alloc::vec::Vec;
use kernel_abi::object::handle_flags;
use kernel_abi::socket::stream_flags;
use kernel_abi::{Error, Rights};

/// Flags that a handle keeps.
const KEPT: u64 = handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK;

impl<M: Machine> Kernel<M> {
    pub(super) fn handle_close(&mut self, process: ProcessId, handle: u64) -> Step {
        self.close(
            process,
            u32::try_from(handle).map_err(|_| Error::BadHandle)?,
        )?;
        Ok(0)
    }

    pub(super) fn handle_duplicate(
        &mut self,
        process: ProcessId,
        handle: u64,
        slot: u64,
        rights: u64,
        flags: u64,
    ) -> Step {
        let entry = self.lookup(process, handle, Rights::DUPLICATE)?;
        let rights = Rights(u32::try_from(rights).map_err(|_| Error::BadArgument)?);
        let wanted = u32::try_from(slot).map_err(|_| Error::BadArgument)?;
        if flags & handle_flags::EXACT != 0 && slot == handle {
            // Nothing to close, nothing to make; the flags are set as for a new one.
            self.handle_flags(process, handle, 1, flags & KEPT)?;
            return Ok(slot);
        }
        let copy = HandleEntry::new(entry.object, entry.rights.and(rights));
        let placed = self.place_copy(process, copy, wanted, flags)?;
        if flags & handle_flags::MOVE != 0 {
            self.handle_close(process, handle)?;
        }
        Ok(u64::from(placed))
    }

    pub(super) fn handle_flags(
        &mut self,
        process: ProcessId,
        handle: u64,
        set: u64,
        flags: u64,
    ) -> Step {
        let slot = u32::try_from(handle).map_err(|_| Error::BadHandle)?;
        let table = &mut self
            .processes
            .get_mut(process)
            .ok_or(Error::NoProcess)?
            .handles;
        let entry = table.get_mut(slot).ok_or(Error::BadHandle)?;
        let before = entry.flags;
        if set != 0 {
            entry.flags = (flags & KEPT) as u32;
        }
        Ok(u64::from(before))
    }

    pub(super) fn handle_info(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        handle: u64,
        address: u64,
    ) -> Step {
        let entry = self.lookup(process, handle, Rights::NONE)?;
        let data_kind = self
            .data_of(entry.object)
            .map_or(0, |data| data.kind() as u32);
        let status = self.status_mut(entry.object).map_or(0, |status| *status);
        let signals = self.raised(entry.object);
        let endpoint = match entry.object {
            Object::Session(id) => self.sessions.get(id).map(|session| session.endpoint),
            _ => None,
        };
        let mut fields = Fields::<40>::zero();
        fields.set_u32(0, entry.object.kind() as u32);
        fields.set_u32(4, entry.rights.0);
        fields.set_u64(8, entry.object.number());
        fields.set_u32(16, entry.flags);
        fields.set_u32(20, data_kind);
        fields.set_u32(24, status);
        fields.set_u32(28, signals.0);
        let endpoint = endpoint.map_or(0, |id| Object::Endpoint(id).number());
        fields.set_u64(32, endpoint);
        self.write_user(thread, address, &fields.0)?;
        Ok(0)
    }

    /// HandleNext.
    pub(super) fn handle_next(&mut self, caller: ProcessId, process: u64, slot: u64) -> Step {
        let process = self.process_alive(caller, process, Rights::MANAGE)?;
        let table = &self.processes.get(process).ok_or(Error::NoProcess)?.handles;
        let mut slots = table.iter().map(|(used, _)| u64::from(used));
        Ok(slots.find(|used| *used >= slot).ok_or(Error::NotFound)?)
    }

    pub(super) fn handle_close_range(
        &mut self,
        process: ProcessId,
        first: u64,
        last: u64,
        flags: u64,
    ) -> Step {
        if first > last {
            return Err(Error::BadArgument.into());
        }
        let high = u64::from(kernel_abi::Handle::HIGH_BASE);
        let within =
            |slot: u32| (first..=last).contains(&u64::from(slot)) && u64::from(slot) < high;
        if flags & handle_flags::CLOSE_ON_EXEC == 0 {
            self.close_all(process, |slot, _| within(slot));
            return Ok(0);
        }
        let table = &mut self
            .processes
            .get_mut(process)
            .ok_or(Error::NoProcess)?
            .handles;
        let slots: Vec<u32> = table
            .iter()
            .map(|(slot, _)| slot)
            .filter(|&s| within(s))
            .collect();
        for slot in slots {
            if let Some(entry) = table.get_mut(slot) {
                entry.flags |= handle_flags::CLOSE_ON_EXEC as u32;
            }
        }
        Ok(0)
    }

    pub(super) fn stream_create(&mut self, request: &Request) -> Step {
        let [flags, capacity, address, placing, ..] = request.arguments;
        let (thread, process) = (request.thread, request.process);
        self.write_words(thread, address, &[0])?;
        let id = self.stream_new(flags, capacity)?;
        let one_way = flags & stream_flags::ONE_WAY != 0;
        let entries =
            [0u8, 1].map(|end| HandleEntry::new(Object::Stream(id, end), end_rights(one_way, end)));
        for entry in &entries {
            self.retain(entry);
        }
        let placing = placing & !(handle_flags::EXACT | handle_flags::MOVE);
        let first = match self.place(process, entries[0], 0, placing) {
            Ok(slot) => slot,
            Err(error) => {
                self.release(entries[1]);
                return Err(error.into());
            }
        };
        let second = match self.place(process, entries[1], 0, placing) {
            Ok(slot) => slot,
            Err(error) => {
                self.close(process, first)?;
                return Err(error.into());
            }
        };
        self.write_words(
            thread,
            address,
            &[u64::from(first) | u64::from(second) << 32],
        )?;
        Ok(0)
    }
}
