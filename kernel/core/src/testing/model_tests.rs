//! Random programs on several processors, with every invariant checked after every step.

use super::{AFTER, BUFFER, Harness};
use crate::kernel::{Next, ThreadId};
use crate::machine::Cpu;
use crate::object::{HandleEntry, Object};
use kernel_abi::process::process_property;
use kernel_abi::{Call, Handle, Rights};
use std::vec::Vec;

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
}

/// Calls with mostly sensible arguments.
const CALLS: &[Call] = &[
    Call::Null,
    Call::Call,
    Call::Call,
    Call::Call,
    Call::ReplyReceive,
    Call::ReplyReceive,
    Call::ReplyReceive,
    Call::Reply,
    Call::Reply,
    Call::MessageForward,
    Call::MessageRead,
    Call::EndpointCreate,
    Call::SessionCreate,
    Call::SessionSignal,
    Call::SessionAttach,
    Call::EndpointBind,
    Call::HandleClose,
    Call::HandleClose,
    Call::HandleDuplicate,
    Call::HandleInfo,
    Call::Read,
    Call::Write,
    Call::ReadAt,
    Call::WriteAt,
    Call::Seek,
    Call::StreamCreate,
    Call::StreamSend,
    Call::StreamReceive,
    Call::StreamShutDown,
    Call::CursorCreate,
    Call::MemoryCreate,
    Call::MemoryCreatePaged,
    Call::MemoryChild,
    Call::MemorySupplyZero,
    Call::MemoryFail,
    Call::MemoryMap,
    Call::ProcessFork,
    Call::ProcessExit,
    Call::ProcessSuspend,
    Call::ProcessResume,
    Call::ProcessKill,
    Call::ProcessSupervise,
    Call::ThreadCreate,
    Call::ThreadExit,
    Call::ThreadYield,
    Call::ThreadSet,
    Call::FutexWait,
    Call::FutexWait,
    Call::FutexWake,
    Call::FutexRequeue,
    Call::SleepUntil,
    Call::UpcallRaise,
    Call::UpcallMask,
    Call::UpcallAction,
    Call::UpcallSuspend,
    Call::UpcallTake,
    Call::UpcallReturn,
    Call::Wait,
    Call::EventCreate,
    Call::EventSignal,
    Call::TimerCreate,
    Call::TimerSet,
    Call::WaitSetCreate,
    Call::WaitSetChange,
    Call::WaitSetWait,
    Call::StatusFlags,
];

impl Model {
    fn new(seed: u64) -> Model {
        let mut h = Harness::with_cpus(CPUS as usize);
        let (_, keeper) = h.process();
        // The keeper sleeps for good.
        h.start(keeper, Call::SleepUntil, &[0, u64::MAX]);
        let base_frames = h.kernel.machine.frames_free();
        Model { h, random: Random(seed | 1), keeper, base_frames }
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
        if self.random.below(2) == 0 {
            // The entry is where the program is "running" anyway.
            let result = self.h.kernel.process_set(process, own, property, AFTER);
            assert_eq!(result, Ok(0));
        }
        for _ in 0..self.random.below(6) {
            if others.is_empty() {
                break;
            }
            let from = self.h.owner(self.random.pick(&others));
            let Some(source) = self.h.kernel.processes.get(from) else { continue };
            let entries: Vec<HandleEntry> = source.handles.iter().map(|(_, e)| *e).collect();
            if entries.is_empty() {
                continue;
            }
            let entry = self.random.pick(&entries);
            let flags = if self.random.below(2) == 0 { super::handle_flags::HIGH } else { 0 };
            let _ = self.h.kernel.place_copy(process, entry, 0, flags);
        }
        if self.random.below(3) == 0 && !others.is_empty() {
            let other = self.h.owner(self.random.pick(&others));
            if other != self.h.owner(self.keeper) {
                let _ = self.h.kernel.place_new(process, Object::Process(other), Rights::ALL);
            }
        }
        let _ = thread;
        self.h.check();
    }

    fn threads(&self) -> Vec<ThreadId> {
        let all = self.h.kernel.threads.iter().map(|(id, _)| id);
        all.filter(|&id| id != self.keeper).collect()
    }

    /// Something that a call takes: a handle, an address, a token, a small number or rubbish.
    fn argument(&mut self, thread: ThreadId) -> u64 {
        let process = self.h.owner(thread);
        let slots: Vec<u32> = self
            .h
            .kernel
            .processes
            .get(process)
            .map_or(Vec::new(), |found| found.handles.iter().map(|(slot, _)| slot).collect());
        match self.random.below(12) {
            0..=4 if !slots.is_empty() => u64::from(self.random.pick(&slots)),
            5 => BUFFER + self.random.below(4) * 8,
            6 => u64::from(self.random.pick(&[Handle::SELF.0, Handle::NONE.0])),
            7 => self.h.kernel.machine.now_ns + self.random.below(1000),
            8 => self.random.next(),
            9 => 1 << self.random.below(64),
            _ => self.random.below(8),
        }
    }

