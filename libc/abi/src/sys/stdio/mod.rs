//! `<stdio.h>`.
//!
//! `file` has the stream itself and what moves its bytes; the other modules are the C functions
//! by theme. Only a stream that was used registers the flush at exit, so that a program without
//! stdio does not carry it.

mod block;
mod character;
mod extended;
pub mod file;
mod memory;
mod open;
mod pipe;
mod position;
mod print;
mod scan;
mod standard;
mod temporary;
mod wide;

pub use block::*;
pub use character::*;
pub use extended::*;
pub use file::File;
pub use memory::*;
pub use open::*;
pub use pipe::*;
pub use position::*;
pub use print::*;
pub use scan::*;
pub use standard::{flush_at_exit, stderr, stdin, stdout};
pub use temporary::*;
pub use wide::*;
