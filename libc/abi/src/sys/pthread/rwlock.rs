//! Read-write locks. Readers are let in while nobody writes; a waiting writer takes the lock
//! when the last of them leaves.
//!
//! SAFETY of the C functions here: objects were initialised.

use crate::sys::support::{Error, Timespec};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex;

const WRITER: u32 = 0x7fff_ffff;

/// `pthread_rwlock_t`, 56 bytes.
#[repr(C)]
pub struct RwLock {
    /// Readers inside, or [`WRITER`].
    holders: AtomicU32,
    waiters: AtomicU32,
    more: [usize; 6],
}

const _: () = assert!(size_of::<RwLock>() == 56);

impl RwLock {
    fn try_read(&self) -> c_int {
        let mut holders = self.holders.load(Ordering::Relaxed);
        loop {
            if holders == WRITER {
                return Error::Busy as c_int;
            }
            if holders == WRITER - 1 {
                return Error::WouldBlock as c_int;
            }
            match self.holders.compare_exchange_weak(
                holders,
                holders + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return 0,
                Err(now) => holders = now,
            }
        }
    }

    fn try_write(&self) -> c_int {
        match self
            .holders
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => 0,
            Err(_) => Error::Busy as c_int,
        }
    }

    fn wait(&self, attempt: impl Fn(&RwLock) -> c_int, deadline: Option<u64>) -> c_int {
        loop {
            match attempt(self) {
                busy if busy == Error::Busy as c_int => {}
                result => return result,
            }
            self.waiters.fetch_add(1, Ordering::SeqCst);
            let holders = self.holders.load(Ordering::SeqCst);
            let result = if holders == 0 {
                Ok(())
            } else {
                futex::wait(&self.holders, holders, deadline)
            };
            self.waiters.fetch_sub(1, Ordering::SeqCst);
            if result == Err(kernel_abi::Error::TimedOut) {
                return Error::TimedOut as c_int;
            }
        }
    }

    fn unlock(&self) {
        let is_free = if self.holders.load(Ordering::Relaxed) == WRITER {
            self.holders.store(0, Ordering::SeqCst);
            true
        } else {
            self.holders.fetch_sub(1, Ordering::SeqCst) == 1
        };
        if is_free && self.waiters.load(Ordering::SeqCst) > 0 {
            futex::wake(&self.holders, u32::MAX);
        }
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_init(lock: *mut RwLock, _attributes: *const u32) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        lock.write(RwLock {
            holders: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            more: [0; 6],
        });
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_rwlock_destroy(_lock: *mut RwLock) -> c_int {
    0
}

macro_rules! locking {
    ($($lock:ident, $try_lock:ident, $timed:ident, $clock:ident = $attempt:path;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $lock(lock: *mut RwLock) -> c_int {
            // SAFETY: the caller's.
            unsafe { (*lock).wait($attempt, None) }
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $try_lock(lock: *mut RwLock) -> c_int {
            // SAFETY: the caller's.
            unsafe { $attempt(&*lock) }
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $timed(lock: *mut RwLock, at: *const Timespec) -> c_int {
            // SAFETY: the caller's.
            unsafe { $clock(lock, 0, at) }
        }

        /// POSIX 2024: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $clock(
            lock: *mut RwLock,
            clock: c_int,
            at: *const Timespec,
        ) -> c_int {
            // SAFETY: the caller's.
            unsafe {
                match super::deadline(clock, at) {
                    Ok(deadline) => (*lock).wait($attempt, deadline),
                    Err(error) => error as c_int,
                }
            }
        }
    )*};
}

locking! {
    pthread_rwlock_rdlock, pthread_rwlock_tryrdlock, pthread_rwlock_timedrdlock, pthread_rwlock_clockrdlock = RwLock::try_read;
    pthread_rwlock_wrlock, pthread_rwlock_trywrlock, pthread_rwlock_timedwrlock, pthread_rwlock_clockwrlock = RwLock::try_write;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_unlock(lock: *mut RwLock) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*lock).unlock() };
    0
}
