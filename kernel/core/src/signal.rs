//! The word of signal bits of every object, and who waits for it.

use crate::kernel::{EndpointId, Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::MemoryId;
use crate::object::Object;
use crate::slab::Id;
use crate::void::VOID_SIGNALS;
use crate::wait_set::WaitSet;
use alloc::vec::Vec;
use kernel_abi::Signals;

/// Someone to be told when signals are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observer {
    /// A blocked thread: it is woken and executes its call again.
    Thread(ThreadId),
    /// An item of a wait set.
    WaitSet(Id<WaitSet>, u64),
    /// A binding: one message to the endpoint, then it is gone.
    Endpoint {
        endpoint: EndpointId,
        cookie: u64,
        process: ProcessId,
    },
}

/// An object's word and its observers.
#[derive(Debug, Default)]
pub(crate) struct SignalState {
    pub word: Signals,
    pub observers: Vec<(Observer, Signals)>,
}

impl SignalState {
    /// A word without observers.
    pub fn new(word: Signals) -> SignalState {
        SignalState {
            word,
            observers: Vec::new(),
        }
    }
}

/// What every wait is interested in, asked for or not.
pub(crate) const ALWAYS: Signals = Signals(Signals::PEER_CLOSED.0 | Signals::ERROR.0);

impl<M: Machine> Kernel<M> {
    /// The object's own signals.
    pub(crate) fn signals_mut(&mut self, object: Object) -> Option<&mut SignalState> {
        match object {
            Object::Process(id) => Some(&mut self.processes.get_mut(id)?.signals),
            Object::Endpoint(id) => Some(&mut self.endpoints.get_mut(id)?.signals),
            Object::Session(id) => Some(&mut self.sessions.get_mut(id)?.signals),
            Object::Stream(id, end) => self
                .streams
                .get_mut(id)?
                .ends
                .get_mut(usize::from(end))
                .map(|e| &mut e.signals),
            Object::Cursor(id) => Some(&mut self.cursors.get_mut(id)?.signals),
            Object::Event(id) => Some(&mut self.events.get_mut(id)?.signals),
            Object::Timer(id) => Some(&mut self.timers.get_mut(id)?.signals),
            Object::Interrupt(id) => Some(&mut self.interrupts.get_mut(id)?.signals),
            Object::WaitSet(id) => Some(&mut self.wait_sets.get_mut(id)?.signals),
            Object::Memory(id) => {
                let word = self.memory_word(id);
                let state = self.memory_signals.entry(id).or_default();
                state.word = word;
                Some(state)
            }
            Object::Resource | Object::Ports(_) | Object::DmaDomain(_) | Object::Void(_) => None,
        }
    }

    /// The signals that a waiter for the object sees: a session's own and its data object's.
    #[inline(always)]
    pub(crate) fn raised(&self, object: Object) -> Signals {
        // Streams are what programs wait for most.
        if let Object::Stream(id, end) = object {
            let found = self.streams.get(id);
            return found.map_or(Signals::NONE, |found| found.signals(end).word);
        }
        self.raised_together(object)
    }

    #[inline(never)]
    fn raised_together(&self, object: Object) -> Signals {
        let id = match object {
            Object::Session(id) => id,
            Object::WaitSet(id) => return self.wait_set_signals(id),
            _ => return self.word_of(object),
        };
        let Some(session) = self.sessions.get(id) else {
            return Signals::NONE;
        };
        let parts = [&session.data, &session.outlet].into_iter().flatten();
        parts.fold(session.signals.word, |word, part| {
            word.or(self.word_of(part.object))
        })
    }

    /// The object's own word.
    fn word_of(&self, object: Object) -> Signals {
        let state = match object {
            Object::Stream(id, end) => self.streams.get(id).map(|found| found.signals(end)),
            Object::Process(id) => self.processes.get(id).map(|found| &found.signals),
            Object::Endpoint(id) => self.endpoints.get(id).map(|found| &found.signals),
            Object::Session(id) => self.sessions.get(id).map(|found| &found.signals),
            Object::Cursor(id) => self.cursors.get(id).map(|found| &found.signals),
            Object::Event(id) => self.events.get(id).map(|found| &found.signals),
            Object::Timer(id) => self.timers.get(id).map(|found| &found.signals),
            Object::Interrupt(id) => self.interrupts.get(id).map(|found| &found.signals),
            Object::WaitSet(id) => self.wait_sets.get(id).map(|found| &found.signals),
            Object::Memory(id) => return self.memory_word(id),
            Object::Void(_) => return VOID_SIGNALS,
            Object::Resource | Object::Ports(_) | Object::DmaDomain(_) => None,
        };
        state.map_or(Signals::NONE, |state| state.word)
    }

