//! Regions, private pages, forks.

use super::*;
use crate::memory::space::MOST_REGIONS;
use kernel_abi::process::fault_kind;

const READ: u32 = protection::READ;

#[test]
fn anonymous_memory_reads_zero_and_keeps_what_is_written() {
    let mut world = World::new(200);
    let space = world.space();
    world.map(space, fixed(BASE, 4)).unwrap();
    assert_eq!(world.load(space, BASE + 8), Ok(0));
    world
        .store(space, BASE + PAGE - 4, 0x1122_3344_5566_7788)
        .unwrap();
    assert_eq!(
        world.load(space, BASE + PAGE - 4),
        Ok(0x1122_3344_5566_7788)
    );
    assert_eq!(world.load(space, BASE + 4 * PAGE - 4), Err(CopyStop::Fault));
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn a_child_of_fork_and_its_parent_do_not_see_each_other_s_stores() {
    let mut world = World::new(200);
    let parent = world.space();
    world.map(parent, fixed(BASE, 2)).unwrap();
    world.store(parent, BASE, 1).unwrap();
    let child = world.memory.space_fork(&mut world.machine, parent).unwrap();
    let free = world.machine.free_frames();
    assert_eq!(world.load(child, BASE), Ok(1));
    assert_eq!(
        world.machine.free_frames(),
        free,
        "a read after fork must not copy"
    );
    world.store(parent, BASE, 2).unwrap();
    assert_eq!(world.load(child, BASE), Ok(1));
    world.store(child, BASE, 3).unwrap();
    assert_eq!(
        (world.load(parent, BASE), world.load(child, BASE)),
        (Ok(2), Ok(3))
    );
    world.destroy(parent);
    world.destroy(child);
    world.assert_empty();
}

#[test]
fn the_last_owner_of_a_page_writes_to_it_without_a_copy() {
    let mut world = World::new(200);
    let parent = world.space();
    world.map(parent, fixed(BASE, 1)).unwrap();
    world.store(parent, BASE, 1).unwrap();
    let child = world.memory.space_fork(&mut world.machine, parent).unwrap();
    world.destroy(parent);
    let free = world.machine.free_frames();
    world.store(child, BASE, 2).unwrap();
    assert_eq!(world.machine.free_frames(), free);
    world.destroy(child);
    world.assert_empty();
}

#[test]
fn writable_and_executable_memory_is_refused() {
    let mut world = World::new(200);
    let space = world.space();
    let all = READ_WRITE | protection::EXECUTE;
    let request = MapRequest {
        protection: all,
        ..fixed(BASE, 1)
    };
    assert_eq!(world.map(space, request), Err(Error::BadArgument));
    world.map(space, fixed(BASE, 1)).unwrap();
    assert_eq!(
        world.protect(space, BASE, PAGE, all),
        Err(Error::BadArgument)
    );
    let limited = MapRequest {
        protection: READ,
        maximum: READ,
        ..fixed(BASE + PAGE, 1)
    };
    world.map(space, limited).unwrap();
    assert_eq!(
        world.protect(space, BASE + PAGE, PAGE, READ_WRITE),
        Err(Error::AccessDenied)
    );
    world.destroy(space);
    world.assert_empty();
}

/// Every operation on a space with one pair of numbers.
fn use_space(world: &mut World, space: SpaceId, memory: MemoryId, (address, length): (u64, u64)) {
    for flags in [
        map_flags::ANONYMOUS | map_flags::FIXED,
        map_flags::FIXED,
        map_flags::SHARED,
    ] {
        let object = (flags & map_flags::ANONYMOUS == 0).then_some(memory);
        let request = MapRequest {
            address,
            length,
            offset: length,
            memory: object,
            flags,
            ..fixed(0, 0)
        };
        if let Ok(at) = world.map(space, request) {
            world.unmap(space, at, length).unwrap();
        }
    }
    let _ = world.unmap(space, address, length);
    let _ = world.protect(space, address, length, READ);
    let (memory, machine) = (&mut world.memory, &mut world.machine);
    let _ = memory.decommit(machine, space, address, length);
    let _ = memory.remap(machine, space, BASE, address, length, true);
    let copy = ((space, address), (space, length));
    let progress = memory.copy_user_to_user(machine, copy.0, copy.1, 9);
    assert_eq!(progress.copied, 0);
}

/// Every operation on a Memory with one pair of numbers.
fn use_memory(world: &mut World, id: MemoryId, offset: u64, length: u64) {
    let (memory, machine) = (&mut world.memory, &mut world.machine);
    let _ = memory.supply_zero(machine, id, offset, length.min(1 << 20));
    let _ = memory.supply_zero(machine, id, offset, length);
    let _ = memory.clean(machine, id, offset, length, 0);
    let _ = memory.pin(machine, id, offset, length);
    if let Ok(child) = memory.child(machine, id, offset, length) {
        memory.release(machine, child);
    }
    memory.unpin(machine, id, offset, length);
    if let Ok(physical) = memory.create_physical(offset, length) {
        memory.release(machine, physical);
    }
}

#[test]
fn hostile_numbers_are_refused_and_change_nothing() {
    let mut world = World::new(200);
    let space = world.space();
    let numbers = [
        0,
        1,
        4095,
        PAGE,
        BASE,
        1 << 47,
        1 << 60,
        u64::MAX - PAGE,
        u64::MAX - 4095,
        u64::MAX,
    ];
    let memory = world.anonymous(1);
    for address in numbers {
        for length in numbers {
            use_space(&mut world, space, memory, (address, length));
            use_memory(&mut world, memory, address, length);
        }
        assert!(world.load(space, address).is_err());
        assert!(matches!(
            world.fault(space, address, true),
            FaultOutcome::Fault(_)
        ));
        assert!(world.memory.region_info(space, address).is_err());
    }
    assert_eq!(world.memory.space_usage(space).mapped_bytes, 0);
    world.release(memory);
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn neighbouring_regions_of_one_kind_become_one() {
    let mut world = World::new(200);
    let space = world.space();
    for page in [0, 2, 1] {
        world.map(space, fixed(BASE + page * PAGE, 1)).unwrap();
    }
    assert_eq!(
        world.memory.region_info(space, BASE).unwrap().length,
        3 * PAGE
    );
    world.protect(space, BASE + PAGE, PAGE, READ).unwrap();
    assert_eq!(world.memory.region_info(space, BASE).unwrap().length, PAGE);
    world.protect(space, BASE + PAGE, PAGE, READ_WRITE).unwrap();
    assert_eq!(
        world.memory.region_info(space, BASE).unwrap().length,
        3 * PAGE
    );
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn chosen_addresses_are_random_and_do_not_overlap() {
    let mut world = World::new(200);
    let (first, second) = (world.space(), world.space());
    let any = MapRequest {
        flags: map_flags::ANONYMOUS,
        ..fixed(0, 3)
    };
    let addresses: Vec<u64> = (0..8).map(|_| world.map(first, any).unwrap()).collect();
    for (index, low) in addresses.iter().enumerate() {
        assert!(
            addresses[index + 1..]
                .iter()
                .all(|high| low.abs_diff(*high) >= 3 * PAGE)
        );
    }
    assert_ne!(addresses[0], world.map(second, any).unwrap());
    let huge = MapRequest {
        length: 1 << 46,
        ..any
    };
    assert!(world.map(first, huge).is_ok());
    assert_eq!(world.map(first, huge), Err(Error::NoMemory));
    world.destroy(first);
    world.destroy(second);
    world.assert_empty();
}

#[test]
fn no_replace_reports_what_is_there() {
    let mut world = World::new(200);
    let space = world.space();
    world.map(space, fixed(BASE, 2)).unwrap();
    let mut request = fixed(BASE + PAGE, 2);
    request.flags |= map_flags::NO_REPLACE;
    assert_eq!(world.map(space, request), Err(Error::Exists));
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn growing_a_mapping_moves_its_pages_when_there_is_no_room() {
    let mut world = World::new(200);
    let space = world.space();
    world.map(space, fixed(BASE, 2)).unwrap();
    world
        .map(
            space,
            MapRequest {
                protection: READ,
                ..fixed(BASE + 2 * PAGE, 1)
            },
        )
        .unwrap();
    world.store(space, BASE + PAGE, 7).unwrap();
    let machine = &mut world.machine;
    let grown = world
        .memory
        .remap(machine, space, BASE, 2 * PAGE, 4 * PAGE, false);
    assert_eq!(grown, Err(Error::NoMemory));
    let moved = world
        .memory
        .remap(machine, space, BASE, 2 * PAGE, 4 * PAGE, true)
        .unwrap();
    assert_eq!(world.load(space, moved + PAGE), Ok(7));
    assert_eq!(world.load(space, moved + 3 * PAGE), Ok(0));
    assert_eq!(world.load(space, BASE + PAGE), Err(CopyStop::Fault));
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn a_stack_is_touched_no_deeper_than_its_limit() {
    let mut world = World::new(200);
    let space = world.space();
    let mut request = fixed(BASE, 16);
    request.flags |= map_flags::STACK;
    world.map(space, request).unwrap();
    let limits = crate::memory::SpaceLimits {
        stack: 4 * PAGE,
        ..Default::default()
    };
    world.memory.set_space_limits(space, limits);
    assert_eq!(
        world.fault(space, BASE + 12 * PAGE, true),
        FaultOutcome::Resolved
    );
    let below = world.fault(space, BASE + 12 * PAGE - 1, true);
    assert_eq!(below, FaultOutcome::Fault(fault_kind::NOT_MAPPED));
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn running_out_of_frames_is_reported_and_leaves_the_space_usable() {
    let mut world = World::new(120);
    let space = world.space();
    world.map(space, fixed(BASE, 200)).unwrap();
    let full = (0..200)
        .find(|page| world.store(space, BASE + page * PAGE, 1).is_err())
        .unwrap();
    assert_eq!(
        world.store(space, BASE + full * PAGE, 1),
        Err(CopyStop::NoMemory)
    );
    let outcome = world.fault(space, BASE + full * PAGE, true);
    assert_eq!(outcome, FaultOutcome::Fault(fault_kind::NO_MEMORY));
    world
        .memory
        .decommit(&mut world.machine, space, BASE, PAGE)
        .unwrap();
    world.store(space, BASE + full * PAGE, 1).unwrap();
    let mut populated = fixed(BASE + 300 * PAGE, 50);
    populated.flags |= map_flags::POPULATE;
    assert_eq!(world.map(space, populated), Err(Error::NoMemory));
    assert!(world.memory.region_info(space, BASE + 300 * PAGE).is_err());
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn the_limits_of_a_space_are_kept() {
    let mut world = World::new(200);
    let space = world.space();
    let limits = crate::memory::SpaceLimits {
        address_space: 8 * PAGE,
        data: 2 * PAGE,
        stack: u64::MAX,
    };
    world.memory.set_space_limits(space, limits);
    world.map(space, fixed(BASE, 2)).unwrap();
    assert_eq!(
        world.map(space, fixed(BASE + 4 * PAGE, 1)),
        Err(Error::NoMemory)
    );
    let read_only = |pages| MapRequest {
        protection: READ,
        ..fixed(BASE + 4 * PAGE, pages)
    };
    assert_eq!(world.map(space, read_only(7)), Err(Error::NoMemory));
    world.map(space, read_only(6)).unwrap();
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn futexes_are_named_by_object_in_shared_memory_and_by_space_in_private() {
    let mut world = World::new(200);
    let (first, second) = (world.space(), world.space());
    let memory = world.anonymous(2);
    world
        .map(first, fixed_memory(BASE, 2, memory, true))
        .unwrap();
    world
        .map(second, fixed_memory(BASE + 8 * PAGE, 1, memory, true))
        .unwrap();
    world.map(first, fixed(BASE + 4 * PAGE, 1)).unwrap();
    world.map(second, fixed(BASE + 4 * PAGE, 1)).unwrap();
    let mut key = |space, address| {
        world
            .memory
            .futex_key(&mut world.machine, space, address)
            .unwrap()
    };
    assert_eq!(key(first, BASE + 8), key(second, BASE + 8 * PAGE + 8));
    assert_ne!(key(first, BASE + 4 * PAGE), key(second, BASE + 4 * PAGE));
    world.release(memory);
    world.destroy(first);
    world.destroy(second);
    world.assert_empty();
}

#[test]
fn memory_without_any_permission_faults_until_it_gets_one() {
    let mut world = World::new(200);
    let space = world.space();
    world.map(space, fixed(BASE, 1)).unwrap();
    world.store(space, BASE, 4).unwrap();
    world.protect(space, BASE, PAGE, 0).unwrap();
    assert_eq!(world.load(space, BASE), Err(CopyStop::Fault));
    assert_eq!(
        world.fault(space, BASE, false),
        FaultOutcome::Fault(fault_kind::PROTECTION)
    );
    world
        .protect(space, BASE, PAGE, READ | protection::EXECUTE)
        .unwrap();
    let executed = world
        .memory
        .fault(&mut world.machine, space, BASE, false, true);
    assert_eq!(executed, FaultOutcome::Resolved);
    let hardware = world.memory.machine_space(space).unwrap();
    assert!(world.machine.mapping(hardware, BASE).unwrap().1.execute);
    world.protect(space, BASE, PAGE, READ).unwrap();
    assert_eq!(world.load(space, BASE), Ok(4));
    assert!(
        !world
            .machine
            .mapping(hardware, BASE)
            .is_some_and(|(_, flags)| flags.execute)
    );
    world.destroy(space);
    world.assert_empty();
}

#[test]
fn one_space_has_a_bounded_number_of_regions() {
    let mut world = World::new(200);
    let space = world.space();
    // Neighbours differ, so that they are not joined.
    let piece = |index: usize| MapRequest {
        protection: if index.is_multiple_of(2) {
            READ
        } else {
            READ_WRITE
        },
        flags: map_flags::ANONYMOUS,
        ..fixed(0, 3)
    };
    let first = world.map(space, piece(0)).unwrap();
    let mut last = first;
    for index in 1..MOST_REGIONS {
        let next = world.map(space, piece(index)).unwrap();
        assert_eq!(next, last - 3 * PAGE, "the next lower place");
        last = next;
    }
    assert_eq!(world.map(space, piece(0)), Err(Error::NoMemory));
    // What would cut a region in two is refused, and nothing has changed.
    let middle = last + PAGE;
    assert_eq!(world.unmap(space, middle, PAGE), Err(Error::NoMemory));
    assert_eq!(world.protect(space, middle, PAGE, 0), Err(Error::NoMemory));
    assert_eq!(world.protect(space, last, 3 * PAGE, 0), Ok(()));
    assert_eq!(world.unmap(space, first, 3 * PAGE), Ok(()));
    assert_eq!(world.map(space, piece(0)), Ok(first), "the highest gap");
    world.destroy(space);
    world.assert_empty();
}
