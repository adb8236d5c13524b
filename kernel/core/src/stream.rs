//! Streams: a bounded queue between two ends, of bytes or of messages, that can carry handles.

use crate::kernel::{Kernel, ProcessId, SessionId};
use crate::machine::Machine;
#[cfg(test)]
use crate::object::HandleEntry;
use crate::object::Object;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream_queue::Direction;
use crate::thread::Step;
use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use kernel_abi::socket::{shut_down, stream_flags, stream_property};
use kernel_abi::{Error, Rights, Signals};

/// Writes up to this size are not interleaved with others (`PIPE_BUF`).
pub(crate) const ATOMIC_BYTES: usize = 4096;
/// Largest capacity.
const MOST_CAPACITY: u64 = 1 << 20;
/// A stream with its two ends.
#[derive(Default)]
pub(crate) struct Stream {
    pub ends: [End; 2],
    /// `directions[e]` is written by end e and read by the other one.
    pub directions: [Direction; 2],
    flags: u64,
}

/// One end.
#[derive(Default)]
pub(crate) struct End {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    pub closed: bool,
    /// The other end was closed before it had read everything; the next read says so.
    pub reset: bool,
    /// Closing this end resets the other one, whatever was read.
    pub resets: bool,
}

impl Stream {
    /// Whether it was made with a flag of `stream_flags`.
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Most bytes that are taken in a step: a message is taken whole.
    pub fn step_bytes(&self) -> u64 {
        match self.has(stream_flags::MESSAGES) {
            true => MOST_CAPACITY,
            false => crate::user_memory::STEP_BYTES as u64,
        }
    }

    pub fn direction(&mut self, writer: u8) -> &mut Direction {
        &mut self.directions[usize::from(writer & 1)]
    }

    pub fn outbound(&self, writer: u8) -> &Direction {
        &self.directions[usize::from(writer & 1)]
    }

    pub fn end(&self, end: u8) -> &End {
        &self.ends[usize::from(end & 1)]
    }

    pub fn end_mut(&mut self, end: u8) -> &mut End {
        &mut self.ends[usize::from(end & 1)]
    }

    /// Whether an end waits for no one any more: the other one is closed, and it is not of the
    /// kind that outlives its writers.
    pub fn is_abandoned(&self, end: u8) -> bool {
        self.end(end ^ 1).closed && !self.has(stream_flags::OPEN_ENDED)
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
        let abandoned = self.is_abandoned(end);
        let one_way = self.has(stream_flags::ONE_WAY);
        let (reads, writes) = (!one_way || end == 0, !one_way || end == 1);
        let free = outbound.capacity.saturating_sub(outbound.used());
        let room = match self.has(stream_flags::MESSAGES) {
            true => free > 0 || self.has(stream_flags::LOSSY),
            false => free >= ATOMIC_BYTES.min(outbound.capacity),
        };
        let both_shut = self.has(stream_flags::SOCKET) && inbound.shut && outbound.shut;
        let mut word = Signals::NONE;
        let mut raise = |holds: bool, signal: Signals| {
            if holds {
                word = word.or(signal);
            }
        };
        let ended = inbound.shut || abandoned;
        raise(reads && (ended || !inbound.is_empty()), Signals::READABLE);
        let flows = room || peer_closed || outbound.shut;
        raise(writes && flows, Signals::WRITABLE);
        // POSIX: a hang-up excludes that a write would not wait.
        raise(reads && (abandoned || both_shut), Signals::PEER_CLOSED);
        raise(reads && ended, Signals::PEER_SHUTDOWN);
        raise(one_way && end == 1 && abandoned, Signals::ERROR);
        word
    }
}

/// A stream end and how it is used.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    pub stream: Id<Stream>,
    pub end: u8,
    pub nonblocking: bool,
    /// The session through which the end was reached.
    pub session: Option<SessionId>,
}

impl<M: Machine> Kernel<M> {
    /// Makes a stream without handles.
    pub(crate) fn stream_new(&mut self, flags: u64, capacity: u64) -> Result<Id<Stream>, Error> {
        self.check_reserve()?;
        if flags & !stream_flags::ALL != 0 || capacity == 0 || capacity > MOST_CAPACITY {
            return Err(Error::BadArgument);
        }
        let mut stream = Stream {
            flags,
            ..Stream::default()
        };
        for direction in &mut stream.directions {
            direction.capacity = capacity as usize;
        }
        if flags & stream_flags::ONE_WAY != 0 {
            stream.direction(0).shut = true;
        }
        let words = [stream.word(0), stream.word(1)];
        for (end, word) in stream.ends.iter_mut().zip(words) {
            end.signals = SignalState::new(word);
        }
        Ok(self.streams.insert(stream))
    }

