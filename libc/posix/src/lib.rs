//! POSIX in safe Rust: what the C functions, and native programs, are made of.
//!
//! Paths are bytes without NUL. Errors are [`Error`], whose numbers are those of `errno`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod accounts;
pub mod clock;
pub mod descriptor;
pub mod ipc;
pub mod names;
pub mod power;
pub mod process;
pub mod queue;
pub mod socket;
pub mod timer;

pub use proto::Error;

/// What a call gives.
pub type Result<T> = core::result::Result<T, Error>;
