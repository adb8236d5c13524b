//! From the number in `rax` to the operation: one call per arm.

mod devices;
mod handles;
mod memory;
mod processes;
mod threads;

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::thread::{Step, Stop, Wait, encode};
use kernel_abi::message::buffer_flags;
use kernel_abi::{Call, Error};

/// Who calls, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub cpu: Cpu,
    pub thread: ThreadId,
    pub process: ProcessId,
    /// `rdi rsi rdx r10 r8 r9`.
    pub arguments: [u64; 6],
}

/// Upcalls that cannot be blocked, caught or ignored (`SIGKILL` and `SIGSTOP`, minus one).
pub(crate) const UNBLOCKABLE: u64 = 1 << 8 | 1 << 18;

impl<M: Machine> Kernel<M> {
    /// The thread on a processor executed `syscall`; its registers are in its context, `rip`
    /// after the instruction.
    pub fn system_call(&mut self, cpu: Cpu) {
        self.scheduler.here = cpu;
        self.counters.system_calls += 1;
        self.enter(cpu);
        let Some(thread) = self.scheduler.current(cpu) else {
            return;
        };
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        if found.is_ending() {
            return;
        }
        let registers = &found.context.registers;
        let number = registers.rax;
        let request = Request {
            cpu,
            thread,
            process: found.process,
            arguments: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
        };
        if !found.is_rewound() {
            found.progress = 0;
            found.give_up_ns = 0;
        }
        found.set_rewound(false);
        found.call_number = number;
        let result = self.general_call(number, &request);
        self.general_result(thread, result);
    }

    fn general_call(&mut self, number: u64, request: &Request) -> Step {
        match Call::from_number(number) {
            Some(call) => self.dispatch(call, request),
            None => self.unknown_call(request.cpu, request.thread, request.process),
        }
    }

    /// What becomes of the thread.
    #[inline]
    fn general_result(&mut self, thread: ThreadId, result: Step) {
        match result {
            Err(Stop::Blocked | Stop::Done) => self.after_block(thread),
            Ok(value) => self.complete(thread, value),
            Err(Stop::Error(error)) => self.complete(thread, encode(Err(error))),
            Err(Stop::Page(memory, page)) => {
                self.set_restartable(thread);
                self.wait_for_page(thread, memory, page, true);
            }
            Err(Stop::Wait) => {
                self.block(thread, Wait::Signals, true);
                self.after_block(thread);
            }
            Err(Stop::Again) => {
                self.set_restartable(thread);
                if let Some(found) = self.threads.get_mut(thread) {
                    found.rewind();
                }
            }
        }
    }

    fn complete(&mut self, thread: ThreadId, value: u64) {
        if let Some(registers) = self.registers(thread) {
            registers.rax = value;
        }
    }

