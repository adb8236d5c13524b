//! A kernel in memory and a client that calls a server directly, for host tests.

mod call;
mod client;
mod kernel;

pub use client::{Client, user};
pub use kernel::{TestKernel, World};
