//! What a handle leads to, and how long it lives.

use crate::cursor::Cursor;
use crate::device::{DmaDomain, Ports};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::interrupt::Interrupt;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::MemoryId;
use crate::process::Process;
use crate::session::Session;
use crate::slab::Id;
use crate::stream::Stream;
use crate::timer::Timer;
use crate::void::Void;
use crate::wait_set::WaitSet;
use kernel_abi::{Error, ObjectKind, Rights};

/// A typed reference to an object. Ids are weak: an object lives as long as handles (or messages
/// under way) count as its references, and a stale id finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    Process(Id<Process>),
    Memory(MemoryId),
    Endpoint(Id<Endpoint>),
    Session(Id<Session>),
    /// A stream and which of its two ends.
    Stream(Id<Stream>, u8),
    Cursor(Id<Cursor>),
    Event(Id<Event>),
    Timer(Id<Timer>),
    Interrupt(Id<Interrupt>),
    WaitSet(Id<WaitSet>),
    Resource,
    Ports(Id<Ports>),
    DmaDomain(Id<DmaDomain>),
    Void(Void),
}

impl Object {
    /// The kind, as user code sees it.
    pub fn kind(self) -> ObjectKind {
        match self {
            Object::Process(_) => ObjectKind::Process,
            Object::Memory(_) => ObjectKind::Memory,
            Object::Endpoint(_) => ObjectKind::Endpoint,
            Object::Session(_) => ObjectKind::Session,
            Object::Stream(..) => ObjectKind::Stream,
            Object::Cursor(_) => ObjectKind::Cursor,
            Object::Event(_) => ObjectKind::Event,
            Object::Timer(_) => ObjectKind::Timer,
            Object::Interrupt(_) => ObjectKind::Interrupt,
            Object::WaitSet(_) => ObjectKind::WaitSet,
            Object::Resource => ObjectKind::Resource,
            Object::Ports(_) => ObjectKind::Ports,
            Object::DmaDomain(_) => ObjectKind::DmaDomain,
            Object::Void(_) => ObjectKind::Void,
        }
    }

    /// A number that no other living object has: kind, generation, stream end
    /// (`kernel_abi::object::stream_number`) and slot.
    pub fn number(self) -> u64 {
        let (index, generation, end) = match self {
            Object::Process(id) => (id.index(), id.generation(), 0),
            Object::Memory(id) => (id.index(), id.generation(), 0),
            Object::Endpoint(id) => (id.index(), id.generation(), 0),
            Object::Session(id) => (id.index(), id.generation(), 0),
            Object::Stream(id, end) => (id.index(), id.generation(), u64::from(end)),
            Object::Cursor(id) => (id.index(), id.generation(), 0),
            Object::Event(id) => (id.index(), id.generation(), 0),
            Object::Timer(id) => (id.index(), id.generation(), 0),
            Object::Interrupt(id) => (id.index(), id.generation(), 0),
            Object::WaitSet(id) => (id.index(), id.generation(), 0),
            Object::Resource => (0, 0, 0),
            Object::Ports(id) => (id.index(), id.generation(), 0),
            Object::DmaDomain(id) => (id.index(), id.generation(), 0),
            Object::Void(void) => (void as u32, 0, 0),
        };
        ((self.kind() as u64) << 58)
            | (end << 57)
            | ((u64::from(generation) & 0x1ff_ffff) << 32)
            | u64::from(index)
    }
}

/// A handle: an object, what may be done with it, and `handle_flags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandleEntry {
    pub object: Object,
    pub rights: Rights,
    pub flags: u32,
}

