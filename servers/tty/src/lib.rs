//! The terminal server: line discipline, job control, the console, pseudo terminals.
//!
//! A [`terminal::Terminal`] is a line discipline between what is typed and what programs read,
//! with the sessions that have it open. The console's other side is a driver's session, a pseudo
//! terminal's that of a program: its master.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod console;
mod control;
mod edit;
mod files;
pub mod guest;
mod jobs;
pub mod kernel;
pub mod line;
pub mod output;
pub mod pty;
mod pump;
pub mod queue;
pub mod server;
pub mod sessions;
pub mod state;
pub mod terminal;
pub mod termios;
#[cfg(test)]
mod tests;
mod transfer;

pub use server::Server;
