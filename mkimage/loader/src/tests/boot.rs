use super::kernel_file::{BASE, base_revision, kernel_with, request};
use super::{FakeMemory, acpi};
use crate::boot::X2Apic;
use crate::paging::PagingFeatures;
use crate::{
    BootInformation, Firmware, Framebuffer, HHDM_OFFSET, Handover, LoadError, MemoryKind,
    MemoryMap, Module, PhysicalRange, prepare,
};
use std::vec::Vec;

const KERNEL: u64 = 0x20_0000;
const BUNDLE: PhysicalRange = PhysicalRange {
    base: 0x30_0000,
    length: 0x1800,
};
const MEMORY_MAP: [u64; 2] = [0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62];
const MODULES: [u64; 2] = [0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee];
const COMMAND_LINE: [u64; 2] = [0x4b16_1536_e598_651e, 0xb390_ad4a_2f1f_303a];
const PROCESSORS: [u64; 2] = [0x95a6_7b81_9a1b_857e, 0xa0b6_1b72_3b6a_73e0];
const RSDP: [u64; 2] = [0xc5e7_7b6b_397e_7b43, 0x2763_7845_accd_cf3c];
const FRAMEBUFFER: [u64; 2] = [0x9d58_27dc_d881_dd75, 0xa314_8604_f6fa_b11b];

struct Booted {
    memory: FakeMemory,
    map: MemoryMap,
    handover: Handover,
    image: u64,
}

impl Booted {
    /// The response to the request that starts `offset` bytes into the data segment.
    fn response(&self, offset: u64) -> u64 {
        match self.memory.word(self.image + 0x2000 + offset + 40) {
            0 => 0,
            address => address - HHDM_OFFSET,
        }
    }
}

fn range(base: u64, length: u64) -> PhysicalRange {
    PhysicalRange { base, length }
}

/// Low memory with reserved ACPI tables in it, and seven MiB with the kernel's file.
fn memory_map(kernel: PhysicalRange) -> Result<MemoryMap, LoadError> {
    let mut map = MemoryMap::new();
    map.overlay(range(0, 0x9_f000), MemoryKind::Usable)?;
    map.overlay(range(0xf000, 0x3000), MemoryKind::Reserved)?;
    map.overlay(range(0x10_0000, 0x70_0000), MemoryKind::Usable)?;
    map.overlay(kernel, MemoryKind::BootloaderReclaimable)?;
    Ok(map)
}

fn boot(parts: &[Vec<u64>]) -> Result<Booted, LoadError> {
    let mut memory = FakeMemory::new(8);
    let file = kernel_with(&parts.concat());
    memory.put(KERNEL, &file);
    acpi::install(&mut memory);
    let kernel = range(KERNEL, file.len() as u64);
    let mut map = memory_map(kernel)?;
    let framebuffer = Framebuffer {
        range: range(0x8000_0000, 1024 * 768 * 4),
        width: 1024,
        height: 768,
        pitch: 4096,
        shifts: [16, 8, 0],
    };
    let handover = prepare(
        BootInformation {
            memory_map: &mut map,
            kernel,
            modules: &[Module {
                range: BUNDLE,
                path: "/bundle",
            }],
            command_line: b"test quiet",
            rsdp: Some(acpi::RSDP),
            framebuffer: Some(framebuffer),
            date_at_boot: Some(0),
            firmware: Firmware::Bios,
            paging: PagingFeatures {
                gib_pages: false,
                no_execute: true,
            },
            x2apic: X2Apic {
                supported: false,
                enabled: false,
            },
            boot_lapic_id: 0,
            trampoline: 0x9_e000,
        },
        &mut memory,
    )?;
    let kernel_region = |region: &&crate::memory_map::Region| {
        region.kind == MemoryKind::ExecutableAndModules && region.base != BUNDLE.base
    };
    let image = map.regions().iter().find(kernel_region).unwrap().base;
    Ok(Booted {
        memory,
        map,
        handover,
        image,
    })
}

