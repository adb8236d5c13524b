//! Random operations, compared with a model in which every page is one number.

use super::*;
use kernel_abi::memory::clean;

const SLOTS: u64 = 24;
const OBJECT_PAGES: u64 = 8;

/// What the model knows of a page of a space.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Slot {
    Unmapped,
    Own(u64),
    /// Private over an object, not written yet.
    Over(usize, u64),
    Shared(usize, u64),
}

#[derive(Clone)]
struct ModelSpace {
    id: SpaceId,
    slots: [Slot; SLOTS as usize],
    writable: [bool; SLOTS as usize],
}

struct Object {
    id: MemoryId,
    paged: bool,
    pages: [u64; OBJECT_PAGES as usize],
    /// What the pager would supply.
    disk: [u64; OBJECT_PAGES as usize],
}

struct Model {
    world: World,
    spaces: Vec<ModelSpace>,
    objects: Vec<Object>,
    random: u64,
    stamp: u64,
}

impl Model {
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    fn pick_range(&mut self) -> (u64, u64) {
        let first = self.below(SLOTS);
        let count = 1 + self.below((SLOTS - first).min(6));
        (first, count)
    }

    /// Answers every request of a pager from the model's disk.
    fn serve_pagers(&mut self) {
        for request in requests(&mut self.world) {
            let object = &self.objects[request.key as usize];
            let first = request.offset / PAGE;
            let count = request.length / PAGE;
            let source =
                self.world
                    .memory
                    .create_anonymous(&mut self.world.machine, request.length, 0);
            let source = source.unwrap();
            for page in 0..count {
                let bytes = object.disk[(first + page) as usize].to_le_bytes();
                let machine = &mut self.world.machine;
                self.world
                    .memory
                    .fill_memory(machine, source, page * PAGE, &bytes)
                    .unwrap();
            }
            let (id, machine) = (object.id, &mut self.world.machine);
            let (offset, length) = (request.offset, request.length);
            self.world
                .memory
                .supply(machine, id, offset, length, source, 0)
                .unwrap();
            self.world.release(source);
        }
        while self.world.memory.take_wakeup().is_some() {}
    }

    fn expected(&self, slot: Slot) -> Option<u64> {
        match slot {
            Slot::Unmapped => None,
            Slot::Own(value) => Some(value),
            Slot::Over(object, page) | Slot::Shared(object, page) => {
                Some(self.objects[object].pages[page as usize])
            }
        }
    }

    fn load(&mut self, space: usize, slot: u64) {
        let id = self.spaces[space].id;
        let expected = self.expected(self.spaces[space].slots[slot as usize]);
        let mut result = self.world.load(id, BASE + slot * PAGE);
        if let Err(CopyStop::WaitForPager { .. }) = result {
            self.serve_pagers();
            result = self.world.load(id, BASE + slot * PAGE);
        }
        assert_eq!(result.ok(), expected, "space {space}, slot {slot}");
    }

    fn store(&mut self, space: usize, slot: u64) {
        self.stamp += 1;
        let (id, value) = (self.spaces[space].id, self.stamp);
        let before = self.spaces[space].slots[slot as usize];
        let allowed = before != Slot::Unmapped && self.spaces[space].writable[slot as usize];
        let mut result = self.world.store(id, BASE + slot * PAGE, value);
        if let Err(CopyStop::WaitForPager { .. }) = result {
            self.serve_pagers();
            result = self.world.store(id, BASE + slot * PAGE, value);
        }
        assert_eq!(result.is_ok(), allowed, "{before:?}");
        if !allowed {
            return;
        }
        match before {
            Slot::Shared(object, page) => self.objects[object].pages[page as usize] = value,
            _ => self.spaces[space].slots[slot as usize] = Slot::Own(value),
        }
    }

    fn map(&mut self, space: usize) {
        let (first, count) = self.pick_range();
        let address = BASE + first * PAGE;
        let kind = self.below(3);
        let object = self.below(self.objects.len() as u64) as usize;
        let count = if kind == 0 {
            count
        } else {
            count.min(OBJECT_PAGES)
        };
        let from = self.below(OBJECT_PAGES - count.min(OBJECT_PAGES) + 1);
        let request = match kind {
            0 => fixed(address, count),
            _ => {
                let memory = self.objects[object].id;
                MapRequest {
                    offset: from * PAGE,
                    ..fixed_memory(address, count, memory, kind == 1)
                }
            }
        };
        let model = &mut self.spaces[space];
        self.world.map(model.id, request).unwrap();
        for page in 0..count {
            model.writable[(first + page) as usize] = true;
            model.slots[(first + page) as usize] = match kind {
                0 => Slot::Own(0),
                1 => Slot::Shared(object, from + page),
                _ => Slot::Over(object, from + page),
            };
        }
    }

