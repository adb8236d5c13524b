//! Memory that one device may reach.

use alloc::vec;

use kernel_abi::memory::memory_flags;
use kernel_abi::{Error, Handle, PAGE_SIZE};
use kernel_stubs::safe;

use crate::Registers;

/// Physically contiguous memory, mapped here and pinned for a device.
pub struct DmaMemory {
    /// Its bytes.
    pub window: Registers,
    /// Address under which the device sees its first byte.
    pub address: u64,
    /// The Memory, kept so that it lives as long as the device may use it.
    pub memory: Handle,
}

impl DmaMemory {
    /// Makes `length` bytes, rounded up to pages, zero filled.
    ///
    /// # Errors
    /// `NoMemory` and the other errors of making, mapping and pinning memory.
    pub fn new(domain: Handle, length: u64) -> Result<DmaMemory, Error> {
        let length = length.next_multiple_of(PAGE_SIZE);
        let memory = safe::memory_create(length, memory_flags::CONTIGUOUS)?;
        let window = Registers::map(memory, length)?;
        let mut addresses = vec![0; (length / PAGE_SIZE) as usize];
        safe::dma_pin(domain, memory, 0, length, &mut addresses)?;
        Ok(DmaMemory {
            window,
            address: addresses[0],
            memory,
        })
    }
}
