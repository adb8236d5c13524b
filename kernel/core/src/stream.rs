//! Streams: a bounded queue between two ends, of bytes or of messages, that can carry handles.

use crate::bytes::{gather_pieces, scatter_pieces};
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream_queue::{Direction, MESSAGE_COST, Message, Taken};
use crate::thread::{Step, Stop};
use crate::user_memory::STEP_BYTES;
use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use kernel_abi::wait::{shut_down, stream_flags};
use kernel_abi::{Error, Rights, Signals};

/// Writes up to this size are not interleaved with others (`PIPE_BUF`).
const ATOMIC_BYTES: usize = 4096;
/// Largest capacity.
const MOST_CAPACITY: u64 = 1 << 20;
/// A stream with its two ends.
#[derive(Default)]
pub(crate) struct Stream {
    pub ends: [End; 2],
    /// `directions[e]` is written by end e and read by the other one.
    pub directions: [Direction; 2],
    capacity: usize,
    flags: u64,
}

/// One end.
#[derive(Default)]
pub(crate) struct End {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    closed: bool,
}

impl Stream {
    fn is_messages(&self) -> bool {
        self.flags & stream_flags::MESSAGES != 0
    }

    fn direction(&mut self, writer: u8) -> &mut Direction {
        &mut self.directions[usize::from(writer & 1)]
    }

    fn end(&self, end: u8) -> &End {
        &self.ends[usize::from(end & 1)]
    }

    /// An end's signals and who waits for them.
    #[inline]
    pub fn signals(&self, end: u8) -> &SignalState {
        &self.end(end).signals
    }

    /// The signals of an end, from its state.
    fn word(&self, end: u8) -> Signals {
        let inbound = &self.directions[usize::from(!end & 1)];
        let outbound = &self.directions[usize::from(end & 1)];
        let peer_closed = self.end(end ^ 1).closed;
        let one_way = self.flags & stream_flags::ONE_WAY != 0;
        let (reads, writes) = (!one_way || end == 0, !one_way || end == 1);
        let free = self.capacity.saturating_sub(outbound.used());
        let mut word = Signals::NONE;
        let mut raise = |holds: bool, signal: Signals| {
            if holds {
                word = word.or(signal);
            }
        };
        let ended = inbound.shut || peer_closed;
        raise(reads && (ended || !inbound.is_empty()), Signals::READABLE);
        let flows = free >= ATOMIC_BYTES.min(self.capacity);
        raise(
            writes && (flows || peer_closed || outbound.shut),
            Signals::WRITABLE,
        );
        raise(peer_closed, Signals::PEER_CLOSED);
        raise(reads && ended, Signals::PEER_SHUTDOWN);
        raise(one_way && end == 1 && peer_closed, Signals::ERROR);
        word
    }
}

/// What a write meets.
enum Admission {
    /// Nobody will read it.
    Closed,
    /// A message larger than the stream.
    Never,
    /// Not now.
    Full,
    /// Free bytes.
    Room(usize),
}

impl Stream {
    /// Whether a write of `length` bytes at an end finds the room that it must have.
    fn admission(&mut self, end: u8, length: usize) -> Admission {
        let peer_closed = self.end(end ^ 1).closed;
        let (messages, capacity) = (self.is_messages(), self.capacity);
        let outbound = self.direction(end);
        if peer_closed || outbound.shut {
            return Admission::Closed;
        }
        let free = capacity.saturating_sub(outbound.used());
        let needed = match messages {
            true if length > capacity => return Admission::Never,
            true => length.saturating_add(MESSAGE_COST).min(capacity),
            false if length <= ATOMIC_BYTES => length.min(capacity),
            false => 1,
        };
        if free < needed {
            Admission::Full
        } else {
            Admission::Room(free)
        }
    }
}

/// A stream end and how it is used.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    pub stream: Id<Stream>,
    pub end: u8,
    pub nonblocking: bool,
}

