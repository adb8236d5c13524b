//! Lock words that name their owner: what robust and priority-inheriting mutexes are made of.

use super::ceiling;
use super::mutex::{Mutex, kind};
use crate::sys::support::Error;
use core::ffi::c_int;
use core::sync::atomic::Ordering;
use kernel_abi::process::{RobustList, lock_word};
use libc_rt::futex::{self, Deadline};
use libc_rt::thread;

/// Distance from a mutex's links, which are its entry in a robust list, to its word.
const OFFSET: isize =
    core::mem::offset_of!(Mutex, lock) as isize - core::mem::offset_of!(Mutex, next) as isize;

/// Names the mutex as the one under way, for as long as it lives: a thread that is killed between
/// the change of the word and that of the list leaves nothing behind.
struct Pending(Option<*mut RobustList>);

impl Pending {
    fn new(mutex: &Mutex) -> Pending {
        if mutex.kind & kind::ROBUST == 0 {
            return Pending(None);
        }
        let list = thread::robust_list(OFFSET);
        // SAFETY: the list is the calling thread's.
        unsafe { (&raw mut (*list).pending).write_volatile(entry(mutex) as u64) };
        Pending(Some(list))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(list) = self.0 {
            core::sync::atomic::compiler_fence(Ordering::SeqCst);
            // SAFETY: as above.
            unsafe { (&raw mut (*list).pending).write_volatile(0) };
        }
    }
}

fn entry(mutex: &Mutex) -> usize {
    &raw const mutex.next as usize
}

/// The mutex with this entry.
unsafe fn of_entry<'a>(entry: usize) -> &'a Mutex {
    // SAFETY: the caller's: entries in a list are of mutexes that the thread holds.
    unsafe { &*((entry - core::mem::offset_of!(Mutex, next)) as *const Mutex) }
}

fn link(mutex: &Mutex) {
    let list = thread::robust_list(OFFSET);
    // SAFETY: the list and the mutexes in it are the calling thread's.
    unsafe {
        let first = (*list).first as usize;
        mutex.next.store(first, Ordering::Relaxed);
        mutex.previous.store(0, Ordering::Relaxed);
        if first != 0 {
            of_entry(first)
                .previous
                .store(entry(mutex), Ordering::Relaxed);
        }
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
        (&raw mut (*list).first).write_volatile(entry(mutex) as u64);
    }
}

