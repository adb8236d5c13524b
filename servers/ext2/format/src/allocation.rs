//! Finding and freeing blocks and inodes.

use alloc::vec::Vec;

use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{FileKind, Inode, InodeNumber, ROOT_INODE};
use crate::superblock::Superblock;

/// Freed runs that are held back before a sync is forced.
const PENDING_RUNS: usize = 4096;

impl<D: BlockDevice> FileSystem<D> {
    /// Whether `block` may hold file data or directory or indirect blocks.
    pub(crate) fn is_data_block(&self, block: u32) -> bool {
        let superblock = &self.superblock;
        if block < superblock.descriptor_block() + superblock.descriptor_blocks()
            || block >= superblock.blocks_count
        {
            return false;
        }
        let group = (block - superblock.first_data_block) / superblock.blocks_per_group;
        self.groups
            .get(group as usize)
            .is_some_and(|group| !group.is_metadata(superblock, block))
    }

    /// `block` if it may be pointed to, else the error for corrupted pointers.
    pub(crate) fn checked_block(&self, block: u32) -> Result<u32, Error> {
        if self.is_data_block(block) {
            Ok(block)
        } else {
            Err(Error::Corrupt("a block pointer leaves the data area"))
        }
    }

    /// Where the blocks of inode `number` should lie.
    pub(crate) fn inode_goal(&self, number: InodeNumber) -> u32 {
        let group = (number - 1) / self.superblock.inodes_per_group;
        self.superblock.group_start(group)
    }

    /// Takes up to `count` adjacent free blocks, at or near `goal`. Returns the first block,
    /// how many, and the bitmap block that must be written before a pointer to them.
    pub(crate) fn allocate_run(&mut self, goal: u32, count: u32) -> Result<(u32, u32, u64), Error> {
        if let Some(found) = self.try_allocate_run(goal, count)? {
            return Ok(found);
        }
        if self.pending_blocks.is_empty() {
            return Err(Error::NoSpace);
        }
        // Freed blocks wait for a sync before they can be used again; this is the time.
        self.sync()?;
        self.try_allocate_run(goal, count)?.ok_or(Error::NoSpace)
    }

    fn try_allocate_run(
        &mut self,
        goal: u32,
        count: u32,
    ) -> Result<Option<(u32, u32, u64)>, Error> {
        let superblock = self.superblock.clone();
        let goal = goal.clamp(superblock.first_data_block, superblock.blocks_count - 1);
        let relative = goal - superblock.first_data_block;
        let home = relative / superblock.blocks_per_group;
        let groups = superblock.group_count();
        let data_start = superblock.descriptor_block() + superblock.descriptor_blocks();
        for step in 0..=groups {
            let number = (home + step) % groups;
            let group = self.groups[number as usize];
            if group.free_blocks == 0 {
                continue;
            }
            let first = superblock.group_start(number);
            let length = superblock.group_length(number);
            let start = if step == 0 {
                relative % superblock.blocks_per_group
            } else {
                0
            };
            let bitmap = self.cache.read(u64::from(group.block_bitmap))?;
            let usable = |bit: u32| {
                first + bit >= data_start && !group.is_metadata(&superblock, first + bit)
            };
            let Some(bit) = find_start(bitmap, start, length, count, &usable) else {
                continue;
            };
            let mut run = 1;
            while run < count
                && bit + run < length
                && is_clear(bitmap, bit + run)
                && usable(bit + run)
            {
                run += 1;
            }
            self.take_blocks(number, bit, run)?;
            return Ok(Some((first + bit, run, u64::from(group.block_bitmap))));
        }
        Ok(None)
    }

    fn take_blocks(&mut self, number: u32, bit: u32, run: u32) -> Result<(), Error> {
        let group = &mut self.groups[number as usize];
        group.free_blocks = group.free_blocks.saturating_sub(run as u16);
        group.changed = true;
        let bitmap = u64::from(group.block_bitmap);
        self.superblock.free_blocks = self.superblock.free_blocks.saturating_sub(run);
        let bitmap = self.cache.modify(bitmap)?;
        for index in bit..bit + run {
            bitmap[index as usize / 8] |= 1 << (index % 8);
        }
        Ok(())
    }

