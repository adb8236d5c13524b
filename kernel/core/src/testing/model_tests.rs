//! Random programs on several processors, with every invariant checked after every step.

use super::model_calls::{CALLS, Kind};
use super::{AFTER, BUFFER, Harness};
use crate::kernel::{Next, ProcessId, ThreadId};
use crate::machine::Cpu;
use crate::object::{HandleEntry, Object};
use crate::pending::Raised;
use kernel_abi::object::handle_flags;
use kernel_abi::process::{process_property, upcall_flags};
use kernel_abi::{Call, Handle, ObjectKind, Rights};
use std::vec::Vec;

use Kind::{Address, All, Any, Bits, Data, Length, Of, Pages, Process, Small, Soon, Token};
use ObjectKind as O;

/// A small generator: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

const CPUS: u64 = 3;
/// The program that owns the others and is never killed.
struct Model {
    h: Harness,
    random: Random,
    keeper: ThreadId,
    base_frames: usize,
    /// Programs mostly call and answer.
    chatty: bool,
}

impl Model {
    fn new(seed: u64) -> Model {
        let mut h = Harness::with_cpus(CPUS as usize);
        let (_, keeper) = h.process();
        // The keeper holds an endpoint that outlives its servers, and sleeps for good.
        let endpoint = h.ok(keeper, Call::EndpointCreate, &[]);
        for badge in 100..103 {
            let none = u64::from(Handle::NONE.0);
            h.ok(
                keeper,
                Call::SessionCreate,
                &[endpoint, badge | 1 << 63, none, 0],
            );
        }
        h.start(keeper, Call::SleepUntil, &[0, u64::MAX]);
        let base_frames = h.kernel.machine.frames_free();
        Model {
            h,
            random: Random(seed | 1),
            keeper,
            base_frames,
            chatty: false,
        }
    }

    /// A program; some share handles with those that are there, so that calls meet.
    fn spawn(&mut self) {
        let others: Vec<ThreadId> = self.threads();
        let (process, thread) = self.h.process();
        if let Some(found) = self.h.kernel.processes.get_mut(process) {
            found.handles.limit = 24;
        }
        let property = process_property::UPCALL_ENTRY;
        let own = u64::from(Handle::SELF.0);
        if self.random.below(4) != 0 {
            // The entry is where the program is "running" anyway.
            let result = self.h.kernel.process_set(process, own, property, AFTER);
            assert_eq!(result, Ok(0));
            let found = self.h.kernel.processes.get_mut(process).expect("process");
            for action in found.actions.iter_mut() {
                action.flags =
                    upcall_flags::CAUGHT | (self.random.below(2) * upcall_flags::RESTART);
            }
        }
        self.share_with(process);
        for call in [Call::EndpointCreate, Call::EventCreate, Call::WaitSetCreate] {
            if self.random.below(2) == 0 {
                let request = crate::system_call::Request {
                    cpu: self.h.cpu,
                    thread,
                    process,
                    arguments: [0; 6],
                };
                assert!(self.h.kernel.dispatch(call, &request).is_ok());
            }
        }
        self.borrow_from(&others, process);
        self.h.check();
    }

    /// Some of what the keeper holds.
    fn share_with(&mut self, process: ProcessId) {
        let keeper = self.h.owner(self.keeper);
        let keeper = self.h.kernel.processes.get(keeper).expect("keeper");
        let shared: Vec<HandleEntry> = keeper.handles.iter().map(|(_, entry)| *entry).collect();
        for entry in shared {
            if self.random.below(2) == 0 {
                let flags = handle_flags::HIGH;
                self.h
                    .kernel
                    .place_copy(process, entry, 0, flags)
                    .expect("room");
            }
        }
    }

    /// Some of what other programs hold, and perhaps one of them.
    fn borrow_from(&mut self, others: &[ThreadId], process: ProcessId) {
        for _ in 0..self.random.below(10) {
            if others.is_empty() {
                break;
            }
            let from = self.h.owner(self.random.pick(others));
            let Some(source) = self.h.kernel.processes.get(from) else {
                continue;
            };
            let entries: Vec<HandleEntry> = source.handles.iter().map(|(_, e)| *e).collect();
            if entries.is_empty() {
                continue;
            }
            let entry = self.random.pick(&entries);
            let flags = if self.random.below(2) == 0 {
                handle_flags::HIGH
            } else {
                0
            };
            let _ = self.h.kernel.place_copy(process, entry, 0, flags);
        }
        if self.random.below(3) == 0 && !others.is_empty() {
            let other = self.h.owner(self.random.pick(others));
            if other != self.h.owner(self.keeper) {
                let _ = self
                    .h
                    .kernel
                    .place_new(process, Object::Process(other), Rights::ALL);
            }
        }
    }

    fn threads(&self) -> Vec<ThreadId> {
        let all = self.h.kernel.threads.iter().map(|(id, _)| id);
        all.filter(|&id| id != self.keeper).collect()
    }

