//! System V shared memory, semaphores and message queues, and POSIX message queues.
//!
//! Everything is reached through the device `/dev/ipc`, whose session a process's C library opens
//! when it first needs it. An open POSIX queue is a session of its own: a descriptor that can be
//! polled, duplicated and inherited. The memory of a segment is a kernel object that its users map;
//! the kernel counts them.
//!
//! Whatever an answer has told survives the server: see [`state`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod arena;
#[cfg(target_os = "none")]
pub mod guest;
pub mod kernel;
mod message;
mod messages;
mod object;
mod objects;
mod operations;
mod permission;
mod queue;
mod queue_operations;
mod record;
mod segment;
mod semaphore;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod undo;
mod waiting;

pub use server::Server;
