//! Sending signals, and what becomes of those that a process does not catch.

use kernel_abi::message::Fault;
use kernel_abi::process::fault_kind;
use proto::types::SignalInformation;
use proto::{Answer, Call, Error, Reply};

use crate::INIT;
use crate::kernel::Kernel;
use crate::process::{Process, State};
use crate::server::Server;
use crate::signal::{
    self, DefaultAction, STOPS, bit, code, default_action, kept, killed_status, may_signal, number,
};

impl<K: Kernel> Server<K> {
    /// Delivers a signal; permission has been checked. `WouldBlock` when too many are queued.
    pub(crate) fn send(
        &mut self,
        target: u64,
        information: SignalInformation,
    ) -> Result<(), Error> {
        let Ok(process) = self.table.get(target) else {
            return Ok(());
        };
        let (handle, signal) = (process.handle, information.signal);
        // Init dies of nothing that it did not ask for.
        let unstoppable = target == INIT && [number::KILL, number::STOP].contains(&signal);
        if process.is_zombie() || unstoppable {
            return Ok(());
        }
        match signal {
            number::KILL => {
                self.kernel.kill(handle, killed_status(signal));
                return Ok(());
            }
            number::STOP => {
                self.kernel.discard(handle, bit(number::CONT));
                self.stop(target, signal);
                return Ok(());
            }
            // POSIX 2.4.1: these two undo each other.
            number::CONT => {
                self.kernel.discard(handle, STOPS);
                self.go_on(target);
            }
            number::TSTP | number::TTIN | number::TTOU => {
                self.kernel.discard(handle, bit(number::CONT));
            }
            _ => {}
        }
        match self.kernel.raise(handle, 0, &information) {
            Err(Error::WouldBlock) => Err(Error::WouldBlock),
            // Any other failure is that of a process that is just ending.
            _ => Ok(()),
        }
    }

    /// Sends a signal that comes from the system itself.
    pub(crate) fn send_from_kernel(&mut self, target: u64, signal: u32) {
        let information = SignalInformation {
            signal,
            code: code::KERNEL,
            ..Default::default()
        };
        // One signal of each of these is pending at most: there is always room for it.
        let _ = self.send(target, information);
    }

