//! What the write order has to know about names that changed since the last sync.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::InodeNumber;

/// Names that changed since the last sync. All of it is forgotten when everything is on disk.
#[derive(Default)]
pub(crate) struct Unsynced {
    /// Names removed, with the block that held them. The same name in another block must not
    /// reach the disk first: it would be there twice.
    removed: BTreeMap<(InodeNumber, Vec<u8>), u64>,
    /// Blocks with new names of inodes that had one before. Before another name of theirs goes,
    /// these must be on disk, or the file could have no name after a crash.
    entered: BTreeMap<InodeNumber, Vec<u64>>,
    /// For a block that a directory has grown by: the blocks without which a walk from the root
    /// does not come to it.
    reached_through: BTreeMap<u64, Vec<u64>>,
}

impl Unsynced {
    /// How much is remembered, to bound it.
    pub(crate) fn count(&self) -> usize {
        self.removed.len() + self.entered.len() + self.reached_through.len()
    }

    pub(crate) fn note_removed(&mut self, directory: InodeNumber, name: &[u8], block: u64) {
        self.removed.insert((directory, name.to_vec()), block);
    }

    /// The block that `name` was removed from.
    pub(crate) fn removed_from(&self, directory: InodeNumber, name: &[u8]) -> Option<u64> {
        self.removed.get(&(directory, name.to_vec())).copied()
    }

    pub(crate) fn note_entered(&mut self, number: InodeNumber, block: u64) {
        self.entered.entry(number).or_default().push(block);
    }

    pub(crate) fn note_reached_through(&mut self, block: u64, through: &[u64]) {
        self.reached_through
            .entry(block)
            .or_default()
            .extend_from_slice(through);
    }

    /// The blocks that must be on disk for the new names of `number` to be found.
    fn needed_for(&self, number: InodeNumber) -> BTreeSet<u64> {
        let mut needed = BTreeSet::new();
        let mut stack = self.entered.get(&number).cloned().unwrap_or(vec![]);
        while let Some(block) = stack.pop() {
            if needed.insert(block) {
                stack.extend(self.reached_through.get(&block).into_iter().flatten());
            }
        }
        needed
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// Orders a change of `block`, which takes a name of inode `number` away, after the blocks
    /// that lead to its newer names.
    pub(crate) fn keep_reachable(&mut self, number: InodeNumber, block: u64) -> Result<(), Error> {
        for needed in self.unsynced.needed_for(number) {
            self.cache.order(needed, block)?;
        }
        Ok(())
    }
}