impl<M: Machine> Kernel<M> {
    /// Makes a stream without handles.
    pub(crate) fn stream_new(&mut self, flags: u64, capacity: u64) -> Result<Id<Stream>, Error> {
        self.check_reserve()?;
        let known = stream_flags::ONE_WAY | stream_flags::MESSAGES;
        if flags & !known != 0 || capacity == 0 || capacity > MOST_CAPACITY {
            return Err(Error::BadArgument);
        }
        let mut stream = Stream {
            capacity: capacity as usize,
            flags,
            ..Stream::default()
        };
        if flags & stream_flags::ONE_WAY != 0 {
            stream.direction(0).shut = true;
        }
        let words = [stream.word(0), stream.word(1)];
        for (end, word) in stream.ends.iter_mut().zip(words) {
            end.signals = SignalState::new(word);
        }
        Ok(self.streams.insert(stream))
    }

    /// The stream end behind a handle: itself, or a session's data.
    pub(crate) fn stream_opening(
        &mut self,
        process: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<Opening, Error> {
        let entry = self.lookup(process, handle, rights)?;
        let data = self.data_of(entry.object).unwrap_or(entry.object);
        let Object::Stream(stream, end) = data else {
            return Err(Error::WrongKind);
        };
        let status = self.status_mut(entry.object).map_or(0, |status| *status);
        Ok(Opening {
            stream,
            end,
            nonblocking: status & status_flags::NONBLOCK != 0,
        })
    }

    /// Recomputes both ends' signals. `activity` are the bits to be told even if raised before.
    fn stream_refresh(&mut self, id: Id<Stream>, activity: [Signals; 2]) {
        for (end, activity) in [0u8, 1].into_iter().zip(activity) {
            let Some(stream) = self.streams.get_mut(id) else {
                return;
            };
            let word = stream.word(end);
            let state = &mut stream.ends[usize::from(end)].signals;
            let told = word.without(state.word).or(word.and(activity));
            state.word = word;
            if !told.is_empty() && !state.observers.is_empty() {
                self.notify(Object::Stream(id, end), told);
            }
        }
    }

    /// Reads from a stream into memory segments.
    pub(crate) fn stream_read(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        segments: &[(u64, u64)],
    ) -> Step {
        let room = total(segments)?.min(STEP_BYTES as u64) as usize;
        if self.stream_arrival(thread, opening)?.is_none() {
            return Ok(0);
        }
        // Copied out first, taken out of the queue only when that has succeeded.
        let space = self.thread_space(thread)?;
        let stream = self.streams.get_mut(opening.stream);
        let inbound = stream.ok_or(Error::BadHandle)?.direction(opening.end ^ 1);
        let pieces = inbound.front(room);
        let count = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let user = (&mut self.memory, &mut self.machine, space);
        let copied = scatter_pieces(user, segments, pieces);
        if copied.is_ok() {
            let handles = inbound.consume(room);
            self.stream_taken(opening);
            for entry in handles {
                self.release(entry);
            }
        }
        self.settle_memory();
        copied?;
        Ok(count as u64)
    }

    /// The queue to read from when something is in it; `None` at the end of the stream.
    fn stream_arrival(
        &mut self,
        thread: ThreadId,
        opening: Opening,
    ) -> Result<Option<&mut Direction>, Stop> {
        let stream = self.streams.get_mut(opening.stream);
        let stream = stream.ok_or(Error::BadHandle)?;
        let peer_closed = stream.end(opening.end ^ 1).closed;
        let inbound = stream.direction(opening.end ^ 1);
        if inbound.is_empty() {
            if peer_closed || inbound.shut {
                return Ok(None);
            }
            if opening.nonblocking {
                return Err(Error::WouldBlock.into());
            }
            let object = Object::Stream(opening.stream, opening.end);
            let wanted = Signals::READABLE.or(Signals::PEER_CLOSED);
            return Err(self.wait_signals(thread, object, wanted, true));
        }
        let stream = self.streams.get_mut(opening.stream);
        Ok(stream.map(|stream| stream.direction(opening.end ^ 1)))
    }

    /// The other end hears that something was taken.
    fn stream_taken(&mut self, opening: Opening) {
        let mut activity = [Signals::NONE; 2];
        activity[usize::from(!opening.end & 1)] = Signals::WRITABLE;
        self.stream_refresh(opening.stream, activity);
    }

    /// Takes (or looks at) what is queued; `None` at the end of the stream.
    pub(crate) fn stream_take(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        room: usize,
        peek: bool,
    ) -> Result<Option<Taken>, Stop> {
        let Some(inbound) = self.stream_arrival(thread, opening)? else {
            return Ok(None);
        };
        let taken = match inbound.messages.is_empty() {
            false => inbound.take_message(room, peek),
            true => inbound.take_bytes(room, peek),
        };
        if !peek {
            self.stream_taken(opening);
        }
        Ok(Some(taken))
    }

    /// Writes memory segments to a stream, handles with the first byte.
    pub(crate) fn stream_write(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        segments: &[(u64, u64)],
        handles: &[HandleEntry],
    ) -> Step {
        let length = usize::try_from(total(segments)?).map_err(|_| Error::TooBig)?;
        let done = (self.progress(thread) as usize).min(length);
        let stream = self.streams.get_mut(opening.stream);
        let stream = stream.ok_or(Error::BadHandle)?;
        let messages = stream.is_messages();
        let partly = |error: Error| match done {
            0 => Err(Stop::Error(error)),
            done => Ok(done as u64),
        };
        let free = match stream.admission(opening.end, length) {
            Admission::Closed => return partly(Error::PeerClosed),
            Admission::Never => return Err(Error::TooBig.into()),
            Admission::Room(_) if length == 0 && !messages => return Ok(0),
            Admission::Full if length == 0 && !messages => return Ok(0),
            Admission::Full if opening.nonblocking => return partly(Error::WouldBlock),
            Admission::Full => {
                let object = Object::Stream(opening.stream, opening.end);
                let wanted = Signals::WRITABLE.or(Signals::PEER_CLOSED);
                return Err(self.wait_signals(thread, object, wanted, true));
            }
            Admission::Room(free) => free,
        };
        let count = match messages {
            true => length,
            false => (length - done).min(free).min(STEP_BYTES),
        };
        match messages {
            true => self.stream_append_message(thread, opening, segments, handles)?,
            false => self.stream_append_bytes(thread, opening, (segments, done, count), handles)?,
        }
        let mut activity = [Signals::NONE; 2];
        activity[usize::from(!opening.end & 1)] = Signals::READABLE;
        self.stream_refresh(opening.stream, activity);
        let done = done + count;
        if let Some(found) = self.threads.get_mut(thread) {
            found.progress = done as u64;
        }
        if done < length && !opening.nonblocking {
            Err(Stop::Again)
        } else {
            Ok(done as u64)
        }
    }

    /// The label of a thread's process, which messages and handles travel with.
    fn label_of(&self, thread: ThreadId) -> u64 {
        let process = self.process_of(thread).ok();
        let found = process.and_then(|id| self.processes.get(id));
        found.map_or(0, |process| process.label)
    }

    /// Handles that go along with something: a reference of the stream's own to each.
    fn send_along(&mut self, handles: &[HandleEntry]) -> Vec<HandleEntry> {
        for entry in handles {
            self.retain(entry);
        }
        handles.to_vec()
    }

    fn stream_append_message(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        segments: &[(u64, u64)],
        handles: &[HandleEntry],
    ) -> Result<(), Stop> {
        let length = total(segments)? as usize;
        let message = Message {
            bytes: self.gather(thread, segments, 0, length)?,
            handles: self.send_along(handles),
            sender: self.label_of(thread),
        };
        if let Some(stream) = self.streams.get_mut(opening.stream) {
            let outbound = stream.direction(opening.end);
            outbound.message_bytes += length + MESSAGE_COST;
            outbound.messages.push_back(message);
        }
        Ok(())
    }

    /// Appends `count` bytes of the segments, after the first `skip`, to a byte stream.
    fn stream_append_bytes(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        (segments, skip, count): (&[(u64, u64)], usize, usize),
        handles: &[HandleEntry],
    ) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let stream = self.streams.get_mut(opening.stream);
        let outbound = stream.ok_or(Error::BadHandle)?.direction(opening.end);
        let user = (&mut self.memory, &mut self.machine, space);
        let copied = gather_pieces(user, segments, skip, outbound.bytes.room(count));
        if copied.is_ok() {
            let position = outbound.written;
            outbound.bytes.extend(count);
            outbound.written += count as u64;
            if !handles.is_empty() {
                self.stream_attach(thread, opening, position, handles);
            }
        }
        self.settle_memory();
        Ok(copied?)
    }

