//! The terminal server: line discipline, job control, the console.
//!
//! A [`terminal::Terminal`] is a line discipline between what is typed and what programs read,
//! with the sessions that have it open. The console's other side is a driver's session.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod console;
mod control;
mod files;
pub mod guest;
mod jobs;
pub mod kernel;
pub mod line;
pub mod output;
pub mod server;
pub mod state;
pub mod terminal;
pub mod termios;
#[cfg(test)]
mod tests;
mod transfer;

pub use server::Server;
