//! Four-level page tables (Intel SDM volume 3, 4.5).

use crate::memory::{PhysicalMemory, PhysicalRange};
use crate::{LoadError, MemoryKind, MemoryMap, PAGE_SIZE};

/// Page tables and everything else a 32-bit processor must reach lie below this address.
pub const REACHABLE_LIMIT: u64 = 1 << 32;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const WRITE_THROUGH: u64 = 1 << 3;
const LARGE: u64 = 1 << 7;
const PAT_SMALL: u64 = 1 << 7;
const PAT_LARGE: u64 = 1 << 12;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const ENTRIES: u64 = 512;

/// What the processor offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagingFeatures {
    /// Pages of 1 GiB.
    pub gib_pages: bool,
    /// The no-execute bit.
    pub no_execute: bool,
}

/// How a page may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
    /// Writes may be combined: entry 5 of the page attribute table, as the protocol sets it.
    pub write_combining: bool,
}

impl Access {
    /// Ordinary data.
    pub const DATA: Self = Self {
        writable: true,
        executable: false,
        write_combining: false,
    };
    /// Code.
    pub const CODE: Self = Self {
        writable: false,
        executable: true,
        write_combining: false,
    };
    /// Pixels.
    pub const FRAMEBUFFER: Self = Self {
        writable: true,
        executable: false,
        write_combining: true,
    };
}

/// A tree of page tables under construction.
#[derive(Debug, Clone, Copy)]
pub struct PageTables {
    root: u64,
    features: PagingFeatures,
}

impl PageTables {
    /// An empty tree.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`] and the like from taking its first page.
    pub fn new(
        memory: &mut impl PhysicalMemory,
        map: &mut MemoryMap,
        features: PagingFeatures,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            root: new_table(memory, map)?,
            features,
        })
    }

    /// Physical address of the top table, for CR3.
    #[must_use]
    pub const fn root(&self) -> u64 {
        self.root
    }

    /// Maps whole pages: `physical` at `virtual_address`, with the largest pages that fit.
    ///
    /// # Errors
    ///
    /// [`LoadError::OutOfMemory`] and the like from taking pages for tables.
    pub fn map(
        &self,
        memory: &mut impl PhysicalMemory,
        map: &mut MemoryMap,
        virtual_address: u64,
        physical: PhysicalRange,
        access: Access,
    ) -> Result<(), LoadError> {
        let mut done = 0;
        while done < physical.length {
            let at = virtual_address.wrapping_add(done);
            let from = physical.base + done;
            let left = physical.length - done;
            let level = self.leaf_level(at, from, left);
            let size = page_size(level);
            let table = self.table_at(memory, map, at, level)?;
            // Fill this table as far as it goes instead of walking from the root per page.
            let first = (at / size) % ENTRIES;
            let count = (left / size).min(ENTRIES - first);
            let flags = self.leaf_flags(access, level);
            let entries = table_bytes(memory, table)?;
            for entry in 0..count {
                set_entry(entries, first + entry, (from + entry * size) | flags);
                let next = at.wrapping_add((entry + 1) * size);
                done += size;
                let (next_from, next_left) = (physical.base + done, physical.length - done);
                if next_left == 0 || self.leaf_level(next, next_from, next_left) != level {
                    break;
                }
            }
        }
        Ok(())
    }

    /// 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB.
    fn leaf_level(&self, virtual_address: u64, physical: u64, length: u64) -> u32 {
        let fits = |level: u32| {
            let size = page_size(level);
            (virtual_address | physical).is_multiple_of(size) && length >= size
        };
        match () {
            () if self.features.gib_pages && fits(2) => 2,
            () if fits(1) => 1,
            () => 0,
        }
    }

    fn leaf_flags(&self, access: Access, level: u32) -> u64 {
        let mut flags = PRESENT;
        if access.writable {
            flags |= WRITABLE;
        }
        if !access.executable && self.features.no_execute {
            flags |= NO_EXECUTE;
        }
        if level > 0 {
            flags |= LARGE;
        }
        if access.write_combining {
            flags |= WRITE_THROUGH | if level == 0 { PAT_SMALL } else { PAT_LARGE };
        }
        flags
    }

    /// The table whose entries are leaves of `level` for `virtual_address`.
    fn table_at(
        &self,
        memory: &mut impl PhysicalMemory,
        map: &mut MemoryMap,
        virtual_address: u64,
        level: u32,
    ) -> Result<u64, LoadError> {
        let mut table = self.root;
        for upper in (level + 1..4).rev() {
            let index = (virtual_address / page_size(upper)) % ENTRIES;
            let entry = get_entry(table_bytes(memory, table)?, index);
            table = if entry & PRESENT != 0 {
                entry & ADDRESS
            } else {
                let new = new_table(memory, map)?;
                // Upper levels permit everything; the leaves decide.
                set_entry(table_bytes(memory, table)?, index, new | PRESENT | WRITABLE);
                new
            };
        }
        Ok(table)
    }
}

const fn page_size(level: u32) -> u64 {
    PAGE_SIZE << (9 * level)
}

fn new_table(memory: &mut impl PhysicalMemory, map: &mut MemoryMap) -> Result<u64, LoadError> {
    let kind = MemoryKind::BootloaderReclaimable;
    let table = map.allocate(PAGE_SIZE, kind, REACHABLE_LIMIT)?;
    table_bytes(memory, table)?.fill(0);
    Ok(table)
}

fn table_bytes(memory: &mut impl PhysicalMemory, table: u64) -> Result<&mut [u8], LoadError> {
    let range = PhysicalRange {
        base: table,
        length: PAGE_SIZE,
    };
    memory.bytes_mut(range).ok_or(LoadError::Unreachable)
}

fn get_entry(table: &[u8], index: u64) -> u64 {
    crate::memory::read_u64(table, index as usize * 8).unwrap_or(0)
}

fn set_entry(table: &mut [u8], index: u64, value: u64) {
    let at = index as usize * 8;
    table[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
