//! Fork and exec, as the process server does them for the caller of a taken call.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::memory::SpaceId;
use crate::object::{HandleEntry, Object};
use crate::pending_call::{PendingCall, Stage};
use crate::process::Process;
use crate::thread::{State, Step, Stop, Wait};
use alloc::vec::Vec;
use kernel_abi::message::IDENTITY_SIZE;
use kernel_abi::object::handle_flags;
use kernel_abi::process::{UpcallAction, process_state, upcall_flags};
use kernel_abi::{Error, Rights};

impl<M: Machine> Kernel<M> {
    /// ProcessFork.
    pub(crate) fn process_fork(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        server: ProcessId,
        token: u64,
        address: u64,
    ) -> Step {
        self.check_makes_processes(server)?;
        self.check_reserve()?;
        let caller = self.caller_of(server, token)?;
        self.write_words(thread, address, &[0, 0])?;
        let parent = self.process_of(caller)?;
        let space = self.space_of(parent)?;
        let space = self.memory.space_fork(&mut self.machine, space)?;
        let child = match self.process_new(space) {
            Ok(child) => child,
            Err(error) => {
                self.memory.space_destroy(&mut self.machine, space);
                return Err(error.into());
            }
        };
        self.fork_process(parent, child);
        // On a full table `place_new` ends the child, which nothing else refers to.
        let handle = self.place_new(server, Object::Process(child), Rights::ALL)?;
        if let Some(found) = self.processes.get_mut(child) {
            found.state = process_state::RUNNING;
        }
        let child_token = self.fork_thread(cpu, caller, child)?;
        self.write_words(thread, address, &[handle, child_token])?;
        Ok(0)
    }

    /// Copies what belongs to the process.
    fn fork_process(&mut self, parent: ProcessId, child: ProcessId) {
        self.copy_handles(parent, child);
        let Some(from) = self.processes.get(parent) else {
            return;
        };
        let (label, upcall_entry, unknown) =
            (from.label, from.upcall_entry, from.unknown_call_entry);
        let (actions, supervisor) = (from.actions.clone(), from.supervisor);
        let (limits, priority, frame) = (from.limits, from.priority, from.identity_frame);
        let mut identity = [0; IDENTITY_SIZE];
        self.machine.read(frame, 0, &mut identity);
        let Some(to) = self.processes.get_mut(child) else {
            return;
        };
        to.label = label;
        to.upcall_entry = upcall_entry;
        to.unknown_call_entry = unknown;
        to.actions = actions;
        to.supervisor = supervisor;
        to.limits = limits;
        to.priority = priority;
        self.machine.write(to.identity_frame, 0, &identity);
        self.cpu_limit_changed(u64::MAX, limits.cpu_ns);
    }

    /// Copies the calling thread, which waits for the answer to its own copy of the call; returns
    /// that one's token.
    fn fork_thread(&mut self, cpu: Cpu, caller: ThreadId, child: ProcessId) -> Result<u64, Error> {
        let from = self.threads.get_mut(caller).ok_or(Error::NotFound)?;
        self.machine.save_floating_point(cpu, &mut from.context);
        let registers = from.context.registers;
        let (base, mask) = (from.own, from.mask);
        let thread = self.thread_new(child, registers, base, mask)?;
        let token = self.calls.next(thread);
        self.settle_account(caller);
        let from = self.threads.get(caller).ok_or(Error::NotFound)?;
        let image = from.context.floating_point;
        let (stack, affinity, number) = (from.alternate_stack, from.affinity, from.call_number);
        let (home, virtual_runtime) = (from.home, from.virtual_runtime());
        let mut call = PendingCall {
            token,
            stage: Stage::Taken,
            endpoint: from.call.endpoint,
            badge: from.call.badge,
            lent: from.call.lent,
            taken_by: from.call.taken_by,
            ..PendingCall::default()
        };
        if let Some(words) = from.call.course.words {
            call.divert(|course| course.words = Some(words));
        }
        let to = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        to.context.floating_point = image;
        to.alternate_stack = stack;
        to.set_affinity(affinity);
        to.call_number = number;
        to.home = home;
        to.set_virtual_runtime(virtual_runtime);
        to.call = call;
        to.state = State::Blocked;
        to.wait = Wait::Reply;
        Ok(token.0)
    }

    /// ProcessReplace.
    pub(crate) fn process_replace(
        &mut self,
        cpu: Cpu,
        server: ProcessId,
        token: u64,
        from: u64,
    ) -> Step {
        self.check_makes_processes(server)?;
        let caller = self.caller_of(server, token)?;
        let target = self.process_of(caller)?;
        let source = self.process_alive(server, from, Rights::MANAGE)?;
        let found = self.processes.get(source).ok_or(Error::NoProcess)?;
        let &[first] = found.threads.as_slice() else {
            return Err(Error::BadState.into());
        };
        let parked = self
            .threads
            .get(first)
            .is_some_and(|t| t.state == State::Parked);
        if source == target || !parked {
            return Err(Error::BadState.into());
        }
        if !self.end_other_threads(cpu, target, caller) {
            // Some run on other processors, which have been told to let go of them.
            return Err(Stop::Again);
        }
        // What the program locked lies in the memory that it leaves.
        self.locks_abandon(caller);
        self.take_over_space(source, target)?;
        self.take_over_registers(first, caller);
        self.close_all(target, |_, flags| {
            u64::from(flags) & handle_flags::CLOSE_ON_EXEC != 0
        });
        if let Some(process) = self.processes.get_mut(target) {
            reset_caught(process);
            process.upcall_entry = 0;
            process.unknown_call_entry = 0;
        }
        let handle = u32::try_from(from).map_err(|_| Error::BadHandle)?;
        self.process_kill_now(source, 0);
        // The handle was looked up above.
        let _ = self.close(server, handle);
        self.finish_replaced(cpu, caller);
        Ok(0)
    }