impl HandleEntry {
    /// An entry without flags.
    pub const fn new(object: Object, rights: Rights) -> HandleEntry {
        HandleEntry {
            object,
            rights,
            flags: 0,
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// The counter of an object's references, for those that have one here.
    fn references_mut(&mut self, object: Object) -> Option<&mut u32> {
        match object {
            Object::Process(id) => Some(&mut self.processes.get_mut(id)?.references),
            Object::Endpoint(id) => Some(&mut self.endpoints.get_mut(id)?.references),
            Object::Session(id) => Some(&mut self.sessions.get_mut(id)?.references),
            Object::Stream(id, end) => self
                .streams
                .get_mut(id)?
                .ends
                .get_mut(usize::from(end))
                .map(|e| &mut e.references),
            Object::Cursor(id) => Some(&mut self.cursors.get_mut(id)?.references),
            Object::Event(id) => Some(&mut self.events.get_mut(id)?.references),
            Object::Timer(id) => Some(&mut self.timers.get_mut(id)?.references),
            Object::Interrupt(id) => Some(&mut self.interrupts.get_mut(id)?.references),
            Object::WaitSet(id) => Some(&mut self.wait_sets.get_mut(id)?.references),
            Object::Ports(id) => Some(&mut self.ports.get_mut(id)?.references),
            Object::DmaDomain(id) => Some(&mut self.dma_domains.get_mut(id)?.references),
            Object::Memory(_) | Object::Resource | Object::Void(_) => None,
        }
    }

    /// Counts one more reference from a handle or a message.
    pub(crate) fn retain(&mut self, entry: &HandleEntry) {
        if let Object::Memory(id) = entry.object {
            self.memory.reference(id);
        } else if let Some(count) = self.references_mut(entry.object) {
            // Every reference is a live entry of a table or message, which take more memory than
            // a count of 2^32 could stand for.
            *count = count.saturating_add(1);
        }
        if entry.rights.contains(Rights::RECEIVE) {
            self.endpoint_receivers_changed(entry.object, 1);
        }
    }

    /// Counts one reference less; the last one ends the object.
    pub(crate) fn release(&mut self, entry: HandleEntry) {
        if entry.rights.contains(Rights::RECEIVE) {
            self.endpoint_receivers_changed(entry.object, -1);
        }
        if let Object::Memory(id) = entry.object {
            self.memory.release(&mut self.machine, id);
            self.settle_memory();
            return;
        }
        let Some(count) = self.references_mut(entry.object) else {
            return;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.bury(entry.object);
        }
    }

    /// Ends objects one after the other rather than by recursion: a stream that carries a stream
    /// that carries a stream must not use up the kernel's stack.
    fn bury(&mut self, object: Object) {
        self.dying.push(object);
        if self.burying {
            return;
        }
        self.burying = true;
        while let Some(object) = self.dying.pop() {
            self.tear_down(object);
        }
        self.burying = false;
    }

    fn tear_down(&mut self, object: Object) {
        if !matches!(object, Object::Process(_)) {
            self.drop_observers(object);
        }
        match object {
            Object::Process(id) => self.process_unreferenced(id),
            Object::Endpoint(id) => self.endpoint_remove(id),
            Object::Session(id) => self.session_remove(id),
            Object::Stream(id, end) => self.stream_end_closed(id, end),
            Object::Cursor(id) => self.cursor_remove(id),
            Object::Event(id) => self.event_remove(id),
            Object::Timer(id) => self.timer_remove(id),
            Object::Interrupt(id) => self.interrupt_remove(id),
            Object::WaitSet(id) => self.wait_set_remove(id),
            Object::Ports(id) => drop(self.ports.remove(id)),
            Object::DmaDomain(id) => self.dma_domain_remove(id),
            Object::Memory(_) | Object::Resource | Object::Void(_) => {}
        }
    }

    /// Fails unless the machine has a reserve of frames, so that what a step allocates cannot
    /// fail in its middle. Programs leave more than servers do: what they fill with objects and
    /// with bytes under way must not take the pages that all others need to go on.
    #[inline]
    pub(crate) fn check_reserve(&self) -> Result<(), Error> {
        let free = self.machine.free_frames();
        match free > RESERVE_FRAMES + self.machine.total_frames() / PROGRAMS_LEAVE {
            true => Ok(()),
            false => self.check_last_frames(free),
        }
    }

    #[cold]
    fn check_last_frames(&self, free: usize) -> Result<(), Error> {
        let current = self.scheduler.current(self.scheduler.here);
        let process = current.and_then(|thread| self.process_of(thread).ok());
        let process = process.and_then(|id| self.processes.get(id));
        // Only the process server gives labels.
        let is_program = process.is_some_and(|process| process.label != 0);
        match free > RESERVE_FRAMES && !is_program {
            true => Ok(()),
            false => Err(Error::NoMemory),
        }
    }
}

/// Enough for the largest step's tables and heap.
const RESERVE_FRAMES: usize = 256;
/// Programs leave one part in this many of the memory beside that.
const PROGRAMS_LEAVE: usize = 32;
