//! Inodes without a name: open ones, and those that a crash left behind.

use alloc::vec::Vec;

use crate::bytes::{get_u32, put_u32};
use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{InodeNumber, Time};
use crate::superblock::field;

/// A deletion time below the inode count would be taken for a link of the orphan list.
const EARLIEST_DELETION: u32 = 1 << 30;

/// First word of a block of extended attributes; a reference count follows.
const ATTRIBUTE_MAGIC: u32 = 0xEA02_0000;

/// What a mounted file system has yet to do that no block of it tells: a server that keeps copies of
/// changed blocks for its next instance keeps this with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Runs of blocks (first, count) that are free once the disk does not name them any more. They may overlap.
    pub blocks: Vec<(u32, u32)>,
    /// Inodes that are free then.
    pub inodes: Vec<InodeNumber>,
    /// Inodes that had no name, and were to be freed when nobody has them open any more.
    pub nameless: Vec<InodeNumber>,
}

impl<D: BlockDevice> FileSystem<D> {
    /// What is unfinished now: blocks, inodes, and those without a name.
    pub fn unfinished(&self) -> (&[(u32, u32)], &[InodeNumber], &[InodeNumber]) {
        (&self.pending_blocks, &self.pending_inodes, &self.orphans)
    }

    /// Goes on with what was unfinished when a mount ended without an end, whose changed blocks
    /// have all been brought to the disk. `in_use` is as in `MountOptions`.
    ///
    /// # Errors
    /// `Corrupt` when it names what the file system does not have, and those of the disk.
    pub fn resume(&mut self, left: &Unfinished, in_use: &[InodeNumber]) -> Result<(), Error> {
        let mut runs = left.blocks.clone();
        runs.sort_unstable();
        let mut next = 0;
        for (first, count) in runs {
            let end = first.saturating_add(count);
            let first = first.max(next);
            if end <= first {
                continue;
            }
            if !self.is_data_block(first) || !self.is_data_block(end - 1) {
                return Err(Error::Corrupt("freed blocks that there are none"));
            }
            self.pending_blocks.push((first, end - first));
            next = end;
        }
        for &number in &left.inodes {
            self.check_inode_number(number)?;
            if !self.pending_inodes.contains(&number) {
                self.pending_inodes.push(number);
            }
        }
        for &number in &left.nameless {
            let freed = self.pending_inodes.contains(&number) || !self.inode_in_use(number)?;
            if freed || self.orphans.contains(&number) || self.inode(number)?.links != 0 {
                continue;
            }
            self.orphans.push(number);
            if !in_use.contains(&number) {
                self.release(number, self.now)?;
            }
        }
        Ok(())
    }

    /// Frees an inode whose last link is gone and that nobody has open any more.
    ///
    /// # Errors
    /// `Invalid` when the inode has links still.
    pub fn release(&mut self, number: InodeNumber, now: Time) -> Result<(), Error> {
        self.check_writable(now)?;
        let mut inode = self.inode(number)?;
        let Some(index) = self.orphans.iter().position(|&orphan| orphan == number) else {
            return Err(Error::Invalid);
        };
        if inode.links != 0 {
            return Err(Error::Invalid);
        }
        self.unlist_orphan(number)?;
        self.orphans.remove(index);
        if !inode.holds_no_blocks() {
            self.free_from(&mut inode, 0)?;
        }
        self.drop_attributes(inode.attribute_block)?;
        let seconds = u32::try_from(now.seconds)
            .unwrap_or(u32::MAX)
            .max(EARLIEST_DELETION);
        self.erase_inode(number, seconds)?;
        self.free_inode(number, inode.kind);
        self.relieve_pending()
    }

