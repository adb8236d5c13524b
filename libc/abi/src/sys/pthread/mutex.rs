//! Mutexes.
//!
//! SAFETY of the C functions here: objects were initialised, and are not copied (POSIX).

use super::{attribute, ceiling, owned};
use crate::sys::support::{Error, Timespec};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use libc_rt::futex::Deadline;
use libc_rt::lock::RawLock;
use libc_rt::thread;

/// Bits of [`Mutex::kind`]: the low ones of a mutex's attributes.
pub(super) mod kind {
    pub const NORMAL: u32 = 0;
    pub const RECURSIVE: u32 = 1;
    pub const ERROR_CHECK: u32 = 2;
    pub const TYPE: u32 = 3;
    /// The kernel marks it when its owner ends.
    pub const ROBUST: u32 = 1 << 2;
    /// The owner runs with the priority of who waits.
    pub const INHERIT: u32 = 1 << 3;
    /// The owner runs with the mutex's ceiling.
    pub const PROTECT: u32 = 1 << 4;
    /// Other processes use it, too.
    pub const SHARED: u32 = 1 << 5;
    /// Its word names the owner.
    pub const OWNED: u32 = ROBUST | INHERIT;
    /// The ceiling stands in these bits.
    pub const CEILING_SHIFT: u32 = 8;
}

/// `pthread_mutex_t`, 40 bytes; all zero is an unlocked normal mutex.
#[repr(C)]
pub struct Mutex {
    pub(super) kind: u32,
    pub(super) lock: RawLock,
    pub(super) depth: AtomicU32,
    ceiling: AtomicU32,
    owner: AtomicUsize,
    /// The owner's robust mutexes are a list.
    pub(super) next: AtomicUsize,
    pub(super) previous: AtomicUsize,
}

const _: () = assert!(size_of::<Mutex>() == 40);

impl Mutex {
    fn has(&self, bits: u32) -> bool {
        self.kind & bits != 0
    }

    /// The priority ceiling.
    pub(super) fn ceiling(&self) -> u32 {
        self.ceiling.load(Ordering::Relaxed)
    }

    /// What names the caller in `owner`: in a shared mutex something that no other process has.
    fn own(&self) -> usize {
        if self.has(kind::SHARED) {
            thread::lock_owner() as usize
        } else {
            thread::current() as usize
        }
    }

    fn is_own(&self) -> bool {
        if self.has(kind::OWNED) {
            owned::is_own(self)
        } else {
            self.owner.load(Ordering::Relaxed) == self.own()
        }
    }