fn unlink(mutex: &Mutex) {
    let list = thread::robust_list(OFFSET);
    let next = mutex.next.load(Ordering::Relaxed);
    let previous = mutex.previous.load(Ordering::Relaxed);
    // SAFETY: as above.
    unsafe {
        if next != 0 {
            of_entry(next).previous.store(previous, Ordering::Relaxed);
        }
        match previous {
            0 => (&raw mut (*list).first).write_volatile(next as u64),
            previous => of_entry(previous).next.store(next, Ordering::Relaxed),
        }
    }
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// What waiting for a word that somebody else holds came to.
enum Waited {
    Again,
    /// The kernel has made the caller the owner.
    Owner,
    Failed(Error),
}

fn wait(mutex: &Mutex, word: u32, deadline: Deadline) -> Waited {
    use kernel_abi::Error as Kernel;
    let lock = mutex.lock.word();
    let inherits = mutex.kind & kind::INHERIT != 0;
    let owner = word & lock_word::OWNER;
    if inherits && owner != thread::lock_owner() {
        match futex::lock(lock, deadline) {
            Ok(()) => return Waited::Owner,
            Err(Kernel::TimedOut) => return Waited::Failed(Error::TimedOut),
            // Its owner ended without a trace, which only one that is not robust lets happen.
            Err(Kernel::NoProcess) => {}
            Err(_) => return Waited::Again,
        }
    }
    let marked = word | lock_word::WAITERS;
    if word != marked
        && lock
            .compare_exchange(word, marked, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
    {
        return Waited::Again;
    }
    match futex::wait_uncancelled(lock, marked, deadline) {
        Err(Kernel::TimedOut) => Waited::Failed(Error::TimedOut),
        _ => Waited::Again,
    }
}

/// Takes the word: 0, `OwnerDead`, or the error. Without `wait_for_it`, `Busy` when it is held.
pub(super) fn lock(mutex: &Mutex, wait_for_it: bool, deadline: Deadline) -> c_int {
    let pending = Pending::new(mutex);
    let own = thread::lock_owner();
    let word = mutex.lock.word();
    let mut waited = 0;
    loop {
        let found = word.load(Ordering::Relaxed);
        match found & lock_word::OWNER {
            lock_word::UNRECOVERABLE => return Error::NotRecoverable as c_int,
            0 => {
                let new = found | own | waited;
                if word
                    .compare_exchange_weak(found, new, Ordering::Acquire, Ordering::Relaxed)
                    .is_err()
                {
                    continue;
                }
                break;
            }
            _ if !wait_for_it => return Error::Busy as c_int,
            _ => match wait(mutex, found, deadline) {
                Waited::Again => {}
                Waited::Owner => break,
                Waited::Failed(error) => return error as c_int,
            },
        }
        // Others may wait as well, and whoever lets go has taken the mark away.
        waited = lock_word::WAITERS;
    }
    if mutex.kind & kind::ROBUST == 0 {
        // Nobody is told, so nobody could make it consistent.
        word.fetch_and(!lock_word::OWNER_DIED, Ordering::Relaxed);
        drop(pending);
        return 0;
    }
    link(mutex);
    drop(pending);
    if word.load(Ordering::Relaxed) & lock_word::OWNER_DIED != 0 {
        mutex.depth.store(0, Ordering::Relaxed);
        return Error::OwnerDead as c_int;
    }
    0
}

/// Whether the calling thread holds it.
pub(super) fn is_own(mutex: &Mutex) -> bool {
    mutex.lock.word().load(Ordering::Relaxed) & lock_word::OWNER == thread::lock_owner()
}

/// Lets the word go. One that was not made consistent is lost for all.
pub(super) fn unlock(mutex: &Mutex) {
    let pending = Pending::new(mutex);
    let word = mutex.lock.word();
    let found = word.load(Ordering::Relaxed);
    let leave = if found & lock_word::OWNER_DIED != 0 {
        lock_word::UNRECOVERABLE
    } else {
        0
    };
    if mutex.kind & kind::ROBUST != 0 {
        unlink(mutex);
    }
    let inherits = mutex.kind & kind::INHERIT != 0;
    if inherits {
        let free = word.compare_exchange(
            thread::lock_owner(),
            leave,
            Ordering::Release,
            Ordering::Relaxed,
        );
        if free.is_err() {
            // The word is the caller's, so that it can only fail for a bad address.
            let _ = futex::unlock(word, leave);
        }
    }
    if !inherits || leave != 0 {
        let before = if inherits {
            lock_word::WAITERS
        } else {
            word.swap(leave, Ordering::Release)
        };
        if before & lock_word::WAITERS != 0 {
            futex::wake(word, if leave == 0 { 1 } else { u32::MAX });
        }
    }
    drop(pending);
}

/// Makes the state that a dead owner left good again (`pthread_mutex_consistent`).
pub(super) fn make_consistent(mutex: &Mutex) -> c_int {
    let word = mutex.lock.word();
    let dead = word.load(Ordering::Relaxed) & lock_word::OWNER_DIED != 0;
    if mutex.kind & kind::ROBUST == 0 || !dead || !is_own(mutex) {
        return Error::BadArgument as c_int;
    }
    word.fetch_and(!lock_word::OWNER_DIED, Ordering::Relaxed);
    0
}

/// Raises the caller to a mutex's ceiling; what then fails lowers it again.
pub(super) fn with_ceiling(mutex: &Mutex, lock: impl FnOnce() -> c_int) -> c_int {
    if mutex.kind & kind::PROTECT == 0 {
        return lock();
    }
    if let Err(error) = ceiling::raise(mutex.ceiling()) {
        return error as c_int;
    }
    let result = lock();
    if result != 0 && result != Error::OwnerDead as c_int {
        ceiling::lower();
    }
    result
}
