//! The second extended file system (ext2) on a block device.
//!
//! The crate keeps the *structure* of the file system: superblock, block groups, inodes,
//! directories, and the map from file blocks to disk blocks. Metadata goes through a bounded
//! write-back cache that writes in an order which leaves, after a crash at any point, a disk
//! that `e2fsck` repairs without loss of what was synced, and that is safe to go on with:
//!
//! * a block or inode is marked as used on disk before anything refers to it;
//! * an inode, a directory block or an indirect block is on disk before it is referred to;
//! * a name is gone from the disk before its inode's link count falls;
//! * what was freed is used again only after a sync has taken its former owner off the disk.
//!
//! File *data* does not pass through here: [`FileSystem::map_blocks`] and
//! [`FileSystem::allocate`] say where it lies, and the server moves it between the disk and
//! its page cache in requests as large as the extents allow. ([`FileSystem::read_at`] and
//! [`FileSystem::write_at`] exist for tests and host tools.)
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod allocation;
mod bytes;
mod cache;
mod device;
mod directory;
mod error;
mod file;
mod file_system;
mod inode;
mod map;
mod names;
mod orphan;
mod rename;
mod superblock;
mod unsynced;

pub use device::{BlockDevice, SECTOR_SIZE};
pub use directory::{DirectoryEntry, MAXIMUM_NAME};
pub use error::{DeviceError, Error, Feature};
pub use file::AttributeChange;
pub use file_system::{FileSystem, MountOptions, Statistics};
pub use inode::{FileKind, Inode, InodeNumber, ROOT_INODE, Time};
pub use map::Extent;
pub use names::{Attributes, MAXIMUM_LINKS, NewNode};
pub use orphan::Unfinished;
