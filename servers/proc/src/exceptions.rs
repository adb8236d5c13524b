//! Sending signals, and what becomes of those that a process does not catch.

use kernel_abi::message::Fault;
use proto::types::SignalInformation;
use proto::{Answer, Call, Error, Reply};

use crate::INIT;
use crate::kernel::Kernel;
use crate::process::State;
use crate::server::Server;
use crate::signal::{
    self, DefaultAction, bit, code, default_action, killed_status, may_signal, number,
};

impl<K: Kernel> Server<K> {
    /// Delivers a signal; permission has been checked.
    pub(crate) fn send(&mut self, target: u64, information: SignalInformation) {
        let Ok(process) = self.table.get(target) else {
            return;
        };
        let (handle, signal) = (process.handle, information.signal);
        // Init dies of nothing that it did not ask for.
        let unstoppable = target == INIT && [number::KILL, number::STOP].contains(&signal);
        if process.is_zombie() || unstoppable {
            return;
        }
        match signal {
            number::KILL => return self.kernel.kill(handle, killed_status(signal)),
            number::STOP => return self.stop(target, signal),
            number::CONT => self.go_on(target),
            _ => {}
        }
        let sets = self.kernel.information(handle);
        let caught = sets.caught & bit(signal) != 0;
        let nothing = matches!(
            default_action(signal),
            DefaultAction::Ignore | DefaultAction::Continue
        );
        // What would be ignored is not raised: an upcall, even an ignored one, could end a wait.
        if sets.ignored & bit(signal) != 0 || (!caught && nothing) {
            return;
        }
        // Also of one that is not caught: who blocks it may take it (`sigwaitinfo`).
        if let Ok(process) = self.table.get_mut(target) {
            process.queue(information);
        }
        // Fails only for a process that is just ending.
        let _ = self.kernel.raise(handle, 0, signal - 1, information.value);
    }

    /// Sends a signal that comes from the system itself.
    pub(crate) fn send_from_kernel(&mut self, target: u64, signal: u32) {
        self.send(
            target,
            SignalInformation {
                signal,
                code: code::KERNEL,
                ..Default::default()
            },
        );
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
            result = Ok(Answer::default().into());
            if signal != 0 {
                self.send(target, information);
            }
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
        let process = self.table.get_mut(target)?;
        if !may_signal(&sender, &process.identity, signal) {
            return Err(Error::NotPermitted);
        }
        let whole = [0, number::KILL, number::STOP, number::CONT].contains(&signal);
        if whole || process.is_zombie() {
            return self.kill_by_caller(call, target as i64, signal, code::THREAD.into(), 0);
        }
        process.queue(SignalInformation {
            signal,
            code: code::THREAD,
            process: caller,
            user: sender.real_user,
            ..Default::default()
        });
        let handle = process.handle;
        self.kernel.raise(handle, thread, signal - 1, 0)?;
        Ok(Answer::default().into())
    }

    /// The oldest `siginfo` of a signal that the caller was sent.
    pub(crate) fn take_information(
        &mut self,
        caller: u64,
        signal: u32,
    ) -> Result<SignalInformation, Error> {
        let queued = &mut self.table.get_mut(caller)?.queued;
        let found = queued
            .iter()
            .position(|information| information.signal == signal);
        found
            .and_then(|index| queued.remove(index))
            .ok_or(Error::NotFound)
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

    /// SIGCHLD to the parent, and an answer to its `wait`.
    pub(crate) fn tell_parent(&mut self, child: u64, code: i32, status: u32) {
        let Ok(process) = self.table.get(child) else {
            return;
        };
        let parent = process.identity.parent;
        let information = SignalInformation {
            signal: number::CHLD,
            code,
            process: child,
            user: process.identity.real_user,
            status,
            value: 0,
        };
        self.send(parent, information);
        self.wake_waiters(parent);
    }

    /// The kernel stopped a process at a fault or at a signal without handler.
    pub(crate) fn stopped_by(&mut self, id: u64, token: u64, fault: &Fault) {
        let signal = (fault.upcall + 1).min(signal::LAST);
        let status = match self.table.get(id) {
            // A process that is not known must not go on.
            Err(_) => killed_status(number::KILL),
            // A fault would happen again at once: it ends the process whatever its action.
            Ok(_) if fault.kind != 0 => self.report_fault(id, signal, fault),
            Ok(_) => self.default_status(id, signal),
        };
        self.kernel.reply(token, Ok(Answer::value(status)));
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
