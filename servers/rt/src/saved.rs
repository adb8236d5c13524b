//! A server's state in memory that the supervisor keeps for its next instance.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use kernel_abi::{Error, Handle};
use kernel_stubs::safe;
use proto::supervisor;

use crate::{Mapping, Session};

/// Commit word: magic in the upper half, the valid half's number in the lowest bit.
const MAGIC: u64 = 0x4445_5641_0000_0000;
/// Bytes before the halves.
const HEADER: u64 = 64;
/// Bytes of a half before its content: the content's length.
const HALF_HEADER: u64 = 8;

/// Slots for blobs, each of which is replaced whole and is valid at every instant: a slot has two
/// halves, of which a commit word names the valid one.
pub struct SavedTable {
    mapping: Mapping,
    slots: usize,
    slot_bytes: u64,
    half_bytes: u64,
}

impl SavedTable {
    /// Takes over what the last instance saved under `name`, or starts with nothing. Each of
    /// `slots` may hold up to `capacity` bytes; pages are taken only as they are used.
    pub fn open(
        supervisor: Handle,
        name: &str,
        slots: usize,
        capacity: u64,
    ) -> Result<SavedTable, Error> {
        let session = Session(supervisor);
        let half_bytes = (HALF_HEADER + capacity).next_multiple_of(64);
        let slot_bytes = HEADER + 2 * half_bytes;
        let size = (slot_bytes * slots as u64).next_multiple_of(kernel_abi::PAGE_SIZE);
        let memory = match supervisor::unpark(&session, name.as_bytes(), &[]) {
            Ok(answer) => answer.handles[0],
            Err(_) => {
                let memory = safe::memory_create(size, 0)?;
                if let Err(error) = supervisor::park(&session, name.as_bytes(), &[memory]) {
                    crate::log!("cannot park {name}: {error:?}");
                }
                memory
            }
        };
        let mapping = Mapping::new(memory, 0, size, true);
        safe::handle_close(memory)?;
        Ok(SavedTable {
            mapping: mapping?,
            slots,
            slot_bytes,
            half_bytes,
        })
    }

    /// Where a slot lies; `None` when there is no such.
    fn slot(&self, slot: usize) -> Option<u64> {
        (slot < self.slots).then_some(slot as u64 * self.slot_bytes)
    }

    /// Which half of the slot at `start` is valid.
    fn valid_half(&self, start: u64) -> Option<u64> {
        let word = self.mapping.load(start)?;
        (word & !1 == MAGIC).then_some(word & 1)
    }

    fn half(&self, start: u64, number: u64) -> u64 {
        start + HEADER + number * self.half_bytes
    }

    /// What was saved last in a slot.
    pub fn load(&self, slot: usize) -> Option<Vec<u8>> {
        let start = self.slot(slot)?;
        let half = self.half(start, self.valid_half(start)?);
        let length = self.mapping.load(half)?;
        if length > self.half_bytes - HALF_HEADER {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.mapping.read(half + HALF_HEADER, &mut bytes)?;
        Some(bytes)
    }

    /// Replaces it. `false`: it is too long, or there is no such slot, and the old content stays.
    pub fn store(&mut self, slot: usize, bytes: &[u8]) -> bool {
        let fits = bytes.len() as u64 <= self.half_bytes - HALF_HEADER;
        let Some(start) = self.slot(slot).filter(|_| fits) else {
            return false;
        };
        let next = self.valid_half(start).map_or(0, |current| 1 - current);
        let half = self.half(start, next);
        let written = self
            .mapping
            .write(half + HALF_HEADER, bytes)
            .and_then(|()| self.mapping.store(half, bytes.len() as u64));
        let Some(word) = self.mapping.word(start).filter(|_| written.is_some()) else {
            return false;
        };
        // The content is complete before the commit word names it.
        word.store(MAGIC | next, Ordering::Release);
        true
    }
}

/// A single blob: a table of one slot.
pub struct Saved(SavedTable);

impl Saved {
    /// As [`SavedTable::open`], with one slot.
    pub fn open(supervisor: Handle, name: &str, capacity: u64) -> Result<Saved, Error> {
        SavedTable::open(supervisor, name, 1, capacity).map(Saved)
    }

    /// What was saved last.
    pub fn load(&self) -> Option<Vec<u8>> {
        self.0.load(0)
    }

    /// Replaces it. `false`: it is too long, and the old content stays.
    pub fn store(&mut self, bytes: &[u8]) -> bool {
        self.0.store(0, bytes)
    }
}
