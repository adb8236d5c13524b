//! What sockets need beyond streams: messages with handles, names and senders, and sessions that
//! read from one stream and write to another.

use crate::kernel::{Kernel, ProcessId, SessionId, ThreadId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use crate::stream::Opening;
use crate::stream_queue::{Direction, Message};
use crate::stream_transfer::Along;
use crate::system_call::Request;
use crate::thread::{Step, Stop};
use crate::user_memory::Fields;
use alloc::vec::Vec;
use core::mem::offset_of;
use kernel_abi::object::handle_flags;
use kernel_abi::socket::{
    MAX_MESSAGE_HANDLES, MAX_NAME, StreamMessage, message_flags, session_part, stream_flags,
    stream_property,
};
use kernel_abi::{Error, Handle, Rights};

const MESSAGE_SIZE: usize = size_of::<StreamMessage>();
/// How deep handles under way may carry handles under way.
const MOST_DEPTH: usize = 4;
/// How many of them are looked at before a send.
const MOST_VISITED: usize = 1024;
/// Flags that placed handles may have.
const PLACING: u64 = handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK | handle_flags::HIGH;

impl<M: Machine> Kernel<M> {
    /// StreamSend.
    pub(crate) fn stream_send(&mut self, request: &Request, stream: u64, address: u64) -> Step {
        let (thread, process) = (request.thread, request.process);
        let fields: Fields<MESSAGE_SIZE> = self.read_fields(thread, address)?;
        let target = fields.u32(offset_of!(StreamMessage, target));
        let flags = fields.u32(offset_of!(StreamMessage, flags));
        let own = self.lookup(process, stream, Rights::WRITE)?;
        let through = match Handle(target) {
            Handle::NONE => stream,
            Handle(target) => u64::from(target),
        };
        let mut opening = self.stream_opening(process, through, Rights::WRITE)?;
        if let Object::Session(session) = own.object {
            opening.session = Some(session);
            let status = self.status_mut(own.object).map_or(0, |status| *status);
            opening.nonblocking = status & kernel_abi::message::status_flags::NONBLOCK != 0;
        }
        self.check_socket(opening, flags)?;
        opening.nonblocking |= flags & message_flags::DO_NOT_WAIT != 0;
        let handles = self.handles_to_send(request, &fields, opening)?;
        let name = self.name_to_send(thread, own, &fields)?;
        let segments = self.read_segments(thread, fields.u64(0), fields.u64(8))?;
        let along = Along {
            handles: &handles,
            name: &name,
        };
        self.stream_write(thread, opening, &segments, along)
    }

    /// Only streams of sockets carry messages, unless the caller says that any will do.
    fn check_socket(&self, opening: Opening, flags: u32) -> Result<(), Error> {
        let stream = self.streams.get(opening.stream).ok_or(Error::BadHandle)?;
        if stream.has(stream_flags::SOCKET) || flags & message_flags::ANY_STREAM != 0 {
            Ok(())
        } else {
            Err(Error::WrongKind)
        }
    }

    /// The entries of the handles that a message names. They go with the first byte only,
    /// however often the call is executed again.
    fn handles_to_send(
        &mut self,
        request: &Request,
        fields: &Fields<MESSAGE_SIZE>,
        opening: Opening,
    ) -> Result<Vec<HandleEntry>, Stop> {
        let count = fields.u32(offset_of!(StreamMessage, handle_count));
        if count > MAX_MESSAGE_HANDLES {
            return Err(Error::BadArgument.into());
        }
        if count == 0 || self.progress(request.thread) > 0 {
            return Ok(Vec::new());
        }
        let address = fields.u64(offset_of!(StreamMessage, handles));
        let mut slots = alloc::vec![0; count as usize * 4];
        self.read_user(request.thread, address, &mut slots)?;
        let mut entries = Vec::with_capacity(count as usize);
        for slot in slots.chunks_exact(4) {
            let slot = slot.first_chunk().copied().map_or(0, u32::from_le_bytes);
            entries.push(self.lookup(request.process, u64::from(slot), Rights::TRANSFER)?);
        }
        self.check_under_way(request.process, opening, &entries)?;
        Ok(entries)
    }

    /// Refuses handles that would keep themselves alive, those that are nested too deeply, and
    /// more than the sender may have open.
    fn check_under_way(
        &self,
        process: ProcessId,
        opening: Opening,
        entries: &[HandleEntry],
    ) -> Result<(), Error> {
        let owner = self.processes.get(process).ok_or(Error::NoProcess)?;
        let stream = self.streams.get(opening.stream).ok_or(Error::BadHandle)?;
        if stream.has(stream_flags::CONNECTIONS) {
            return Ok(());
        }
        let under_way = self.under_way.get(&owner.label).copied().unwrap_or(0);
        if under_way + entries.len() as u64 > owner.handles.limit {
            return Err(Error::TooManyReferences);
        }
        let reader = Object::Stream(opening.stream, opening.end ^ 1);
        let mut visited = 0;
        let mut level: Vec<Object> = entries.iter().map(|entry| entry.object).collect();
        for _ in 0..=MOST_DEPTH {
            let ends: Vec<Object> = level
                .iter()
                .flat_map(|&object| self.parts(object))
                .collect();
            visited += ends.len();
            if ends.contains(&reader) || visited > MOST_VISITED {
                return Err(Error::TooManyReferences);
            }
            level = ends.iter().flat_map(|&end| self.carried(end)).collect();
            if level.is_empty() {
                return Ok(());
            }
        }
        Err(Error::TooManyReferences)
    }

    /// An object itself, or the stream ends of a session.
    fn parts(&self, object: Object) -> Vec<Object> {
        let Object::Session(id) = object else {
            return alloc::vec![object];
        };
        let session = self.sessions.get(id);
        let parts = session.map_or([None; 2], |session| [session.data, session.outlet]);
        parts
            .into_iter()
            .flatten()
            .map(|part| part.object)
            .collect()
    }

    /// The objects whose handles are under way to a stream's end.
    fn carried(&self, end: Object) -> Vec<Object> {
        let Object::Stream(id, end) = end else {
            return Vec::new();
        };
        let direction = self
            .streams
            .get(id)
            .and_then(|stream| stream.directions.get(usize::from(!end & 1)));
        direction.map_or(Vec::new(), |direction| {
            direction.handles().map(|entry| entry.object).collect()
        })
    }

    /// Handles went under way.
    pub(crate) fn handles_depart(&mut self, message: &Message) {
        if !message.handles.is_empty() {
            *self.under_way.entry(message.sender[0]).or_default() += message.handles.len() as u64;
        }
    }

    /// Handles are not under way any more.
    pub(crate) fn handles_arrived(&mut self, message: &Message) {
        if message.handles.is_empty() {
            return;
        }
        if let Some(count) = self.under_way.get_mut(&message.sender[0]) {
            *count = count.saturating_sub(message.handles.len() as u64);
            if *count == 0 {
                self.under_way.remove(&message.sender[0]);
            }
        }
    }

    /// What was under way is lost.
    pub(crate) fn forget_under_way(&mut self, direction: &Direction) {
        let attached = direction.attached.iter().map(|(_, message)| message);
        for message in direction.messages.iter().chain(attached) {
            self.handles_arrived(message);
        }
    }

    /// The name of the session that is sent through; who manages a stream itself gives it.
    fn name_to_send(
        &mut self,
        thread: ThreadId,
        own: HandleEntry,
        fields: &Fields<MESSAGE_SIZE>,
    ) -> Result<Vec<u8>, Stop> {
        if let Object::Session(session) = own.object {
            let session = self.sessions.get(session).ok_or(Error::BadHandle)?;
            return Ok(session.name.clone());
        }
        let length = fields.u32(offset_of!(StreamMessage, name_length)) as usize;
        if length == 0 || !own.rights.contains(Rights::MANAGE) {
            return Ok(Vec::new());
        }
        if length > MAX_NAME {
            return Err(Error::BadArgument.into());
        }
        let mut name = alloc::vec![0; length];
        let address = fields.u64(offset_of!(StreamMessage, name));
        self.read_user(thread, address, &mut name)?;
        Ok(name)
    }

    /// StreamReceive.
    pub(crate) fn stream_receive(&mut self, request: &Request, stream: u64, address: u64) -> Step {
        let (thread, process) = (request.thread, request.process);
        let entry = self.lookup(process, stream, Rights::READ)?;
        let mut opening = self.stream_opening(process, stream, Rights::READ)?;
        let mut fields: Fields<MESSAGE_SIZE> = self.read_fields(thread, address)?;
        let flags = fields.u32(offset_of!(StreamMessage, flags));
        self.check_socket(opening, flags)?;
        let found = self.streams.get(opening.stream).ok_or(Error::BadHandle)?;
        let most = found.step_bytes();
        let accepts = found.has(stream_flags::CONNECTIONS);
        if accepts != (flags & message_flags::ACCEPT != 0) {
            return Err(Error::BadArgument.into());
        }
        opening.nonblocking |= flags & message_flags::DO_NOT_WAIT != 0;
        let segments = self.read_segments(thread, fields.u64(0), fields.u64(8))?;
        let room = crate::stream::total(&segments)?.min(most) as usize;
        // Looked at first: the copy to user memory may have to wait for a page.
        let looked = self.stream_take(thread, opening, room, true, true)?;
        let status = self.status_mut(entry.object).map_or(0, |status| *status);
        let Some(looked) = looked else {
            fields.set_u32(offset_of!(StreamMessage, handle_count), 0);
            fields.set_u32(offset_of!(StreamMessage, name_length), 0);
            fields.set_u32(offset_of!(StreamMessage, status), status);
            self.write_user(thread, address, &fields.0)?;
            return Ok(0);
        };
        let message = &looked.message;
        self.scatter(thread, &segments, &message.bytes)?;
        self.write_name(thread, &mut fields, &message.name)?;
        fields.set_u32(offset_of!(StreamMessage, status), status);
        fields.set_u64(
            offset_of!(StreamMessage, truncated),
            looked.truncated as u64,
        );
        for (index, word) in message.sender.iter().enumerate() {
            fields.set_u64(offset_of!(StreamMessage, sender) + index * 8, *word);
        }
        let count = message.bytes.len();
        let most = self.handle_room(thread, &fields, message.handles.len())?;
        self.write_user(thread, address, &fields.0)?;
        let copies = flags & message_flags::PEEK != 0;
        let handles = match copies {
            true => looked.message.handles,
            false => {
                let room = if looked.truncated > 0 { room } else { count };
                let taken = self.stream_take(thread, opening, room, false, true)?;
                taken.map_or(Vec::new(), |taken| taken.message.handles)
            }
        };
        if !handles.is_empty() || fields.u32(offset_of!(StreamMessage, handle_count)) != 0 {
            self.receive_handles(request, address, &mut fields, handles, (most, copies))?;
        }
        Ok(count as u64)
    }

    fn write_name(
        &mut self,
        thread: ThreadId,
        fields: &mut Fields<MESSAGE_SIZE>,
        name: &[u8],
    ) -> Result<(), Stop> {
        let room = fields.u32(offset_of!(StreamMessage, name_length)) as usize;
        let part = name.get(..room.min(name.len())).unwrap_or(&[]);
        if !part.is_empty() {
            self.write_user(thread, fields.u64(offset_of!(StreamMessage, name)), part)?;
        }
        fields.set_u32(offset_of!(StreamMessage, name_length), name.len() as u32);
        Ok(())
    }

    /// How many of `count` handles are taken; the place for their slots is touched, so that
    /// writing them later cannot fail.
    fn handle_room(
        &mut self,
        thread: ThreadId,
        fields: &Fields<MESSAGE_SIZE>,
        count: usize,
    ) -> Result<usize, Stop> {
        let most = fields.u32(offset_of!(StreamMessage, handle_count)) as usize;
        let most = most.min(count);
        if most > 0 {
            let address = fields.u64(offset_of!(StreamMessage, handles));
            self.write_user(thread, address, &alloc::vec![0xff; most * 4])?;
        }
        Ok(most)
    }

    /// Places the handles of a message, at most `most`; the others are closed.
    fn receive_handles(
        &mut self,
        request: &Request,
        address: u64,
        fields: &mut Fields<MESSAGE_SIZE>,
        handles: Vec<HandleEntry>,
        (most, copies): (usize, bool),
    ) -> Result<(), Stop> {
        let placing = u64::from(fields.u32(offset_of!(StreamMessage, handle_flags))) & PLACING;
        let mut slots = Vec::with_capacity(most * 4);
        let count = handles.len();
        for entry in handles {
            if copies {
                self.retain(&entry);
            }
            if slots.len() == most * 4 {
                self.release(entry);
            } else if let Ok(slot) = self.place(request.process, entry, 0, placing) {
                slots.extend_from_slice(&slot.to_le_bytes());
            }
        }
        let placed = slots.len() / 4;
        if placed < count {
            let flags = fields.u32(offset_of!(StreamMessage, flags)) | message_flags::HANDLES_LOST;
            fields.set_u32(offset_of!(StreamMessage, flags), flags);
        }
        fields.set_u32(offset_of!(StreamMessage, handle_count), placed as u32);
        let place = fields.u64(offset_of!(StreamMessage, handles));
        for (address, bytes) in [(place, &slots[..]), (address, &fields.0[..])] {
            match self.write_user(request.thread, address, bytes) {
                // Both were written a moment ago: nothing can have taken them away.
                Ok(()) | Err(Stop::Page(..)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// SessionSet.
    pub(crate) fn session_set(&mut self, request: &Request) -> Step {
        let [endpoint, badge, part, value, length, _] = request.arguments;
        let endpoint = self.endpoint_of(request.process, endpoint, Rights::RECEIVE)?;
        let id = self.session_of(endpoint, badge)?;
        match part {
            session_part::NAME => {
                if length > MAX_NAME as u64 {
                    return Err(Error::BadArgument.into());
                }
                let mut name = alloc::vec![0; length as usize];
                self.read_user(request.thread, value, &mut name)?;
                if let Some(session) = self.sessions.get_mut(id) {
                    session.name = name;
                }
                Ok(0)
            }
            session_part::OUTLET => {
                let outlet = self.data_entry(request.process, value)?;
                self.replace_part(request.process, id, outlet, |session| &mut session.outlet);
                Ok(0)
            }
            _ => Err(Error::BadArgument.into()),
        }
    }

    /// SessionData.
    pub(crate) fn session_data(
        &mut self,
        process: ProcessId,
        endpoint: u64,
        badge: u64,
        part: u64,
    ) -> Step {
        let endpoint = self.endpoint_of(process, endpoint, Rights::RECEIVE)?;
        let id = self.session_of(endpoint, badge)?;
        let session = self.sessions.get(id).ok_or(Error::NotFound)?;
        let entry = match part {
            0 => session.data,
            _ => session.outlet,
        };
        let entry = entry.ok_or(Error::NotFound)?;
        let placed = self.place_copy(process, entry, 0, handle_flags::HIGH)?;
        Ok(u64::from(placed))
    }

    /// A timeout of a session's reads or writes.
    pub(crate) fn session_timeout(
        &mut self,
        process: ProcessId,
        handle: u64,
        property: u64,
        set: Option<u64>,
    ) -> Step {
        let Object::Session(id) = self.lookup(process, handle, Rights::NONE)?.object else {
            return Err(Error::WrongKind.into());
        };
        let session = self.sessions.get_mut(id).ok_or(Error::BadHandle)?;
        let index = usize::from(property == stream_property::SEND_TIMEOUT_NS);
        let place = &mut session.timeouts_ns[index];
        if let Some(value) = set {
            *place = value.min(i64::MAX as u64);
        }
        Ok(*place)
    }
}

impl crate::session::Session {
    /// The end that takes what is written: the outlet, or else the data object.
    pub fn writes_to(&self) -> Option<HandleEntry> {
        self.outlet.or(self.data)
    }
}

/// Names a part of a session.
pub(crate) type Part = fn(&mut crate::session::Session) -> &mut Option<HandleEntry>;

impl<M: Machine> Kernel<M> {
    /// Replaces a part of a session. Who waits for the session looks again.
    pub(crate) fn replace_part(
        &mut self,
        process: ProcessId,
        id: SessionId,
        part: Option<(u32, HandleEntry)>,
        place: Part,
    ) {
        let object = Object::Session(id);
        let observers = match self.sessions.get(id) {
            Some(session) => session.signals.observers.clone(),
            None => Vec::new(),
        };
        for &(observer, _) in &observers {
            self.forget_observer(object, observer);
        }
        let entry = part.map(|(slot, entry)| {
            if let Some(owner) = self.processes.get_mut(process) {
                owner.handles.take(slot);
            }
            entry
        });
        let found = self.sessions.get_mut(id);
        let previous = found.and_then(|session| core::mem::replace(place(session), entry));
        for (observer, wanted) in observers {
            self.observe(object, observer, wanted);
        }
        let raised = self.raised(object);
        self.notify(object, raised);
        if let Some(previous) = previous {
            self.release(previous);
        }
    }
}
