//! Which thread runs where: per-CPU queues, real-time classes above a fair one, tickless.

mod account;
mod fair_queue;
mod load;
mod ready;

use crate::kernel::{Kernel, Next, ProcessId, ThreadId};
use crate::machine::{Context, Cpu, MAX_CPUS, Machine};
use crate::thread::{State, Thread, Wait};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem;
use fair_queue::FairQueue;
use load::Load;

pub(crate) use account::Account;

/// How long a thread runs while others of its class wait.
const FAIR_SLICE_NS: u64 = 4_000_000;
const ROUND_ROBIN_SLICE_NS: u64 = 10_000_000;

/// One processor.
#[derive(Default)]
struct Processor {
    current: Option<ThreadId>,
    /// Runs next, without a queue: the other side of a call.
    handoff: Option<ThreadId>,
    fair: FairQueue,
    real_time: BTreeMap<u8, VecDeque<ThreadId>>,
    minimum_virtual_runtime: u64,
    slice_end_ns: u64,
    /// When the CPU time of its thread is to be looked at.
    watch_ns: u64,
    /// The machine's counter at the last switch.
    switched_ticks: u64,
    /// The machine's counter when the current thread entered the kernel, if it is there.
    entered_ticks: Option<u64>,
    /// Ticks that threads spent in the kernel here.
    kernel_ticks: u64,
    programmed_ns: Option<u64>,
    reschedule: bool,
    /// Nothing has been queued, handed over or asked for since the last full decision.
    settled: bool,
    /// The running thread and its process, while the thread to run next may be chosen without a
    /// look at the queues: the processor is settled, and no real-time thread waits for it.
    direct: Option<(ThreadId, ProcessId)>,
    idle: bool,
    idle_ns: u64,
    /// Contexts of ended threads, which the rim may still point to until it has loaded another.
    #[allow(clippy::vec_box, reason = "the address must stay")]
    retired: Vec<Box<Context>>,
    #[allow(clippy::vec_box, reason = "the address must stay")]
    retired_before: Vec<Box<Context>>,
}

impl Processor {
    fn has_ready(&self) -> bool {
        !self.fair.is_empty() || !self.real_time.is_empty()
    }

    /// Has the next decision be a full one.
    #[inline]
    fn unsettle(&mut self) {
        self.settled = false;
        self.direct = None;
    }

    /// Nobody runs here.
    fn vacate(&mut self) {
        self.current = None;
        self.direct = None;
    }

    /// Starts to count anew; ticks since the count was last started.
    #[inline]
    fn lap(&mut self, now_ticks: u64) -> u64 {
        now_ticks.wrapping_sub(mem::replace(&mut self.switched_ticks, now_ticks))
    }

    /// The time in the kernel is over; its ticks.
    #[inline]
    fn leave(&mut self, now_ticks: u64) -> u64 {
        let Some(entered_ticks) = self.entered_ticks.take() else {
            return 0;
        };
        let ticks = now_ticks.wrapping_sub(entered_ticks);
        self.kernel_ticks = self.kernel_ticks.wrapping_add(ticks);
        ticks
    }

    fn pop(&mut self, allowed: impl Fn(ThreadId) -> bool) -> Option<ThreadId> {
        self.unsettle();
        let levels = self.real_time.iter().rev();
        let found = levels
            .flat_map(|(rank, queue)| queue.iter().map(move |&thread| (*rank, thread)))
            .find(|&(_, thread)| allowed(thread));
        if let Some((rank, thread)) = found {
            self.remove_real_time(rank, thread);
            return Some(thread);
        }
        let (key, thread) = self.fair.iter().find(|&(_, thread)| allowed(thread))?;
        self.minimum_virtual_runtime = self.minimum_virtual_runtime.max(key.0);
        self.fair.remove(key);
        Some(thread)
    }

    fn remove_real_time(&mut self, rank: u8, thread: ThreadId) {
        if let Some(queue) = self.real_time.get_mut(&rank) {
            queue.retain(|&other| other != thread);
            if queue.is_empty() {
                self.real_time.remove(&rank);
            }
        }
    }
}

/// All processors.
pub(crate) struct Scheduler {
    cpus: [Processor; MAX_CPUS],
    /// How many of them there are.
    pub cpu_count: usize,
    /// The processor that is in the kernel.
    pub here: Cpu,
    /// Timers and limits of CPU time: while there are any, every switch goes the long way.
    pub cpu_watches: usize,
    load: Load,
}

