//! CPU time. The short way of a call only adds up ticks of the machine's counter; they become
//! nanoseconds, and run time weighted by the priority they were used with, as soon as something
//! depends on it: a queue, another priority, a question.

use crate::kernel::{Kernel, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::priority::{NORMAL_WEIGHT, Priority};
use crate::thread::Thread;

/// What a thread has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// Ticks that are in neither of the sums yet.
    ticks: u64,
    cpu_ns: u64,
    /// Weighted run time, the fair class's order.
    virtual_runtime: u64,
    /// Ticks, of all those used, that went by in the kernel.
    kernel_ticks: u64,
}

impl Thread {
    /// Counts time on a processor.
    #[inline]
    pub fn charge_ticks(&mut self, ticks: u64) {
        self.account.ticks = self.account.ticks.wrapping_add(ticks);
    }

    /// Counts time that [`Self::charge_ticks`] counts as well as time in the kernel.
    #[inline]
    pub fn charge_kernel_ticks(&mut self, ticks: u64) {
        self.account.kernel_ticks = self.account.kernel_ticks.wrapping_add(ticks);
    }

    /// Ticks in the kernel.
    pub fn kernel_ticks(&self) -> u64 {
        self.account.kernel_ticks
    }

    /// Weighted run time. The account is settled.
    #[inline]
    pub fn virtual_runtime(&self) -> u64 {
        self.account.virtual_runtime
    }

    /// Puts the thread elsewhere in the order of the fair class. The account is settled.
    #[inline]
    pub fn set_virtual_runtime(&mut self, virtual_runtime: u64) {
        self.account.virtual_runtime = virtual_runtime;
    }

    /// Turns the ticks into both sums.
    fn settle_account(&mut self, to_ns: impl Fn(u64) -> u64) {
        if self.account.ticks == 0 {
            return;
        }
        let used_ns = to_ns(core::mem::take(&mut self.account.ticks));
        self.account.cpu_ns += used_ns;
        let weighted = match self.effective {
            Priority::NORMAL => used_ns,
            other => used_ns.saturating_mul(NORMAL_WEIGHT) / other.weight(),
        };
        self.account.virtual_runtime = self.account.virtual_runtime.saturating_add(weighted);
    }
}

impl<M: Machine> Kernel<M> {
    /// A thread begins to work in the kernel.
    #[inline]
    pub(crate) fn enter(&mut self, cpu: Cpu) {
        let now_ticks = self.machine.now_ticks();
        self.scheduler.cpu(cpu).entered_ticks = Some(now_ticks);
    }

    /// It goes on outside.
    #[inline]
    pub(super) fn leave(&mut self, cpu: Cpu, thread: ThreadId) {
        if self.scheduler.cpu(cpu).entered_ticks.is_none() {
            return;
        }
        let ticks = self.machine.now_ticks();
        let ticks = self.scheduler.cpu(cpu).leave(ticks);
        if let Some(found) = self.threads.get_mut(thread) {
            found.charge_kernel_ticks(ticks);
        }
    }

    /// CPU time that a thread has spent in the kernel.
    pub(crate) fn thread_kernel_ns(&self, thread: ThreadId) -> u64 {
        let found = self.threads.get(thread);
        found.map_or(0, |found| self.machine.ticks_to_ns(found.kernel_ticks()))
    }

    /// Turns what a thread has used into what the scheduler and programs see.
    #[inline]
    pub(crate) fn settle_account(&mut self, thread: ThreadId) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.settle_account(|ticks| self.machine.ticks_to_ns(ticks));
        }
    }

    /// CPU time that a thread has used up to its last switch.
    pub(crate) fn thread_cpu_ns(&self, thread: ThreadId) -> u64 {
        self.threads.get(thread).map_or(0, |found| {
            let account = &found.account;
            account.cpu_ns + self.machine.ticks_to_ns(account.ticks)
        })
    }

    /// Charges the time since the last switch to a thread.
    pub(super) fn charge(&mut self, cpu: Cpu, thread: ThreadId) {
        let now_ticks = self.machine.now_ticks();
        let processor = self.scheduler.cpu(cpu);
        let used_ticks = processor.lap(now_ticks);
        let kernel_ticks = processor.leave(now_ticks);
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        found.charge_ticks(used_ticks);
        // The processor may have been handed to it in the middle of another's call.
        found.charge_kernel_ticks(kernel_ticks.min(used_ticks));
        found.settle_account(|ticks| self.machine.ticks_to_ns(ticks));
        if self.scheduler.cpu_watches == 0 {
            return;
        }
        let process = found.process;
        self.expire_cpu_timers(thread, process);
        if let Some(owner) = self.processes.get(process)
            && owner.limits.cpu_ns != u64::MAX
            && self.process_cpu_ns(process) > owner.limits.cpu_ns
        {
            self.cpu_limit_reached(process);
        }
    }
}
