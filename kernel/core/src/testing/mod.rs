//! The kernel on a machine of vectors, and programs that are sequences of system calls.

mod machine;

mod call_tests;
mod event_tests;
mod information_tests;
mod invariants;
mod lifecycle_tests;
mod lock_tests;
mod model_calls;
mod model_tests;
mod object_tests;
mod privilege_tests;
mod scheduler_tests;
mod socket_tests;
mod stream_tests;
mod timer_tests;
mod upcall_tests;

pub use machine::FakeMachine;

use crate::kernel::{Kernel, Next, ProcessId, ThreadId};
use crate::machine::Cpu;
use crate::memory::MapRequest;
use crate::object::{HandleEntry, Object};
use crate::thread::{INITIAL_RFLAGS, State};
use kernel_abi::memory::{map_flags, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{Registers, process_state};
use kernel_abi::{Call, Error, Rights};
use std::vec::Vec;

/// Where every test process has memory to read and write.
pub const BUFFER: u64 = 0x10_0000;
pub const BUFFER_SIZE: u64 = 0x10_0000;
/// Top of its stack.
pub const STACK: u64 = BUFFER + BUFFER_SIZE;
/// Address of the instruction after `syscall`.
pub const AFTER: u64 = 0x40_0002;

pub struct Harness {
    pub kernel: Kernel<FakeMachine>,
    pub cpu: Cpu,
}

impl Harness {
    pub fn new() -> Harness {
        Harness::with_cpus(1)
    }

    pub fn with_cpus(cpus: usize) -> Harness {
        Harness {
            kernel: Kernel::new(FakeMachine::new(8192), cpus),
            cpu: Cpu(0),
        }
    }

    /// A process with a buffer and one thread, which runs as soon as it is asked to.
    pub fn process(&mut self) -> (ProcessId, ThreadId) {
        let kernel = &mut self.kernel;
        let space = kernel
            .memory
            .space_create(&mut kernel.machine)
            .expect("space");
        let process = kernel.process_new(space).expect("process");
        let request = MapRequest {
            address: BUFFER,
            length: BUFFER_SIZE,
            offset: 0,
            memory: None,
            protection: protection::READ | protection::WRITE,
            flags: map_flags::ANONYMOUS | map_flags::FIXED,
            maximum: 0,
        };
        kernel
            .memory
            .map(&mut kernel.machine, space, &request)
            .expect("map");
        let found = kernel.processes.get_mut(process).expect("process");
        found.state = process_state::RUNNING;
        found.makes_processes = true;
        let thread = self.thread(process);
        (process, thread)
    }

    /// One more thread of a process.
    pub fn thread(&mut self, process: ProcessId) -> ThreadId {
        let registers = Registers {
            rip: AFTER,
            rsp: STACK,
            rflags: INITIAL_RFLAGS,
            ..Registers::default()
        };
        let priority = crate::priority::Priority::NORMAL;
        let thread = self
            .kernel
            .thread_new(process, registers, priority, 0)
            .expect("thread");
        self.kernel.make_ready(thread);
        thread
    }

    /// Gives a process a handle to an object of another one.
    pub fn give(&mut self, from: ThreadId, handle: u64, to: ThreadId) -> u64 {
        let (from, to) = (self.owner(from), self.owner(to));
        let entry = self
            .kernel
            .lookup(from, handle, Rights::NONE)
            .expect("handle");
        let copy = HandleEntry::new(entry.object, entry.rights);
        u64::from(
            self.kernel
                .place_copy(to, copy, 0, handle_flags::HIGH)
                .expect("place"),
        )
    }

    /// Gives a thread's process a handle to another thread's process.
    pub fn give_process(&mut self, of: ThreadId, to: ThreadId) -> u64 {
        let (of, to) = (self.owner(of), self.owner(to));
        self.kernel
            .place_new(to, Object::Process(of), Rights::ALL)
            .expect("place")
    }

    pub fn owner(&self, thread: ThreadId) -> ProcessId {
        self.kernel.threads.get(thread).expect("thread").process
    }

    pub fn registers(&mut self, thread: ThreadId) -> &mut Registers {
        self.kernel.registers(thread).expect("thread")
    }

    /// Executes a system call with the registers as they are, then schedules.
    pub fn trap(&mut self, thread: ThreadId) {
        self.kernel.run_on(self.cpu, thread);
        let registers = self.registers(thread);
        registers.rip = if registers.rip == AFTER - 2 {
            AFTER
        } else {
            registers.rip
        };
        self.system_call(self.cpu);
        self.kernel.schedule(self.cpu);
        self.check();
    }

    /// What the rim does on entry by `syscall`: tries the short way where there is one.
    pub fn system_call(&mut self, cpu: Cpu) {
        let current = self.kernel.scheduler.current(cpu);
        let found = current.and_then(|thread| self.kernel.threads.get(thread));
        let registers = found.map(|found| found.context.registers);
        let Some(registers) = registers else { return };
        let Registers { rdi, r13, r14, .. } = registers;
        if registers.rax == Call::Call as u64
            && let Some(call) = self.kernel.short_call(cpu, rdi, r13)
        {
            return call.deliver();
        }
        if registers.rax == Call::ReplyReceive as u64
            && let Some(reply) = self.kernel.short_reply(cpu, rdi, r13, r14)
        {
            return reply.deliver();
        }
        self.kernel.system_call(cpu);
    }

    /// Starts a system call; it may block.
    pub fn start(&mut self, thread: ThreadId, call: Call, arguments: &[u64]) {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let registers = self.registers(thread);
        registers.rip = AFTER;
        registers.rax = call as u64;
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ] = all;
        self.trap(thread);
        self.settle();
    }

    /// Lets every thread that is to execute its call again do so.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            let again = self.kernel.threads.iter().find(|(_, thread)| {
                let runnable = matches!(thread.state, State::Ready(_) | State::Running(_));
                let alive = !thread.is_ending();
                runnable && thread.is_rewound() && alive
            });
            let Some((thread, _)) = again else { return };
            self.trap(thread);
        }
        panic!("a call is executed again and again");
    }

    /// The result of a thread's call; `None` while it waits.
    pub fn result(&self, thread: ThreadId) -> Option<Result<u64, Error>> {
        let found = self.kernel.threads.get(thread)?;
        if found.state == State::Blocked || found.is_rewound() {
            return None;
        }
        Some(kernel_abi::error::result(
            found.context.registers.rax as i64,
        ))
    }

    pub fn is_blocked(&self, thread: ThreadId) -> bool {
        self.kernel
            .threads
            .get(thread)
            .is_some_and(|found| found.state == State::Blocked)
    }

    /// A system call that does not block.
    pub fn call(&mut self, thread: ThreadId, call: Call, arguments: &[u64]) -> Result<u64, Error> {
        self.start(thread, call, arguments);
        self.result(thread)
            .unwrap_or_else(|| panic!("{call:?} blocks"))
    }

    /// A system call that succeeds.
    pub fn ok(&mut self, thread: ThreadId, call: Call, arguments: &[u64]) -> u64 {
        self.call(thread, call, arguments)
            .unwrap_or_else(|error| panic!("{call:?}: {error:?}"))
    }

    /// Receives: endpoint handle, with an `Incoming` at `incoming`.
    pub fn receive(&mut self, thread: ThreadId, endpoint: u64, incoming: u64) {
        self.reply_receive(thread, 0, &[0; 6], endpoint, incoming);
    }

    pub fn reply_receive(
        &mut self,
        thread: ThreadId,
        token: u64,
        words: &[u64; 6],
        endpoint: u64,
        incoming: u64,
    ) {
        let registers = self.registers(thread);
        registers.rip = AFTER;
        registers.rax = Call::ReplyReceive as u64;
        registers.rdi = token;
        crate::pending_call::set_words(registers, words);
        registers.r13 = 0;
        registers.r14 = endpoint;
        registers.r15 = incoming;
        self.trap(thread);
        self.settle();
    }

    pub fn reply(&mut self, thread: ThreadId, token: u64, words: &[u64; 6]) {
        let registers = self.registers(thread);
        registers.rip = AFTER;
        registers.rax = Call::Reply as u64;
        registers.rdi = token;
        crate::pending_call::set_words(registers, words);
        registers.r13 = 0;
        self.trap(thread);
        self.settle();
    }

    /// Calls a session with words and perhaps a `Transfer`.
    pub fn send(&mut self, thread: ThreadId, session: u64, words: &[u64; 6], transfer: u64) {
        let registers = self.registers(thread);
        registers.rip = AFTER;
        registers.rax = Call::Call as u64;
        registers.rdi = session;
        crate::pending_call::set_words(registers, words);
        registers.r13 = transfer;
        self.trap(thread);
        self.settle();
    }

    pub fn words(&mut self, thread: ThreadId) -> [u64; 6] {
        crate::pending_call::words_of(self.registers(thread))
    }

    /// Stores into a thread's memory.
    pub fn poke(&mut self, thread: ThreadId, address: u64, bytes: &[u8]) {
        self.kernel
            .write_user(thread, address, bytes)
            .expect("poke");
    }

    pub fn poke_words(&mut self, thread: ThreadId, address: u64, words: &[u64]) {
        self.kernel
            .write_words(thread, address, words)
            .expect("poke");
    }

    /// Loads from a thread's memory.
    pub fn peek(&mut self, thread: ThreadId, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = std::vec![0; length];
        self.kernel
            .read_user(thread, address, &mut bytes)
            .expect("peek");
        bytes
    }

    pub fn peek_word(&mut self, thread: ThreadId, address: u64) -> u64 {
        let bytes = self.peek(thread, address, 8);
        u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
    }

    /// Turns the clock and lets the timer interrupt.
    pub fn advance(&mut self, nanoseconds: u64) {
        self.kernel.machine.now_ns += nanoseconds;
        self.kernel.timer(self.cpu);
        self.kernel.schedule(self.cpu);
        self.settle();
        self.check();
    }

    /// Ends a thread's process from outside.
    pub fn kill(&mut self, thread: ThreadId, status: u64) {
        let process = self.owner(thread);
        self.kernel
            .processes
            .get_mut(process)
            .expect("process")
            .ended_from_outside = true;
        self.kernel.process_kill_now(process, status);
        self.kernel.schedule(self.cpu);
        self.settle();
        self.check();
    }

    /// Ends it by its own doing.
    pub fn crash(&mut self, thread: ThreadId) {
        let process = self.owner(thread);
        self.kernel
            .process_kill_now(process, crate::recovery::killed_status(10));
        self.kernel.schedule(self.cpu);
        self.settle();
        self.check();
    }

    pub fn schedule(&mut self, cpu: u8) -> Next {
        self.kernel.schedule(Cpu(cpu))
    }
}
