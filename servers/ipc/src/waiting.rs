//! Calls that wait, and how they come to their end.

use alloc::vec::Vec;
use proto::{Answer, Error};

use crate::kernel::Kernel;
use crate::semaphore::{Operation, Refused};
use crate::server::{Done, Server};

/// Most calls that wait, and those of one process.
pub const MOST: usize = 8192;
/// See [`MOST`].
pub const MOST_OF_PROCESS: usize = 2048;

/// What a call waits for. Its object comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `semop`.
    Operate(u32, Vec<Operation>),
    /// `msgsnd`: type and length.
    Send(u32, i64, u64),
    /// `msgrcv`: type, flags and room.
    Receive(u32, i64, u32, u64),
    /// `mq_send`: priority and length.
    Put(u32, u32, u64),
    /// `mq_receive`: room.
    Take(u32),
    /// A thread of `mq_notify`.
    Arrival(u32),
}

/// The object that a change was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A set of semaphores.
    Set(u32),
    /// A System V queue.
    Messages(u32),
    /// A POSIX queue.
    Queue(u32),
}

impl Wait {
    /// What it waits at.
    pub fn subject(&self) -> Subject {
        match *self {
            Wait::Operate(id, _) => Subject::Set(id),
            Wait::Send(id, ..) | Wait::Receive(id, ..) => Subject::Messages(id),
            Wait::Put(id, ..) | Wait::Take(id) | Wait::Arrival(id) => Subject::Queue(id),
        }
    }
}

/// Who calls, as far as operations need to know.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub token: u64,
    pub number: u64,
    pub process: u64,
    pub user: u32,
}

/// A call that waits.
pub struct Waiter {
    pub caller: Caller,
    pub deadline_ns: u64,
    pub wait: Wait,
}

impl<K: Kernel> Server<K> {
    /// Lets a call wait.
    pub(crate) fn wait(
        &mut self,
        caller: Caller,
        deadline_ns: u64,
        wait: Wait,
    ) -> Result<(), Error> {
        let own = |waiter: &&Waiter| waiter.caller.process == caller.process;
        if self.waiting.len() >= MOST || self.waiting.iter().filter(own).count() >= MOST_OF_PROCESS
        {
            return Err(Error::NoMemory);
        }
        self.waiting.push(Waiter {
            caller,
            deadline_ns,
            wait,
        });
        if deadline_ns != u64::MAX {
            self.program_alarm();
        }
        Ok(())
    }

    /// Whether anybody waits at an object.
    pub(crate) fn is_waited_for(&self, subject: Subject) -> bool {
        self.waiting
            .iter()
            .any(|waiter| waiter.wait.subject() == subject)
    }

    /// How many wait at a semaphore, for it to become 0 or to grow.
    pub(crate) fn waiting_at(&self, id: u32, number: u16, for_zero: bool) -> u64 {
        let Ok(set) = self.state.sets.get(id) else {
            return 0;
        };
        let at = |waiter: &&Waiter| {
            let Wait::Operate(own, operations) = &waiter.wait else {
                return false;
            };
            *own == id
                && operations.iter().any(|operation| {
                    let value = set
                        .semaphores
                        .get(usize::from(number))
                        .map_or(0, |one| one.value);
                    let change = i32::from(operation.change);
                    let waits = (change == 0 && value != 0) || i32::from(value) + change < 0;
                    operation.number == number && waits && (change == 0) == for_zero
                })
        };
        self.waiting.iter().filter(at).count() as u64
    }

    /// Ends the waits that an object's new state allows to end, in their order. Each answer goes
    /// out before the next change is saved.
    pub(crate) fn settle(&mut self, subject: Subject) {
        let mut index = 0;
        while let Some(waiter) = self.waiting.get(index) {
            if waiter.wait.subject() != subject {
                index += 1;
                continue;
            }
            let (caller, wait) = (waiter.caller, waiter.wait.clone());
            match self.attempt(caller, &wait) {
                None => index += 1,
                Some(done) => {
                    self.waiting.remove(index);
                    let result = self.commit(caller, done);
                    self.kernel.reply(caller.token, result);
                    // An earlier one may be able to go on now.
                    index = 0;
                }
            }
        }
    }

    /// Tries what a waiting call wants: `None` when it has to wait on.
    fn attempt(&mut self, caller: Caller, wait: &Wait) -> Option<Result<Done, Error>> {
        let result = match wait {
            Wait::Operate(id, operations) => {
                let Ok(set) = self.state.sets.get_mut(*id) else {
                    return Some(Err(Error::Removed));
                };
                match set.operate(operations, caller.process) {
                    Err(Refused::Waits(_)) => return None,
                    Err(Refused::Error(error)) => Err(error),
                    Ok(()) => {
                        set.operated_s = self.kernel.realtime_s();
                        Ok(Done::default())
                    }
                }
            }
            Wait::Send(id, kind, length) => self.send_now(caller, *id, *kind, *length),
            Wait::Receive(id, wanted, flags, room) => {
                self.receive_now(caller, *id, *wanted, *flags, *room)
            }
            Wait::Put(id, priority, length) => self.put_now(caller, *id, *priority, *length),
            Wait::Take(id) => self.take_now(*id),
            Wait::Arrival(_) => return None,
        };
        match result {
            Err(Error::WouldBlock) => None,
            Err(Error::BadArgument) => Some(Err(Error::Removed)),
            result => Some(result),
        }
    }

    /// An object is gone: who waits at it is told.
    pub(crate) fn refuse_waiting(&mut self, subject: Subject, error: Error) {
        let (gone, kept) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiter| waiter.wait.subject() == subject);
        self.waiting = kept;
        for waiter in gone {
            self.kernel.reply(waiter.caller.token, Err(error));
        }
    }

    /// A registered message has arrived: the thread that waits for it goes on.
    pub(crate) fn tell_arrival(&mut self, id: u32, process: u64) {
        let waits =
            |waiter: &Waiter| waiter.wait == Wait::Arrival(id) && waiter.caller.process == process;
        if let Some(index) = self.waiting.iter().position(waits) {
            let waiter = self.waiting.remove(index);
            self.kernel
                .reply(waiter.caller.token, Ok(Answer::default()));
        }
    }

    /// A caller's wait was interrupted, or the caller is gone.
    pub(crate) fn cancel(&mut self, token: u64) {
        let before = self.waiting.len();
        self.waiting.retain(|waiter| waiter.caller.token != token);
        if self.waiting.len() != before {
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }

    /// Deadlines have come.
    pub(crate) fn expire(&mut self) {
        let now_ns = self.kernel.now_ns();
        let (late, kept) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiter| waiter.deadline_ns <= now_ns);
        self.waiting = kept;
        for waiter in late {
            // What `semtimedop` says, and what `mq_timedsend` and its kind do.
            let error = match waiter.wait {
                Wait::Operate(..) => Error::WouldBlock,
                _ => Error::TimedOut,
            };
            self.kernel.reply(waiter.caller.token, Err(error));
        }
        self.program_alarm();
    }

    fn program_alarm(&mut self) {
        let first = self.waiting.iter().map(|waiter| waiter.deadline_ns).min();
        self.kernel.set_alarm(first.unwrap_or(u64::MAX));
    }
}
