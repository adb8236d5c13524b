//! A mapped window.

use alloc::sync::Arc;

use kernel_abi::{Error, Handle};
use server_rt::Mapping;

use crate::Window;

/// A part of a mapped Memory. Parts share the mapping.
#[derive(Clone)]
pub struct Registers {
    mapping: Arc<Mapping>,
    base: u64,
    length: u64,
}

impl Registers {
    /// Maps `length` bytes of `memory`.
    ///
    /// # Errors
    /// Those of mapping.
    pub fn map(memory: Handle, length: u64) -> Result<Registers, Error> {
        let mapping = Mapping::new(memory, 0, length, true)?;
        Ok(Registers {
            mapping: Arc::new(mapping),
            base: 0,
            length,
        })
    }

    /// The address of an access, if it is inside and aligned.
    fn place<T>(&self, offset: u64) -> Option<*mut T> {
        let width = size_of::<T>() as u64;
        let inside = offset
            .checked_add(width)
            .is_some_and(|end| end <= self.length);
        let address = self.mapping.address() + self.base + offset;
        (inside && address.is_multiple_of(width)).then_some(address as *mut T)
    }

    fn read<T: Copy>(&self, offset: u64, absent: T) -> T {
        match self.place::<T>(offset) {
            // SAFETY: inside the mapping, which lives as long as `self`, and aligned; every
            // value of the integer types used here is valid.
            Some(place) => unsafe { place.read_volatile() },
            None => absent,
        }
    }

    fn write<T: Copy>(&self, offset: u64, value: T) {
        if let Some(place) = self.place::<T>(offset) {
            // SAFETY: as in `read`; no reference into the mapping exists.
            unsafe { place.write_volatile(value) };
        }
    }
}

impl Window for Registers {
    fn length(&self) -> u64 {
        self.length
    }
    fn read_u8(&self, offset: u64) -> u8 {
        self.read(offset, u8::MAX)
    }
    fn read_u16(&self, offset: u64) -> u16 {
        self.read(offset, u16::MAX)
    }
    fn read_u32(&self, offset: u64) -> u32 {
        self.read(offset, u32::MAX)
    }
    fn write_u8(&self, offset: u64, value: u8) {
        self.write(offset, value);
    }
    fn write_u16(&self, offset: u64, value: u16) {
        self.write(offset, value);
    }
    fn write_u32(&self, offset: u64, value: u32) {
        self.write(offset, value);
    }
    fn read_bytes(&self, offset: u64, bytes: &mut [u8]) -> bool {
        let end = offset.checked_add(bytes.len() as u64);
        end.is_some_and(|end| end <= self.length)
            && self.mapping.read(self.base + offset, bytes).is_some()
    }
    fn write_bytes(&self, offset: u64, bytes: &[u8]) -> bool {
        let end = offset.checked_add(bytes.len() as u64);
        end.is_some_and(|end| end <= self.length)
            && self.mapping.write(self.base + offset, bytes).is_some()
    }
    fn part(&self, offset: u64, length: u64) -> Option<Registers> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| Registers {
            mapping: self.mapping.clone(),
            base: self.base + offset,
            length,
        })
    }
}
