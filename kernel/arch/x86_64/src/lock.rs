//! The one kernel lock.
//!
//! Whoever runs first gets it. A queue (ticket lock) would be fairer, but under a hypervisor the
//! next in the queue is often a processor that the host is not running: with more virtual than
//! real processors each hand-over then costs a time slice of the host.

use crate::flush;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A spin lock around a value. The way out in `entry.rs` knows that the flag comes first.
#[repr(C)]
pub struct SpinLock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only by the holder of the lock.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An unlocked value.
    pub const fn new(value: T) -> SpinLock<T> {
        SpinLock {
            locked: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock. While it waits, the processor answers requests to flush its
    /// translations: the holder may be waiting for just that.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the lock makes the reference unique")]
    pub fn lock(&self) -> &mut T {
        loop {
            if let Some(value) = self.try_lock() {
                return value;
            }
            self.wait();
        }
    }

    /// The lock, if nobody has it.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the lock makes the reference unique")]
    pub fn try_lock(&self) -> Option<&mut T> {
        if self.locked.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: this processor holds the lock until it calls `unlock`.
        Some(unsafe { &mut *self.value.get() })
    }

    #[cold]
    fn wait(&self) {
        while self.locked.load(Ordering::Relaxed) {
            flush::answer();
            core::hint::spin_loop();
        }
    }

    /// Lets the next one in.
    ///
    /// # Safety
    /// The caller holds the lock and no longer uses the reference that `lock` returned.
    #[inline]
    pub unsafe fn unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }
}
