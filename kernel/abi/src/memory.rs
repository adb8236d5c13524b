//! Memory objects and mappings.

/// Access that a mapping allows. Writable and executable together is refused (W^X).
pub mod protection {
    /// Loads.
    pub const READ: u32 = 1;
    /// Stores.
    pub const WRITE: u32 = 2;
    /// Instruction fetches.
    pub const EXECUTE: u32 = 4;
}

/// Flags of a mapping.
pub mod map_flags {
    /// Stores go to the object. Without it the mapping is private (copy on write).
    pub const SHARED: u32 = 1;
    /// Place exactly at `address`, replacing what is there.
    pub const FIXED: u32 = 2;
    /// With `FIXED`: fail with `Exists` instead of replacing.
    pub const NO_REPLACE: u32 = 4;
    /// Allocate all pages now.
    pub const POPULATE: u32 = 8;
    /// Grows downwards on faults just below it (stacks); `length` is its largest size.
    pub const STACK: u32 = 16;
    /// No object: fresh anonymous memory (`memory` is `Handle::NONE`).
    pub const ANONYMOUS: u32 = 32;
}

/// Arguments of [`crate::Call::MemoryMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MapArguments {
    /// Wanted address (a hint without `FIXED`; 0 = any, randomised).
    pub address: u64,
    /// Length in bytes, rounded up to pages.
    pub length: u64,
    /// Offset in the object, page aligned.
    pub offset: u64,
    /// Handle of the Memory.
    pub memory: u32,
    /// [`protection`].
    pub protection: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// Most that a later protect may allow ([`protection`]); 0 = what the handle's rights allow.
    pub maximum_protection: u32,
}

/// Flags of [`crate::Call::MemoryCreate`].
pub mod memory_flags {
    /// May be resized.
    pub const RESIZABLE: u64 = 1;
    /// Pages are physically contiguous and allocated now (DMA rings).
    pub const CONTIGUOUS: u64 = 2;
    /// With `CONTIGUOUS`: below 4 GiB.
    pub const BELOW_4G: u64 = 4;
}

/// Cache attribute of physical memory ([`crate::Call::MemoryCreatePhysical`]).
pub mod cache {
    /// Write back.
    pub const CACHED: u64 = 0;
    /// Uncached (device registers).
    pub const UNCACHED: u64 = 1;
    /// Write combining (frame buffers).
    pub const WRITE_COMBINING: u64 = 2;
}

/// What [`crate::Call::MemoryInfo`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MemoryInfo {
    /// Capacity in bytes (page aligned).
    pub size: u64,
    /// Length of the content in bytes: where a Cursor finds the end.
    pub length: u64,
    /// Pages present.
    pub present_pages: u64,
    /// Pages written since they were last cleaned.
    pub dirty_pages: u64,
    /// Times (ns since boot) of the last write through a Cursor or a mapping; 0 = never.
    pub modified_ns: u64,
    /// Handles and mappings outside the owner's own handle.
    pub references: u64,
}

/// A run of bytes in an object, page aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Length.
    pub length: u64,
}

/// What [`crate::Call::RegionInfo`] writes: the mapping at or above an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RegionInfo {
    /// First address.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
    /// Offset in the object.
    pub offset: u64,
    /// The object's number.
    pub object: u64,
    /// [`protection`].
    pub protection: u32,
    /// [`map_flags`].
    pub flags: u32,
    /// Pages present.
    pub present_pages: u64,
}

/// Phases of [`crate::Call::MemoryClean`].
pub mod clean {
    /// Write-protect the pages and mark them as being written out.
    pub const BEGIN: u64 = 0;
    /// Pages not written again since `BEGIN` are clean.
    pub const END: u64 = 1;
    /// The write-out failed: the pages are dirty again.
    pub const FAILED: u64 = 2;
}
