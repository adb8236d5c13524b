//! Cursors: a position in a Memory. The content's length is the Memory's; growth is the server's.

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::MemoryId;
use crate::object::{HandleEntry, Object};
use crate::pending::Raised;
use crate::pending_call::Purpose;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream::total;
use crate::thread::{Step, Stop};
use crate::user_memory::STEP_BYTES;
use alloc::vec::Vec;
use kernel_abi::message::{operation, status_flags};
use kernel_abi::{Error, Rights, Signals};

/// The upcall that a write beyond the file size limit raises (`SIGXFSZ` - 1).
const FILE_SIZE_UPCALL: u32 = 24;

/// A cursor.
pub(crate) struct Cursor {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`, for a cursor without a session.
    pub status: u32,
    pub position: u64,
    memory: HandleEntry,
}

/// Direction of a copy between user segments and a Memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// The segments that hold the first bytes of others.
fn first_bytes(segments: &[(u64, u64)], mut count: u64) -> Vec<(u64, u64)> {
    let mut first = Vec::new();
    for &(address, length) in segments {
        let length = length.min(count);
        first.push((address, length));
        count -= length;
    }
    first
}

impl<M: Machine> Kernel<M> {
    /// CursorCreate.
    pub(crate) fn cursor_create(&mut self, process: ProcessId, memory: u64, rights: u64) -> Step {
        self.check_reserve()?;
        let entry = self.lookup(process, memory, Rights::NONE)?;
        let Object::Memory(_) = entry.object else {
            return Err(Error::WrongKind.into());
        };
        let asked = Rights(u32::try_from(rights).map_err(|_| Error::BadArgument)?);
        let bytes = entry.rights.and(asked).and(Rights::READ.or(Rights::WRITE));
        let memory = HandleEntry::new(entry.object, bytes);
        self.retain(&memory);
        let id = self.cursors.insert(Cursor {
            references: 0,
            // A file is always ready, as POSIX has it.
            signals: SignalState::new(Signals::READABLE.or(Signals::WRITABLE)),
            status: 0,
            position: 0,
            memory,
        });
        let rest = Rights::DUPLICATE.or(Rights::TRANSFER).or(Rights::WAIT);
        Ok(self.place_new(process, Object::Cursor(id), bytes.or(rest))?)
    }

    /// The memory of a cursor, if it may be used so.
    fn cursor_memory(&self, id: Id<Cursor>, needed: Rights) -> Result<(MemoryId, u64), Error> {
        let cursor = self.cursors.get(id).ok_or(Error::BadHandle)?;
        if !cursor.memory.rights.contains(needed) {
            return Err(Error::AccessDenied);
        }
        match cursor.memory.object {
            Object::Memory(memory) => Ok((memory, cursor.position)),
            _ => Err(Error::WrongKind),
        }
    }

    /// Reads at the position or an offset, up to the content's end.
    pub(crate) fn cursor_read(&mut self, id: Id<Cursor>, access: &Access<'_>) -> Step {
        let (memory, position) = self.cursor_memory(id, Rights::READ)?;
        let start = access.offset.unwrap_or(position);
        let end = self.memory.length(memory).ok_or(Error::BadHandle)?;
        let wanted = total(access.segments)?.min(end.saturating_sub(start));
        let count = self.memory_copy(memory, start, access, wanted, Direction::Read)?;
        if access.offset.is_none()
            && let Some(cursor) = self.cursors.get_mut(id)
        {
            cursor.position = start.saturating_add(count);
        }
        Ok(count)
    }

    /// Writes: within the content here, growth by a call to the server.
    pub(crate) fn cursor_write(&mut self, id: Id<Cursor>, access: &Access<'_>) -> Step {
        let (memory, position) = self.cursor_memory(id, Rights::WRITE)?;
        let end = self.memory.length(memory).ok_or(Error::BadHandle)?;
        let length = total(access.segments)?;
        if length == 0 {
            return Ok(0);
        }
        let append = access.status & status_flags::APPEND != 0 && access.offset.is_none();
        let start = if append {
            end
        } else {
            access.offset.unwrap_or(position)
        };
        let last = start.checked_add(length).ok_or(Error::TooLong)?;
        if let Some(allowed) = self.check_file_limit(access, start, last)? {
            let segments = first_bytes(access.segments, allowed);
            let segments = &segments;
            return self.cursor_write(
                id,
                &Access {
                    segments,
                    ..*access
                },
            );
        }
        let inside = length.min(end.saturating_sub(start));
        if inside == length {
            let count = self.memory_copy(memory, start, access, length, Direction::Write)?;
            self.cursor_moved(id, access, start.saturating_add(count));
            return Ok(count);
        }
        if access.session.is_none() {
            return Err(Error::TooLong.into());
        }
        // The whole of a write that grows goes to the server, so that it is one write there too.
        let offset = if append { u64::MAX } else { start };
        let grown = Access {
            offset: Some(offset),
            ..*access
        };
        let purpose = match access.offset {
            Some(_) => Purpose::Value,
            None => Purpose::Cursor {
                cursor: id,
                written: 0,
            },
        };
        self.call_data(&grown, operation::WRITE, purpose)
    }

    fn cursor_moved(&mut self, id: Id<Cursor>, access: &Access<'_>, position: u64) {
        if access.offset.is_none()
            && let Some(cursor) = self.cursors.get_mut(id)
        {
            cursor.position = position;
        }
    }

    /// `RLIMIT_FSIZE`: as many bytes as may be written, where those are not all.
    fn check_file_limit(
        &mut self,
        access: &Access<'_>,
        start: u64,
        last: u64,
    ) -> Result<Option<u64>, Stop> {
        let owner = self.processes.get(access.process).ok_or(Error::NoProcess)?;
        let limit = owner.limits.file;
        if last <= limit {
            return Ok(None);
        }
        if start < limit {
            return Ok(Some(limit - start));
        }
        let raised = Raised::plain(FILE_SIZE_UPCALL);
        // Pending once is enough.
        let _ = self.raise_in_thread(access.thread, raised);
        Err(Error::TooLong.into())
    }

    /// Seek.
    pub(crate) fn cursor_seek(&mut self, id: Id<Cursor>, offset: u64, whence: u64) -> Step {
        let (memory, position) = self.cursor_memory(id, Rights::NONE)?;
        let base = match whence {
            0 => 0,
            1 => position,
            _ => self.memory.length(memory).ok_or(Error::BadHandle)?,
        };
        let target = base
            .checked_add_signed(offset as i64)
            .ok_or(Error::BadArgument)?;
        if target > i64::MAX as u64 {
            return Err(Error::BadArgument.into());
        }
        self.cursors.get_mut(id).ok_or(Error::BadHandle)?.position = target;
        Ok(target)
    }

    /// ReadAt on a Memory handle: up to its capacity.
    pub(crate) fn memory_bytes_read(&mut self, memory: MemoryId, access: &Access<'_>) -> Step {
        self.memory_bytes(memory, access, Direction::Read)
    }

    /// WriteAt on a Memory handle: up to its capacity.
    pub(crate) fn memory_bytes_write(&mut self, memory: MemoryId, access: &Access<'_>) -> Step {
        self.memory_bytes(memory, access, Direction::Write)
    }

    fn memory_bytes(&mut self, memory: MemoryId, access: &Access<'_>, way: Direction) -> Step {
        let offset = access.offset.ok_or(Error::NotSeekable)?;
        let size = self.memory.size(memory).ok_or(Error::BadHandle)?;
        let wanted = total(access.segments)?.min(size.saturating_sub(offset));
        self.memory_copy(memory, offset, access, wanted, way)
    }

    /// Copies between segments and a Memory, in steps; progress stands in the thread.
    fn memory_copy(
        &mut self,
        memory: MemoryId,
        offset: u64,
        access: &Access<'_>,
        wanted: u64,
        way: Direction,
    ) -> Step {
        let space = self.thread_space(access.thread)?;
        let mut done = self.progress(access.thread).min(wanted);
        let (mut skip, mut budget) = (done, STEP_BYTES as u64);
        for &(address, length) in access.segments {
            let skipped = skip.min(length);
            skip -= skipped;
            let part = (length - skipped).min(wanted - done).min(budget);
            if part == 0 {
                continue;
            }
            let start = address.checked_add(skipped).ok_or(Error::BadAddress)?;
            let place = offset.checked_add(done).ok_or(Error::BadArgument)?;
            let machine = &mut self.machine;
            let target = (space, start);
            let progress = match way {
                Direction::Read => {
                    self.memory
                        .read_memory(machine, memory, place, target, part as usize)
                }
                Direction::Write => {
                    self.memory
                        .write_memory(machine, memory, place, target, part as usize)
                }
            };
            self.settle_memory();
            done += progress.copied as u64;
            budget -= progress.copied as u64;
            self.set_progress(access.thread, done);
            match progress.stop.map(Stop::from) {
                None => {}
                Some(Stop::Page(memory, page)) => return Err(Stop::Page(memory, page)),
                Some(stop) if done == 0 => return Err(stop),
                Some(_) => return Ok(done),
            }
            if budget == 0 {
                break;
            }
        }
        if done < wanted {
            Err(Stop::Again)
        } else {
            Ok(done)
        }
    }

    /// Bytes that the thread's call has done.
    pub(crate) fn progress(&self, thread: ThreadId) -> u64 {
        self.threads.get(thread).map_or(0, |found| found.progress)
    }

    /// Records them.
    pub(crate) fn set_progress(&mut self, thread: ThreadId, done: u64) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.progress = done;
        }
    }

    /// The last reference is gone.
    pub(crate) fn cursor_remove(&mut self, id: Id<Cursor>) {
        if let Some(cursor) = self.cursors.remove(id) {
            self.release(cursor.memory);
        }
    }
}

#[cfg(test)]
impl Cursor {
    /// The Memory that it keeps.
    pub fn memory_entry(&self) -> HandleEntry {
        self.memory
    }
}
