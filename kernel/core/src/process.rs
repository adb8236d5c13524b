//! Processes: an address space, a handle table and threads.

use crate::handle_table::{DEFAULT_DESCRIPTORS, HandleTable, MAX_DESCRIPTORS};
use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Frame, Machine, PageFlags};
use crate::memory::SpaceId;
use crate::object::Object;
use crate::pending::{Pending, Raised};
use crate::pending_call::Token;
use crate::priority::Priority;
use crate::signal::SignalState;
use crate::thread::{INITIAL_RFLAGS, State, Step, Stop, user_address};
use alloc::boxed::Box;
use alloc::vec::Vec;
use kernel_abi::memory::cache;
use kernel_abi::process::{
    DEFAULT_QUEUED_UPCALLS, Registers, UpcallAction, priority, process_state, upcall_flags,
};
use kernel_abi::{CLOCK_PAGE, Error, IDENTITY_PAGE, Rights, Signals};

/// Limits that the kernel keeps to, beside those of the address space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub file: u64,
    pub cpu_ns: u64,
    pub cpu_end_ns: u64,
    pub real_time: u64,
    pub queued_upcalls: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file: u64::MAX,
            cpu_ns: u64::MAX,
            cpu_end_ns: u64::MAX,
            real_time: priority::LEVELS,
            queued_upcalls: DEFAULT_QUEUED_UPCALLS,
        }
    }
}

/// A process.
pub struct Process {
    pub(crate) references: u32,
    pub(crate) signals: SignalState,
    pub(crate) space: SpaceId,
    pub(crate) handles: HandleTable,
    pub(crate) threads: Vec<ThreadId>,
    pub(crate) last_thread_number: u64,
    /// `kernel_abi::process::process_state`, without SUSPENDED.
    pub(crate) state: u32,
    /// Its threads are being ended.
    pub(crate) exiting: bool,
    pub(crate) exit_status: u64,
    /// Everything it held is released.
    pub(crate) finished: bool,
    /// Its owner, and each exception under way, suspends it once.
    pub(crate) suspensions: u32,
    pub(crate) suspended_by_owner: bool,
    /// Its end is not its own doing, so the calls that it served are not suspected.
    pub(crate) ended_from_outside: bool,
    /// Tokens that its ended threads were serving.
    pub(crate) was_serving: Vec<Token>,
    pub(crate) identity_frame: Frame,
    /// Word 0 of the identity page.
    pub(crate) label: u64,
    pub(crate) upcall_entry: u64,
    pub(crate) unknown_call_entry: u64,
    pub(crate) actions: Box<[UpcallAction; 64]>,
    /// Upcalls pending for no thread in particular.
    pub(crate) pending: Pending,
    /// Upcalls that queue, pending here and in the threads.
    pub(crate) queued: u64,
    pub(crate) supervisor: Option<(EndpointId, u64)>,
    pub(crate) limits: Limits,
    pub(crate) priority: Priority,
    /// It may make processes, and have those of its callers.
    pub(crate) makes_processes: bool,
    pub(crate) ended_threads_ns: u64,
    /// Of them, in the kernel.
    pub(crate) ended_threads_kernel_ns: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
}

