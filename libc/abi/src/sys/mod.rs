//! The functions that need the system.

pub mod clock;
pub mod control;
pub mod directory;
pub mod environment;
pub mod errno;
pub mod files;
pub mod heap;
pub mod identity;
pub mod io;
pub mod poll;
pub mod power;
pub mod process;
pub mod pthread;
pub mod signal;
pub mod start;
pub mod status;
pub mod stdio;
pub mod support;
pub mod terminal;
