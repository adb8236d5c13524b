//! The process server: process ids, parents, groups and sessions, credentials, `fork`, `exec`,
//! `wait`, signals and their default actions, limits and timers.
//!
//! The kernel knows address spaces and threads; that they are POSIX processes is known here only.
//! Everything that the logic asks of the kernel stands in [`kernel::Kernel`], so that the host's
//! tests can drive it with a fake.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod core_dump;
pub mod credentials;
pub mod describe;
mod exceptions;
pub mod execute;
mod exit;
mod first;
pub mod guest;
mod handles;
mod jobs;
pub mod kernel;
mod lifecycle;
pub mod limits;
mod operations;
pub mod process;
mod process_entry;
pub mod record;
mod scheduling;
pub mod server;
pub mod signal;
pub mod spawn;
mod stack;
mod survival;
#[cfg(test)]
mod tests;
mod wait;

pub use server::Server;

/// Bit of a session's badge that lets the process server reach the process behind it; the other
/// bits are the process id.
pub const PROCESS_BADGE: u64 = 1 << 63;
/// Badge of the terminal server's session.
pub const TERMINAL_BADGE: u64 = 1;
/// Badge of the name space's session.
pub const NAME_SPACE_BADGE: u64 = 2;
/// Badge of the server of message queues, which may tell of arrivals.
pub const MESSAGES_BADGE: u64 = 3;
/// The first process: adopts orphans.
pub const INIT: u64 = 1;