#[test]
fn segments_are_copied_and_the_rest_of_their_pages_is_zero() {
    let booted = boot(&[base_revision(3)]).unwrap();
    let text = booted.image as usize;
    assert!(
        booted.memory.0[text..text + 0x800]
            .iter()
            .all(|&byte| byte == 0x90)
    );
    assert!(
        booted.memory.0[text + 0x800..text + 0x1000]
            .iter()
            .all(|&byte| byte == 0)
    );
    let data = text + 0x2000;
    assert!(
        booted.memory.0[data + 24..data + 0x4000]
            .iter()
            .all(|&byte| byte == 0)
    );
    assert_eq!(booted.handover.entry, BASE + 0x10);
}

#[test]
fn the_base_revision_is_granted() {
    let booted = boot(&[base_revision(5)]).unwrap();
    let tag = booted.image + 0x2000;
    assert_eq!(
        (booted.memory.word(tag + 8), booted.memory.word(tag + 16)),
        (5, 0)
    );
}

#[test]
fn a_kernel_that_asks_nothing_is_answered_nothing() {
    let booted = boot(&[base_revision(3)]).unwrap();
    assert!(booted.handover.processors().is_empty());
}

#[test]
fn the_module_is_mapped_in_place_and_named() {
    let booted = boot(&[base_revision(3), request(MODULES, &[0, 0])]).unwrap();
    let response = booted.response(24);
    assert_eq!(booted.memory.word(response + 8), 1);
    let list = booted.memory.word(response + 16) - HHDM_OFFSET;
    let file = booted.memory.word(list) - HHDM_OFFSET;
    assert_eq!(booted.memory.word(file + 8), HHDM_OFFSET + BUNDLE.base);
    assert_eq!(booted.memory.word(file + 16), BUNDLE.length);
    assert_eq!(
        booted
            .memory
            .text(booted.memory.word(file + 24) - HHDM_OFFSET),
        "/bundle"
    );
    assert_eq!(
        booted.map.kind_at(BUNDLE.base + 0x1fff),
        Some(MemoryKind::ExecutableAndModules)
    );
}

#[test]
fn the_command_line_ends_with_nul() {
    let booted = boot(&[base_revision(3), request(COMMAND_LINE, &[])]).unwrap();
    let text = booted.memory.word(booted.response(24) + 8) - HHDM_OFFSET;
    assert_eq!(booted.memory.text(text), "test quiet");
}

