//! Endpoints: where a server receives calls, closed sessions and signals.

use crate::kernel::{EndpointId, Kernel, ProcessId, SessionId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::signal::{ALWAYS, Observer, SignalState};
use crate::thread::{Step, Stop, Wait};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use kernel_abi::message::kind;
use kernel_abi::process::Registers;
use kernel_abi::{Error, Rights, Signals};

/// An endpoint.
pub struct Endpoint {
    pub(crate) references: u32,
    /// Handles with the RECEIVE right. Without any, calls have nowhere to go.
    pub(crate) receive_references: u32,
    pub(crate) signals: SignalState,
    pub(crate) queue: VecDeque<Delivery>,
    /// Threads blocked in a receive.
    pub(crate) receivers: Vec<ThreadId>,
    /// Sessions by badge.
    pub(crate) sessions: BTreeMap<u64, SessionId>,
    /// What is bound, with its cookie, and by whom.
    pub(crate) bindings: Vec<(Object, u64, ProcessId)>,
    /// Who received last: inherits the priority of queued calls.
    pub(crate) last_receiver: Option<ThreadId>,
}

/// Something queued at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The call of this thread.
    Call(ThreadId),
    /// The session with this badge is closed.
    Closed(u64),
    /// The caller of this token was interrupted or is gone.
    Cancelled(u64),
    /// A bound object raised signals.
    Signal { cookie: u64, raised: Signals },
    /// A page is missing.
    Page {
        key: u64,
        offset: u64,
        length: u64,
        write: bool,
    },
}

impl<M: Machine> Kernel<M> {
    /// EndpointCreate.
    pub(crate) fn endpoint_create(&mut self, process: ProcessId) -> Step {
        self.check_reserve()?;
        let id = self.endpoints.insert(Endpoint {
            references: 0,
            receive_references: 0,
            signals: SignalState::default(),
            queue: VecDeque::new(),
            receivers: Vec::new(),
            sessions: BTreeMap::new(),
            bindings: Vec::new(),
            last_receiver: None,
        });
        Ok(self.place_new(process, Object::Endpoint(id), Rights::ALL)?)
    }

    /// The endpoint behind a handle.
    #[inline]
    pub(crate) fn endpoint_of(
        &self,
        process: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<EndpointId, Error> {
        match self.lookup(process, handle, rights)?.object {
            Object::Endpoint(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    /// Takes the next message, or blocks until there is one.
    pub(crate) fn receive(&mut self, cpu: Cpu, thread: ThreadId, id: EndpointId) -> Step {
        loop {
            let endpoint = self.endpoints.get_mut(id).ok_or(Error::BadHandle)?;
            endpoint.last_receiver = Some(thread);
            let Some((place, delivery)) = self.most_urgent(id) else {
                let endpoint = self.endpoints.get_mut(id).ok_or(Error::BadHandle)?;
                endpoint.receivers.push(thread);
                if let Some(found) = self.threads.get_mut(thread) {
                    found.restartable = true;
                }
                self.block(thread, Wait::Receive(id), false);
                return Err(Stop::Blocked);
            };
            let delivered = match delivery {
                Delivery::Call(caller) => self.take_call(cpu, caller, thread, id)?,
                other => self.deliver_event(thread, other),
            };
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.queue.remove(place);
                if endpoint.queue.is_empty() {
                    endpoint.signals.word = Signals::NONE;
                }
            }
            if delivered {
                return Err(Stop::Done);
            }
        }
    }

    /// What to deliver next, and its place in the queue: the first of those with the highest
    /// priority, all that is not the call of a real-time thread being equal.
    fn most_urgent(&self, id: EndpointId) -> Option<(usize, Delivery)> {
        let queue = &self.endpoints.get(id)?.queue;
        let mut best = (0, *queue.front()?);
        if queue.len() == 1 {
            return Some(best);
        }
        let mut highest = 0;
        for (place, &delivery) in queue.iter().enumerate() {
            let Delivery::Call(caller) = delivery else {
                continue;
            };
            let rank = self
                .threads
                .get(caller)
                .map_or(0, |found| found.effective.rank());
            if rank > highest {
                highest = rank;
                best = (place, delivery);
            }
        }
        Some(best)
    }

    /// Writes an event without a caller into the receiver's registers.
    fn deliver_event(&mut self, receiver: ThreadId, delivery: Delivery) -> bool {
        let Some(registers) = self.registers(receiver) else {
            return false;
        };
        clear_message(registers);
        match delivery {
            Delivery::Call(_) => return false,
            Delivery::Closed(badge) => {
                registers.rax = kind::SESSION_CLOSED;
                registers.r13 = badge;
            }
            Delivery::Cancelled(token) => {
                registers.rax = kind::CANCELLED;
                registers.rdi = token;
            }
            Delivery::Signal { cookie, raised } => {
                registers.rax = kind::SIGNAL;
                registers.rsi = cookie;
                registers.rdx = u64::from(raised.0);
            }
            Delivery::Page {
                key,
                offset,
                length,
                write,
            } => {
                registers.rax = kind::PAGE_REQUEST;
                registers.r13 = key;
                registers.rsi = offset;
                registers.rdx = length;
                registers.r10 = u64::from(write);
            }
        }
        true
    }

    /// Delivers an event to a waiting receiver, or queues it.
    pub(crate) fn endpoint_post(&mut self, id: EndpointId, delivery: Delivery) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if endpoint.receive_references == 0 {
            return;
        }
        if let Some(receiver) = endpoint.receivers.pop() {
            self.deliver_event(receiver, delivery);
            self.wake(receiver);
            return;
        }
        endpoint.queue.push_back(delivery);
        self.change_signals(Object::Endpoint(id), Signals::NONE, Signals::READABLE);
    }

    /// A bound object raised signals.
    pub(crate) fn endpoint_signal(&mut self, id: EndpointId, cookie: u64, raised: Signals) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.bindings.retain(|&(_, other, _)| other != cookie);
        }
        self.endpoint_post(id, Delivery::Signal { cookie, raised });
    }

