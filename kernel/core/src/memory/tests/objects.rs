//! Memory objects: pagers, cleaning, children, lengths, pins.

use super::*;
use kernel_abi::memory::{cache, clean, memory_flags};
use kernel_abi::process::fault_kind;

const ENDPOINT: u64 = 77;
const KEY: u64 = 5;

fn paged(world: &mut World, pages: u64) -> MemoryId {
    world
        .memory
        .create_paged(ENDPOINT, KEY, pages * PAGE)
        .unwrap()
}

/// Supplies pages that begin with their number plus 1000.
fn supply(world: &mut World, memory: MemoryId, first: u64, pages: u64) {
    let source = world.anonymous(pages);
    for page in 0..pages {
        let bytes = (1000 + first + page).to_le_bytes();
        world
            .memory
            .fill_memory(&mut world.machine, source, page * PAGE, &bytes)
            .unwrap();
    }
    let machine = &mut world.machine;
    world
        .memory
        .supply(machine, memory, first * PAGE, pages * PAGE, source, 0)
        .unwrap();
    world.release(source);
}

fn wakeups(world: &mut World) -> Vec<u64> {
    core::iter::from_fn(|| world.memory.take_wakeup())
        .map(|(_, page)| page)
        .collect()
}

#[test]
fn a_missing_page_is_asked_from_the_pager_once_with_its_neighbours() {
    let mut world = World::new(200);
    let space = world.space();
    let memory = paged(&mut world, 40);
    world
        .map(space, fixed_memory(BASE, 40, memory, true))
        .unwrap();
    let wait = FaultOutcome::WaitForPager { memory, page: 20 };
    assert_eq!(world.fault(space, BASE + 20 * PAGE, false), wait);
    assert_eq!(world.fault(space, BASE + 20 * PAGE, false), wait);
    let asked = requests(&mut world);
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].endpoint, asked[0].key), (ENDPOINT, KEY));
    assert_eq!((asked[0].offset, asked[0].length), (16 * PAGE, 16 * PAGE));
    supply(&mut world, memory, 16, 16);
    assert_eq!(wakeups(&mut world), (16..32).collect::<Vec<_>>());
    let free = world.machine.free_frames();
    assert_eq!(
        world.fault(space, BASE + 20 * PAGE, false),
        FaultOutcome::Resolved
    );
    assert_eq!(world.machine.free_frames(), free);
    // Its neighbours are mapped as well.
    let hardware = world.memory.machine_space(space).unwrap();
    assert!(
        world
            .machine
            .translate(hardware, BASE + 31 * PAGE, false)
            .is_some()
    );
    assert_eq!(world.load(space, BASE + 31 * PAGE), Ok(1031));
    world.destroy(space);
    world.release(memory);
    world.assert_empty();
}

#[test]
fn a_failed_page_fails_once_and_is_asked_again() {
    let mut world = World::new(200);
    let space = world.space();
    let memory = paged(&mut world, 1);
    world
        .map(space, fixed_memory(BASE, 1, memory, false))
        .unwrap();
    assert_eq!(
        world.load(space, BASE),
        Err(CopyStop::WaitForPager { memory, page: 0 })
    );
    world.memory.fail(memory, 0, PAGE).unwrap();
    assert_eq!(wakeups(&mut world), [0]);
    assert_eq!(
        world.fault(space, BASE, false),
        FaultOutcome::Fault(fault_kind::BUS)
    );
    assert_eq!(requests(&mut world).len(), 1);
    assert_eq!(
        world.load(space, BASE),
        Err(CopyStop::WaitForPager { memory, page: 0 })
    );
    assert_eq!(requests(&mut world).len(), 1);
    world.memory.repeat_page_requests(ENDPOINT);
    assert_eq!(requests(&mut world).len(), 1);
    world.destroy(space);
    world.release(memory);
    world.assert_empty();
}