    /// The stream end behind a handle: itself, or a session's data (with `rights` of writing, the
    /// end that the session writes to).
    pub(crate) fn stream_opening(
        &mut self,
        process: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<Opening, Error> {
        let entry = self.lookup(process, handle, rights)?;
        let session = match entry.object {
            Object::Session(session) => Some(session),
            _ => None,
        };
        let part = session.and_then(|id| match rights.contains(Rights::WRITE) {
            true => self.sessions.get(id)?.writes_to(),
            false => self.sessions.get(id)?.data,
        });
        let part = part.unwrap_or(entry);
        let Object::Stream(stream, end) = part.object else {
            return Err(Error::WrongKind);
        };
        if !part.rights.contains(rights) {
            return Err(Error::AccessDenied);
        }
        let status = self.status_mut(entry.object).map_or(0, |status| *status);
        Ok(Opening {
            stream,
            end,
            nonblocking: status & status_flags::NONBLOCK != 0,
            session,
        })
    }

    /// Recomputes both ends' signals. `activity` are the bits to be told even if raised before.
    pub(crate) fn stream_refresh(&mut self, id: Id<Stream>, activity: [Signals; 2]) {
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

    /// StreamOpen.
    pub(crate) fn stream_open(&mut self, process: ProcessId, handle: u64, other: u64) -> Step {
        let entry = self.lookup(process, handle, Rights::MANAGE)?;
        let Object::Stream(id, end) = entry.object else {
            return Err(Error::WrongKind.into());
        };
        let end = match other {
            0 | 1 => end ^ other as u8,
            _ => return Err(Error::BadArgument.into()),
        };
        let stream = self.streams.get_mut(id).ok_or(Error::BadHandle)?;
        let one_way = stream.has(stream_flags::ONE_WAY);
        let was_closed = core::mem::take(&mut stream.end_mut(end).closed);
        let rights = end_rights(one_way, end);
        let placed = self.place_new(process, Object::Stream(id, end), rights);
        if let Some(stream) = self.streams.get_mut(id)
            && placed.is_err()
        {
            stream.end_mut(end).closed = was_closed;
        }
        self.stream_refresh(id, [Signals::NONE; 2]);
        Ok(placed?)
    }

    /// StreamProperty.
    pub(crate) fn stream_property(
        &mut self,
        process: ProcessId,
        handle: u64,
        property: u64,
        set: Option<u64>,
    ) -> Step {
        if matches!(
            property,
            stream_property::RECEIVE_TIMEOUT_NS | stream_property::SEND_TIMEOUT_NS
        ) {
            return self.session_timeout(process, handle, property, set);
        }
        let sends = matches!(
            property,
            stream_property::SEND_CAPACITY | stream_property::SEND_QUEUED
        );
        let opening = match self.stream_opening(process, handle, Rights::NONE) {
            Ok(opening) if !sends => opening,
            _ => self.stream_opening(process, handle, Rights::WRITE)?,
        };
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        let direction = match property {
            stream_property::FLAGS if set.is_none() => return Ok(stream.flags),
            stream_property::RESETS => {
                let end = stream.end_mut(opening.end);
                end.resets = set.map_or(end.resets, |value| value != 0);
                return Ok(end.resets.into());
            }
            stream_property::RECEIVE_CAPACITY => stream.direction(opening.end ^ 1),
            stream_property::SEND_CAPACITY => stream.direction(opening.end),
            stream_property::SEND_QUEUED if set.is_none() => {
                return Ok(stream.direction(opening.end).used() as u64);
            }
            _ => return Err(Error::BadArgument.into()),
        };
        if let Some(capacity) = set {
            if capacity == 0 || capacity > MOST_CAPACITY {
                return Err(Error::BadArgument.into());
            }
            if (capacity as usize) < direction.used() {
                return Err(Error::Busy.into());
            }
            direction.capacity = capacity as usize;
        }
        let capacity = direction.capacity as u64;
        self.stream_refresh(opening.stream, [Signals::NONE; 2]);
        Ok(capacity)
    }

    /// The last reference to an end is gone; with the second end the stream goes too. What is
    /// under way to a closed end stays in a pipe, which may be opened for reading again.
    pub(crate) fn stream_end_closed(&mut self, id: Id<Stream>, end: u8) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.end_mut(end).closed = true;
        let both = stream.ends.iter().all(|end| end.closed);
        let is_socket = stream.has(stream_flags::SOCKET);
        let unread = !stream.direction(end ^ 1).is_empty();
        if is_socket && (unread || stream.end(end).resets) {
            stream.end_mut(end ^ 1).reset = true;
        }
        let mut lost = Vec::new();
        if is_socket || both {
            let inbound = stream.direction(end ^ 1);
            let (capacity, shut) = (inbound.capacity, inbound.shut);
            lost.push(core::mem::take(inbound));
            (inbound.capacity, inbound.shut) = (capacity, shut);
        }
        if both {
            lost.extend(
                self.streams
                    .remove(id)
                    .map(|stream| stream.directions)
                    .into_iter()
                    .flatten(),
            );
        } else {
            self.stream_refresh(id, [Signals::NONE; 2]);
        }
        for direction in &lost {
            self.forget_under_way(direction);
        }
        for entry in lost.iter().flat_map(Direction::handles) {
            self.release(entry);
        }
    }
}

/// What the holder of a stream's end may do with it.
pub(crate) fn end_rights(one_way: bool, end: u8) -> Rights {
    let access = match (one_way, end) {
        (false, _) => Rights::READ.or(Rights::WRITE),
        (true, 0) => Rights::READ,
        (true, _) => Rights::WRITE,
    };
    access
        .or(Rights::DUPLICATE)
        .or(Rights::TRANSFER)
        .or(Rights::WAIT)
        .or(Rights::MANAGE)
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
        self.directions.iter().flat_map(Direction::handles)
    }
}
