//! State shared between the hardware layer and the kernel's heap: the frames, which both take
//! from, at times while the kernel's logic is in the middle of a step.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that is reached under the kernel lock (or before other processors run), by one
/// short-lived borrow at a time.
pub struct Shared<T> {
    value: UnsafeCell<Option<T>>,
    borrowed: AtomicBool,
}

// SAFETY: `with` checks that there is one borrow at a time.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Not set yet.
    pub const fn new() -> Shared<T> {
        Shared {
            value: UnsafeCell::new(None),
            borrowed: AtomicBool::new(false),
        }
    }

    /// Sets the value.
    pub fn set(&self, value: T) {
        assert!(
            !self.borrowed.swap(true, Ordering::Acquire),
            "set while borrowed"
        );
        // SAFETY: the flag says that nobody else has a reference.
        unsafe { *self.value.get() = Some(value) };
        self.borrowed.store(false, Ordering::Release);
    }

    /// Does something with the value.
    ///
    /// # Panics
    /// When it is not set, or borrowed already: both are bugs of the kernel.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        assert!(
            !self.borrowed.swap(true, Ordering::Acquire),
            "borrowed twice"
        );
        // SAFETY: the flag says that nobody else has a reference.
        let Some(value) = (unsafe { &mut *self.value.get() }) else {
            panic!("not set")
        };
        let result = work(value);
        self.borrowed.store(false, Ordering::Release);
        result
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared::new()
    }
}