    /// Registers of one random call.
    fn prepare(&mut self, thread: ThreadId) {
        let call = self.random.pick(CALLS);
        let mut arguments = [0; 10];
        for argument in &mut arguments {
            *argument = self.argument(thread);
        }
        let tokens: Vec<u64> = self
            .h
            .kernel
            .threads
            .iter()
            .filter(|(_, found)| found.call.taken_by == Some(self.h.owner(thread)))
            .map(|(_, found)| found.call.token)
            .collect();
        let token = if tokens.is_empty() { 0 } else { self.random.pick(&tokens) };
        let takes_token = matches!(
            call,
            Call::ReplyReceive
                | Call::Reply
                | Call::MessageForward
                | Call::MessageRead
                | Call::ProcessFork
        );
        if takes_token && self.random.below(8) != 0 {
            arguments[0] = token;
        }
        if matches!(call, Call::Wait | Call::StreamSend | Call::StreamReceive) {
            arguments[usize::from(call != Call::Wait)] = BUFFER;
        }
        // A process that sleeps for ever is of no use here, and one exit in ten is enough.
        let deadly = matches!(call, Call::ProcessExit | Call::ProcessKill | Call::ThreadExit);
        let spared = deadly && self.random.below(10) != 0;
        let registers = self.h.registers(thread);
        registers.rip = AFTER;
        registers.rsp = super::STACK - 4096;
        registers.rax = if spared { Call::ThreadYield } else { call } as u64;
        registers.rdi = arguments[0];
        registers.rsi = arguments[1];
        registers.rdx = arguments[2];
        registers.r10 = arguments[3];
        registers.r8 = arguments[4];
        registers.r9 = arguments[5];
        registers.r12 = arguments[6];
        registers.r13 = if self.random.below(3) == 0 { BUFFER } else { 0 };
        registers.r14 = arguments[8];
        registers.r15 = BUFFER + 0x1000;
    }

    /// A small structure of handles and small numbers where calls look for one.
    fn scribble(&mut self, thread: ThreadId) {
        let words: Vec<u64> = (0..20)
            .map(|_| self.argument(thread) & 0xffff_ffff | self.random.below(4) << 32)
            .collect();
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
                let address = if self.random.below(4) == 0 { self.random.next() >> 17 } else { BUFFER };
                self.h.kernel.page_fault(cpu, address, write, false);
            }
            3 => self.h.kernel.fault(cpu, 1 + self.random.below(9) as u32, AFTER),
            4 if self.threads().len() < 12 => self.spawn(),
            _ => {
                if let Some(thread) = self.h.kernel.scheduler.current(cpu) {
                    let again = self.h.kernel.threads.get(thread).is_some_and(|t| t.rewound);
                    if !again {
                        self.prepare(thread);
                        self.scribble(thread);
                    } else {
                        self.h.registers(thread).rip = AFTER;
                    }
                    self.h.kernel.system_call(cpu);
                }
            }
        }
        match self.h.kernel.schedule(cpu) {
            Next::Run(thread) => assert_ne!(thread, self.keeper),
            Next::Idle => {}
        }
        self.h.check();
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
        let kernel = &self.h.kernel;
        assert_eq!(kernel.processes.len(), 1, "processes");
        assert_eq!(kernel.threads.len(), 1, "threads");
        assert_eq!(kernel.endpoints.len(), 0, "endpoints");
        assert_eq!(kernel.sessions.len(), 0, "sessions");
        assert_eq!(kernel.events.len() + kernel.timers.len(), 0, "events and timers");
        assert_eq!(kernel.wait_sets.len(), 0, "wait sets");
        assert_eq!(kernel.timer_queue.len(), 0, "deadlines");
        assert!(kernel.page_waits.is_empty() && kernel.memory_signals.is_empty());
        // A stream whose end is under way in itself is reachable by nobody and stays, as the
        // README says; then so does what it carries.
        if kernel.streams.is_empty() {
            assert_eq!(kernel.cursors.len(), 0, "cursors");
            assert_eq!(kernel.memory.count(), 0, "memories");
            assert_eq!(kernel.machine.frames_free(), self.base_frames, "frames");
        }
    }
}

#[test]
fn random_programs_keep_every_invariant_and_leave_nothing_behind() {
    for seed in 1..=40 {
        let mut model = Model::new(seed * 0x9e37_79b9);
        for _ in 0..3 {
            model.spawn();
        }
        for _ in 0..600 {
            model.step();
        }
        model.close_everything();
    }
}
