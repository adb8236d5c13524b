//! The metadata cache: bounded, write-back, with an order between writes.
//!
//! A crash must never leave on disk a reference to something that is not on disk yet. The
//! cache therefore keeps *edges*: "`later` must not be written before `earlier`". They are
//! kept per block, as the disk writes whole blocks. Before an edge is added that would close
//! a cycle, the blocks that stand in its way are written; so the edges always form a graph
//! without cycles and a write-back can always go on. (Soft updates would undo parts of a
//! block instead; that saves some writes and costs a page of code for each kind of change.)

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use crate::device::{BlockDevice, SECTOR_SIZE};
use crate::error::Error;

/// Blocks that are written in one request when they lie side by side.
const RUN_BLOCKS: usize = 64;

struct Entry {
    data: Vec<u8>,
    dirty: bool,
    /// Used since the eviction hand last passed.
    referenced: bool,
    /// Blocks that must be written before this one.
    after: Vec<u64>,
    /// Blocks whose `after` names this one.
    before: Vec<u64>,
}

/// Caches the blocks of one device.
pub(crate) struct Cache<D> {
    pub(crate) device: D,
    block_size: usize,
    capacity: usize,
    entries: BTreeMap<u64, Entry>,
    dirty: BTreeSet<u64>,
    /// Blocks modified since the owner last asked.
    changed: BTreeSet<u64>,
    /// Rises whenever `changed` does not tell all: when everything dirty was written, or a
    /// changed block has left the cache.
    epoch: u64,
    /// Where the eviction hand stands.
    hand: u64,
}

impl<D: BlockDevice> Cache<D> {
    /// A cache of at most `capacity` blocks of `block_size` bytes.
    pub(crate) fn new(device: D, block_size: usize, capacity: usize) -> Cache<D> {
        Cache {
            device,
            block_size,
            capacity: capacity.max(16),
            entries: BTreeMap::new(),
            dirty: BTreeSet::new(),
            changed: BTreeSet::new(),
            epoch: 0,
            hand: 0,
        }
    }

    fn sector(&self, block: u64) -> u64 {
        block * (self.block_size / SECTOR_SIZE) as u64
    }

    /// The content of `block`.
    pub(crate) fn read(&mut self, block: u64) -> Result<&[u8], Error> {
        Ok(&self.load(block)?.data)
    }

    /// The content of `block`, to be changed in place. Call [`Cache::order`] first where the
    /// change refers to something that has to be on disk before it.
    pub(crate) fn modify(&mut self, block: u64) -> Result<&mut [u8], Error> {
        self.load(block)?;
        self.dirty.insert(block);
        self.changed.insert(block);
        let entry = self.load(block)?;
        entry.dirty = true;
        Ok(&mut entry.data)
    }

    /// Takes `block` as all zeros, whatever the disk holds.
    pub(crate) fn create(&mut self, block: u64) -> Result<&mut [u8], Error> {
        if !self.entries.contains_key(&block) {
            let data = vec![0; self.block_size];
            self.insert(block, data)?;
        }
        let data = self.modify(block)?;
        data.fill(0);
        Ok(data)
    }

    /// Drops a clean block that has become file data.
    pub(crate) fn forget(&mut self, block: u64) {
        if self
            .entries
            .get(&block)
            .is_some_and(|entry| !entry.dirty && entry.after.is_empty())
        {
            self.entries.remove(&block);
        }
    }

    /// Requires that the present content of `earlier` is on disk before `later` is written
    /// with the change that the caller is about to make.
    pub(crate) fn order(&mut self, earlier: u64, later: u64) -> Result<(), Error> {
        if earlier == later || !self.dirty.contains(&earlier) {
            return Ok(());
        }
        if self.depends(earlier, later) {
            self.write_out(earlier)?;
            return self.device.flush().map_err(Error::from);
        }
        self.load(later)?;
        // Loading may have evicted, hence written, `earlier`.
        if !self.dirty.contains(&earlier) {
            return Ok(());
        }
        let entry = self.load(later)?;
        if !entry.after.contains(&earlier) {
            entry.after.push(earlier);
            self.load(earlier)?.before.push(later);
        }
        Ok(())
    }

    /// Whether `block` must, directly or through others, be written after `other`.
    fn depends(&self, block: u64, other: u64) -> bool {
        let mut seen = BTreeSet::new();
        let mut stack = vec![block];
        while let Some(current) = stack.pop() {
            let Some(entry) = self.entries.get(&current) else {
                continue;
            };
            for &earlier in &entry.after {
                if earlier == other {
                    return true;
                }
                if seen.insert(earlier) {
                    stack.push(earlier);
                }
            }
        }
        false
    }

