//! System-call stubs: the only place outside the kernel that executes `syscall` on purpose.
//!
//! [`raw`] takes a number and plain words; the message calls, which return words in registers,
//! have functions of their own. Safe wrappers over the calls that cannot harm their caller's
//! memory stand in [`safe`]; the others are wrapped by the runtimes that own the memory.
#![no_std]

mod clock;
pub mod message;
mod objects;
pub mod raw;
pub mod safe;

pub use kernel_abi as abi;