impl Scheduler {
    pub fn new(cpu_count: usize) -> Scheduler {
        Scheduler {
            cpus: Default::default(),
            cpu_count: cpu_count.clamp(1, MAX_CPUS),
            here: Cpu(0),
            cpu_watches: 0,
            load: Load::default(),
        }
    }

    #[inline]
    fn cpu(&mut self, cpu: Cpu) -> &mut Processor {
        &mut self.cpus[usize::from(cpu.0) % MAX_CPUS]
    }

    /// The thread on a processor.
    #[inline]
    pub fn current(&self, cpu: Cpu) -> Option<ThreadId> {
        self.cpus[usize::from(cpu.0) % MAX_CPUS].current
    }

    /// The running thread and its process, if the thread to run next may be chosen without a look
    /// at the queues.
    #[inline]
    pub fn direct(&self, cpu: Cpu) -> Option<(ThreadId, ProcessId)> {
        self.cpus[usize::from(cpu.0) % MAX_CPUS].direct
    }

    /// Switches from the running thread, which waits now, to one that waited, where
    /// [`Scheduler::direct`] says so: no queue and no timer is touched.
    #[inline(always)]
    pub fn switch_directly(
        &mut self,
        cpu: Cpu,
        now_ticks: u64,
        from: &mut Thread,
        (id, to): (ThreadId, &mut Thread),
    ) {
        let processor = self.cpu(cpu);
        from.charge_ticks(processor.lap(now_ticks));
        processor.current = Some(id);
        processor.direct = Some((id, to.process));
        to.wait = Wait::None;
        to.state = State::Running(cpu);
        to.home = cpu;
    }

    /// Makes the processor choose anew at its next `schedule`.
    pub fn request(&mut self, cpu: Cpu) {
        let processor = self.cpu(cpu);
        processor.reschedule = true;
        processor.unsettle();
    }

    /// Ticks since a processor's thread was charged last.
    pub fn running_ticks(&self, cpu: Cpu, now_ticks: u64) -> u64 {
        let processor = &self.cpus[usize::from(cpu.0) % MAX_CPUS];
        now_ticks.wrapping_sub(processor.switched_ticks)
    }

    /// Whether another thread waits to run on a processor.
    pub fn has_ready(&self, cpu: Cpu) -> bool {
        self.cpus[usize::from(cpu.0) % MAX_CPUS].has_ready()
    }

    /// How long a processor was idle before, and, if it is idle now, the machine's counter at the
    /// beginning.
    fn idle_since(&self, cpu: Cpu) -> (u64, Option<u64>) {
        let processor = &self.cpus[usize::from(cpu.0) % MAX_CPUS];
        let since_ticks = processor.idle.then_some(processor.switched_ticks);
        (processor.idle_ns, since_ticks)
    }

    /// Ticks that threads spent in the kernel on a processor.
    pub fn kernel_ticks(&self, cpu: Cpu) -> u64 {
        self.cpus[usize::from(cpu.0) % MAX_CPUS].kernel_ticks
    }

    /// Threads that wait for a processor.
    fn waiting(&self) -> u64 {
        let queued = |cpu: &Processor| {
            let real_time = cpu.real_time.values().map(VecDeque::len).sum::<usize>();
            cpu.fair.iter().count() + real_time
        };
        self.cpus.iter().map(queued).sum::<usize>() as u64
    }

    /// Threads that run or wait for a processor.
    pub fn runnable(&self) -> u64 {
        let running = self.cpus.iter().filter(|cpu| cpu.current.is_some());
        running.count() as u64 + self.waiting()
    }

    /// Whether the thread stands in the queue (or is to be handed to) of a processor.
    #[cfg(test)]
    pub fn queued_times(&self, thread: ThreadId) -> usize {
        let count = |cpu: &Processor| {
            cpu.fair.iter().filter(|&(_, id)| id == thread).count()
                + cpu
                    .real_time
                    .values()
                    .flatten()
                    .filter(|&&id| id == thread)
                    .count()
                + usize::from(cpu.handoff == Some(thread))
        };
        self.cpus.iter().map(count).sum()
    }

