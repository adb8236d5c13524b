//! Mutexes.
//!
//! SAFETY of the C functions here: objects were initialised, and are not copied (POSIX).

use crate::sys::support::{Error, Timespec};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use libc_rt::lock::RawLock;
use libc_rt::thread;

/// Kinds of mutex, in the low bits of [`Mutex::kind`].
mod kind {
    pub const NORMAL: u32 = 0;
    pub const RECURSIVE: u32 = 1;
    pub const ERROR_CHECK: u32 = 2;
    pub const MASK: u32 = 3;
}

/// `pthread_mutex_t`, 40 bytes; all zero is an unlocked normal mutex.
#[repr(C)]
pub struct Mutex {
    kind: u32,
    lock: RawLock,
    depth: AtomicU32,
    reserved: u32,
    owner: AtomicUsize,
    more: [usize; 2],
}

const _: () = assert!(size_of::<Mutex>() == 40);

impl Mutex {
    fn own() -> usize {
        thread::current() as usize
    }

    /// What locking a mutex that the caller holds gives.
    fn held_already(&self) -> Option<c_int> {
        if self.kind & kind::MASK == kind::NORMAL
            || self.owner.load(Ordering::Relaxed) != Mutex::own()
        {
            return None;
        }
        if self.kind & kind::MASK == kind::ERROR_CHECK {
            return Some(Error::Deadlock as c_int);
        }
        if self.depth.load(Ordering::Relaxed) == u32::MAX {
            return Some(Error::WouldBlock as c_int);
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        Some(0)
    }

    fn taken(&self) -> c_int {
        if self.kind & kind::MASK != kind::NORMAL {
            self.owner.store(Mutex::own(), Ordering::Relaxed);
        }
        0
    }

    /// Locks, until the monotonic deadline.
    pub(super) fn lock(&self, deadline: Option<u64>) -> c_int {
        if let Some(result) = self.held_already() {
            return result;
        }
        match deadline {
            None => self.lock.acquire(),
            Some(deadline) if !self.lock.acquire_until(deadline) => {
                return Error::TimedOut as c_int;
            }
            Some(_) => {}
        }
        self.taken()
    }

    fn try_lock(&self) -> c_int {
        if self.kind & kind::MASK == kind::RECURSIVE
            && let Some(result) = self.held_already()
        {
            return result;
        }
        if self.lock.try_acquire() {
            self.taken()
        } else {
            Error::Busy as c_int
        }
    }

    /// Unlocks.
    pub(super) fn unlock(&self) -> c_int {
        if self.kind & kind::MASK != kind::NORMAL {
            if self.owner.load(Ordering::Relaxed) != Mutex::own() {
                return Error::NotPermitted as c_int;
            }
            let depth = self.depth.load(Ordering::Relaxed);
            if depth > 0 {
                self.depth.store(depth - 1, Ordering::Relaxed);
                return 0;
            }
            self.owner.store(0, Ordering::Relaxed);
        }
        self.lock.release();
        0
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_init(mutex: *mut Mutex, attributes: *const u32) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let kind = attributes.as_ref().copied().unwrap_or(0);
        mutex.write(Mutex {
            kind: kind & kind::MASK,
            lock: RawLock::new(),
            depth: AtomicU32::new(0),
            reserved: 0,
            owner: AtomicUsize::new(0),
            more: [0; 2],
        });
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_mutex_destroy(_mutex: *mut Mutex) -> c_int {
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_lock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*mutex).lock(None) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_trylock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*mutex).try_lock() }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*mutex).unlock() }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_timedlock(mutex: *mut Mutex, at: *const Timespec) -> c_int {
    // SAFETY: the caller's.
    unsafe { pthread_mutex_clocklock(mutex, 0, at) }
}

/// POSIX 2024: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_clocklock(
    mutex: *mut Mutex,
    clock: c_int,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        match (*mutex).try_lock() {
            busy if busy == Error::Busy as c_int => {}
            result => return result,
        }
        match super::deadline(clock, at) {
            Ok(deadline) => (*mutex).lock(deadline),
            Err(error) => error as c_int,
        }
    }
}

/// POSIX: returns the error's number. Robust mutexes are not offered, so none is inconsistent.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_mutex_consistent(_mutex: *mut Mutex) -> c_int {
    Error::BadArgument as c_int
}

/// POSIX: returns the error's number. Priority ceilings are not offered.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_mutex_getprioceiling(_: *const Mutex, _: *mut c_int) -> c_int {
    Error::BadArgument as c_int
}

/// POSIX: returns the error's number. Priority ceilings are not offered.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_mutex_setprioceiling(_: *mut Mutex, _: c_int, _: *mut c_int) -> c_int {
    Error::BadArgument as c_int
}

macro_rules! attribute_objects {
    ($($init:ident, $destroy:ident: $type:ty = $value:expr;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $init(attributes: *mut $type) -> c_int {
            // SAFETY: the caller's.
            unsafe { attributes.write($value) };
            0
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub extern "C" fn $destroy(_attributes: *mut $type) -> c_int {
            0
        }
    )*};
}

attribute_objects! {
    pthread_mutexattr_init, pthread_mutexattr_destroy: u32 = 0;
    pthread_condattr_init, pthread_condattr_destroy: u32 = 0;
    pthread_rwlockattr_init, pthread_rwlockattr_destroy: [u32; 2] = [0; 2];
    pthread_barrierattr_init, pthread_barrierattr_destroy: u32 = 0;
}

/// Attributes are words: the mutex's kind or the condition's clock low, sharing in the top bit.
const SHARED: u32 = 1 << 31;

macro_rules! shared {
    ($($get:ident, $set:ident;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(attributes: *const u32, out: *mut c_int) -> c_int {
            // SAFETY: the caller's.
            unsafe { *out = (*attributes & SHARED != 0) as c_int };
            0
        }

        /// POSIX: returns the error's number. Waiting is by address in one process, so that
        /// objects cannot be shared between processes.
        #[unsafe(no_mangle)]
        pub extern "C" fn $set(_attributes: *mut u32, shared: c_int) -> c_int {
            match shared {
                0 => 0,
                1 => Error::NotSupported as c_int,
                _ => Error::BadArgument as c_int,
            }
        }
    )*};
}

shared! {
    pthread_mutexattr_getpshared, pthread_mutexattr_setpshared;
    pthread_condattr_getpshared, pthread_condattr_setpshared;
    pthread_rwlockattr_getpshared, pthread_rwlockattr_setpshared;
    pthread_barrierattr_getpshared, pthread_barrierattr_setpshared;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_gettype(
    attributes: *const u32,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*attributes & kind::MASK) as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_settype(attributes: *mut u32, new: c_int) -> c_int {
    if !(0..=2).contains(&new) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe { *attributes = *attributes & !kind::MASK | new as u32 };
    0
}

macro_rules! only_zero {
    ($($get:ident, $set:ident;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(_attributes: *const u32, out: *mut c_int) -> c_int {
            // SAFETY: the caller's.
            unsafe { *out = 0 };
            0
        }

        /// POSIX: returns the error's number. Only the default is offered.
        #[unsafe(no_mangle)]
        pub extern "C" fn $set(_attributes: *mut u32, new: c_int) -> c_int {
            if new == 0 { 0 } else { Error::NotSupported as c_int }
        }
    )*};
}

only_zero! {
    pthread_mutexattr_getprotocol, pthread_mutexattr_setprotocol;
    pthread_mutexattr_getrobust, pthread_mutexattr_setrobust;
    pthread_mutexattr_getprioceiling, pthread_mutexattr_setprioceiling;
}