    /// What locking a mutex that the caller holds gives.
    fn held_already(&self) -> Option<c_int> {
        if self.kind & kind::TYPE == kind::NORMAL || !self.is_own() {
            return None;
        }
        if self.kind & kind::TYPE == kind::ERROR_CHECK {
            return Some(Error::Deadlock as c_int);
        }
        if self.depth.load(Ordering::Relaxed) == u32::MAX {
            return Some(Error::WouldBlock as c_int);
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        Some(0)
    }

    fn taken(&self) -> c_int {
        if self.kind & kind::TYPE != kind::NORMAL {
            self.owner.store(self.own(), Ordering::Relaxed);
        }
        0
    }

    /// Locks, until the deadline.
    #[inline]
    pub(super) fn lock(&self, deadline: Deadline) -> c_int {
        if self.kind == 0 && deadline == Deadline::NEVER {
            self.lock.acquire();
            return 0;
        }
        self.lock_with_attributes(deadline)
    }

    fn lock_with_attributes(&self, deadline: Deadline) -> c_int {
        if let Some(result) = self.held_already() {
            return result;
        }
        owned::with_ceiling(self, || {
            if self.has(kind::OWNED) {
                return owned::lock(self, true, deadline);
            }
            match deadline {
                Deadline::NEVER if self.has(kind::SHARED) => self.lock.acquire_shared(),
                Deadline::NEVER => self.lock.acquire(),
                deadline if !self.lock.acquire_until(deadline) => {
                    return Error::TimedOut as c_int;
                }
                _ => {}
            }
            self.taken()
        })
    }

    fn try_lock(&self) -> c_int {
        if self.kind & kind::TYPE == kind::RECURSIVE
            && let Some(result) = self.held_already()
        {
            return result;
        }
        owned::with_ceiling(self, || {
            if self.has(kind::OWNED) {
                owned::lock(self, false, Deadline::NEVER)
            } else if self.lock.try_acquire() {
                self.taken()
            } else {
                Error::Busy as c_int
            }
        })
    }

    /// Unlocks.
    #[inline]
    pub(super) fn unlock(&self) -> c_int {
        if self.kind == 0 {
            self.lock.release();
            return 0;
        }
        self.unlock_with_attributes()
    }

    fn unlock_with_attributes(&self) -> c_int {
        let is_normal = self.kind & kind::TYPE == kind::NORMAL;
        if (!is_normal || self.has(kind::OWNED)) && !self.is_own() {
            return Error::NotPermitted as c_int;
        }
        let depth = self.depth.load(Ordering::Relaxed);
        if depth > 0 {
            self.depth.store(depth - 1, Ordering::Relaxed);
            return 0;
        }
        let protects = self.has(kind::PROTECT);
        if self.has(kind::OWNED) {
            owned::unlock(self);
        } else {
            self.owner.store(0, Ordering::Relaxed);
            if self.has(kind::SHARED) {
                self.lock.release_shared();
            } else {
                self.lock.release();
            }
        }
        if protects {
            ceiling::lower();
        }
        0
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_init(mutex: *mut Mutex, attributes: *const u32) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let attributes = attributes.as_ref().copied().unwrap_or(0);
        let mut bits = attributes & (kind::TYPE | kind::ROBUST | kind::INHERIT | kind::PROTECT);
        if attributes & attribute::SHARED != 0 {
            bits |= kind::SHARED;
        }
        mutex.write(Mutex {
            kind: bits,
            lock: RawLock::new(),
            depth: AtomicU32::new(0),
            ceiling: AtomicU32::new(attribute::ceiling_of(attributes)),
            owner: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            previous: AtomicUsize::new(0),
        });
    }
    0
}

/// POSIX: returns the error's number; a locked mutex is not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_destroy(mutex: *mut Mutex) -> c_int {
    use kernel_abi::process::lock_word::UNRECOVERABLE;
    // SAFETY: the caller's.
    let mutex = unsafe { &*mutex };
    let word = mutex.lock.word().load(Ordering::Relaxed);
    let is_lost = mutex.has(kind::OWNED) && word == UNRECOVERABLE;
    if word != 0 && !is_lost {
        return Error::Busy as c_int;
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_lock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*mutex).lock(Deadline::NEVER) }
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

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_consistent(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    owned::make_consistent(unsafe { &*mutex })
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_getprioceiling(
    mutex: *const Mutex,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if !(*mutex).has(kind::PROTECT) {
            return Error::BadArgument as c_int;
        }
        *out = (*mutex).ceiling() as c_int;
    }
    0
}

/// POSIX: returns the error's number. Locks the mutex for the change, without its protocol.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_setprioceiling(
    mutex: *mut Mutex,
    new: c_int,
    old: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    let mutex = unsafe { &*mutex };
    if !mutex.has(kind::PROTECT) || !attribute::is_ceiling(new) {
        return Error::BadArgument as c_int;
    }
    let held = mutex.held_already();
    match held {
        Some(0) => {}
        Some(error) => return error,
        None if mutex.has(kind::OWNED) => {
            let locked = owned::lock(mutex, true, Deadline::NEVER);
            if locked != 0 {
                return locked;
            }
        }
        None => mutex.lock.acquire_shared(),
    }
    let before = mutex.ceiling.swap(new as u32, Ordering::Relaxed);
    // SAFETY: the caller's.
    if let Some(old) = unsafe { old.as_mut() } {
        *old = before as c_int;
    }
    match held {
        Some(_) => {
            mutex.depth.fetch_sub(1, Ordering::Relaxed);
        }
        None if mutex.has(kind::OWNED) => owned::unlock(mutex),
        None => mutex.lock.release_shared(),
    }
    0
}
