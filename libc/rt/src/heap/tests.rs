//! The heap over an arena of the host's memory.

#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "one argument holds for all: an object is used between its allocation and its release, \
              within the size it was asked for"
)]

use super::*;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::vec::Vec;

/// Pages from the host's allocator; knows what is mapped.
#[derive(Default)]
struct Arena {
    mapped: BTreeMap<usize, usize>,
    limit: usize,
}

impl Pages for Arena {
    fn map(&mut self, length: usize, alignment: usize) -> Option<NonNull<u8>> {
        if self.mapped.values().sum::<usize>() + length > self.limit {
            return None;
        }
        let layout = Layout::from_size_align(length, alignment).ok()?;
        let memory = unsafe { alloc_zeroed(layout) };
        self.mapped.insert(memory as usize, length);
        NonNull::new(memory)
    }
    unsafe fn unmap(&mut self, address: *mut u8, length: usize) {
        assert_eq!(self.mapped.remove(&(address as usize)), Some(length));
        unsafe { dealloc(address, Layout::from_size_align(length, SEGMENT).unwrap()) };
    }
    unsafe fn decommit(&mut self, address: *mut u8, length: usize) {
        unsafe { core::ptr::write_bytes(address, 0, length) };
    }
    unsafe fn grow(&mut self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
}

fn heap() -> Heap<Arena> {
    Heap::new(Arena {
        limit: 256 << 20,
        ..Arena::default()
    })
}

#[test]
fn every_size_fits_its_class_with_bounded_slack() {
    for size in 1..=LARGEST_SMALL {
        let got = class_size(class_of(size));
        assert!(got >= size, "{size} in {got}");
        assert!(
            size <= 16 || got - size <= (got / 5).max(15),
            "{size} in {got}"
        );
        assert!(class_of(size) < CLASSES);
    }
    assert_eq!(class_size(CLASSES - 1), LARGEST_SMALL);
}

#[test]
fn live_objects_never_overlap_and_keep_their_bytes() {
    let mut heap = heap();
    let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
    let mut random = 12345u64;
    for step in 0..20_000u32 {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let choice = (random >> 33) as usize;
        if choice % 5 < 2 && !live.is_empty() {
            let (object, size, fill) = live.swap_remove(choice % live.len());
            let bytes = unsafe { core::slice::from_raw_parts(object, size) };
            assert!(bytes.iter().all(|byte| *byte == fill));
            unsafe { heap.free(object) };
            continue;
        }
        let size = match choice % 40 {
            0 => choice % 300_000,
            1..4 => choice % 40_000,
            _ => choice % 600,
        };
        let object = heap.allocate(size);
        assert!(!object.is_null() && (object as usize).is_multiple_of(16));
        assert!(unsafe { heap.usable_size(object) } >= size);
        let fill = step as u8;
        unsafe { core::ptr::write_bytes(object, fill, size) };
        live.push((object, size, fill));
    }
    let peak = heap.pages.mapped.len();
    for (object, size, fill) in live {
        let bytes = unsafe { core::slice::from_raw_parts(object, size) };
        assert!(bytes.iter().all(|byte| *byte == fill));
        unsafe { heap.free(object) };
    }
    // One empty span a class may stay, and keeps its segment.
    assert!(
        heap.pages.mapped.len() < peak.max(2),
        "{peak} segments were kept"
    );
}

#[test]
fn zeroed_memory_is_zero_even_when_it_was_used_before() {
    let mut heap = heap();
    for size in [24, 5000, 100_000, 3 << 20] {
        for _ in 0..3 {
            let object = heap.allocate_zeroed(size);
            let bytes = unsafe { core::slice::from_raw_parts_mut(object, size) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(0xa5);
            unsafe { heap.free(object) };
        }
    }
}

#[test]
fn alignment_is_kept_up_to_the_largest() {
    let mut heap = heap();
    for shift in 0..=21 {
        for size in [1, 100, 70_000] {
            let object = heap.allocate_aligned(size, 1 << shift);
            assert!(!object.is_null() && (object as usize).is_multiple_of(1 << shift));
            unsafe { heap.free(object) };
        }
    }
    assert!(heap.allocate_aligned(1, LARGEST_ALIGNMENT * 2).is_null());
}

#[test]
fn an_object_keeps_its_bytes_through_every_change_of_size() {
    let mut heap = heap();
    let mut object = heap.allocate(1);
    unsafe { *object = 77 };
    for size in [
        10, 100, 1000, 10_000, 100_000, 1_000_000, 5_000_000, 9_000_000, 500, 3,
    ] {
        object = unsafe { heap.reallocate(object, size) };
        assert_eq!(unsafe { *object }, 77);
        assert!(unsafe { heap.usable_size(object) } >= size);
    }
    unsafe { heap.free(object) };
}

#[test]
fn without_memory_the_result_is_null_and_the_old_object_stays() {
    let mut heap = heap();
    heap.pages.limit = SEGMENT;
    let object = heap.allocate(100);
    unsafe { *object = 5 };
    assert!(heap.allocate(8 << 20).is_null());
    assert!(unsafe { heap.reallocate(object, 64 << 20) }.is_null());
    assert!(heap.allocate(usize::MAX - 10).is_null());
    assert_eq!(unsafe { *object }, 5);
}
