//! From file blocks to disk blocks: looking up, allocating, freeing.

use alloc::vec::Vec;

use crate::bytes::{get_u32, put_u32};
use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{DIRECT_BLOCKS, Inode, InodeNumber};

/// A run of file blocks that lie side by side on the disk, or a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block, counted from the start of the file.
    pub file_block: u64,
    /// Where it lies on the disk (in blocks); `None` for a hole, which reads as zeros.
    pub disk_block: Option<u32>,
    /// How many blocks.
    pub count: u32,
    /// Just allocated: the disk holds another file's old data there, and the caller must
    /// write all of it.
    pub fresh: bool,
}

/// Where the pointer to a file block is kept.
#[derive(Clone, Copy)]
enum Holder {
    /// In the inode, at this index.
    Inode(usize),
    /// In an indirect block, at this index.
    Block(u32, usize),
}

/// The way from the inode to a file block: an index for each level, the inode's first.
struct Path {
    indices: [usize; 4],
    depth: usize,
}

impl<D: BlockDevice> FileSystem<D> {
    fn pointers_per_block(&self) -> u64 {
        u64::from(self.superblock.block_size / 4)
    }

    /// The largest size in bytes that a file can have here.
    pub fn maximum_file_size(&self) -> u64 {
        let pointers = self.pointers_per_block();
        let blocks = DIRECT_BLOCKS as u64 + pointers + pointers.pow(2) + pointers.pow(3);
        let addressable = blocks * u64::from(self.superblock.block_size);
        // `i_blocks` counts sectors in 32 bits, indirect blocks included; those are fewer
        // than one in 200.
        let counted = u64::from(u32::MAX) * 512 / 201 * 200;
        let limit = addressable.min(counted);
        // Revision 0 cannot announce the 64-bit size field.
        if self.superblock.revision == 0 {
            limit.min(0x7FFF_FFFF)
        } else {
            limit
        }
    }

    fn path(&self, file_block: u64) -> Result<Path, Error> {
        let pointers = self.pointers_per_block();
        let direct = DIRECT_BLOCKS as u64;
        if file_block < direct {
            return Ok(Path {
                indices: [file_block as usize, 0, 0, 0],
                depth: 1,
            });
        }
        let mut rest = file_block - direct;
        for level in 1..=3 {
            let span = pointers.pow(level);
            if rest < span {
                let mut indices = [DIRECT_BLOCKS + level as usize - 1, 0, 0, 0];
                for step in 1..=level {
                    let below = pointers.pow(level - step);
                    indices[step as usize] = (rest / below) as usize;
                    rest %= below;
                }
                return Ok(Path {
                    indices,
                    depth: level as usize + 1,
                });
            }
            rest -= span;
        }
        Err(Error::FileTooLarge)
    }

    /// How many file blocks from the one at `path` on have their pointers, or the same missing
    /// indirect block, in one place: `level` 0 is the last one.
    fn blocks_to_end(&self, path: &Path, missing_at: usize) -> u64 {
        if path.depth == 1 {
            return (DIRECT_BLOCKS - path.indices[0]) as u64;
        }
        let pointers = self.pointers_per_block();
        let mut covered = pointers.pow((path.depth - missing_at) as u32);
        for step in missing_at..path.depth {
            let below = pointers.pow((path.depth - 1 - step) as u32);
            covered -= path.indices[step] as u64 * below;
        }
        covered
    }

    fn pointer_in(&mut self, block: u32, index: usize) -> Result<u32, Error> {
        Ok(get_u32(self.cache.read(u64::from(block))?, index * 4))
    }

    /// Finds where blocks `first_block..first_block + count` of the file lie. The extents
    /// cover the range without gaps. Blocks beyond the end of the file are holes.
    pub fn map_blocks(
        &mut self,
        number: InodeNumber,
        first_block: u64,
        count: u32,
    ) -> Result<Vec<Extent>, Error> {
        let inode = self.inode(number)?;
        if inode.holds_no_blocks() {
            return Err(Error::Invalid);
        }
        self.map_inode(&inode, first_block, count)
    }

