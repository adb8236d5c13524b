//! Upcalls: raising, interrupting waits, entering handlers, and what becomes of the rest.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::pending::Raised;
use crate::pending_call::Purpose;
use crate::recovery::killed_status;
use crate::thread::{State, Stop, Wait};
use kernel_abi::Error;
use kernel_abi::message::Fault;
use kernel_abi::process::{UpcallAction, fault_kind, upcall_flags};

/// An upcall on its way to a handler.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    pub raised: Raised,
    pub fault: (u32, u64),
    pub action: UpcallAction,
}

impl<M: Machine> Kernel<M> {
    /// Raises an upcall in a process: in a thread that does not block it, or pending.
    /// `WouldBlock` when too many are queued already.
    pub(crate) fn raise_in_process(
        &mut self,
        process: ProcessId,
        raised: Raised,
    ) -> Result<(), Error> {
        let owner = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        let bit = raised.bit();
        if owner.action(u64::from(raised.upcall)).flags & upcall_flags::IGNORED != 0 {
            return Ok(());
        }
        owner.queue(&raised)?;
        owner.pending.push(raised)?;
        let mut taker = None;
        for &thread in &owner.threads {
            if let Some(found) = self.threads.get_mut(thread) {
                found.call_attention();
                if taker.is_none() && found.takes(bit) {
                    taker = Some(thread);
                }
            }
        }
        self.pending_changed(process);
        if let Some(thread) = taker {
            self.poke(thread, bit);
        }
        Ok(())
    }

    /// Raises an upcall in one thread. Errors as [`Self::raise_in_process`].
    pub(crate) fn raise_in_thread(
        &mut self,
        thread: ThreadId,
        raised: Raised,
    ) -> Result<(), Error> {
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        let owner = self
            .processes
            .get_mut(found.process)
            .ok_or(Error::NoProcess)?;
        if owner.action(u64::from(raised.upcall)).flags & upcall_flags::IGNORED != 0 {
            return Ok(());
        }
        owner.queue(&raised)?;
        found.pending.push(raised)?;
        found.call_attention();
        let process = found.process;
        self.pending_changed(process);
        self.poke(thread, raised.bit());
        Ok(())
    }

    /// Whether nobody would notice an upcall whose default is to be ignored: the action is the
    /// default, and no thread blocks it or waits for it.
    pub(crate) fn is_ignored_by_default(&self, process: ProcessId, raised: &Raised) -> bool {
        let Some(owner) = self.processes.get(process) else {
            return true;
        };
        let bit = raised.bit();
        let kept = |thread: &ThreadId| {
            self.threads.get(*thread).is_some_and(|found| {
                found.mask & bit != 0
                    || matches!(found.wait, Wait::PendingUpcall(set) if set & bit != 0)
            })
        };
        owner.action(u64::from(raised.upcall)).flags & upcall_flags::CAUGHT == 0
            && !owner.threads.iter().any(kept)
    }

    /// Drops the pending upcalls of a set, of the process and of its threads.
    pub(crate) fn discard_pending(&mut self, process: ProcessId, set: u64) {
        let Some(owner) = self.processes.get_mut(process) else {
            return;
        };
        let mut dropped = owner.pending.discard(set);
        for thread in &owner.threads {
            if let Some(found) = self.threads.get_mut(*thread) {
                dropped += found.pending.discard(set);
            }
        }
        owner.queued = owner.queued.saturating_sub(dropped);
        self.pending_changed(process);
    }

    /// Has a thread look at its pending upcalls: interrupts its wait, or its processor.
    fn poke(&mut self, thread: ThreadId, bit: u64) {
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        match found.state {
            State::Running(cpu) if cpu != self.scheduler.here => self.machine.kick(cpu),
            State::Blocked => {
                if matches!(found.wait, Wait::PendingUpcall(set) if set & bit != 0) {
                    self.wake(thread);
                } else if found.mask & bit == 0 {
                    self.interrupt_wait(thread);
                }
            }
            _ => {}
        }
    }

    /// Ends a wait because of an upcall, if it may be ended so.
    fn interrupt_wait(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        let ends = match found.wait {
            Wait::None | Wait::Page(..) => false,
            Wait::Reply => self.interrupt_call(thread),
            _ => true,
        };
        if ends {
            if let Some(found) = self.threads.get_mut(thread) {
                found.interrupt();
            }
            self.wake(thread);
        }
    }

    /// After a wait has been set up: ends it again if an upcall is due already.
    pub(crate) fn check_interrupted(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        if found.upcall_at_wait != 0 {
            let upcall = u32::from(core::mem::take(&mut found.upcall_at_wait)) - 1;
            // With too many queued, one of them interrupts the wait.
            let _ = self.raise_in_thread(thread, Raised::plain(upcall));
        }
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        let shared = self
            .processes
            .get(found.process)
            .map_or(0, |owner| owner.pending.set());
        if (found.pending.set() | shared) & !found.mask != 0 {
            self.interrupt_wait(thread);
        }
    }