    /// Frees `count` blocks from `first` on, at the next sync.
    pub(crate) fn free_blocks(&mut self, first: u32, count: u32) {
        if let Some((start, length)) = self.pending_blocks.last_mut() {
            if *start + *length == first {
                *length += count;
                return;
            }
            if first + count == *start {
                *start = first;
                *length += count;
                return;
            }
        }
        self.pending_blocks.push((first, count));
    }

    /// Syncs if so much waits to be freed that it should not wait longer.
    pub(crate) fn relieve_pending(&mut self) -> Result<(), Error> {
        let waiting = self.pending_blocks.len() + self.pending_inodes.len();
        if waiting + self.unsynced.count() > PENDING_RUNS {
            self.sync()?;
        }
        Ok(())
    }

    /// Clears the bits of what was freed. Called when nothing on disk names it any more.
    pub(crate) fn apply_pending(&mut self) -> Result<(), Error> {
        for (start, count) in core::mem::take(&mut self.pending_blocks) {
            for block in start..start.saturating_add(count) {
                self.cache.forget(u64::from(block));
                self.clear_block(block)?;
            }
        }
        for number in core::mem::take(&mut self.pending_inodes) {
            self.clear_inode(number)?;
        }
        Ok(())
    }

    fn clear_block(&mut self, block: u32) -> Result<(), Error> {
        let relative = block - self.superblock.first_data_block;
        let number = (relative / self.superblock.blocks_per_group) as usize;
        let bit = relative % self.superblock.blocks_per_group;
        let bitmap = u64::from(self.groups[number].block_bitmap);
        if is_clear(self.cache.read(bitmap)?, bit) {
            // Freed twice: two owners claimed it.
            self.mark_error();
            return Ok(());
        }
        self.cache.modify(bitmap)?[bit as usize / 8] &= !(1 << (bit % 8));
        self.groups[number].free_blocks = self.groups[number].free_blocks.saturating_add(1);
        self.groups[number].changed = true;
        self.superblock.free_blocks = self.superblock.free_blocks.saturating_add(1);
        Ok(())
    }

    fn clear_inode(&mut self, inode: InodeNumber) -> Result<(), Error> {
        let number = ((inode - 1) / self.superblock.inodes_per_group) as usize;
        let bit = (inode - 1) % self.superblock.inodes_per_group;
        let bitmap = u64::from(self.groups[number].inode_bitmap);
        if is_clear(self.cache.read(bitmap)?, bit) {
            self.mark_error();
            return Ok(());
        }
        self.cache.modify(bitmap)?[bit as usize / 8] &= !(1 << (bit % 8));
        self.groups[number].free_inodes = self.groups[number].free_inodes.saturating_add(1);
        self.groups[number].changed = true;
        self.superblock.free_inodes = self.superblock.free_inodes.saturating_add(1);
        Ok(())
    }

    /// Takes a free inode near directory `parent` and stores `inode` in it. The inode's block
    /// is ordered after the bitmap's.
    pub(crate) fn allocate_inode(
        &mut self,
        parent: InodeNumber,
        inode: &mut Inode,
    ) -> Result<InodeNumber, Error> {
        let found = match self.try_allocate_inode(parent, inode.kind)? {
            Some(found) => Some(found),
            None if self.pending_inodes.is_empty() => None,
            None => {
                self.sync()?;
                self.try_allocate_inode(parent, inode.kind)?
            }
        };
        let (number, bitmap) = found.ok_or(Error::NoSpace)?;
        let block = self.inode_block(number)?;
        self.cache.order(bitmap, block)?;
        self.initialise_inode(number, inode)?;
        Ok(number)
    }