    /// Has handles travel with the byte at a position.
    fn stream_attach(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        position: u64,
        handles: &[HandleEntry],
    ) {
        let with = Message {
            bytes: Vec::new(),
            handles: self.send_along(handles),
            sender: self.label_of(thread),
        };
        if let Some(stream) = self.streams.get_mut(opening.stream) {
            let outbound = stream.direction(opening.end);
            outbound.attached.push_back((position, with));
        }
    }

    /// StreamShutDown.
    pub(crate) fn stream_shut_down(
        &mut self,
        process: ProcessId,
        handle: u64,
        directions: u64,
    ) -> Step {
        let opening = self.stream_opening(process, handle, Rights::NONE)?;
        if directions & !(shut_down::READ | shut_down::WRITE) != 0 || directions == 0 {
            return Err(Error::BadArgument.into());
        }
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        if directions & shut_down::WRITE != 0 {
            stream.direction(opening.end).shut = true;
        }
        if directions & shut_down::READ != 0 {
            stream.direction(opening.end ^ 1).shut = true;
        }
        self.stream_refresh(opening.stream, [Signals::NONE; 2]);
        Ok(0)
    }

    /// StreamQueued.
    pub(crate) fn stream_queued(&mut self, process: ProcessId, handle: u64) -> Step {
        let opening = self.stream_opening(process, handle, Rights::NONE)?;
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        Ok(stream.direction(opening.end ^ 1).queued() as u64)
    }

