//! What the servers of sockets have in common: the sockets' sessions and streams, and the records by
//! which the next instance of a server knows its sockets.
#![no_std]

extern crate alloc;

mod guest;
mod kernel;
mod sockets;

pub use guest::Guest;
pub use kernel::Kernel;
pub use sockets::{Limits, Record, Sockets};
