//! Calls: from a session to whoever receives at its endpoint, and the answer back.

use crate::cursor::Cursor;
use crate::endpoint::Delivery;
use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::pending_call::{Purpose, Stage, Token, set_words, words_of};
use crate::slab::Id;
use crate::thread::{State, Step, Stop, Thread, Wait, encode};
use kernel_abi::message::{WORDS, flags, kind};
use kernel_abi::{Error, Rights, Signals};

impl<M: Machine> Kernel<M> {
    /// Call.
    pub(crate) fn call(&mut self, cpu: Cpu, thread: ThreadId, process: ProcessId) -> Step {
        let registers = self
            .threads
            .get(thread)
            .ok_or(Error::NoProcess)?
            .context
            .registers;
        let entry = self.lookup(process, registers.rdi, Rights::CALL)?;
        let Object::Session(session) = entry.object else {
            return Err(Error::WrongKind.into());
        };
        let session = self.sessions.get(session).ok_or(Error::BadHandle)?;
        let (endpoint, badge) = (session.endpoint, session.badge);
        self.check_receivable(endpoint)?;
        if registers.r13 != 0 {
            self.lend(thread, process, registers.r13)?;
        }
        self.start_call(cpu, thread, (endpoint, badge), None, Purpose::Words)
    }

    /// Fails when nobody can receive at an endpoint any more.
    pub(crate) fn check_receivable(&self, endpoint: EndpointId) -> Result<(), Error> {
        let found = self.endpoints.get(endpoint);
        let receivable = found.is_some_and(|endpoint| endpoint.receive_references > 0);
        if receivable {
            Ok(())
        } else {
            Err(Error::PeerClosed)
        }
    }

    /// Sends a call of the running thread, whose lent buffers and handles are set, and blocks it.
    /// The endpoint is receivable. `words`: those that are not the ones in its registers.
    pub(crate) fn start_call(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        (endpoint, badge): (EndpointId, u64),
        words: Option<[u64; WORDS]>,
        purpose: Purpose,
    ) -> Step {
        let token = self.calls.next(thread);
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        found.state = State::Blocked;
        found.wait = Wait::Reply;
        let call = &mut found.call;
        call.token = token;
        call.stage = Stage::Queued;
        call.endpoint = Some(endpoint);
        call.badge = badge;
        call.taken_by = None;
        if words.is_some() || purpose != Purpose::Words {
            call.divert(|course| {
                course.words = words;
                course.purpose = purpose;
            });
        }
        self.offer_call(cpu, thread, endpoint);
        Err(Stop::Blocked)
    }

    /// Gives a queued call to a waiting receiver, or puts it at the end of the queue.
    pub(crate) fn offer_call(&mut self, cpu: Cpu, caller: ThreadId, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if endpoint.queue.is_empty()
            && let Some(receiver) = endpoint.receivers.pop()
        {
            match self.take_call(cpu, caller, receiver, id) {
                Ok(true) => {
                    if let Some(found) = self.threads.get_mut(receiver) {
                        found.wait = Wait::None;
                    }
                    self.hand_over(cpu, receiver);
                    return;
                }
                // The call has failed already; the receiver goes on waiting.
                Ok(false) => {
                    if let Some(endpoint) = self.endpoints.get_mut(id) {
                        endpoint.receivers.push(receiver);
                    }
                    return;
                }
                // The receiver cannot take it without a page: it receives anew by itself.
                Err(_) => {
                    if let Some(found) = self.threads.get_mut(receiver) {
                        found.rewind();
                    }
                    self.wake(receiver);
                }
            }
        }
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint.queue.push_back(Delivery::Call(caller));
        self.change_signals(Object::Endpoint(id), Signals::NONE, Signals::READABLE);
        self.lend_priority(caller, id);
    }

    /// Hands a queued call to a receiver, whose registers take it. `Ok(false)`: the call was
    /// stale or failed, there is nothing to deliver.
    pub(crate) fn take_call(
        &mut self,
        cpu: Cpu,
        caller: ThreadId,
        receiver: ThreadId,
        id: EndpointId,
    ) -> Result<bool, Stop> {
        let server = self.process_of(receiver)?;
        let Some(found) = self.threads.get(caller) else {
            return Ok(false);
        };
        let call = &found.call;
        if call.stage != Stage::Queued || call.endpoint != Some(id) {
            return Ok(false);
        }
        let plain = call.lent.count == 0 && call.handles.is_empty();
        let plain = plain && call.course.purpose != Purpose::Exception;
        if !plain && !self.deliver_incoming(cpu, caller, receiver, server)? {
            return Ok(false);
        }
        let Some(found) = self.threads.get_mut(caller) else {
            return Ok(false);
        };
        found.call.stage = Stage::Taken;
        found.call.taken_by = Some(server);
        let message = Message::of(found, plain);
        let (lent_priority, process) = (found.effective, found.process);
        let label = self
            .processes
            .get(process)
            .map_or(0, |process| process.label);
        let Some(found) = self.threads.get_mut(receiver) else {
            return Ok(false);
        };
        found.serving = message.token;
        let own = found.base;
        let registers = &mut found.context.registers;
        registers.rax = message.status;
        registers.rdi = message.token.0;
        set_words(registers, &message.words);
        registers.r13 = message.badge;
        registers.r14 = label;
        registers.r15 = message.token.number();
        let effective = own.max(lent_priority);
        if found.effective != effective {
            self.set_effective(receiver, effective);
        }
        Ok(true)
    }

