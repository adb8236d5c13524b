//! Bytes and messages into streams and out of them.

use crate::bytes::{gather_pieces, scatter_pieces};
use crate::kernel::{Kernel, ThreadId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use crate::signal::Observer;
use crate::stream::{ATOMIC_BYTES, Opening, Stream, total};
use crate::stream_queue::{Message, Sender, Taken};
use crate::thread::{Step, Stop};
use crate::user_memory::STEP_BYTES;
use kernel_abi::socket::stream_flags;
use kernel_abi::{Error, Signals};

/// What goes along with bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Along<'a> {
    pub handles: &'a [HandleEntry],
    pub name: &'a [u8],
}

impl<M: Machine> Kernel<M> {
    /// Reads from a stream into memory segments.
    pub(crate) fn stream_read(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        segments: &[(u64, u64)],
    ) -> Step {
        let stream = self.streams.get(opening.stream).ok_or(Error::BadHandle)?;
        if stream.has(stream_flags::CONNECTIONS) {
            return Err(Error::BadArgument.into());
        }
        let room = total(segments)?.min(stream.step_bytes()) as usize;
        let arrival = self.stream_arrival(thread, opening);
        if arrival == Err(Stop::Wait)
            && let &[segment] = segments
            && let Some(found) = self.threads.get_mut(thread)
        {
            found.reads_into = Some(segment);
        }
        if !arrival? {
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
            let taken = inbound.consume(room);
            self.stream_taken(opening, &taken);
            for entry in taken.handles {
                self.release(entry);
            }
        }
        self.settle_memory();
        copied?;
        Ok(count as u64)
    }

    /// Whether something is in the queue to read from; `false` at the end of the stream.
    fn stream_arrival(&mut self, thread: ThreadId, opening: Opening) -> Result<bool, Stop> {
        let stream = self.streams.get_mut(opening.stream);
        let stream = stream.ok_or(Error::BadHandle)?;
        let abandoned = stream.is_abandoned(opening.end);
        let inbound = stream.direction(opening.end ^ 1);
        if !inbound.is_empty() {
            return Ok(true);
        }
        if !abandoned && !inbound.shut {
            return Err(self.stream_wait(thread, opening, false));
        }
        let reset = core::mem::take(&mut stream.end_mut(opening.end).reset);
        match reset && abandoned {
            true => Err(Error::ConnectionReset.into()),
            false => Ok(false),
        }
    }

    /// The other end hears that something was taken.
    fn stream_taken(&mut self, opening: Opening, taken: &Message) {
        self.handles_arrived(taken);
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
        one_sender: bool,
    ) -> Result<Option<Taken>, Stop> {
        if !self.stream_arrival(thread, opening)? {
            return Ok(None);
        }
        let stream = self.streams.get_mut(opening.stream);
        let stream = stream.ok_or(Error::BadHandle)?;
        let messages = stream.has(stream_flags::MESSAGES);
        let inbound = stream.direction(opening.end ^ 1);
        let taken = match messages {
            true => inbound.take_message(room, peek),
            false => inbound.take_bytes(room, peek, one_sender),
        };
        if !peek {
            self.stream_taken(opening, &taken.message);
        }
        Ok(Some(taken))
    }

    /// What a call does that finds nothing to read, or no room.
    fn stream_wait(&mut self, thread: ThreadId, opening: Opening, writes: bool) -> Stop {
        if opening.nonblocking {
            return Error::WouldBlock.into();
        }
        let object = Object::Stream(opening.stream, opening.end);
        let wanted = if writes {
            Signals::WRITABLE
        } else {
            Signals::READABLE
        };
        let wanted = wanted.or(Signals::PEER_CLOSED);
        let session = opening.session.and_then(|id| self.sessions.get(id));
        let timeout_ns = session.map_or(0, |session| session.timeouts_ns[usize::from(writes)]);
        if timeout_ns == 0 {
            return self.wait_signals(thread, object, wanted, true);
        }
        let now_ns = self.machine.now_ns();
        let Some(found) = self.threads.get_mut(thread) else {
            return Error::NoProcess.into();
        };
        // The same for all executions of the call.
        if found.give_up_ns == 0 {
            found.give_up_ns = now_ns.saturating_add(timeout_ns);
        }
        let give_up_ns = found.give_up_ns;
        if give_up_ns <= now_ns {
            return Error::WouldBlock.into();
        }
        self.set_deadline(self.scheduler.here, thread, give_up_ns);
        self.wait_signals(thread, object, wanted, false)
    }

