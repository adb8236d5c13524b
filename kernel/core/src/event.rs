//! Events: a word of signal bits that its holders raise and clear, a count, or the view of a set
//! of pending upcalls.

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId};
use crate::machine::Machine;
use crate::object::Object;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream::total;
use crate::system_call::Request;
use crate::thread::{Step, Stop};
use kernel_abi::message::status_flags;
use kernel_abi::wait::event_kind;
use kernel_abi::{Error, Rights, Signals};

/// The largest count of an event; a write that would exceed it waits.
const MOST_COUNT: u64 = u64::MAX - 1;

/// An event.
pub(crate) struct Event {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    kind: Kind,
}

/// What an event is of.
#[derive(Clone, Copy)]
enum Kind {
    /// Its signal word alone.
    Word,
    /// A count, of which a read takes all or one.
    Count { count: u64, one: bool },
    /// Upcalls pending in a process.
    Upcalls { process: ProcessId, set: u64 },
}

impl<M: Machine> Kernel<M> {
    /// EventCreate.
    pub(crate) fn event_create(&mut self, process: ProcessId, signals: u64) -> Step {
        let word = Signals(u32::try_from(signals).map_err(|_| Error::BadArgument)?);
        self.event_new(process, word, Kind::Word)
    }

    /// EventCreateCounter.
    pub(crate) fn event_create_counter(
        &mut self,
        process: ProcessId,
        kind: u64,
        value: u64,
    ) -> Step {
        let kind = match kind {
            event_kind::COUNTER | event_kind::SEMAPHORE if value <= MOST_COUNT => Kind::Count {
                count: value,
                one: kind == event_kind::SEMAPHORE,
            },
            event_kind::UPCALLS => Kind::Upcalls {
                process,
                set: value,
            },
            _ => return Err(Error::BadArgument.into()),
        };
        self.event_new(process, self.event_word(kind), kind)
    }

    fn event_new(&mut self, process: ProcessId, word: Signals, kind: Kind) -> Step {
        self.check_reserve()?;
        let id = self.events.insert(Event {
            references: 0,
            signals: SignalState::new(word),
            status: 0,
            kind,
        });
        if let Kind::Upcalls { .. } = kind {
            self.upcall_events.push(id);
        }
        Ok(self.place_new(process, Object::Event(id), Rights::ALL)?)
    }

    /// The signals of an event that is not a word.
    fn event_word(&self, kind: Kind) -> Signals {
        let (readable, writable) = match kind {
            Kind::Word => (false, false),
            Kind::Count { count, .. } => (count > 0, count < MOST_COUNT),
            Kind::Upcalls { process, set } => (self.pending_anywhere(process) & set != 0, false),
        };
        let bit = |holds, signal| if holds { signal } else { Signals::NONE };
        bit(readable, Signals::READABLE).or(bit(writable, Signals::WRITABLE))
    }

    /// Upcalls pending for a process or any of its threads.
    fn pending_anywhere(&self, process: ProcessId) -> u64 {
        let Some(owner) = self.processes.get(process) else {
            return 0;
        };
        let threads = owner.threads.iter();
        let pending =
            threads.filter_map(|&id| self.threads.get(id).map(|found| found.pending.set()));
        pending.fold(owner.pending.set(), |all, pending| all | pending)
    }

    fn event_refresh(&mut self, id: Id<Event>, activity: Signals) {
        let Some(event) = self.events.get(id) else {
            return;
        };
        let (before, word) = (event.signals.word, self.event_word(event.kind));
        let set = word.without(before).or(word.and(activity));
        self.change_signals(Object::Event(id), before.without(word), set);
    }

    /// What is pending in a process has changed.
    pub(crate) fn pending_changed(&mut self, process: ProcessId) {
        let of_process = |event: &Event| matches!(event.kind, Kind::Upcalls { process: other, .. } if other == process);
        let mut index = 0;
        while let Some(&id) = self.upcall_events.get(index) {
            index += 1;
            if self.events.get(id).is_some_and(of_process) {
                self.event_refresh(id, Signals::READABLE);
            }
        }
    }

