//! Things done once.
//!
//! SAFETY of the C functions here: the control word was initialised to 0.

use super::cancel::{_pthread_cleanup_pop, _pthread_cleanup_push, Cleanup};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering};
use libc_rt::futex::{self, Deadline};

const RUNNING: u32 = 1;
const DONE: u32 = 2;
const WAITED_FOR: u32 = 3;

/// The routine was cancelled: as if it had never been called (POSIX).
unsafe extern "C" fn undone(control: *mut c_void) {
    // SAFETY: the word that `pthread_once` was given.
    let control = unsafe { AtomicU32::from_ptr(control.cast()) };
    if control.swap(0, Ordering::Release) == WAITED_FOR {
        futex::wake(control, u32::MAX);
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_once(
    control: *mut c_int,
    routine: unsafe extern "C" fn(),
) -> c_int {
    // SAFETY: the caller's word, used atomically by everyone here.
    let control = unsafe { AtomicU32::from_ptr(control.cast()) };
    loop {
        match control.compare_exchange(0, RUNNING, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: the program's.
                unsafe {
                    let mut handler = core::mem::MaybeUninit::<Cleanup>::uninit();
                    let word = control.as_ptr().cast::<c_void>();
                    _pthread_cleanup_push(handler.as_mut_ptr(), undone, word);
                    routine();
                    _pthread_cleanup_pop(handler.as_mut_ptr(), 0);
                }
                if control.swap(DONE, Ordering::Release) == WAITED_FOR {
                    futex::wake(control, u32::MAX);
                }
                return 0;
            }
            Err(DONE) => return 0,
            Err(_) => {
                let _ = control.compare_exchange(
                    RUNNING,
                    WAITED_FOR,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                let _ = futex::wait_uncancelled(control, WAITED_FOR, Deadline::NEVER);
            }
        }
    }
}