    /// Ends a process's threads but one; `false` while some have still to notice.
    fn end_other_threads(&mut self, cpu: Cpu, process: ProcessId, keep: ThreadId) -> bool {
        let Some(found) = self.processes.get(process) else {
            return true;
        };
        let others: Vec<ThreadId> = found
            .threads
            .iter()
            .copied()
            .filter(|&thread| thread != keep)
            .collect();
        for thread in others {
            self.thread_end(cpu, thread);
        }
        self.processes
            .get(process)
            .is_none_or(|found| found.threads.len() <= 1)
    }

    /// Swaps the address spaces; the old one ends with the source process.
    fn take_over_space(&mut self, source: ProcessId, target: ProcessId) -> Result<(), Error> {
        let new: SpaceId = self.space_of(source)?;
        let old = self.space_of(target)?;
        let frame = self
            .processes
            .get(target)
            .ok_or(Error::NoProcess)?
            .identity_frame;
        let source_frame = self
            .processes
            .get(source)
            .ok_or(Error::NoProcess)?
            .identity_frame;
        let limits = self.memory.space_limits(old);
        self.memory.set_space_limits(new, limits);
        self.map_kernel_pages(new, frame)?;
        self.map_kernel_pages(old, source_frame)?;
        if let Some(process) = self.processes.get_mut(source) {
            process.space = old;
        }
        if let Some(process) = self.processes.get_mut(target) {
            process.space = new;
        }
        Ok(())
    }

    fn take_over_registers(&mut self, first: ThreadId, caller: ThreadId) {
        let Some(found) = self.threads.get(first) else {
            return;
        };
        let (registers, image) = (found.context.registers, found.context.floating_point);
        let space = found.context.space;
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        let old_space = core::mem::replace(&mut found.context.space, space);
        found.context.registers = registers;
        found.context.floating_point = image;
        found.alternate_stack = (0, 0);
        found.saved_mask = None;
        found.interrupted = None;
        found.set_rewound(false);
        found.progress = 0;
        found.fault = None;
        if let Some(found) = self.threads.get_mut(first) {
            found.context.space = old_space;
        }
    }

    /// The call is over; the thread goes on with the new program.
    fn finish_replaced(&mut self, cpu: Cpu, caller: ThreadId) {
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        found.call.end();
        found.call.received = None;
        found.wait = Wait::None;
        self.machine.restore_floating_point(cpu, &found.context);
        self.drop_call_handles(caller);
        self.make_ready(caller);
    }

    /// HandleCopyAll.
    pub(crate) fn handle_copy_all(&mut self, caller: ProcessId, from: u64, to: u64) -> Step {
        self.check_reserve()?;
        let from = self.process_alive(caller, from, Rights::MANAGE)?;
        let to = self.process_alive(caller, to, Rights::MANAGE)?;
        if from == to {
            return Err(Error::BadArgument.into());
        }
        self.copy_handles(from, to);
        Ok(0)
    }

    /// HandleInstall.
    pub(crate) fn handle_install(&mut self, caller: ProcessId, arguments: [u64; 6]) -> Step {
        let [process, handle, slot, rights, flags, _] = arguments;
        let target = self.process_alive(caller, process, Rights::MANAGE)?;
        let entry = self.lookup(caller, handle, Rights::TRANSFER)?;
        let rights = Rights(u32::try_from(rights).map_err(|_| Error::BadArgument)?);
        let slot = u32::try_from(slot).map_err(|_| Error::BadArgument)?;
        let copy = HandleEntry::new(entry.object, entry.rights.and(rights));
        let placed = self.place_copy(target, copy, slot, flags)?;
        if flags & handle_flags::MOVE != 0 {
            self.close(caller, u32::try_from(handle).map_err(|_| Error::BadHandle)?)?;
        }
        Ok(u64::from(placed))
    }

    /// HandleTake.
    pub(crate) fn handle_take(&mut self, caller: ProcessId, process: u64, slot: u64) -> Step {
        let source = self.process_alive(caller, process, Rights::MANAGE)?;
        let entry = self.lookup(source, slot, Rights::NONE)?;
        Ok(self.place_new(caller, entry.object, entry.rights)?)
    }

    /// UpcallInspect: the action, or with upcall `u64::MAX` all caught ones become default.
    pub(crate) fn upcall_inspect(
        &mut self,
        thread: ThreadId,
        caller: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, upcall, address, ..] = arguments;
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        if upcall == u64::MAX {
            reset_caught(found);
            return Ok(0);
        }
        if upcall >= 64 {
            return Err(Error::BadArgument.into());
        }
        let action = found.action(upcall);
        self.write_words(thread, address, &[action.flags, action.mask])?;
        Ok(0)
    }
}

/// Caught upcalls become default, ignored ones stay so.
fn reset_caught(process: &mut Process) {
    for action in process.actions.iter_mut() {
        if action.flags & upcall_flags::IGNORED == 0 {
            *action = UpcallAction::default();
        }
    }
}
