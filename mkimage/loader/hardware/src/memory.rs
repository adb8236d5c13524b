//! Physical memory through an identity map.

use loader_core::{PhysicalMemory, PhysicalRange};

/// Memory below a limit, at its own addresses.
#[derive(Debug)]
pub struct IdentityMemory {
    limit: u64,
}

impl IdentityMemory {
    /// All memory from 1 up to `limit`.
    ///
    /// # Safety
    ///
    /// It is mapped readable and writable at its own addresses, and callers write only to
    /// ranges that hold neither the loader nor its stack.
    #[must_use]
    pub const unsafe fn new(limit: u64) -> Self {
        Self { limit }
    }

    fn pointer(&self, range: PhysicalRange) -> Option<(*mut u8, usize)> {
        let end = range.base.checked_add(range.length)?;
        if range.base == 0 || end > self.limit {
            return None;
        }
        Some((range.base as *mut u8, usize::try_from(range.length).ok()?))
    }
}

impl PhysicalMemory for IdentityMemory {
    fn bytes(&self, range: PhysicalRange) -> Option<&[u8]> {
        let (start, length) = self.pointer(range)?;
        // SAFETY: mapped, as `new` was promised; the borrow of `self` keeps writers out.
        Some(unsafe { core::slice::from_raw_parts(start, length) })
    }

    fn bytes_mut(&mut self, range: PhysicalRange) -> Option<&mut [u8]> {
        let (start, length) = self.pointer(range)?;
        // SAFETY: mapped, as `new` was promised; the borrow of `self` is exclusive.
        Some(unsafe { core::slice::from_raw_parts_mut(start, length) })
    }

    fn copy(&mut self, from: PhysicalRange, to: u64) -> Option<()> {
        let (source, length) = self.pointer(from)?;
        let (target, _) = self.pointer(PhysicalRange { base: to, ..from })?;
        // SAFETY: both ranges are mapped, and `copy` tolerates overlap.
        unsafe { core::ptr::copy(source, target, length) };
        Some(())
    }
}