    fn try_allocate_inode(
        &mut self,
        parent: InodeNumber,
        kind: FileKind,
    ) -> Result<Option<(InodeNumber, u64)>, Error> {
        let per_group = self.superblock.inodes_per_group;
        for number in self.inode_group_order(parent, kind) {
            let group = self.groups[number as usize];
            if group.free_inodes == 0 {
                continue;
            }
            let reserved = match number {
                0 => (self.superblock.first_inode - 1).min(per_group),
                _ => 0,
            };
            let bitmap_block = u64::from(group.inode_bitmap);
            let bitmap = self.cache.read(bitmap_block)?;
            let Some(bit) = find_clear(bitmap, reserved, per_group, &|_| true) else {
                continue;
            };
            self.cache.modify(bitmap_block)?[bit as usize / 8] |= 1 << (bit % 8);
            let group = &mut self.groups[number as usize];
            group.free_inodes -= 1;
            group.changed = true;
            if kind == FileKind::Directory {
                group.used_directories = group.used_directories.saturating_add(1);
            }
            self.superblock.free_inodes = self.superblock.free_inodes.saturating_sub(1);
            return Ok(Some((number * per_group + bit + 1, bitmap_block)));
        }
        Ok(None)
    }

    /// The groups to try for a new inode, best first: files stay with their directory, the
    /// root's subdirectories spread to the emptiest groups.
    fn inode_group_order(&self, parent: InodeNumber, kind: FileKind) -> Vec<u32> {
        let groups = self.superblock.group_count();
        let mut home = (parent - 1) / self.superblock.inodes_per_group;
        if kind == FileKind::Directory && parent == ROOT_INODE {
            let average = self.superblock.free_inodes / groups;
            let best = (0..groups)
                .filter(|&number| u32::from(self.groups[number as usize].free_inodes) >= average)
                .max_by_key(|&number| self.groups[number as usize].free_blocks);
            home = best.unwrap_or(home);
        }
        (0..groups).map(|step| (home + step) % groups).collect()
    }

    /// Gives the inode's number back at the next sync.
    pub(crate) fn free_inode(&mut self, number: InodeNumber, kind: FileKind) {
        if kind == FileKind::Directory {
            let index = ((number - 1) / self.superblock.inodes_per_group) as usize;
            if let Some(group) = self.groups.get_mut(index) {
                group.used_directories = group.used_directories.saturating_sub(1);
                group.changed = true;
            }
        }
        self.pending_inodes.push(number);
    }

    /// Whether the inode bitmap says that `number` is in use.
    pub(crate) fn inode_in_use(&mut self, number: InodeNumber) -> Result<bool, Error> {
        let index = ((number - 1) / self.superblock.inodes_per_group) as usize;
        let bitmap = self.groups.get(index).ok_or(Error::Invalid)?.inode_bitmap;
        let bit = (number - 1) % self.superblock.inodes_per_group;
        Ok(!is_clear(self.cache.read(u64::from(bitmap))?, bit))
    }
}

fn is_clear(bitmap: &[u8], bit: u32) -> bool {
    bitmap
        .get(bit as usize / 8)
        .is_some_and(|byte| byte >> (bit % 8) & 1 == 0)
}

/// The first clear and usable bit in `start..end`.
fn find_clear(bitmap: &[u8], start: u32, end: u32, usable: &dyn Fn(u32) -> bool) -> Option<u32> {
    let mut bit = start;
    while bit < end {
        if bit.is_multiple_of(8) && bitmap.get(bit as usize / 8) == Some(&0xFF) {
            bit += 8;
        } else if is_clear(bitmap, bit) && usable(bit) {
            return Some(bit);
        } else {
            bit += 1;
        }
    }
    None
}

/// Where to start a run: the goal itself if it is free, else a place with eight free blocks
/// together (so that a new file does not crawl through the holes of old ones), else any.
fn find_start(
    bitmap: &[u8],
    start: u32,
    end: u32,
    count: u32,
    usable: &dyn Fn(u32) -> bool,
) -> Option<u32> {
    if start < end && is_clear(bitmap, start) && usable(start) {
        return Some(start);
    }
    if count > 1 {
        let first = start.div_ceil(8);
        let roomy = (first..end / 8).find(|&byte| {
            bitmap.get(byte as usize) == Some(&0) && (byte * 8..byte * 8 + 8).all(usable)
        });
        if let Some(byte) = roomy {
            return Some(byte * 8);
        }
    }
    find_clear(bitmap, start, end, usable)
}

impl Superblock {
    /// Sectors of 512 bytes in a block, the unit of `i_blocks`.
    pub(crate) fn sectors_per_block(&self) -> u32 {
        self.block_size / 512
    }
}