    fn set_restartable(&mut self, thread: ThreadId) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.restartable = true;
        }
    }

    /// A wait that begins while an upcall is due ends at once.
    fn after_block(&mut self, thread: ThreadId) {
        let noticed = self
            .threads
            .get(thread)
            .is_some_and(|found| found.has_attention());
        if noticed {
            self.check_interrupted(thread);
        }
    }

    /// Carries out a call. The numbers go by subject, and so do the functions that follow one another
    /// in looking for a call: the last ones need not wait until the first have looked.
    #[inline]
    pub(crate) fn dispatch(&mut self, call: Call, request: &Request) -> Step {
        const MEMORY: u64 = Call::MemoryCreate as u64;
        const PROCESSES: u64 = Call::ProcessCreate as u64;
        const THREADS: u64 = Call::ThreadCreate as u64;
        const FUTEXES: u64 = Call::FutexWait as u64;
        const UPCALLS: u64 = Call::UpcallRaise as u64;
        const WAITS: u64 = Call::Wait as u64;
        let number = call as u64;
        if number < MEMORY {
            self.dispatch_message(call, request)
        } else if number < PROCESSES {
            self.dispatch_memory(call, request)
        } else if number < THREADS {
            self.dispatch_process(call, request)
        } else if number < FUTEXES || (UPCALLS..WAITS).contains(&number) {
            self.dispatch_thread(call, request)
        } else {
            self.dispatch_object(call, request)
        }
    }

    /// Messages and bytes.
    #[inline(never)]
    fn dispatch_message(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            cpu,
            thread,
            process,
            arguments,
        } = request;
        let [a, b, c, d, ..] = arguments;
        match call {
            Call::Null => Ok(0),
            Call::Call => self.call(cpu, thread, process),
            Call::ReplyReceive => self.reply_receive(cpu, thread, process),
            Call::Reply => self.reply(cpu, thread, process, false).map(|()| 0),
            Call::MessageRead => self.message_copy(thread, process, arguments, buffer_flags::IN),
            Call::MessageWrite => self.message_copy(thread, process, arguments, buffer_flags::OUT),
            Call::MessageIdentity => self.message_identity(thread, process, a, b, c),
            Call::MessageMask => self.message_mask(process, a),
            Call::MessageForward => self.forward(cpu, thread, process),
            Call::EndpointCreate => self.endpoint_create(process),
            Call::EndpointBind => self.endpoint_bind(process, a, b, c, d),
            Call::SessionCreate => self.session_create(process, a, b, c, d),
            Call::SessionOpen => self.session_open(process, a, b),
            Call::SessionSignal => self.session_signal(process, a, b, c, d),
            Call::SessionAttach => self.session_attach(process, a, b, c),
            Call::SessionSet => self.session_set(request),
            Call::SessionData => self.session_data(process, a, b, c),
            Call::SessionList => self.session_list(request),
            Call::Read => self.read_plain(request, None),
            Call::Write => self.write_plain(request, None),
            Call::ReadAt => self.read_plain(request, Some(d)),
            Call::WriteAt => self.write_plain(request, Some(d)),
            Call::Seek => self.seek(cpu, thread, process, arguments),
            Call::ReadVector => self.read_vector(request),
            Call::WriteVector => self.write_vector(request),
            Call::StatusFlags => self.status_flags(process, a, b, c),
            _ => self.dispatch_object(call, request),
        }
    }

    /// Calls on objects and handles.
    fn dispatch_object(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            cpu,
            thread,
            process,
            arguments,
        } = request;
        let [a, b, c, d, ..] = arguments;
        match call {
            Call::StreamCreate => self.stream_create(request),
            Call::StreamSend => self.stream_send(request, a, b),
            Call::StreamReceive => self.stream_receive(request, a, b),
            Call::StreamShutDown => self.stream_shut_down(process, a, b),
            Call::StreamQueued => self.stream_queued(process, a),
            Call::StreamOpen => self.stream_open(process, a, b),
            Call::StreamProperty => self.stream_property(process, a, b, (c != 0).then_some(d)),
            Call::CursorCreate => self.cursor_create(process, a, b),
            Call::VoidCreate => self.void_create(process, a),
            Call::EventCreate => self.event_create(process, a),
            Call::EventCreateCounter => self.event_create_counter(process, a, b),
            Call::EventUpcalls => self.event_upcalls(request),
            Call::EventSignal => self.event_signal(process, a, b, c),
            Call::TimerCreate => self.timer_create(thread, process, a),
            Call::TimerSet => self.timer_set(cpu, process, [a, b, c, d]),
            Call::TimerNotify => self.timer_notify(thread, process, arguments),
            Call::TimerState => self.timer_state(thread, process, a, b),
            Call::Wait => self.wait_any(cpu, thread, process, arguments),
            Call::WaitSetCreate => self.wait_set_create(process),
            Call::WaitSetChange => self.wait_set_change(process, arguments),
            Call::WaitSetWait => self.wait_set_wait(cpu, thread, process, arguments),
            Call::FutexWait => self.futex_wait(cpu, thread, arguments),
            Call::FutexWake => self.futex_wake(thread, a, b),
            Call::FutexRequeue => self.futex_requeue(thread, arguments),
            Call::FutexLock => self.futex_lock(cpu, thread, a, (b, c)),
            Call::FutexUnlock => self.futex_unlock(thread, a, b),
            Call::HandleClose => self.handle_close(process, a),
            Call::HandleDuplicate => self.handle_duplicate(process, a, b, c, d),
            Call::HandleFlags => self.handle_flags(process, a, b, c),
            Call::HandleInfo => self.handle_info(thread, process, a, b),
            Call::HandleCloseRange => self.handle_close_range(process, a, b, c),
            _ => self.dispatch_process(call, request),
        }
    }

    fn access<'a>(
        &self,
        request: &Request,
        segments: &'a [(u64, u64)],
        offset: Option<u64>,
    ) -> Access<'a> {
        let &Request {
            cpu,
            thread,
            process,
            ..
        } = request;
        Access {
            cpu,
            thread,
            process,
            segments,
            offset,
            session: None,
            status: 0,
        }
    }

    fn read_plain(&mut self, request: &Request, offset: Option<u64>) -> Step {
        let [handle, address, length, ..] = request.arguments;
        let segments = [(address, length)];
        let access = self.access(request, &segments, offset).checked()?;
        self.read(handle, access)
    }

    fn write_plain(&mut self, request: &Request, offset: Option<u64>) -> Step {
        let [handle, address, length, ..] = request.arguments;
        let segments = [(address, length)];
        let access = self.access(request, &segments, offset).checked()?;
        self.write(handle, access)
    }

    fn read_vector(&mut self, request: &Request) -> Step {
        let [handle, address, count, ..] = request.arguments;
        let segments = self.read_segments(request.thread, address, count)?;
        self.read(handle, self.access(request, &segments, None))
    }

    fn write_vector(&mut self, request: &Request) -> Step {
        let [handle, address, count, ..] = request.arguments;
        let segments = self.read_segments(request.thread, address, count)?;
        self.write(handle, self.access(request, &segments, None))
    }

    fn session_list(&mut self, request: &Request) -> Step {
        const MOST_BADGES: u64 = 1024;
        let [endpoint, after, address, count, ..] = request.arguments;
        let count = count.min(MOST_BADGES) as usize;
        let badges = self.session_badges(request.process, endpoint, after, count)?;
        self.write_words(request.thread, address, &badges)?;
        Ok(badges.len() as u64)
    }
}

impl Access<'_> {
    /// Refuses an offset beyond what a position can be.
    fn checked(self) -> Result<Self, Error> {
        match self.offset {
            Some(offset) if offset > i64::MAX as u64 => Err(Error::BadArgument),
            _ => Ok(self),
        }
    }
}
