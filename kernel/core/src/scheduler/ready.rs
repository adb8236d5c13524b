//! How threads become ready, where they are queued, and how they leave the queues.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::priority::Priority;
use crate::thread::State;
use kernel_abi::process::process_state;

/// How far a thread that slept may lag behind the queue: its claim to run soon.
const SLEEPER_CREDIT_NS: u64 = 3_000_000;
/// A woken thread preempts when it is behind the running one by more than this.
const WAKE_GRANULARITY_NS: u64 = 1_000_000;

impl<M: Machine> Kernel<M> {
    /// Puts the running thread back.
    pub(crate) fn requeue(&mut self, cpu: Cpu, thread: ThreadId) {
        let runnable = self
            .threads
            .get(thread)
            .is_some_and(|t| self.may_run(t.process));
        let allowed = self
            .threads
            .get(thread)
            .is_some_and(|t| t.affinity & (1 << cpu.0) != 0);
        if !runnable || !allowed {
            self.make_ready(thread);
            return;
        }
        let found = self.threads.get(thread);
        let first = found.is_some_and(|found| found.effective.is_first_in_first_out());
        self.enqueue(cpu, thread, first);
    }

    #[inline]
    pub(crate) fn may_run(&self, process: ProcessId) -> bool {
        let found = self.processes.get(process);
        found.is_some_and(|p| p.suspensions == 0 && p.state != process_state::NEW)
    }

    pub(crate) fn enqueue(&mut self, cpu: Cpu, thread: ThreadId, first: bool) {
        self.settle_account(thread);
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        found.state = State::Ready(cpu);
        let (rank, key) = (
            found.effective.rank(),
            (found.virtual_runtime(), thread.index()),
        );
        let processor = self.scheduler.cpu(cpu);
        processor.unsettle();
        if rank == 0 {
            processor.fair.insert(key, thread);
        } else if first {
            processor
                .real_time
                .entry(rank)
                .or_default()
                .push_front(thread);
        } else {
            processor
                .real_time
                .entry(rank)
                .or_default()
                .push_back(thread);
        }
    }

    pub(crate) fn dequeue(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        let State::Ready(cpu) = found.state else {
            return;
        };
        let (rank, key) = (
            found.effective.rank(),
            (found.virtual_runtime(), thread.index()),
        );
        let processor = self.scheduler.cpu(cpu);
        processor.unsettle();
        if processor.handoff == Some(thread) {
            processor.handoff = None;
        } else if rank == 0 {
            processor.fair.remove(key);
        } else {
            processor.remove_real_time(rank, thread);
        }
    }

    /// Adjusts a thread's virtual runtime to the queue it comes to.
    pub(crate) fn settle_in(&mut self, cpu: Cpu, thread: ThreadId) {
        self.settle_account(thread);
        let minimum = self.scheduler.cpu(cpu).minimum_virtual_runtime;
        if let Some(found) = self.threads.get_mut(thread) {
            let lowest = minimum.saturating_sub(SLEEPER_CREDIT_NS);
            // A thread from a processor that is far ahead must not wait for this one to catch up.
            let highest = minimum.saturating_add(SLEEPER_CREDIT_NS);
            found.set_virtual_runtime(found.virtual_runtime().clamp(lowest, highest));
        }
    }

    /// Makes a thread that waits for nothing run as soon as it may.
    pub(crate) fn make_ready(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        if !self.may_run(found.process) {
            if let Some(found) = self.threads.get_mut(thread) {
                found.state = State::Parked;
            }
            return;
        }
        self.leave_processor(thread);
        let cpu = self.choose_cpu(thread);
        self.settle_in(cpu, thread);
        self.enqueue(cpu, thread, false);
        self.preempt(cpu, thread);
    }

    /// A thread that blocked in this step may be ready again before its processor has switched. It
    /// is charged now: its place in a queue depends on the time it has used.
    pub(crate) fn leave_processor(&mut self, thread: ThreadId) {
        let here = self.scheduler.here;
        let blocked = self
            .threads
            .get(thread)
            .is_some_and(|found| found.state == State::Blocked);
        if blocked && self.scheduler.current(here) == Some(thread) {
            self.charge(here, thread);
            self.scheduler.cpu(here).vacate();
        }
    }