    /// What must happen before a thread goes back to user mode. `false`: it does not.
    pub(crate) fn prepare_return(&mut self, cpu: Cpu, thread: ThreadId) -> bool {
        if let Err(Stop::Page(memory, page)) = self.report_received(thread) {
            self.wait_for_page(thread, memory, page, false);
            return false;
        }
        loop {
            let Some(found) = self.threads.get_mut(thread) else {
                return false;
            };
            if found.state != State::Running(cpu) {
                return false;
            }
            if found.is_rewound() && found.progress > 0 {
                // In the middle of a long copy: the upcall comes when it is done.
                return true;
            }
            if let Some(fault) = found.fault.take() {
                if !self.deliver_fault(cpu, thread, fault) {
                    return false;
                }
                continue;
            }
            let Some((upcall, action)) = self.next_due(thread) else {
                return self.nothing_due(thread);
            };
            let due = Due {
                raised: Raised::plain(upcall),
                fault: (0, 0),
                action,
            };
            if !self.deliver(cpu, thread, due) {
                return false;
            }
        }
    }

    /// No upcall is due (any more): a call that was interrupted for one without a handler is
    /// executed again, and a mask that was replaced for the call comes back.
    fn nothing_due(&mut self, thread: ThreadId) -> bool {
        let Some(found) = self.threads.get_mut(thread) else {
            return false;
        };
        if found.interrupted.take().is_some() {
            found.rewind();
        } else if !found.is_rewound()
            && let Some(mask) = found.saved_mask.take()
        {
            found.mask = mask;
            return true;
        }
        // The mask is still to be put back when the call that replaced it is over; and the next
        // wait is to be looked at.
        found.set_attention(found.saved_mask.is_some() || found.upcall_at_wait != 0);
        true
    }

    /// The next upcall that is not blocked, still pending.
    fn next_due(&self, thread: ThreadId) -> Option<(u32, UpcallAction)> {
        let found = self.threads.get(thread)?;
        let owner = self.processes.get(found.process)?;
        let pending = (found.pending.set() | owner.pending.set()) & !found.mask;
        if pending == 0 {
            return None;
        }
        let upcall = pending.trailing_zeros();
        Some((upcall, owner.action(u64::from(upcall))))
    }

    /// Takes a pending upcall off the thread, or else the process.
    fn take_pending(&mut self, thread: ThreadId, upcall: u32) -> Option<Raised> {
        let found = self.threads.get_mut(thread)?;
        let process = found.process;
        let owner = self.processes.get_mut(process)?;
        let mut taken = found
            .pending
            .take(upcall)
            .or_else(|| owner.pending.take(upcall))?;
        if taken.is_queued() {
            owner.queued = owner.queued.saturating_sub(1);
        }
        if let Some(timer) = taken.timer {
            taken.set_overrun(self.timer_delivered(timer));
        }
        self.pending_changed(process);
        Some(taken)
    }

    /// What [`Self::take_pending`] would take.
    fn first_pending(&self, thread: ThreadId, upcall: u32) -> Option<Raised> {
        let found = self.threads.get(thread)?;
        let owner = self.processes.get(found.process)?;
        let first = found.pending.first(upcall);
        let mut first = *first.or_else(|| owner.pending.first(upcall))?;
        if let Some(timer) = first.timer {
            first.set_overrun(self.timer_overrun(timer));
        }
        Some(first)
    }

    /// A fault of the thread's own doing. One that is blocked or ignored cannot be put off.
    fn deliver_fault(&mut self, cpu: Cpu, thread: ThreadId, fault: (u32, u64)) -> bool {
        let upcall = fault_kind::upcall(fault.0);
        let Some(found) = self.threads.get(thread) else {
            return false;
        };
        let Some(owner) = self.processes.get(found.process) else {
            return false;
        };
        let mut action = owner.action(u64::from(upcall));
        let blocked = found.mask & (1 << upcall) != 0;
        if blocked || action.flags & upcall_flags::CAUGHT == 0 {
            action = UpcallAction::default();
        }
        self.deliver(
            cpu,
            thread,
            Due {
                raised: Raised::plain(upcall),
                fault,
                action,
            },
        )
    }

