//! What must hold after every step.

use super::Harness;
use crate::endpoint::Delivery;
use crate::object::{HandleEntry, Object};
use crate::pending_call::Stage;
use crate::signal::Observer;
use crate::thread::{State, Wait};
use kernel_abi::Rights;
use std::collections::BTreeMap;
use std::vec::Vec;

impl Harness {
    /// Checks everything.
    pub fn check(&self) {
        self.check_references();
        self.check_threads();
        self.check_calls();
    }

    /// Every entry that refers to an object: handles, messages, data, cursors.
    fn entries(&self) -> Vec<HandleEntry> {
        let kernel = &self.kernel;
        let mut entries = Vec::new();
        for (_, process) in kernel.processes.iter() {
            entries.extend(process.handles.iter().map(|(_, entry)| *entry));
        }
        for (_, thread) in kernel.threads.iter() {
            entries.extend(thread.call.handles.iter().copied());
        }
        entries.extend(
            kernel
                .sessions
                .iter()
                .filter_map(|(_, session)| session.data),
        );
        for (_, stream) in kernel.streams.iter() {
            entries.extend(stream.handles_under_way());
        }
        entries.extend(
            kernel
                .cursors
                .iter()
                .map(|(_, cursor)| cursor.memory_entry()),
        );
        entries
    }

    fn check_references(&self) {
        let kernel = &self.kernel;
        let mut counts: BTreeMap<Object, u32> = BTreeMap::new();
        let mut receivers: BTreeMap<Object, u32> = BTreeMap::new();
        for entry in self.entries() {
            *counts.entry(entry.object).or_default() += 1;
            if entry.rights.contains(Rights::RECEIVE) {
                *receivers.entry(entry.object).or_default() += 1;
            }
        }
        let expect = |object: Object, found: u32| {
            assert_eq!(
                counts.get(&object).copied().unwrap_or(0),
                found,
                "references of {object:?}"
            );
        };
        for (id, process) in kernel.processes.iter() {
            expect(Object::Process(id), process.references);
        }
        for (id, endpoint) in kernel.endpoints.iter() {
            let object = Object::Endpoint(id);
            expect(object, endpoint.references);
            let found = receivers.get(&object).copied().unwrap_or(0);
            assert_eq!(
                found, endpoint.receive_references,
                "receivers of {object:?}"
            );
        }
        for (id, session) in kernel.sessions.iter() {
            expect(Object::Session(id), session.references);
        }
        for (id, stream) in kernel.streams.iter() {
            expect(Object::Stream(id, 0), stream.ends[0].references);
            expect(Object::Stream(id, 1), stream.ends[1].references);
        }
        for (id, cursor) in kernel.cursors.iter() {
            expect(Object::Cursor(id), cursor.references);
        }
        for (id, event) in kernel.events.iter() {
            expect(Object::Event(id), event.references);
        }
        for (id, timer) in kernel.timers.iter() {
            expect(Object::Timer(id), timer.references);
        }
        for (id, set) in kernel.wait_sets.iter() {
            expect(Object::WaitSet(id), set.references);
        }
        assert!(kernel.dying.is_empty(), "objects are left half ended");
    }

    /// Every thread is in exactly the structure that its state names.
    fn check_threads(&self) {
        let kernel = &self.kernel;
        let mut ready = 0;
        let mut deadlines = kernel.timers_armed();
        for (id, thread) in kernel.threads.iter() {
            let queued = kernel.scheduler.queued_times(id);
            match thread.state {
                State::Ready(_) => {
                    assert_eq!(queued, 1, "a ready thread is in one queue");
                    ready += 1;
                }
                State::Running(cpu) => {
                    assert_eq!(queued, 0, "a running thread is in no queue");
                    assert_eq!(kernel.scheduler.current(cpu), Some(id));
                }
                State::Blocked | State::Parked => assert_eq!(queued, 0, "{:?}", thread.wait),
            }
            if thread.state != State::Blocked {
                assert_eq!(thread.wait, Wait::None, "{:?}", thread.state);
                assert!(thread.watching.is_empty());
                assert!(thread.deadline.is_none());
            }
            let owner = kernel.processes.get(thread.process).expect("a process");
            assert_eq!(thread.is_held(), owner.suspensions > 0);
            assert_eq!(thread.is_confined(), thread.affinity != u8::MAX);
            deadlines += usize::from(thread.deadline.is_some());
            self.check_wait(id);
        }
        assert_eq!(
            kernel.scheduler.queued(),
            ready,
            "queues hold the ready threads only"
        );
        assert_eq!(
            kernel.timer_queue.len(),
            deadlines,
            "deadlines belong to waits and timers"
        );
    }