    /// Entries of all queues.
    #[cfg(test)]
    pub fn queued(&self) -> usize {
        let count = |cpu: &Processor| {
            cpu.fair.iter().count()
                + cpu.real_time.values().map(VecDeque::len).sum::<usize>()
                + usize::from(cpu.handoff.is_some())
        };
        self.cpus.iter().map(count).sum()
    }
}

impl<M: Machine> Kernel<M> {
    /// Decides what a processor does now. Called after every entry, before the lock is let go.
    #[inline(always)]
    pub fn schedule(&mut self, cpu: Cpu) -> Next {
        let processor = self.scheduler.cpu(cpu);
        if processor.settled
            && let Some(current) = processor.current
            && !self.timer_queue.is_changed(cpu)
            && let Some(thread) = self.threads.get_mut(current)
            && thread.state == State::Running(cpu)
            && !thread.has_attention()
        {
            if processor.entered_ticks.is_some() {
                thread.charge_kernel_ticks(processor.leave(self.machine.now_ticks()));
            }
            return Next::Run(current);
        }
        self.decide(cpu)
    }

    #[inline(never)]
    fn decide(&mut self, cpu: Cpu) -> Next {
        self.scheduler.here = cpu;
        let next = loop {
            let Some(thread) = self.pick(cpu) else {
                self.scheduler.cpu(cpu).idle = true;
                break Next::Idle;
            };
            let attention = self
                .threads
                .get(thread)
                .is_some_and(|thread| thread.has_attention());
            if !attention || self.prepare_return(cpu, thread) {
                self.leave(cpu, thread);
                break Next::Run(thread);
            }
        };
        self.program_timer(cpu);
        next
    }

    /// The thread to run: the current one, if nothing speaks against it.
    fn pick(&mut self, cpu: Cpu) -> Option<ThreadId> {
        let processor = self.scheduler.cpu(cpu);
        let reschedule = mem::take(&mut processor.reschedule);
        if let Some(current) = processor.current {
            let found = self.threads.get(current);
            let running = found.is_some_and(|thread| thread.state == State::Running(cpu));
            let ending = found.is_some_and(|thread| thread.is_ending());
            if running && !ending && !reschedule {
                // It was to block, but had something to do after all.
                if let Some(thread) = self.scheduler.cpu(cpu).handoff.take() {
                    self.make_ready(thread);
                }
                return Some(current);
            }
            self.charge(cpu, current);
            if ending {
                self.thread_remove(current);
            } else if running {
                self.requeue(cpu, current);
            }
        } else if processor.idle {
            self.leave_idle(cpu);
        }
        self.switch(cpu)
    }

    fn leave_idle(&mut self, cpu: Cpu) {
        let now_ticks = self.machine.now_ticks();
        let processor = self.scheduler.cpu(cpu);
        processor.idle = false;
        processor.idle_ns += self.machine.ticks_to_ns(processor.lap(now_ticks));
    }

    /// Takes the next thread from the hand-off, the own queues or another processor's.
    fn switch(&mut self, cpu: Cpu) -> Option<ThreadId> {
        let processor = self.scheduler.cpu(cpu);
        processor.vacate();
        processor.entered_ticks = None;
        if !processor.retired.is_empty() || !processor.retired_before.is_empty() {
            processor.retired_before = mem::take(&mut processor.retired);
        }
        let handoff = processor.handoff.take();
        let queued = processor.real_time.is_empty();
        let next = match handoff {
            Some(thread) if queued => Some(thread),
            other => {
                if let Some(thread) = other {
                    self.enqueue(cpu, thread, false);
                }
                let next = self.next_queued(cpu);
                let slice_ns = match next.and_then(|id| self.threads.get(id)) {
                    Some(thread) if thread.effective.rank() > 0 => ROUND_ROBIN_SLICE_NS,
                    _ => FAIR_SLICE_NS,
                };
                let now_ns = self.machine.now_ns();
                self.sample_load(now_ns);
                let processor = self.scheduler.cpu(cpu);
                processor.slice_end_ns = now_ns.saturating_add(slice_ns);
                processor.unsettle();
                next
            }
        };
        let thread = next?;
        if let Some(found) = self.threads.get_mut(thread) {
            found.state = State::Running(cpu);
            found.home = cpu;
        }
        self.counters.context_switches += 1;
        self.scheduler.cpu(cpu).current = Some(thread);
        Some(thread)
    }

