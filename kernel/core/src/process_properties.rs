//! What can be set and read of a process.

use crate::handle_table::MAX_DESCRIPTORS;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::object::Object;
use crate::pending::Raised;
use crate::priority::Priority;
use crate::thread::{Step, user_address};
use kernel_abi::message::IDENTITY_SIZE;
use kernel_abi::process::{MAX_QUEUED_UPCALLS, process_property, process_state};
use kernel_abi::{Error, Rights};

/// The upcall that a process beyond its CPU time gets (`SIGXCPU` - 1).
const CPU_LIMIT_UPCALL: u32 = 23;
/// Status of a process that has had all its CPU time (ended by `SIGKILL`, see `ProcessExit`).
const KILLED: u64 = 1 << 31 | 9;

impl<M: Machine> Kernel<M> {
    /// ProcessSet.
    pub(crate) fn process_set(
        &mut self,
        caller: ProcessId,
        handle: u64,
        property: u64,
        value: u64,
    ) -> Step {
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        // Its limits and what it may do are for others to say.
        if process == caller && property > process_property::UNKNOWN_CALL_ENTRY {
            return Err(Error::AccessDenied.into());
        }
        if property == process_property::MAY_MAKE_PROCESSES {
            self.check_makes_processes(caller)?;
        }
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        match property {
            process_property::UPCALL_ENTRY => found.upcall_entry = user_address(value)?,
            process_property::UNKNOWN_CALL_ENTRY => found.unknown_call_entry = user_address(value)?,
            process_property::LIMIT_DESCRIPTORS => found.handles.limit = value.min(MAX_DESCRIPTORS),
            process_property::LIMIT_ADDRESS_SPACE
            | process_property::LIMIT_STACK
            | process_property::LIMIT_DATA => {
                return self.set_space_limit(process, property, value);
            }
            process_property::LIMIT_FILE => found.limits.file = value,
            process_property::LIMIT_CPU_NS => {
                let before = core::mem::replace(&mut found.limits.cpu_ns, value);
                self.cpu_limit_changed(before, value);
            }
            process_property::LIMIT_CPU_END_NS => found.limits.cpu_end_ns = value,
            process_property::LIMIT_REAL_TIME => found.limits.real_time = value,
            process_property::PRIORITY => return self.process_set_priority(process, value),
            process_property::LIMIT_QUEUED_UPCALLS => {
                found.limits.queued_upcalls = value.min(MAX_QUEUED_UPCALLS);
            }
            process_property::MAY_MAKE_PROCESSES if value <= 1 => {
                found.makes_processes = value == 1;
            }
            _ => return Err(Error::BadArgument.into()),
        }
        Ok(0)
    }

    pub(crate) fn set_space_limit(
        &mut self,
        process: ProcessId,
        property: u64,
        value: u64,
    ) -> Step {
        let space = self.space_of(process)?;
        let mut limits = self.memory.space_limits(space);
        match property {
            process_property::LIMIT_ADDRESS_SPACE => limits.address_space = value,
            process_property::LIMIT_STACK => limits.stack = value,
            _ => limits.data = value,
        }
        self.memory.set_space_limits(space, limits);
        Ok(0)
    }

    pub(crate) fn process_set_priority(&mut self, process: ProcessId, value: u64) -> Step {
        let priority = Priority::from_raw(value).ok_or(Error::BadArgument)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        found.priority = priority;
        for thread in found.threads.clone() {
            self.set_own_priority(thread, priority);
        }
        Ok(0)
    }