    /// EndpointBind.
    pub(crate) fn endpoint_bind(
        &mut self,
        process: ProcessId,
        handle: u64,
        object: u64,
        signals: u64,
        cookie: u64,
    ) -> Step {
        let id = self.endpoint_of(process, handle, Rights::RECEIVE)?;
        let signals = Signals(u32::try_from(signals).map_err(|_| Error::BadArgument)?);
        // A binding that is taken away may outlive its object's handle.
        let object = match signals.is_empty() {
            true => None,
            false => Some(self.lookup(process, object, Rights::WAIT)?.object),
        };
        self.check_reserve()?;
        self.endpoint_unbind(id, |other, _| other == cookie);
        let Some(object) = object else { return Ok(0) };
        if self.signals_mut(object).is_none() {
            return Err(Error::WrongKind.into());
        }
        let wanted = signals.or(ALWAYS);
        let raised = self.raised(object).and(wanted);
        if !raised.is_empty() {
            self.endpoint_post(id, Delivery::Signal { cookie, raised });
            return Ok(0);
        }
        self.observe(
            object,
            Observer::Endpoint {
                endpoint: id,
                cookie,
                process,
            },
            wanted,
        );
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.bindings.push((object, cookie, process));
        }
        Ok(0)
    }

    fn endpoint_unbind(&mut self, id: EndpointId, which: impl Fn(u64, ProcessId) -> bool) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let ended: Vec<(Object, u64, ProcessId)> = endpoint
            .bindings
            .extract_if(.., |&mut (_, cookie, by)| which(cookie, by))
            .collect();
        for (object, cookie, process) in ended {
            self.forget_observer(
                object,
                Observer::Endpoint {
                    endpoint: id,
                    cookie,
                    process,
                },
            );
        }
    }

    /// Ends the bindings that a process made.
    pub(crate) fn endpoint_unbind_process(&mut self, process: ProcessId) {
        let bound = |endpoint: &Endpoint| endpoint.bindings.iter().any(|b| b.2 == process);
        let found: Vec<EndpointId> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| bound(endpoint))
            .map(|(id, _)| id)
            .collect();
        for id in found {
            self.endpoint_unbind(id, |_, by| by == process);
        }
    }

    /// A handle with the RECEIVE right came or went; without any, all calls fail.
    pub(crate) fn endpoint_receivers_changed(&mut self, object: Object, change: i32) {
        let Object::Endpoint(id) = object else { return };
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint.receive_references = endpoint.receive_references.saturating_add_signed(change);
        if endpoint.receive_references != 0 {
            return;
        }
        let sessions: Vec<SessionId> = endpoint.sessions.values().copied().collect();
        endpoint.queue.clear();
        let receivers: Vec<ThreadId> = endpoint.receivers.to_vec();
        for receiver in receivers {
            self.wake_with(receiver, Err(Error::BadHandle));
        }
        self.fail_calls_of(id, Error::PeerClosed);
        for session in sessions {
            self.change_signals(
                Object::Session(session),
                Signals::NONE,
                Signals::PEER_CLOSED,
            );
        }
    }

    /// The last handle is closed.
    pub(crate) fn endpoint_remove(&mut self, id: EndpointId) {
        self.endpoint_unbind(id, |_, _| true);
        self.endpoints.remove(id);
    }
}

/// Clears the registers in which a message arrives, so that nothing of the last one shows.
pub(crate) fn clear_message(registers: &mut Registers) {
    registers.rdi = 0;
    registers.rsi = 0;
    registers.rdx = 0;
    registers.r10 = 0;
    registers.r8 = 0;
    registers.r9 = 0;
    registers.r12 = 0;
    registers.r13 = 0;
    registers.r14 = 0;
    registers.r15 = 0;
}