    /// Writes memory segments to a stream, handles with the first byte.
    pub(crate) fn stream_write(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        segments: &[(u64, u64)],
        along: Along<'_>,
    ) -> Step {
        let length = usize::try_from(total(segments)?).map_err(|_| Error::TooBig)?;
        let found = self.threads.get(thread).ok_or(Error::NoProcess)?;
        let done = (found.progress as usize).min(length);
        let stream = self
            .streams
            .get_mut(opening.stream)
            .ok_or(Error::BadHandle)?;
        let messages = stream.has(stream_flags::MESSAGES);
        let lossy = stream.has(stream_flags::LOSSY);
        if let Some(error) = broken(stream, opening.end) {
            return partly(done, error.into());
        }
        if length == 0 && !messages {
            return Ok(0);
        }
        if let &[from] = segments
            && along.handles.is_empty()
            && self.stream_hand_over(thread, opening, from)
        {
            return Ok(from.1);
        }
        let stream = self.streams.get_mut(opening.stream);
        let outbound = stream.ok_or(Error::BadHandle)?.direction(opening.end);
        let capacity = outbound.capacity;
        let free = capacity.saturating_sub(outbound.used());
        let needed = match messages {
            true if length > capacity => return Err(Error::MessageTooLong.into()),
            false if length <= ATOMIC_BYTES => length.min(capacity),
            _ => 1,
        };
        if free < needed {
            return match lossy {
                true => Ok(length as u64),
                false => partly(done, self.stream_wait(thread, opening, true)),
            };
        }
        self.check_reserve()?;
        let count = if messages {
            length
        } else {
            (length - done).min(free).min(STEP_BYTES)
        };
        self.stream_append(thread, opening, (segments, done, count), along)?;
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

    /// Gives bytes right to the one thread that waits for them in a read, as if they had gone through
    /// the queue and that call had been executed again: neither is touched. `false`: it is not so
    /// simple, and nothing has been done.
    fn stream_hand_over(&mut self, writer: ThreadId, opening: Opening, from: (u64, u64)) -> bool {
        let Some((reader, to)) = self.stream_taker(opening, from.1) else {
            return false;
        };
        let (Ok(source), Ok(target)) = (self.thread_space(writer), self.thread_space(reader))
        else {
            return false;
        };
        let progress = self.memory.copy_user_to_user(
            &mut self.machine,
            (source, from.0),
            (target, to),
            from.1 as usize,
        );
        self.settle_memory();
        // What a copy in part leaves in the reader's memory is overwritten by the whole one.
        let whole = progress.stop.is_none();
        if whole {
            self.wake_with(reader, Ok(from.1));
        }
        whole
    }

    /// The thread that would be the next to read from what an end writes to, and the address where
    /// it wants the bytes: nothing is queued, nobody else observes the stream, and all bytes fit.
    fn stream_taker(&self, opening: Opening, length: u64) -> Option<(ThreadId, u64)> {
        let stream = self.streams.get(opening.stream)?;
        let &[(Observer::Thread(reader), _)] = stream.signals(opening.end ^ 1).observers.as_slice()
        else {
            return None;
        };
        let found = self.threads.get(reader)?;
        let (address, room) = found.reads_into?;
        let fits = length > 0 && length <= room.min(STEP_BYTES as u64);
        let unwatched = stream.signals(opening.end).observers.is_empty();
        (fits && unwatched && found.only_waits() && stream.outbound(opening.end).is_empty())
            .then_some((reader, address))
    }

    /// The first words of the identity page of a thread's process.
    fn sender_of(&self, thread: ThreadId) -> Sender {
        let mut sender = Sender::default();
        let process = self.process_of(thread).ok();
        if let Some(process) = process.and_then(|id| self.processes.get(id)) {
            let mut bytes = [0; size_of::<Sender>()];
            self.machine.read(process.identity_frame, 0, &mut bytes);
            for (word, chunk) in sender.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = chunk.first_chunk().copied().map_or(0, u64::from_le_bytes);
            }
        }
        sender
    }

    /// Adds a message, or bytes: `count` of the segments, after their first `skip`.
    fn stream_append(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        (segments, skip, count): (&[(u64, u64)], usize, usize),
        along: Along<'_>,
    ) -> Result<(), Stop> {
        let stream = self.streams.get(opening.stream).ok_or(Error::BadHandle)?;
        let messages = stream.has(stream_flags::MESSAGES);
        let is_socket = stream.has(stream_flags::SOCKET);
        let mut message = Message {
            handles: along.handles.to_vec(),
            name: along.name.to_vec(),
            ..Message::default()
        };
        if is_socket {
            message.sender = self.sender_of(thread);
        }
        if messages {
            message.bytes = self.gather(thread, segments, skip, count)?;
        } else {
            self.stream_fill(thread, opening, (segments, skip, count))?;
        }
        for entry in along.handles {
            self.retain(entry);
        }
        self.handles_depart(&message);
        if let Some(stream) = self.streams.get_mut(opening.stream) {
            let outbound = stream.direction(opening.end);
            match messages {
                true => outbound.push_message(message),
                false => outbound.push_bytes(count, message, is_socket),
            }
        }
        let mut activity = [Signals::NONE; 2];
        activity[usize::from(!opening.end & 1)] = Signals::READABLE;
        self.stream_refresh(opening.stream, activity);
        Ok(())
    }

    /// Copies bytes behind those that are queued; they count once they are pushed.
    fn stream_fill(
        &mut self,
        thread: ThreadId,
        opening: Opening,
        (segments, skip, count): (&[(u64, u64)], usize, usize),
    ) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let stream = self.streams.get_mut(opening.stream);
        let outbound = stream.ok_or(Error::BadHandle)?.direction(opening.end);
        let user = (&mut self.memory, &mut self.machine, space);
        let copied = gather_pieces(user, segments, skip, outbound.bytes.room(count));
        self.settle_memory();
        Ok(copied?)
    }
}

/// Why nothing can be written through an end any more.
fn broken(stream: &mut Stream, end: u8) -> Option<Error> {
    if stream.end(end ^ 1).closed {
        // A datagram has nobody to arrive at; a connection is over.
        return Some(if stream.has(stream_flags::OPEN_ENDED) {
            Error::ConnectionRefused
        } else {
            Error::PeerClosed
        });
    }
    stream.direction(end).shut.then_some(Error::PeerClosed)
}

/// What was done before an error counts.
fn partly(done: usize, stop: Stop) -> Step {
    match stop {
        Stop::Error(_) if done > 0 => Ok(done as u64),
        stop => Err(stop),
    }
}