    fn memory_word(&self, id: MemoryId) -> Signals {
        if self.memory.references(id) <= 1 {
            Signals::UNREFERENCED
        } else {
            Signals::NONE
        }
    }

    /// The data object that a session carries, and the stream end that it writes to.
    fn parts_of(&self, object: Object) -> [Option<Object>; 2] {
        let Object::Session(id) = object else {
            return [None; 2];
        };
        let session = self.sessions.get(id);
        session.map_or([None; 2], |session| {
            [session.data, session.outlet].map(|part| part.map(|part| part.object))
        })
    }

    /// The data object that a session carries.
    pub(crate) fn data_of(&self, object: Object) -> Option<Object> {
        let Object::Session(id) = object else {
            return None;
        };
        self.sessions.get(id)?.data.map(|data| data.object)
    }

    /// Clears and sets bits, then tells the observers of all bits in `set`, raised anew or not
    /// (an edge-triggered waiter hears of every arrival).
    pub(crate) fn change_signals(&mut self, object: Object, clear: Signals, set: Signals) {
        let Some(state) = self.signals_mut(object) else {
            return;
        };
        state.word = state.word.without(clear).or(set);
        if !set.is_empty() && !state.observers.is_empty() {
            self.notify(object, set);
        }
    }

    /// Tells observers that the bits are raised.
    pub(crate) fn notify(&mut self, object: Object, bits: Signals) {
        let Some(state) = self.signals_mut(object) else {
            return;
        };
        // Mostly there is one, and then no list has to be made.
        if let &[(observer, wanted)] = state.observers.as_slice() {
            let raised = wanted.and(bits);
            if !raised.is_empty() {
                self.tell(object, observer, raised);
            }
            return;
        }
        let matching: Vec<(Observer, Signals)> = state
            .observers
            .iter()
            .filter(|(_, wanted)| !wanted.and(bits).is_empty())
            .map(|&(observer, wanted)| (observer, wanted.and(bits)))
            .collect();
        for (observer, raised) in matching {
            self.tell(object, observer, raised);
        }
    }

    fn tell(&mut self, object: Object, observer: Observer, raised: Signals) {
        match observer {
            Observer::Thread(thread) => self.wake(thread),
            Observer::WaitSet(set, item) => self.wait_set_item_ready(set, item, raised),
            Observer::Endpoint {
                endpoint, cookie, ..
            } => {
                self.forget_observer(object, observer);
                self.endpoint_signal(endpoint, cookie, raised);
            }
        }
    }

    /// Adds an observer, also to what a session carries.
    pub(crate) fn observe(&mut self, object: Object, observer: Observer, wanted: Signals) {
        let [data, outlet] = self.parts_of(object);
        for target in [Some(object), data, outlet].into_iter().flatten() {
            if let Some(state) = self.signals_mut(target) {
                state.observers.push((observer, wanted));
            }
        }
    }

    /// Removes an observer, also from what a session carries.
    pub(crate) fn forget_observer(&mut self, object: Object, observer: Observer) {
        let [data, outlet] = self.parts_of(object);
        for target in [Some(object), data, outlet].into_iter().flatten() {
            if let Some(state) = self.signals_mut(target) {
                state.observers.retain(|&(other, _)| other != observer);
            }
            self.trim_memory_signals(target);
        }
    }

    /// The object ends: who waits for it is woken or loses the item.
    pub(crate) fn drop_observers(&mut self, object: Object) {
        let Some(state) = self.signals_mut(object) else {
            return;
        };
        for (observer, _) in core::mem::take(&mut state.observers) {
            match observer {
                Observer::Thread(thread) => self.wake(thread),
                Observer::WaitSet(set, item) => self.wait_set_forget(set, item),
                Observer::Endpoint { .. } => {}
            }
        }
        self.trim_memory_signals(object);
    }

    /// The side table holds only Memory objects that something observes.
    fn trim_memory_signals(&mut self, object: Object) {
        let Object::Memory(id) = object else { return };
        if self
            .memory_signals
            .get(&id)
            .is_some_and(|state| state.observers.is_empty())
        {
            self.memory_signals.remove(&id);
        }
    }
}