#[test]
fn a_store_during_cleaning_leaves_the_page_dirty() {
    let mut world = World::new(200);
    let space = world.space();
    let memory = paged(&mut world, 3);
    world
        .map(space, fixed_memory(BASE, 3, memory, true))
        .unwrap();
    world
        .memory
        .supply_zero(&mut world.machine, memory, 0, 3 * PAGE)
        .unwrap();
    world.store(space, BASE, 1).unwrap();
    world.store(space, BASE + PAGE, 1).unwrap();
    let dirty = |world: &World| {
        let ranges = world.memory.dirty(memory, 0, 9).unwrap();
        ranges
            .iter()
            .map(|range| (range.offset / PAGE, range.length / PAGE))
            .collect::<Vec<_>>()
    };
    assert_eq!(dirty(&world), [(0, 2)]);
    let all = 3 * PAGE;
    world
        .memory
        .clean(&mut world.machine, memory, 0, all, clean::BEGIN)
        .unwrap();
    assert_eq!(dirty(&world), []);
    world.store(space, BASE + PAGE, 2).unwrap();
    assert_eq!(
        world.memory.discard(&mut world.machine, memory, 0, all),
        Ok(1)
    );
    world
        .memory
        .clean(&mut world.machine, memory, 0, all, clean::END)
        .unwrap();
    assert_eq!(dirty(&world), [(1, 1)]);
    world
        .memory
        .clean(&mut world.machine, memory, 0, all, clean::BEGIN)
        .unwrap();
    world
        .memory
        .clean(&mut world.machine, memory, 0, all, clean::FAILED)
        .unwrap();
    assert_eq!(dirty(&world), [(1, 1)]);
    assert_eq!(
        world.memory.discard(&mut world.machine, memory, 0, all),
        Ok(1)
    );
    assert_eq!(world.load(space, BASE + PAGE), Ok(2));
    world.destroy(space);
    world.release(memory);
    world.assert_empty();
}

#[test]
fn a_shorter_length_takes_pages_from_mappings_and_zeroes_the_rest() {
    let mut world = World::new(200);
    let space = world.space();
    let memory = world.anonymous(3);
    world
        .map(space, fixed_memory(BASE, 3, memory, true))
        .unwrap();
    for page in 0..3 {
        world
            .store(space, BASE + page * PAGE + 100, page + 1)
            .unwrap();
    }
    world
        .memory
        .set_length(&mut world.machine, memory, PAGE + 10)
        .unwrap();
    assert_eq!(world.load(space, BASE + 100), Ok(1));
    assert_eq!(world.load(space, BASE + PAGE + 100), Ok(0));
    assert_eq!(
        world.fault(space, BASE + 2 * PAGE, false),
        FaultOutcome::Fault(fault_kind::BUS)
    );
    world
        .memory
        .set_length(&mut world.machine, memory, 3 * PAGE)
        .unwrap();
    assert_eq!(world.load(space, BASE + 2 * PAGE + 100), Ok(0));
    world.destroy(space);
    world.release(memory);
    world.assert_empty();
}

#[test]
fn a_private_mapping_hides_its_own_stores_from_the_object() {
    let mut world = World::new(200);
    let (first, second) = (world.space(), world.space());
    let memory = paged(&mut world, 2);
    supply(&mut world, memory, 0, 2);
    world
        .map(first, fixed_memory(BASE, 2, memory, false))
        .unwrap();
    world
        .map(second, fixed_memory(BASE, 2, memory, true))
        .unwrap();
    world.store(first, BASE, 5).unwrap();
    assert_eq!(
        (world.load(first, BASE), world.load(second, BASE)),
        (Ok(5), Ok(1000))
    );
    // Fault-around must not cover the private page of a forked space.
    let child = world.memory.space_fork(&mut world.machine, first).unwrap();
    assert_eq!(world.load(child, BASE + PAGE), Ok(1001));
    assert_eq!(world.load(child, BASE), Ok(5));
    assert!(world.memory.dirty(memory, 0, 9).unwrap().is_empty());
    for space in [first, second, child] {
        world.destroy(space);
    }
    world.release(memory);
    world.assert_empty();
}

