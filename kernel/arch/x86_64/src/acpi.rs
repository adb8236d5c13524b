//! The few facts the kernel needs of ACPI tables: the I/O APICs and their overrides (MADT), how
//! to power off and reset (FADT, `_S5_` of the DSDT). Everything else is the devices server's.

/// Reads physical memory for the parser.
pub trait PhysicalReader {
    /// Copies `bytes.len()` bytes from a physical address; `false` when it cannot be mapped.
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> bool;
}

/// An interrupt line that is wired to another number, or with other signals, than ISA says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// ISA line.
    pub line: u32,
    /// Global number.
    pub global: u32,
    /// Bit 0: level triggered; bit 1: active low.
    pub flags: u32,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// I/O APICs: physical address, first global interrupt.
    pub io_apics: [(u64, u32); 4],
    /// How many.
    pub io_apic_count: usize,
    /// Overrides.
    pub overrides: [Override; 16],
    /// How many.
    pub override_count: usize,
    /// Port of PM1a control (0: unknown).
    pub power_port: u16,
    /// Sleep type of S5.
    pub power_type: u8,
    /// Reset register's port and value (0: none).
    pub reset: (u16, u8),
}

const MOST_TABLES: u64 = 64;
/// Bytes of a table that are looked at.
const TABLE_BYTES: usize = 1024;

struct Table {
    bytes: [u8; TABLE_BYTES],
    length: usize,
}

impl Table {
    fn u8(&self, at: usize) -> u8 {
        if at < self.length { self.bytes[at] } else { 0 }
    }
    fn u16(&self, at: usize) -> u16 {
        u16::from(self.u8(at)) | u16::from(self.u8(at + 1)) << 8
    }
    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}

fn load(reader: &mut impl PhysicalReader, address: u64) -> Option<Table> {
    let mut header = [0; 36];
    if !reader.read(address, &mut header) {
        return None;
    }
    let length = u32::from_le_bytes(*header[4..].first_chunk()?) as usize;
    let mut table = Table {
        bytes: [0; TABLE_BYTES],
        length: length.min(TABLE_BYTES),
    };
    let wanted = table.length;
    reader
        .read(address, &mut table.bytes[..wanted])
        .then_some(table)
}

/// Finds the facts from the root pointer on. What is missing stays at its default.
pub fn find(reader: &mut impl PhysicalReader, rsdp: u64) -> Facts {
    let mut facts = Facts::default();
    let mut root = [0; 36];
    if rsdp == 0 || !reader.read(rsdp, &mut root) {
        return facts;
    }
    let word = |at: usize| u32::from_le_bytes([root[at], root[at + 1], root[at + 2], root[at + 3]]);
    let extended = u64::from(word(24)) | u64::from(word(28)) << 32;
    let (table, width) = match root[15] >= 2 && extended != 0 {
        true => (extended, 8),
        false => (u64::from(word(16)), 4),
    };
    let Some(list) = load(reader, table) else {
        return facts;
    };
    for index in 0..MOST_TABLES {
        let at = 36 + (index * width) as usize;
        if at + width as usize > list.length {
            break;
        }
        let high = if width == 8 {
            u64::from(list.u32(at + 4)) << 32
        } else {
            0
        };
        let Some(table) = load(reader, u64::from(list.u32(at)) | high) else {
            continue;
        };
        match &table.bytes[..4] {
            b"APIC" => read_interrupts(&table, &mut facts),
            b"FACP" => read_power(reader, &table, &mut facts),
            _ => {}
        }
    }
    facts
}

fn read_interrupts(table: &Table, facts: &mut Facts) {
    let mut at = 44;
    while at + 2 <= table.length {
        let (kind, length) = (table.u8(at), usize::from(table.u8(at + 1)));
        if length < 2 {
            return;
        }
        match kind {
            1 if facts.io_apic_count < facts.io_apics.len() => {
                let found = (u64::from(table.u32(at + 4)), table.u32(at + 8));
                facts.io_apics[facts.io_apic_count] = found;
                facts.io_apic_count += 1;
            }
            2 if facts.override_count < facts.overrides.len() => {
                let signals = table.u16(at + 8);
                // Polarity 3 is active low, trigger mode 3 is level.
                let low = u32::from(signals & 3 == 3) << 1;
                let level = u32::from(signals >> 2 & 3 == 3);
                facts.overrides[facts.override_count] = Override {
                    line: table.u8(at + 3).into(),
                    global: table.u32(at + 4),
                    flags: low | level,
                };
                facts.override_count += 1;
            }
            _ => {}
        }
        at += length;
    }
}

fn read_power(reader: &mut impl PhysicalReader, table: &Table, facts: &mut Facts) {
    facts.power_port = table.u32(64) as u16;
    // The reset register counts when its flag (bit 10) is set and it is an I/O port.
    if table.u32(112) & 1 << 10 != 0 && table.u8(116) == 1 {
        facts.reset = (table.u32(120) as u16, table.u8(128));
    }
    facts.power_type = find_sleep_type(reader, u64::from(table.u32(40))).unwrap_or(0);
}

/// Searches the DSDT for the package `_S5_`, whose first element is the sleep type. A whole AML
/// interpreter in the kernel would be out of proportion.
fn find_sleep_type(reader: &mut impl PhysicalReader, dsdt: u64) -> Option<u8> {
    let mut header = [0; 8];
    if !reader.read(dsdt, &mut header) {
        return None;
    }
    let length = u64::from(u32::from_le_bytes(*header[4..].first_chunk()?)).min(1 << 20);
    let mut window = [0; 512];
    let mut at = 36;
    while at < length {
        let count = (length - at).min(512) as usize;
        if !reader.read(dsdt + at, &mut window[..count]) {
            return None;
        }
        let found = window[..count].windows(4).position(|name| name == b"_S5_");
        if let Some(position) = found.filter(|position| position + 12 < count) {
            return sleep_type(&window[position + 4..count]);
        }
        // Overlap, so that a name across the border is seen.
        at += if count == 512 { 480 } else { 512 };
    }
    None
}

/// PackageOp, package length (1 to 4 bytes), element count, first element.
fn sleep_type(code: &[u8]) -> Option<u8> {
    if *code.first()? != 0x12 {
        return None;
    }
    let skip = 1 + usize::from(code.get(1)? >> 6) + 1;
    match code.get(1 + skip)? {
        0x0a => code.get(2 + skip).copied(),
        value => Some(*value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sleep_type_is_read_from_both_spellings() {
        assert_eq!(sleep_type(&[0x12, 0x06, 0x04, 0x0a, 0x05, 0x00]), Some(5));
        assert_eq!(sleep_type(&[0x12, 0x06, 0x04, 0x00, 0x00, 0x00]), Some(0));
        assert_eq!(sleep_type(&[0x11, 0x06]), None);
        assert_eq!(sleep_type(&[]), None);
    }
}
