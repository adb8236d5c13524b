use crate::memory_map::{MAX_REGIONS, Region};
use crate::{LoadError, MemoryKind, MemoryMap, PhysicalRange};
use std::vec::Vec;

fn range(base: u64, end: u64) -> PhysicalRange {
    PhysicalRange {
        base,
        length: end - base,
    }
}

fn map(ranges: &[(u64, u64, MemoryKind)]) -> MemoryMap {
    let mut map = MemoryMap::new();
    for &(base, end, kind) in ranges {
        map.overlay(range(base, end), kind).unwrap();
    }
    map
}

fn listed(map: &MemoryMap) -> Vec<(u64, u64, MemoryKind)> {
    map.regions()
        .iter()
        .map(|&Region { base, end, kind }| (base, end, kind))
        .collect()
}

use MemoryKind::{BootloaderReclaimable, Reserved, Usable};

#[test]
fn the_later_description_of_a_range_wins() {
    let map = map(&[(0x1000, 0x9000, Usable), (0x3000, 0x5000, Reserved)]);
    let expected = [
        (0x1000, 0x3000, Usable),
        (0x3000, 0x5000, Reserved),
        (0x5000, 0x9000, Usable),
    ];
    assert_eq!(listed(&map), expected);
}

#[test]
fn a_range_may_swallow_and_trim_several_others() {
    let ranges = [
        (0, 0x3000, Usable),
        (0x4000, 0x5000, Reserved),
        (0x6000, 0x9000, Usable),
    ];
    let mut map = map(&ranges);
    map.overlay(range(0x2000, 0x7000), BootloaderReclaimable)
        .unwrap();
    let expected = [
        (0, 0x2000, Usable),
        (0x2000, 0x7000, BootloaderReclaimable),
        (0x7000, 0x9000, Usable),
    ];
    assert_eq!(listed(&map), expected);
}

#[test]
fn neighbours_of_one_kind_become_one_region() {
    let map = map(&[
        (0x1000, 0x2000, Usable),
        (0x3000, 0x4000, Usable),
        (0x2000, 0x3000, Usable),
    ]);
    assert_eq!(listed(&map), [(0x1000, 0x4000, Usable)]);
}

#[test]
fn an_empty_range_changes_nothing() {
    assert_eq!(listed(&map(&[(0x1000, 0x1000, Usable)])), []);
}

#[test]
fn usable_regions_become_whole_pages_without_page_zero() {
    let ranges = [
        (0, 0x9fc00, Usable),
        (0x9fc00, 0xa0000, Reserved),
        (0xb0010, 0xb0020, Usable),
    ];
    let mut map = map(&ranges);
    map.align_usable().unwrap();
    let expected = [
        (0, 0x1000, Reserved),
        (0x1000, 0x9f000, Usable),
        (0x9fc00, 0xa0000, Reserved),
    ];
    assert_eq!(listed(&map), expected);
}

#[test]
fn allocation_takes_whole_pages_from_the_top_below_the_limit() {
    let mut map = map(&[(0x1000, 0x9ec00, Usable), (0x10_0000, 0x20_0000, Usable)]);
    let kind = BootloaderReclaimable;
    assert_eq!(map.allocate(1, kind, 0x10_0000), Ok(0x9d000));
    assert_eq!(map.allocate(0x1001, kind, u64::MAX), Ok(0x1f_e000));
    assert_eq!(map.allocate(0x1000, kind, 0x18_0800), Ok(0x17_f000));
    assert_eq!(
        map.allocate(0x20_0000, kind, u64::MAX),
        Err(LoadError::OutOfMemory)
    );
}

#[test]
fn successive_allocations_form_one_region() {
    let mut map = map(&[(0x1000, 0x10_0000, Usable)]);
    for _ in 0..10 {
        map.allocate(0x1000, BootloaderReclaimable, u64::MAX)
            .unwrap();
    }
    let expected = [
        (0x1000, 0xf6000, Usable),
        (0xf6000, 0x10_0000, BootloaderReclaimable),
    ];
    assert_eq!(listed(&map), expected);
}

#[test]
fn the_direct_map_joins_neighbours_and_leaves_reserved_memory_out() {
    let map = map(&[
        (0x1000, 0x3000, Usable),
        (0x3000, 0x4000, BootloaderReclaimable),
        (0x4000, 0x6000, Reserved),
        (0x6100, 0x6200, MemoryKind::AcpiReclaimable),
    ]);
    assert_eq!(map.next_direct_mapped(0), Some(range(0x1000, 0x4000)));
    assert_eq!(map.next_direct_mapped(0x4000), Some(range(0x6000, 0x7000)));
    assert_eq!(map.next_direct_mapped(0x7000), None);
}

#[test]
fn a_full_map_refuses_more() {
    let mut map = MemoryMap::new();
    for number in 0..MAX_REGIONS as u64 {
        map.overlay(range(number * 0x2000, number * 0x2000 + 0x1000), Usable)
            .unwrap();
    }
    let hole = range(0x1_0000_0000, 0x1_0000_1000);
    assert_eq!(map.overlay(hole, Usable), Err(LoadError::MemoryMapFull));
}
