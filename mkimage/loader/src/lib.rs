//! The Limine boot protocol's loader side, shared by the PVH and the UEFI entry.
//!
//! This crate decides; it touches the machine only through [`PhysicalMemory`], so all of
//! it runs in host tests. An entry collects a [`BootInformation`], calls [`prepare`], starts
//! the other processors and jumps to what the returned [`Handover`] names.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod acpi;
pub mod boot;
pub mod clock;
pub mod elf;
pub mod error;
pub mod memory;
pub mod memory_map;
pub mod paging;
pub mod pvh;
pub mod requests;
pub mod responses;

#[cfg(test)]
mod tests;

pub use boot::{BootInformation, Firmware, Handover, Module, Processor, check_kernel, prepare};
pub use error::LoadError;
pub use memory::{PhysicalMemory, PhysicalRange};
pub use memory_map::{MemoryKind, MemoryMap};
pub use responses::Framebuffer;

/// Size of a page in bytes.
pub const PAGE_SIZE: u64 = 4096;
/// Where all of physical memory appears in the kernel's address space.
pub const HHDM_OFFSET: u64 = 0xffff_8000_0000_0000;
/// Stack of every other processor, and the least the boot processor gets, in bytes.
pub const STACK_SIZE: u64 = 64 * 1024;
/// Processors that are started at most.
pub const MAX_PROCESSORS: usize = 64;

/// Whether `word` is one of the words of a kernel command line.
#[must_use]
pub fn command_line_has(command_line: &[u8], word: &[u8]) -> bool {
    command_line
        .split(u8::is_ascii_whitespace)
        .any(|other| other == word)
}
