//! POSIX message queues: the operations of `proto::queue`, and their names.

use proto::types::open_flags;
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, Reply, queue};
use server_rt::read_input;

use crate::kernel::{Kernel, Notification};
use crate::object::PRIVATE;
use crate::permission::{Permission, READ, WRITE, is_root};
use crate::queue::{self as limits, PosixQueue, Registration};
use crate::server::{Badge, Done, Server};
use crate::waiting::{Caller, Subject, Wait};

/// Kinds of notification.
mod kind {
    pub const SIGNAL: u32 = 0;
    pub const THREAD: u32 = 2;
    pub const REMOVE: u32 = 3;
}
const LAST_SIGNAL: u32 = 64;

/// What an `open` asks for: reading, writing.
fn access(flags: u32) -> Result<(bool, bool), Error> {
    match flags & open_flags::ACCESS_MODE {
        0 => Ok((true, false)),
        open_flags::WRITE_ONLY => Ok((false, true)),
        open_flags::READ_WRITE => Ok((true, true)),
        _ => Err(Error::BadArgument),
    }
}

/// The queue of a session, if it was opened for this.
fn opened<C: Call + ?Sized>(call: &C, to_read: bool, to_write: bool) -> Result<u32, Error> {
    match Badge::decode(call.badge()) {
        Some(Badge::Queue(id, read, write)) if (!to_read || read) && (!to_write || write) => Ok(id),
        _ => Err(Error::BadHandle),
    }
}

impl<K: Kernel> Server<K> {
    fn find_queue(&self, name: &[u8]) -> Option<u32> {
        let mut queues = self.state.queues.iter();
        queues
            .find(|(_, queue)| queue.name == name)
            .map(|(id, _)| id)
    }

    pub(crate) fn open_posix_queue<C: Call + ?Sized>(
        &mut self,
        call: &C,
        flags: u32,
        mode: u32,
        shape: (u64, u64),
        name: Input,
    ) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let (read, write) = access(flags)?;
        let name = read_input(call, name, limits::LONGEST_NAME, Error::NameTooLong)?;
        if name.is_empty() {
            return Err(Error::BadArgument);
        }
        let found = self.find_queue(&name);
        let id = match found {
            Some(id) if self.state.queues.was_made_by(id, caller.number) => id,
            Some(id) => {
                let wanted = open_flags::CREATE | open_flags::EXCLUSIVE;
                if flags & wanted == wanted {
                    return Err(Error::Exists);
                }
                let bits = if read { READ } else { 0 } | if write { WRITE } else { 0 };
                self.state.queues.allowed(id, &identity, bits)?;
                id
            }
            None if flags & open_flags::CREATE == 0 => return Err(Error::NotFound),
            None => self.make_queue(caller, &identity, mode, shape, name)?,
        };
        let session = self.new_session(Badge::Queue(id, read, write))?;
        if found.is_none() {
            self.save();
        }
        self.update_signals(id);
        Ok(Answer::default().with_handle(session).into())
    }

    fn make_queue(
        &mut self,
        caller: Caller,
        identity: &Identity,
        mode: u32,
        (maximum, size): (u64, u64),
        name: alloc::vec::Vec<u8>,
    ) -> Result<u32, Error> {
        let (maximum, size) = match maximum {
            0 => (limits::DEFAULT_MESSAGES, limits::DEFAULT_BYTES),
            _ => (maximum, size),
        };
        if size == 0 || maximum > limits::MOST_MESSAGES || size > limits::MOST_BYTES {
            return Err(Error::BadArgument);
        }
        self.state.queues.check_limit(identity)?;
        let bytes = limits::reserved(maximum, size);
        let (mut all, mut own) = (bytes, bytes);
        for (_, queue) in self.state.queues.iter() {
            all += queue.reserved_bytes();
            if queue.permission.creator_user == identity.credentials.user {
                own += queue.reserved_bytes();
            }
        }
        if all > limits::ALL_BYTES || (!is_root(identity) && own > limits::USER_BYTES) {
            return Err(Error::NoSpace);
        }
        let queue = PosixQueue {
            name,
            permission: Permission::new(identity, mode & !identity.credentials.umask),
            maximum,
            size,
            messages: alloc::vec::Vec::new(),
            registration: None,
        };
        Ok(self.state.queues.insert(PRIVATE, caller.number, queue))
    }

    pub(crate) fn unlink_posix_queue<C: Call + ?Sized>(&mut self, call: &C, name: Input) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let name = read_input(call, name, limits::LONGEST_NAME, Error::NameTooLong)?;
        let id = self
            .find_queue(&name)
            .filter(|_| !name.is_empty())
            .ok_or(Error::NotFound)?;
        let queue = self.state.queues.get_mut(id)?;
        if !queue.permission.controls(&identity) {
            return Err(Error::AccessDenied);
        }
        queue.name.clear();
        self.drop_unused(id);
        self.finish(caller, Done::default())
    }

    /// Whether a queue without a name and without sessions was dropped.
    fn drop_unused(&mut self, id: u32) -> bool {
        let is_open = self
            .sessions
            .iter()
            .any(|badge| matches!(Badge::decode(*badge), Some(Badge::Queue(own, ..)) if own == id));
        let unnamed = self
            .state
            .queues
            .get(id)
            .is_ok_and(|queue| queue.name.is_empty());
        if is_open || !unnamed {
            return false;
        }
        let queue = self.state.queues.remove(id);
        for message in queue.into_iter().flat_map(|queue| queue.messages) {
            self.arena.give(message.offset, message.length);
        }
        true
    }

    /// A session of a queue is gone.
    pub(crate) fn queue_closed(&mut self, id: u32) {
        if self.drop_unused(id) {
            self.save();
        }
    }

    /// A registration ends with the session that it was made through.
    pub(crate) fn registration_closed(&mut self, id: u32, badge: u64) {
        if let Ok(queue) = self.state.queues.get_mut(id)
            && queue
                .registration
                .is_some_and(|registration| registration.badge == badge)
        {
            queue.registration = None;
            self.save();
        }
    }

    /// `mq_send`, if there is room.
    pub(crate) fn put_now(
        &mut self,
        caller: Caller,
        id: u32,
        priority: u32,
        length: u64,
    ) -> Result<Done, Error> {
        if self.state.queues.get(id)?.is_full() {
            return Err(Error::WouldBlock);
        }
        let message = self.store_text(caller, i64::from(priority), length)?;
        let is_taken = self
            .waiting
            .iter()
            .any(|waiter| waiter.wait == Wait::Take(id));
        let queue = self.state.queues.get_mut(id)?;
        let was_empty = queue.messages.is_empty();
        queue.add(message);
        // Who waits in `mq_receive` gets it, and nobody is told (POSIX).
        let tells = was_empty && !is_taken && queue.registration.is_some();
        Ok(Done {
            subject: Some(Subject::Queue(id)),
            arrived: tells.then_some((id, caller)),
            ..Done::default()
        })
    }

    /// `mq_receive`, if there is a message.
    pub(crate) fn take_now(&mut self, id: u32) -> Result<Done, Error> {
        let queue = self.state.queues.get_mut(id)?;
        if queue.messages.is_empty() {
            return Err(Error::WouldBlock);
        }
        let message = queue.messages.remove(0);
        Ok(Done {
            answer: Answer::value(message.length).with(1, message.kind as u64),
            text: Some(message),
            subject: Some(Subject::Queue(id)),
            arrived: None,
        })
    }

    /// Tells who has registered that a message has arrived; once.
    pub(crate) fn announce(&mut self, id: u32, sender: Caller) {
        let Ok(queue) = self.state.queues.get_mut(id) else {
            return;
        };
        let Some(registration) = queue.registration.take() else {
            return;
        };
        self.save();
        match registration.kind {
            kind::SIGNAL => self.kernel.notify(Notification {
                process: registration.process,
                signal: registration.signal,
                value: registration.value,
                sender: sender.process,
                user: sender.user,
            }),
            kind::THREAD => self.tell_arrival(id, registration.process),
            _ => {}
        }
    }
}

