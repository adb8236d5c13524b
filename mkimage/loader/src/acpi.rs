//! Just enough of ACPI (6.5, chapter 5.2) to find the processors: root pointer, root table
//! and the multiple APIC description table.
//!
//! Everything here tolerates broken tables by finding less: a machine without usable ACPI
//! still boots, on one processor.

use crate::MAX_PROCESSORS;
use crate::memory::{PhysicalMemory, PhysicalRange, read_u32, read_u64};

/// I/O APICs that are masked at most.
pub const MAX_IO_APICS: usize = 8;

const HEADER_SIZE: u64 = 36;
/// No sane table is larger; a length beyond it is a broken header.
const MAX_TABLE_SIZE: u64 = 16 * 1024 * 1024;

/// A processor that the firmware calls enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApicProcessor {
    /// ACPI processor id.
    pub processor_id: u32,
    /// Local APIC id.
    pub lapic_id: u32,
}

/// What the multiple APIC description table says.
#[derive(Debug, Clone, Copy)]
pub struct Madt {
    processors: [ApicProcessor; MAX_PROCESSORS],
    processor_count: usize,
    io_apics: [u32; MAX_IO_APICS],
    io_apic_count: usize,
}

impl Madt {
    /// Nothing known.
    pub const EMPTY: Self = Self {
        processors: [ApicProcessor {
            processor_id: 0,
            lapic_id: 0,
        }; MAX_PROCESSORS],
        processor_count: 0,
        io_apics: [0; MAX_IO_APICS],
        io_apic_count: 0,
    };

    /// Enabled processors, at most [`MAX_PROCESSORS`].
    #[must_use]
    pub fn processors(&self) -> &[ApicProcessor] {
        &self.processors[..self.processor_count]
    }

    /// Physical addresses of the I/O APICs.
    #[must_use]
    pub fn io_apics(&self) -> &[u32] {
        &self.io_apics[..self.io_apic_count]
    }

    /// Parses a whole table, header included; stops at the first broken entry.
    #[must_use]
    pub fn parse(table: &[u8]) -> Self {
        let mut madt = Self::EMPTY;
        let mut rest = table.get(HEADER_SIZE as usize + 8..).unwrap_or(&[]);
        while let [kind, length, ..] = *rest {
            let length = usize::from(length);
            let Some(entry) = rest.get(..length).filter(|_| length >= 2) else {
                break;
            };
            madt.add_entry(kind, entry);
            rest = &rest[length..];
        }
        madt
    }

    fn add_entry(&mut self, kind: u8, entry: &[u8]) {
        const ENABLED: u32 = 1;
        match (kind, entry.len()) {
            (0, 8..) if read_u32(entry, 4).is_some_and(|flags| flags & ENABLED != 0) => {
                self.add_processor(u32::from(entry[2]), u32::from(entry[3]));
            }
            (9, 16..) if read_u32(entry, 8).is_some_and(|flags| flags & ENABLED != 0) => {
                let id = read_u32(entry, 12).unwrap_or(0);
                self.add_processor(id, read_u32(entry, 4).unwrap_or(0));
            }
            (1, 12..) if self.io_apic_count < MAX_IO_APICS => {
                self.io_apics[self.io_apic_count] = read_u32(entry, 4).unwrap_or(0);
                self.io_apic_count += 1;
            }
            _ => {}
        }
    }

    fn add_processor(&mut self, processor_id: u32, lapic_id: u32) {
        // Firmware may describe one processor in both forms.
        let known = self
            .processors()
            .iter()
            .any(|other| other.lapic_id == lapic_id);
        if !known && self.processor_count < MAX_PROCESSORS {
            self.processors[self.processor_count] = ApicProcessor {
                processor_id,
                lapic_id,
            };
            self.processor_count += 1;
        }
    }
}

/// Calls `found` with the signature and place of the root pointer (`RSDP`), the root table
/// and every table that the root table lists.
pub fn for_each_table(
    memory: &impl PhysicalMemory,
    rsdp: u64,
    mut found: impl FnMut([u8; 4], PhysicalRange),
) {
    let Some((root, entry_size)) = root_table(memory, rsdp) else {
        return;
    };
    found(
        *b"RSDP",
        PhysicalRange {
            base: rsdp,
            length: HEADER_SIZE,
        },
    );
    let Some((signature, range)) = table_at(memory, root) else {
        return;
    };
    found(signature, range);
    let mut at = HEADER_SIZE;
    while at + entry_size <= range.length {
        let entry = PhysicalRange {
            base: root + at,
            length: entry_size,
        };
        let address = match memory.bytes(entry) {
            Some(bytes) if entry_size == 8 => read_u64(bytes, 0),
            Some(bytes) => read_u32(bytes, 0).map(u64::from),
            None => None,
        };
        if let Some((signature, range)) = address.and_then(|address| table_at(memory, address)) {
            found(signature, range);
        }
        at += entry_size;
    }
}

/// Where the root table is, and the size of its entries.
fn root_table(memory: &impl PhysicalMemory, rsdp: u64) -> Option<(u64, u64)> {
    let pointer = memory.bytes(PhysicalRange {
        base: rsdp,
        length: 20,
    })?;
    let sum = pointer
        .iter()
        .fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    if &pointer[..8] != b"RSD PTR " || sum != 0 {
        return None;
    }
    let rsdt = u64::from(read_u32(pointer, 16)?);
    if pointer[15] < 2 {
        return Some((rsdt, 4));
    }
    let extended = memory.bytes(PhysicalRange {
        base: rsdp,
        length: HEADER_SIZE,
    })?;
    match read_u64(extended, 24)? {
        0 => Some((rsdt, 4)),
        xsdt => Some((xsdt, 8)),
    }
}

fn table_at(memory: &impl PhysicalMemory, address: u64) -> Option<([u8; 4], PhysicalRange)> {
    let header = memory.bytes(PhysicalRange {
        base: address,
        length: HEADER_SIZE,
    })?;
    let length = u64::from(read_u32(header, 4)?);
    if !(HEADER_SIZE..=MAX_TABLE_SIZE).contains(&length) {
        return None;
    }
    let signature = header[..4].try_into().ok()?;
    Some((
        signature,
        PhysicalRange {
            base: address,
            length,
        },
    ))
}

/// The multiple APIC description table of the machine, empty where there is none.
#[must_use]
pub fn find_madt(memory: &impl PhysicalMemory, rsdp: u64) -> Madt {
    let mut place = None;
    for_each_table(memory, rsdp, |signature, range| {
        if &signature == b"APIC" {
            place = Some(range);
        }
    });
    place
        .and_then(|range| memory.bytes(range))
        .map_or(Madt::EMPTY, Madt::parse)
}
