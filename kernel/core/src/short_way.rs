//! The short way of the two calls that make up most of a microkernel's work: a call with words
//! alone to a server that waits for it, and the answer of a server that waits again.
//!
//! It stands beside `call.rs`, does what that does in the common case, and leaves everything else
//! to it: whatever is out of the ordinary (handles, a queue, another priority, an upcall, a
//! suspended process, another processor) makes it decline before it has changed anything. The
//! model test drives both ways and finds the same states.
//!
//! The tables are borrowed apart from each other, so that each object is looked up once. The words
//! are not copied from context to context: the rim loads them from the one they were saved in, on
//! its way out to the thread that gets them.

use crate::kernel::{Kernel, ThreadId};
use crate::machine::{Context, Cpu, Machine};
use crate::object::Object;
use crate::pending_call::{Stage, Token};
use crate::thread::{State, Thread, Wait};
use kernel_abi::{Call, Rights};

/// A call that has been handed over: the server's thread runs now. Its registers become, beside
/// what its context holds: `rax` = `kind::CALL`, `rdi`, `r13`, `r14`, `r15` as named here, and the
/// words (`rsi rdx r10 r8 r9 r12`) as they are in the caller's context.
pub struct ShortCall<'a> {
    /// The server's thread.
    pub thread: ThreadId,
    /// The caller's context.
    pub from: &'a Context,
    /// The server's.
    pub to: &'a mut Context,
    /// For `rdi`.
    pub token: u64,
    /// Of the session, for `r13`.
    pub badge: u64,
    /// Of the caller's process, for `r14`.
    pub label: u64,
    /// The call's number, for `r15`.
    pub number: u64,
}

/// An answer that has been handed over: the caller's thread runs now. Its registers become what
/// its context holds, but `rax` = 0 and the words as they are in the server's context.
pub struct ShortReply<'a> {
    /// The caller's thread.
    pub thread: ThreadId,
    /// The server's context.
    pub from: &'a Context,
    /// The caller's.
    pub to: &'a mut Context,
}

impl<M: Machine> Kernel<M> {
    /// `Call` of the running thread, whose `rdi` and `r13` are `handle` and `transfer`; the words
    /// are in its context. `None`: nothing has been done, the call has to go the general way.
    #[inline(always)]
    pub fn short_call(&mut self, cpu: Cpu, handle: u64, transfer: u64) -> Option<ShortCall<'_>> {
        let (thread, process) = self.scheduler.direct(cpu)?;
        if transfer != 0 || !self.may_go_short() {
            return None;
        }
        let owner = self.processes.get(process)?;
        let entry = owner.handles.get(handle)?;
        let Object::Session(session) = entry.object else {
            return None;
        };
        if !entry.rights.contains(Rights::CALL) {
            return None;
        }
        let session = self.sessions.get(session)?;
        let endpoint = self.endpoints.get_mut(session.endpoint)?;
        let receiver = *endpoint.receivers.last()?;
        let (caller, server) = self.threads.get_pair_mut(thread, receiver)?;
        if server.effective != caller.effective || server.base != caller.effective {
            return None;
        }
        if !caller.is_plain() || !server.is_plain() || !endpoint.queue.is_empty() {
            return None;
        }

        // Nothing can fail from here on.
        endpoint.receivers.pop();
        let token = self.calls.next(thread);
        caller.begin_short(Call::Call, Wait::Reply);
        let call = &mut caller.call;
        call.token = token;
        call.stage = Stage::Taken;
        call.endpoint = Some(session.endpoint);
        call.badge = session.badge;
        call.taken_by = Some(server.process);
        server.serving = token;
        let now_ticks = self.machine.now_ticks();
        self.scheduler
            .switch_directly(cpu, now_ticks, caller, (receiver, server));
        self.counters.note_short_switch();
        Some(ShortCall {
            thread: receiver,
            from: &caller.context,
            to: &mut server.context,
            token: token.0,
            badge: session.badge,
            label: owner.label,
            number: token.number(),
        })
    }

    /// `ReplyReceive` of the running thread, whose `rdi`, `r13` and `r14` are `token`, `transfer`
    /// and `handle`; the words are in its context. `None`: nothing has been done, the call has to
    /// go the general way.
    #[inline(always)]
    pub fn short_reply(
        &mut self,
        cpu: Cpu,
        token: u64,
        transfer: u64,
        handle: u64,
    ) -> Option<ShortReply<'_>> {
        let (thread, process) = self.scheduler.direct(cpu)?;
        let token = Token(token);
        if transfer != 0 || !self.may_go_short() {
            return None;
        }
        if token == Token::NONE {
            return None;
        }
        let owner = self.processes.get(process)?;
        let entry = owner.handles.get(handle)?;
        let Object::Endpoint(id) = entry.object else {
            return None;
        };
        if !entry.rights.contains(Rights::RECEIVE) {
            return None;
        }
        let endpoint = self.endpoints.get_mut(id)?;
        let ((server, client), caller) = self.threads.get_pair_at(thread, token.index())?;
        let call = &client.call;
        if call.token != token || call.taken_by != Some(process) || call.course.special {
            return None;
        }
        if server.effective != server.base || client.effective != server.effective {
            return None;
        }
        if !server.is_plain() || !client.is_plain() || !endpoint.queue.is_empty() {
            return None;
        }

        // Nothing can fail from here on.
        endpoint.last_receiver = Some(thread);
        endpoint.receivers.push(thread);
        server.serving = Token::NONE;
        server.begin_short(Call::ReplyReceive, Wait::Receive(id));
        server.restartable = true;
        // If the receive has to be executed again, the answer must not be.
        server.context.registers.rdi = 0;
        let call = &mut client.call;
        call.token = Token::NONE;
        call.stage = Stage::None;
        call.lent.clear();
        let now_ticks = self.machine.now_ticks();
        self.scheduler
            .switch_directly(cpu, now_ticks, server, (caller, client));
        self.counters.note_short_switch();
        Some(ShortReply {
            thread: caller,
            from: &server.context,
            to: &mut client.context,
        })
    }

    /// Whether the short way may be tried: tests turn it off to compare it with the general one.
    #[inline]
    fn may_go_short(&self) -> bool {
        #[cfg(test)]
        return self.short_way;
        #[cfg(not(test))]
        true
    }
}

impl Thread {
    /// Begins a call that blocks.
    #[inline]
    fn begin_short(&mut self, call: Call, wait: Wait) {
        self.progress = 0;
        self.call_number = call as u64;
        self.state = State::Blocked;
        self.wait = wait;
    }
}

/// What the rim's assembly does with what the short way says, for the tests.
#[cfg(test)]
mod delivery {
    use super::{ShortCall, ShortReply};
    use crate::pending_call::{set_words, words_of};
    use kernel_abi::message::kind;

    impl ShortCall<'_> {
        pub(crate) fn deliver(self) {
            let registers = &mut self.to.registers;
            registers.rax = kind::CALL;
            registers.rdi = self.token;
            set_words(registers, &words_of(&self.from.registers));
            registers.r13 = self.badge;
            registers.r14 = self.label;
            registers.r15 = self.number;
        }
    }

    impl ShortReply<'_> {
        pub(crate) fn deliver(self) {
            self.to.registers.rax = 0;
            set_words(&mut self.to.registers, &words_of(&self.from.registers));
        }
    }
}
