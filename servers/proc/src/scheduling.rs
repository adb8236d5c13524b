//! Nice values and scheduling policies, and who may change them.

use kernel_abi::process::{priority, process_property};
use proto::{Answer, Call, Error, Reply};

use crate::kernel::Kernel;
use crate::process::Process;
use crate::server::Server;
use crate::signal::may_signal;

/// Lowest (nicest) priority: nice 19.
const NICE_MOST: u32 = 39;
/// Bits of a level in a priority.
const LEVEL: u64 = 0xff;

/// `which` of `process::priority`.
mod which {
    pub const PROCESS: u32 = 0;
    pub const GROUP: u32 = 1;
    pub const USER: u32 = 2;
}

impl<K: Kernel> Server<K> {
    /// Tells the kernel which levels of real time a process may take by itself.
    pub(crate) fn set_real_time(&mut self, id: u64) -> Result<(), Error> {
        let process = self.table.get(id)?;
        let level = process.limits.real_time(process.identity.credentials.user);
        let property = process_property::LIMIT_REAL_TIME;
        self.kernel.set_property(process.handle, property, level)
    }

    /// The effective user of a process may have become root, or another.
    pub(crate) fn privileges_changed(&mut self, id: u64, user_before: u32) -> Result<(), Error> {
        let user = self.table.get(id)?.identity.credentials.user;
        if (user == 0) == (user_before == 0) {
            return Ok(());
        }
        self.set_real_time(id)
    }

    /// Whether a process may begin with a priority that its parent wants it to have.
    pub(crate) fn may_have_priority(&self, process: &Process, wanted: u64) -> Result<(), Error> {
        let most = process.limits.real_time(process.identity.credentials.user);
        match wanted & !LEVEL != priority::FAIR && wanted & LEVEL > most {
            true => Err(Error::NotPermitted),
            false => Ok(()),
        }
    }

    fn prioritise(&mut self, caller: u64, target: u64, nice: u32) -> Result<(), Error> {
        let sender = self.table.get(caller)?.identity;
        let process = self.table.get_mut(target)?;
        if !may_signal(&sender, &process.identity, 0) {
            return Err(Error::NotPermitted);
        }
        if nice < process.nice_plus_20 && sender.credentials.user != 0 {
            return Err(Error::AccessDenied);
        }
        process.nice_plus_20 = nice;
        if process.is_zombie() {
            return Ok(());
        }
        let handle = process.handle;
        let value = priority::FAIR | u64::from(nice);
        self.kernel
            .set_property(handle, process_property::PRIORITY, value)
    }

    /// `getpriority` and `setpriority` (POSIX): the lowest nice value of those named.
    pub(crate) fn nice_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        which: u32,
        who: u64,
        nice: Option<u32>,
    ) -> Reply {
        let caller = self.caller(call)?;
        let own = self.table.get(caller)?.identity;
        let targets = match which {
            which::PROCESS => {
                let id = if who == 0 { caller } else { who };
                self.table.ids(|process| process.id() == id)
            }
            which::GROUP => {
                let group = if who == 0 { own.group } else { who };
                self.table.ids(|process| process.identity.group == group)
            }
            which::USER => {
                let user = if who == 0 {
                    u64::from(own.real_user)
                } else {
                    who
                };
                self.table
                    .ids(|process| u64::from(process.identity.real_user) == user)
            }
            _ => return Err(Error::BadArgument),
        };
        let mut best = Err(Error::NoProcess);
        for target in targets {
            if let Some(nice) = nice {
                self.prioritise(caller, target, nice.min(NICE_MOST))?;
            }
            let nice = self.table.get(target)?.nice_plus_20;
            best = Ok(best.map_or(nice, |best: u32| best.min(nice)));
        }
        best.map(|nice| Answer::value(nice.into()).into())
    }

    /// `sched_setscheduler` and its like of another process: sets the priority of all its threads, or
    /// tells that of its first one.
    pub(crate) fn scheduling_by_caller<C: Call + ?Sized>(
        &mut self,
        call: &C,
        id: u64,
        wanted: Option<u64>,
    ) -> Reply {
        let caller = self.caller(call)?;
        let sender = self.table.get(caller)?;
        let process = self.table.get(id)?;
        if process.is_zombie() {
            return Err(Error::NoProcess);
        }
        let handle = process.handle;
        let Some(wanted) = wanted else {
            let first = self.kernel.thread(handle, 0).ok_or(Error::NoProcess)?;
            return Ok(Answer::value(first.priority).into());
        };
        let most = process.limits.real_time(sender.identity.credentials.user);
        let is_real_time = wanted & !LEVEL != priority::FAIR;
        let too_urgent = is_real_time && wanted & LEVEL > most;
        if too_urgent || !may_signal(&sender.identity, &process.identity, 0) {
            return Err(Error::NotPermitted);
        }
        let value = match is_real_time {
            true => wanted,
            false => priority::FAIR | u64::from(process.nice_plus_20),
        };
        self.kernel
            .set_property(handle, process_property::PRIORITY, value)?;
        Ok(Answer::value(value).into())
    }
}
