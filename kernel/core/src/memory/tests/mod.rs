//! Tests of the memory system over a machine of vectors.

mod model;
mod objects;
mod spaces;

use super::{CopyStop, FaultOutcome, MapRequest, MemoryId, MemorySystem, SpaceId};
use crate::machine::Machine;
use crate::testing::FakeMachine;
use kernel_abi::Error;
use kernel_abi::memory::{map_flags, protection};
use std::vec::Vec;

pub(super) const PAGE: u64 = 4096;
pub(super) const READ_WRITE: u32 = protection::READ | protection::WRITE;
pub(super) const BASE: u64 = 0x10_0000;

/// A memory system with its machine, and how many frames were free at first.
pub(super) struct World {
    pub machine: FakeMachine,
    pub memory: MemorySystem,
    free_at_first: usize,
}

impl World {
    pub fn new(frames: u32) -> World {
        let machine = FakeMachine::new(frames);
        let memory = MemorySystem::new(machine.frame_limit());
        let free_at_first = machine.free_frames();
        World {
            machine,
            memory,
            free_at_first,
        }
    }

    pub fn space(&mut self) -> SpaceId {
        self.memory.space_create(&mut self.machine).unwrap()
    }

    pub fn destroy(&mut self, space: SpaceId) {
        self.memory.space_destroy(&mut self.machine, space);
    }

    pub fn anonymous(&mut self, pages: u64) -> MemoryId {
        self.memory
            .create_anonymous(&mut self.machine, pages * PAGE, 1)
            .unwrap()
    }

    pub fn release(&mut self, memory: MemoryId) {
        self.memory.release(&mut self.machine, memory);
    }

    pub fn map(&mut self, space: SpaceId, request: MapRequest) -> Result<u64, Error> {
        self.memory.map(&mut self.machine, space, &request)
    }

    pub fn unmap(&mut self, space: SpaceId, address: u64, length: u64) -> Result<(), Error> {
        self.memory.unmap(&mut self.machine, space, address, length)
    }

    pub fn protect(&mut self, space: SpaceId, at: u64, length: u64, to: u32) -> Result<(), Error> {
        self.memory
            .protect(&mut self.machine, space, at, length, to)
    }

    pub fn fault(&mut self, space: SpaceId, address: u64, write: bool) -> FaultOutcome {
        self.memory
            .fault(&mut self.machine, space, address, write, false)
    }

    pub fn store(&mut self, space: SpaceId, address: u64, value: u64) -> Result<(), CopyStop> {
        self.memory
            .copy_out(&mut self.machine, space, address, &value.to_le_bytes())
    }

    pub fn load(&mut self, space: SpaceId, address: u64) -> Result<u64, CopyStop> {
        let mut bytes = [0; 8];
        self.memory
            .copy_in(&mut self.machine, space, address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Checks that nothing is left and every frame is free again.
    pub fn assert_empty(&self) {
        assert_eq!(self.machine.space_count(), 0);
        assert_eq!(self.memory.count(), 0);
        assert_eq!(self.machine.free_frames(), self.free_at_first);
    }
}

/// Anonymous private memory, readable and writable, at an address.
pub(super) fn fixed(address: u64, pages: u64) -> MapRequest {
    MapRequest {
        address,
        length: pages * PAGE,
        offset: 0,
        memory: None,
        protection: READ_WRITE,
        flags: map_flags::ANONYMOUS | map_flags::FIXED,
        maximum: 0,
    }
}

/// Pages of a Memory at an address.
pub(super) fn fixed_memory(address: u64, pages: u64, memory: MemoryId, shared: bool) -> MapRequest {
    let sharing = if shared { map_flags::SHARED } else { 0 };
    MapRequest {
        memory: Some(memory),
        flags: map_flags::FIXED | sharing,
        ..fixed(address, pages)
    }
}

/// Requests waiting for pagers.
pub(super) fn requests(world: &mut World) -> Vec<super::PageRequest> {
    core::iter::from_fn(|| world.memory.take_page_request()).collect()
}
