//! The kernel as one value, and its entry points.

use crate::cursor::Cursor;
use crate::device::{DmaDomain, Ports};
use crate::endpoint::{Delivery, Endpoint};
use crate::event::Event;
use crate::futex::FutexTable;
use crate::interrupt::Interrupt;
use crate::machine::{Context, Cpu, Machine};
use crate::memory::{FaultOutcome, MemoryId, MemorySystem, PageRequest};
use crate::object::Object;
use crate::pending_call::CallCounter;
use crate::process::Process;
use crate::scheduler::Scheduler;
use crate::session::Session;
use crate::signal::SignalState;
use crate::slab::{Id, Slab};
use crate::stream::Stream;
use crate::thread::Thread;
use crate::timer::{Timer, TimerQueue};
use crate::wait_set::WaitSet;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::Signals;
use kernel_abi::process::fault_kind;

/// Names of objects in their tables.
pub type ProcessId = Id<Process>;
/// Name of a thread.
pub type ThreadId = Id<Thread>;
/// Name of an endpoint.
pub type EndpointId = Id<Endpoint>;
/// Name of a session.
pub type SessionId = Id<Session>;

/// What a processor does after an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Runs this thread.
    Run(ThreadId),
    /// Waits for an interrupt. The rim loads its own space and forgets the last context.
    Idle,
}

/// Numbers for [`kernel_abi::Call::SystemInfo`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub context_switches: u64,
    pub interrupts: u64,
    pub system_calls: u64,
    pub page_faults: u64,
    pub processes_made: u64,
    /// Calls and answers that went the short way.
    #[cfg(test)]
    pub short_switches: u64,
}

impl Counters {
    /// A system call that went the short way, from one thread to another.
    #[inline]
    pub fn note_short_switch(&mut self) {
        self.system_calls += 1;
        self.context_switches += 1;
        #[cfg(test)]
        {
            self.short_switches += 1;
        }
    }
}

/// The whole state of the kernel.
pub struct Kernel<M: Machine> {
    /// The hardware.
    pub machine: M,
    pub(crate) memory: MemorySystem,
    pub(crate) processes: Slab<Process>,
    pub(crate) threads: Slab<Thread>,
    pub(crate) endpoints: Slab<Endpoint>,
    pub(crate) sessions: Slab<Session>,
    pub(crate) streams: Slab<Stream>,
    pub(crate) cursors: Slab<Cursor>,
    pub(crate) events: Slab<Event>,
    pub(crate) timers: Slab<Timer>,
    /// Those that wait for CPU time.
    pub(crate) cpu_timers: Vec<Id<Timer>>,
    pub(crate) interrupts: Slab<Interrupt>,
    pub(crate) wait_sets: Slab<WaitSet>,
    pub(crate) ports: Slab<Ports>,
    pub(crate) dma_domains: Slab<DmaDomain>,
    /// Signals of those Memory objects that something waits for.
    pub(crate) memory_signals: BTreeMap<MemoryId, SignalState>,
    /// Threads that wait for a pager.
    pub(crate) page_waits: BTreeMap<(MemoryId, u64), Vec<ThreadId>>,
    /// Handles in streams' queues, by the sender's label.
    pub(crate) under_way: BTreeMap<u64, u64>,
    /// Events over pending upcalls.
    pub(crate) upcall_events: Vec<Id<Event>>,
    pub(crate) futexes: FutexTable,
    pub(crate) timer_queue: TimerQueue,
    pub(crate) scheduler: Scheduler,
    pub(crate) calls: CallCounter,
    pub(crate) counters: Counters,
    /// Objects whose last reference went away in this step, still to be torn down.
    pub(crate) dying: Vec<Object>,
    /// Whether `dying` is being worked off.
    pub(crate) burying: bool,
    /// Whether calls go the short way where they can; off only to compare both in tests.
    #[cfg(test)]
    pub(crate) short_way: bool,
}

