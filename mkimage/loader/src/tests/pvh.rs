use super::FakeMemory;
use crate::pvh::StartInfo;
use crate::{MemoryKind, MemoryMap, PhysicalRange};
use std::string::ToString;
use std::vec::Vec;

const INFO: u64 = 0x1000;

fn start_info(version: u32) -> FakeMemory {
    let mut memory = FakeMemory::new(1);
    let mut info = [0; 56];
    info[..4].copy_from_slice(&0x336e_c578_u32.to_le_bytes());
    info[4..8].copy_from_slice(&version.to_le_bytes());
    info[12..16].copy_from_slice(&1_u32.to_le_bytes());
    for (field, value) in [(16, 0x2000_u64), (24, 0x3000), (32, 0xf5a0), (40, 0x4000)] {
        info[field..field + 8].copy_from_slice(&value.to_le_bytes());
    }
    info[48..52].copy_from_slice(&2_u32.to_le_bytes());
    memory.put(INFO, &info);
    let words = |words: &[u64]| {
        words
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect::<Vec<_>>()
    };
    memory.put(0x2000, &words(&[0x8_0000, 0x1234, 0, 0]));
    memory.put(0x3000, b"test verbose\0");
    // A reserved page in the middle of usable memory, and listed before it.
    memory.put(0x4000, &words(&[0x1_0000, 0x1000, 2, 0, 0x10_0000, 1]));
    memory
}

#[test]
fn everything_is_read_from_the_structure() {
    let memory = start_info(1);
    let info = StartInfo::read(&memory, INFO).unwrap();
    assert_eq!(
        info.first_module,
        Some(PhysicalRange {
            base: 0x8_0000,
            length: 0x1234
        })
    );
    assert_eq!(info.rsdp, Some(0xf5a0));
    assert_eq!(info.command_line(&memory, &mut [0; 64]), b"test verbose");
    assert_eq!(info.command_line(&memory, &mut [0; 4]), b"test");
}

#[test]
fn reserved_memory_wins_over_usable_memory_in_any_order() {
    let memory = start_info(1);
    let info = StartInfo::read(&memory, INFO).unwrap();
    let mut map = MemoryMap::new();
    info.memory_map(&memory, &mut map).unwrap();
    assert_eq!(map.kind_at(0xf000), Some(MemoryKind::Usable));
    assert_eq!(map.kind_at(0x1_0fff), Some(MemoryKind::Reserved));
    assert_eq!(map.kind_at(0x1_1000), Some(MemoryKind::Usable));
    assert_eq!(map.kind_at(0x10_0000), None);
}

#[test]
fn other_structures_and_old_versions_are_refused() {
    assert_eq!(StartInfo::read(&start_info(0), INFO), None);
    assert_eq!(StartInfo::read(&start_info(1), INFO + 8), None);
    assert_eq!(StartInfo::read(&start_info(1), u64::MAX), None);
}

#[test]
fn every_reason_to_stop_says_what_is_wrong() {
    assert!(
        crate::LoadError::NoBaseRevision
            .to_string()
            .contains("Limine")
    );
    let error = crate::LoadError::Elf(crate::elf::ElfError::WrongMachine(183));
    assert_eq!(
        error.to_string(),
        "kernel: built for machine 183, not x86-64"
    );
}
