//! `wait`, `waitpid` and `waitid`.

use proto::types::{Plain, WaitStatus};
use proto::{Answer, Call, Error, Outcome, Output, Reply};

use crate::exit::end_of;
use crate::kernel::Kernel;
use crate::process::{Answered, Process, State};
use crate::server::Server;
use crate::signal::{code, number};

/// Options, with the values of `<sys/wait.h>`.
mod option {
    pub const NO_HANG: u32 = 1;
    pub const STOPPED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NO_WAIT: u32 = 0x0100_0000;
}

/// Which children (`idtype_t`).
mod which {
    pub const ALL: u32 = 0;
    pub const PROCESS: u32 = 1;
    pub const GROUP: u32 = 2;
}

/// A `wait` that has nothing to tell yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    token: u64,
    number: u64,
    buffer: usize,
    pub parent: u64,
    which: u32,
    id: u64,
    options: u32,
}

/// A change of a child, as `siginfo` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub code: i32,
    pub status: u32,
}

impl Waiter {
    fn wants(&self, process: &Process) -> bool {
        process.identity.parent == self.parent
            && match self.which {
                which::ALL => true,
                which::PROCESS => process.id() == self.id,
                _ => process.identity.group == self.id,
            }
    }

    /// What there is to tell of a child.
    fn told(&self, process: &Process) -> Option<Told> {
        let wanted = |option| self.options & option != 0;
        match process.state {
            State::Zombie { status } if wanted(option::EXITED) => Some(end_of(status)),
            State::Stopped {
                signal,
                reported: false,
            } if wanted(option::STOPPED) => Some(Told {
                code: code::CHILD_STOPPED,
                status: signal,
            }),
            State::Running if process.continued && wanted(option::CONTINUED) => Some(Told {
                code: code::CHILD_CONTINUED,
                status: number::CONT,
            }),
            _ => None,
        }
    }
}

/// What a look at the children found.
enum Found {
    Child(u64, Told),
    NothingYet,
    NoChild,
}

impl<K: Kernel> Server<K> {
    pub(crate) fn wait_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        which: u32,
        id: u64,
        options: u32,
        status: Output,
    ) -> Reply {
        let parent = self.caller(call)?;
        let known = option::NO_HANG
            | option::STOPPED
            | option::EXITED
            | option::CONTINUED
            | option::NO_WAIT;
        let changes = option::STOPPED | option::EXITED | option::CONTINUED;
        if options & !known != 0 || options & changes == 0 || which > which::GROUP {
            return Err(Error::BadArgument);
        }
        let own_group = self.table.get(parent)?.identity.group;
        let id = if which == which::GROUP && id == 0 {
            own_group
        } else {
            id
        };
        let waiter = Waiter {
            token: call.token(),
            number: call.number(),
            buffer: status.index,
            parent,
            which,
            id,
            options,
        };
        match self.look(&waiter) {
            Found::NoChild => Err(Error::NoChild),
            Found::Child(child, told) => {
                let record = self.record(child, told)?;
                call.write(status, 0, &record)?;
                self.told(&waiter, child);
                Ok(Answer::value(child).into())
            }
            Found::NothingYet if options & option::NO_HANG != 0 => Ok(Answer::value(0).into()),
            Found::NothingYet => {
                self.waiters.push(waiter);
                Ok(Outcome::Later)
            }
        }
    }

    fn look(&self, waiter: &Waiter) -> Found {
        let mut any = false;
        for process in self.table.iter().filter(|process| waiter.wants(process)) {
            any = true;
            if let Some(told) = waiter.told(process) {
                return Found::Child(process.id(), told);
            }
        }
        if any {
            Found::NothingYet
        } else {
            Found::NoChild
        }
    }

    fn record(&self, child: u64, told: Told) -> Result<[u8; WaitStatus::SIZE], Error> {
        let process = self.table.get(child)?;
        let mut usage = process.usage;
        usage.add(process.children_usage);
        let status = WaitStatus {
            process: child,
            user: process.identity.real_user,
            code: told.code.unsigned_abs(),
            status: told.status,
            reserved: 0,
            user_ns: usage.user_ns,
            kernel_ns: usage.kernel_ns,
        };
        let mut bytes = [0; WaitStatus::SIZE];
        status.encode(&mut bytes).ok_or(Error::BadArgument)?;
        Ok(bytes)
    }

    /// Takes the change away that was told, unless `WNOWAIT` leaves it.
    fn told(&mut self, waiter: &Waiter, child: u64) {
        if waiter.options & option::NO_WAIT != 0 {
            return;
        }
        let Ok(process) = self.table.get_mut(child) else {
            return;
        };
        match &mut process.state {
            State::Running => process.continued = false,
            State::Stopped { reported, .. } => *reported = true,
            State::Zombie { .. } => {
                let mut usage = process.usage;
                usage.add(process.children_usage);
                self.forget(child);
                if let Ok(parent) = self.table.get_mut(waiter.parent) {
                    parent.children_usage.add(usage);
                }
            }
        }
    }

    /// Looks again for everybody who waits for a child of `parent`.
    pub(crate) fn wake_waiters(&mut self, parent: u64) {
        let mut index = 0;
        while let Some(waiter) = self.waiters.get(index).copied() {
            if waiter.parent != parent || !self.settle(&waiter) {
                index += 1;
                continue;
            }
            self.waiters.remove(index);
        }
    }

    /// Answers a kept `wait` if there is something to tell.
    fn settle(&mut self, waiter: &Waiter) -> bool {
        let (child, told) = match self.look(waiter) {
            Found::NothingYet => return false,
            Found::NoChild => {
                self.kernel.reply(waiter.token, Err(Error::NoChild));
                return true;
            }
            Found::Child(child, told) => (child, told),
        };
        let written = self
            .record(child, told)
            .and_then(|record| self.kernel.write_kept(waiter.token, waiter.buffer, &record));
        match written {
            Ok(()) => {
                self.told(waiter, child);
                if let Ok(parent) = self.table.get_mut(waiter.parent) {
                    parent.answered = Answered {
                        number: waiter.number,
                        value: child,
                    };
                }
                self.save();
                self.kernel.reply(waiter.token, Ok(Answer::value(child)));
            }
            Err(error) => self.kernel.reply(waiter.token, Err(error)),
        }
        true
    }

    /// A signal interrupted a caller: its `wait` ends.
    pub(crate) fn wait_cancelled(&mut self, token: u64) {
        let found = self.waiters.iter().position(|waiter| waiter.token == token);
        if let Some(index) = found {
            self.waiters.remove(index);
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }
}
