//! Builds kernel files, good and bad.

use std::vec;
use std::vec::Vec;

pub const BASE: u64 = 0xffff_ffff_8000_0000;
pub const CODE: u32 = 5;
pub const DATA: u32 = 6;
const COMMON: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
const BASE_REVISION: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];

pub struct SegmentSpec {
    pub flags: u32,
    pub address: u64,
    pub contents: Vec<u8>,
    pub memory_size: u64,
}

/// Text at the base, data two pages above it, with the given words in the data.
pub fn kernel_with(words: &[u64]) -> Vec<u8> {
    build(&[code(), data(words)])
}

pub fn code() -> SegmentSpec {
    SegmentSpec {
        flags: CODE,
        address: BASE,
        contents: vec![0x90; 0x800],
        memory_size: 0x800,
    }
}

pub fn data(words: &[u64]) -> SegmentSpec {
    let contents: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let memory_size = contents.len() as u64 + 0x3000;
    SegmentSpec {
        flags: DATA,
        address: BASE + 0x2000,
        contents,
        memory_size,
    }
}

pub fn build(segments: &[SegmentSpec]) -> Vec<u8> {
    let mut file = vec![0; 64 + 56 * segments.len()];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..18].copy_from_slice(&2_u16.to_le_bytes());
    file[18..20].copy_from_slice(&62_u16.to_le_bytes());
    file[24..32].copy_from_slice(&(BASE + 0x10).to_le_bytes());
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[54..56].copy_from_slice(&56_u16.to_le_bytes());
    file[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
    for (number, segment) in segments.iter().enumerate() {
        file.resize(file.len().next_multiple_of(4096), 0);
        let header = 64 + 56 * number;
        let offset = file.len() as u64;
        file[header..header + 4].copy_from_slice(&1_u32.to_le_bytes());
        file[header + 4..header + 8].copy_from_slice(&segment.flags.to_le_bytes());
        let size = segment.contents.len() as u64;
        let words = [
            (8, offset),
            (16, segment.address),
            (32, size),
            (40, segment.memory_size),
        ];
        for (field, value) in words {
            file[header + field..header + field + 8].copy_from_slice(&value.to_le_bytes());
        }
        file.extend_from_slice(&segment.contents);
    }
    file
}

pub fn base_revision(revision: u64) -> Vec<u64> {
    vec![BASE_REVISION[0], BASE_REVISION[1], revision]
}

/// A request with a null response and `arguments`.
pub fn request(id: [u64; 2], arguments: &[u64]) -> Vec<u64> {
    let mut words = vec![COMMON[0], COMMON[1], id[0], id[1], 0, 0];
    words.extend_from_slice(arguments);
    words
}
