//! What the logic needs of the kernel.

use kernel_abi::Handle;
use proto::Error;

use crate::Address;

/// The machine, as the server reaches it: through the kernel in the guest, faked in tests.
pub trait Platform {
    /// Copies physical memory (ACPI tables).
    fn read_physical(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Error>;
    /// Reads an aligned word of a function's configuration space; all ones where none is.
    fn configuration_read(&mut self, function: Address, offset: u16) -> u32;
    /// Writes one.
    fn configuration_write(&mut self, function: Address, offset: u16, value: u32);
    /// Writes a device register of 32 bits.
    fn register_write(&mut self, address: u64, value: u32) -> Result<(), Error>;
    /// Writes a device register of 8 bits.
    fn register_write_u8(&mut self, address: u64, value: u8) -> Result<(), Error>;
    /// Memory over device registers.
    fn registers(&mut self, address: u64, length: u64) -> Result<Handle, Error>;
    /// A message interrupt: its object, and what a device writes where to raise it.
    fn interrupt(&mut self) -> Result<(Handle, u64, u32), Error>;
    /// A new DMA domain: the server's handle and the driver's.
    fn domain(&mut self) -> Result<(Handle, Handle), Error>;
    /// Unpins all that is pinned in a domain, and closes the server's handle.
    fn release_domain(&mut self, domain: Handle);
}
