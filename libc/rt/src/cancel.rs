//! What the waits of the library have to know of a thread's cancellation.

use crate::thread;
use core::sync::atomic::Ordering;
use kernel_abi::process::thread_property;
use kernel_stubs::safe;

/// The signal that interrupts the next wait of a thread that is being cancelled.
pub const INTERRUPTING_SIGNAL: u32 = 34;

/// Has the calling thread's next wait interrupted, or no more.
pub fn interrupt_next_wait(wanted: bool) {
    let upcall = if wanted { INTERRUPTING_SIGNAL } else { 0 };
    // The caller's own property: nothing that could fail.
    let _ = safe::thread_set(0, thread_property::UPCALL_AT_WAIT, u64::from(upcall));
}

/// Whether the calling thread has been cancelled and has not forbidden it.
#[inline]
pub fn is_being_cancelled() -> bool {
    const DISABLED: i32 = 1;
    // SAFETY: the current block lives.
    let block = unsafe { &*thread::current() };
    block.cancelled.load(Ordering::Relaxed)
        && block.cancel_state.load(Ordering::Relaxed) != DISABLED
}