impl<K: Kernel, C: Call + ?Sized> queue::Queue<C> for Server<K> {
    fn put(&mut self, call: &mut C, priority: u32, deadline_ns: u64, text: Input) -> Reply {
        let id = opened(call, false, true)?;
        let (caller, _) = Self::caller(call)?;
        if priority >= limits::PRIORITIES {
            return Err(Error::BadArgument);
        }
        if text.length > self.state.queues.get(id)?.size {
            return Err(Error::MessageTooLong);
        }
        match self.put_now(caller, id, priority, text.length) {
            Err(Error::WouldBlock) if deadline_ns != 0 => {
                self.wait(caller, deadline_ns, Wait::Put(id, priority, text.length))?;
                Ok(Outcome::Later)
            }
            done => self.finish(caller, done?),
        }
    }

    fn take(&mut self, call: &mut C, deadline_ns: u64, text: Output) -> Reply {
        let id = opened(call, true, false)?;
        let (caller, _) = Self::caller(call)?;
        if text.length < self.state.queues.get(id)?.size {
            return Err(Error::MessageTooLong);
        }
        match self.take_now(id) {
            Err(Error::WouldBlock) if deadline_ns != 0 => {
                self.wait(caller, deadline_ns, Wait::Take(id))?;
                Ok(Outcome::Later)
            }
            done => self.finish(caller, done?),
        }
    }

    fn attributes(&mut self, call: &mut C) -> Reply {
        let queue = self.state.queues.get(opened(call, false, false)?)?;
        let answer = Answer::value(queue.maximum).with(1, queue.size);
        Ok(answer.with(2, queue.messages.len() as u64).into())
    }

    fn notify(&mut self, call: &mut C, kind: u32, signal: u32, value: u64) -> Reply {
        let id = opened(call, false, false)?;
        let (caller, badge) = (Self::caller(call)?.0, call.badge());
        let queue = self.state.queues.get_mut(id)?;
        let own = |registration: &Registration| registration.process == caller.process;
        if kind == kind::REMOVE {
            if queue.registration.as_ref().is_some_and(own) {
                queue.registration = None;
            }
            let reply = self.finish(caller, Done::default());
            self.tell_arrival(id, caller.process);
            return reply;
        }
        if kind > kind::THREAD || (kind == kind::SIGNAL && !(1..=LAST_SIGNAL).contains(&signal)) {
            return Err(Error::BadArgument);
        }
        if queue.registration.is_some() {
            return Err(Error::Busy);
        }
        queue.registration = Some(Registration {
            process: caller.process,
            badge,
            kind,
            signal,
            value,
        });
        self.finish(caller, Done::default())
    }

    fn await_arrival(&mut self, call: &mut C) -> Reply {
        let id = opened(call, false, false)?;
        let (caller, _) = Self::caller(call)?;
        let registered = self
            .state
            .queues
            .get(id)?
            .registration
            .is_some_and(|registration| {
                registration.process == caller.process && registration.kind == kind::THREAD
            });
        if !registered {
            // It has come already.
            return Ok(Answer::default().into());
        }
        self.wait(caller, u64::MAX, Wait::Arrival(id))?;
        Ok(Outcome::Later)
    }
}
