//! What the server needs from a disk besides what the format needs.

use ext2_format::BlockDevice;
use kernel_abi::Handle;
use proto::Error;

/// A part of a transfer between the disk and a Memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First sector of 512 bytes.
    pub sector: u64,
    /// Offset in the Memory, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// A disk that moves file data by itself.
pub trait Disk: BlockDevice {
    /// A Memory whose pages read as zeros, at least `STAGING_BYTES` long, to read into.
    fn staging(&mut self) -> Result<Handle, Error>;
    /// Overwrites bytes of the staging Memory with zeros.
    fn clear_staging(&mut self, offset: u64, length: u64) -> Result<(), Error>;
    /// Moves segments, in any order, and returns when all are done.
    fn transfer(&mut self, write: bool, memory: Handle, segments: &[Segment]) -> Result<(), Error>;
}

/// Most bytes that are read at once.
pub const STAGING_BYTES: u64 = 1 << 20;