    /// EventUpcalls.
    pub(crate) fn event_upcalls(&mut self, request: &Request) -> Step {
        let [handle, address, set, upcalls, ..] = request.arguments;
        let process = request.process;
        let Object::Event(id) = self.lookup(process, handle, Rights::NONE)?.object else {
            return Err(Error::WrongKind.into());
        };
        let event = self.events.get(id).ok_or(Error::BadHandle)?;
        let Kind::Upcalls { set: before, .. } = event.kind else {
            return Err(Error::WrongKind.into());
        };
        self.write_words(request.thread, address, &[before])?;
        if set != 0
            && let Some(event) = self.events.get_mut(id)
        {
            event.kind = Kind::Upcalls {
                process,
                set: upcalls,
            };
            self.event_refresh(id, Signals::NONE);
        }
        Ok(0)
    }

    /// Reads a word or a count (u64). Upcalls have no form here: they are taken.
    pub(crate) fn event_read(&mut self, id: Id<Event>, access: &Access<'_>) -> Step {
        let object = Object::Event(id);
        let event = self.events.get_mut(id).ok_or(Error::BadHandle)?;
        let (value, rest) = match event.kind {
            Kind::Word => (u64::from(event.signals.word.0), None),
            Kind::Count { count, one: true } => (count.min(1), Some(count.saturating_sub(1))),
            Kind::Count { count, one: false } => (count, Some(0)),
            Kind::Upcalls { .. } => return Err(Error::WrongKind.into()),
        };
        if total(access.segments)? < 8 {
            return Err(Error::BadArgument.into());
        }
        if value == 0 {
            // A count is always writable: that is nothing to wait for.
            let wanted = Signals::ALL.without(Signals::WRITABLE);
            return Err(self.event_wait(access, object, wanted));
        }
        self.scatter(access.thread, access.segments, &value.to_le_bytes())?;
        if let Some(event) = self.events.get_mut(id)
            && let Kind::Count { count, .. } = &mut event.kind
            && let Some(rest) = rest
        {
            *count = rest;
            self.event_refresh(id, Signals::WRITABLE);
        }
        Ok(8)
    }

    /// Adds to a count.
    pub(crate) fn event_write(&mut self, id: Id<Event>, access: &Access<'_>) -> Step {
        let event = self.events.get(id).ok_or(Error::BadHandle)?;
        let Kind::Count { count, one } = event.kind else {
            return Err(Error::WrongKind.into());
        };
        if total(access.segments)? < 8 {
            return Err(Error::BadArgument.into());
        }
        let bytes = self.gather(access.thread, access.segments, 0, 8)?;
        let value = bytes.first_chunk().copied().map_or(0, u64::from_le_bytes);
        if value > MOST_COUNT {
            return Err(Error::BadArgument.into());
        }
        match count.checked_add(value).filter(|&sum| sum <= MOST_COUNT) {
            Some(count) => {
                if let Some(event) = self.events.get_mut(id) {
                    event.kind = Kind::Count { count, one };
                }
                self.event_refresh(id, Signals::READABLE);
                Ok(8)
            }
            // A read makes room, and raises the signal anew.
            None => Err(self.event_wait(access, Object::Event(id), Signals::WRITABLE)),
        }
    }

    fn event_wait(&mut self, access: &Access<'_>, object: Object, wanted: Signals) -> Stop {
        if access.status & status_flags::NONBLOCK != 0 {
            return Error::WouldBlock.into();
        }
        self.wait_signals(access.thread, object, wanted, true)
    }

    /// The last handle is closed.
    pub(crate) fn event_remove(&mut self, id: Id<Event>) {
        self.events.remove(id);
        self.upcall_events.retain(|&other| other != id);
    }

    /// EventSignal.
    pub(crate) fn event_signal(
        &mut self,
        process: ProcessId,
        handle: u64,
        clear: u64,
        set: u64,
    ) -> Step {
        let object = self.lookup(process, handle, Rights::WRITE)?.object;
        let Object::Event(id) = object else {
            return Err(Error::WrongKind.into());
        };
        let kind = self.events.get(id).map(|event| event.kind);
        if !matches!(kind, Some(Kind::Word)) {
            return Err(Error::WrongKind.into());
        }
        let clear = Signals(u32::try_from(clear).map_err(|_| Error::BadArgument)?);
        let set = Signals(u32::try_from(set).map_err(|_| Error::BadArgument)?);
        self.change_signals(object, clear, set);
        Ok(0)
    }
}
