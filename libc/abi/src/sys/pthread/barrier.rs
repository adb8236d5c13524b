//! Barriers.
//!
//! SAFETY of the C functions here: objects were initialised.

use crate::sys::support::Error;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex::{self, Deadline};
use libc_rt::lock::RawLock;

/// `pthread_barrier_t`, 32 bytes.
#[repr(C)]
pub struct Barrier {
    lock: RawLock,
    limit: u32,
    arrived: AtomicU32,
    /// Changes when a round is complete.
    round: AtomicU32,
    /// Threads between their arrival and their return.
    inside: AtomicU32,
    reserved: u32,
    more: usize,
}

const _: () = assert!(size_of::<Barrier>() == 32);

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_init(
    barrier: *mut Barrier,
    _attributes: *const u32,
    limit: u32,
) -> c_int {
    if limit == 0 {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe {
        barrier.write(Barrier {
            lock: RawLock::new(),
            limit,
            arrived: AtomicU32::new(0),
            round: AtomicU32::new(0),
            inside: AtomicU32::new(0),
            reserved: 0,
            more: 0,
        });
    }
    0
}

/// POSIX: returns the error's number: one that threads wait at is not destroyed. Those that are
/// about to return from it are waited for: the memory may be used for something else afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_destroy(barrier: *mut Barrier) -> c_int {
    // SAFETY: the caller's.
    let barrier = unsafe { &*barrier };
    if barrier.arrived.load(Ordering::Acquire) != 0 {
        return Error::Busy as c_int;
    }
    loop {
        match barrier.inside.load(Ordering::Acquire) {
            0 => return 0,
            inside => {
                let _ = futex::wait_uncancelled(&barrier.inside, inside, Deadline::NEVER);
            }
        }
    }
}

/// POSIX: -1 in one of the threads, 0 in the others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_wait(barrier: *mut Barrier) -> c_int {
    const SERIAL_THREAD: c_int = -1;
    // SAFETY: the caller's.
    let barrier = unsafe { &*barrier };
    barrier.lock.acquire_shared();
    let round = barrier.round.load(Ordering::Relaxed);
    let arrived = barrier.arrived.load(Ordering::Relaxed) + 1;
    if arrived == barrier.limit {
        barrier.arrived.store(0, Ordering::Relaxed);
        barrier
            .round
            .store(round.wrapping_add(1), Ordering::Release);
        barrier.lock.release_shared();
        futex::wake(&barrier.round, u32::MAX);
        return SERIAL_THREAD;
    }
    barrier.arrived.store(arrived, Ordering::Relaxed);
    barrier.inside.fetch_add(1, Ordering::Relaxed);
    barrier.lock.release_shared();
    while barrier.round.load(Ordering::Acquire) == round {
        let _ = futex::wait_uncancelled(&barrier.round, round, Deadline::NEVER);
    }
    let inside = &raw const barrier.inside;
    if barrier.inside.fetch_sub(1, Ordering::Release) == 1 {
        // By address: who destroys the barrier may be done already.
        futex::wake_at(inside.cast(), u32::MAX);
    }
    0
}
