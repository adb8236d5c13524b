//! Threads and futexes: on several processors they really run at once.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kernel_abi::process::ThreadArguments;
use kernel_abi::system::clock;
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error, Handle};
use server_rt::stubs::{raw, safe};

use crate::{Check, Tally, equal, refused};

const THREADS: usize = 4;
const ROUNDS: u64 = 2000;
const STACK: usize = 16 * 1024;

static COUNTER: AtomicU64 = AtomicU64::new(0);
static LOCK: AtomicU32 = AtomicU32::new(0);
static ALIVE: [AtomicU32; THREADS] = [const { AtomicU32::new(1) }; THREADS];

/// Runs them all.
pub fn all(tally: &mut Tally) {
    tally.check(
        "threads share a futex lock without losing a count",
        shared_counter,
    );
    tally.check("a futex wait ends by value and by deadline", futex_ends);
}

fn futex_wait(word: &AtomicU32, expected: u32, deadline_ns: u64) -> Result<(), Error> {
    let address = word.as_ptr() as u64;
    // SAFETY: the kernel only reads the word.
    unsafe {
        raw::call4(
            Call::FutexWait,
            address,
            expected.into(),
            deadline_ns,
            clock::MONOTONIC,
        )
    }
    .map(|_| ())
}

fn futex_wake(word: &AtomicU32, count: u64) {
    // SAFETY: the kernel does not touch the word's memory.
    let _ = unsafe { raw::call2(Call::FutexWake, word.as_ptr() as u64, count) };
}

fn lock() {
    while LOCK.swap(1, Ordering::Acquire) != 0 {
        let _ = futex_wait(&LOCK, 1, FOREVER);
    }
}

fn unlock() {
    LOCK.store(0, Ordering::Release);
    futex_wake(&LOCK, 1);
}

extern "C" fn count(index: u64) -> ! {
    for _ in 0..ROUNDS {
        lock();
        // Not atomic on purpose: only the lock keeps counts from being lost.
        COUNTER.store(COUNTER.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        unlock();
    }
    let address = ALIVE[index as usize].as_ptr() as u64;
    // SAFETY: the kernel stores 0 at the static word; the stack is leaked, so nobody frees it.
    let _ = unsafe { raw::call1(Call::ThreadExit, address) };
    loop {
        core::hint::spin_loop();
    }
}

fn shared_counter() -> Check {
    for index in 0..THREADS {
        let stack = alloc::vec![0u8; STACK].leak();
        let top = (stack.as_ptr_range().end as u64) & !15;
        let arguments = ThreadArguments {
            entry: count as *const () as u64,
            stack: top - 8,
            argument: index as u64,
            ..Default::default()
        };
        let address = core::ptr::from_ref(&arguments) as u64;
        // SAFETY: the entry never returns and the stack is the thread's alone.
        unsafe { raw::call2(Call::ThreadCreate, Handle::SELF.0 as u64, address)? };
    }
    for alive in &ALIVE {
        while alive.load(Ordering::Acquire) != 0 {
            let _ = futex_wait(alive, 1, FOREVER);
        }
    }
    equal(
        "count",
        COUNTER.load(Ordering::Relaxed),
        THREADS as u64 * ROUNDS,
    )
}

fn futex_ends() -> Check {
    let word = AtomicU32::new(5);
    refused(
        "value differs",
        futex_wait(&word, 4, FOREVER),
        Error::WouldBlock,
    )?;
    let deadline_ns = safe::monotonic_ns() + 1_000_000;
    refused(
        "deadline",
        futex_wait(&word, 5, deadline_ns),
        Error::TimedOut,
    )
}
