//! Reading, writing and seeking: one call each, dispatched on the object.

use crate::kernel::{Kernel, ProcessId, SessionId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::memory::{CopyStop, MemorySystem, SpaceId};
use crate::object::{HandleEntry, Object};
use crate::pending_call::Purpose;
use crate::signal::ALWAYS;
use crate::stream::{Opening, total};
use crate::thread::{Step, Stop};
use alloc::vec::Vec;
use kernel_abi::message::{Buffer, MAX_BUFFERS, buffer_flags, operation, status_flags};
use kernel_abi::{Error, Rights, Signals};

/// Most segments of a vector (`IOV_MAX`).
const MOST_SEGMENTS: u64 = 1024;
/// The offset that means "at the current position" to a server.
const CURRENT: u64 = u64::MAX;

/// One read or write.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    pub cpu: Cpu,
    pub thread: ThreadId,
    pub process: ProcessId,
    /// Pieces of user memory: (address, length).
    pub segments: &'a [(u64, u64)],
    /// Where; `None`: at the object's position.
    pub offset: Option<u64>,
    /// The session through which the object was reached.
    pub session: Option<SessionId>,
    pub status: u32,
}

/// The memory of a program, borrowed apart from the rest of the kernel.
type UserMemory<'a, M> = (&'a mut MemorySystem, &'a mut M, SpaceId);

/// Copies segments of user memory, after their first `skip` bytes, into two pieces until both are
/// full.
pub(crate) fn gather_pieces<M: Machine>(
    (memory, machine, space): UserMemory<'_, M>,
    segments: &[(u64, u64)],
    skip: usize,
    pieces: [&mut [u8]; 2],
) -> Result<(), CopyStop> {
    let mut skip = skip as u64;
    let mut left = segments.iter();
    let mut segment = (0, 0);
    for mut piece in pieces {
        while !piece.is_empty() {
            if segment.1 == 0 {
                let &(address, length) = left.next().ok_or(CopyStop::Fault)?;
                let skipped = skip.min(length);
                skip -= skipped;
                let start = address.checked_add(skipped).ok_or(CopyStop::Fault)?;
                segment = (start, length - skipped);
                continue;
            }
            let count = segment.1.min(piece.len() as u64);
            let (now, later) = piece.split_at_mut(count as usize);
            memory.copy_in(machine, space, segment.0, now)?;
            segment = (segment.0.wrapping_add(count), segment.1 - count);
            piece = later;
        }
    }
    Ok(())
}

/// Copies two pieces into segments of user memory, from their beginning.
pub(crate) fn scatter_pieces<M: Machine>(
    (memory, machine, space): UserMemory<'_, M>,
    segments: &[(u64, u64)],
    pieces: [&[u8]; 2],
) -> Result<(), CopyStop> {
    let mut left = segments.iter();
    let mut segment = (0, 0);
    for mut piece in pieces {
        while !piece.is_empty() {
            if segment.1 == 0 {
                segment = *left.next().ok_or(CopyStop::Fault)?;
                continue;
            }
            let count = segment.1.min(piece.len() as u64);
            let (now, later) = piece.split_at(count as usize);
            memory.copy_out(machine, space, segment.0, now)?;
            segment = (segment.0.wrapping_add(count), segment.1 - count);
            piece = later;
        }
    }
    Ok(())
}

impl<M: Machine> Kernel<M> {
    /// Reads the (address, length) pairs of a vector.
    pub(crate) fn read_segments(
        &mut self,
        thread: ThreadId,
        address: u64,
        count: u64,
    ) -> Result<Vec<(u64, u64)>, Stop> {
        if count > MOST_SEGMENTS {
            return Err(Error::BadArgument.into());
        }
        let mut bytes = alloc::vec![0; count as usize * 16];
        self.read_user(thread, address, &mut bytes)?;
        let word = |chunk: &[u8]| chunk.first_chunk().copied().map_or(0, u64::from_le_bytes);
        Ok(bytes
            .chunks_exact(16)
            .map(|pair| (word(pair), word(&pair[8..])))
            .collect())
    }

