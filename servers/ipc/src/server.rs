//! The server: its state, sessions, and where calls go.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, Reply, device, ipc, queue};
use server_rt::{ServerCall, Service};

use crate::arena::Arena;
use crate::kernel::Kernel;
use crate::message::Message;
use crate::state::{Answered, State};
use crate::waiting::{Caller, Subject, Waiter};

/// Badge of the name space's session.
const NAME_SPACE: u64 = 1;
/// What `device::list` tells.
const LIST: &[u8] = b"ipc 10 240 666 c\n";
/// Signals of a queue's sessions.
const READABLE: Signals = Signals::READABLE;
const WRITABLE: Signals = Signals::WRITABLE;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// `/dev/ipc`.
    General,
    /// Tells the end of a process.
    Undo(u32),
    /// An open POSIX queue, for reading and for writing.
    Queue(u32, bool, bool),
}

impl Badge {
    fn encode(self, serial: u32) -> u64 {
        let (tag, low) = match self {
            Badge::General => (1, 0),
            Badge::Undo(process) => (2, process),
            Badge::Queue(id, read, write) => (4 + u64::from(read) + 2 * u64::from(write), id),
        };
        tag << 56 | u64::from(serial & 0xff_ffff) << 32 | u64::from(low)
    }

    /// From a session's badge.
    pub fn decode(badge: u64) -> Option<Badge> {
        let low = badge as u32;
        match badge >> 56 {
            1 => Some(Badge::General),
            2 => Some(Badge::Undo(low)),
            tag @ 4..8 => Some(Badge::Queue(low, tag & 1 != 0, tag & 2 != 0)),
            _ => None,
        }
    }
}

/// What a change came to: the answer, the message that it took out of a queue, and whose waiting
/// calls it concerns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub answer: Answer,
    pub text: Option<Message>,
    pub subject: Option<Subject>,
    /// A message came into an empty POSIX queue.
    pub arrived: Option<(u32, Caller)>,
}

/// The server.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    pub(crate) state: State,
    pub(crate) arena: Arena,
    pub(crate) waiting: Vec<Waiter>,
    pub(crate) sessions: BTreeSet<u64>,
    serial: u32,
    /// No call has come since the start that is new.
    is_recovering: bool,
}

impl<K: Kernel> Server<K> {
    /// A server that goes on where an instance before it ended.
    pub fn new(kernel: K) -> Server<K> {
        let saved = kernel.saved().and_then(|bytes| State::decode(&bytes));
        let sessions: BTreeSet<u64> = kernel.sessions().into_iter().collect();
        let mut server = Server {
            kernel,
            state: saved.unwrap_or_else(State::new),
            arena: Arena::new(),
            waiting: Vec::new(),
            sessions,
            serial: 0,
            is_recovering: true,
        };
        let texts: Vec<Message> = server.state.texts().collect();
        for text in texts {
            server.arena.claim(text.offset, text.length);
        }
        server.notice_closed();
        server
    }