#[test]
fn the_memory_map_that_the_kernel_sees_is_the_final_one() {
    let booted = boot(&[base_revision(3), request(MEMORY_MAP, &[])]).unwrap();
    let response = booted.response(24);
    let count = booted.memory.word(response + 8);
    let list = booted.memory.word(response + 16) - HHDM_OFFSET;
    let seen: Vec<_> = (0..count)
        .map(|index| {
            let entry = booted.memory.word(list + 8 * index) - HHDM_OFFSET;
            [0, 8, 16].map(|field| booted.memory.word(entry + field))
        })
        .collect();
    let regions = booted.map.regions().iter();
    let expected: Vec<_> = regions
        .map(|r| [r.base, r.end - r.base, r.kind as u64])
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_root_pointer_is_physical_in_revision_three_and_mapped_later() {
    let third = boot(&[base_revision(3), request(RSDP, &[])]).unwrap();
    assert_eq!(third.memory.word(third.response(24) + 8), acpi::RSDP);
    assert_eq!(third.map.kind_at(acpi::RSDP), Some(MemoryKind::Reserved));
    let fourth = boot(&[base_revision(4), request(RSDP, &[])]).unwrap();
    assert_eq!(
        fourth.memory.word(fourth.response(24) + 8),
        acpi::RSDP + HHDM_OFFSET
    );
    assert_eq!(
        fourth.map.kind_at(acpi::RSDP),
        Some(MemoryKind::MappedReserved)
    );
}

#[test]
fn the_framebuffer_is_described_and_kept_out_of_memory() {
    let booted = boot(&[base_revision(3), request(FRAMEBUFFER, &[])]).unwrap();
    let response = booted.response(24);
    assert_eq!(booted.memory.word(response + 8), 1);
    let list = booted.memory.word(response + 16) - HHDM_OFFSET;
    let screen = booted.memory.word(list) - HHDM_OFFSET;
    let words: Vec<_> = (0..4)
        .map(|index| booted.memory.word(screen + 8 * index))
        .collect();
    assert_eq!(words, [HHDM_OFFSET + 0x8000_0000, 1024, 768, 4096]);
    // 32 bits a pixel, RGB, red at 16, green at 8, blue at 0.
    assert_eq!(booted.memory.word(screen + 32), 0x0808_0810_0801_0020);
    assert_eq!(
        booted.map.kind_at(0x8000_0000),
        Some(MemoryKind::Framebuffer)
    );
}

#[test]
fn other_processors_get_stacks_and_those_that_stay_silent_are_dropped() {
    let mut booted = boot(&[base_revision(3), request(PROCESSORS, &[1])]).unwrap();
    let processors = booted.handover.processors().to_vec();
    assert_eq!(
        processors.iter().map(|p| p.lapic_id).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(processors[0].stack_top, 0);
    assert_ne!(processors[1].stack_top, 0);
    let response = booted.response(24);
    assert_eq!(booted.memory.word(response + 16), 2);
    let info = processors[1].info - HHDM_OFFSET;
    assert_eq!(
        [0, 8, 16].map(|at| booted.memory.word(info + at)),
        [1 | 1 << 32, 0, 0]
    );

    booted
        .handover
        .keep_processors(&mut booted.memory, |p| p.lapic_id == 0)
        .unwrap();
    assert_eq!(booted.memory.word(response + 16), 1);
    let list = booted.memory.word(response + 24) - HHDM_OFFSET;
    assert_eq!(booted.memory.word(list), processors[0].info);
}

#[test]
fn what_the_kernel_may_not_overwrite_is_not_usable() {
    let booted = boot(&[base_revision(3)]).unwrap();
    let kind = |address| booted.map.kind_at(address).unwrap();
    assert_eq!(
        kind(booted.handover.page_table_root),
        MemoryKind::BootloaderReclaimable
    );
    assert_eq!(kind(0x9_e000), MemoryKind::BootloaderReclaimable);
    let stack = booted.handover.stack_top - HHDM_OFFSET - 8;
    assert_eq!(kind(stack), MemoryKind::BootloaderReclaimable);
    assert_eq!(kind(0), MemoryKind::Reserved);
}

#[test]
fn a_kernel_larger_than_memory_is_refused() {
    use super::kernel_file::{DATA, SegmentSpec, build, code};
    let words = base_revision(3);
    let contents: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let data = SegmentSpec {
        flags: DATA,
        address: BASE + 0x2000,
        contents,
        memory_size: 64 << 20,
    };
    let file = build(&[code(), data]);
    let mut memory = FakeMemory::new(8);
    memory.put(KERNEL, &file);
    let mut map = MemoryMap::new();
    map.overlay(
        PhysicalRange {
            base: 0x40_0000,
            length: 0x40_0000,
        },
        MemoryKind::Usable,
    )
    .unwrap();
    let information = BootInformation {
        memory_map: &mut map,
        kernel: PhysicalRange {
            base: KERNEL,
            length: file.len() as u64,
        },
        modules: &[],
        command_line: b"",
        rsdp: None,
        framebuffer: None,
        date_at_boot: None,
        firmware: Firmware::Uefi,
        paging: PagingFeatures {
            gib_pages: true,
            no_execute: true,
        },
        x2apic: X2Apic {
            supported: false,
            enabled: false,
        },
        boot_lapic_id: 0,
        trampoline: 0x9_e000,
    };
    assert_eq!(
        prepare(information, &mut memory).err(),
        Some(LoadError::OutOfMemory)
    );
}