    /// `kill`, `killpg` and `sigqueue` (POSIX): `NoProcess` without a target, `NotPermitted`
    /// when there are targets but none may be signalled.
    pub(crate) fn kill_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        target: i64,
        signal: u32,
        code: i64,
        value: u64,
    ) -> Reply {
        let caller = self.caller(call)?;
        if signal > signal::LAST {
            return Err(Error::BadArgument);
        }
        let sender = self.table.get(caller)?.identity;
        let group = match target {
            0 => sender.group,
            _ => target.unsigned_abs(),
        };
        let targets = match target {
            1.. => self.table.ids(|process| process.id() == group),
            -1 => self
                .table
                .ids(|process| process.id() != INIT && process.id() != caller),
            _ => self.table.ids(|process| process.identity.group == group),
        };
        let information = SignalInformation {
            signal,
            // A program may claim negative codes only; the others are the system's.
            code: i32::try_from(code).map_or(code::USER, |code| code.min(code::USER)),
            process: caller,
            user: sender.real_user,
            status: 0,
            value,
        };
        let mut result = Err(Error::NoProcess);
        for target in targets {
            if !may_signal(&sender, &self.table.get(target)?.identity, signal) {
                result = result.or(Err(Error::NotPermitted));
                continue;
            }
            if signal != 0 {
                self.send(target, information)?;
            }
            result = Ok(Answer::default().into());
        }
        result
    }

    /// `pthread_kill` from another process and `tgkill`.
    pub(crate) fn kill_thread_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        target: u64,
        thread: u64,
        signal: u32,
    ) -> Reply {
        let caller = self.caller(call)?;
        if signal > signal::LAST {
            return Err(Error::BadArgument);
        }
        let sender = self.table.get(caller)?.identity;
        let process = self.table.get(target)?;
        if !may_signal(&sender, &process.identity, signal) {
            return Err(Error::NotPermitted);
        }
        let whole = [0, number::KILL, number::STOP, number::CONT].contains(&signal);
        if whole || process.is_zombie() {
            return self.kill_by_caller(call, target as i64, signal, code::THREAD.into(), 0);
        }
        let handle = process.handle;
        let information = SignalInformation {
            signal,
            code: code::THREAD,
            process: caller,
            user: sender.real_user,
            ..Default::default()
        };
        self.kernel.raise(handle, thread, &information)?;
        Ok(Answer::default().into())
    }

    /// Stops a process and tells its parent.
    pub(crate) fn stop(&mut self, id: u64, signal: u32) {
        let Ok(process) = self.table.get_mut(id) else {
            return;
        };
        if process.state != State::Running {
            return;
        }
        process.state = State::Stopped {
            signal,
            reported: false,
        };
        process.continued = false;
        let handle = process.handle;
        self.kernel.suspend(handle);
        self.tell_parent(id, code::CHILD_STOPPED, signal);
    }

    /// Lets a stopped process go on and tells its parent.
    pub(crate) fn go_on(&mut self, id: u64) {
        let Ok(process) = self.table.get_mut(id) else {
            return;
        };
        if !matches!(process.state, State::Stopped { .. }) {
            return;
        }
        process.state = State::Running;
        process.continued = true;
        let handle = process.handle;
        self.kernel.resume(handle);
        self.tell_parent(id, code::CHILD_CONTINUED, number::CONT);
    }

    /// SIGCHLD to the parent, if it wants to hear of this, and an answer to its `wait`.
    pub(crate) fn tell_parent(&mut self, child: u64, code: i32, status: u32) {
        let Ok(information) = self.child_information(child, code, status) else {
            return;
        };
        let Ok(parent) = self.table.get(child).map(|process| process.identity.parent) else {
            return;
        };
        if self.hears_of(parent, code) {
            // One SIGCHLD is pending at most.
            let _ = self.send(parent, information);
        }
        self.wake_waiters(parent);
    }

    /// The `siginfo` of a change of a child.
    pub(crate) fn child_information(
        &self,
        child: u64,
        code: i32,
        status: u32,
    ) -> Result<SignalInformation, Error> {
        Ok(SignalInformation {
            signal: number::CHLD,
            code,
            process: child,
            user: self.table.get(child)?.identity.real_user,
            status,
            value: 0,
        })
    }

    /// `SA_NOCLDSTOP`: stops and continuations are not told.
    fn hears_of(&self, parent: u64, code: i32) -> bool {
        let stop = [code::CHILD_STOPPED, code::CHILD_CONTINUED].contains(&code);
        let Ok(parent) = self.table.get(parent) else {
            return false;
        };
        !stop
            || parent.is_zombie()
            || self.kernel.action(parent.handle, number::CHLD) & kept::NO_CHILD_STOP == 0
    }

    /// The kernel stopped a process at a fault or at a signal without handler.
    pub(crate) fn stopped_by(&mut self, id: u64, token: u64, fault: &Fault) {
        let signal = (fault.upcall + 1).min(signal::LAST);
        let status = match self.table.get(id) {
            // A process that is not known must not go on.
            Err(_) => killed_status(number::KILL),
            Ok(_) if fault.kind == fault_kind::NO_MEMORY => self.make_memory_free(id),
            // A fault would happen again at once: it ends the process whatever its action.
            Ok(_) if fault.kind != 0 => self.report_fault(id, signal, fault),
            Ok(_) => self.default_status(id, signal),
        };
        let leaves_core = status == killed_status(signal)
            && default_action(signal) == DefaultAction::Core
            && self.dump(id, token, signal, fault).is_ok();
        if leaves_core {
            return;
        }
        self.kernel.reply(token, Ok(Answer::value(status)));
    }

    /// There is no memory for a process: whoever has most of it ends. 0 if that is another one: the
    /// process tries again.
    fn make_memory_free(&mut self, id: u64) -> u64 {
        let resident = |process: &Process| self.kernel.information(process.handle).resident_bytes;
        let candidates = self.table.iter();
        let biggest = candidates
            .filter(|process| process.id() != INIT && !process.is_zombie())
            .max_by_key(|process| resident(process));
        let Some(biggest) = biggest else {
            return killed_status(number::KILL);
        };
        let (victim, handle) = (biggest.id(), biggest.handle);
        self.kernel.log(&alloc::format!(
            "out of memory: process {victim} ({}) with {} KiB ends",
            alloc::string::String::from_utf8_lossy(&biggest.name),
            resident(biggest) >> 10,
        ));
        if victim == id {
            return killed_status(number::KILL);
        }
        self.kernel.kill(handle, killed_status(number::KILL));
        0
    }

    fn report_fault(&mut self, id: u64, signal: u32, fault: &Fault) -> u64 {
        let name = self.table.get(id).map(|process| process.name.clone());
        let name = name.unwrap_or_default();
        self.kernel.log(&alloc::format!(
            "process {id} ({}) ends by signal {signal}: fault {} at {:#x}, instruction {:#x}, stack {:#x}",
            alloc::string::String::from_utf8_lossy(&name),
            fault.kind,
            fault.address,
            fault.instruction,
            fault.stack,
        ));
        killed_status(signal)
    }

    /// Carries out a default action: 0 = go on, else the status to end with.
    fn default_status(&mut self, id: u64, signal: u32) -> u64 {
        match default_action(signal) {
            DefaultAction::Terminate | DefaultAction::Core if id == INIT => 0,
            DefaultAction::Terminate | DefaultAction::Core => killed_status(signal),
            DefaultAction::Stop => {
                let group = self.table.get(id).map(|process| process.identity.group);
                // POSIX: terminal stops do nothing in an orphaned group.
                let orphaned = group.is_ok_and(|group| self.is_orphaned(group));
                if signal == number::STOP || !orphaned {
                    self.stop(id, signal);
                }
                0
            }
            DefaultAction::Continue | DefaultAction::Ignore => 0,
        }
    }
}