    pub(crate) fn map_inode(
        &mut self,
        inode: &Inode,
        first_block: u64,
        count: u32,
    ) -> Result<Vec<Extent>, Error> {
        let mut extents = Vec::new();
        let end = first_block
            .checked_add(u64::from(count))
            .ok_or(Error::FileTooLarge)?;
        let mut block = first_block;
        while block < end {
            let path = self.path(block)?;
            match self.find_holder(inode, &path)? {
                Ok(holder) => {
                    let length = self.blocks_to_end(&path, path.depth - 1).min(end - block);
                    self.map_holder(inode, holder, block, length as usize, &mut extents)?;
                    block += length;
                }
                Err(missing_at) => {
                    let length = self.blocks_to_end(&path, missing_at).min(end - block);
                    push(&mut extents, block, None, length as u32, false);
                    block += length;
                }
            }
        }
        Ok(extents)
    }

    /// The indirect blocks on the way to `file_block`.
    pub(crate) fn pointer_blocks(
        &mut self,
        inode: &Inode,
        file_block: u64,
    ) -> Result<Vec<u64>, Error> {
        let path = self.path(file_block)?;
        let mut blocks = Vec::new();
        let mut block = inode.pointers[path.indices[0]];
        for step in 1..path.depth {
            block = self.checked_block(block)?;
            blocks.push(u64::from(block));
            block = self.pointer_in(block, path.indices[step])?;
        }
        Ok(blocks)
    }

    /// The place of the pointer at the end of `path`, or the step at which an indirect block
    /// is missing.
    fn find_holder(&mut self, inode: &Inode, path: &Path) -> Result<Result<Holder, usize>, Error> {
        if path.depth == 1 {
            return Ok(Ok(Holder::Inode(path.indices[0])));
        }
        let mut block = inode.pointers[path.indices[0]];
        for step in 1..path.depth {
            if block == 0 {
                return Ok(Err(step));
            }
            block = self.checked_block(block)?;
            if step < path.depth - 1 {
                block = self.pointer_in(block, path.indices[step])?;
            }
        }
        Ok(Ok(Holder::Block(block, path.indices[path.depth - 1])))
    }

    fn map_holder(
        &mut self,
        inode: &Inode,
        holder: Holder,
        first_block: u64,
        length: usize,
        extents: &mut Vec<Extent>,
    ) -> Result<(), Error> {
        for index in 0..length {
            let pointer = match holder {
                Holder::Inode(first) => inode.pointers[first + index],
                Holder::Block(block, first) => self.pointer_in(block, first + index)?,
            };
            let target = match pointer {
                0 => None,
                block => Some(self.checked_block(block)?),
            };
            push(extents, first_block + index as u64, target, 1, false);
        }
        Ok(())
    }

    /// Makes sure that blocks `first_block..first_block + count` of the file have a place on
    /// the disk, and says where. The caller sets the file's size to cover them before the next
    /// sync, and writes the extents that are `fresh` whole.
    ///
    /// When the disk fills up on the way, the extents found so far are returned, fewer than
    /// asked for; `NoSpace` only if there are none.
    pub fn allocate(
        &mut self,
        number: InodeNumber,
        first_block: u64,
        count: u32,
    ) -> Result<Vec<Extent>, Error> {
        self.check_writable(self.now)?;
        let mut inode = self.inode(number)?;
        if inode.holds_no_blocks() {
            return Err(Error::Invalid);
        }
        let end = first_block
            .checked_add(u64::from(count))
            .ok_or(Error::FileTooLarge)?;
        let maximum = self
            .maximum_file_size()
            .div_ceil(u64::from(self.superblock.block_size));
        if end > maximum {
            return Err(Error::FileTooLarge);
        }
        let mut extents = Vec::new();
        let mut block = first_block;
        let mut result = Ok(());
        while block < end && result.is_ok() {
            let path = self.path(block)?;
            let length = self.blocks_to_end(&path, path.depth - 1).min(end - block);
            result = self
                .make_holder(number, &mut inode, &path)
                .and_then(|holder| {
                    let length = length as usize;
                    self.fill_holder(number, &mut inode, holder, block, length, &mut extents)
                });
            block += length;
        }
        self.store_inode(number, &inode)?;
        match result {
            Err(Error::NoSpace) if !extents.is_empty() => Ok(extents),
            Err(error) => Err(error),
            Ok(()) => Ok(extents),
        }
    }