    /// Something that a call takes, one time in thirty rubbish.
    fn argument(&mut self, thread: ThreadId, kind: Kind) -> u64 {
        if self.random.below(30) == 0 {
            return self.random.next();
        }
        let process = self.h.owner(thread);
        match kind {
            Of(wanted) => self.handle(process, |entry| entry.object.kind() == wanted),
            Any => self.handle(process, |_| true),
            Process if self.random.below(3) > 0 => u64::from(Handle::SELF.0),
            Process => self.handle(process, |entry| entry.object.kind() == O::Process),
            Token => {
                let threads = self.h.kernel.threads.iter();
                let taken = threads.filter(|(_, found)| found.call.taken_by == Some(process));
                let tokens: Vec<u64> = taken.map(|(_, found)| found.call.token.0).collect();
                if tokens.is_empty() {
                    0
                } else {
                    self.random.pick(&tokens)
                }
            }
            Address => BUFFER + self.random.below(4) * 8,
            Soon => self.h.kernel.machine.now_ns + self.random.below(10_000_000),
            Bits => 1 << self.random.below(20),
            Small => self.random.below(8),
            Length => self.random.below(10_000),
            Pages => (1 + self.random.below(4)) * 4096,
            All => u64::from(u32::MAX),
            Data if self.random.below(4) > 0 => u64::from(Handle::NONE.0),
            Data => self.handle(process, |entry| entry.object.kind() == O::Stream),
        }
    }

    fn handle(&mut self, process: ProcessId, wanted: impl Fn(&HandleEntry) -> bool) -> u64 {
        let Some(found) = self.h.kernel.processes.get(process) else {
            return 0;
        };
        let entries = found.handles.iter().filter(|(_, entry)| wanted(entry));
        let slots: Vec<u32> = entries.map(|(slot, _)| slot).collect();
        if slots.is_empty() {
            0
        } else {
            u64::from(self.random.pick(&slots))
        }
    }

    /// Registers of one random call.
    fn prepare(&mut self, thread: ThreadId) {
        let chats = self.chatty && self.random.below(8) != 0;
        // The messages are the first in the list.
        let (call, kinds) = self.random.pick(if chats { &CALLS[1..7] } else { CALLS });
        let mut arguments = [0; 6];
        for (argument, kind) in arguments.iter_mut().zip(kinds) {
            *argument = self.argument(thread, *kind);
        }
        let endpoint = self.argument(thread, Of(O::Endpoint));
        // One end in ten is enough.
        let deadly = matches!(
            call,
            Call::ProcessExit | Call::ProcessKill | Call::ThreadExit
        );
        let spared = deadly && self.random.below(10) != 0;
        let carries = self.random.below(if chats { 40 } else { 4 }) == 0;
        let registers = self.h.registers(thread);
        registers.rip = AFTER;
        registers.rsp = super::STACK - 4096;
        registers.rax = if spared { Call::ThreadYield } else { call } as u64;
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ] = arguments;
        registers.r12 = 0;
        registers.r13 = if carries { BUFFER } else { 0 };
        registers.r14 = endpoint;
        registers.r15 = BUFFER + 0x1000;
    }

    /// Handles and small numbers where calls look for structures: a `Transfer`, a list.
    fn scribble(&mut self, thread: ThreadId) {
        let mut words = Vec::new();
        for _ in 0..20 {
            let low = self.argument(thread, Any) & 0xffff_ffff;
            let high = self.random.below(3);
            words.push(low | high << 32);
        }
        if self.random.below(2) == 0 {
            // A buffer, and counts that a `Transfer` allows.
            words[0] = BUFFER + 0x4000;
            words[1] = 64;
            words[2] = 3;
            words[12] = self.random.below(2) | self.random.below(3) << 32;
        }
        // A program may have unmapped nothing, so that this cannot fail but for want of memory.
        let _ = self.h.kernel.write_words(thread, BUFFER, &words);
    }

    fn step(&mut self) {
        let cpu = Cpu(self.random.below(CPUS) as u8);
        self.h.cpu = cpu;
        match self.random.below(20) {
            0 => {
                self.h.kernel.machine.now_ns += self.random.below(5_000_000);
                self.h.kernel.timer(cpu);
            }
            1 => self.h.kernel.kicked(cpu),
            2 => {
                let write = self.random.below(2) == 0;
                let address = if self.random.below(4) == 0 {
                    self.random.next() >> 17
                } else {
                    BUFFER
                };
                self.h.kernel.page_fault(cpu, address, write, false);
            }
            3 => self
                .h
                .kernel
                .fault(cpu, 1 + self.random.below(9) as u32, AFTER),
            4 if self.threads().len() < 20 => self.spawn(),
            _ => {
                if let Some(thread) = self.h.kernel.scheduler.current(cpu) {
                    let again = self
                        .h
                        .kernel
                        .threads
                        .get(thread)
                        .is_some_and(|t| t.is_rewound());
                    if !again {
                        self.prepare(thread);
                        self.scribble(thread);
                    } else {
                        self.h.registers(thread).rip = AFTER;
                    }
                    self.h.system_call(cpu);
                } else {
                    self.disturb();
                }
            }
        }
        match self.h.kernel.schedule(cpu) {
            Next::Run(thread) => assert_ne!(thread, self.keeper),
            Next::Idle => {}
        }
        self.h.check();
    }

    /// Nothing runs here: raises an upcall somewhere, or lets time pass.
    fn disturb(&mut self) {
        let threads = self.threads();
        if threads.is_empty() || self.random.below(2) == 0 {
            self.h.kernel.machine.now_ns += self.random.below(50_000_000);
            self.h.kernel.timer(self.h.cpu);
            return;
        }
        let process = self.h.owner(self.random.pick(&threads));
        let upcall = self.random.below(8);
        self.h.kernel.scheduler.here = self.h.cpu;
        if self.random.below(6) == 0 {
            self.h.kernel.process_kill_now(process, 1);
            return;
        }
        let raised = Raised::plain(upcall as u32);
        let _ = self.h.kernel.raise_in_process(process, raised);
    }

    /// Ends every program: all that they made must be gone.
    fn close_everything(&mut self) {
        for _ in 0..100 {
            let keeper = self.h.owner(self.keeper);
            let all: Vec<_> = self.h.kernel.processes.iter().map(|(id, _)| id).collect();
            for process in all.into_iter().filter(|&id| id != keeper) {
                self.h.kernel.process_kill_now(process, 0);
            }
            for cpu in 0..CPUS {
                self.h.kernel.kicked(Cpu(cpu as u8));
                self.h.kernel.schedule(Cpu(cpu as u8));
            }
        }
        self.h.check();
        let keeper = self.h.owner(self.keeper);
        self.h.kernel.close_all(keeper, |_, _| true);
        let kernel = &self.h.kernel;
        let left = |(id, p): (ProcessId, &crate::process::Process)| {
            std::format!(
                "{id:?} state {} references {} threads {}",
                p.state,
                p.references,
                p.threads.len()
            )
        };
        let left: Vec<_> = kernel.processes.iter().map(left).collect();
        assert_eq!(kernel.processes.len(), 1, "processes {left:?}");
        assert_eq!(kernel.threads.len(), 1, "threads");
        assert_eq!(kernel.endpoints.len(), 0, "endpoints");
        assert_eq!(kernel.sessions.len(), 0, "sessions");
        assert_eq!(kernel.wait_sets.len(), 0, "wait sets");
        assert_eq!(kernel.timer_queue.len(), 0, "deadlines");
        assert!(kernel.page_waits.is_empty() && kernel.memory_signals.is_empty());
        // A stream whose end is under way in itself is reachable by nobody and stays, as the
        // README says; then so does what it carries.
        if kernel.streams.is_empty() {
            assert_eq!(
                kernel.events.len() + kernel.timers.len(),
                0,
                "events and timers"
            );
            assert_eq!(kernel.cursors.len(), 0, "cursors");
            assert_eq!(kernel.memory.count(), 0, "memories");
            assert_eq!(kernel.machine.frames_free(), self.base_frames, "frames");
        }
    }
}