    fn next_queued(&mut self, cpu: Cpu) -> Option<ThreadId> {
        if let Some(thread) = self.scheduler.cpu(cpu).pop(|_| true) {
            return Some(thread);
        }
        let threads = &self.threads;
        let allowed = |id| {
            threads
                .get(id)
                .is_some_and(|t| t.affinity & (1 << cpu.0) != 0)
        };
        let others = self
            .scheduler
            .cpus
            .iter_mut()
            .take(self.scheduler.cpu_count);
        let stolen = others.into_iter().find_map(|other| other.pop(allowed))?;
        self.settle_in(cpu, stolen);
        Some(stolen)
    }

    /// Makes a thread that is ready (or runs) the one on a processor.
    #[cfg(test)]
    pub(crate) fn run_on(&mut self, cpu: Cpu, thread: ThreadId) {
        self.scheduler.here = cpu;
        let current = self.scheduler.current(cpu);
        if current == Some(thread) {
            return;
        }
        match self.threads.get(thread).map(|found| found.state) {
            Some(State::Ready(_)) => self.dequeue(thread),
            Some(State::Running(other)) => self.scheduler.cpu(other).vacate(),
            other => panic!("thread cannot run: {other:?}"),
        }
        if let Some(current) = current
            && self
                .threads
                .get(current)
                .is_some_and(|t| t.state == State::Running(cpu))
        {
            self.requeue(cpu, current);
        }
        self.scheduler.cpu(cpu).current = Some(thread);
        if let Some(found) = self.threads.get_mut(thread) {
            found.state = State::Running(cpu);
            found.home = cpu;
        }
        self.settle(cpu);
    }

    /// Keeps an ended thread's context until its processor has loaded another one.
    pub(crate) fn retire_context(&mut self, cpu: Cpu, context: Box<Context>) {
        self.scheduler.cpu(cpu).retired.push(context);
    }

    /// The timer interrupt of a processor.
    pub fn timer(&mut self, cpu: Cpu) {
        self.scheduler.here = cpu;
        self.expire_timers(cpu);
        let now_ns = self.machine.now_ns();
        let processor = self.scheduler.cpu(cpu);
        processor.programmed_ns = None;
        let slice_over = now_ns >= processor.slice_end_ns && processor.has_ready();
        let watch_over = now_ns >= processor.watch_ns;
        processor.unsettle();
        if slice_over || watch_over {
            processor.reschedule = true;
        }
    }

    /// When the processor must be interrupted: at the first deadline, or, if others wait for it,
    /// at the end of the slice.
    #[inline]
    fn wanted_timer_ns(&self, cpu: Cpu) -> u64 {
        let first_ns = self.timer_queue.first_ns(cpu);
        let processor = &self.scheduler.cpus[usize::from(cpu.0) % MAX_CPUS];
        if processor.current.is_some() && processor.has_ready() {
            first_ns.min(processor.slice_end_ns)
        } else {
            first_ns
        }
    }

    /// Programs the processor's timer.
    #[inline]
    fn program_timer(&mut self, cpu: Cpu) {
        let mut wanted_ns = self.wanted_timer_ns(cpu);
        let mut watch_ns = u64::MAX;
        if self.scheduler.cpu_watches != 0
            && let Some(current) = self.scheduler.current(cpu)
        {
            watch_ns = self.cpu_watch_ns(current);
            wanted_ns = wanted_ns.min(watch_ns);
        }
        self.scheduler.cpu(cpu).watch_ns = watch_ns;
        let processor = self.scheduler.cpu(cpu);
        // One that comes too early is programmed anew then: the end of a slice moves with every
        // switch, and goes when nobody waits any more.
        let is_late = |programmed_ns| wanted_ns < programmed_ns;
        if processor.programmed_ns.is_none_or(is_late) {
            processor.programmed_ns = Some(wanted_ns);
            self.machine.set_timer(cpu, wanted_ns);
        }
        self.settle(cpu);
        self.timer_queue.clear_changed(cpu);
    }

    /// The decision has been made.
    #[inline]
    fn settle(&mut self, cpu: Cpu) {
        let watched = self.scheduler.cpu_watches != 0;
        let processor = self.scheduler.cpu(cpu);
        processor.settled = true;
        let current = processor
            .current
            .filter(|_| processor.real_time.is_empty() && !watched);
        processor.direct =
            current.and_then(|thread| Some((thread, self.threads.get(thread)?.process)));
    }
}
