//! The one kernel lock: first come, first served, so that no processor starves.

use crate::flush;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

/// A ticket lock around a value.
pub struct TicketLock<T> {
    next: AtomicU32,
    serving: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only by the holder of the lock.
unsafe impl<T: Send> Sync for TicketLock<T> {}

impl<T> TicketLock<T> {
    /// An unlocked value.
    pub const fn new(value: T) -> TicketLock<T> {
        TicketLock {
            next: AtomicU32::new(0),
            serving: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock. While it waits, the processor answers requests to flush its
    /// translations: the holder may be waiting for just that.
    #[inline]
    pub fn lock(&self) -> &mut T {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        while self.serving.load(Ordering::Acquire) != ticket {
            flush::answer();
            core::hint::spin_loop();
        }
        // SAFETY: this processor holds the lock until it calls `unlock`.
        unsafe { &mut *self.value.get() }
    }

    /// Lets the next one in.
    ///
    /// # Safety
    /// The caller holds the lock and no longer uses the reference that `lock` returned.
    #[inline]
    pub unsafe fn unlock(&self) {
        let serving = self.serving.load(Ordering::Relaxed);
        self.serving
            .store(serving.wrapping_add(1), Ordering::Release);
    }
}
