//! Threads: what they are, and how they come to wait and go on.

use crate::futex::FutexKey;
use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Context, Cpu, Machine};
use crate::marks::Marks;
use crate::memory::MemoryId;
use crate::object::Object;
use crate::pending::Pending;
use crate::pending_call::{PendingCall, Token};
use crate::priority::Priority;
use crate::scheduler::Account;
use crate::signal::Observer;
use crate::timer::{TimerKey, TimerTarget};
use crate::upcall_frame::initial_floating_point;
use alloc::boxed::Box;
use alloc::vec::Vec;
use kernel_abi::process::{Registers, ThreadArguments, process_state};
use kernel_abi::{Error, Signals};

/// Why a system call did not return a value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It failed.
    Error(Error),
    /// A pager must supply a page first; then the call is executed again.
    Page(MemoryId, u64),
    /// A wait has been set up; when it ends, the call is executed again.
    Wait,
    /// A wait has been set up; who ends it writes the result.
    Blocked,
    /// The call has done a part and is executed again at once (after a chance of preemption).
    Again,
    /// The registers hold the result already, or the thread is no more.
    Done,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

/// Result of carrying out a system call.
pub(crate) type Step = Result<u64, Stop>;

/// Whether a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In the run queue of a processor.
    Ready(Cpu),
    /// On a processor.
    Running(Cpu),
    /// Waits, as `Thread::wait` says.
    Blocked,
    /// Could run, but its process is suspended or not started.
    Parked,
}

/// What a blocked thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing.
    None,
    /// Signals of the objects in `Thread::watching`; the call is executed again.
    Signals,
    /// A wake of a futex.
    Futex(FutexKey),
    /// Its deadline only.
    Sleep,
    /// A time of the real-time clock; the call is executed again.
    RealtimeSleep,
    /// The answer to its call.
    Reply,
    /// A message of an endpoint.
    Receive(EndpointId),
    /// A page from a pager.
    Page(MemoryId, u64),
    /// Any upcall that is not blocked.
    Upcall,
    /// A pending upcall of a set; the call is executed again.
    PendingUpcall(u64),
}

/// A thread.
pub struct Thread {
    /// Saved registers, boxed so that the entry path may keep their address.
    pub(crate) context: Box<Context>,
    pub(crate) process: ProcessId,
    /// Its number in its process, from 1.
    pub(crate) number: u64,
    pub(crate) state: State,
    pub(crate) wait: Wait,
    /// Objects that hold an `Observer::Thread` for this thread.
    pub(crate) watching: Vec<Object>,
    /// Its entry in the timer queue.
    pub(crate) deadline: Option<TimerKey>,
    /// Until when it waits for a futex, if that is a time of the real-time clock (`u64::MAX`: not).
    pub(crate) realtime_deadline_ns: u64,
    /// An upcall, plus 1, to be raised when it next waits; 0: none.
    pub(crate) upcall_at_wait: u8,
    /// Whether an upcall with the RESTART flag lets the interrupted call be executed again.
    pub(crate) restartable: bool,
    /// The last call was interrupted by an upcall, and whether its handler may have it executed
    /// again. Settled before the thread returns.
    pub(crate) interrupted: Option<bool>,
    /// Where the read under way, which waits for a stream, wants its bytes: address and length.
    /// A writer may put them there itself.
    pub(crate) reads_into: Option<(u64, u64)>,
    /// Bytes that the call under way has done already.
    pub(crate) progress: u64,
    /// When the call under way gives up waiting (monotonic); 0: not said yet.
    pub(crate) give_up_ns: u64,
    /// Number of the call under way.
    pub(crate) call_number: u64,
    /// What is to be looked at before it goes on.
    pub(crate) marks: Marks,
    /// Blocked upcalls.
    pub(crate) mask: u64,
    /// Mask to put back when a call that replaced it is over.
    pub(crate) saved_mask: Option<u64>,
    /// Upcalls pending for this thread.
    pub(crate) pending: Pending,
    /// A fault waiting to be delivered: (kind, address).
    pub(crate) fault: Option<(u32, u64)>,
    /// Lowest address and size.
    pub(crate) alternate_stack: (u64, u64),
    /// As it was set.
    pub(crate) own: Priority,
    /// Its own, or what waiters for its locks lend.
    pub(crate) base: Priority,
    /// Base, or what a caller lent.
    pub(crate) effective: Priority,
    /// CPUs it may run on.
    pub(crate) affinity: u8,
    /// Where it ran last.
    pub(crate) home: Cpu,
    /// CPU time used.
    pub(crate) account: Account,
    /// Of the call it received last and has not answered.
    pub(crate) serving: Token,
    /// Its call, queued or taken by a server.
    pub(crate) call: PendingCall,
    /// The owner and the address of the lock that it waits for in FutexLock.
    pub(crate) lock_wait: Option<(ThreadId, u64)>,
    /// Threads that wait so for its locks.
    pub(crate) lock_waiters: Vec<ThreadId>,
    /// Address of its robust list, 0: none.
    pub(crate) robust_list: u64,
}

