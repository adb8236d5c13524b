//! Making, ending and joining threads.
//!
//! SAFETY of the C functions here: thread ids are of threads not yet joined (POSIX).

use super::attributes::Attributes;
use super::{cancel, keys};
use crate::sys::support::{Error, Timespec, copy_text, number, text};
use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::Ordering;
use libc_rt::futex::Deadline;
use libc_rt::thread::{self, Thread, detach_state};

type Routine = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

extern "C" fn begin(block: *mut Thread) -> ! {
    // SAFETY: `pthread_create` stored routine and argument before the thread started.
    let result = unsafe {
        let routine: Routine = core::mem::transmute((*block).routine);
        routine((*block).argument)
    };
    pthread_exit(result)
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    out: *mut *mut Thread,
    attributes: *const Attributes,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's; `begin` never returns.
    unsafe {
        let attributes = attributes.as_ref().copied().unwrap_or_default();
        let mut options = attributes.options();
        match attributes.wanted_priority() {
            Ok(priority) => options.priority = priority,
            Err(error) => return error as c_int,
        }
        let made = thread::create(&options, begin, |block| {
            block.routine = routine as usize;
            block.argument = argument;
        });
        match made {
            Ok(block) => {
                *out = block;
                0
            }
            Err(kernel_abi::Error::NoMemory) => Error::WouldBlock as c_int,
            Err(error) => error as c_int,
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_exit(result: *mut c_void) -> ! {
    // SAFETY: the current block lives.
    unsafe {
        (*thread::current()).result = result;
        cancel::run_cleanups();
        keys::run_thread_destructors();
        keys::run_key_destructors();
        // The process ends with its last thread.
        if thread::live_threads() == 1 {
            crate::sys::start::exit(0);
        }
    }
    thread::exit()
}

unsafe fn join(target: *mut Thread, result: *mut *mut c_void, deadline: Deadline) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if target == thread::current() {
            return Error::Deadlock as c_int;
        }
        if (*target).detach.load(Ordering::Acquire) == detach_state::DETACHED {
            return Error::BadArgument as c_int;
        }
        loop {
            cancel::cancellation_point();
            match thread::wait_for_end(target, deadline) {
                Ok(()) => break,
                Err(kernel_abi::Error::Interrupted) => {}
                Err(error) => return error as c_int,
            }
        }
        if let Some(result) = result.as_mut() {
            *result = (*target).result;
        }
        thread::release(target);
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(target: *mut Thread, result: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's.
    unsafe { join(target, result, Deadline::NEVER) }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_tryjoin_np(
    target: *mut Thread,
    result: *mut *mut c_void,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if (*target).alive.load(Ordering::Acquire) != 0 {
            return Error::Busy as c_int;
        }
        join(target, result, Deadline::NEVER)
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_timedjoin_np(
    target: *mut Thread,
    result: *mut *mut c_void,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        match super::deadline(0, at) {
            Ok(deadline) => join(target, result, deadline),
            Err(error) => error as c_int,
        }
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(target: *mut Thread) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let before = (*target).detach.compare_exchange(
            detach_state::JOINABLE,
            detach_state::DETACHED,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match before {
            Ok(_) => 0,
            Err(detach_state::EXITED) => {
                thread::abandon(target);
                0
            }
            Err(_) => Error::BadArgument as c_int,
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_self() -> *mut Thread {
    thread::current()
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_equal(first: *mut Thread, second: *mut Thread) -> c_int {
    (first == second) as c_int
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_kill(target: *mut Thread, signal: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if (*target).alive.load(Ordering::Acquire) == 0 {
            return Error::NoProcess as c_int;
        }
        number(crate::sys::signal::raise_in(thread::number(target), signal))
    }
}

/// Linux: the calling thread's id; that of the first thread is the process's.
#[unsafe(no_mangle)]
pub extern "C" fn gettid() -> c_int {
    // SAFETY: the current block lives.
    unsafe {
        let block = thread::current();
        if (*block).is_main {
            return libc_rt::identity::process() as c_int;
        }
        thread::number(block) as c_int
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setname_np(target: *mut Thread, name: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let name = text(name);
        let block = &mut *target;
        if name.len() >= block.name.len() {
            return Error::OutOfRange as c_int;
        }
        copy_text(name, &mut block.name);
    }
    0
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getname_np(
    target: *mut Thread,
    name: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let block = &*target;
        if size < block.name.len() {
            return Error::OutOfRange as c_int;
        }
        core::ptr::copy_nonoverlapping(block.name.as_ptr(), name.cast(), block.name.len());
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getcpuclockid(target: *mut Thread, clock: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *clock = libc_posix::clock::clock_of_thread(thread::number(target) as c_int);
    }
    0
}

/// XSI: every thread is the kernel's, so there is no level to set.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_getconcurrency() -> c_int {
    0
}

/// XSI: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_setconcurrency(level: c_int) -> c_int {
    if level < 0 {
        Error::BadArgument as c_int
    } else {
        0
    }
}
