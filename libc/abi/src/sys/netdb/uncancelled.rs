//! A stretch in which the thread is not cancelled.

use crate::sys::pthread::pthread_setcancelstate;
use core::ffi::c_int;

/// While this lives, the thread is not cancelled: its sockets, files and memory are given back first.
pub(super) struct Uncancelled {
    before: c_int,
}

impl Uncancelled {
    pub(super) fn begin() -> Uncancelled {
        const PTHREAD_CANCEL_DISABLE: c_int = 1;
        let mut before = 0;
        // SAFETY: the result is a local variable.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        Uncancelled { before }
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        // SAFETY: the state before is not wanted.
        unsafe { pthread_setcancelstate(self.before, core::ptr::null_mut()) };
    }
}
