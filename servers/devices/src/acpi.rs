//! Finding PCI configuration space: root pointer, root table, MCFG (PCI Firmware
//! Specification 3.3, 4.1.2).

use alloc::vec;
use alloc::vec::Vec;

use crate::Platform;

const HEADER_SIZE: usize = 36;
const MCFG_ENTRIES: usize = HEADER_SIZE + 8;
/// No sane table is larger.
const MAX_TABLE_SIZE: usize = 1 << 20;

/// Memory-mapped configuration space of segment 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationSpace {
    /// Physical address of bus 0's part.
    pub base: u64,
    /// First bus it covers.
    pub first_bus: u8,
    /// Last bus it covers.
    pub last_bus: u8,
}

/// The configuration space that the firmware declares; `None` without a usable declaration.
pub fn find_configuration(platform: &mut impl Platform, rsdp: u64) -> Option<ConfigurationSpace> {
    let (root, width) = root_table(platform, rsdp)?;
    let table = read_table(platform, root)?;
    for entry in table[HEADER_SIZE..].chunks_exact(width) {
        let mut address = [0; 8];
        address[..width].copy_from_slice(entry);
        let address = u64::from_le_bytes(address);
        if read_signature(platform, address) == Some(*b"MCFG") {
            return parse_mcfg(&read_table(platform, address)?);
        }
    }
    None
}

/// Address of the root table, and the size of its entries.
fn root_table(platform: &mut impl Platform, rsdp: u64) -> Option<(u64, usize)> {
    let mut pointer = [0; 36];
    if rsdp == 0 {
        return None;
    }
    platform.read_physical(rsdp, &mut pointer).ok()?;
    let sum = pointer[..20]
        .iter()
        .fold(0_u8, |sum, b| sum.wrapping_add(*b));
    if &pointer[..8] != b"RSD PTR " || sum != 0 {
        return None;
    }
    let extended = u64::from_le_bytes(pointer[24..32].try_into().ok()?);
    if pointer[15] >= 2 && extended != 0 {
        return Some((extended, 8));
    }
    let root = u32::from_le_bytes(pointer[16..20].try_into().ok()?);
    Some((root.into(), 4))
}

fn read_signature(platform: &mut impl Platform, address: u64) -> Option<[u8; 4]> {
    let mut signature = [0; 4];
    platform.read_physical(address, &mut signature).ok()?;
    Some(signature)
}

fn read_table(platform: &mut impl Platform, address: u64) -> Option<Vec<u8>> {
    let mut header = [0; HEADER_SIZE];
    platform.read_physical(address, &mut header).ok()?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    if !(HEADER_SIZE..=MAX_TABLE_SIZE).contains(&length) {
        return None;
    }
    let mut table = vec![0; length];
    platform.read_physical(address, &mut table).ok()?;
    Some(table)
}

fn parse_mcfg(table: &[u8]) -> Option<ConfigurationSpace> {
    let entries = table.get(MCFG_ENTRIES..)?.chunks_exact(16);
    // Only segment 0: QEMU's machines, and nearly all others, have no other.
    let segment_0 = entries.into_iter().find(|entry| entry[8..10] == [0, 0])?;
    let space = ConfigurationSpace {
        base: u64::from_le_bytes(segment_0[..8].try_into().ok()?),
        first_bus: segment_0[10],
        last_bus: segment_0[11],
    };
    (space.first_bus <= space.last_bus).then_some(space)
}
