//! The library's own locks.

use crate::futex::Deadline;
use crate::{futex, thread};
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// A futex lock. As long as the process has one thread, taking it costs no atomic instruction:
/// most programs never start a second one, and `malloc` and `putc` take a lock each time.
#[derive(Debug, Default)]
pub struct RawLock(AtomicU32);

impl RawLock {
    /// A free lock.
    pub const fn new() -> RawLock {
        RawLock(AtomicU32::new(FREE))
    }

    /// Waits for the lock and takes it.
    #[inline]
    pub fn acquire(&self) {
        if !thread::is_threaded() && self.0.load(Ordering::Relaxed) == FREE {
            self.0.store(HELD, Ordering::Relaxed);
            return;
        }
        if self
            .0
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.wait();
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        self.0
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// As [`RawLock::acquire`] for a lock in memory that other processes share: being the only
    /// thread of this one says nothing.
    #[inline]
    pub fn acquire_shared(&self) {
        if !self.try_acquire() {
            self.wait();
        }
    }

    /// Lets a lock that was taken by [`RawLock::acquire_shared`] go.
    #[inline]
    pub fn release_shared(&self) {
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            futex::wake(&self.0, 1);
        }
    }

    /// The word, for locks that use it in another way.
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        &self.0
    }

    #[cold]
    fn wait(&self) {
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            // An interrupted or spurious return is the same as a wake: look again.
            let _ = futex::wait_uncancelled(&self.0, CONTENDED, Deadline::NEVER);
        }
    }

    /// As [`RawLock::acquire`], giving up at the deadline: whether it was taken.
    pub fn acquire_until(&self, deadline: Deadline) -> bool {
        if self.try_acquire() {
            return true;
        }
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            if futex::wait_uncancelled(&self.0, CONTENDED, deadline)
                == Err(kernel_abi::Error::TimedOut)
            {
                return false;
            }
        }
        true
    }

    /// Lets the lock go.
    #[inline]
    pub fn release(&self) {
        if !thread::is_threaded() {
            self.0.store(FREE, Ordering::Relaxed);
            return;
        }
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            futex::wake(&self.0, 1);
        }
    }

    /// Whether somebody holds it.
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) != FREE
    }

    /// Frees the lock in the child of a fork, where its other waiters do not exist.
    pub fn reset(&self) {
        self.0.store(FREE, Ordering::Relaxed);
    }
}

/// A value behind a [`RawLock`].
#[derive(Debug, Default)]
pub struct Lock<T> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the lock's guard.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock over `value`.
    pub const fn new(value: T) -> Lock<T> {
        Lock {
            raw: RawLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        self.raw.acquire();
        Guard { lock: self }
    }

    /// The lock without its value, to hold it over a fork.
    pub fn raw(&self) -> &RawLock {
        &self.raw
    }
}

/// Access to what a [`Lock`] guards.
#[derive(Debug)]
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard's existence means that the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_not_taken_again() {
        let lock = RawLock::new();
        lock.acquire();
        assert!(lock.is_held());
        assert!(!lock.try_acquire());
        lock.release();
        assert!(lock.try_acquire());
    }

    #[test]
    fn a_dropped_guard_frees_its_lock() {
        let lock = Lock::new(1);
        *lock.lock() += 1;
        assert!(!lock.raw().is_held());
        assert_eq!(*lock.lock(), 2);
    }
}