    /// Where a woken thread runs: where it ran, unless another allowed processor is idle.
    pub(crate) fn choose_cpu(&self, thread: ThreadId) -> Cpu {
        let Some(found) = self.threads.get(thread) else {
            return Cpu(0);
        };
        let allowed = |index: usize| found.affinity & (1 << index) != 0;
        let free = |index: usize| {
            let cpu = &self.scheduler.cpus[index];
            cpu.current.is_none() && cpu.handoff.is_none() && !cpu.has_ready()
        };
        let count = self.scheduler.cpu_count;
        if count == 1 {
            return Cpu(0);
        }
        let home = usize::from(found.home.0);
        if home < count && allowed(home) && free(home) {
            return found.home;
        }
        let idle = (0..count).find(|&index| allowed(index) && free(index));
        let any = || {
            if allowed(home) && home < count {
                home
            } else {
                0
            }
        };
        let lowest = || (0..count).find(|&index| allowed(index)).unwrap_or_else(any);
        let chosen = idle.unwrap_or_else(|| if allowed(home) { any() } else { lowest() });
        Cpu(chosen as u8)
    }

    /// Lets a newly queued thread take its processor if it is due before the running one.
    pub(crate) fn preempt(&mut self, cpu: Cpu, thread: ThreadId) {
        let here = self.scheduler.here;
        let current = self.scheduler.current(cpu);
        if let Some(current) = current {
            self.settle_account(current);
        }
        let current = current.and_then(|id| self.threads.get(id));
        if let (Some(current), Some(found)) = (current, self.threads.get(thread)) {
            let (new, old) = (found.effective.rank(), current.effective.rank());
            let behind = found.virtual_runtime().saturating_add(WAKE_GRANULARITY_NS);
            if new > old || (new == 0 && old == 0 && behind < current.virtual_runtime()) {
                self.scheduler.request(cpu);
            }
        }
        // A processor that ran its thread alone has no slice programmed either.
        if cpu != here {
            self.machine.kick(cpu);
        }
    }

    /// Switches to a woken thread as soon as the current one blocks, which it is about to do:
    /// the two sides of a call share a time slice and no queue is touched.
    #[inline]
    pub(crate) fn hand_over(&mut self, cpu: Cpu, thread: ThreadId) {
        let processor = self.scheduler.cpu(cpu);
        let free = processor.handoff.is_none() && processor.real_time.is_empty();
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        let allowed = found.affinity & (1 << cpu.0) != 0;
        let owner = self.processes.get(found.process);
        let runs = owner.is_some_and(|p| p.suspensions == 0 && p.state != process_state::NEW);
        if free && allowed && runs {
            found.state = State::Ready(cpu);
            processor.handoff = Some(thread);
            processor.unsettle();
        } else {
            self.make_ready(thread);
        }
    }

    /// Changes the priority a thread runs with.
    pub(crate) fn set_effective(&mut self, thread: ThreadId, priority: Priority) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        if found.effective == priority {
            return;
        }
        let state = found.state;
        // What it used so far counts by the old one's weight.
        self.settle_account(thread);
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        match state {
            State::Ready(cpu) if self.scheduler.cpu(cpu).handoff != Some(thread) => {
                self.dequeue(thread);
                if let Some(found) = self.threads.get_mut(thread) {
                    found.effective = priority;
                }
                self.enqueue(cpu, thread, false);
                self.preempt(cpu, thread);
            }
            State::Running(cpu) => {
                found.effective = priority;
                self.scheduler.request(cpu);
                if cpu != self.scheduler.here {
                    self.machine.kick(cpu);
                }
            }
            _ => found.effective = priority,
        }
    }

    /// Takes a thread off the processors and queues.
    pub(crate) fn scheduler_forget(&mut self, thread: ThreadId) {
        match self.threads.get(thread).map(|found| found.state) {
            Some(State::Ready(_)) => self.dequeue(thread),
            Some(State::Running(cpu)) if self.scheduler.current(cpu) == Some(thread) => {
                self.charge(cpu, thread);
                self.scheduler.cpu(cpu).vacate();
            }
            _ => {}
        }
    }

    /// Parks a ready thread (its process was suspended); a running one parks itself.
    pub(crate) fn park(&mut self, thread: ThreadId) {
        match self.threads.get(thread).map(|found| found.state) {
            Some(State::Ready(_)) => {
                self.dequeue(thread);
                if let Some(found) = self.threads.get_mut(thread) {
                    found.state = State::Parked;
                }
            }
            Some(State::Running(cpu)) => {
                self.scheduler.request(cpu);
                if cpu != self.scheduler.here {
                    self.machine.kick(cpu);
                }
            }
            _ => {}
        }
    }

    /// Puts a thread that yields behind those that are ready on its processor.
    pub(crate) fn yield_runtime(&mut self, cpu: Cpu, thread: ThreadId) {
        self.settle_account(thread);
        let processor = self.scheduler.cpu(cpu);
        let Some(last) = processor.fair.last_runtime() else {
            return;
        };
        if let Some(found) = self.threads.get_mut(thread) {
            found.set_virtual_runtime(found.virtual_runtime().max(last.saturating_add(1)));
        }
    }
}
