//! CPU time: the clocks of processes and threads, and what is due at a time of theirs.
//!
//! CPU time is charged when a thread leaves its processor. While anything waits for CPU time
//! (`Scheduler::cpu_watches`), a processor whose thread is waited for is interrupted when that time
//! may have come, and every switch goes the long way, so that this is decided anew each time.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::slab::Id;
use crate::thread::State;
use crate::timer::{Timer, TimerClock};
use alloc::vec::Vec;

/// Shortest time after which a processor is interrupted to look at CPU time.
const LEAST_WATCH_NS: u64 = 100_000;

impl<M: Machine> Kernel<M> {
    /// CPU time of a process, up to now.
    pub(crate) fn process_cpu_now_ns(&self, process: ProcessId) -> u64 {
        let Some(owner) = self.processes.get(process) else {
            return 0;
        };
        let alive = owner.threads.iter();
        let alive_ns: u64 = alive.map(|thread| self.thread_cpu_now_ns(*thread)).sum();
        owner.ended_threads_ns + alive_ns
    }

    /// CPU time of a thread, up to now.
    pub(crate) fn thread_cpu_now_ns(&self, thread: ThreadId) -> u64 {
        self.thread_cpu_ns(thread) + self.uncharged_ns(thread)
    }

    /// Time that a thread has run since it was charged last.
    fn uncharged_ns(&self, thread: ThreadId) -> u64 {
        let state = self.threads.get(thread).map(|found| found.state);
        let Some(State::Running(cpu)) = state else {
            return 0;
        };
        let ticks = self.scheduler.running_ticks(cpu, self.machine.now_ticks());
        self.machine.ticks_to_ns(ticks)
    }

    /// Arms or disarms a timer of CPU time.
    pub(crate) fn cpu_timer_set(&mut self, cpu: Cpu, id: Id<Timer>) {
        self.cpu_timer_forget(id);
        let Some(timer) = self.timers.get(id) else {
            return;
        };
        if timer.deadline_ns == u64::MAX {
            return;
        }
        self.cpu_timers.push(id);
        self.scheduler.cpu_watches += 1;
        // Whoever runs may be the one whose time is counted.
        self.scheduler.request(cpu);
        for other in 0..self.scheduler.cpu_count {
            let other = Cpu(other as u8);
            if other != self.scheduler.here && self.scheduler.current(other).is_some() {
                self.scheduler.request(other);
                self.machine.kick(other);
            }
        }
    }

    /// Takes a timer out of those that wait for CPU time.
    pub(crate) fn cpu_timer_forget(&mut self, id: Id<Timer>) {
        let before = self.cpu_timers.len();
        self.cpu_timers.retain(|&other| other != id);
        self.scheduler.cpu_watches -= before - self.cpu_timers.len();
    }

    /// A thread has been charged: what waited for its time, or its process's, is due.
    pub(crate) fn expire_cpu_timers(&mut self, thread: ThreadId, process: ProcessId) {
        if self.cpu_timers.is_empty() {
            return;
        }
        let mut due: Vec<Id<Timer>> = Vec::new();
        for index in 0..self.cpu_timers.len() {
            let Some(&id) = self.cpu_timers.get(index) else {
                break;
            };
            let Some(timer) = self.timers.get(id) else {
                continue;
            };
            let deadline_ns = timer.deadline_ns;
            let now_ns = match timer.clock {
                TimerClock::Process(other) if other == process => self.process_cpu_ns(process),
                TimerClock::Thread(other) if other == thread => self.thread_cpu_ns(thread),
                _ => continue,
            };
            if deadline_ns <= now_ns
                && let Some(timer) = self.timers.get_mut(id)
            {
                timer.expire(now_ns);
                due.push(id);
            }
        }
        for id in due {
            if self
                .timers
                .get(id)
                .is_some_and(|timer| timer.deadline_ns == u64::MAX)
            {
                self.cpu_timer_forget(id);
            }
            self.timer_tell(id);
        }
    }

    /// When the processor must look at the CPU time of the thread that it is about to run, as a
    /// monotonic time; `u64::MAX`: never.
    pub(crate) fn cpu_watch_ns(&self, thread: ThreadId) -> u64 {
        let Some(found) = self.threads.get(thread) else {
            return u64::MAX;
        };
        let process = found.process;
        let process_ns = self.process_cpu_ns(process);
        let mut left_ns = u64::MAX;
        for id in &self.cpu_timers {
            let Some(timer) = self.timers.get(*id) else {
                continue;
            };
            let used_ns = match timer.clock {
                TimerClock::Process(other) if other == process => process_ns,
                TimerClock::Thread(other) if other == thread => self.thread_cpu_ns(thread),
                _ => continue,
            };
            left_ns = left_ns.min(timer.deadline_ns.saturating_sub(used_ns));
        }
        if let Some(owner) = self.processes.get(process) {
            left_ns = left_ns.min(owner.limits.cpu_ns.saturating_sub(process_ns));
        }
        match left_ns {
            u64::MAX => u64::MAX,
            left_ns => {
                let left_ns = left_ns.saturating_sub(self.uncharged_ns(thread));
                let now_ns = self.machine.now_ns();
                now_ns.saturating_add(left_ns.max(LEAST_WATCH_NS))
            }
        }
    }
}
