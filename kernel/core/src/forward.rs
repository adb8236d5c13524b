//! Calls that go on: to another server, and their priority to whoever must serve them.

use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::pending_call::{Purpose, Stage};
use crate::thread::{Step, Wait};
use kernel_abi::{Error, Rights};

impl<M: Machine> Kernel<M> {
    /// MessageForward: the call goes to another endpoint as its caller's.
    pub(crate) fn forward(&mut self, cpu: Cpu, thread: ThreadId, process: ProcessId) -> Step {
        let registers = self
            .threads
            .get(thread)
            .ok_or(Error::NoProcess)?
            .context
            .registers;
        let caller = self.caller_of(process, registers.rdi)?;
        let entry = self.lookup(process, registers.rsi, Rights::CALL)?;
        let Object::Session(session) = entry.object else {
            return Err(Error::WrongKind.into());
        };
        let session = self.sessions.get(session).ok_or(Error::BadHandle)?;
        let (endpoint, badge) = (session.endpoint, session.badge);
        self.check_receivable(endpoint)?;
        self.drop_call_handles(caller);
        let found = self.threads.get_mut(caller).ok_or(Error::NotFound)?;
        let call = &mut found.call;
        if call.course.purpose == Purpose::Exception {
            return Err(Error::BadState.into());
        }
        let words = [
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
            registers.r12,
            registers.r13,
        ];
        call.endpoint = Some(endpoint);
        call.badge = badge;
        call.stage = Stage::Queued;
        call.taken_by = None;
        call.divert(|course| {
            course.words = Some(words);
            course.deaths = 0;
            course.redelivered = false;
            course.forwarded = true;
        });
        self.offer_call(cpu, caller, endpoint);
        Ok(0)
    }

    /// Raises the priority of whoever will have to serve a queued call, along the chain of
    /// servers that it waits for itself.
    pub(crate) fn lend_priority(&mut self, caller: ThreadId, endpoint: EndpointId) {
        /// Longer chains than this do not occur; a cycle must end.
        const LONGEST_CHAIN: usize = 8;
        let Some(lent) = self.threads.get(caller).map(|caller| caller.effective) else {
            return;
        };
        let mut next = self
            .endpoints
            .get(endpoint)
            .and_then(|found| found.last_receiver);
        for _ in 0..LONGEST_CHAIN {
            let Some(server) = next else { return };
            let Some(found) = self.threads.get(server) else {
                return;
            };
            let raised = found.effective.max(lent);
            if raised == found.effective {
                return;
            }
            next = match found.wait {
                Wait::Reply => found
                    .call
                    .endpoint
                    .and_then(|id| self.endpoints.get(id))
                    .and_then(|endpoint| endpoint.last_receiver),
                _ => None,
            };
            self.set_effective(server, raised);
        }
    }
}