    /// The last reference to an end is gone; with the second end the stream goes too.
    pub(crate) fn stream_end_closed(&mut self, id: Id<Stream>, end: u8) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.ends[usize::from(end & 1)].closed = true;
        // Nobody will read what is under way to this end.
        let lost = core::mem::take(stream.direction(end ^ 1));
        stream.direction(end ^ 1).shut = true;
        let both = stream.ends.iter().all(|end| end.closed);
        let attached = lost.attached.into_iter().map(|(_, message)| message);
        let entries: Vec<HandleEntry> = lost
            .messages
            .into_iter()
            .chain(attached)
            .flat_map(|message| message.handles)
            .collect();
        if both {
            self.streams.remove(id);
        } else {
            self.stream_refresh(id, [Signals::NONE; 2]);
        }
        for entry in entries {
            self.release(entry);
        }
    }
}

/// The bytes of all segments; `TooBig` when they do not fit a signed word.
pub(crate) fn total(segments: &[(u64, u64)]) -> Result<u64, Error> {
    let sum = segments
        .iter()
        .try_fold(0u64, |sum, &(_, length)| sum.checked_add(length));
    sum.filter(|&sum| sum <= i64::MAX as u64)
        .ok_or(Error::BadArgument)
}

#[cfg(test)]
impl Stream {
    /// The handles in both queues.
    pub fn handles_under_way(&self) -> impl Iterator<Item = HandleEntry> + '_ {
        self.directions.iter().flat_map(|direction| {
            let attached = direction.attached.iter().map(|(_, message)| message);
            direction
                .messages
                .iter()
                .chain(attached)
                .flat_map(|m| m.handles.iter().copied())
        })
    }
}