    /// Like `find_holder`, but allocates the indirect blocks that are missing.
    fn make_holder(
        &mut self,
        number: InodeNumber,
        inode: &mut Inode,
        path: &Path,
    ) -> Result<Holder, Error> {
        let mut holder = Holder::Inode(path.indices[0]);
        for step in 1..path.depth {
            let mut block = self.pointer(inode, holder)?;
            if block == 0 {
                let goal = self.goal(number, inode, holder)?;
                let (new, _, bitmap) = self.allocate_run(goal, 1)?;
                self.cache.create(u64::from(new))?;
                self.set_pointers(number, inode, holder, new, 1, bitmap)?;
                block = new;
            }
            holder = Holder::Block(self.checked_block(block)?, path.indices[step]);
        }
        Ok(holder)
    }

    /// Fills the holes among `length` pointers from `holder` on.
    fn fill_holder(
        &mut self,
        number: InodeNumber,
        inode: &mut Inode,
        holder: Holder,
        first_block: u64,
        length: usize,
        extents: &mut Vec<Extent>,
    ) -> Result<(), Error> {
        let mut index = 0;
        while index < length {
            let file_block = first_block + index as u64;
            let here = holder.plus(index);
            let pointer = self.pointer(inode, here)?;
            if pointer != 0 {
                let block = self.checked_block(pointer)?;
                push(extents, file_block, Some(block), 1, false);
                index += 1;
                continue;
            }
            let mut hole = 1;
            while index + hole < length && self.pointer(inode, holder.plus(index + hole))? == 0 {
                hole += 1;
            }
            let goal = self.goal(number, inode, here)?;
            let (first, run, bitmap) = self.allocate_run(goal, hole as u32)?;
            self.set_pointers(number, inode, here, first, run, bitmap)?;
            push(extents, file_block, Some(first), run, true);
            index += run as usize;
        }
        Ok(())
    }

    fn pointer(&mut self, inode: &Inode, holder: Holder) -> Result<u32, Error> {
        match holder {
            Holder::Inode(index) => Ok(inode.pointers[index]),
            Holder::Block(block, index) => self.pointer_in(block, index),
        }
    }

    /// Where the block for the pointer at `holder` should lie: behind its predecessor.
    fn goal(&mut self, number: InodeNumber, inode: &Inode, holder: Holder) -> Result<u32, Error> {
        let previous = match holder {
            Holder::Inode(0) => 0,
            // Behind the data of the last direct block comes the first indirect block.
            Holder::Inode(index) => inode.pointers[index - 1],
            Holder::Block(block, 0) => block,
            Holder::Block(block, index) => match self.pointer_in(block, index - 1)? {
                0 => block,
                previous => previous,
            },
        };
        Ok(match previous {
            0 => self.inode_goal(number),
            previous => previous.saturating_add(1),
        })
    }

    /// Stores `count` pointers to adjacent blocks, after `bitmap` in write order.
    fn set_pointers(
        &mut self,
        number: InodeNumber,
        inode: &mut Inode,
        holder: Holder,
        first: u32,
        count: u32,
        bitmap: u64,
    ) -> Result<(), Error> {
        inode.sectors = inode
            .sectors
            .saturating_add(count.saturating_mul(self.superblock.sectors_per_block()));
        let target = match holder {
            Holder::Inode(_) => self.inode_block(number)?,
            Holder::Block(block, _) => u64::from(block),
        };
        self.cache.order(bitmap, target)?;
        // A new indirect block is dirty and must not be found with its old content.
        self.cache.order(u64::from(first), target)?;
        match holder {
            Holder::Inode(index) => {
                for (pointer, block) in inode.pointers[index..].iter_mut().zip(first..first + count)
                {
                    *pointer = block;
                }
                self.store_inode(number, inode)
            }
            Holder::Block(block, index) => {
                let raw = self.cache.modify(u64::from(block))?;
                for step in 0..count as usize {
                    put_u32(raw, (index + step) * 4, first + step as u32);
                }
                Ok(())
            }
        }
    }

