//! The stack unwinder that Rust's standard library links as `libunwind.a`: the `unwinding` crate's
//! `_Unwind_*` functions and nothing else.
#![no_std]

extern crate unwinding;

unsafe extern "C" {
    /// C's `abort`, from the libc that the program is linked with.
    safe fn abort() -> !;
}

/// The unwinder does not panic on purpose; if it does, there is no one left to unwind to.
#[panic_handler]
fn panic(_information: &core::panic::PanicInfo) -> ! {
    abort()
}
