//! Access to physical memory, so that this crate needs no pointers.

use crate::{LoadError, PAGE_SIZE};

/// Bytes of physical memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhysicalRange {
    /// Address of the first byte.
    pub base: u64,
    /// Number of bytes.
    pub length: u64,
}

impl PhysicalRange {
    /// The first address behind the range.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.base.saturating_add(self.length)
    }
}

/// What an entry must provide: memory as the processor sees it before the kernel runs.
///
/// The caller keeps ranges that it writes to apart from the loader's own code and stack;
/// [`crate::MemoryMap`] is how it does so.
pub trait PhysicalMemory {
    /// The bytes of `range`, or `None` where they cannot be reached.
    fn bytes(&self, range: PhysicalRange) -> Option<&[u8]>;

    /// The same for writing.
    fn bytes_mut(&mut self, range: PhysicalRange) -> Option<&mut [u8]>;

    /// Copies `from` to the memory at `to`; the two do not overlap.
    ///
    /// A method of its own because one borrow cannot read and write at once, and because
    /// copying through a buffer would double the work for the kernel's segments.
    fn copy(&mut self, from: PhysicalRange, to: u64) -> Option<()>;
}

/// Reads a little-endian word at `offset` of `bytes`.
pub(crate) fn read_u64(bytes: &[u8], offset: usize) -> Option<u64> {
    let field = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

/// Reads a little-endian 32-bit word at `offset` of `bytes`.
pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let field = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// Reads a little-endian 16-bit word at `offset` of `bytes`.
pub(crate) fn read_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let field = bytes.get(offset..offset.checked_add(2)?)?;
    Some(u16::from_le_bytes(field.try_into().ok()?))
}

/// Overwrites the word at `address`.
pub(crate) fn write_u64(
    memory: &mut impl PhysicalMemory,
    address: u64,
    value: u64,
) -> Result<(), LoadError> {
    let range = PhysicalRange {
        base: address,
        length: 8,
    };
    let bytes = memory.bytes_mut(range).ok_or(LoadError::Unreachable)?;
    bytes.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

/// `address` rounded down to a page.
#[must_use]
pub const fn page_floor(address: u64) -> u64 {
    address & !(PAGE_SIZE - 1)
}

/// `address` rounded up to a page; addresses in the last page stay there.
#[must_use]
pub const fn page_ceil(address: u64) -> u64 {
    page_floor(address.saturating_add(PAGE_SIZE - 1))
}
