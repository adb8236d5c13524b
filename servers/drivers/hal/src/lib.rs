//! What drivers reach hardware through: windows of registers and memory shared with a device.
//!
//! Drivers are written against [`Window`]; in the guest it is [`Registers`], in host tests a
//! vector. This crate holds the drivers' only unsafe code.
#![no_std]

extern crate alloc;

mod dma;
mod registers;

pub use dma::DmaMemory;
pub use registers::Registers;

/// A range of registers, or of memory that a device reads and writes, too.
///
/// Accesses have exactly the width asked for and happen in program order. One that is not
/// inside the window, or not aligned to its width, reads as all ones and writes nothing, as a
/// bus answers where no device is: offsets that come from a device are checked when a window
/// is made, by [`Window::part`].
pub trait Window: Clone {
    /// Bytes in the window.
    fn length(&self) -> u64;
    /// Reads a byte.
    fn read_u8(&self, offset: u64) -> u8;
    /// Reads 16 bits.
    fn read_u16(&self, offset: u64) -> u16;
    /// Reads 32 bits.
    fn read_u32(&self, offset: u64) -> u32;
    /// Writes a byte.
    fn write_u8(&self, offset: u64, value: u8);
    /// Writes 16 bits.
    fn write_u16(&self, offset: u64, value: u16);
    /// Writes 32 bits.
    fn write_u32(&self, offset: u64, value: u32);
    /// Writes 64 bits as two halves, the lower one first; virtio allows no wider access.
    fn write_u64(&self, offset: u64, value: u64) {
        self.write_u32(offset, value as u32);
        self.write_u32(offset + 4, (value >> 32) as u32);
    }
    /// Reads 64 bits as two halves.
    fn read_u64(&self, offset: u64) -> u64 {
        u64::from(self.read_u32(offset)) | u64::from(self.read_u32(offset + 4)) << 32
    }
    /// Copies out of memory (not registers); `false` when it is not all inside.
    fn read_bytes(&self, offset: u64, bytes: &mut [u8]) -> bool;
    /// Copies into memory (not registers); `false` when it is not all inside.
    fn write_bytes(&self, offset: u64, bytes: &[u8]) -> bool;
    /// The window over `length` bytes from `offset` on; `None` when it is not all inside.
    fn part(&self, offset: u64, length: u64) -> Option<Self>;
}
