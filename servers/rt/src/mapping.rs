//! Memory mapped into the server, reached by checked copies.

use core::sync::atomic::{AtomicU64, Ordering};

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::{Call, Error, Handle};
use kernel_stubs::raw;

/// A shared mapping of a Memory object, unmapped when dropped.
///
/// It gives no references to its bytes, because others may change them at any time; it copies.
pub struct Mapping {
    address: u64,
    length: u64,
}

impl Mapping {
    /// Maps `length` bytes of `memory` from `offset` on, writable if asked.
    pub fn new(memory: Handle, offset: u64, length: u64, writable: bool) -> Result<Mapping, Error> {
        let write = if writable { protection::WRITE } else { 0 };
        let arguments = MapArguments {
            length,
            offset,
            memory: memory.0,
            protection: protection::READ | write,
            flags: map_flags::SHARED,
            ..Default::default()
        };
        let pointer = core::ptr::from_ref(&arguments) as u64;
        // SAFETY: the kernel chooses a free place.
        let address = unsafe { raw::call2(Call::MemoryMap, Handle::SELF.0 as u64, pointer)? };
        Ok(Mapping { address, length })
    }

    /// Bytes mapped.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// First address, for drivers that hand it to a device library.
    pub fn address(&self) -> u64 {
        self.address
    }

    fn place(&self, offset: u64, length: usize) -> Option<*mut u8> {
        let end = offset.checked_add(length as u64)?;
        (end <= self.length).then_some((self.address + offset) as *mut u8)
    }

    /// Copies out; `None` when it is not all inside.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        let from = self.place(offset, bytes.len())?;
        // SAFETY: the range is inside the mapping, and `bytes` cannot overlap it.
        unsafe { core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
        Some(())
    }

    /// Copies in; `None` when it is not all inside.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Option<()> {
        let to = self.place(offset, bytes.len())?;
        // SAFETY: as in `read`.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Some(())
    }

    /// An aligned word that others may change (commit words, rings).
    pub fn word(&self, offset: u64) -> Option<&AtomicU64> {
        let place = self.place(offset, 8)?;
        if !(place as u64).is_multiple_of(8) {
            return None;
        }
        // SAFETY: inside the mapping, aligned, and lives as long as `self`.
        Some(unsafe { AtomicU64::from_ptr(place.cast()) })
    }

    /// Reads an aligned word.
    pub fn load(&self, offset: u64) -> Option<u64> {
        self.word(offset).map(|word| word.load(Ordering::Acquire))
    }

    /// Writes an aligned word.
    pub fn store(&self, offset: u64, value: u64) -> Option<()> {
        self.word(offset)
            .map(|word| word.store(value, Ordering::Release))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this object's own, and no reference outlives it.
        let _ = unsafe {
            raw::call3(
                Call::MemoryUnmap,
                Handle::SELF.0 as u64,
                self.address,
                self.length,
            )
        };
    }
}

/// Maps a Memory that nobody can write, as bytes for good.
///
/// Refused with `AccessDenied` when the handle itself allows writing: then nobody can vouch that
/// the bytes stay as they are.
pub fn map_constant(memory: Handle, length: u64) -> Result<&'static [u8], Error> {
    let rights = kernel_abi::Rights(kernel_stubs::safe::handle_info(memory)?.rights);
    if rights.contains(kernel_abi::Rights::WRITE) {
        return Err(Error::AccessDenied);
    }
    let mapping = Mapping::new(memory, 0, length, false)?;
    let address = mapping.address as *const u8;
    core::mem::forget(mapping);
    let length = usize::try_from(length).map_err(|_| Error::BadArgument)?;
    // SAFETY: the mapping is `length` bytes long, is never unmapped (forgotten above), and its
    // bytes do not change: the kernel hands out constant memory without the right to write.
    Ok(unsafe { core::slice::from_raw_parts(address, length) })
}