#[test]
fn a_child_keeps_what_its_parent_had() {
    let mut world = World::new(200);
    let space = world.space();
    let parent = world.anonymous(2);
    world
        .map(space, fixed_memory(BASE, 2, parent, true))
        .unwrap();
    world.store(space, BASE, 1).unwrap();
    let child = world
        .memory
        .child(&mut world.machine, parent, 0, 2 * PAGE)
        .unwrap();
    world
        .map(space, fixed_memory(BASE + 8 * PAGE, 2, child, true))
        .unwrap();
    world.store(space, BASE, 2).unwrap();
    assert_eq!(world.load(space, BASE + 8 * PAGE), Ok(1));
    world.store(space, BASE + 8 * PAGE, 3).unwrap();
    assert_eq!(world.load(space, BASE), Ok(2));
    world.release(child);
    world.release(parent);
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn every_mapping_follows_a_page_that_is_copied_because_a_child_shares_it() {
    let mut world = World::new(200);
    let (first, second) = (world.space(), world.space());
    let parent = world.anonymous(1);
    for space in [first, second] {
        world
            .map(space, fixed_memory(BASE, 1, parent, true))
            .unwrap();
    }
    world.store(first, BASE, 1).unwrap();
    let child = world
        .memory
        .child(&mut world.machine, parent, 0, PAGE)
        .unwrap();
    assert_eq!(world.load(second, BASE), Ok(1));
    world.store(first, BASE, 2).unwrap();
    assert_eq!(world.load(second, BASE), Ok(2));
    world.release(child);
    world.release(parent);
    world.destroy(first);
    world.destroy(second);
    world.assert_empty();
}

#[test]
fn a_child_of_paged_memory_asks_the_parent_s_pager() {
    let mut world = World::new(200);
    let space = world.space();
    let parent = paged(&mut world, 4);
    let child = world
        .memory
        .child(&mut world.machine, parent, 2 * PAGE, 2 * PAGE)
        .unwrap();
    world
        .map(space, fixed_memory(BASE, 2, child, true))
        .unwrap();
    let stop = CopyStop::WaitForPager {
        memory: parent,
        page: 3,
    };
    assert_eq!(world.load(space, BASE + PAGE), Err(stop));
    supply(&mut world, parent, 0, 4);
    assert_eq!(world.load(space, BASE + PAGE), Ok(1003));
    world.store(space, BASE + PAGE, 9).unwrap();
    world
        .map(space, fixed_memory(BASE + 8 * PAGE, 4, parent, true))
        .unwrap();
    assert_eq!(world.load(space, BASE + 11 * PAGE), Ok(1003));
    requests(&mut world);
    world.release(parent);
    world.release(child);
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn pinned_pages_stay_where_they_are() {
    let mut world = World::new(200);
    let space = world.space();
    let flags = memory_flags::CONTIGUOUS | memory_flags::BELOW_4G;
    let ring = world
        .memory
        .create_anonymous(&mut world.machine, 4 * PAGE, flags)
        .unwrap();
    let addresses = world
        .memory
        .pin(&mut world.machine, ring, 0, 4 * PAGE)
        .unwrap();
    assert!(addresses.windows(2).all(|pair| pair[1] == pair[0] + PAGE));
    let child = world
        .memory
        .child(&mut world.machine, ring, 0, 4 * PAGE)
        .unwrap();
    world.map(space, fixed_memory(BASE, 4, ring, true)).unwrap();
    world.store(space, BASE, 1).unwrap();
    let again = world
        .memory
        .pin(&mut world.machine, ring, 0, 4 * PAGE)
        .unwrap();
    assert_eq!(again, addresses, "a store must not move a pinned page");
    let file = paged(&mut world, 2);
    world
        .memory
        .supply_zero(&mut world.machine, file, 0, 2 * PAGE)
        .unwrap();
    world
        .memory
        .pin(&mut world.machine, file, PAGE, PAGE)
        .unwrap();
    assert_eq!(
        world.memory.discard(&mut world.machine, file, 0, 2 * PAGE),
        Ok(1)
    );
    assert_eq!(
        world.memory.resize(&mut world.machine, file, PAGE),
        Err(Error::Busy)
    );
    world
        .memory
        .set_length(&mut world.machine, file, 0)
        .unwrap();
    world.memory.unpin(&mut world.machine, file, PAGE, PAGE);
    assert_eq!(world.memory.info(file).unwrap().present_pages, 0);
    for _ in 0..2 {
        world.memory.unpin(&mut world.machine, ring, 0, 4 * PAGE);
    }
    for memory in [ring, child, file] {
        world.release(memory);
    }
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn pinning_a_page_that_must_be_fetched_pins_nothing_yet() {
    let mut world = World::new(200);
    let file = paged(&mut world, 2);
    world
        .memory
        .supply_zero(&mut world.machine, file, 0, PAGE)
        .unwrap();
    let stop = CopyStop::WaitForPager {
        memory: file,
        page: 1,
    };
    assert_eq!(
        world.memory.pin(&mut world.machine, file, 0, 2 * PAGE),
        Err(stop)
    );
    assert_eq!(
        world.memory.discard(&mut world.machine, file, 0, 2 * PAGE),
        Ok(1)
    );
    requests(&mut world);
    world.release(file);
    world.assert_empty();
}

#[test]
fn device_memory_is_mapped_as_it_is_and_never_copied() {
    let mut world = World::new(200);
    let space = world.space();
    let device = world
        .memory
        .create_device(0xfe00_0000, 2 * PAGE, cache::UNCACHED)
        .unwrap();
    world
        .map(space, fixed_memory(BASE, 2, device, true))
        .unwrap();
    assert_eq!(
        world.fault(space, BASE + PAGE, true),
        FaultOutcome::Resolved
    );
    let hardware = world.memory.machine_space(space).unwrap();
    let (frame, flags) = world.machine.mapping(hardware, BASE + PAGE).unwrap();
    assert_eq!(frame.address(), 0xfe00_1000);
    assert_eq!(
        (flags.write, u64::from(flags.cache)),
        (true, cache::UNCACHED)
    );
    assert_eq!(world.load(space, BASE + PAGE), Err(CopyStop::Fault));
    assert_eq!(world.store(space, BASE + PAGE, 1), Err(CopyStop::Fault));
    let private = fixed_memory(BASE + 8 * PAGE, 2, device, false);
    assert_eq!(world.map(space, private), Err(Error::BadArgument));
    let progress = world
        .memory
        .read_memory(&mut world.machine, device, 0, (space, BASE), 8);
    assert_eq!(progress.stop, Some(CopyStop::Fault));
    world.destroy(space);
    world.release(device);
    world.assert_empty();
}

#[test]
fn copies_between_memory_and_programs_cross_pages_and_tell_how_far_they_came() {
    let mut world = World::new(200);
    let (first, second) = (world.space(), world.space());
    let memory = world.anonymous(3);
    world.map(first, fixed(BASE, 4)).unwrap();
    world.map(second, fixed(BASE, 2)).unwrap();
    let bytes: Vec<u8> = (0..3 * PAGE).map(|index| (index % 251) as u8).collect();
    world
        .memory
        .copy_out(&mut world.machine, first, BASE + 5, &bytes)
        .unwrap();
    let machine = &mut world.machine;
    let whole = bytes.len();
    let written = world
        .memory
        .write_memory(machine, memory, 0, (first, BASE + 5), whole);
    assert_eq!((written.copied, written.stop), (whole, None));
    let read = world
        .memory
        .read_memory(machine, memory, 1, (second, BASE + 7), whole - 1);
    assert_eq!(
        (read.copied, read.stop),
        (2 * PAGE as usize - 7, Some(CopyStop::Fault))
    );
    let mut back = std::vec![0; read.copied];
    world
        .memory
        .copy_in(machine, second, BASE + 7, &mut back)
        .unwrap();
    assert_eq!(back, bytes[1..=read.copied]);
    let moved = world
        .memory
        .copy_user_to_user(machine, (first, BASE + 5), (second, BASE), 5000);
    assert_eq!((moved.copied, moved.stop), (5000, None));
    let mut back = std::vec![0; 5000];
    world
        .memory
        .copy_in(machine, second, BASE, &mut back)
        .unwrap();
    assert_eq!(back, bytes[..5000]);
    world.release(memory);
    world.destroy(first);
    world.destroy(second);
    world.assert_empty();
}

#[test]
fn the_owner_hears_when_only_its_own_reference_is_left() {
    let mut world = World::new(200);
    let space = world.space();
    let memory = paged(&mut world, 1);
    world
        .map(space, fixed_memory(BASE, 1, memory, true))
        .unwrap();
    assert_eq!(world.memory.info(memory).unwrap().references, 1);
    world.destroy(space);
    assert_eq!(world.memory.take_unreferenced(), Some(memory));
    world.release(memory);
    world.assert_empty();
}