    fn check_wait(&self, id: crate::kernel::ThreadId) {
        let kernel = &self.kernel;
        let thread = kernel.threads.get(id).expect("listed");
        let futexes = kernel.futexes.count_of(id);
        let receivers: usize = kernel
            .endpoints
            .iter()
            .map(|(_, endpoint)| {
                endpoint
                    .receivers
                    .iter()
                    .filter(|&&other| other == id)
                    .count()
            })
            .sum();
        let pages: usize = kernel
            .page_waits
            .values()
            .map(|w| w.iter().filter(|&&other| other == id).count())
            .sum();
        let expected = |yes: bool| usize::from(yes);
        assert_eq!(futexes, expected(matches!(thread.wait, Wait::Futex(_))));
        assert_eq!(receivers, expected(matches!(thread.wait, Wait::Receive(_))));
        assert_eq!(pages, expected(matches!(thread.wait, Wait::Page(..))));
        for &object in &thread.watching {
            let known = self.observers_of(object).contains(&Observer::Thread(id));
            assert!(known, "{object:?} does not know who watches it");
        }
    }

    fn observers_of(&self, object: Object) -> Vec<Observer> {
        let kernel = &self.kernel;
        let state = match object {
            Object::Process(id) => kernel.processes.get(id).map(|o| &o.signals),
            Object::Endpoint(id) => kernel.endpoints.get(id).map(|o| &o.signals),
            Object::Session(id) => kernel.sessions.get(id).map(|o| &o.signals),
            Object::Stream(id, end) => kernel
                .streams
                .get(id)
                .map(|o| &o.ends[usize::from(end)].signals),
            Object::Cursor(id) => kernel.cursors.get(id).map(|o| &o.signals),
            Object::Event(id) => kernel.events.get(id).map(|o| &o.signals),
            Object::Timer(id) => kernel.timers.get(id).map(|o| &o.signals),
            Object::Interrupt(id) => kernel.interrupts.get(id).map(|o| &o.signals),
            Object::WaitSet(id) => kernel.wait_sets.get(id).map(|o| &o.signals),
            Object::Memory(id) => kernel.memory_signals.get(&id),
            Object::Resource | Object::Ports(_) | Object::DmaDomain(_) | Object::Void(_) => None,
        };
        state.map_or(Vec::new(), |state| {
            state.observers.iter().map(|(o, _)| *o).collect()
        })
    }

    /// A queued call stands once in its endpoint's queue, a taken one in none.
    fn check_calls(&self) {
        let kernel = &self.kernel;
        let mut queued: BTreeMap<crate::kernel::ThreadId, usize> = BTreeMap::new();
        for (id, endpoint) in kernel.endpoints.iter() {
            for delivery in &endpoint.queue {
                let Delivery::Call(caller) = delivery else {
                    continue;
                };
                *queued.entry(*caller).or_default() += 1;
                let call = &kernel
                    .threads
                    .get(*caller)
                    .expect("a caller that is gone")
                    .call;
                assert_eq!(call.endpoint, Some(id));
            }
        }
        for (id, thread) in kernel.threads.iter() {
            let times = queued.get(&id).copied().unwrap_or(0);
            assert_eq!(times, usize::from(thread.call.stage == Stage::Queued));
            let pending = thread.call.stage != Stage::None;
            assert_eq!(
                pending,
                thread.wait == Wait::Reply,
                "{:?}",
                thread.call.stage
            );
            assert!(thread.call.is_consistent(), "{:?}", thread.call.course);
            if thread.call.stage == Stage::Taken {
                let server = thread.call.taken_by.expect("taken by someone");
                assert!(
                    kernel.processes.get(server).is_some(),
                    "taken by a process that is gone"
                );
            }
        }
    }
}