impl Process {
    /// The action for an upcall.
    pub(crate) fn action(&self, upcall: u64) -> UpcallAction {
        self.actions
            .get(upcall as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Counts an upcall that queues. `WouldBlock` when there are too many.
    pub(crate) fn queue(&mut self, raised: &Raised) -> Result<(), Error> {
        if raised.is_queued() {
            if self.queued >= self.limits.queued_upcalls {
                return Err(Error::WouldBlock);
            }
            self.queued += 1;
        }
        Ok(())
    }

    /// The set of upcalls whose action has a flag.
    pub(crate) fn actions_with(&self, flag: u64) -> u64 {
        let last_first = self.actions.iter().rev();
        last_first.fold(0, |set, action| {
            set << 1 | u64::from(action.flags & flag != 0)
        })
    }

    /// The sets of upcalls that are caught, and that are ignored.
    pub(crate) fn caught_and_ignored(&self) -> (u64, u64) {
        let (mut caught, mut ignored) = (0, 0);
        for action in self.actions.iter().rev() {
            caught = caught << 1 | u64::from(action.flags & upcall_flags::CAUGHT != 0);
            ignored = ignored << 1 | u64::from(action.flags & upcall_flags::IGNORED != 0);
        }
        (caught, ignored)
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes a process around an address space, with the kernel's two pages in it.
    pub(crate) fn process_new(&mut self, space: SpaceId) -> Result<ProcessId, Error> {
        let frame = self.machine.allocate_frame().ok_or(Error::NoMemory)?;
        self.machine.zero_frame(frame);
        if let Err(error) = self.map_kernel_pages(space, frame) {
            self.machine.free_frame(frame);
            return Err(error);
        }
        self.counters.processes_made += 1;
        Ok(self.processes.insert(Process {
            references: 0,
            signals: SignalState::default(),
            space,
            handles: HandleTable::default(),
            threads: Vec::new(),
            last_thread_number: 0,
            state: process_state::NEW,
            exiting: false,
            exit_status: 0,
            finished: false,
            suspensions: 0,
            suspended_by_owner: false,
            ended_from_outside: false,
            was_serving: Vec::new(),
            identity_frame: frame,
            label: 0,
            upcall_entry: 0,
            unknown_call_entry: 0,
            actions: Box::new([UpcallAction::default(); 64]),
            pending: Pending::default(),
            queued: 0,
            supervisor: None,
            limits: Limits::default(),
            priority: Priority::NORMAL,
            makes_processes: false,
            ended_threads_ns: 0,
            ended_threads_kernel_ns: 0,
            minor_faults: 0,
            major_faults: 0,
        }))
    }

    /// Maps the clock page and an identity page into a space.
    pub(crate) fn map_kernel_pages(
        &mut self,
        space: SpaceId,
        identity: Frame,
    ) -> Result<(), Error> {
        let hardware = self.memory.machine_space(space).ok_or(Error::NoProcess)?;
        let flags = PageFlags {
            write: false,
            execute: false,
            cache: cache::CACHED as u8,
            device: false,
        };
        let clock = self.machine.clock_frame();
        for (address, frame) in [(CLOCK_PAGE, clock), (IDENTITY_PAGE, identity)] {
            let mapped = self.machine.map(hardware, address, frame, flags);
            mapped.map_err(|_| Error::NoMemory)?;
        }
        Ok(())
    }

    /// Processes that anybody could make would be counted and ended by nobody.
    pub(crate) fn check_makes_processes(&self, process: ProcessId) -> Result<(), Error> {
        let found = self.processes.get(process).ok_or(Error::NoProcess)?;
        match found.makes_processes {
            true => Ok(()),
            false => Err(Error::AccessDenied),
        }
    }

    /// ProcessCreate.
    pub(crate) fn process_create(&mut self, creator: ProcessId) -> Step {
        self.check_makes_processes(creator)?;
        self.check_reserve()?;
        let space = self.memory.space_create(&mut self.machine)?;
        let process = match self.process_new(space) {
            Ok(process) => process,
            Err(error) => {
                self.memory.space_destroy(&mut self.machine, space);
                return Err(error.into());
            }
        };
        Ok(self.place_new(creator, Object::Process(process), Rights::ALL)?)
    }

    /// The process behind a handle, `SELF` being the caller's own.
    pub(crate) fn process_named(
        &self,
        caller: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<ProcessId, Error> {
        if handle == u64::from(kernel_abi::Handle::SELF.0) {
            return Ok(caller);
        }
        match self.lookup(caller, handle, rights)?.object {
            Object::Process(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    /// As [`Self::process_named`], if the process has not ended.
    pub(crate) fn process_alive(
        &self,
        caller: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<ProcessId, Error> {
        let id = self.process_named(caller, handle, rights)?;
        let found = self.processes.get(id).ok_or(Error::NoProcess)?;
        let alive = found.state != process_state::TERMINATED && !found.exiting;
        if alive { Ok(id) } else { Err(Error::NoProcess) }
    }

    /// ProcessStart.
    pub(crate) fn process_start(&mut self, caller: ProcessId, arguments: [u64; 6]) -> Step {
        let [handle, entry, stack, argument, ..] = arguments;
        self.check_reserve()?;
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        if found.state != process_state::NEW {
            return Err(Error::BadState.into());
        }
        let priority = found.priority;
        let registers = Registers {
            rip: user_address(entry)?,
            rsp: user_address(stack)?,
            rdi: argument,
            rflags: INITIAL_RFLAGS,
            ..Registers::default()
        };
        found.state = process_state::RUNNING;
        let thread = self.thread_new(process, registers, priority, 0)?;
        self.make_ready(thread);
        self.unpark(process);
        Ok(0)
    }

    /// ProcessExit.
    pub(crate) fn process_exit(&mut self, process: ProcessId, status: u64) -> Step {
        self.process_kill_now(process, status);
        Err(Stop::Done)
    }

    /// ProcessKill.
    pub(crate) fn process_kill(&mut self, caller: ProcessId, handle: u64, status: u64) -> Step {
        let process = self.process_named(caller, handle, Rights::MANAGE)?;
        if process != caller
            && let Some(found) = self.processes.get_mut(process)
            && found.state != process_state::TERMINATED
        {
            found.ended_from_outside = true;
        }
        self.process_kill_now(process, status);
        Ok(0)
    }

    /// Ends a process: its threads now or at their next entry, the rest with the last of them.
    pub(crate) fn process_kill_now(&mut self, process: ProcessId, status: u64) {
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        if found.state == process_state::TERMINATED || found.exiting {
            return;
        }
        found.exiting = true;
        found.exit_status = status;
        if found.state == process_state::NEW {
            found.state = process_state::RUNNING;
        }
        let threads = found.threads.clone();
        if threads.is_empty() {
            self.process_finish(process);
            return;
        }
        for thread in threads {
            self.thread_end(self.scheduler.here, thread);
        }
    }

    /// The last thread is gone: what the process served goes to the next instance, what it held
    /// is released.
    pub(crate) fn process_finish(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        if found.state == process_state::TERMINATED {
            return;
        }
        found.state = process_state::TERMINATED;
        found.supervisor = None;
        let limit_ns = core::mem::replace(&mut found.limits.cpu_ns, u64::MAX);
        let (space, frame) = (found.space, found.identity_frame);
        let serving = core::mem::take(&mut found.was_serving);
        let suspects = if found.ended_from_outside {
            Vec::new()
        } else {
            serving
        };
        self.cpu_limit_changed(limit_ns, u64::MAX);
        self.redeliver_calls(process, &suspects);
        self.repeat_page_requests(process);
        self.endpoint_unbind_process(process);
        self.close_all(process, |_, _| true);
        self.memory.space_destroy(&mut self.machine, space);
        self.machine.free_frame(frame);
        self.settle_memory();
        self.change_signals(
            Object::Process(process),
            Signals::SUSPENDED,
            Signals::TERMINATED.or(Signals::READABLE),
        );
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        found.finished = true;
        if found.references == 0 {
            self.drop_observers(Object::Process(process));
            self.processes.remove(process);
        }
    }

    /// Requests for pages that the process had received are made again.
    fn repeat_page_requests(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get(process) else {
            return;
        };
        let endpoints: Vec<EndpointId> = found
            .handles
            .iter()
            .filter(|(_, entry)| entry.rights.contains(Rights::RECEIVE))
            .filter_map(|(_, entry)| match entry.object {
                Object::Endpoint(id) => Some(id),
                _ => None,
            })
            .collect();
        for endpoint in endpoints {
            self.memory.repeat_page_requests(endpoint.to_word());
        }
    }

    /// The last handle is closed. A process that runs goes on without an owner.
    pub(crate) fn process_unreferenced(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get(process) else {
            return;
        };
        match found.state {
            process_state::NEW => self.process_kill_now(process, 0),
            // Not in the midst of its end, when a handle to it may be among those it held.
            process_state::TERMINATED if found.finished => {
                self.drop_observers(Object::Process(process));
                self.processes.remove(process);
            }
            _ => {}
        }
    }

    /// ProcessSuspend.
    pub(crate) fn process_suspend(&mut self, caller: ProcessId, handle: u64) -> Step {
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        if !found.suspended_by_owner {
            found.suspended_by_owner = true;
            self.process_stop(process);
            self.change_signals(Object::Process(process), Signals::NONE, Signals::SUSPENDED);
        }
        Ok(0)
    }

    /// ProcessResume.
    pub(crate) fn process_resume(&mut self, caller: ProcessId, handle: u64) -> Step {
        let process = self.process_alive(caller, handle, Rights::MANAGE)?;
        let found = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        if found.suspended_by_owner {
            found.suspended_by_owner = false;
            self.change_signals(Object::Process(process), Signals::SUSPENDED, Signals::NONE);
            self.process_go_on(process);
        }
        Ok(0)
    }

    /// Counts one more reason not to run.
    pub(crate) fn process_stop(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        found.suspensions = found.suspensions.saturating_add(1);
        for thread in found.threads.clone() {
            self.hold(thread, true);
            self.park(thread);
        }
    }

    /// Counts one less.
    pub(crate) fn process_go_on(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get_mut(process) else {
            return;
        };
        found.suspensions = found.suspensions.saturating_sub(1);
        if found.suspensions == 0 {
            for thread in found.threads.clone() {
                self.hold(thread, false);
            }
            self.unpark(process);
        }
    }

    fn unpark(&mut self, process: ProcessId) {
        let Some(found) = self.processes.get(process) else {
            return;
        };
        for thread in found.threads.clone() {
            if self
                .threads
                .get(thread)
                .is_some_and(|found| found.state == State::Parked)
            {
                self.make_ready(thread);
            }
        }
    }

    fn hold(&mut self, thread: ThreadId, held: bool) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.set_held(held);
        }
    }
}

const _: () = assert!(DEFAULT_DESCRIPTORS <= MAX_DESCRIPTORS);