    /// Sessions that were closed while nobody served.
    fn notice_closed(&mut self) {
        let sets = self.state.sets.iter();
        let undoing: BTreeSet<u64> = sets.flat_map(|(_, set)| set.undo.keys().copied()).collect();
        for process in undoing {
            self.process_ended(process);
        }
        let ids: Vec<u32> = self.state.queues.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.queue_closed(id);
            self.update_signals(id);
        }
    }

    /// Who calls.
    pub(crate) fn caller<C: Call + ?Sized>(call: &C) -> Result<(Caller, Identity), Error> {
        let identity = call.identity()?;
        let caller = Caller {
            token: call.token(),
            number: call.number(),
            process: call.label(),
            user: identity.real_user,
        };
        Ok((caller, identity))
    }

    /// Makes a session for a purpose.
    pub(crate) fn new_session(&mut self, purpose: Badge) -> Result<Handle, Error> {
        for _ in 0..64 {
            self.serial = self.serial.wrapping_add(1);
            let badge = purpose.encode(self.serial);
            if self.sessions.contains(&badge) {
                continue;
            }
            let session = self.kernel.session_create(badge)?;
            self.sessions.insert(badge);
            return Ok(session);
        }
        Err(Error::TooManyOpen)
    }

    /// Saves the state as it is.
    pub(crate) fn save(&mut self) {
        if !self.kernel.save(&self.state.encode()) {
            server_rt::log!("the state is too long to be saved");
        }
    }

    /// Saves a change together with its answer, and gives the message's text to who took it.
    pub(crate) fn commit(
        &mut self,
        caller: Caller,
        done: Result<Done, Error>,
    ) -> Result<Answer, Error> {
        let done = done?;
        let before = match self.is_recovering {
            true => Vec::new(),
            false => core::mem::take(&mut self.state.answered),
        };
        self.state.answered.push(Answered {
            number: caller.number,
            words: done.answer.words,
            text: done.text,
        });
        self.save();
        for text in before.iter().filter_map(|answered| answered.text) {
            self.arena.give(text.offset, text.length);
        }
        if let Some(text) = done.text {
            self.hand_out(caller.token, text, done.answer.words[0])?;
        }
        Ok(done.answer)
    }

    /// Copies a message's text into the caller's only buffer, as far as it is to go.
    fn hand_out(&mut self, token: u64, text: Message, length: u64) -> Result<(), Error> {
        let mut bytes = alloc::vec![0; length.min(text.length) as usize];
        if !self.kernel.arena_read(text.offset, &mut bytes) {
            return Err(Error::Io);
        }
        self.kernel.write_kept(token, 0, &bytes)
    }

    /// Answers a call that changed something, and then those that it lets go on.
    pub(crate) fn finish(&mut self, caller: Caller, done: Done) -> Reply {
        let answer = self.commit(caller, Ok(done))?;
        let waited = done.subject.filter(|subject| self.is_waited_for(*subject));
        if waited.is_none() && done.arrived.is_none() {
            self.changed(done.subject);
            return Ok(answer.into());
        }
        self.kernel.reply(caller.token, Ok(answer));
        if let Some(subject) = waited {
            self.settle(subject);
        }
        if let Some((id, sender)) = done.arrived {
            self.announce(id, sender);
        }
        self.changed(done.subject);
        Ok(Outcome::Later)
    }

    fn changed(&mut self, subject: Option<Subject>) {
        if let Some(Subject::Queue(id)) = subject {
            self.update_signals(id);
        }
    }

    /// Makes the sessions of a queue readable and writable as it is.
    pub(crate) fn update_signals(&mut self, id: u32) {
        let Ok(queue) = self.state.queues.get(id) else {
            return;
        };
        let readable = if queue.messages.is_empty() {
            Signals::NONE
        } else {
            READABLE
        };
        let writable = if queue.is_full() {
            Signals::NONE
        } else {
            WRITABLE
        };
        for badge in &self.sessions {
            if matches!(Badge::decode(*badge), Some(Badge::Queue(own, ..)) if own == id) {
                let set = readable.or(writable);
                self.kernel
                    .session_signal(*badge, READABLE.or(WRITABLE), set);
            }
        }
    }

    /// Serves a call of any interface.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        let badge = call.badge();
        let badge = if badge == NAME_SPACE {
            None
        } else {
            Badge::decode(badge)
        };
        if device::contains(number) && call.badge() == NAME_SPACE {
            return device::dispatch(self, call);
        }
        if !call.redelivered() {
            self.is_recovering = false;
        } else if let Some(answered) = self.answer_to(call.number()) {
            return self.answer_again(call.token(), answered);
        }
        match badge {
            Some(Badge::General) if ipc::contains(number) => ipc::dispatch(self, call),
            Some(Badge::Queue(..)) if queue::contains(number) => queue::dispatch(self, call),
            _ => Err(Error::Unsupported),
        }
    }

    fn answer_to(&self, number: u64) -> Option<Answered> {
        let mut all = self.state.answered.iter();
        all.find(|answered| answered.number == number).copied()
    }

    /// A change that an instance before this one had made already.
    fn answer_again(&mut self, token: u64, answered: Answered) -> Reply {
        let answer = answered.result()?;
        if let Some(text) = answered.text {
            self.hand_out(token, text, answer.words[0])?;
        }
        Ok(answer.into())
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        self.sessions.remove(&badge);
        match Badge::decode(badge) {
            Some(Badge::Undo(process)) => self.process_ended(u64::from(process)),
            Some(Badge::Queue(id, ..)) => {
                self.registration_closed(id, badge);
                self.queue_closed(id);
            }
            _ => {}
        }
    }

    /// A caller that waits was interrupted.
    pub fn interrupted(&mut self, token: u64) {
        self.cancel(token);
    }

    /// The alarm rang.
    pub fn alarm(&mut self) {
        self.expire();
    }
}

impl<K: Kernel, C: Call + ?Sized> device::Device<C> for Server<K> {
    fn open(&mut self, _call: &mut C, _minor: u64, _flags: u32, _identity: Input) -> Reply {
        let session = self.new_session(Badge::General)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn list(&mut self, call: &mut C, text: Output) -> Reply {
        let count = call.write(text, 0, LIST)?;
        Ok(Answer::value(count as u64).into())
    }
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        self.serve(call)
    }

    fn closed(&mut self, badge: u64) {
        self.session_closed(badge);
    }

    fn cancelled(&mut self, token: u64) {
        self.interrupted(token);
    }

    fn signalled(&mut self, _cookie: u64, _signals: Signals) {
        self.alarm();
    }
}