impl<M: Machine> Kernel<M> {
    /// A thread's registers.
    #[inline]
    pub(crate) fn registers(&mut self, thread: ThreadId) -> Option<&mut Registers> {
        self.threads
            .get_mut(thread)
            .map(|thread| &mut thread.context.registers)
    }

    /// Makes a thread that does not run yet.
    pub(crate) fn thread_new(
        &mut self,
        process: ProcessId,
        registers: Registers,
        base: Priority,
        mask: u64,
    ) -> Result<ThreadId, Error> {
        let owner = self.processes.get_mut(process).ok_or(Error::NoProcess)?;
        let space = self
            .memory
            .machine_space(owner.space)
            .ok_or(Error::NoProcess)?;
        owner.last_thread_number += 1;
        let mut thread = Thread {
            context: Box::new(Context {
                registers,
                floating_point: initial_floating_point(),
                space,
            }),
            process,
            number: owner.last_thread_number,
            state: State::Blocked,
            wait: Wait::None,
            watching: Vec::new(),
            deadline: None,
            realtime_deadline_ns: u64::MAX,
            upcall_at_wait: 0,
            restartable: false,
            interrupted: None,
            reads_into: None,
            progress: 0,
            give_up_ns: 0,
            call_number: 0,
            marks: Marks::default(),
            mask,
            saved_mask: None,
            pending: Pending::default(),
            fault: None,
            alternate_stack: (0, 0),
            own: base,
            base,
            effective: base,
            affinity: u8::MAX,
            home: Cpu(0),
            account: Account::default(),
            serving: Token::NONE,
            call: PendingCall::default(),
            lock_wait: None,
            lock_waiters: Vec::new(),
            robust_list: 0,
        };
        thread.set_attention(owner.pending.set() != 0);
        thread.set_held(owner.suspensions != 0);
        let id = self.threads.insert(thread);
        if let Some(owner) = self.processes.get_mut(process) {
            owner.threads.push(id);
        }
        Ok(id)
    }

    /// ThreadCreate: `process` is the caller's or one it manages; in a new process the thread
    /// stays parked until the process starts.
    pub(crate) fn thread_create(
        &mut self,
        creator: ThreadId,
        process: ProcessId,
        arguments: &ThreadArguments,
    ) -> Step {
        self.check_reserve()?;
        let owner = self.processes.get(process).ok_or(Error::NoProcess)?;
        if owner.state == process_state::TERMINATED || owner.exiting {
            return Err(Error::NoProcess.into());
        }
        let base = match arguments.priority {
            0 => self.threads.get(creator).ok_or(Error::NoProcess)?.own,
            raw => {
                let wanted = Priority::from_raw(raw).ok_or(Error::BadArgument)?;
                self.allowed_priority(process, wanted)?
            }
        };
        let number = owner.last_thread_number + 1;
        let registers = Registers {
            rip: user_address(arguments.entry)?,
            rsp: user_address(arguments.stack)?,
            rdi: arguments.argument,
            fs_base: user_address(arguments.fs_base)?,
            rflags: INITIAL_RFLAGS,
            ..Registers::default()
        };
        if arguments.number_address != 0 {
            self.write_words(creator, arguments.number_address, &[number])?;
        }
        let thread = self.thread_new(process, registers, base, arguments.mask)?;
        self.make_ready(thread);
        Ok(number)
    }

