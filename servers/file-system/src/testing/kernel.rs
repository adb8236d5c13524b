//! A kernel in memory.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use kernel_abi::memory::{MemoryInfo, Range, clean};
use kernel_abi::{Handle, PAGE_SIZE, Rights};
use proto::{Answer, Error};

use crate::kernel::Kernel;

const PAGE: usize = PAGE_SIZE as usize;

/// A Memory object.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) pages: BTreeMap<u64, Box<[u8]>>,
    dirty: BTreeSet<u64>,
    size: u64,
    pub(super) length: u64,
    pub(super) key: Option<u64>,
    modified_ns: u64,
    references: u64,
}

/// What the kernel knows.
#[derive(Default)]
pub struct World {
    memories: BTreeMap<u32, Memory>,
    pub(super) sessions: BTreeMap<u64, Option<u32>>,
    parked: BTreeMap<String, u32>,
    /// What is kept, by its slot.
    pub kept: BTreeMap<u32, u32>,
    next_handle: u32,
    /// Nanoseconds since boot.
    pub clock_ns: u64,
    /// Locks as they were saved last.
    pub locks: Option<Vec<u8>>,
    /// Answers to calls that were kept.
    pub replies: Vec<(u64, Result<Answer, Error>)>,
    pub(super) failed: bool,
}

impl World {
    /// The last handle of a session goes while nobody serves.
    pub fn forget_session(&mut self, badge: u64) {
        self.sessions.remove(&badge);
    }
}

/// The kernel of a test; clones share one world.
#[derive(Clone, Default)]
pub struct TestKernel(pub Rc<RefCell<World>>);

/// Real time at boot in tests.
const BOOT_NS: i64 = 1_800_000_000_000_000_000;

impl TestKernel {
    pub(super) fn with<T>(
        &self,
        memory: Handle,
        act: impl FnOnce(&mut Memory) -> T,
    ) -> Result<T, Error> {
        let mut world = self.0.borrow_mut();
        world
            .memories
            .get_mut(&memory.0)
            .map(act)
            .ok_or(Error::BadHandle)
    }

    /// Copies out of a Memory; absent pages read as zeros.
    pub fn copy_out(&self, memory: Handle, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.with(memory, |memory| {
            for (index, byte) in bytes.iter_mut().enumerate() {
                let at = offset + index as u64;
                let page = memory.pages.get(&(at / PAGE_SIZE));
                *byte = page.map_or(0, |page| page[at as usize % PAGE]);
            }
        })
    }

    /// Copies into a Memory, making absent pages, without marking them as dirty.
    pub fn copy_in(&self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.with(memory, |memory| {
            for (index, byte) in bytes.iter().enumerate() {
                let at = offset + index as u64;
                let page = memory.pages.entry(at / PAGE_SIZE);
                page.or_insert_with(|| vec![0; PAGE].into())[at as usize % PAGE] = *byte;
            }
        })
    }

    fn add(&self, memory: Memory) -> Handle {
        let mut world = self.0.borrow_mut();
        world.next_handle += 1;
        let handle = world.next_handle;
        world.memories.insert(handle, memory);
        Handle(handle)
    }

    /// The content of an open file.
    pub fn memory_of(&self, badge: u64) -> Result<Handle, Error> {
        let memory = self.0.borrow().sessions.get(&badge).copied().flatten();
        memory.map(Handle).ok_or(Error::BadHandle)
    }

    /// Pretends that a Memory has this many mappings.
    pub fn set_references(&self, memory: Handle, references: u64) {
        let _ = self.with(memory, |memory| memory.references = references);
    }
}

impl Kernel for TestKernel {
    fn session_create(
        &mut self,
        badge: u64,
        data: Option<(Handle, Rights)>,
        _status_flags: u32,
    ) -> Result<Handle, Error> {
        let mut world = self.0.borrow_mut();
        if world.sessions.contains_key(&badge) {
            return Err(Error::Exists);
        }
        world
            .sessions
            .insert(badge, data.map(|(memory, _)| memory.0));
        // The low bits of a handle cannot hold a badge: tests find it by the newest session.
        world.next_handle += 1;
        Ok(Handle(world.next_handle))
    }

    fn sessions(&mut self) -> Vec<u64> {
        self.0.borrow().sessions.keys().copied().collect()
    }

    fn memory_create(&mut self, size: u64) -> Result<Handle, Error> {
        Ok(self.add(Memory {
            size,
            ..Memory::default()
        }))
    }

    fn memory_create_paged(&mut self, key: u64, size: u64) -> Result<Handle, Error> {
        Ok(self.add(Memory {
            size,
            key: Some(key),
            ..Memory::default()
        }))
    }

    fn memory_info(&self, memory: Handle) -> Result<MemoryInfo, Error> {
        let parked = self
            .0
            .borrow()
            .parked
            .values()
            .filter(|kept| **kept == memory.0)
            .count() as u64;
        self.with(memory, |memory| MemoryInfo {
            size: memory.size,
            length: memory.length,
            present_pages: memory.pages.len() as u64,
            dirty_pages: memory.dirty.len() as u64,
            modified_ns: memory.modified_ns,
            references: memory.references + parked,
        })
    }

    fn memory_resize(&mut self, memory: Handle, size: u64) -> Result<(), Error> {
        self.with(memory, |memory| {
            memory.size = size;
            memory.pages.retain(|page, _| page * PAGE_SIZE < size);
            memory.dirty.retain(|page| page * PAGE_SIZE < size);
        })
    }

