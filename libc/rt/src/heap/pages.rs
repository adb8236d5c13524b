//! Where a heap's memory comes from.

use crate::{memory, start};
use core::ptr::NonNull;

/// A source of pages.
pub trait Pages {
    /// Maps zeroed memory, aligned to a power of two.
    fn map(&mut self, length: usize, alignment: usize) -> Option<NonNull<u8>>;
    /// Unmaps what `map` gave.
    ///
    /// # Safety
    /// Nobody may use the memory any more.
    unsafe fn unmap(&mut self, address: *mut u8, length: usize);
    /// Gives pages back; they read as zero afterwards.
    ///
    /// # Safety
    /// Nobody may need what they hold.
    unsafe fn decommit(&mut self, address: *mut u8, length: usize);
    /// Enlarges a mapping without moving it: whether that went.
    ///
    /// # Safety
    /// `address` and `length` must be those of a live mapping.
    unsafe fn grow(&mut self, address: *mut u8, length: usize, new_length: usize) -> bool;
}

/// The kernel.
pub struct System {
    next: usize,
}

impl System {
    /// Nothing mapped yet.
    pub const fn new() -> System {
        System { next: 0 }
    }

    /// A guess of where there is room: mapping there saves cutting an aligned piece out of a
    /// larger one. The first guess is random, within an area that nothing else is placed in.
    fn guess(&mut self, length: usize, alignment: usize) -> usize {
        const AREA: usize = 0x2000_0000_0000;
        const SPREAD: usize = 0x0fff_ffc0_0000;
        if self.next == 0 {
            self.next = AREA + (start::random_word() & SPREAD);
        }
        let guess = self.next.next_multiple_of(alignment);
        self.next = guess + length;
        guess
    }
}

impl Default for System {
    fn default() -> System {
        System::new()
    }
}

impl Pages for System {
    fn map(&mut self, length: usize, alignment: usize) -> Option<NonNull<u8>> {
        let guess = self.guess(length, alignment);
        if let Ok(address) = memory::map_anonymous_at(guess, length) {
            return NonNull::new(address);
        }
        let whole = memory::map_anonymous(length.checked_add(alignment)?).ok()?;
        let start = whole as usize;
        let aligned = start.next_multiple_of(alignment);
        let end = (aligned + length).next_multiple_of(4096);
        // SAFETY: the ends are part of the fresh mapping, and unused.
        unsafe {
            if aligned > start {
                let _ = memory::unmap(whole, aligned - start);
            }
            let whole_end = (start + length + alignment).next_multiple_of(4096);
            if whole_end > end {
                let _ = memory::unmap(end as *mut u8, whole_end - end);
            }
        }
        NonNull::new(aligned as *mut u8)
    }

    unsafe fn unmap(&mut self, address: *mut u8, length: usize) {
        // SAFETY: the caller's.
        let _ = unsafe { memory::unmap(address, length) };
    }

    unsafe fn decommit(&mut self, address: *mut u8, length: usize) {
        // SAFETY: the caller's.
        if unsafe { memory::decommit(address, length) }.is_err() {
            // The slices count as zero from now on, whether or not the kernel helped.
            // SAFETY: as above.
            unsafe { core::ptr::write_bytes(address, 0, length) };
        }
    }

    unsafe fn grow(&mut self, address: *mut u8, length: usize, new_length: usize) -> bool {
        // SAFETY: nothing moves.
        unsafe { memory::remap(address, length, new_length, false) }.is_ok()
    }
}
