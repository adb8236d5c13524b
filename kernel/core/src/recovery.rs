//! Calls whose caller or server goes away before the answer.

use crate::endpoint::Delivery;
use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::pending_call::{Purpose, Stage, Token};
use crate::thread::encode;
use alloc::vec::Vec;
use kernel_abi::message::WORDS;
use kernel_abi::{Error, Signals};

/// A call that was being served when this many servers crashed fails.
const MOST_DEATHS: u8 = 2;

impl<M: Machine> Kernel<M> {
    /// Ends a queued or taken call with an error.
    pub(crate) fn fail_call(&mut self, cpu: Cpu, caller: ThreadId, error: Error) {
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        let mut words = [0; WORDS];
        words[0] = encode(Err(error));
        match found.call.course.purpose {
            Purpose::Words => {
                found.call.end();
                self.drop_call_handles(caller);
                self.wake_with(caller, Err(error));
            }
            // Without a supervisor nobody could let the process go on.
            Purpose::Exception => {
                let process = found.process;
                let upcall = u64::from(found.call.fault.upcall);
                self.process_kill_now(process, killed_status(upcall));
            }
            _ => self.answer(cpu, caller, &words, false),
        }
    }

    /// Nobody can receive at an endpoint any more: its calls fail, queued and taken.
    pub(crate) fn fail_calls_of(&mut self, endpoint: EndpointId, error: Error) {
        let callers: Vec<ThreadId> = self
            .threads
            .iter()
            .filter(|(_, thread)| {
                thread.call.stage != Stage::None && thread.call.endpoint == Some(endpoint)
            })
            .map(|(id, _)| id)
            .collect();
        for caller in callers {
            self.fail_call(self.scheduler.here, caller, error);
        }
    }

    /// A server's process ends: the calls it had taken go back to the heads of their queues, in
    /// the order in which they were made. `crashed`: by its own doing, so that the calls its
    /// threads were serving are suspected.
    pub(crate) fn redeliver_calls(&mut self, server: ProcessId, suspects: &[Token]) {
        let mut taken: Vec<(Token, ThreadId)> = self
            .threads
            .iter()
            .filter(|(_, thread)| {
                thread.call.stage == Stage::Taken && thread.call.taken_by == Some(server)
            })
            .map(|(id, thread)| (thread.call.token, id))
            .collect();
        taken.sort_unstable();
        // The last one is put first, and so ends up behind the earlier ones.
        for &(_, caller) in taken.iter().rev() {
            let Some(found) = self.threads.get_mut(caller) else {
                continue;
            };
            let call = &mut found.call;
            if suspects.contains(&call.token) {
                call.divert(|course| course.deaths += 1);
            }
            if call.course.deaths >= MOST_DEATHS {
                self.fail_call(self.scheduler.here, caller, Error::Io);
                continue;
            }
            call.stage = Stage::Queued;
            call.taken_by = None;
            call.divert(|course| course.redelivered = true);
            let Some(id) = call.endpoint else { continue };
            let Some(endpoint) = self.endpoints.get_mut(id) else {
                continue;
            };
            endpoint.queue.push_front(Delivery::Call(caller));
            self.change_signals(Object::Endpoint(id), Signals::NONE, Signals::READABLE);
        }
        self.serve_waiting_receivers(&taken);
    }

    /// Another instance may wait at the endpoint already: it receives anew.
    fn serve_waiting_receivers(&mut self, calls: &[(Token, ThreadId)]) {
        for &(_, caller) in calls {
            let endpoint = self
                .threads
                .get(caller)
                .and_then(|found| found.call.endpoint);
            let Some(endpoint) = endpoint.and_then(|id| self.endpoints.get_mut(id)) else {
                continue;
            };
            let Some(receiver) = endpoint.receivers.last().copied() else {
                continue;
            };
            if let Some(found) = self.threads.get_mut(receiver) {
                found.rewind();
            }
            self.wake(receiver);
        }
    }

    /// A caller goes away: its call leaves the queue, or its server is told.
    pub(crate) fn call_abandon(&mut self, caller: ThreadId) {
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        let call = &mut found.call;
        let (stage, endpoint, token) = (call.stage, call.endpoint, call.token);
        let told = call.course.cancelled;
        call.end();
        self.drop_call_handles(caller);
        match (stage, endpoint) {
            (Stage::Queued, Some(id)) => self.unqueue_call(caller, id),
            (Stage::Taken, Some(id)) if !told => {
                self.endpoint_post(id, Delivery::Cancelled(token.0));
            }
            _ => {}
        }
    }

    fn unqueue_call(&mut self, caller: ThreadId, id: EndpointId) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint
            .queue
            .retain(|&delivery| delivery != Delivery::Call(caller));
        if endpoint.queue.is_empty() {
            endpoint.signals.word = Signals::NONE;
        }
    }

    /// An upcall interrupts a caller. A queued call is taken back (`true`: the thread can be
    /// woken); a taken one is cancelled and goes on until its server answers.
    pub(crate) fn interrupt_call(&mut self, caller: ThreadId) -> bool {
        let Some(found) = self.threads.get_mut(caller) else {
            return false;
        };
        let call = &mut found.call;
        match (call.stage, call.endpoint) {
            (_, _) if call.course.purpose == Purpose::Exception => false,
            (Stage::Queued, Some(id)) => {
                call.end();
                self.drop_call_handles(caller);
                self.unqueue_call(caller, id);
                true
            }
            (Stage::Taken, Some(id)) if !call.course.cancelled => {
                call.divert(|course| course.cancelled = true);
                let token = call.token;
                self.endpoint_post(id, Delivery::Cancelled(token.0));
                false
            }
            _ => false,
        }
    }
}

/// Status word of a process that an upcall killed.
pub(crate) fn killed_status(upcall: u64) -> u64 {
    1 << 31 | (upcall + 1)
}
