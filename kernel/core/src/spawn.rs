//! A child that begins with a program of its own: what it gets of its parent.

use crate::kernel::{Kernel, ProcessId};
use crate::machine::Machine;
use crate::object::HandleEntry;
use crate::thread::{Step, Stop};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{SPAWN_MASK_OF_CALLER, upcall_flags};
use kernel_abi::{Error, Rights};

impl<M: Machine> Kernel<M> {
    /// ProcessInherit: as after a fork and a replacement.
    pub(crate) fn process_inherit(&mut self, server: ProcessId, arguments: [u64; 6]) -> Step {
        let [token, child, mask, defaults, ..] = arguments;
        self.check_makes_processes(server)?;
        self.check_reserve()?;
        let caller = self.caller_of(server, token)?;
        let parent = self.process_of(caller)?;
        let child = self.process_alive(server, child, Rights::MANAGE)?;
        let found = self.processes.get(child).ok_or(Error::NoProcess)?;
        let &[first] = found.threads.as_slice() else {
            return Err(Error::BadState.into());
        };
        if child == parent {
            return Err(Error::BadArgument.into());
        }
        self.copy_handles(parent, child);
        self.close_all(child, |_, flags| {
            u64::from(flags) & handle_flags::CLOSE_ON_EXEC != 0
        });
        let limits = self.memory.space_limits(self.space_of(parent)?);
        self.memory.set_space_limits(self.space_of(child)?, limits);
        self.inherit_properties(parent, child, defaults)?;
        self.settle_account(caller);
        let from = self.threads.get(caller).ok_or(Error::NotFound)?;
        let (own_mask, affinity, base, home) = (from.mask, from.affinity, from.base, from.home);
        let virtual_runtime = from.virtual_runtime();
        let to = self.threads.get_mut(first).ok_or(Error::NoProcess)?;
        to.mask = match mask {
            SPAWN_MASK_OF_CALLER => own_mask,
            mask => mask & !crate::system_call::UNBLOCKABLE,
        };
        to.set_affinity(affinity);
        to.home = home;
        to.set_virtual_runtime(virtual_runtime);
        self.set_base_priority(first, base);
        Ok(0)
    }

    /// What a fork copies and an exec leaves.
    fn inherit_properties(
        &mut self,
        parent: ProcessId,
        child: ProcessId,
        defaults: u64,
    ) -> Result<(), Stop> {
        let from = self.processes.get(parent).ok_or(Error::NoProcess)?;
        let ignored = from.actions_with(upcall_flags::IGNORED) & !defaults;
        let (limits, priority) = (from.limits, from.priority);
        let to = self.processes.get_mut(child).ok_or(Error::NoProcess)?;
        // Mostly none, or one.
        let mut left = ignored;
        while let Some(action) = to.actions.get_mut(left.trailing_zeros() as usize) {
            action.flags = upcall_flags::IGNORED;
            left &= left - 1;
        }
        let before_ns = to.limits.cpu_ns;
        to.limits = limits;
        to.priority = priority;
        self.cpu_limit_changed(before_ns, limits.cpu_ns);
        Ok(())
    }

    /// HandleCopy.
    pub(crate) fn handle_copy(&mut self, caller: ProcessId, arguments: [u64; 6]) -> Step {
        let [from, slot, to, target, ..] = arguments;
        let from = self.process_alive(caller, from, Rights::MANAGE)?;
        let to = self.process_alive(caller, to, Rights::MANAGE)?;
        let entry = self.lookup(from, slot, Rights::NONE)?;
        let target = u32::try_from(target).map_err(|_| Error::BadArgument)?;
        let copy = HandleEntry::new(entry.object, entry.rights);
        let placed = self.place_copy(to, copy, target, handle_flags::EXACT)?;
        Ok(u64::from(placed))
    }

    /// HandleRevoke.
    pub(crate) fn handle_revoke(
        &mut self,
        caller: ProcessId,
        process: u64,
        first: u64,
        last: u64,
    ) -> Step {
        let process = self.process_alive(caller, process, Rights::MANAGE)?;
        self.close_all(process, |slot, _| (first..=last).contains(&u64::from(slot)));
        Ok(0)
    }
}
