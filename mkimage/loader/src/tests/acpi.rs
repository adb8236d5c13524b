use super::FakeMemory;
use crate::acpi::{ApicProcessor, Madt, find_madt, for_each_table};
use std::vec;
use std::vec::Vec;

pub const RSDP: u64 = 0xf5a0;

fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = vec![0; 36];
    table[..4].copy_from_slice(signature);
    table[4..8].copy_from_slice(&(36 + body.len() as u32).to_le_bytes());
    table.extend_from_slice(body);
    table
}

fn madt_table(entries: &[&[u8]]) -> Vec<u8> {
    table(b"APIC", &[&[0; 8], entries.concat().as_slice()].concat())
}

/// Local APIC entry: processor id, APIC id, flags.
fn local(processor: u8, id: u8, flags: u8) -> [u8; 8] {
    [0, 8, processor, id, flags, 0, 0, 0]
}

fn x2apic(processor: u8, id: u32) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[..2].copy_from_slice(&[9, 16]);
    entry[4..8].copy_from_slice(&id.to_le_bytes());
    entry[8] = 1;
    entry[12] = processor;
    entry
}

/// Root pointer of revision 0, root table, and a table of two processors.
pub fn install(memory: &mut FakeMemory) {
    let mut pointer = [0; 20];
    pointer[..8].copy_from_slice(b"RSD PTR ");
    pointer[16..20].copy_from_slice(&0x1_0000_u32.to_le_bytes());
    let sum = pointer
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    pointer[8] = sum.wrapping_neg();
    memory.put(RSDP, &pointer);
    memory.put(0x1_0000, &table(b"RSDT", &0x1_1000_u32.to_le_bytes()));
    memory.put(0x1_1000, &madt_table(&[&local(0, 0, 1), &local(1, 1, 1)]));
}

#[test]
fn the_processors_are_found_from_the_root_pointer() {
    let mut memory = FakeMemory::new(1);
    install(&mut memory);
    let madt = find_madt(&memory, RSDP);
    let ids: Vec<_> = madt
        .processors()
        .iter()
        .map(|processor| processor.lapic_id)
        .collect();
    assert_eq!(ids, [0, 1]);
}

#[test]
fn every_table_is_visited_once() {
    let mut memory = FakeMemory::new(1);
    install(&mut memory);
    let mut seen = Vec::new();
    for_each_table(&memory, RSDP, |signature, range| {
        seen.push((signature, range.base))
    });
    assert_eq!(
        seen,
        [(*b"RSDP", RSDP), (*b"RSDT", 0x1_0000), (*b"APIC", 0x1_1000)]
    );
}

#[test]
fn a_broken_root_pointer_finds_nothing() {
    let mut memory = FakeMemory::new(1);
    install(&mut memory);
    memory.0[RSDP as usize + 9] ^= 1;
    assert!(find_madt(&memory, RSDP).processors().is_empty());
    assert!(find_madt(&memory, u64::MAX - 4).processors().is_empty());
}

#[test]
fn tables_with_impossible_lengths_are_skipped() {
    let mut memory = FakeMemory::new(1);
    for length in [0_u32, 35, u32::MAX] {
        install(&mut memory);
        memory.put(0x1_1004, &length.to_le_bytes());
        assert!(find_madt(&memory, RSDP).processors().is_empty());
    }
}

#[test]
fn disabled_processors_and_second_descriptions_do_not_count() {
    let entries = madt_table(&[
        &local(0, 0, 1),
        &local(1, 1, 0),
        &x2apic(0, 0),
        &x2apic(7, 300),
    ]);
    let expected = [
        ApicProcessor {
            processor_id: 0,
            lapic_id: 0,
        },
        ApicProcessor {
            processor_id: 7,
            lapic_id: 300,
        },
    ];
    assert_eq!(Madt::parse(&entries).processors(), expected);
}

#[test]
fn io_apics_are_listed() {
    let entry = [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0];
    assert_eq!(
        Madt::parse(&madt_table(&[&entry])).io_apics(),
        [0xfec0_0000]
    );
}

#[test]
fn broken_entries_end_the_table() {
    for broken in [&[0, 0, 0, 0][..], &[0, 1], &[0, 9, 1], &[0, 4, 1, 1]] {
        let madt = Madt::parse(&madt_table(&[&local(0, 5, 1), broken]));
        assert_eq!(madt.processors().len(), 1, "{broken:?}");
    }
    assert!(Madt::parse(b"APIC").processors().is_empty());
}

#[test]
fn more_processors_than_fit_are_left_out() {
    let entries: Vec<_> = (0..100).map(|id| local(id, id, 1)).collect();
    let entries: Vec<_> = entries.iter().map(<[u8; 8]>::as_slice).collect();
    let madt = Madt::parse(&madt_table(&entries));
    assert_eq!(madt.processors().len(), crate::MAX_PROCESSORS);
}
