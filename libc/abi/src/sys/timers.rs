//! Timers of a process (POSIX `timer_create`): the kernel's, which raise their signal by
//! themselves. For `SIGEV_THREAD` they raise one of the library's own in a thread that it starts
//! for each such timer, and that runs the function.
//!
//! SAFETY of the C functions here: structures are valid, ids come from `timer_create`.

use super::heap::{free, malloc};
use super::signal::{raise_in, take};
use super::support::{Error, Result, Timespec, fail, int, nanoseconds, status};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use kernel_abi::Handle;
use kernel_abi::process::mask_how;
use libc_posix::timer;
use libc_rt::futex::{self, Deadline};
use libc_rt::kernel;
use libc_rt::thread::{self, Options, Thread};

/// `struct sigevent`, 64 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SignalEvent {
    value: usize,
    signal: c_int,
    notify: c_int,
    /// The union: `sigev_notify_function` or `sigev_notify_thread_id`.
    function: usize,
    attributes: *const c_void,
    reserved: [u64; 4],
}

const _: () = assert!(size_of::<SignalEvent>() == 64);

const SIGEV_SIGNAL: c_int = 0;
const SIGEV_NONE: c_int = 1;
const SIGEV_THREAD: c_int = 2;
const SIGEV_THREAD_ID: c_int = 4;
const SIGALRM: c_int = 14;
/// The library's own, as musl has it.
const SIGTIMER: c_int = 32;
/// Marks the id of a timer with a thread: the rest is half its address.
const WITH_THREAD: usize = 1 << 63;

/// A timer with a thread.
struct ThreadTimer {
    handle: Handle,
    clock: c_int,
    function: Option<unsafe extern "C" fn(usize)>,
    value: usize,
    /// Number of its thread, once it has started.
    thread: AtomicU32,
    deleted: AtomicBool,
}

/// A `timer_t`, taken apart. The id of a timer without a thread is its handle and its clock.
struct Named {
    handle: Handle,
    clock: c_int,
}

/// Clocks that ids can name, by their place; a clock of a process is its own.
const CLOCKS: [c_int; 4] = [0, 1, 2, 3];

fn id_of(handle: Handle, clock: c_int) -> usize {
    let place = match clock {
        clock if clock < 0 => 2,
        3 => 3,
        0 | 5 | 8 | 11 => 0,
        2 => 2,
        _ => 1,
    };
    handle.0 as usize | place << 32
}

unsafe fn named(id: usize) -> Result<Named> {
    if id & WITH_THREAD != 0 {
        // SAFETY: the caller's id.
        let timer = unsafe { &*((id << 1) as *const ThreadTimer) };
        return Ok(Named {
            handle: timer.handle,
            clock: timer.clock,
        });
    }
    let clock = *CLOCKS.get(id >> 32).ok_or(Error::BadArgument)?;
    let handle = Handle(id as u32);
    timer::state(handle)?;
    Ok(Named { handle, clock })
}

/// What the thread of a timer does: runs the function for each expiry.
extern "C" fn run(block: *mut Thread) -> ! {
    // SAFETY: `timer_create` stored the timer; this thread frees it at the end.
    unsafe {
        let timer = &*(*block).argument.cast::<ThreadTimer>();
        // The program's signals are for its own threads (POSIX leaves open which mask it is).
        let _ = kernel::upcall_mask(mask_how::SET, u64::MAX);
        timer
            .thread
            .store(thread::number(block) as u32, Ordering::Release);
        futex::wake(&timer.thread, 1);
        loop {
            let taken = take(1 << (SIGTIMER - 1), kernel_abi::wait::FOREVER);
            if timer.deleted.load(Ordering::Acquire) {
                break;
            }
            if let (Ok(_), Some(function)) = (taken, timer.function) {
                function(timer.value);
            }
        }
        let _ = timer::delete(timer.handle);
        free((*block).argument);
    }
    super::pthread::pthread_exit(core::ptr::null_mut())
}