/// What the two ways of a call must agree in.
fn state(h: &Harness) -> Vec<std::string::String> {
    let threads = h.kernel.threads.iter().map(|(id, thread)| {
        let call = (&thread.call.stage, thread.call.token, thread.call.taken_by);
        std::format!(
            "{id:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
            thread.state,
            thread.wait,
            thread.context.registers,
            call,
            thread.effective,
            thread.serving,
            h.kernel.thread_cpu_ns(id),
        )
    });
    let endpoints =
        h.kernel.endpoints.iter().map(|(id, endpoint)| {
            std::format!("{id:?} {:?} {:?}", endpoint.queue, endpoint.receivers)
        });
    threads.chain(endpoints).collect()
}

#[test]
fn the_short_way_of_a_call_leads_to_the_same_states_as_the_general_one() {
    let mut short_switches = 0;
    for seed in 1..=12 {
        let mut models = [Model::new(seed * 0x51_7cc1), Model::new(seed * 0x51_7cc1)];
        models[1].h.kernel.short_way = false;
        models.iter_mut().for_each(|model| model.chatty = true);
        for model in &mut models {
            (0..4).for_each(|_| model.spawn());
        }
        for step in 0..800 {
            let [short, general] = &mut models;
            short.step();
            general.step();
            assert_eq!(
                state(&short.h),
                state(&general.h),
                "seed {seed}, step {step}"
            );
        }
        short_switches += models[0].h.kernel.counters.short_switches;
        assert_eq!(models[1].h.kernel.counters.short_switches, 0);
    }
    assert!(
        short_switches > 20,
        "only {short_switches} calls went the short way"
    );
}

#[test]
fn random_programs_keep_every_invariant_and_leave_nothing_behind() {
    for seed in 1..=20 {
        let mut model = Model::new(seed * 0x9e37_79b9);
        for _ in 0..3 {
            model.spawn();
        }
        for _ in 0..1000 {
            model.step();
        }
        model.close_everything();
    }
}
