//! Read-write locks. Writers are preferred: while one waits, the lock lets no new reader in, but one
//! that holds a read lock already (it might be this one, which would wait for ever) and one of
//! higher real-time priority than all writers that wait (POSIX: scheduled before them).
//!
//! SAFETY of the C functions here: objects were initialised.

use crate::sys::support::{Error, Timespec};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use kernel_abi::process::thread_property;
use libc_rt::futex::{self, Deadline};
use libc_rt::{identity, kernel, thread};

const WRITER: u32 = 0x7fff_ffff;

/// `pthread_rwlock_t`, 56 bytes.
#[repr(C)]
pub struct RwLock {
    /// Readers inside, or [`WRITER`].
    holders: AtomicU32,
    /// Threads that wait.
    waiters: AtomicU32,
    /// Changes when a waiter may find the lock free.
    changes: AtomicU32,
    /// Writers that wait; not counted in a lock that processes share, where one of them may be
    /// killed.
    writers: AtomicU32,
    /// The highest real-time priority of those (0: none has one). Each of them says its own
    /// whenever it begins to wait.
    writers_level: AtomicU32,
    /// The process ...
    owner_process: AtomicU32,
    /// ... and the thread that writes.
    owner: AtomicUsize,
    is_shared: u32,
    reserved: [u32; 5],
}

const _: () = assert!(size_of::<RwLock>() == 56);

fn own_address() -> usize {
    thread::current() as usize
}

fn own_process() -> u32 {
    identity::process() as u32
}

/// The caller's real-time priority, 0 without one.
fn own_level() -> u32 {
    let word = kernel::thread_get(0, thread_property::PRIORITY).unwrap_or(0) as u32;
    if word >> 8 == 0 { 0 } else { word & 0xff }
}

/// The read locks that the calling thread holds.
fn read_locks() -> &'static AtomicU32 {
    // SAFETY: the current block lives as long as its thread, which alone uses this count.
    unsafe { &(*thread::current()).read_locks }
}

impl RwLock {
    fn new(is_shared: u32) -> RwLock {
        RwLock {
            holders: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            changes: AtomicU32::new(0),
            writers: AtomicU32::new(0),
            writers_level: AtomicU32::new(0),
            owner_process: AtomicU32::new(0),
            owner: AtomicUsize::new(0),
            is_shared,
            reserved: [0; 5],
        }
    }

    /// Whether writers that wait come before the caller.
    #[cold]
    fn lets_writers_first(&self) -> bool {
        read_locks().load(Ordering::Relaxed) == 0
            && match own_level() {
                0 => true,
                level => level <= self.writers_level.load(Ordering::Relaxed),
            }
    }

    fn try_read(&self) -> c_int {
        let mut holders = self.holders.load(Ordering::Relaxed);
        loop {
            if holders == WRITER {
                return Error::Busy as c_int;
            }
            if self.writers.load(Ordering::SeqCst) > 0 && self.lets_writers_first() {
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
                Ok(_) => break,
                Err(now) => holders = now,
            }
        }
        read_locks().fetch_add(1, Ordering::Relaxed);
        0
    }

    fn try_write(&self) -> c_int {
        let taken = self
            .holders
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            return Error::Busy as c_int;
        }
        self.owner.store(own_address(), Ordering::Relaxed);
        self.owner_process.store(own_process(), Ordering::Relaxed);
        0
    }

    fn is_written_by_caller(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == own_address()
            && self.owner_process.load(Ordering::Relaxed) == own_process()
    }

    fn read(&self, deadline: Deadline) -> c_int {
        match self.try_read() {
            busy if busy == Error::Busy as c_int => self.wait(RwLock::try_read, 0, deadline),
            result => result,
        }
    }

    fn write(&self, deadline: Deadline) -> c_int {
        if self.try_write() == 0 {
            return 0;
        }
        if self.is_shared != 0 {
            return self.wait(RwLock::try_write, 0, deadline);
        }
        self.writers.fetch_add(1, Ordering::SeqCst);
        let result = self.wait(RwLock::try_write, own_level(), deadline);
        self.writers.fetch_sub(1, Ordering::SeqCst);
        // It may have been this one's.
        self.writers_level.store(0, Ordering::Relaxed);
        if result != 0 {
            // Readers that waited for it only may go on.
            self.tell();
        }
        result
    }

    /// Waits until an attempt succeeds; `level` is the real-time priority of a writer.
    fn wait(&self, attempt: fn(&RwLock) -> c_int, level: u32, deadline: Deadline) -> c_int {
        if self.is_written_by_caller() {
            return Error::Deadlock as c_int;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let result = loop {
            // Read before the attempt: a change after that ends the wait.
            let changes = self.changes.load(Ordering::SeqCst);
            match attempt(self) {
                busy if busy == Error::Busy as c_int => {}
                result => break result,
            }
            self.writers_level.fetch_max(level, Ordering::Relaxed);
            let waited = futex::wait_uncancelled(&self.changes, changes, deadline);
            if waited == Err(kernel_abi::Error::TimedOut) {
                break Error::TimedOut as c_int;
            }
        };
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// Has waiters look again.
    fn tell(&self) {
        if self.waiters.load(Ordering::SeqCst) > 0 {
            self.changes.fetch_add(1, Ordering::SeqCst);
            futex::wake(&self.changes, u32::MAX);
        }
    }

    fn unlock(&self) {
        let is_free = if self.holders.load(Ordering::Relaxed) == WRITER {
            self.owner.store(0, Ordering::Relaxed);
            self.holders.store(0, Ordering::SeqCst);
            true
        } else {
            read_locks().fetch_sub(1, Ordering::Relaxed);
            self.holders.fetch_sub(1, Ordering::SeqCst) == 1
        };
        if is_free {
            self.tell();
        }
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_init(lock: *mut RwLock, attributes: *const u32) -> c_int {
    // SAFETY: the caller's; the attributes begin with whether processes share the lock.
    unsafe { lock.write(RwLock::new(attributes.as_ref().copied().unwrap_or(0))) };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_rwlock_destroy(_lock: *mut RwLock) -> c_int {
    0
}

macro_rules! locking {
    ($($lock:ident, $try_lock:ident, $timed:ident, $clock:ident = $lock_until:ident, $attempt:ident;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $lock(lock: *mut RwLock) -> c_int {
            // SAFETY: the caller's.
            unsafe { (*lock).$lock_until(Deadline::NEVER) }
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $try_lock(lock: *mut RwLock) -> c_int {
            // SAFETY: the caller's.
            unsafe { (*lock).$attempt() }
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
                    Ok(deadline) => (*lock).$lock_until(deadline),
                    Err(error) => error as c_int,
                }
            }
        }
    )*};
}

locking! {
    pthread_rwlock_rdlock, pthread_rwlock_tryrdlock, pthread_rwlock_timedrdlock, pthread_rwlock_clockrdlock = read, try_read;
    pthread_rwlock_wrlock, pthread_rwlock_trywrlock, pthread_rwlock_timedwrlock, pthread_rwlock_clockwrlock = write, try_write;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_unlock(lock: *mut RwLock) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*lock).unlock() };
    0
}
