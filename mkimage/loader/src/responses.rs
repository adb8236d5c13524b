//! Writing responses: little-endian words in memory that the kernel may reclaim.

use crate::memory::{PhysicalMemory, PhysicalRange, write_u64};
use crate::memory_map::Region;
use crate::requests::{RESPONSE_OFFSET, RequestKind, Requests};
use crate::{HHDM_OFFSET, LoadError, Module};

/// A linear framebuffer as the firmware set it up, 32 bits a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framebuffer {
    /// Where its pixels are.
    pub range: PhysicalRange,
    /// Pixels in a row.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// Bytes from one row to the next.
    pub pitch: u64,
    /// Position of the lowest bit of red, green and blue; each has eight.
    pub shifts: [u8; 3],
}

/// Memory for responses, handed out in order.
#[derive(Debug)]
pub struct Arena {
    next: u64,
    end: u64,
}

impl Arena {
    /// An arena over `range`, whose contents do not matter.
    #[must_use]
    pub const fn new(range: PhysicalRange) -> Self {
        Self {
            next: range.base,
            end: range.end(),
        }
    }

    /// Physical address of what is allocated next.
    #[must_use]
    pub const fn next_address(&self) -> u64 {
        self.next
    }

    /// Physical address of `length` bytes, aligned to 16.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`] when the arena is full.
    pub fn allocate(&mut self, length: u64) -> Result<u64, LoadError> {
        let start = self.next;
        let end = start
            .checked_add(length.next_multiple_of(16))
            .ok_or(LoadError::OutOfMemory)?;
        if end > self.end {
            return Err(LoadError::OutOfMemory);
        }
        self.next = end;
        Ok(start)
    }

    /// Stores `words` and returns their address in the direct map.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn words(
        &mut self,
        memory: &mut impl PhysicalMemory,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<u64, LoadError> {
        let length = words.len() as u64 * 8;
        let base = self.allocate(length)?;
        let range = PhysicalRange { base, length };
        let bytes = memory.bytes_mut(range).ok_or(LoadError::Unreachable)?;
        for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        Ok(base + HHDM_OFFSET)
    }

    /// Stores `text` with a terminating NUL and returns its address in the direct map.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn string(
        &mut self,
        memory: &mut impl PhysicalMemory,
        text: &[u8],
    ) -> Result<u64, LoadError> {
        let length = text.len() as u64 + 1;
        let base = self.allocate(length)?;
        let range = PhysicalRange { base, length };
        let bytes = memory.bytes_mut(range).ok_or(LoadError::Unreachable)?;
        bytes[..text.len()].copy_from_slice(text);
        bytes[text.len()] = 0;
        Ok(base + HHDM_OFFSET)
    }
}

/// Answers requests of one kernel.
#[derive(Debug)]
pub struct Responder<'a> {
    /// What the kernel asks.
    pub requests: &'a Requests,
    /// Physical address of the kernel's lowest page.
    pub image: u64,
    /// Where the responses go.
    pub arena: Arena,
}

impl Responder<'_> {
    /// Points the request of `kind`, if there is one, to a response of `words`, which start
    /// with the response's revision.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn respond<const N: usize>(
        &mut self,
        memory: &mut impl PhysicalMemory,
        kind: RequestKind,
        words: [u64; N],
    ) -> Result<(), LoadError> {
        let Some(request) = self.requests.get(kind) else {
            return Ok(());
        };
        let response = self.arena.words(memory, words.into_iter())?;
        write_u64(
            memory,
            self.image + request.offset + RESPONSE_OFFSET,
            response,
        )
    }

    /// Marks the base revision as granted: the tag's last word becomes 0 and its second one
    /// the revision in force.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreachable`].
    pub fn grant_base_revision(
        &mut self,
        memory: &mut impl PhysicalMemory,
    ) -> Result<(), LoadError> {
        let tag = self.image + self.requests.base_revision_offset;
        write_u64(memory, tag + 8, self.requests.base_revision)?;
        write_u64(memory, tag + 16, 0)
    }

    /// Answers the request for modules.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn modules(
        &mut self,
        memory: &mut impl PhysicalMemory,
        modules: &[Module<'_>],
    ) -> Result<(), LoadError> {
        let files = self.arena.allocate(modules.len() as u64 * 8)?;
        for (index, module) in modules.iter().enumerate() {
            let path = self.arena.string(memory, module.path.as_bytes())?;
            let string = self.arena.string(memory, b"")?;
            // Revision, address, size, path, string; media, network, partition and disk
            // identities follow and do not apply.
            let address = module.range.base + HHDM_OFFSET;
            let head = [0, address, module.range.length, path, string];
            let mut words = [0; 14];
            words[..head.len()].copy_from_slice(&head);
            let file = self.arena.words(memory, words.into_iter())?;
            write_u64(memory, files + 8 * index as u64, file)?;
        }
        let count = modules.len() as u64;
        self.respond(
            memory,
            RequestKind::Modules,
            [0, count, files + HHDM_OFFSET],
        )
    }

    /// Answers the request for framebuffers.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn framebuffer(
        &mut self,
        memory: &mut impl PhysicalMemory,
        framebuffer: &Framebuffer,
    ) -> Result<(), LoadError> {
        const BITS_PER_PIXEL: u8 = 32;
        const RGB: u8 = 1;
        const MASK_SIZE: u8 = 8;
        let [red, green, blue] = framebuffer.shifts;
        let format = u64::from_le_bytes([
            BITS_PER_PIXEL,
            0,
            RGB,
            MASK_SIZE,
            red,
            MASK_SIZE,
            green,
            MASK_SIZE,
        ]);
        let address = framebuffer.range.base + HHDM_OFFSET;
        let Framebuffer {
            width,
            height,
            pitch,
            ..
        } = *framebuffer;
        // The last two words are the size and place of the monitor's description: unknown.
        let words = [address, width, height, pitch, format, u64::from(blue), 0, 0];
        let structure = self.arena.words(memory, words.into_iter())?;
        let list = self.arena.words(memory, [structure].into_iter())?;
        self.respond(memory, RequestKind::Framebuffer, [0, 1, list])
    }

    /// Answers the request for the memory map; nothing may be allocated afterwards.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`], [`LoadError::Unreachable`].
    pub fn memory_map(
        &mut self,
        memory: &mut impl PhysicalMemory,
        regions: &[Region],
    ) -> Result<(), LoadError> {
        const ENTRY_SIZE: u64 = 24;
        let words = |region: &Region| [region.base, region.end - region.base, region.kind as u64];
        let count = regions.len() as u64;
        let entries = self.arena.allocate(count * ENTRY_SIZE)?;
        let range = PhysicalRange {
            base: entries,
            length: count * ENTRY_SIZE,
        };
        let bytes = memory.bytes_mut(range).ok_or(LoadError::Unreachable)?;
        let fields = bytes.chunks_exact_mut(8);
        for (field, word) in fields.zip(regions.iter().flat_map(words)) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        let addresses = (0..regions.len()).map(|n| entries + HHDM_OFFSET + n as u64 * ENTRY_SIZE);
        let list = self.arena.words(memory, addresses)?;
        self.respond(memory, RequestKind::MemoryMap, [0, count, list])
    }
}