    fn memory_set_length(&mut self, memory: Handle, length: u64) -> Result<(), Error> {
        self.with(memory, |memory| {
            if length > memory.size {
                return Err(Error::BadArgument);
            }
            if length < memory.length
                && let Some(page) = memory.pages.get_mut(&(length / PAGE_SIZE))
            {
                page[length as usize % PAGE..].fill(0);
            }
            memory.length = length;
            Ok(())
        })?
    }

    fn memory_write(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.0.borrow_mut().clock_ns += 1;
        let now = self.0.borrow().clock_ns;
        let pages = offset / PAGE_SIZE..(offset + bytes.len() as u64).div_ceil(PAGE_SIZE);
        self.with(memory, |memory| {
            assert!(
                offset + bytes.len() as u64 <= memory.size,
                "a write beyond the capacity"
            );
            for page in pages {
                let missing = memory.key.is_some() && !memory.pages.contains_key(&page);
                assert!(
                    !missing,
                    "the server would wait for itself to supply a page"
                );
                memory.dirty.insert(page);
            }
            memory.modified_ns = now;
        })?;
        self.copy_in(memory, offset, bytes)
    }

    fn memory_supply(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        source: Handle,
    ) -> Result<(), Error> {
        assert!((offset | length).is_multiple_of(PAGE_SIZE));
        let first = offset / PAGE_SIZE;
        let mut moved = Vec::new();
        self.with(source, |source| {
            for page in 0..length / PAGE_SIZE {
                moved.push(source.pages.remove(&page).unwrap_or(vec![0; PAGE].into()));
            }
        })?;
        self.with(memory, |memory| {
            assert!(offset + length <= memory.size, "pages beyond the capacity");
            for (index, content) in moved.into_iter().enumerate() {
                memory.pages.entry(first + index as u64).or_insert(content);
            }
        })
    }

    fn memory_supply_zero(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        self.with(memory, |memory| {
            assert!(offset + length <= memory.size, "pages beyond the capacity");
            for page in offset / PAGE_SIZE..(offset + length) / PAGE_SIZE {
                memory
                    .pages
                    .entry(page)
                    .or_insert_with(|| vec![0; PAGE].into());
            }
        })
    }

    fn memory_fail(&mut self, _memory: Handle, _offset: u64, _length: u64) {
        self.0.borrow_mut().failed = true;
    }

    fn memory_dirty(&self, memory: Handle, offset: u64) -> Result<Vec<Range>, Error> {
        self.with(memory, |memory| {
            let mut ranges: Vec<Range> = Vec::new();
            for page in memory.dirty.range(offset.div_ceil(PAGE_SIZE)..) {
                let start = page * PAGE_SIZE;
                match ranges.last_mut() {
                    Some(last) if last.offset + last.length == start => last.length += PAGE_SIZE,
                    _ => ranges.push(Range {
                        offset: start,
                        length: PAGE_SIZE,
                    }),
                }
            }
            ranges
        })
    }

    fn memory_clean(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Result<(), Error> {
        self.with(memory, |memory| {
            if phase == clean::END {
                let range = offset / PAGE_SIZE..(offset + length) / PAGE_SIZE;
                memory.dirty.retain(|page| !range.contains(page));
            }
        })
    }

    fn memory_discard(&mut self, memory: Handle, _length: u64) -> u64 {
        let freed = self.with(memory, |memory| {
            let before = memory.pages.len();
            let dirty = &memory.dirty;
            memory.pages.retain(|page, _| dirty.contains(page));
            (before - memory.pages.len()) as u64
        });
        freed.unwrap_or(0)
    }

    fn duplicate(&mut self, memory: Handle, _rights: Rights) -> Result<Handle, Error> {
        Ok(memory)
    }

    fn close(&mut self, handle: Handle) {
        let mut world = self.0.borrow_mut();
        let mut kept = world.parked.values().chain(world.kept.values());
        if !kept.any(|memory| *memory == handle.0) {
            world.memories.remove(&handle.0);
        }
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.push((token, result));
    }

    fn now_ns(&self) -> i64 {
        BOOT_NS + self.0.borrow().clock_ns as i64
    }

    fn real_time_ns(&self, monotonic_ns: u64) -> i64 {
        BOOT_NS + monotonic_ns as i64
    }

    fn park(&mut self, name: &str, memory: Handle) -> bool {
        self.0
            .borrow_mut()
            .parked
            .insert(name.to_string(), memory.0);
        true
    }

    fn unpark(&mut self, name: &str) -> Option<Handle> {
        self.0
            .borrow()
            .parked
            .get(name)
            .map(|memory| Handle(*memory))
    }

    fn save_locks(&mut self, locks: &[u8]) -> bool {
        self.0.borrow_mut().locks = Some(locks.to_vec());
        true
    }

    fn saved_locks(&mut self) -> Option<Vec<u8>> {
        self.0.borrow().locks.clone()
    }

    fn forget(&mut self, name: &str) {
        self.0.borrow_mut().parked.remove(name);
    }

    fn keep(&mut self, memory: Handle) -> Option<u32> {
        let mut world = self.0.borrow_mut();
        let slot = (0..).find(|slot| !world.kept.contains_key(slot))?;
        world.kept.insert(slot, memory.0);
        Some(slot)
    }

    fn kept(&mut self, slot: u32) -> Option<Handle> {
        self.0
            .borrow()
            .kept
            .get(&slot)
            .map(|memory| Handle(*memory))
    }

    fn drop_kept(&mut self, slot: u32) {
        self.0.borrow_mut().kept.remove(&slot);
    }

    fn keep_only(&mut self, slots: &[u32]) {
        let kept = &mut self.0.borrow_mut().kept;
        kept.retain(|slot, _| slots.contains(slot));
    }
}
