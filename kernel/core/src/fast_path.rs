//! The short way of the two calls that make up most of a microkernel's work: a call with words
//! alone to a server that waits for it, and the answer of a server that waits again.
//!
//! It stands beside `call.rs`, does what that does in the common case, and leaves everything else
//! to it: whatever is out of the ordinary (handles, a queue, another priority, an upcall, a
//! suspended process, another processor) makes it decline before it has changed anything.

use crate::call::{Purpose, Stage, set_words, words_of};
use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::thread::{State, Wait};
use kernel_abi::Rights;
use kernel_abi::message::kind;

impl<M: Machine> Kernel<M> {
    /// A call of the running thread, with words alone: `true` when it is done.
    #[inline]
    pub(crate) fn fast_call(&mut self, cpu: Cpu, thread: ThreadId) -> bool {
        self.try_fast_call(cpu, thread).is_some()
    }

    fn try_fast_call(&mut self, cpu: Cpu, thread: ThreadId) -> Option<()> {
        let found = self.threads.get(thread)?;
        let registers = &found.context.registers;
        if registers.r13 != 0 || found.attention || found.ending {
            return None;
        }
        let (process, effective, words) = (found.process, found.effective, words_of(registers));
        let owner = self.processes.get(process)?;
        let slot = u32::try_from(registers.rdi).ok()?;
        let entry = owner.handles.get(slot)?;
        let Object::Session(session) = entry.object else {
            return None;
        };
        if !entry.rights.contains(Rights::CALL) {
            return None;
        }
        let label = owner.label;
        let session = self.sessions.get(session)?;
        let (id, badge) = (session.endpoint, session.badge);
        let endpoint = self.endpoints.get(id)?;
        let receiver = *endpoint.receivers.back()?;
        if !endpoint.queue.is_empty() {
            return None;
        }
        let found = self.threads.get(receiver)?;
        if found.effective != effective || found.base != effective {
            return None;
        }
        let server = found.process;
        self.check_switch(cpu, receiver, Wait::Receive(id))?;

        // Nothing can fail from here on.
        let (token, number) = self.new_token(thread);
        let found = self.threads.get_mut(thread)?;
        found.state = State::Blocked;
        found.wait = Wait::Reply;
        let call = &mut found.call;
        call.token = token;
        call.number = number;
        call.stage = Stage::Taken;
        call.purpose = Purpose::Words;
        call.endpoint = Some(id);
        call.badge = badge;
        call.words = words;
        call.taken_by = Some(server);
        call.deaths = 0;
        call.redelivered = false;
        call.cancelled = false;
        call.forwarded = false;
        let endpoint = self.endpoints.get_mut(id)?;
        endpoint.receivers.pop_back();
        let found = self.threads.get_mut(receiver)?;
        found.serving = token;
        let registers = &mut found.context.registers;
        registers.rax = kind::CALL;
        registers.rdi = token;
        set_words(registers, &words);
        registers.r13 = badge;
        registers.r14 = label;
        registers.r15 = number;
        self.switch_directly(cpu, thread, receiver);
        Some(())
    }

    /// An answer with words alone, of the running thread, which waits again: `true` when done.
    #[inline]
    pub(crate) fn fast_reply_receive(&mut self, cpu: Cpu, thread: ThreadId) -> bool {
        self.try_fast_reply_receive(cpu, thread).is_some()
    }

    fn try_fast_reply_receive(&mut self, cpu: Cpu, thread: ThreadId) -> Option<()> {
        let found = self.threads.get(thread)?;
        let registers = &found.context.registers;
        let ordinary = registers.r13 == 0 && registers.rdi != 0 && !found.attention;
        if !ordinary || found.ending || found.effective != found.base {
            return None;
        }
        let (process, effective) = (found.process, found.effective);
        let (token, words) = (registers.rdi, words_of(registers));
        let id = self.receivable_of(process, registers.r14)?;
        let caller = self.caller_of(process, token).ok()?;
        let found = self.threads.get(caller)?;
        let call = &found.call;
        let plain = call.purpose == Purpose::Words && call.handles.is_empty() && !call.cancelled;
        if !plain || found.effective != effective {
            return None;
        }
        self.check_switch(cpu, caller, Wait::Reply)?;

        // Nothing can fail from here on.
        let endpoint = self.endpoints.get_mut(id)?;
        endpoint.last_receiver = Some(thread);
        endpoint.receivers.push_back(thread);
        let found = self.threads.get_mut(thread)?;
        found.serving = 0;
        found.state = State::Blocked;
        found.wait = Wait::Receive(id);
        found.restartable = true;
        // If the receive has to be executed again, the answer must not be.
        found.context.registers.rdi = 0;
        let found = self.threads.get_mut(caller)?;
        let call = &mut found.call;
        call.token = 0;
        call.stage = Stage::None;
        if call.lent.count != 0 {
            call.lent.clear();
        }
        let registers = &mut found.context.registers;
        registers.rax = 0;
        set_words(registers, &words);
        self.switch_directly(cpu, thread, caller);
        Some(())
    }

    /// The endpoint behind a handle, if it may be received from and nothing is queued there.
    #[inline]
    fn receivable_of(&self, process: ProcessId, slot: u64) -> Option<EndpointId> {
        let slot = u32::try_from(slot).ok()?;
        let entry = self.processes.get(process)?.handles.get(slot)?;
        let Object::Endpoint(id) = entry.object else {
            return None;
        };
        let idle = self.endpoints.get(id)?.queue.is_empty();
        (entry.rights.contains(Rights::RECEIVE) && idle).then_some(id)
    }

    /// Whether a waiting thread may run here, now, without asking the scheduler.
    #[inline]
    fn check_switch(&self, cpu: Cpu, thread: ThreadId, wait: Wait) -> Option<()> {
        let found = self.threads.get(thread)?;
        let here = found.affinity & (1 << cpu.0) != 0;
        let waits = found.state == State::Blocked && found.wait == wait;
        let ordinary = !found.attention && !found.ending && found.saved_mask.is_none();
        if !here || !waits || !ordinary || !self.may_run(found.process) {
            return None;
        }
        self.scheduler.allows_direct_switch(cpu).then_some(())
    }
}
