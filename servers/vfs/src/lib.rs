//! The name space: mount table and path walk, permission to open, directories, named pipes,
//! `/dev` and `/proc`.
//!
//! Files are opened here and served elsewhere: an open regular file is a session of its file
//! system, passed on; only directories, named pipes and the memory devices are served from here.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod attributes;
pub mod backend;
mod descriptors;
mod device_tree;
pub mod devices;
mod directory;
mod fifo;
mod files;
pub mod guest;
pub mod kernel;
mod mounting;
mod names;
mod open;
mod opened;
mod permission;
mod process_node;
mod process_tree;
pub mod server;
mod sockets;
pub mod state;
mod system_text;
mod system_v;
mod terminal_tree;
#[cfg(test)]
mod tests;
pub mod tree;
mod walk;

pub use server::Server;

/// Badge of the root directory's session.
pub const ROOT_BADGE: u64 = 1;