    /// Copies `count` bytes of segments, after the first `skip`, into kernel memory.
    pub(crate) fn gather(
        &mut self,
        thread: ThreadId,
        segments: &[(u64, u64)],
        skip: usize,
        count: usize,
    ) -> Result<Vec<u8>, Stop> {
        let mut bytes = alloc::vec![0; count];
        let (mut skip, mut rest) = (skip as u64, bytes.as_mut_slice());
        for &(address, length) in segments {
            let skipped = skip.min(length);
            skip -= skipped;
            let part = (length - skipped).min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at_mut(part);
            if part > 0 {
                let start = address.checked_add(skipped).ok_or(Error::BadAddress)?;
                self.read_user(thread, start, now)?;
            }
            rest = later;
        }
        Ok(bytes)
    }

    /// Copies bytes into segments from their beginning.
    pub(crate) fn scatter(
        &mut self,
        thread: ThreadId,
        segments: &[(u64, u64)],
        bytes: &[u8],
    ) -> Result<(), Stop> {
        let mut rest = bytes;
        for &(address, length) in segments {
            let part = length.min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at(part);
            if part > 0 {
                self.write_user(thread, address, now)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Read and its variants.
    pub(crate) fn read(&mut self, handle: u64, mut access: Access<'_>) -> Step {
        let object = self.object_of(access.process, handle, Rights::READ)?;
        total(access.segments)?;
        match self.settle_access(object, Rights::READ, &mut access)? {
            Some(settles) => self.read_object(settles, &access),
            None => self.call_data(&access, operation::READ, Purpose::Value),
        }
    }

    /// The object that settles a read or write; `None`: the session's server does. Fills in what
    /// the opening says.
    #[inline]
    fn settle_access(
        &mut self,
        object: Object,
        rights: Rights,
        access: &mut Access<'_>,
    ) -> Result<Option<Object>, Error> {
        let Object::Session(id) = object else {
            access.status = self.status_mut(object).map_or(0, |status| *status);
            return Ok(Some(object));
        };
        let session = self.sessions.get(id).ok_or(Error::BadHandle)?;
        access.session = Some(id);
        access.status = session.status;
        match &session.data {
            Some(data) if !data.rights.contains(rights) => Err(Error::AccessDenied),
            Some(data) => Ok(Some(data.object)),
            None => Ok(None),
        }
    }

    fn read_object(&mut self, object: Object, access: &Access<'_>) -> Step {
        match object {
            Object::Stream(stream, end) if access.offset.is_none() => {
                let nonblocking = access.status & status_flags::NONBLOCK != 0;
                let opening = Opening {
                    stream,
                    end,
                    nonblocking,
                };
                self.stream_read(access.thread, opening, access.segments)
            }
            Object::Stream(..) => Err(Error::NotSeekable.into()),
            Object::Cursor(cursor) => self.cursor_read(cursor, access),
            Object::Memory(memory) => self.memory_bytes_read(memory, access),
            Object::Void(void) => self.void_read(void, access),
            Object::Timer(_) | Object::Event(_) => self.read_count(object, access),
            _ => Err(Error::WrongKind.into()),
        }
    }

    /// Reads the u64 of a timer (expiries since the last read) or an event (its signals, left).
    fn read_count(&mut self, object: Object, access: &Access<'_>) -> Step {
        if total(access.segments)? < 8 {
            return Err(Error::BadArgument.into());
        }
        let value = match object {
            Object::Timer(id) => self.timer_expiries(id),
            other => u64::from(self.raised(other).0),
        };
        if value == 0 {
            if access.status & status_flags::NONBLOCK != 0 {
                return Err(Error::WouldBlock.into());
            }
            return Err(self.wait_signals(access.thread, object, Signals::ALL, true));
        }
        self.scatter(access.thread, access.segments, &value.to_le_bytes())?;
        if let Object::Timer(id) = object {
            self.timer_take(id);
        }
        Ok(8)
    }

    /// Write and its variants.
    pub(crate) fn write(&mut self, handle: u64, mut access: Access<'_>) -> Step {
        let object = self.object_of(access.process, handle, Rights::WRITE)?;
        total(access.segments)?;
        match self.settle_access(object, Rights::WRITE, &mut access)? {
            Some(settles) => self.write_object(settles, &access),
            None => self.call_data(&access, operation::WRITE, Purpose::Value),
        }
    }

    fn write_object(&mut self, object: Object, access: &Access<'_>) -> Step {
        match object {
            Object::Stream(stream, end) if access.offset.is_none() => {
                let nonblocking = access.status & status_flags::NONBLOCK != 0;
                let opening = Opening {
                    stream,
                    end,
                    nonblocking,
                };
                self.stream_write(access.thread, opening, access.segments, &[])
            }
            Object::Stream(..) => Err(Error::NotSeekable.into()),
            Object::Cursor(cursor) => self.cursor_write(cursor, access),
            Object::Memory(memory) => self.memory_bytes_write(memory, access),
            Object::Void(_) => Ok(total(access.segments)?),
            _ => Err(Error::WrongKind.into()),
        }
    }

    /// Has the server of the session that was reached carry out a read or write. A vector of more segments than a call
    /// can lend is done in part, as a short count.
    pub(crate) fn call_data(
        &mut self,
        access: &Access<'_>,
        operation: u64,
        purpose: Purpose,
    ) -> Step {
        let session = access.session.ok_or(Error::BadHandle)?;
        let found = self.sessions.get(session).ok_or(Error::BadHandle)?;
        let (endpoint, badge) = (found.endpoint, found.badge);
        self.check_receivable(endpoint)?;
        let flags = if operation == operation::READ {
            buffer_flags::OUT
        } else {
            buffer_flags::IN
        };
        let thread = self
            .threads
            .get_mut(access.thread)
            .ok_or(Error::NoProcess)?;
        let lent = &mut thread.call.lent;
        lent.clear();
        let mut length = 0;
        for &(address, size) in access.segments.iter().filter(|(_, size)| *size > 0) {
            let Some(place) = lent.buffers.get_mut(lent.count as usize) else {
                break;
            };
            *place = Buffer {
                address,
                length: size,
                flags,
                reserved: 0,
            };
            lent.count += 1;
            length += size;
        }
        debug_assert!(lent.count as usize <= MAX_BUFFERS);
        let offset = access.offset.unwrap_or(CURRENT);
        let words = [operation, offset, length, u64::from(access.status), 0, 0];
        self.start_call(
            access.cpu,
            access.thread,
            (endpoint, badge),
            Some(words),
            purpose,
        )
    }

    /// Seek.
    pub(crate) fn seek(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, offset, whence, ..] = arguments;
        let entry = self.lookup(process, handle, Rights::NONE)?;
        if whence > 2 {
            return Err(Error::BadArgument.into());
        }
        let session = match entry.object {
            Object::Cursor(cursor) => return self.cursor_seek(cursor, offset, whence),
            Object::Session(session) => session,
            Object::Stream(..) => return Err(Error::NotSeekable.into()),
            Object::Void(_) => return Ok(0),
            _ => return Err(Error::WrongKind.into()),
        };
        let found = self.sessions.get(session).ok_or(Error::BadHandle)?;
        match found.data {
            Some(HandleEntry {
                object: Object::Cursor(cursor),
                ..
            }) => self.cursor_seek(cursor, offset, whence),
            // It has no position: every seek succeeds and says so.
            Some(HandleEntry {
                object: Object::Void(_),
                ..
            }) => Ok(0),
            Some(_) => Err(Error::NotSeekable.into()),
            None => {
                let (endpoint, badge) = (found.endpoint, found.badge);
                self.check_receivable(endpoint)?;
                let words = [operation::SEEK, offset, whence, 0, 0, 0];
                self.start_call(cpu, thread, (endpoint, badge), Some(words), Purpose::Value)
            }
        }
    }
}

/// What is always reported together with what was asked for.
pub(crate) fn with_always(signals: Signals) -> Signals {
    signals.or(ALWAYS)
}