    fn unmap(&mut self, space: usize) {
        let (first, count) = self.pick_range();
        let model = &mut self.spaces[space];
        self.world
            .unmap(model.id, BASE + first * PAGE, count * PAGE)
            .unwrap();
        model.slots[first as usize..(first + count) as usize].fill(Slot::Unmapped);
    }

    fn protect(&mut self, space: usize) {
        let (first, count) = self.pick_range();
        let writable = self.below(2) == 1;
        let model = &mut self.spaces[space];
        let range = first as usize..(first + count) as usize;
        let wanted = if writable {
            READ_WRITE
        } else {
            protection::READ
        };
        let result = self
            .world
            .protect(model.id, BASE + first * PAGE, count * PAGE, wanted);
        let whole = model.slots[range.clone()]
            .iter()
            .all(|slot| *slot != Slot::Unmapped);
        assert_eq!(result.is_ok(), whole);
        if whole {
            model.writable[range].fill(writable);
        }
    }

    fn fork(&mut self, space: usize) {
        let parent = &self.spaces[space];
        let id = self
            .world
            .memory
            .space_fork(&mut self.world.machine, parent.id)
            .unwrap();
        let child = ModelSpace {
            id,
            ..parent.clone()
        };
        if self.spaces.len() < 6 {
            self.spaces.push(child);
        } else {
            let victim = core::mem::replace(&mut self.spaces[space], child);
            self.world.destroy(victim.id);
        }
    }

    fn write_out(&mut self) {
        let number = self.below(self.objects.len() as u64) as usize;
        let object = &mut self.objects[number];
        if !object.paged {
            return;
        }
        let (machine, memory) = (&mut self.world.machine, &mut self.world.memory);
        let all = OBJECT_PAGES * PAGE;
        memory
            .clean(machine, object.id, 0, all, clean::BEGIN)
            .unwrap();
        object.disk = object.pages;
        memory
            .clean(machine, object.id, 0, all, clean::END)
            .unwrap();
        memory.discard(machine, object.id, 0, all).unwrap();
        assert_eq!(memory.info(object.id).unwrap().present_pages, 0);
    }

    fn step(&mut self) {
        let space = self.below(self.spaces.len() as u64) as usize;
        let slot = self.below(SLOTS);
        match self.below(16) {
            0..5 => self.load(space, slot),
            5..11 => self.store(space, slot),
            11 | 12 => self.map(space),
            13 => self.unmap(space),
            14 => self.protect(space),
            _ if slot < SLOTS / 3 => self.fork(space),
            _ => self.write_out(),
        }
    }

    fn finish(mut self) {
        for space in 0..self.spaces.len() {
            (0..SLOTS).for_each(|slot| self.load(space, slot));
        }
        for space in core::mem::take(&mut self.spaces) {
            self.world.destroy(space.id);
        }
        for object in core::mem::take(&mut self.objects) {
            self.world.release(object.id);
        }
        self.world.assert_empty();
    }
}

fn model(seed: u64) -> Model {
    let mut world = World::new(1000);
    let objects = (0..4)
        .map(|key| {
            let paged = key % 2 == 0;
            let id = match paged {
                true => world
                    .memory
                    .create_paged(1, key, OBJECT_PAGES * PAGE)
                    .unwrap(),
                false => world.anonymous(OBJECT_PAGES),
            };
            Object {
                id,
                paged,
                pages: [0; OBJECT_PAGES as usize],
                disk: [0; OBJECT_PAGES as usize],
            }
        })
        .collect();
    let id = world.space();
    let slots = [Slot::Unmapped; SLOTS as usize];
    let spaces = std::vec![ModelSpace {
        id,
        slots,
        writable: [true; SLOTS as usize]
    }];
    Model {
        world,
        spaces,
        objects,
        random: seed,
        stamp: 0,
    }
}

#[test]
fn random_operations_agree_with_the_model_and_return_every_frame() {
    for seed in 1..=60u64 {
        let mut model = model(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..1500 {
            model.step();
        }
        model.finish();
    }
}