    /// Drops one reference to a block of extended attributes, which inodes may share.
    fn drop_attributes(&mut self, block: u32) -> Result<(), Error> {
        if block == 0 {
            return Ok(());
        }
        let raw = match self.is_data_block(block) {
            true => self.cache.read(u64::from(block))?,
            false => &[0; 8],
        };
        let (magic, references) = (get_u32(raw, 0), get_u32(raw, 4));
        match (magic, references) {
            (ATTRIBUTE_MAGIC, 1) => self.free_blocks(block, 1),
            (ATTRIBUTE_MAGIC, 2..) => {
                put_u32(self.cache.modify(u64::from(block))?, 4, references - 1);
            }
            _ => self.mark_error(),
        }
        Ok(())
    }

    /// Takes `number` out of the disk's list, ordered before what happens to its inode next.
    fn unlist_orphan(&mut self, number: InodeNumber) -> Result<(), Error> {
        let Some(index) = self
            .listed_orphans
            .iter()
            .position(|&orphan| orphan == number)
        else {
            return Ok(());
        };
        let next = self.deletion_field(number)?;
        let inode_block = self.inode_block(number)?;
        // The list's head is its newest member: the last of ours.
        match self.listed_orphans.get(index + 1).copied() {
            Some(newer) => {
                self.set_deletion_field(newer, next)?;
                self.cache.order(self.inode_block(newer)?, inode_block)?;
            }
            None => {
                put_u32(self.superblock_bytes()?, field::LAST_ORPHAN, next);
                self.cache
                    .order(self.superblock_location().0, inode_block)?;
            }
        }
        self.listed_orphans.remove(index);
        Ok(())
    }

    /// Brings the orphans that the disk's list lacks into it. Happens with each sync; most
    /// files without a name live shorter than that.
    pub(crate) fn list_orphans(&mut self) -> Result<(), Error> {
        for index in 0..self.orphans.len() {
            let number = self.orphans[index];
            if self.listed_orphans.contains(&number) {
                continue;
            }
            let head = self.listed_orphans.last().copied().unwrap_or(0);
            self.set_deletion_field(number, head)?;
            self.cache
                .order(self.inode_block(number)?, self.superblock_location().0)?;
            put_u32(self.superblock_bytes()?, field::LAST_ORPHAN, number);
            self.listed_orphans.push(number);
        }
        Ok(())
    }

    /// Frees the inodes on the disk's list: those that were open and nameless when the
    /// system stopped. A list that makes no sense is dropped; a check finds what it held.
    pub(crate) fn clean_orphans(&mut self, in_use: &[InodeNumber]) -> Result<(), Error> {
        let mut number = self.superblock.last_orphan;
        let mut remaining = self.superblock.inodes_count;
        while number != 0 {
            if remaining == 0 || self.check_orphan(number).is_err() {
                self.mark_error();
                break;
            }
            remaining -= 1;
            let next = self.deletion_field(number)?;
            self.set_deletion_field(number, 0)?;
            if self.inode(number)?.links == 0 {
                self.orphans.push(number);
                if !in_use.contains(&number) {
                    self.release(number, self.now)?;
                }
            }
            number = next;
        }
        self.superblock.last_orphan = 0;
        put_u32(self.superblock_bytes()?, field::LAST_ORPHAN, 0);
        self.adopt_orphans(in_use)
    }

    /// Takes charge of open inodes that have no name and are not on the disk's list yet.
    fn adopt_orphans(&mut self, in_use: &[InodeNumber]) -> Result<(), Error> {
        for &number in in_use {
            let nameless = self.inode(number).is_ok_and(|inode| inode.links == 0);
            if nameless && self.inode_in_use(number)? && !self.orphans.contains(&number) {
                self.orphans.push(number);
            }
        }
        Ok(())
    }

    fn check_orphan(&mut self, number: InodeNumber) -> Result<(), Error> {
        self.check_inode_number(number)?;
        self.inode(number)?;
        if self.inode_in_use(number)? && !self.pending_inodes.contains(&number) {
            Ok(())
        } else {
            Err(Error::Corrupt("the orphan list names a free inode"))
        }
    }
}
