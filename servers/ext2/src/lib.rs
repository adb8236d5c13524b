//! The server of ext2 file systems on a disk.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod disk;
mod guest;
mod partition;
mod redo;
#[cfg(test)]
mod tests;
mod volume;

pub use disk::{Disk, Segment};
pub use guest::run;
pub use partition::find_partition;
pub use redo::{LOG_BYTES, Log, LogMemory, Replayed, replay};
pub use volume::DiskVolume;
