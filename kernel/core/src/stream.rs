//! Streams: a bounded queue between two ends, of bytes or of messages, that can carry handles.

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

    /// The signals of an end.
    fn word(&self, end: u8) -> Signals {
        let inbound = &self.directions[usize::from(!end & 1)];
        let outbound = &self.directions[usize::from(end & 1)];
        let peer_closed = self.end(end ^ 1).closed;
        let one_way = self.flags & stream_flags::ONE_WAY != 0;
        let (reads, writes) = (!one_way || end == 0, !one_way || end == 1);
        let free = self.capacity.saturating_sub(outbound.used());
        let conditions = [
            (
                reads && (!inbound.is_empty() || inbound.shut || peer_closed),
                Signals::READABLE,
            ),
            (
                writes && (free >= ATOMIC_BYTES.min(self.capacity) || peer_closed || outbound.shut),
                Signals::WRITABLE,
            ),
            (peer_closed, Signals::PEER_CLOSED),
            (
                reads && (peer_closed || inbound.shut),
                Signals::PEER_SHUTDOWN,
            ),
            (one_way && end == 1 && peer_closed, Signals::ERROR),
        ];
        let raised = conditions.iter().filter(|(holds, _)| *holds);
        raised.fold(Signals::NONE, |word, (_, signal)| word.or(*signal))
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
            let Some(stream) = self.streams.get(id) else {
                return;
            };
            let word = stream.word(end);
            let before = stream.end(end).signals.word;
            let set = word.without(before).or(word.and(activity));
            self.change_signals(Object::Stream(id, end), before.without(word), set);
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
        let taken = match self.stream_take(thread, opening, room, true)? {
            Some(taken) => taken,
            None => return Ok(0),
        };
        // Copied out first, taken out of the queue only when that has succeeded.
        self.scatter(thread, segments, &taken.message.bytes)?;
        let count = taken.message.bytes.len();
        let room = if taken.truncated > 0 { room } else { count };
        if let Some(taken) = self.stream_take(thread, opening, room, false)? {
            for entry in taken.message.handles {
                self.release(entry);
            }
        }
        Ok(count as u64)
    }

    /// Takes (or looks at) what is queued; `None` at the end of the stream.
    pub(crate) fn stream_take(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        room: usize,
        peek: bool,
    ) -> Result<Option<Taken>, Stop> {
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        let peer_closed = stream.end(opening.end ^ 1).closed;
        let messages = stream.is_messages();
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
        let taken = match messages {
            true => inbound.take_message(room, peek),
            false => inbound.take_bytes(room, peek),
        };
        if !peek {
            let mut activity = [Signals::NONE; 2];
            activity[usize::from(!opening.end & 1)] = Signals::WRITABLE;
            self.stream_refresh(opening.stream, activity);
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
        let found = self.threads.get(thread).ok_or(Error::NoProcess)?;
        let done = (found.progress as usize).min(length);
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        let peer_closed = stream.end(opening.end ^ 1).closed;
        let (messages, capacity) = (stream.is_messages(), stream.capacity);
        let outbound = stream.direction(opening.end);
        if peer_closed || outbound.shut {
            return if done > 0 {
                Ok(done as u64)
            } else {
                Err(Error::PeerClosed.into())
            };
        }
        if length == 0 && !messages {
            return Ok(0);
        }
        let free = capacity.saturating_sub(outbound.used());
        let needed = match messages {
            true if length > capacity => return Err(Error::TooBig.into()),
            true => length.saturating_add(MESSAGE_COST).min(capacity),
            false if length <= ATOMIC_BYTES => length.min(capacity),
            false => 1,
        };
        if free < needed {
            if opening.nonblocking {
                return if done > 0 {
                    Ok(done as u64)
                } else {
                    Err(Error::WouldBlock.into())
                };
            }
            let object = Object::Stream(opening.stream, opening.end);
            let wanted = Signals::WRITABLE.or(Signals::PEER_CLOSED);
            return Err(self.wait_signals(thread, object, wanted, true));
        }
        let count = if messages {
            length
        } else {
            (length - done).min(free).min(STEP_BYTES)
        };
        let bytes = self.gather(thread, segments, done, count)?;
        self.stream_append(thread, opening, bytes, handles);
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

    fn stream_append(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        bytes: Vec<u8>,
        handles: &[HandleEntry],
    ) {
        let sender = self
            .process_of(thread)
            .ok()
            .and_then(|id| self.processes.get(id));
        let sender = sender.map_or(0, |process| process.label);
        for entry in handles {
            self.retain(entry);
        }
        let handles = handles.to_vec();
        let Some(stream) = self.streams.get_mut(opening.stream) else {
            return;
        };
        let messages = stream.is_messages();
        let outbound = stream.direction(opening.end);
        if messages {
            outbound.message_bytes += bytes.len() + MESSAGE_COST;
            outbound.messages.push_back(Message {
                bytes,
                handles,
                sender,
            });
        } else {
            if !handles.is_empty() {
                let with = Message {
                    bytes: Vec::new(),
                    handles,
                    sender,
                };
                outbound.attached.push_back((outbound.written, with));
            }
            outbound.written += bytes.len() as u64;
            outbound.bytes.extend(&bytes);
        }
        let mut activity = [Signals::NONE; 2];
        activity[usize::from(!opening.end & 1)] = Signals::READABLE;
        self.stream_refresh(opening.stream, activity);
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
