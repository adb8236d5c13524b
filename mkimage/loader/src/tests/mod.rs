//! Host tests over memory that is a vector.

mod acpi;
mod boot;
mod clock;
mod elf;
mod kernel_file;
mod memory_map;
mod paging;
mod pvh;
mod requests;

use std::vec;
use std::vec::Vec;

use crate::{PhysicalMemory, PhysicalRange};

/// Physical memory from address 0 up.
pub struct FakeMemory(pub Vec<u8>);

impl FakeMemory {
    pub fn new(mebibytes: usize) -> Self {
        // Not zero: nothing may rely on fresh memory being empty.
        Self(vec![0xa5; mebibytes << 20])
    }

    pub fn put(&mut self, address: u64, bytes: &[u8]) {
        self.0[address as usize..address as usize + bytes.len()].copy_from_slice(bytes);
    }

    pub fn word(&self, address: u64) -> u64 {
        let at = address as usize;
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    pub fn text(&self, address: u64) -> &str {
        let bytes = &self.0[address as usize..];
        let end = bytes.iter().position(|&byte| byte == 0).unwrap();
        core::str::from_utf8(&bytes[..end]).unwrap()
    }
}

impl PhysicalMemory for FakeMemory {
    fn bytes(&self, range: PhysicalRange) -> Option<&[u8]> {
        self.0
            .get(range.base as usize..range.base.checked_add(range.length)? as usize)
    }

    fn bytes_mut(&mut self, range: PhysicalRange) -> Option<&mut [u8]> {
        self.0
            .get_mut(range.base as usize..range.base.checked_add(range.length)? as usize)
    }

    fn copy(&mut self, from: PhysicalRange, to: u64) -> Option<()> {
        let bytes = self.bytes(from)?.to_vec();
        let target = PhysicalRange {
            base: to,
            length: from.length,
        };
        self.bytes_mut(target)?.copy_from_slice(&bytes);
        Some(())
    }
}

#[test]
fn words_of_the_command_line_are_found_only_whole() {
    assert!(crate::command_line_has(b"quiet test\n", b"test"));
    assert!(!crate::command_line_has(b"quiet testing a=test", b"test"));
    assert!(!crate::command_line_has(b"", b"test"));
}
