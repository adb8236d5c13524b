//! Calls about threads, upcalls and time.

use super::{Request, UNBLOCKABLE};
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, MAX_CPUS, Machine};
use crate::pending::Raised;
use crate::priority::Priority;
use crate::thread::{Step, Stop, Wait, user_address};
use crate::user_memory::Fields;
use kernel_abi::process::{
    RAISE_UNLESS_DEFAULT, ThreadArguments, UpcallAction, mask_how, priority, thread_property,
    upcall_flags,
};
use kernel_abi::system::clock;
use kernel_abi::{Call, Error, Handle, PAGE_SIZE, Rights};

/// Upcalls there are.
const UPCALLS: u64 = 64;

impl<M: Machine> Kernel<M> {
    pub(super) fn dispatch_thread(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            cpu,
            thread,
            process,
            arguments,
        } = request;
        let [a, b, c, ..] = arguments;
        match call {
            Call::ThreadCreate => self.thread_create_call(thread, process, a, b),
            Call::ThreadExit => self.thread_exit(request, a),
            Call::ThreadSet => self.thread_set(thread, process, a, b, c),
            Call::ThreadGet => self.thread_get(thread, process, a, b),
            Call::ThreadYield => self.thread_yield(request),
            Call::ThreadInfo => self.thread_info(thread, process, arguments),
            Call::ThreadNumber => self.thread_number(thread, process, a),
            Call::ProcessorNumber => Ok(u64::from(cpu.0)),
            Call::SleepUntil => self.sleep_until(request, a, b),
            Call::UpcallInspect => self.upcall_inspect(thread, process, arguments),
            Call::UpcallReturn => self.upcall_return(cpu, thread, a),
            Call::UpcallRaise => self.upcall_raise(thread, process, arguments),
            Call::UpcallMask => self.upcall_mask(thread, a, b),
            Call::UpcallAction => self.upcall_action(thread, process, a, b, c),
            Call::UpcallSuspend => self.upcall_suspend(thread, a),
            Call::UpcallTake => self.upcall_take(request, a, b, c),
            Call::UpcallPending => self.upcall_pending(thread, process),
            Call::UpcallDiscard => self.upcall_discard(process, a, b),
            Call::ClockRead => self.clock_read(thread, process, a, b),
            Call::SystemInfo => self.system_info(thread, a),
            _ => self.dispatch_device(call, request),
        }
    }

    /// What a thread gets that asks for a priority: of the fair class no more than its process has,
    /// unless that may have any.
    pub(crate) fn allowed_priority(
        &self,
        process: ProcessId,
        wanted: Priority,
    ) -> Result<Priority, Error> {
        let owner = self.processes.get(process).ok_or(Error::NoProcess)?;
        let most = owner.limits.real_time;
        match wanted.rank() {
            0 if most < priority::LEVELS && wanted.max(owner.priority) == wanted => {
                Ok(owner.priority)
            }
            0 => Ok(wanted),
            level if u64::from(level) <= most => Ok(wanted),
            _ => Err(Error::AccessDenied),
        }
    }

    fn thread_create_call(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        handle: u64,
        address: u64,
    ) -> Step {
        let target = self.process_alive(process, handle, Rights::MANAGE)?;
        let fields: Fields<56> = self.read_fields(thread, address)?;
        let arguments = ThreadArguments {
            entry: fields.u64(0),
            stack: fields.u64(8),
            argument: fields.u64(16),
            fs_base: fields.u64(24),
            mask: fields.u64(32),
            priority: fields.u64(40),
            number_address: fields.u64(48),
        };
        self.thread_create(thread, target, &arguments)
    }

    fn thread_exit(&mut self, request: &Request, address: u64) -> Step {
        let thread = request.thread;
        if address != 0 {
            self.write_user(thread, address, &[0; 4])?;
            // A failure (a misaligned address) wakes nobody and must not keep the thread alive.
            let _ = self.futex_wake(thread, address, 1);
        }
        let process = request.process;
        let last = self
            .processes
            .get(process)
            .is_some_and(|found| found.threads.len() == 1);
        if last {
            self.process_kill_now(process, 0);
        } else {
            self.thread_remove(thread);
        }
        Err(Stop::Done)
    }

    fn thread_set(
        &mut self,
        caller: ThreadId,
        process: ProcessId,
        number: u64,
        property: u64,
        value: u64,
    ) -> Step {
        let thread = self.thread_by_number(caller, process, number)?;
        if property == thread_property::PRIORITY {
            let priority = Priority::from_raw(value).ok_or(Error::BadArgument)?;
            let priority = self.allowed_priority(process, priority)?;
            self.set_own_priority(thread, priority);
            return Ok(0);
        }
        if property == thread_property::ROBUST_LIST && thread != caller {
            return Err(Error::BadArgument.into());
        }
        let cpus = self.scheduler.cpu_count;
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        match property {
            thread_property::FS_BASE => found.context.registers.fs_base = user_address(value)?,
            thread_property::GS_BASE => found.context.registers.gs_base = user_address(value)?,
            thread_property::ALTERNATE_STACK => found.alternate_stack.0 = user_address(value)?,
            thread_property::ALTERNATE_STACK_SIZE => found.alternate_stack.1 = value,
            thread_property::UPCALL_AT_WAIT if value <= UPCALLS => {
                found.upcall_at_wait = value as u8;
                found.call_attention();
            }
            thread_property::ROBUST_LIST => found.robust_list = user_address(value)?,
            thread_property::AFFINITY => {
                let present = ((1u64 << cpus) - 1) & value;
                if present == 0 {
                    return Err(Error::BadArgument.into());
                }
                found.set_affinity(present as u8);
                self.park(thread);
                self.unpark_thread(thread);
            }
            _ => return Err(Error::BadArgument.into()),
        }
        Ok(0)
    }

    /// A ready thread that was parked for a change of its processors goes where it may now.
    fn unpark_thread(&mut self, thread: ThreadId) {
        if self
            .threads
            .get(thread)
            .is_some_and(|t| t.state == crate::thread::State::Parked)
        {
            self.make_ready(thread);
        }
    }

    fn thread_get(
        &mut self,
        caller: ThreadId,
        process: ProcessId,
        number: u64,
        property: u64,
    ) -> Step {
        let thread = self.thread_by_number(caller, process, number)?;
        let found = self.threads.get(thread).ok_or(Error::NoProcess)?;
        Ok(match property {
            thread_property::FS_BASE => found.context.registers.fs_base,
            thread_property::GS_BASE => found.context.registers.gs_base,
            thread_property::PRIORITY => found.own.raw(),
            thread_property::LOCK_OWNER => u64::from(crate::futex_lock::name_of(thread)),
            thread_property::ROBUST_LIST => found.robust_list,
            thread_property::CPU_NS => self.thread_cpu_now_ns(thread),
            thread_property::AFFINITY => {
                u64::from(found.affinity) & ((1 << self.scheduler.cpu_count) - 1)
            }
            thread_property::ALTERNATE_STACK => found.alternate_stack.0,
            thread_property::ALTERNATE_STACK_SIZE => found.alternate_stack.1,
            thread_property::UPCALL_AT_WAIT => u64::from(found.upcall_at_wait),
            _ => return Err(Error::BadArgument.into()),
        })
    }

    fn thread_yield(&mut self, request: &Request) -> Step {
        if !self.scheduler.has_ready(request.cpu) {
            return Ok(0);
        }
        self.scheduler.request(request.cpu);
        self.yield_runtime(request.cpu, request.thread);
        Ok(0)
    }

    fn thread_number(&mut self, thread: ThreadId, process: ProcessId, token: u64) -> Step {
        let thread = match token {
            0 => thread,
            token => self.caller_of(process, token)?,
        };
        Ok(self.threads.get(thread).ok_or(Error::NoProcess)?.number)
    }

    fn sleep_until(&mut self, request: &Request, clock: u64, deadline_ns: u64) -> Step {
        let monotonic_ns = self.monotonic_deadline(clock, deadline_ns)?;
        if monotonic_ns <= self.machine.now_ns() {
            return Ok(0);
        }
        self.set_deadline(request.cpu, request.thread, monotonic_ns);
        if let Some(found) = self.threads.get_mut(request.thread) {
            found.restartable = false;
        }
        if clock == clock::REALTIME {
            // Executed again when the clock is set.
            self.block(request.thread, Wait::RealtimeSleep, true);
        } else {
            self.block(request.thread, Wait::Sleep, false);
        }
        Err(Stop::Blocked)
    }

    fn upcall_raise(&mut self, caller: ThreadId, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [handle, number, upcall, value, detail0, detail1] = arguments;
        let droppable = upcall & RAISE_UNLESS_DEFAULT != 0;
        let upcall = upcall & !RAISE_UNLESS_DEFAULT;
        if upcall >= UPCALLS || UNBLOCKABLE & (1 << upcall) != 0 {
            return Err(Error::BadArgument.into());
        }
        let target = self.process_alive(process, handle, Rights::MANAGE)?;
        let raised = Raised {
            upcall: upcall as u32,
            value,
            details: [detail0, detail1],
            timer: None,
        };
        let dropped = droppable && self.is_ignored_by_default(target, &raised);
        if number == 0 {
            if !dropped {
                self.raise_in_process(target, raised)?;
            }
        } else {
            // `SELF` names the calling thread.
            let own = number == u64::from(Handle::SELF.0) && target == process;
            let number = if own { 0 } else { number };
            let thread = self.thread_by_number(caller, target, number)?;
            if !dropped {
                self.raise_in_thread(thread, raised)?;
            }
        }
        Ok(0)
    }

    /// UpcallDiscard.
    fn upcall_discard(&mut self, process: ProcessId, handle: u64, set: u64) -> Step {
        let target = self.process_alive(process, handle, Rights::MANAGE)?;
        self.discard_pending(target, set);
        Ok(0)
    }

    fn upcall_mask(&mut self, thread: ThreadId, how: u64, mask: u64) -> Step {
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        let before = found.mask;
        let mask = mask & !UNBLOCKABLE;
        found.mask = match how {
            mask_how::BLOCK => before | mask,
            mask_how::UNBLOCK => before & !mask,
            mask_how::SET => mask,
            mask_how::READ => before,
            _ => return Err(Error::BadArgument.into()),
        };
        found.call_attention();
        // Bit 18 is never set: no mask looks like a negated error.
        Ok(before)
    }

    fn upcall_action(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        upcall: u64,
        new: u64,
        old: u64,
    ) -> Step {
        if upcall >= UPCALLS || (new != 0 && UNBLOCKABLE & (1 << upcall) != 0) {
            return Err(Error::BadArgument.into());
        }
        let fields = match new {
            0 => None,
            address => Some(self.read_fields::<16>(thread, address)?),
        };
        if old != 0 {
            let before = self
                .processes
                .get(process)
                .ok_or(Error::NoProcess)?
                .action(upcall);
            self.write_words(thread, old, &[before.flags, before.mask])?;
        }
        let Some(fields) = fields else { return Ok(0) };
        let action = UpcallAction {
            flags: fields.u64(0),
            mask: fields.u64(8) & !UNBLOCKABLE,
        };
        let owner = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        if let Some(place) = owner.actions.get_mut(upcall as usize) {
            *place = action;
        }
        if action.flags & upcall_flags::IGNORED != 0 {
            // What is pending and now ignored is dropped.
            self.discard_pending(process, 1 << upcall);
        }
        Ok(0)
    }

    fn upcall_suspend(&mut self, thread: ThreadId, mask: u64) -> Step {
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        if found.saved_mask.is_none() {
            found.saved_mask = Some(found.mask);
        }
        found.mask = mask & !UNBLOCKABLE;
        found.call_attention();
        found.restartable = false;
        self.block(thread, Wait::Upcall, false);
        Err(Stop::Blocked)
    }

    fn upcall_take(&mut self, request: &Request, set: u64, address: u64, deadline_ns: u64) -> Step {
        let thread = request.thread;
        if address != 0 {
            self.write_words(thread, address, &[0; 3])?;
        }
        if let Some(raised) = self.take_from_set(thread, set) {
            if address != 0 {
                let [detail0, detail1] = raised.details;
                self.write_words(thread, address, &[raised.value, detail0, detail1])?;
            }
            return Ok(u64::from(raised.upcall));
        }
        if deadline_ns <= self.machine.now_ns() {
            return Err(Error::WouldBlock.into());
        }
        self.set_deadline(request.cpu, thread, deadline_ns);
        if let Some(found) = self.threads.get_mut(thread) {
            found.restartable = false;
            // What it waits for is taken by it and not by a handler.
            if found.saved_mask.is_none() {
                found.saved_mask = Some(found.mask);
            }
            found.mask |= set & !UNBLOCKABLE;
            found.call_attention();
        }
        self.block(thread, Wait::PendingUpcall(set), true);
        Err(Stop::Blocked)
    }

    fn upcall_pending(&mut self, thread: ThreadId, process: ProcessId) -> Step {
        let own = self
            .threads
            .get(thread)
            .map_or(0, |found| found.pending.set());
        let owner = self.processes.get(process);
        let shared = owner.map_or(0, |found| found.pending.set());
        Ok(own | shared)
    }

    fn clock_read(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        which: u64,
        number: u64,
    ) -> Step {
        let now_ns = self.machine.now_ns();
        Ok(match which {
            clock::MONOTONIC => now_ns,
            clock::REALTIME => now_ns.saturating_add(self.machine.realtime_offset_ns()),
            clock::PROCESS_CPU => self.process_cpu_now_ns(process),
            clock::THREAD_CPU => {
                let target = self.thread_by_number(thread, process, number)?;
                self.thread_cpu_now_ns(target)
            }
            _ => return Err(Error::BadArgument.into()),
        })
    }

    fn system_info(&mut self, thread: ThreadId, address: u64) -> Step {
        let handles: u64 = self
            .processes
            .iter()
            .map(|(_, process)| process.handles.count)
            .sum();
        let [load_1, load_5, load_15] = self.load_averages();
        let words = [
            self.machine.total_frames() as u64 * PAGE_SIZE,
            self.machine.free_frames() as u64 * PAGE_SIZE,
            // The rim's allocator is not visible from here.
            0,
            self.scheduler.cpu_count as u64,
            self.machine.now_ns(),
            self.processes.len() as u64,
            self.threads.len() as u64,
            handles,
            self.memory.count() as u64,
            self.endpoints.len() as u64,
            self.sessions.len() as u64,
            self.streams.len() as u64,
            self.counters.context_switches,
            self.counters.interrupts,
            self.counters.system_calls,
            self.counters.page_faults,
            self.idle_now_ns(),
            load_1,
            load_5,
            load_15,
            self.scheduler.runnable(),
            self.memory.paged_pages() * PAGE_SIZE,
            self.counters.processes_made,
        ];
        let mut processors = [0; 2 * MAX_CPUS];
        for cpu in 0..MAX_CPUS.min(self.scheduler.cpu_count) {
            let which = Cpu(cpu as u8);
            let kernel_ticks = self.scheduler.kernel_ticks(which);
            processors[cpu] = self.processor_idle_ns(which);
            processors[MAX_CPUS + cpu] = self.machine.ticks_to_ns(kernel_ticks);
        }
        let after = address.wrapping_add(size_of_val(&words) as u64);
        self.write_words(thread, address, &words)?;
        self.write_words(thread, after, &processors)?;
        Ok(0)
    }
}
