//! The server: its state, who may call what, and where calls go.

use alloc::vec::Vec;
use kernel_abi::Signals;
use kernel_abi::message::Fault;
use proto::{Answer, Call, Error, Outcome, Reply, job, process, process_entry, process_handle};
use server_rt::{ServerCall, Service};

use crate::core_dump::Dump;
use crate::kernel::Kernel;
use crate::process::{Answered, Process, Table};
use crate::wait::Waiter;
use crate::{MESSAGES_BADGE, NAME_SPACE_BADGE, PROCESS_BADGE, TERMINAL_BADGE};

/// All processes and what waits for them.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    pub(crate) table: Table,
    pub(crate) waiters: Vec<Waiter>,
    /// Cores being written.
    pub(crate) dumps: Vec<Dump>,
    pub(crate) host_name: Vec<u8>,
}

impl<K: Kernel> Server<K> {
    /// A server that knows the first process.
    pub fn new(kernel: K, first: Process) -> Server<K> {
        let mut server = Server::empty(kernel);
        server.table.insert(first);
        server.save();
        server
    }

    /// A server that knows nobody.
    pub(crate) fn empty(kernel: K) -> Server<K> {
        Server {
            kernel,
            table: Table::default(),
            waiters: Vec::new(),
            dumps: Vec::new(),
            host_name: b"microkosm".to_vec(),
        }
    }

    /// The process that calls, alive.
    pub(crate) fn caller<C: Call + ?Sized>(&self, call: &C) -> Result<u64, Error> {
        let badge = call.badge();
        if badge & PROCESS_BADGE == 0 {
            return Err(Error::NotPermitted);
        }
        let process = self.table.get(badge & !PROCESS_BADGE)?;
        if process.is_zombie() {
            return Err(Error::NoProcess);
        }
        Ok(process.id())
    }

    /// Serves a call of either interface.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        if job::contains(number) {
            let expected = if number == job::number::notify {
                MESSAGES_BADGE
            } else {
                TERMINAL_BADGE
            };
            if call.badge() != expected {
                return Err(Error::NotPermitted);
            }
            return job::dispatch(self, call);
        }
        if process_handle::contains(number) {
            return process_handle::dispatch(self, call);
        }
        if process_entry::contains(number) {
            if call.badge() != NAME_SPACE_BADGE {
                return Err(Error::NotPermitted);
            }
            return process_entry::dispatch(self, call);
        }
        if call.badge() == NAME_SPACE_BADGE && !shown_to_name_space(number) {
            return Err(Error::NotPermitted);
        }
        use process::number as n;
        let once = [n::fork, n::spawn, n::wait].contains(&number);
        if !once || call.badge() & PROCESS_BADGE == 0 {
            return process::dispatch(self, call);
        }
        self.answer_once(call)
    }

    /// A fork or wait, which an instance before this one may have done already.
    fn answer_once<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let caller = self.caller(call)?;
        if call.redelivered() {
            let own = self.table.get(caller)?.handle;
            if !self.kernel.is_caller(call.token(), own)? {
                return self.answer_copy(call);
            }
            let answered = self.table.get(caller)?.answered;
            if call.number() == answered.number {
                return Ok(Answer::value(answered.value).into());
            }
        }
        let reply = process::dispatch(self, call);
        if let Ok(Outcome::Answer(answer)) = &reply
            && let Ok(process) = self.table.get_mut(caller)
        {
            process.answered = Answered {
                number: call.number(),
                value: answer.words[0],
            };
        }
        reply
    }

    /// A child's own copy of a fork, which comes by its parent's session. One that the instance
    /// before this one made and did not note has not run: its parent's call has been carried out
    /// anew, and nobody has seen it.
    fn answer_copy<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let child = self.table.get(call.label()).map(|child| child.handle);
        if let Ok(child) = child
            && self.kernel.is_caller(call.token(), child)?
        {
            return Ok(Answer::value(0).into());
        }
        self.kernel.kill_caller(call.token())?;
        Ok(Outcome::Later)
    }

    /// A process ended.
    pub fn bound(&mut self, cookie: u64) {
        self.ended(cookie);
    }
}

fn shown_to_name_space(number: u64) -> bool {
    use process::number as n;
    [n::list, n::describe, n::host_name].contains(&number)
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        let reply = self.serve(call);
        self.save();
        reply
    }
    fn cancelled(&mut self, token: u64) {
        self.wait_cancelled(token);
    }
    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        self.bound(cookie);
        self.save();
    }
    fn exception(&mut self, badge: u64, token: u64, fault: &Fault) {
        self.stopped_by(badge & !PROCESS_BADGE, token, fault);
        self.save();
    }
}
