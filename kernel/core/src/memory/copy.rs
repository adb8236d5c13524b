//! Copies between user memory, Memory objects and the kernel.

use super::fault::FaultOutcome;
use super::{MemoryId, MemorySystem, PAGE, SpaceId, page_of};
use crate::machine::{self, Frame, Machine};
use kernel_abi::process::fault_kind;

/// Why a copy could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStop {
    /// The address is not mapped for this access, or the page is beyond the object's end.
    Fault,
    /// No frame was left.
    NoMemory,
    /// The pager could not supply the page.
    Failed,
    /// A pager has been asked for this page: try again when it is ready.
    WaitForPager {
        /// The Memory ...
        memory: MemoryId,
        /// ... and its page.
        page: u64,
    },
}

/// How far a copy came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes copied.
    pub copied: usize,
    /// Why not all.
    pub stop: Option<CopyStop>,
}

impl Progress {
    /// Copies piece by piece: `step` is given the bytes done and left, copies at least one of
    /// them and tells how many.
    fn run(
        length: usize,
        mut step: impl FnMut(usize, usize) -> Result<usize, CopyStop>,
    ) -> Progress {
        let mut copied = 0;
        while copied < length {
            match step(copied, length - copied) {
                Ok(count) => copied += count,
                Err(stop) => {
                    return Progress {
                        copied,
                        stop: Some(stop),
                    };
                }
            }
        }
        Progress { copied, stop: None }
    }

    fn whole(self) -> Result<(), CopyStop> {
        self.stop.map_or(Ok(()), Err)
    }
}

/// Bytes from an offset to the end of its page.
fn rest_of_page(offset: u64) -> usize {
    (PAGE - offset % PAGE) as usize
}

fn in_page(offset: u64) -> usize {
    (offset % PAGE) as usize
}