    /// Frees the file's blocks from `first_block` on and takes them out of `inode`.
    ///
    /// Pointers that make no sense are dropped, and the file system is marked as having
    /// errors: refusing would leave a file that nothing can remove.
    pub(crate) fn free_from(&mut self, inode: &mut Inode, first_block: u64) -> Result<(), Error> {
        let all = self
            .superblock
            .blocks_count
            .saturating_mul(self.superblock.sectors_per_block());
        inode.sectors = inode.sectors.min(all);
        for index in 0..DIRECT_BLOCKS {
            let pointer = inode.pointers[index];
            if index as u64 >= first_block && pointer != 0 {
                self.free_pointer(inode, pointer);
                inode.pointers[index] = 0;
            }
        }
        let mut base = DIRECT_BLOCKS as u64;
        for level in 1..=3 {
            let index = DIRECT_BLOCKS + level as usize - 1;
            let span = self.pointers_per_block().pow(level);
            let skip = first_block.saturating_sub(base);
            if skip < span
                && inode.pointers[index] != 0
                && self.free_tree(inode, inode.pointers[index], level, skip)?
            {
                inode.pointers[index] = 0;
            }
            base += span;
        }
        Ok(())
    }

    fn free_pointer(&mut self, inode: &mut Inode, block: u32) {
        let sectors = self.superblock.sectors_per_block();
        // The count bounds the work: a corrupted tree may name the same blocks for ever.
        if inode.sectors < sectors || !self.is_data_block(block) {
            self.mark_error();
            return;
        }
        inode.sectors -= sectors;
        self.free_blocks(block, 1);
    }

    /// Frees what lies below indirect block `block` from its file block `skip` on; true when
    /// that was all and `block` itself is freed.
    fn free_tree(
        &mut self,
        inode: &mut Inode,
        block: u32,
        level: u32,
        skip: u64,
    ) -> Result<bool, Error> {
        if !self.is_data_block(block) || inode.sectors < self.superblock.sectors_per_block() {
            self.mark_error();
            return Ok(skip == 0);
        }
        let pointers = self.pointers_per_block();
        let below = pointers.pow(level - 1);
        for index in skip / below..pointers {
            let pointer = self.pointer_in(block, index as usize)?;
            if pointer == 0 {
                continue;
            }
            let child_skip = skip.saturating_sub(index * below);
            let gone = if level == 1 {
                self.free_pointer(inode, pointer);
                true
            } else {
                self.free_tree(inode, pointer, level - 1, child_skip)?
            };
            if gone && skip != 0 {
                put_u32(self.cache.modify(u64::from(block))?, index as usize * 4, 0);
            }
        }
        if skip == 0 {
            self.free_pointer(inode, block);
        }
        Ok(skip == 0)
    }
}

impl Holder {
    fn plus(self, count: usize) -> Holder {
        match self {
            Holder::Inode(index) => Holder::Inode(index + count),
            Holder::Block(block, index) => Holder::Block(block, index + count),
        }
    }
}

/// Adds a run, joining it to the last one where both the file and the disk go on.
fn push(extents: &mut Vec<Extent>, file_block: u64, disk: Option<u32>, count: u32, fresh: bool) {
    if let Some(last) = extents.last_mut() {
        let continues = match (last.disk_block, disk) {
            (None, None) => true,
            (Some(before), Some(here)) => before.checked_add(last.count) == Some(here),
            _ => false,
        };
        if continues && last.fresh == fresh {
            last.count += count;
            return;
        }
    }
    extents.push(Extent {
        file_block,
        disk_block: disk,
        count,
        fresh,
    });
}