    /// Changes what a thread runs with while it serves no call; what callers have lent stays.
    pub(crate) fn set_base_priority(&mut self, thread: ThreadId, priority: Priority) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        let lent = found.effective != found.base;
        found.base = priority;
        let effective = if lent {
            found.effective.max(priority)
        } else {
            priority
        };
        self.set_effective(thread, effective);
    }

    /// CPU time of a process's threads, ended ones included.
    pub(crate) fn process_cpu_ns(&self, process: ProcessId) -> u64 {
        let Some(found) = self.processes.get(process) else {
            return 0;
        };
        let alive = found.threads.iter();
        let alive_ns: u64 = alive.map(|&thread| self.thread_cpu_ns(thread)).sum();
        found.ended_threads_ns + alive_ns
    }

    /// As much of it as went by in the kernel.
    fn process_kernel_ns(&self, process: ProcessId) -> u64 {
        let Some(found) = self.processes.get(process) else {
            return 0;
        };
        let alive = found.threads.iter();
        let alive_ns: u64 = alive.map(|&thread| self.thread_kernel_ns(thread)).sum();
        found.ended_threads_kernel_ns + alive_ns
    }

    /// Processes with a limit of CPU time are watched.
    pub(crate) fn cpu_limit_changed(&mut self, before_ns: u64, after_ns: u64) {
        let here = self.scheduler.here;
        let watches = &mut self.scheduler.cpu_watches;
        match (before_ns == u64::MAX, after_ns == u64::MAX) {
            (true, false) => *watches += 1,
            (false, true) => *watches = watches.saturating_sub(1),
            _ => {}
        }
        self.scheduler.request(here);
    }

    /// The CPU time limit is reached: the upcall comes once, and again every second, until the
    /// second limit ends the process.
    pub(crate) fn cpu_limit_reached(&mut self, process: ProcessId) {
        let used_ns = self.process_cpu_ns(process);
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        let end_ns = found.limits.cpu_end_ns;
        if used_ns >= end_ns {
            return self.process_kill_now(process, KILLED);
        }
        found.limits.cpu_ns = used_ns.saturating_add(1_000_000_000).min(end_ns);
        let raised = Raised::plain(CPU_LIMIT_UPCALL);
        // Pending once is enough.
        let _ = self.raise_in_process(process, raised);
    }

    /// ProcessSetIdentity.
    pub(crate) fn process_set_identity(
        &mut self,
        thread: ThreadId,
        caller: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, offset, address, length, ..] = arguments;
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        // Its own identity is for others to say.
        if handle == u64::from(kernel_abi::Handle::SELF.0) {
            return Err(Error::AccessDenied.into());
        }
        let end = offset.checked_add(length).ok_or(Error::BadArgument)?;
        if end > IDENTITY_SIZE as u64 {
            return Err(Error::BadArgument.into());
        }
        let bytes = self.gather(thread, &[(address, length)], 0, length as usize)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        let frame = found.identity_frame;
        self.machine.write(frame, offset as usize, &bytes);
        let mut label = [0; 8];
        self.machine.read(frame, 0, &mut label);
        found.label = u64::from_le_bytes(label);
        Ok(0)
    }

    /// ProcessSupervise.
    pub(crate) fn process_supervise(
        &mut self,
        caller: ProcessId,
        handle: u64,
        endpoint: u64,
        badge: u64,
    ) -> Step {
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        if process == caller {
            return Err(Error::AccessDenied.into());
        }
        let endpoint = self.endpoint_of(caller, endpoint, Rights::CONNECT)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        found.supervisor = Some((endpoint, badge));
        Ok(0)
    }

    /// ProcessInfo.
    pub(crate) fn process_info(
        &mut self,
        thread: ThreadId,
        caller: ProcessId,
        handle: u64,
        address: u64,
    ) -> Step {
        let process = self.process_named(caller, handle, Rights::NONE)?;
        let found = self.processes.get(process).ok_or(Error::NoProcess)?;
        let state = if found.suspended_by_owner && found.state == process_state::RUNNING {
            process_state::SUSPENDED
        } else {
            found.state
        };
        let usage = self.memory.space_usage(found.space);
        let cpu_ns = self.process_cpu_now_ns(process);
        let kernel_ns = self.process_kernel_ns(process);
        let found = self.processes.get(process).ok_or(Error::NoProcess)?;
        let (caught, ignored) = found.caught_and_ignored();
        let words = [
            Object::Process(process).number(),
            found.label,
            u64::from(state) | (found.threads.len() as u64) << 32,
            found.exit_status,
            cpu_ns.saturating_sub(kernel_ns),
            kernel_ns,
            usage.mapped_bytes,
            usage.resident_bytes,
            found.handles.count,
            found.minor_faults,
            found.major_faults,
            found.pending.set(),
            caught,
            ignored,
        ];
        self.write_words(thread, address, &words)?;
        Ok(0)
    }

    /// ProcessOfCaller: only for sessions with badge bit 63.
    pub(crate) fn process_of_caller(&mut self, process: ProcessId, token: u64) -> Step {
        const MANAGING_BADGE: u64 = 1 << 63;
        self.check_makes_processes(process)?;
        let caller = self.caller_of(process, token)?;
        let found = self.threads.get(caller).ok_or(Error::NotFound)?;
        if found.call.badge & MANAGING_BADGE == 0 {
            return Err(Error::AccessDenied.into());
        }
        let target = found.process;
        Ok(self.place_new(process, Object::Process(target), Rights::ALL)?)
    }
}
