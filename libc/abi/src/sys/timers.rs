//! Timers of a process (POSIX `timer_create`): each is a kernel timer that a thread of the
//! library waits on, since signals are raised by processes here and not by timers.
//!
//! SAFETY of the C functions here: structures are valid, ids come from `timer_create`.

use super::heap::{free, malloc};
use super::support::{Error, Result, Timespec, fail, nanoseconds, status};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use libc_posix::clock;
use libc_rt::futex;
use libc_rt::thread::{self, Options, Thread};

/// `struct sigevent`, 64 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SignalEvent {
    value: usize,
    signal: c_int,
    notify: c_int,
    function: Option<unsafe extern "C" fn(usize)>,
    attributes: *const c_void,
    reserved: [u64; 4],
}

const SIGEV_SIGNAL: c_int = 0;
const SIGEV_THREAD: c_int = 2;
const DISARMED: u64 = u64::MAX;

/// A timer. `change` is the word its thread waits on.
#[repr(C)]
pub struct Timer {
    event: SignalEvent,
    clock: c_int,
    change: AtomicU32,
    deadline_ns: AtomicU64,
    interval_ns: AtomicU64,
    overrun: AtomicI32,
    deleted: AtomicBool,
}

/// What the library's thread does: waits for the deadline, or for a change of it.
extern "C" fn run(block: *mut Thread) -> ! {
    // SAFETY: `timer_create` stored the timer; this thread frees it at the end.
    unsafe {
        let timer = &*(*block).argument.cast::<Timer>();
        while !timer.deleted.load(Ordering::Acquire) {
            let change = timer.change.load(Ordering::Acquire);
            let deadline = timer.deadline_ns.load(Ordering::Acquire);
            let until = (deadline != DISARMED).then_some(deadline);
            if futex::wait(&timer.change, change, until) == Err(kernel_abi::Error::TimedOut)
                && timer.change.load(Ordering::Acquire) == change
            {
                expire(timer, deadline);
            }
        }
        free((*block).argument);
    }
    super::pthread::pthread_exit(core::ptr::null_mut())
}

fn expire(timer: &Timer, deadline: u64) {
    let interval = timer.interval_ns.load(Ordering::Relaxed);
    let late = libc_rt::kernel::monotonic_ns().saturating_sub(deadline);
    // Without an interval the timer fires once.
    let (missed, next) = match late.checked_div(interval) {
        Some(missed) => (missed, deadline + interval * (missed + 1)),
        None => (0, DISARMED),
    };
    timer
        .overrun
        .store(missed.min(i32::MAX as u64) as i32, Ordering::Relaxed);
    // A change made meanwhile wins.
    let _ = timer
        .deadline_ns
        .compare_exchange(deadline, next, Ordering::AcqRel, Ordering::Relaxed);
    match (timer.event.notify, timer.event.function) {
        (SIGEV_SIGNAL, _) => {
            let own = libc_rt::identity::process() as i64;
            const SI_TIMER: i64 = -2;
            let value = timer.event.value as u64;
            let _ = libc_posix::process::kill(own, timer.event.signal as u32, SI_TIMER, value);
        }
        // SAFETY: the program's function.
        (SIGEV_THREAD, Some(function)) => unsafe { function(timer.event.value) },
        _ => {}
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_create(
    clock: c_int,
    event: *const SignalEvent,
    out: *mut *mut Timer,
) -> c_int {
    const SIGALRM: c_int = 14;
    const OPTIONS: Options = Options {
        stack_size: 64 << 10,
        guard_size: 4096,
        stack: core::ptr::null_mut(),
        detached: true,
        priority: 0,
    };
    // SAFETY: the caller's; the thread takes the timer over.
    unsafe {
        if let Err(error) = clock::sleep_clock(clock) {
            return fail(error as c_int);
        }
        let timer: *mut Timer = malloc(size_of::<Timer>()).cast();
        if timer.is_null() {
            return -1;
        }
        let event = event.as_ref().copied().unwrap_or(SignalEvent {
            value: timer as usize,
            signal: SIGALRM,
            notify: SIGEV_SIGNAL,
            function: None,
            attributes: core::ptr::null(),
            reserved: [0; 4],
        });
        if !(SIGEV_SIGNAL..=SIGEV_THREAD).contains(&event.notify) {
            free(timer.cast());
            return fail(Error::BadArgument as c_int);
        }
        timer.write(Timer {
            event,
            clock,
            change: AtomicU32::new(0),
            deadline_ns: AtomicU64::new(DISARMED),
            interval_ns: AtomicU64::new(0),
            overrun: AtomicI32::new(0),
            deleted: AtomicBool::new(false),
        });
        match thread::create(&OPTIONS, run, |block| block.argument = timer.cast()) {
            Ok(_) => {
                *out = timer;
                0
            }
            Err(_) => {
                free(timer.cast());
                fail(Error::WouldBlock as c_int)
            }
        }
    }
}

fn changed(timer: &Timer) {
    timer.change.fetch_add(1, Ordering::Release);
    futex::wake(&timer.change, 1);
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_delete(timer: *mut Timer) -> c_int {
    // SAFETY: the caller's; the timer's thread frees it.
    let timer = unsafe { &*timer };
    timer.deleted.store(true, Ordering::Release);
    changed(timer);
    0
}

fn left(timer: &Timer) -> [Timespec; 2] {
    let value = match timer.deadline_ns.load(Ordering::Acquire) {
        DISARMED => 0,
        deadline => deadline
            .saturating_sub(libc_rt::kernel::monotonic_ns())
            .max(1),
    };
    let interval = timer.interval_ns.load(Ordering::Relaxed);
    [Timespec::from_ns(interval), Timespec::from_ns(value)]
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_settime(
    timer: *mut Timer,
    flags: c_int,
    new: *const [Timespec; 2],
    old: *mut [Timespec; 2],
) -> c_int {
    const ABSOLUTE: c_int = 1;
    // SAFETY: the caller's.
    let (timer, [interval, value]) = unsafe { (&*timer, &*new) };
    let set = || -> Result<()> {
        let (interval, value) = (nanoseconds(interval)?, nanoseconds(value)?);
        let deadline = match value {
            0 => DISARMED,
            value if flags & ABSOLUTE != 0 => clock::deadline_at(timer.clock, value)?,
            value => clock::deadline_after(value),
        };
        // SAFETY: the caller's.
        if let Some(old) = unsafe { old.as_mut() } {
            *old = left(timer);
        }
        timer.interval_ns.store(interval, Ordering::Relaxed);
        timer.deadline_ns.store(deadline, Ordering::Release);
        changed(timer);
        Ok(())
    };
    status(set())
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_gettime(timer: *mut Timer, out: *mut [Timespec; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = left(&*timer) };
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_getoverrun(timer: *mut Timer) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*timer).overrun.load(Ordering::Relaxed) }
}