    /// The caller of a token that a process has taken.
    pub(crate) fn caller_of(&self, server: ProcessId, token: u64) -> Result<ThreadId, Error> {
        let token = Token(token);
        let id = self.threads.id_at(token.index()).ok_or(Error::NotFound)?;
        let call = &self.threads.get(id).ok_or(Error::NotFound)?.call;
        if token == Token::NONE || call.token != token || call.stage != Stage::Taken {
            return Err(Error::NotFound);
        }
        if call.taken_by == Some(server) {
            Ok(id)
        } else {
            Err(Error::AccessDenied)
        }
    }

    /// Reply: `direct` when the server blocks next, so that the caller runs in its place. An answer
    /// to a caller that is gone succeeds: the server cannot know.
    pub(crate) fn reply(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        process: ProcessId,
        direct: bool,
    ) -> Result<(), Stop> {
        let registers = &self
            .threads
            .get(thread)
            .ok_or(Error::NoProcess)?
            .context
            .registers;
        let (token, words, transfer) = (registers.rdi, words_of(registers), registers.r13);
        let caller = match self.caller_of(process, token) {
            Ok(caller) => caller,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if transfer != 0 {
            self.send_with_reply(thread, process, caller, transfer)?;
        }
        if let Some(found) = self.threads.get_mut(thread) {
            found.serving = Token::NONE;
            let base = found.base;
            if found.effective != base {
                self.set_effective(thread, base);
            }
        }
        self.answer(cpu, caller, &words, direct);
        Ok(())
    }

    /// ReplyReceive.
    pub(crate) fn reply_receive(&mut self, cpu: Cpu, thread: ThreadId, process: ProcessId) -> Step {
        let registers = &self
            .threads
            .get(thread)
            .ok_or(Error::NoProcess)?
            .context
            .registers;
        let (token, handle) = (registers.rdi, registers.r14);
        let endpoint = self.endpoint_of(process, handle, Rights::RECEIVE)?;
        if token != 0 {
            self.reply(cpu, thread, process, true)?;
            // If the receive has to be executed again, the answer must not be.
            if let Some(registers) = self.registers(thread) {
                registers.rdi = 0;
            }
        }
        self.receive(cpu, thread, endpoint)
    }

    /// Ends a call with its answer and wakes the caller.
    pub(crate) fn answer(
        &mut self,
        cpu: Cpu,
        caller: ThreadId,
        words: &[u64; WORDS],
        direct: bool,
    ) {
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        let call = &mut found.call;
        let course = call.course;
        call.end();
        let purpose = course.purpose;
        let restarts = words[0] == encode(Err(Error::Restart));
        let interrupted = course.cancelled && words[0] == encode(Err(Error::Interrupted));
        let interrupted =
            (interrupted || restarts) && !course.forwarded && purpose != Purpose::Exception;
        if !call.handles.is_empty() {
            self.drop_call_handles(caller);
        }
        match purpose {
            // The request still stands in the registers, to be sent again after the upcall.
            _ if interrupted => {
                let Some(found) = self.threads.get_mut(caller) else {
                    return;
                };
                found.restartable = true;
                found.interrupt();
            }
            Purpose::Words => {
                let Some(registers) = self.registers(caller) else {
                    return;
                };
                registers.rax = 0;
                set_words(registers, words);
            }
            Purpose::Value => self.answer_value(caller, words[0]),
            Purpose::Cursor { cursor, written } => {
                self.answer_cursor(caller, cursor, written, words);
            }
            Purpose::Exception => {
                self.answer_exception(caller, words[0]);
                return;
            }
        }
        if let Some(found) = self.threads.get_mut(caller) {
            found.wait = Wait::None;
        }
        if direct {
            self.hand_over(cpu, caller);
        } else {
            self.make_ready(caller);
        }
    }

    fn answer_value(&mut self, caller: ThreadId, value: u64) {
        if let Some(found) = self.threads.get_mut(caller) {
            found.context.registers.rax = value;
            found.progress = 0;
        }
    }

    fn answer_cursor(
        &mut self,
        caller: ThreadId,
        cursor: Id<Cursor>,
        written: u64,
        words: &[u64; WORDS],
    ) {
        let failed = (words[0] as i64) < 0;
        if !failed && let Some(cursor) = self.cursors.get_mut(cursor) {
            cursor.position = words[1];
        }
        let value = match failed {
            true if written > 0 => written,
            true => words[0],
            false => written.saturating_add(words[0]),
        };
        self.answer_value(caller, value);
    }
}

/// What a receiver's registers take.
struct Message {
    status: u64,
    token: Token,
    badge: u64,
    words: [u64; WORDS],
}

impl Message {
    /// The call of a thread; `plain`: with words alone.
    fn of(caller: &Thread, plain: bool) -> Message {
        let call = &caller.call;
        let mut status = match call.course.purpose {
            Purpose::Exception => kind::EXCEPTION,
            _ => kind::CALL,
        };
        if call.course.redelivered {
            status |= flags::REDELIVERED;
        }
        if !plain {
            status |= flags::INCOMING;
        }
        Message {
            status,
            token: call.token,
            badge: call.badge,
            words: caller.call_words(),
        }
    }
}
