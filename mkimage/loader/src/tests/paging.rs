use super::FakeMemory;
use crate::paging::{Access, PageTables, PagingFeatures};
use crate::{MemoryKind, MemoryMap, PhysicalRange};

const FEATURES: PagingFeatures = PagingFeatures {
    gib_pages: true,
    no_execute: true,
};
const HIGH: u64 = 0xffff_8000_0000_0000;

/// What an address translates to: physical address, page size, flags of the leaf.
fn translate(memory: &FakeMemory, root: u64, address: u64) -> Option<(u64, u64, u64)> {
    let mut table = root;
    for level in (0..4).rev() {
        let size = 4096_u64 << (9 * level);
        let entry = memory.word(table + (address / size % 512) * 8);
        if entry & 1 == 0 {
            return None;
        }
        if level == 0 || entry & 0x80 != 0 {
            let frame = entry & 0x000f_ffff_ffff_f000 & !(size - 1);
            let flags = entry & (1 << 63 | 0xfff);
            return Some((frame + address % size, size, flags));
        }
        table = entry & 0x000f_ffff_ffff_f000;
    }
    None
}

struct Setup {
    memory: FakeMemory,
    map: MemoryMap,
    tables: PageTables,
}

fn setup(features: PagingFeatures) -> Setup {
    let mut memory = FakeMemory::new(2);
    let mut map = MemoryMap::new();
    map.overlay(
        PhysicalRange {
            base: 0x1000,
            length: 0x1f_f000,
        },
        MemoryKind::Usable,
    )
    .unwrap();
    let tables = PageTables::new(&mut memory, &mut map, features).unwrap();
    Setup {
        memory,
        map,
        tables,
    }
}

impl Setup {
    fn map(&mut self, at: u64, base: u64, length: u64, access: Access) {
        let range = PhysicalRange { base, length };
        self.tables
            .map(&mut self.memory, &mut self.map, at, range, access)
            .unwrap();
    }

    fn translate(&self, address: u64) -> Option<(u64, u64, u64)> {
        translate(&self.memory, self.tables.root(), address)
    }
}

#[test]
fn every_page_of_an_unaligned_range_is_mapped_with_the_largest_fitting_size() {
    let mut setup = setup(FEATURES);
    // From 3 pages below 1 GiB to 5 pages beyond 2 GiB + 4 MiB.
    let (start, end) = (0x4000_0000 - 0x3000, 0x8040_5000);
    setup.map(HIGH + start, start, end - start, Access::DATA);
    let mut address = start;
    let mut sizes = std::vec::Vec::new();
    while address < end {
        let (physical, size, _) = setup.translate(HIGH + address).unwrap();
        assert_eq!(physical, address);
        sizes.push(size);
        address = (address + 1).next_multiple_of(size.min(0x20_0000));
    }
    assert_eq!(setup.translate(HIGH + start - 1), None);
    assert_eq!(setup.translate(HIGH + end), None);
    assert_eq!(sizes.iter().filter(|&&size| size == 4096).count(), 8);
    assert_eq!(sizes.iter().filter(|&&size| size == 1 << 21).count(), 2);
    assert_eq!(sizes.iter().filter(|&&size| size == 1 << 30).count(), 512);
}

#[test]
fn without_gib_pages_two_mebibytes_are_the_largest() {
    let mut setup = setup(PagingFeatures {
        gib_pages: false,
        no_execute: true,
    });
    setup.map(HIGH, 0, 1 << 30, Access::DATA);
    assert_eq!(
        setup.translate(HIGH + 0x1234_5678).map(|(_, size, _)| size),
        Some(1 << 21)
    );
}

#[test]
fn access_becomes_flags() {
    let mut setup = setup(FEATURES);
    let read_only = Access {
        writable: false,
        executable: false,
        write_combining: false,
    };
    let cases = [
        (Access::DATA, 3 | 1 << 63),
        (Access::CODE, 1),
        (read_only, 1 | 1 << 63),
        (Access::FRAMEBUFFER, 3 | 1 << 63 | 0x88),
    ];
    for (number, (access, flags)) in cases.into_iter().enumerate() {
        let at = 0xffff_ffff_8000_0000 + number as u64 * 0x1000;
        setup.map(at, 0x5000, 0x1000, access);
        assert_eq!(setup.translate(at), Some((0x5000, 4096, flags)));
    }
}

#[test]
fn the_no_execute_bit_stays_clear_where_it_does_not_exist() {
    let mut setup = setup(PagingFeatures {
        gib_pages: true,
        no_execute: false,
    });
    setup.map(HIGH, 0x5000, 0x1000, Access::DATA);
    assert_eq!(setup.translate(HIGH), Some((0x5000, 4096, 3)));
}

#[test]
fn the_last_page_of_the_address_space_can_be_mapped() {
    let mut setup = setup(FEATURES);
    setup.map(0xffff_ffff_ffff_f000, 0x7000, 0x1000, Access::CODE);
    assert_eq!(
        setup.translate(0xffff_ffff_ffff_ffff),
        Some((0x7fff, 4096, 1))
    );
}
