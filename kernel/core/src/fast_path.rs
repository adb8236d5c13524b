//! The short way of the two calls that make up most of a microkernel's work: a call with words
//! alone to a server that waits for it, and the answer of a server that waits again.
//!
//! It stands beside `call.rs`, does what that does in the common case, and leaves everything else
//! to it: whatever is out of the ordinary (handles, a queue, another priority, an upcall, a
//! suspended process, another processor) makes it decline before it has changed anything. The
//! model test drives both ways and finds the same states.
//!
//! The tables are borrowed apart from each other, so that each object is looked up once.

use crate::call::{Purpose, Stage, TOKEN_INDEX_BITS, set_words, words_of};
use crate::kernel::{Kernel, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::thread::{State, Thread, Wait};
use kernel_abi::Rights;
use kernel_abi::message::kind;

impl<M: Machine> Kernel<M> {
    /// A call of the running thread, with words alone. `Some`: it is done, and this thread runs next.
    #[inline]
    pub(crate) fn fast_call(&mut self, cpu: Cpu, thread: ThreadId) -> Option<ThreadId> {
        let found = self.threads.get(thread)?;
        let registers = &found.context.registers;
        if registers.r13 != 0 || found.attention || !self.scheduler.allows_direct_switch(cpu) {
            return None;
        }
        let owner = self.processes.get(found.process)?;
        let entry = owner.handles.get(u32::try_from(registers.rdi).ok()?)?;
        let Object::Session(session) = entry.object else {
            return None;
        };
        if !entry.rights.contains(Rights::CALL) {
            return None;
        }
        let label = owner.label;
        let session = self.sessions.get(session)?;
        let endpoint = self.endpoints.get_mut(session.endpoint)?;
        let receiver = *endpoint.receivers.last()?;
        let (caller, server) = self.threads.get_pair_mut(thread, receiver)?;
        let equal = server.effective == caller.effective && server.base == caller.effective;
        let suspensions = self.processes.get(server.process)?.suspensions;
        if !endpoint.queue.is_empty() || !equal || suspensions != 0 || !server.may_go_on(cpu) {
            return None;
        }

        // Nothing can fail from here on.
        endpoint.receivers.pop();
        let number = self.calls.next();
        let token = (number << TOKEN_INDEX_BITS) | u64::from(thread.index());
        caller.state = State::Blocked;
        caller.wait = Wait::Reply;
        let words = words_of(&caller.context.registers);
        let call = &mut caller.call;
        call.token = token;
        call.number = number;
        call.stage = Stage::Taken;
        call.purpose = Purpose::Words;
        call.endpoint = Some(session.endpoint);
        call.badge = session.badge;
        call.words = words;
        call.taken_by = Some(server.process);
        call.deaths = 0;
        call.redelivered = false;
        call.cancelled = false;
        call.forwarded = false;
        server.serving = token;
        let registers = &mut server.context.registers;
        registers.rax = kind::CALL;
        registers.rdi = token;
        set_words(registers, &words);
        registers.r13 = session.badge;
        registers.r14 = label;
        registers.r15 = number;
        let now_ns = self.machine.now_ns();
        self.scheduler
            .switch_directly(cpu, now_ns, caller, (receiver, server));
        self.note_short_switch();
        Some(receiver)
    }

    /// An answer with words alone, of the running thread, which waits again. `Some`: it is
    /// done, and this thread runs next.
    #[inline]
    pub(crate) fn fast_reply_receive(&mut self, cpu: Cpu, thread: ThreadId) -> Option<ThreadId> {
        let found = self.threads.get(thread)?;
        let registers = &found.context.registers;
        let ordinary = registers.r13 == 0 && registers.rdi != 0 && !found.attention;
        if !ordinary || !self.scheduler.allows_direct_switch(cpu) {
            return None;
        }
        let owner = self.processes.get(found.process)?;
        let entry = owner.handles.get(u32::try_from(registers.r14).ok()?)?;
        let Object::Endpoint(id) = entry.object else {
            return None;
        };
        if !entry.rights.contains(Rights::RECEIVE) {
            return None;
        }
        let endpoint = self.endpoints.get_mut(id)?;
        let token = registers.rdi;
        let caller = self
            .threads
            .id_at((token & ((1 << TOKEN_INDEX_BITS) - 1)) as u32)?;
        let (server, client) = self.threads.get_pair_mut(thread, caller)?;
        let call = &client.call;
        let taken = call.token == token
            && call.stage == Stage::Taken
            && call.taken_by == Some(server.process);
        let plain =
            matches!(call.purpose, Purpose::Words) && call.handles.is_empty() && !call.cancelled;
        let equal = server.effective == server.base && client.effective == server.effective;
        let suspensions = self.processes.get(client.process)?.suspensions;
        let goes_on = client.may_go_on(cpu) && suspensions == 0 && endpoint.queue.is_empty();
        if !taken || !plain || !equal || !goes_on {
            return None;
        }

        // Nothing can fail from here on.
        endpoint.last_receiver = Some(thread);
        endpoint.receivers.push(thread);
        server.serving = 0;
        server.state = State::Blocked;
        server.wait = Wait::Receive(id);
        server.restartable = true;
        let words = words_of(&server.context.registers);
        // If the receive has to be executed again, the answer must not be.
        server.context.registers.rdi = 0;
        let call = &mut client.call;
        call.token = 0;
        call.stage = Stage::None;
        call.lent.clear();
        let registers = &mut client.context.registers;
        registers.rax = 0;
        set_words(registers, &words);
        let now_ns = self.machine.now_ns();
        self.scheduler
            .switch_directly(cpu, now_ns, server, (caller, client));
        self.note_short_switch();
        Some(caller)
    }

    #[inline]
    fn note_short_switch(&mut self) {
        self.counters.context_switches += 1;
        #[cfg(test)]
        {
            self.short_calls += 1;
        }
    }
}

impl Thread {
    /// Whether the thread, whose wait ends, may go on here with nothing to be done before.
    #[inline]
    fn may_go_on(&self, cpu: Cpu) -> bool {
        self.affinity & (1 << (cpu.0 & 7)) != 0 && !self.attention
    }
}