    /// Ignores, enters the handler, or tells the supervisor. `false`: the thread does not go on.
    fn deliver(&mut self, cpu: Cpu, thread: ThreadId, due: Due) -> bool {
        let Ok(process) = self.process_of(thread) else {
            return false;
        };
        let entry = self
            .processes
            .get(process)
            .map_or(0, |owner| owner.upcall_entry);
        if due.action.flags & upcall_flags::IGNORED != 0 {
            self.take_pending(thread, due.raised.upcall);
            return true;
        }
        if due.action.flags & upcall_flags::CAUGHT == 0 || entry == 0 {
            if due.fault.0 == 0 {
                self.take_pending(thread, due.raised.upcall);
            }
            return self.exception(cpu, thread, due.raised.upcall, due.fault);
        }
        match self.enter_handler(cpu, thread, due, entry) {
            Ok(()) => {
                self.handler_entered(thread, process, due);
                true
            }
            Err(Stop::Page(memory, page)) => {
                if due.fault.0 != 0
                    && let Some(found) = self.threads.get_mut(thread)
                {
                    found.fault = Some(due.fault);
                }
                self.wait_for_page(thread, memory, page, false);
                false
            }
            Err(_) => {
                let stack = self.registers(thread).map_or(0, |registers| registers.rsp);
                let fault = (fault_kind::NOT_MAPPED, stack);
                self.exception(cpu, thread, fault_kind::upcall(fault.0), fault)
            }
        }
    }

    /// Writes the frame with what came with the upcall, and takes that off its queue.
    fn enter_handler(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        mut due: Due,
        entry: u64,
    ) -> Result<(), Stop> {
        if due.fault.0 != 0 {
            return self.push_frame(cpu, thread, due, entry);
        }
        let upcall = due.raised.upcall;
        if let Some(raised) = self.first_pending(thread, upcall) {
            due.raised = raised;
        }
        self.push_frame(cpu, thread, due, entry)?;
        self.take_pending(thread, upcall);
        Ok(())
    }

    /// Masks and resets as the action says.
    fn handler_entered(&mut self, thread: ThreadId, process: ProcessId, due: Due) {
        let bit = due.raised.bit();
        if let Some(found) = self.threads.get_mut(thread) {
            found.mask |= due.action.mask;
            if due.action.flags & upcall_flags::NO_DEFER == 0 {
                found.mask |= bit;
            }
        }
        if due.action.flags & upcall_flags::RESET != 0
            && let Some(owner) = self.processes.get_mut(process)
            && let Some(action) = owner.actions.get_mut(due.raised.upcall as usize)
        {
            *action = UpcallAction::default();
        }
    }

    /// Stops the process and tells its supervisor; without one, the process is killed. Always
    /// `false`: the thread does not go on now.
    fn exception(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        upcall: u32,
        (kind, address): (u32, u64),
    ) -> bool {
        let Ok(process) = self.process_of(thread) else {
            return false;
        };
        let supervisor = self
            .processes
            .get(process)
            .and_then(|owner| owner.supervisor);
        let supervisor = supervisor.filter(|(id, _)| self.check_receivable(*id).is_ok());
        let Some(supervisor) = supervisor else {
            self.process_kill_now(process, killed_status(u64::from(upcall)));
            return false;
        };
        let Some(found) = self.threads.get_mut(thread) else {
            return false;
        };
        if found.is_rewound() {
            found.interrupt();
        }
        let registers = &found.context.registers;
        found.call.fault = Fault {
            kind,
            upcall,
            address,
            instruction: registers.rip,
            stack: registers.rsp,
            frame: registers.rbp,
            thread: found.number,
        };
        found.call.lent.clear();
        self.process_stop(process);
        // `Blocked`, as every call.
        let _ = self.start_call(cpu, thread, supervisor, Some([0; 6]), Purpose::Exception);
        false
    }

    /// The supervisor has decided.
    pub(crate) fn answer_exception(&mut self, thread: ThreadId, status: u64) {
        let Ok(process) = self.process_of(thread) else {
            return;
        };
        if status != 0 {
            self.process_kill_now(process, status);
            return;
        }
        if let Some(found) = self.threads.get_mut(thread) {
            found.wait = Wait::None;
            found.call_attention();
        }
        self.process_go_on(process);
        self.make_ready(thread);
    }

    /// Takes the lowest pending upcall of a set off the thread.
    pub(crate) fn take_from_set(&mut self, thread: ThreadId, set: u64) -> Option<Raised> {
        let found = self.threads.get(thread)?;
        let owner = self.processes.get(found.process)?;
        let pending = (found.pending.set() | owner.pending.set()) & set;
        if pending == 0 {
            return None;
        }
        self.take_pending(thread, pending.trailing_zeros())
    }
}

impl crate::thread::Thread {
    /// Whether an upcall need not wait: it is not blocked, or waited for.
    fn takes(&self, bit: u64) -> bool {
        self.mask & bit == 0 || matches!(self.wait, Wait::PendingUpcall(set) if set & bit != 0)
    }

    /// Makes the call under way return what an upcall leaves of it.
    pub fn interrupt(&mut self) {
        let progress = core::mem::take(&mut self.progress);
        self.undo_rewind();
        self.call_attention();
        if progress > 0 {
            self.context.registers.rax = progress;
        } else {
            self.context.registers.rax = crate::thread::encode(Err(Error::Interrupted));
            self.interrupted = Some(self.restartable);
        }
    }
}
