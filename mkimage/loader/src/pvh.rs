//! The start information of the PVH boot protocol (Xen, `hvm_start_info` version 1).

use crate::memory::{PhysicalMemory, PhysicalRange, read_u32, read_u64};
use crate::{LoadError, MemoryKind, MemoryMap};

const MAGIC: u32 = 0x336e_c578;
const HEADER_SIZE: u64 = 56;
const MODULE_SIZE: u64 = 32;
const MEMORY_MAP_ENTRY_SIZE: u64 = 24;

/// What the virtual machine monitor hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartInfo {
    /// The file given as initial RAM disk.
    pub first_module: Option<PhysicalRange>,
    /// Address of the command line; 0 for none.
    pub command_line: u64,
    /// Physical address of the ACPI root pointer.
    pub rsdp: Option<u64>,
    memory_map: PhysicalRange,
}

impl StartInfo {
    /// Reads the structure at `address`; `None` when it is not one, or is older than
    /// version 1 and therefore without a memory map.
    #[must_use]
    pub fn read(memory: &impl PhysicalMemory, address: u64) -> Option<Self> {
        let header = memory.bytes(PhysicalRange {
            base: address,
            length: HEADER_SIZE,
        })?;
        if read_u32(header, 0)? != MAGIC || read_u32(header, 4)? < 1 {
            return None;
        }
        let entry_count = u64::from(read_u32(header, 48)?);
        let length = entry_count * MEMORY_MAP_ENTRY_SIZE;
        let first_module = match read_u32(header, 12)? {
            0 => None,
            _ => Some(read_module(memory, read_u64(header, 16)?)?),
        };
        Some(Self {
            first_module,
            command_line: read_u64(header, 24)?,
            rsdp: Some(read_u64(header, 32)?).filter(|&rsdp| rsdp != 0),
            memory_map: PhysicalRange {
                base: read_u64(header, 40)?,
                length,
            },
        })
    }

    /// Copies the memory map.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreachable`], [`LoadError::MemoryMapFull`].
    pub fn memory_map(
        &self,
        memory: &impl PhysicalMemory,
        map: &mut MemoryMap,
    ) -> Result<(), LoadError> {
        let entries = memory
            .bytes(self.memory_map)
            .ok_or(LoadError::Unreachable)?;
        // Usable memory first: where entries overlap, the stricter one has to win.
        for usable in [true, false] {
            for entry in entries.chunks_exact(MEMORY_MAP_ENTRY_SIZE as usize) {
                let kind = memory_kind(read_u32(entry, 16).unwrap_or(0));
                if (kind == MemoryKind::Usable) == usable {
                    let base = read_u64(entry, 0).unwrap_or(0);
                    let length = read_u64(entry, 8).unwrap_or(0);
                    map.overlay(PhysicalRange { base, length }, kind)?;
                }
            }
        }
        Ok(())
    }

    /// Copies the command line into `buffer`; returns the part filled. What does not fit
    /// is cut off.
    pub fn command_line<'a>(&self, memory: &impl PhysicalMemory, buffer: &'a mut [u8]) -> &'a [u8] {
        let length = buffer.len() as u64;
        let range = PhysicalRange {
            base: self.command_line,
            length,
        };
        let text = match self.command_line {
            0 => &[],
            _ => memory.bytes(range).unwrap_or(&[]),
        };
        let end = text
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(text.len());
        buffer[..end].copy_from_slice(&text[..end]);
        &buffer[..end]
    }
}

fn read_module(memory: &impl PhysicalMemory, list: u64) -> Option<PhysicalRange> {
    let entry = memory.bytes(PhysicalRange {
        base: list,
        length: MODULE_SIZE,
    })?;
    Some(PhysicalRange {
        base: read_u64(entry, 0)?,
        length: read_u64(entry, 8)?,
    })
}

/// The types are those of the BIOS call E820.
const fn memory_kind(kind: u32) -> MemoryKind {
    match kind {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiReclaimable,
        4 => MemoryKind::AcpiNvs,
        5 => MemoryKind::BadMemory,
        _ => MemoryKind::Reserved,
    }
}
