//! A server's state in memory that the supervisor keeps for its next instance.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use kernel_abi::{Error, Handle};
use kernel_stubs::safe;
use proto::supervisor;

use crate::{Mapping, Session};

/// First word: magic in the upper half, the valid slot's number in the lowest bit.
const MAGIC: u64 = 0x4445_5641_0000_0000;
/// Bytes before the slots.
const HEADER: u64 = 64;
/// Bytes of a slot before its content: the content's length.
const SLOT_HEADER: u64 = 8;

/// A blob that is replaced whole and is valid at every instant: two slots, of which a commit word
/// names the valid one.
pub struct Saved {
    mapping: Mapping,
    slot_bytes: u64,
    current: Option<u64>,
}

impl Saved {
    /// Takes over what the last instance saved under `name`, or starts with nothing. A content
    /// may have up to `capacity` bytes; pages are taken only as it grows.
    pub fn open(supervisor: Handle, name: &str, capacity: u64) -> Result<Saved, Error> {
        let session = Session(supervisor);
        let slot_bytes = (SLOT_HEADER + capacity).next_multiple_of(64);
        let size = (HEADER + 2 * slot_bytes).next_multiple_of(kernel_abi::PAGE_SIZE);
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
        let mut saved = Saved {
            mapping: mapping?,
            slot_bytes,
            current: None,
        };
        let word = saved.mapping.load(0).unwrap_or(0);
        if word & !1 == MAGIC {
            saved.current = Some(word & 1);
        }
        Ok(saved)
    }

    fn slot(&self, number: u64) -> u64 {
        HEADER + number * self.slot_bytes
    }

    /// What was saved last.
    pub fn load(&self) -> Option<Vec<u8>> {
        let slot = self.slot(self.current?);
        let length = self.mapping.load(slot)?;
        if length > self.slot_bytes - SLOT_HEADER {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.mapping.read(slot + SLOT_HEADER, &mut bytes)?;
        Some(bytes)
    }

    /// Replaces it. `false`: it is too long, and the old content stays.
    pub fn store(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() as u64 > self.slot_bytes - SLOT_HEADER {
            return false;
        }
        let next = self.current.map_or(0, |current| 1 - current);
        let slot = self.slot(next);
        let written = self
            .mapping
            .write(slot + SLOT_HEADER, bytes)
            .and_then(|()| self.mapping.store(slot, bytes.len() as u64));
        let Some(word) = self.mapping.word(0).filter(|_| written.is_some()) else {
            return false;
        };
        // The content is complete before the commit word names it.
        word.store(MAGIC | next, Ordering::Release);
        self.current = Some(next);
        true
    }
}
