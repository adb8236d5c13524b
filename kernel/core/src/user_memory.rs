//! Structures and bytes in user memory, read and written through the page tables' software view.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::{CopyStop, SpaceId};
use crate::thread::{Step, Stop};
use kernel_abi::Error;

/// Most bytes that one step copies before it gives others a chance to run.
pub(crate) const STEP_BYTES: usize = 64 * 1024;

impl From<CopyStop> for Stop {
    fn from(stop: CopyStop) -> Stop {
        match stop {
            CopyStop::Fault => Stop::Error(Error::BadAddress),
            CopyStop::Failed => Stop::Error(Error::Io),
            CopyStop::NoMemory => Stop::Error(Error::NoMemory),
            CopyStop::WaitForPager { memory, page } => Stop::Page(memory, page),
        }
    }
}

/// Little-endian fields of a structure in user memory.
#[derive(Clone, Copy)]
pub(crate) struct Fields<const SIZE: usize>(pub [u8; SIZE]);

impl<const SIZE: usize> Fields<SIZE> {
    /// All zero.
    pub const fn zero() -> Self {
        Fields([0; SIZE])
    }

    /// The u32 at an offset; 0 beyond the end.
    pub fn u32(&self, offset: usize) -> u32 {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.copied().map_or(0, u32::from_le_bytes)
    }

    /// The u64 at an offset; 0 beyond the end.
    pub fn u64(&self, offset: usize) -> u64 {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.copied().map_or(0, u64::from_le_bytes)
    }

    /// Sets the u32 at an offset.
    pub fn set_u32(&mut self, offset: usize, value: u32) {
        if let Some(place) = self
            .0
            .get_mut(offset..)
            .and_then(|rest| rest.first_chunk_mut())
        {
            *place = value.to_le_bytes();
        }
    }

    /// Sets the u64 at an offset.
    pub fn set_u64(&mut self, offset: usize, value: u64) {
        if let Some(place) = self
            .0
            .get_mut(offset..)
            .and_then(|rest| rest.first_chunk_mut())
        {
            *place = value.to_le_bytes();
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// The address space of a process.
    pub(crate) fn space_of(&self, process: ProcessId) -> Result<SpaceId, Error> {
        self.processes
            .get(process)
            .map(|process| process.space)
            .ok_or(Error::NoProcess)
    }

    /// The address space of a thread.
    pub(crate) fn thread_space(&self, thread: ThreadId) -> Result<SpaceId, Error> {
        self.space_of(self.process_of(thread)?)
    }

    /// Copies bytes out of a thread's memory.
    pub(crate) fn read_user(
        &mut self,
        thread: ThreadId,
        address: u64,
        bytes: &mut [u8],
    ) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let result = self
            .memory
            .copy_in(&mut self.machine, space, address, bytes);
        self.settle_memory();
        Ok(result?)
    }

    /// Copies bytes into a thread's memory.
    pub(crate) fn write_user(
        &mut self,
        thread: ThreadId,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let result = self
            .memory
            .copy_out(&mut self.machine, space, address, bytes);
        self.settle_memory();
        Ok(result?)
    }

    /// Reads a structure; its address must be aligned to 8.
    pub(crate) fn read_fields<const SIZE: usize>(
        &mut self,
        thread: ThreadId,
        address: u64,
    ) -> Result<Fields<SIZE>, Stop> {
        let mut fields = Fields::zero();
        self.read_user(thread, address, &mut fields.0)?;
        Ok(fields)
    }

    /// Writes a structure made of u64 only.
    pub(crate) fn write_words(
        &mut self,
        thread: ThreadId,
        address: u64,
        words: &[u64],
    ) -> Result<(), Stop> {
        const PIECE: usize = 16;
        for (index, piece) in words.chunks(PIECE).enumerate() {
            let mut bytes = [0; PIECE * 8];
            for (place, word) in bytes.chunks_exact_mut(8).zip(piece) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            let offset = (index * PIECE * 8) as u64;
            let place = address.checked_add(offset).ok_or(Error::BadAddress)?;
            let filled = bytes.get(..piece.len() * 8).unwrap_or(&bytes);
            self.write_user(thread, place, filled)?;
        }
        Ok(())
    }

    /// Copies between two spaces in steps of at most [`STEP_BYTES`]; what is done stands in the
    /// thread's progress. Returns the bytes copied in all.
    pub(crate) fn copy_stepwise(
        &mut self,
        thread: ThreadId,
        from: (SpaceId, u64),
        to: (SpaceId, u64),
        length: u64,
    ) -> Step {
        let done = self
            .threads
            .get(thread)
            .ok_or(Error::NoProcess)?
            .progress
            .min(length);
        let step = (length - done).min(STEP_BYTES as u64);
        let source = from.1.checked_add(done).ok_or(Error::BadAddress)?;
        let target = to.1.checked_add(done).ok_or(Error::BadAddress)?;
        let progress = self.memory.copy_user_to_user(
            &mut self.machine,
            (from.0, source),
            (to.0, target),
            step as usize,
        );
        self.settle_memory();
        let done = done + progress.copied as u64;
        if let Some(found) = self.threads.get_mut(thread) {
            found.progress = done;
        }
        match progress.stop {
            Some(CopyStop::WaitForPager { memory, page }) => Err(Stop::Page(memory, page)),
            Some(stop) if done == 0 => Err(stop.into()),
            Some(_) => Ok(done),
            None if done < length => Err(Stop::Again),
            None => Ok(done),
        }
    }

    /// Delivers what the memory system has to say to threads and endpoints after an operation:
    /// pages that came, requests for pages.
    #[inline]
    pub(crate) fn settle_memory(&mut self) {
        if self.memory.has_news() {
            self.deliver_memory_news();
        }
    }

    fn deliver_memory_news(&mut self) {
        while let Some((memory, page)) = self.memory.take_wakeup() {
            self.page_ready(memory, page);
        }
        while let Some(request) = self.memory.take_page_request() {
            self.post_page_request(request);
        }
        while let Some(memory) = self.memory.take_unreferenced() {
            self.memory_unreferenced(memory);
        }
    }
}
