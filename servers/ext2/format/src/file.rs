//! Attributes, sizes, link targets; and file data for callers without a page cache.

use alloc::vec;
use alloc::vec::Vec;

use crate::device::{BlockDevice, SECTOR_SIZE};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{FileKind, Inode, InodeNumber, Time};
use crate::superblock::READ_ONLY_LARGE_FILE;

/// Attributes to change; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttributeChange {
    /// Permission bits (`07777`).
    pub permissions: Option<u16>,
    /// Owner.
    pub user: Option<u32>,
    /// Owning group.
    pub group: Option<u32>,
    /// Last access.
    pub accessed: Option<Time>,
    /// Last change of the content.
    pub modified: Option<Time>,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Changes attributes; the time of the inode's change becomes `now`.
    pub fn set_attributes(
        &mut self,
        number: InodeNumber,
        change: AttributeChange,
        now: Time,
    ) -> Result<(), Error> {
        self.check_writable(now)?;
        let mut inode = self.inode(number)?;
        inode.permissions = change.permissions.unwrap_or(inode.permissions) & 0o7777;
        inode.user = change.user.unwrap_or(inode.user);
        inode.group = change.group.unwrap_or(inode.group);
        inode.accessed = change.accessed.unwrap_or(inode.accessed);
        inode.modified = change.modified.unwrap_or(inode.modified);
        inode.changed = now;
        self.store_inode(number, &inode)
    }

    /// Makes a regular file longer without allocating anything: the new part is a hole.
    /// A size not above the present one changes only the times.
    pub fn extend(&mut self, number: InodeNumber, size: u64, now: Time) -> Result<(), Error> {
        self.check_writable(now)?;
        let mut inode = self.regular(number)?;
        if size > self.maximum_file_size() {
            return Err(Error::FileTooLarge);
        }
        inode.size = inode.size.max(size);
        self.note_large_file(inode.size);
        inode.modified = now;
        inode.changed = now;
        self.store_inode(number, &inode)
    }

    /// Sets the size of a regular file; what is cut off is freed, and the rest of the last
    /// block is zeroed on the disk. The caller has no write to that block in flight.
    ///
    /// # Errors
    /// `IsDirectory`, `Invalid`, `FileTooLarge`, `ReadOnly`.
    pub fn truncate(&mut self, number: InodeNumber, size: u64, now: Time) -> Result<(), Error> {
        self.check_writable(now)?;
        let mut inode = self.regular(number)?;
        // An equal size still frees blocks that a failed write left behind the end.
        if size > inode.size {
            return self.extend(number, size, now);
        }
        let block_size = u64::from(self.superblock.block_size);
        if !size.is_multiple_of(block_size) {
            self.zero_tail(&inode, size)?;
        }
        self.free_from(&mut inode, size.div_ceil(block_size))?;
        inode.size = size;
        inode.modified = now;
        inode.changed = now;
        self.store_inode(number, &inode)?;
        self.relieve_pending()
    }

    fn regular(&mut self, number: InodeNumber) -> Result<Inode, Error> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileKind::Regular => Ok(inode),
            FileKind::Directory => Err(Error::IsDirectory),
            _ => Err(Error::Invalid),
        }
    }

    fn note_large_file(&mut self, size: u64) {
        let announced = self.superblock.read_only & READ_ONLY_LARGE_FILE != 0;
        if size > 0x7FFF_FFFF && !announced {
            self.superblock.read_only |= READ_ONLY_LARGE_FILE;
            self.superblock_changed = true;
        }
    }

    fn zero_tail(&mut self, inode: &Inode, size: u64) -> Result<(), Error> {
        let block_size = u64::from(self.superblock.block_size);
        let extents = self.map_inode(inode, size / block_size, 1)?;
        let Some(block) = extents.first().and_then(|extent| extent.disk_block) else {
            return Ok(());
        };
        let mut data = vec![0; block_size as usize];
        self.read_data(block, &mut data)?;
        data[(size % block_size) as usize..].fill(0);
        self.write_data(block, &data)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `Invalid` for what is not a symbolic link.
    pub fn read_link(&mut self, number: InodeNumber) -> Result<Vec<u8>, Error> {
        let inode = self.inode(number)?;
        if inode.kind != FileKind::SymbolicLink {
            return Err(Error::Invalid);
        }
        if inode.holds_no_blocks() {
            let mut target: Vec<u8> = inode
                .pointers
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect();
            target.truncate(inode.size as usize);
            return Ok(target);
        }
        if inode.size >= u64::from(self.superblock.block_size) {
            return Err(Error::Corrupt("a link target is larger than a block"));
        }
        let extents = self.map_inode(&inode, 0, 1)?;
        match extents.first().and_then(|extent| extent.disk_block) {
            Some(block) => Ok(self.cache.read(u64::from(block))?[..inode.size as usize].to_vec()),
            None => Err(Error::Corrupt("a link has no target")),
        }
    }

    fn sector_of(&self, block: u32) -> u64 {
        u64::from(block) * (self.superblock.block_size as usize / SECTOR_SIZE) as u64
    }

    fn read_data(&mut self, block: u32, data: &mut [u8]) -> Result<(), Error> {
        let sector = self.sector_of(block);
        Ok(self.cache.device.read(sector, data)?)
    }

    fn write_data(&mut self, block: u32, data: &[u8]) -> Result<(), Error> {
        let sector = self.sector_of(block);
        Ok(self.cache.device.write(sector, data)?)
    }

    /// Reads file data straight from the disk; for tests and tools. Returns how much there was
    /// before the end of the file.
    pub fn read_at(
        &mut self,
        number: InodeNumber,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, Error> {
        let inode = self.regular(number)?;
        let length = (buffer.len() as u64).min(inode.size.saturating_sub(offset)) as usize;
        let block_size = self.superblock.block_size as usize;
        let mut block_data = vec![0; block_size];
        let mut done = 0;
        while done < length {
            let position = offset + done as u64;
            let within = (position % block_size as u64) as usize;
            let part = (block_size - within).min(length - done);
            let extents = self.map_inode(&inode, position / block_size as u64, 1)?;
            match extents.first().and_then(|extent| extent.disk_block) {
                Some(block) => self.read_data(block, &mut block_data)?,
                None => block_data.fill(0),
            }
            buffer[done..done + part].copy_from_slice(&block_data[within..within + part]);
            done += part;
        }
        Ok(length)
    }

    /// Writes file data straight to the disk; for tests and tools. Returns how much fitted.
    pub fn write_at(
        &mut self,
        number: InodeNumber,
        offset: u64,
        data: &[u8],
        now: Time,
    ) -> Result<usize, Error> {
        self.check_writable(now)?;
        self.regular(number)?;
        if data.is_empty() {
            return Ok(0);
        }
        let end = offset
            .checked_add(data.len() as u64)
            .ok_or(Error::FileTooLarge)?;
        if end > self.maximum_file_size() {
            return Err(Error::FileTooLarge);
        }
        let block_size = u64::from(self.superblock.block_size);
        let first = offset / block_size;
        let count = (end.div_ceil(block_size) - first) as u32;
        let extents = self.allocate(number, first, count)?;
        let mut reached = offset;
        for extent in extents {
            let Some(start) = extent.disk_block else {
                continue;
            };
            for index in 0..extent.count {
                let block_start = (extent.file_block + u64::from(index)) * block_size;
                self.write_block_part(start + index, block_start, extent.fresh, offset, data)?;
                reached = (block_start + block_size).min(end);
            }
        }
        self.extend(number, reached, now)?;
        Ok((reached - offset) as usize)
    }

    /// Writes the part of `data` (which starts at `offset`) that falls into one block.
    fn write_block_part(
        &mut self,
        block: u32,
        block_start: u64,
        fresh: bool,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Error> {
        let block_size = self.superblock.block_size as usize;
        let from = offset.max(block_start);
        let to = (offset + data.len() as u64).min(block_start + block_size as u64);
        let mut content = vec![0; block_size];
        if !fresh && to - from < block_size as u64 {
            self.read_data(block, &mut content)?;
        }
        let (begin, end) = ((from - block_start) as usize, (to - block_start) as usize);
        content[begin..end]
            .copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
        self.write_data(block, &content)
    }
}