impl<M: Machine> Kernel<M> {
    /// A kernel without processes on `cpus` processors.
    pub fn new(machine: M, cpus: usize) -> Kernel<M> {
        let memory = MemorySystem::new(machine.frame_limit());
        Kernel {
            machine,
            memory,
            processes: Slab::new(),
            threads: Slab::new(),
            endpoints: Slab::new(),
            sessions: Slab::new(),
            streams: Slab::new(),
            cursors: Slab::new(),
            events: Slab::new(),
            timers: Slab::new(),
            cpu_timers: Vec::new(),
            interrupts: Slab::new(),
            wait_sets: Slab::new(),
            ports: Slab::new(),
            dma_domains: Slab::new(),
            memory_signals: BTreeMap::new(),
            page_waits: BTreeMap::new(),
            under_way: BTreeMap::new(),
            upcall_events: Vec::new(),
            futexes: FutexTable::default(),
            timer_queue: TimerQueue::default(),
            scheduler: Scheduler::new(cpus),
            calls: CallCounter::default(),
            counters: Counters::default(),
            dying: Vec::new(),
            burying: false,
            #[cfg(test)]
            short_way: true,
        }
    }

    /// The context of a thread. It is boxed: its address stays while the thread lives, and until
    /// the next `schedule` of the processor that it ended on.
    #[inline]
    pub fn context(&mut self, thread: ThreadId) -> Option<&mut Context> {
        self.threads
            .get_mut(thread)
            .map(|thread| &mut *thread.context)
    }

    /// The thread on a processor met a page fault in user mode.
    pub fn page_fault(&mut self, cpu: Cpu, address: u64, write: bool, execute: bool) {
        self.scheduler.here = cpu;
        self.counters.page_faults += 1;
        self.enter(cpu);
        let Some(thread) = self.scheduler.current(cpu) else {
            return;
        };
        let Ok(process) = self.process_of(thread) else {
            return;
        };
        let Ok(space) = self.space_of(process) else {
            return;
        };
        if self.must_leave_memory(process) {
            return self.fault(cpu, fault_kind::NO_MEMORY, address);
        }
        let outcome = self
            .memory
            .fault(&mut self.machine, space, address, write, execute);
        self.settle_memory();
        let major = matches!(outcome, FaultOutcome::WaitForPager { .. });
        if let Some(owner) = self.processes.get_mut(process) {
            owner.minor_faults += u64::from(!major);
            owner.major_faults += u64::from(major);
        }
        match outcome {
            FaultOutcome::Resolved => {}
            FaultOutcome::WaitForPager { memory, page } => {
                self.wait_for_page(thread, memory, page, false);
            }
            FaultOutcome::Fault(kind) => self.fault(cpu, kind, address),
        }
    }

    /// Whether the last memory is not for this process: it has a supervisor, which needs memory
    /// itself to make some free.
    fn must_leave_memory(&self, process: ProcessId) -> bool {
        const MOST_RESERVED_FRAMES: usize = 512;
        let reserved = (self.machine.total_frames() / 32).min(MOST_RESERVED_FRAMES);
        self.machine.free_frames() < reserved
            && self
                .processes
                .get(process)
                .is_some_and(|owner| owner.supervisor.is_some())
    }

    /// The thread on a processor met a fault (`kernel_abi::process::fault_kind`).
    pub fn fault(&mut self, cpu: Cpu, kind: u32, address: u64) {
        self.scheduler.here = cpu;
        let Some(thread) = self.scheduler.current(cpu) else {
            return;
        };
        if let Some(found) = self.threads.get_mut(thread) {
            found.fault = Some((kind, address));
            found.call_attention();
        }
    }

    /// Another processor wants this one to look again: `schedule` does.
    pub fn kicked(&mut self, cpu: Cpu) {
        self.scheduler.here = cpu;
    }

    /// A request of a pager-backed Memory for a page goes to its endpoint.
    pub(crate) fn post_page_request(&mut self, request: PageRequest) {
        let PageRequest {
            endpoint,
            key,
            offset,
            length,
            write,
        } = request;
        let delivery = Delivery::Page {
            key,
            offset,
            length,
            write,
        };
        if let Some(endpoint) = EndpointId::from_word(endpoint) {
            self.endpoint_post(endpoint, delivery);
        }
    }

    /// Only the owner's handle of a Memory is left.
    pub(crate) fn memory_unreferenced(&mut self, memory: MemoryId) {
        if !self.memory_signals.contains_key(&memory) {
            return;
        }
        if self.memory.size(memory).is_none() {
            self.drop_observers(Object::Memory(memory));
        } else {
            self.change_signals(Object::Memory(memory), Signals::NONE, Signals::UNREFERENCED);
        }
    }
}
