//! The unsafe base of the C library: start-up, thread-local storage, locks, the heap, signal
//! frames, and the transport that carries calls to servers.
//!
//! Everything above (`libc-posix`, most of `libc-abi`) reaches the kernel through here or
//! through `kernel-stubs`.
#![no_std]
#![cfg_attr(target_vendor = "microkosm", feature(linkage))]

#[cfg(test)]
extern crate std;

pub mod cancel;
pub mod futex;
pub mod heap;
pub mod identity;
pub mod lock;
pub mod memory;
pub mod session;
pub mod signal;
pub mod start;
pub mod thread;

pub use kernel_abi as abi;
pub use kernel_stubs::safe as kernel;
pub use lock::{Guard, Lock};
pub use session::Session;
