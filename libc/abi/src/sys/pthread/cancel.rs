//! Cancellation: deferred, at the points where the library looks.
//!
//! A cancellation that comes between such a look and the wait after it must not be missed. So
//! [`SIGCANCEL`]'s handler has the kernel interrupt the thread's next wait, and who is interrupted
//! looks again. Waits that are no cancellation points pass that on to the next one
//! (`libc_rt::futex::wait_uncancelled`).
//!
//! SAFETY of the C functions here: cleanup handlers are pushed and popped in pairs.

use crate::sys::support::{Error, number};
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering;
use libc_rt::cancel;
use libc_rt::signal::{Action, action};
use libc_rt::thread::{self, Thread};

/// The signal that wakes a cancelled thread from its wait (musl's number).
const SIGCANCEL: c_int = 33;
const DISABLED: c_int = 1;
const ASYNCHRONOUS: c_int = 1;

/// `struct __ptcb`: a cleanup handler, on the stack of who pushed it.
#[repr(C)]
pub struct Cleanup {
    function: Option<unsafe extern "C" fn(*mut c_void)>,
    argument: *mut c_void,
    next: *mut Cleanup,
}

/// Ends the thread here if it has been cancelled.
#[inline]
pub fn cancellation_point() {
    if cancel::is_being_cancelled() {
        cancelled();
    }
}

#[cold]
fn cancelled() -> ! {
    const PTHREAD_CANCELED: *mut c_void = usize::MAX as *mut c_void;
    // SAFETY: the current block lives.
    let block = unsafe { &*thread::current() };
    // The cleanup handlers may wait.
    block.cancel_state.store(DISABLED, Ordering::SeqCst);
    cancel::interrupt_next_wait(false);
    super::pthread_exit(PTHREAD_CANCELED)
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_testcancel() {
    cancellation_point();
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setcancelstate(new: c_int, old: *mut c_int) -> c_int {
    if !(0..=2).contains(&new) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the current block lives; the result is the caller's.
    unsafe {
        let block = &*thread::current();
        let before = block.cancel_state.swap(new, Ordering::SeqCst);
        if let Some(old) = old.as_mut() {
            *old = before;
        }
        if block.cancelled.load(Ordering::SeqCst) {
            match new {
                // Meant for a wait that it is not to interrupt now.
                DISABLED => cancel::interrupt_next_wait(false),
                _ if block.cancel_type == ASYNCHRONOUS => cancellation_point(),
                _ => {}
            }
        }
    }
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setcanceltype(new: c_int, old: *mut c_int) -> c_int {
    if !(0..=1).contains(&new) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: as above.
    unsafe {
        let block = &mut *thread::current();
        if let Some(old) = old.as_mut() {
            *old = block.cancel_type;
        }
        block.cancel_type = new;
    }
    if new == ASYNCHRONOUS {
        cancellation_point();
    }
    0
}

/// The wait that this interrupts returns, or else the next one, and the thread ends there.
extern "C" fn on_cancel(_: c_int) {
    if !cancel::is_being_cancelled() {
        return;
    }
    // SAFETY: the current block lives.
    if unsafe { (*thread::current()).cancel_type } == ASYNCHRONOUS {
        cancellation_point();
    }
    cancel::interrupt_next_wait(true);
}

/// That it comes is enough: it has interrupted a wait.
extern "C" fn on_interrupt(_: c_int) {}

/// Names the handlers of the library's signals.
fn install_handlers() -> Result<(), Error> {
    let handlers = [
        (SIGCANCEL as u32, on_cancel as extern "C" fn(c_int)),
        (cancel::INTERRUPTING_SIGNAL, on_interrupt),
    ];
    for (signal, handler) in handlers {
        let wanted = Action {
            handler: handler as *const () as usize,
            flags: 0,
            mask: 0,
        };
        action(signal, Some(wanted))?;
    }
    Ok(())
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cancel(target: *mut Thread) -> c_int {
    // SAFETY: the caller's thread has not been joined.
    unsafe {
        (*target).cancelled.store(true, Ordering::SeqCst);
        if target == thread::current() {
            if (*target).cancel_type == ASYNCHRONOUS {
                cancellation_point();
            }
            return 0;
        }
        if (*target).cancel_state.load(Ordering::SeqCst) == DISABLED {
            // It looks when it allows cancellation again.
            return 0;
        }
        number(
            install_handlers()
                .and_then(|()| super::super::signal::raise_in(thread::number(target), SIGCANCEL)),
        )
    }
}

/// What the `pthread_cleanup_push` macro calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _pthread_cleanup_push(
    place: *mut Cleanup,
    function: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
) {
    // SAFETY: the place is on the caller's stack; the current block lives.
    unsafe {
        let block = &mut *thread::current();
        *place = Cleanup {
            function: Some(function),
            argument,
            next: block.cleanup.cast(),
        };
        block.cleanup = place.cast();
    }
}

/// What the `pthread_cleanup_pop` macro calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _pthread_cleanup_pop(place: *mut Cleanup, execute: c_int) {
    // SAFETY: as above.
    unsafe {
        (*thread::current()).cleanup = (*place).next.cast();
        if let (true, Some(function)) = (execute != 0, (*place).function) {
            function((*place).argument);
        }
    }
}

/// Runs the cleanup handlers of a thread that ends.
pub(super) unsafe fn run_cleanups() {
    // SAFETY: handlers lie on stacks below, which live.
    unsafe {
        let block = thread::current();
        (*block).cancel_state.store(DISABLED, Ordering::SeqCst);
        while !(*block).cleanup.is_null() {
            let handler = (*block).cleanup.cast::<Cleanup>();
            (*block).cleanup = (*handler).next.cast();
            if let Some(function) = (*handler).function {
                function((*handler).argument);
            }
        }
    }
}
