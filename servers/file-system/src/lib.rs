//! What every file-system server shares: walking paths inside one file system, permissions, open
//! files, directory entries, the content of regular files as Memory objects, and record locks.
//!
//! A server supplies a [`Volume`], the place where nodes and names are kept, and runs
//! [`Server`] over it and a [`Kernel`].
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "testing"))]
extern crate std;

mod content;
mod entry;
mod file;
mod guest;
mod kernel;
mod lock;
mod lock_owner;
mod names;
mod node;
mod open_file;
mod parking;
mod permission;
mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod volume;
mod walk;

pub use guest::{GuestKernel, serve};
pub use kernel::Kernel;
pub use open_file::{NODE_SESSION, OpenFile};
pub use server::Server;
pub use volume::{Entry, NewNode, Volume};
