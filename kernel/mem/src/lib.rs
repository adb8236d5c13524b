//! Physical frames, the direct map, and page tables: the part of the rim that touches raw memory.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod direct_map;
pub mod frames;
pub mod page_tables;

pub use direct_map::DirectMap;
pub use frames::FrameAllocator;
pub use page_tables::{Flush, PageTables};