    /// The thread of a process with this number (0: the caller).
    pub(crate) fn thread_by_number(
        &self,
        caller: ThreadId,
        process: ProcessId,
        number: u64,
    ) -> Result<ThreadId, Error> {
        if number == 0 {
            return Ok(caller);
        }
        let owner = self.processes.get(process).ok_or(Error::NoProcess)?;
        let matches = |id: &&ThreadId| self.threads.get(**id).is_some_and(|t| t.number == number);
        owner
            .threads
            .iter()
            .find(matches)
            .copied()
            .ok_or(Error::NoProcess)
    }

    /// Marks the thread on a processor as blocked. `rewind` makes it execute its call again
    /// when it goes on.
    pub(crate) fn block(&mut self, thread: ThreadId, wait: Wait, rewind: bool) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        found.state = State::Blocked;
        found.wait = wait;
        if rewind {
            found.rewind();
        }
    }

    /// Registers the thread for signals of an object, before `Stop::Wait`.
    pub(crate) fn watch(&mut self, thread: ThreadId, object: Object, wanted: Signals) {
        self.observe(object, Observer::Thread(thread), wanted);
        if let Some(found) = self.threads.get_mut(thread) {
            found.watching.push(object);
        }
    }

    /// Sets up a wait for signals of one object; the call is executed again when it ends.
    pub(crate) fn wait_signals(
        &mut self,
        thread: ThreadId,
        object: Object,
        wanted: Signals,
        restartable: bool,
    ) -> Stop {
        self.watch(thread, object, wanted);
        if let Some(found) = self.threads.get_mut(thread) {
            found.restartable = restartable;
        }
        Stop::Wait
    }

    /// Gives the thread's wait an end (monotonic; `u64::MAX`: none).
    pub(crate) fn set_deadline(&mut self, cpu: Cpu, thread: ThreadId, deadline_ns: u64) {
        if deadline_ns == u64::MAX {
            return;
        }
        let key = self
            .timer_queue
            .insert(cpu, deadline_ns, TimerTarget::Thread(thread));
        if let Some(found) = self.threads.get_mut(thread) {
            found.deadline = Some(key);
        }
    }

    /// Takes the thread out of whatever it waits in.
    pub(crate) fn leave_wait(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        let wait = core::mem::replace(&mut found.wait, Wait::None);
        let deadline = found.deadline.take();
        found.reads_into = None;
        let mut watching = core::mem::take(&mut found.watching);
        if let Some(key) = deadline {
            self.timer_queue.remove(key);
        }
        for object in watching.drain(..) {
            self.forget_observer(object, Observer::Thread(thread));
        }
        // The list's memory serves the next wait.
        if let Some(found) = self.threads.get_mut(thread) {
            found.watching = watching;
        }
        match wait {
            Wait::Futex(key) => {
                self.futexes.remove(key, thread);
                self.lock_wait_end(thread);
            }
            Wait::Receive(endpoint) => {
                if let Some(endpoint) = self.endpoints.get_mut(endpoint) {
                    endpoint.receivers.retain(|&other| other != thread);
                }
            }
            Wait::Page(memory, page) => self.page_wait_remove(memory, page, thread),
            // Nobody else knows of the others.
            _ => {}
        }
    }

    /// Ends a wait: the thread goes on with the registers it has.
    pub(crate) fn wake(&mut self, thread: ThreadId) {
        let blocked = self
            .threads
            .get(thread)
            .is_some_and(|found| found.state == State::Blocked);
        if blocked {
            self.leave_wait(thread);
            self.make_ready(thread);
        }
    }

    /// Ends a wait with a result.
    pub(crate) fn wake_with(&mut self, thread: ThreadId, result: Result<u64, Error>) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.finish(result);
        }
        self.wake(thread);
    }

    /// The deadline of a thread has come.
    pub(crate) fn thread_deadline(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        found.deadline = None;
        match found.wait {
            Wait::Sleep => self.wake_with(thread, Ok(0)),
            Wait::Futex(_) => self.wake_with(thread, Err(Error::TimedOut)),
            // The call is executed again and finds its deadline passed.
            _ => self.wake(thread),
        }
    }

    /// A page has come, or will not: the threads that wait for it go on.
    pub(crate) fn page_ready(&mut self, memory: MemoryId, page: u64) {
        for thread in self.page_waits.remove(&(memory, page)).unwrap_or_default() {
            self.wake(thread);
        }
    }

    fn page_wait_remove(&mut self, memory: MemoryId, page: u64, thread: ThreadId) {
        let Some(waiting) = self.page_waits.get_mut(&(memory, page)) else {
            return;
        };
        waiting.retain(|&other| other != thread);
        if waiting.is_empty() {
            self.page_waits.remove(&(memory, page));
        }
    }

    /// Makes the current thread wait for a pager.
    pub(crate) fn wait_for_page(
        &mut self,
        thread: ThreadId,
        memory: MemoryId,
        page: u64,
        rewind: bool,
    ) {
        self.page_waits
            .entry((memory, page))
            .or_default()
            .push(thread);
        self.block(thread, Wait::Page(memory, page), rewind);
    }

    /// Ends a thread: at once, or, when it is on another processor, at its next entry there.
    pub(crate) fn thread_end(&mut self, cpu: Cpu, thread: ThreadId) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        if let State::Running(other) = found.state
            && other != cpu
        {
            found.set_ending();
            found.call_attention();
            self.machine.kick(other);
            return;
        }
        self.thread_remove(thread);
    }

    /// Takes a thread out of everything and drops it; the last one ends its process.
    pub(crate) fn thread_remove(&mut self, thread: ThreadId) {
        self.leave_wait(thread);
        self.locks_abandon(thread);
        self.call_abandon(thread);
        self.scheduler_forget(thread);
        let used_ns = self.thread_cpu_ns(thread);
        let kernel_ns = self.thread_kernel_ns(thread);
        let Some(found) = self.threads.remove(thread) else {
            return;
        };
        self.retire_context(found.home, found.context);
        let process = found.process;
        if let Some(owner) = self.processes.get_mut(process) {
            owner.threads.retain(|&other| other != thread);
            owner.ended_threads_ns += used_ns;
            owner.ended_threads_kernel_ns += kernel_ns;
            owner.queued = owner.queued.saturating_sub(found.pending.queued());
            if found.serving != Token::NONE {
                owner.was_serving.push(found.serving);
            }
            if owner.threads.is_empty() && owner.state != process_state::NEW {
                self.process_finish(process);
            }
        }
    }
}

/// Interrupts on; the bit that is always set.
pub(crate) const INITIAL_RFLAGS: u64 = 0x202;

/// `rax` of a result.
#[inline]
pub(crate) fn encode(result: Result<u64, Error>) -> u64 {
    match result {
        Ok(value) => value,
        Err(error) => (-(error as i64)) as u64,
    }
}

/// Refuses addresses outside the user's half: loading them into `rip` or a segment base could
/// fault in the kernel on some processors.
pub(crate) fn user_address(address: u64) -> Result<u64, Error> {
    if address < kernel_abi::USER_END {
        Ok(address)
    } else {
        Err(Error::BadAddress)
    }
}