impl MemorySystem {
    /// The frame behind a user address, faulted in if need be.
    fn user_frame<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        space: machine::Space,
        address: u64,
        write: bool,
    ) -> Result<Frame, CopyStop> {
        if address >= kernel_abi::USER_END {
            return Err(CopyStop::Fault);
        }
        if let Some(frame) = machine.translate(space, address, write) {
            return Ok(frame);
        }
        match self.fault(machine, id, address, write, false) {
            // Device memory stays untranslated: its registers are not for copying.
            FaultOutcome::Resolved => machine
                .translate(space, address, write)
                .ok_or(CopyStop::Fault),
            FaultOutcome::WaitForPager { memory, page } => {
                Err(CopyStop::WaitForPager { memory, page })
            }
            FaultOutcome::Fault(fault_kind::NO_MEMORY) => Err(CopyStop::NoMemory),
            FaultOutcome::Fault(_) => Err(CopyStop::Fault),
        }
    }

    /// Copies out of user memory.
    ///
    /// # Errors
    /// [`CopyStop`]; `bytes` may be filled in part then.
    #[inline]
    pub fn copy_in<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        bytes: &mut [u8],
    ) -> Result<(), CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if bytes.len() <= rest_of_page(address)
            && address < kernel_abi::USER_END
            && let Some(frame) = machine.translate(space, address, false)
        {
            machine.read(frame, in_page(address), bytes);
            return Ok(());
        }
        let length = bytes.len();
        Progress::run(length, |done, left| {
            let from = address.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let frame = self.user_frame(machine, id, space, from, false)?;
            let count = left.min(rest_of_page(from));
            let part = bytes.get_mut(done..done + count).ok_or(CopyStop::Fault)?;
            machine.read(frame, in_page(from), part);
            Ok(count)
        })
        .whole()
    }

    /// Copies into user memory.
    ///
    /// # Errors
    /// [`CopyStop`]; a part may have been copied then.
    #[inline]
    pub fn copy_out<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if bytes.len() <= rest_of_page(address)
            && address < kernel_abi::USER_END
            && let Some(frame) = machine.translate(space, address, true)
        {
            machine.write(frame, in_page(address), bytes);
            return Ok(());
        }
        Progress::run(bytes.len(), |done, left| {
            let to = address.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let frame = self.user_frame(machine, id, space, to, true)?;
            let count = left.min(rest_of_page(to));
            let part = bytes.get(done..done + count).ok_or(CopyStop::Fault)?;
            machine.write(frame, in_page(to), part);
            Ok(count)
        })
        .whole()
    }

    /// Copies two pieces, one right behind the other, into user memory. Mostly both go to one page.
    ///
    /// # Errors
    /// As [`Self::copy_out`].
    pub fn copy_out_joined<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        [first, second]: [&[u8]; 2],
    ) -> Result<(), CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if first.len() + second.len() <= rest_of_page(address)
            && address < kernel_abi::USER_END
            && let Some(frame) = machine.translate(space, address, true)
        {
            machine.write(frame, in_page(address), first);
            machine.write(frame, in_page(address) + first.len(), second);
            return Ok(());
        }
        self.copy_out(machine, id, address, first)?;
        let next = address.checked_add(first.len() as u64);
        self.copy_out(machine, id, next.ok_or(CopyStop::Fault)?, second)
    }

    /// Copies two pieces, one right behind the other, out of user memory.
    ///
    /// # Errors
    /// As [`Self::copy_in`].
    pub fn copy_in_joined<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        [first, second]: [&mut [u8]; 2],
    ) -> Result<(), CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if first.len() + second.len() <= rest_of_page(address)
            && address < kernel_abi::USER_END
            && let Some(frame) = machine.translate(space, address, false)
        {
            machine.read(frame, in_page(address), first);
            machine.read(frame, in_page(address) + first.len(), second);
            return Ok(());
        }
        self.copy_in(machine, id, address, first)?;
        let next = address.checked_add(first.len() as u64);
        self.copy_in(machine, id, next.ok_or(CopyStop::Fault)?, second)
    }

    /// Copies between two user memories, in ascending order.
    pub fn copy_user_to_user<M: Machine>(
        &mut self,
        machine: &mut M,
        from: (SpaceId, u64),
        to: (SpaceId, u64),
        length: usize,
    ) -> Progress {
        let (Some(source), Some(target)) = (self.machine_space(from.0), self.machine_space(to.0))
        else {
            return Progress {
                copied: 0,
                stop: Some(CopyStop::Fault),
            };
        };
        // Mostly both pieces lie in one page each, which is there.
        if length <= rest_of_page(from.1).min(rest_of_page(to.1))
            && from.1.max(to.1) < kernel_abi::USER_END
            && let Some(read) = machine.translate(source, from.1, false)
            && let Some(write) = machine.translate(target, to.1, true)
        {
            machine.copy((read, in_page(from.1)), (write, in_page(to.1)), length);
            return Progress {
                copied: length,
                stop: None,
            };
        }
        Progress::run(length, |done, left| {
            let read = from.1.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let write = to.1.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            // The source first: a copy on write of the target cannot free the source's frame,
            // which the source's page map still counts.
            let source = self.user_frame(machine, from.0, source, read, false)?;
            let target = self.user_frame(machine, to.0, target, write, true)?;
            let count = left.min(rest_of_page(read)).min(rest_of_page(write));
            machine.copy((source, in_page(read)), (target, in_page(write)), count);
            Ok(count)
        })
    }

    /// Copies from a Memory, up to its capacity, into user memory.
    pub fn read_memory<M: Machine>(
        &mut self,
        machine: &mut M,
        memory: MemoryId,
        offset: u64,
        to: (SpaceId, u64),
        length: usize,
    ) -> Progress {
        self.transfer(machine, memory, offset, to, length, false)
    }

    /// Copies from user memory into a Memory, up to its capacity.
    pub fn write_memory<M: Machine>(
        &mut self,
        machine: &mut M,
        memory: MemoryId,
        offset: u64,
        from: (SpaceId, u64),
        length: usize,
    ) -> Progress {
        self.transfer(machine, memory, offset, from, length, true)
    }

    fn transfer<M: Machine>(
        &mut self,
        machine: &mut M,
        memory: MemoryId,
        offset: u64,
        user: (SpaceId, u64),
        length: usize,
        write: bool,
    ) -> Progress {
        let space = self.machine_space(user.0);
        let (Some(space), true) = (space, self.is_copyable(memory)) else {
            return Progress {
                copied: 0,
                stop: Some(CopyStop::Fault),
            };
        };
        Progress::run(length, |done, left| {
            let place = offset.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let address = user.1.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let count = left.min(rest_of_page(place)).min(rest_of_page(address));
            // As above, the side that is read comes first.
            if write {
                let source = self.user_frame(machine, user.0, space, address, false)?;
                let target = self.object_page(machine, memory, page_of(place), true)?;
                machine.copy((source, in_page(address)), (target, in_page(place)), count);
            } else {
                let source = self.object_page(machine, memory, page_of(place), false)?;
                let target = self.user_frame(machine, user.0, space, address, true)?;
                machine.copy((source, in_page(place)), (target, in_page(address)), count);
            }
            Ok(count)
        })
    }

    /// Copies bytes of the kernel into a Memory.
    ///
    /// # Errors
    /// [`CopyStop`]; a part may have been copied then.
    pub fn fill_memory<M: Machine>(
        &mut self,
        machine: &mut M,
        memory: MemoryId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), CopyStop> {
        if !self.is_copyable(memory) {
            return Err(CopyStop::Fault);
        }
        Progress::run(bytes.len(), |done, left| {
            let place = offset.checked_add(done as u64).ok_or(CopyStop::Fault)?;
            let frame = self.object_page(machine, memory, page_of(place), true)?;
            let count = left.min(rest_of_page(place));
            let part = bytes.get(done..done + count).ok_or(CopyStop::Fault)?;
            machine.write(frame, in_page(place), part);
            Ok(count)
        })
        .whole()
    }

    /// Device registers are reached through mappings only.
    fn is_copyable(&self, memory: MemoryId) -> bool {
        self.memories
            .get(memory)
            .is_some_and(|memory| !memory.is_device())
    }

    /// What names a futex: an object (a space, or the Memory of a shared region) and an offset in
    /// it. The page is made present.
    ///
    /// # Errors
    /// [`CopyStop`].
    pub fn futex_key<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
    ) -> Result<(u64, u64), CopyStop> {
        let space = self.spaces.get(id).ok_or(CopyStop::Fault)?;
        let region = space.find(address).ok_or(CopyStop::Fault)?;
        let name = |index: u32, generation: u32| u64::from(generation) << 32 | u64::from(index);
        let key = match region.backing {
            // Bit 63 tells the two kinds apart; generations do not get that far.
            Some((memory, offset)) if region.is_shared() => (
                1 << 63 | name(memory.index(), memory.generation()),
                offset + (address - region.start),
            ),
            _ => (name(id.index(), id.generation()), address),
        };
        let hardware = space.machine;
        self.user_frame(machine, id, hardware, address, false)?;
        Ok(key)
    }

    /// Atomically loads the aligned u32 at a user address.
    ///
    /// # Errors
    /// [`CopyStop`]; `Fault` for a misaligned address too.
    pub fn load_u32<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
    ) -> Result<u32, CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if !address.is_multiple_of(4) {
            return Err(CopyStop::Fault);
        }
        let frame = self.user_frame(machine, id, space, address, false)?;
        Ok(machine.load_u32(frame, in_page(address)))
    }

    /// Atomically replaces the aligned u32 at a user address if it is `current`: returns what
    /// it was.
    ///
    /// # Errors
    /// [`CopyStop`]; `Fault` for a misaligned address too.
    pub fn exchange_u32<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        (current, new): (u32, u32),
    ) -> Result<u32, CopyStop> {
        let space = self.machine_space(id).ok_or(CopyStop::Fault)?;
        if !address.is_multiple_of(4) {
            return Err(CopyStop::Fault);
        }
        let frame = self.user_frame(machine, id, space, address, true)?;
        Ok(machine.exchange_u32(frame, in_page(address), current, new))
    }
}