/// Makes a timer with a thread: its id.
unsafe fn with_thread(handle: Handle, clock: c_int, event: &SignalEvent) -> Result<usize> {
    const OPTIONS: Options = Options {
        stack_size: 64 << 10,
        guard_size: 4096,
        stack: core::ptr::null_mut(),
        detached: true,
        priority: 0,
    };
    // SAFETY: the program's function has this type; the thread takes the timer over.
    unsafe {
        let function =
            core::mem::transmute::<usize, Option<unsafe extern "C" fn(usize)>>(event.function);
        let place: *mut ThreadTimer = malloc(size_of::<ThreadTimer>()).cast();
        if place.is_null() {
            return Err(Error::WouldBlock);
        }
        place.write(ThreadTimer {
            handle,
            clock,
            function,
            value: event.value,
            thread: AtomicU32::new(0),
            deleted: AtomicBool::new(false),
        });
        if thread::create(&OPTIONS, run, |block| block.argument = place.cast()).is_err() {
            free(place.cast());
            return Err(Error::WouldBlock);
        }
        let timer = &*place;
        while timer.thread.load(Ordering::Acquire) == 0 {
            let _ = futex::wait_uncancelled(&timer.thread, 0, Deadline::NEVER);
        }
        let number = timer.thread.load(Ordering::Acquire).into();
        timer::notify(handle, number, SIGTIMER as u32, 0, 0)?;
        Ok(place as usize >> 1 | WITH_THREAD)
    }
}

/// The number of the thread with a `gettid` in this process.
fn thread_number(id: usize) -> u64 {
    match id as u64 {
        first if first == libc_rt::identity::process() => 1,
        other => other,
    }
}

unsafe fn create(handle: Handle, clock: c_int, event: Option<&SignalEvent>) -> Result<usize> {
    let id = id_of(handle, clock);
    let Some(event) = event else {
        timer::notify(handle, 0, SIGALRM as u32, id as u64, id as u32)?;
        return Ok(id);
    };
    let signal = match event.signal {
        signal @ 1..=64 if signal != 9 && signal != 19 => signal as u32,
        _ if event.notify == SIGEV_NONE || event.notify == SIGEV_THREAD => SIGALRM as u32,
        _ => return Err(Error::BadArgument),
    };
    let value = event.value as u64;
    match event.notify {
        SIGEV_NONE => {}
        SIGEV_SIGNAL => timer::notify(handle, 0, signal, value, id as u32)?,
        SIGEV_THREAD_ID => {
            let thread = thread_number(event.function & 0xffff_ffff);
            timer::notify(handle, thread, signal, value, id as u32)
                .map_err(|_| Error::BadArgument)?;
        }
        // SAFETY: the caller's.
        SIGEV_THREAD => return unsafe { with_thread(handle, clock, event) },
        _ => return Err(Error::BadArgument),
    }
    Ok(id)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_create(
    clock: c_int,
    event: *const SignalEvent,
    out: *mut usize,
) -> c_int {
    let made = timer::create(clock).and_then(|handle| {
        // SAFETY: the caller's.
        let id = unsafe { create(handle, clock, event.as_ref()) };
        id.inspect_err(|_| {
            let _ = timer::delete(handle);
        })
    });
    status(made.map(|id| {
        // SAFETY: the caller's.
        unsafe { *out = id };
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_delete(id: usize) -> c_int {
    if id & WITH_THREAD == 0 {
        // SAFETY: the caller's.
        return status(unsafe { named(id) }.and_then(|named| timer::delete(named.handle)));
    }
    // SAFETY: the caller's; the timer's thread frees it, woken by its own signal.
    unsafe {
        let timer = &*((id << 1) as *const ThreadTimer);
        let thread = timer.thread.load(Ordering::Acquire).into();
        timer.deleted.store(true, Ordering::Release);
        status(raise_in(thread, SIGTIMER))
    }
}

fn both(state: &timer::State) -> [Timespec; 2] {
    [
        Timespec::from_ns(state.interval_ns),
        Timespec::from_ns(state.left_ns),
    ]
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_settime(
    id: usize,
    flags: c_int,
    new: *const [Timespec; 2],
    old: *mut [Timespec; 2],
) -> c_int {
    const ABSOLUTE: c_int = 1;
    // SAFETY: the caller's.
    unsafe {
        let Some([interval, value]) = new.as_ref() else {
            return fail(Error::BadArgument as c_int);
        };
        let set = named(id).and_then(|named| {
            let (interval, value) = (nanoseconds(interval)?, nanoseconds(value)?);
            let before = timer::state(named.handle)?;
            let absolute = flags & ABSOLUTE != 0;
            timer::set(named.handle, named.clock, value, interval, absolute)?;
            Ok(before)
        });
        status(set.map(|before| {
            if let Some(old) = old.as_mut() {
                *old = both(&before);
            }
        }))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_gettime(id: usize, out: *mut [Timespec; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let state = named(id).and_then(|named| timer::state(named.handle));
        status(state.map(|state| *out = both(&state)))
    }
}

/// POSIX: at most `DELAYTIMER_MAX`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timer_getoverrun(id: usize) -> c_int {
    // SAFETY: the caller's.
    let state = unsafe { named(id) }.and_then(|named| timer::state(named.handle));
    int(state.map(|state| state.overrun.min(i32::MAX as u64) as c_int))
}