    /// Writes every dirty block, in order, and flushes the device.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.write_all()?;
        self.device.flush().map_err(Error::from)
    }

    fn write_all(&mut self) -> Result<(), Error> {
        self.epoch += 1;
        let all = self.dirty.clone();
        self.write_waves(all)
    }

    /// See [`FileSystem::changes_epoch`](crate::FileSystem::changes_epoch).
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Visits the blocks that were modified since the last visit, or with `all` every dirty one.
    pub(crate) fn visit_changes(&mut self, all: bool, visit: &mut dyn FnMut(u64, &[u8])) {
        let changed = core::mem::take(&mut self.changed);
        let blocks = if all { &self.dirty } else { &changed };
        for block in blocks {
            if let Some(entry) = self.entries.get(block) {
                visit(*block, &entry.data);
            }
        }
    }

    /// Whether some block waits to be written.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Writes `block` and what must be written before it.
    fn write_out(&mut self, block: u64) -> Result<(), Error> {
        let mut wanted = BTreeSet::new();
        let mut stack = vec![block];
        while let Some(current) = stack.pop() {
            if self.dirty.contains(&current) && !wanted.insert(current) {
                continue;
            }
            if let Some(entry) = self.entries.get(&current) {
                stack.extend(
                    entry
                        .after
                        .iter()
                        .filter(|earlier| !wanted.contains(earlier)),
                );
            }
        }
        self.write_waves(wanted)
    }

    /// Writes a set of dirty blocks that is closed under `after`: first those that wait for
    /// nothing, then those that waited for them, with a device flush in between.
    fn write_waves(&mut self, mut remaining: BTreeSet<u64>) -> Result<(), Error> {
        while !remaining.is_empty() {
            let ready: Vec<u64> = remaining
                .iter()
                .copied()
                .filter(|block| {
                    self.entries
                        .get(block)
                        .is_some_and(|entry| entry.after.iter().all(|e| !self.dirty.contains(e)))
                })
                .collect();
            if ready.is_empty() {
                return Err(Error::Corrupt("write order has a cycle"));
            }
            self.write_runs(&ready)?;
            for block in &ready {
                remaining.remove(block);
            }
            if !remaining.is_empty() {
                self.device.flush()?;
            }
        }
        Ok(())
    }

    /// Writes ascending blocks, neighbours in one request.
    fn write_runs(&mut self, blocks: &[u64]) -> Result<(), Error> {
        let mut index = 0;
        let mut buffer = Vec::new();
        while index < blocks.len() {
            let first = blocks[index];
            buffer.clear();
            let mut count = 0;
            while count < RUN_BLOCKS && blocks.get(index + count) == Some(&(first + count as u64)) {
                if let Some(entry) = self.entries.get(&blocks[index + count]) {
                    buffer.extend_from_slice(&entry.data);
                }
                count += 1;
            }
            self.device.write(self.sector(first), &buffer)?;
            for &block in &blocks[index..index + count] {
                self.mark_clean(block);
            }
            index += count;
        }
        Ok(())
    }

    fn mark_clean(&mut self, block: u64) {
        self.dirty.remove(&block);
        let mut waiting = Vec::new();
        if let Some(entry) = self.entries.get_mut(&block) {
            entry.dirty = false;
            waiting = core::mem::take(&mut entry.before);
        }
        for later in waiting {
            if let Some(entry) = self.entries.get_mut(&later) {
                entry.after.retain(|&earlier| earlier != block);
            }
        }
    }

    fn load(&mut self, block: u64) -> Result<&mut Entry, Error> {
        if !self.entries.contains_key(&block) {
            let mut data = vec![0; self.block_size];
            self.device.read(self.sector(block), &mut data)?;
            self.insert(block, data)?;
        }
        match self.entries.get_mut(&block) {
            Some(entry) => {
                entry.referenced = true;
                Ok(entry)
            }
            None => Err(Error::Device),
        }
    }

    fn insert(&mut self, block: u64, data: Vec<u8>) -> Result<(), Error> {
        while self.entries.len() >= self.capacity {
            self.evict()?;
        }
        let entry = Entry {
            data,
            dirty: false,
            referenced: true,
            after: Vec::new(),
            before: Vec::new(),
        };
        self.entries.insert(block, entry);
        Ok(())
    }

    /// Drops one block: the first that was not used since the hand's last round.
    fn evict(&mut self) -> Result<(), Error> {
        let mut passed = 0;
        loop {
            let next = self
                .entries
                .range_mut((Bound::Excluded(self.hand), Bound::Unbounded))
                .next()
                .map(|(&block, entry)| (block, entry));
            let Some((block, entry)) = next else {
                // The hand starts again below block 0, which `Excluded` cannot express; block
                // 0 holds the boot sector or the superblock and may stay.
                self.hand = 0;
                passed += 1;
                if passed > 3 {
                    return Err(Error::Corrupt("the cache cannot make room"));
                }
                continue;
            };
            self.hand = block;
            if entry.referenced && passed < 2 {
                entry.referenced = false;
                continue;
            }
            let wait = entry.dirty || !entry.after.is_empty();
            if wait {
                // One dirty victim means that many are: writing all in one pass costs little
                // more than one chain, and keeps neighbours together.
                self.write_all()?;
            }
            if self.changed.contains(&block) {
                self.epoch += 1;
            }
            self.entries.remove(&block);
            return Ok(());
        }
    }
}
