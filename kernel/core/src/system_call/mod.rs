//! From the number in `rax` to the operation: one call per arm.

mod handles;
mod memory;
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
        let Some(thread) = self.scheduler.current(cpu) else {
            return;
        };
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        if found.is_ending() {
            return;
        }
        let number = found.context.registers.rax;
        if !found.is_rewound() {
            found.progress = 0;
        }
        found.set_rewound(false);
        found.call_number = number;
        self.general_call(cpu, thread, number);
    }

    fn general_call(&mut self, cpu: Cpu, thread: ThreadId, number: u64) {
        let Some(found) = self.threads.get(thread) else {
            return;
        };
        let registers = &found.context.registers;
        let arguments = [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ];
        let request = Request {
            cpu,
            thread,
            process: found.process,
            arguments,
        };
        let result = match Call::from_number(number) {
            Some(call) => self.dispatch(call, &request),
            None => self.unknown_call(cpu, thread, request.process),
        };
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

    pub(crate) fn dispatch(&mut self, call: Call, request: &Request) -> Step {
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
            Call::SessionCreate => self.session_create(process, a, b, c, d),
            Call::SessionOpen => self.session_open(process, a, b),
            Call::SessionSignal => self.session_signal(process, a, b, c, d),
            Call::SessionAttach => self.session_attach(process, a, b, c),
            Call::SessionList => self.session_list(request),
            Call::EndpointBind => self.endpoint_bind(process, a, b, c, d),
            Call::Read => self.read_plain(request, None),
            Call::Write => self.write_plain(request, None),
            Call::ReadAt => self.read_plain(request, Some(d)),
            Call::WriteAt => self.write_plain(request, Some(d)),
            Call::Seek => self.seek(cpu, thread, process, arguments),
            Call::ReadVector => self.read_vector(request),
            Call::WriteVector => self.write_vector(request),
            Call::StreamShutDown => self.stream_shut_down(process, a, b),
            Call::StreamQueued => self.stream_queued(process, a),
            Call::CursorCreate => self.cursor_create(process, a, b),
            Call::StatusFlags => self.status_flags(process, a, b, c),
            Call::EventCreate => self.event_create(process, a),
            Call::EventSignal => self.event_signal(process, a, b, c),
            Call::TimerCreate => self.timer_create(thread, process, a),
            Call::TimerSet => self.timer_set(cpu, process, [a, b, c, d]),
            Call::TimerNotify => self.timer_notify(thread, process, arguments),
            Call::TimerState => self.timer_state(thread, process, a, b),
            Call::Wait => self.wait_any(cpu, thread, process, arguments),
            Call::WaitSetCreate => self.wait_set_create(process),
            Call::WaitSetChange => self.wait_set_change(process, arguments),
            Call::WaitSetWait => self.wait_set_wait(cpu, thread, process, arguments),
            Call::FutexWait => self.futex_wait(cpu, thread, a, b, c),
            Call::FutexWake => self.futex_wake(thread, a, b),
            Call::FutexRequeue => self.futex_requeue(thread, arguments),
            Call::InterruptCreate => self.interrupt_create(thread, process, a, b),
            Call::InterruptAcknowledge => self.interrupt_acknowledge(process, a),
            Call::PortsCreate => self.ports_create(process, a, b, c),
            Call::PortRead => self.port_read(process, a, b, c),
            Call::PortWrite => self.port_write(process, a, b, c, d),
            Call::PortWriteBytes => self.port_write_bytes(thread, process, arguments),
            Call::DmaDomainCreate => self.dma_domain_create(process, a),
            Call::DmaPin => self.dma_pin(thread, process, arguments),
            Call::DmaUnpin => self.dma_unpin(process, arguments),
            Call::DmaRelease => self.dma_release(process, a),
            Call::SystemControl => self.system_control(thread, process, arguments),
            Call::DebugWrite => self.debug_write(thread, a, b),
            Call::Random => self.random(thread, a, b),
            Call::ProcessFork => self.process_fork(cpu, thread, process, a, b),
            Call::ProcessReplace => self.process_replace(cpu, process, a, b),
            Call::ProcessStart => self.process_start(process, arguments),
            Call::ProcessExit => self.process_exit(process, a),
            Call::ProcessKill => self.process_kill(process, a, b),
            Call::ProcessSuspend => self.process_suspend(process, a),
            Call::ProcessResume => self.process_resume(process, a),
            Call::ProcessInfo => self.process_info(thread, process, a, b),
            Call::ProcessSet => self.process_set(process, a, b, c),
            Call::ProcessSetIdentity => self.process_set_identity(thread, process, arguments),
            Call::ProcessSupervise => self.process_supervise(process, a, b, c),
            Call::ProcessOfCaller => self.process_of_caller(process, a),
            Call::ProcessCreate => self.process_create(process),
            Call::HandleCopyAll => self.handle_copy_all(process, a, b),
            Call::HandleInstall => self.handle_install(process, arguments),
            Call::HandleTake => self.handle_take(process, a, b),
            Call::HandleCopy => self.handle_copy(process, arguments),
            Call::HandleRevoke => self.handle_revoke(process, a, b, c),
            Call::ProcessInherit => self.process_inherit(process, arguments),
            Call::UpcallInspect => self.upcall_inspect(thread, process, arguments),
            Call::UpcallReturn => self.upcall_return(cpu, thread, a),
            Call::HandleClose => self.handle_close(process, a),
            Call::HandleDuplicate => self.handle_duplicate(process, a, b, c, d),
            Call::HandleFlags => self.handle_flags(process, a, b, c),
            Call::HandleInfo => self.handle_info(thread, process, a, b),
            Call::HandleCloseRange => self.handle_close_range(process, a, b, c),
            Call::StreamCreate => self.stream_create(request),
            Call::StreamSend => self.stream_send(thread, process, a, b),
            Call::StreamReceive => self.stream_receive(thread, process, a, b),
            Call::ThreadCreate
            | Call::ThreadExit
            | Call::ThreadSet
            | Call::ThreadGet
            | Call::ThreadYield
            | Call::ThreadNumber
            | Call::ProcessorNumber
            | Call::SleepUntil
            | Call::UpcallRaise
            | Call::UpcallMask
            | Call::UpcallAction
            | Call::UpcallSuspend
            | Call::UpcallTake
            | Call::UpcallPending
            | Call::UpcallDiscard
            | Call::ClockRead
            | Call::SystemInfo => self.dispatch_thread(call, request),
            Call::MemoryCreate
            | Call::MemoryCreatePaged
            | Call::MemoryCreatePhysical
            | Call::MemoryChild
            | Call::MemoryInfo
            | Call::MemoryResize
            | Call::MemorySetLength
            | Call::MemorySupply
            | Call::MemorySupplyZero
            | Call::MemoryFail
            | Call::MemoryDirty
            | Call::MemoryClean
            | Call::MemoryDiscard
            | Call::MemoryMap
            | Call::MemoryUnmap
            | Call::MemoryProtect
            | Call::RegionInfo
            | Call::ProcessWrite
            | Call::ProcessRead
            | Call::MemoryRemap
            | Call::MemoryDecommit => self.dispatch_memory(call, request),
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
