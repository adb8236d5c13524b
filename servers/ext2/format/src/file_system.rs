//! Mounting, synchronising and unmounting.

use alloc::vec;
use alloc::vec::Vec;

use crate::bytes::{get_u16, put_u16, put_u32};
use crate::cache::Cache;
use crate::device::{BlockDevice, SECTOR_SIZE};
use crate::error::{Error, Feature};
use crate::inode::{FileKind, InodeNumber, ROOT_INODE, Time};
use crate::superblock::{
    DESCRIPTOR_SIZE, Group, STATE_ERROR, STATE_VALID, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE,
    Superblock, field,
};
use crate::unsynced::Unsynced;

/// How to mount.
#[derive(Clone, Copy, Debug)]
pub struct MountOptions<'a> {
    /// Refuse every change.
    pub read_only: bool,
    /// Bound of the metadata cache, in blocks.
    pub cache_blocks: usize,
    /// The time of the mount.
    pub now: Time,
    /// Inodes that somebody has open although the file system was not mounted: a server that
    /// was restarted has such. They are not freed though they may have no name.
    pub in_use: &'a [InodeNumber],
    /// The mount goes on with one that a dead server began cleanly: then the disk, though
    /// marked as in use, needs no check.
    pub resumed: bool,
}

/// The numbers behind `statvfs`, counted in blocks and inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes in a block.
    pub block_size: u32,
    /// Blocks in the file system.
    pub blocks: u64,
    /// Free blocks, the reserved ones included.
    pub free_blocks: u64,
    /// Free blocks for unprivileged users.
    pub available_blocks: u64,
    /// Inodes in the file system.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// Longest name in bytes.
    pub maximum_name_length: u32,
    /// The volume's UUID.
    pub uuid: [u8; 16],
}

/// A mounted ext2 file system.
///
/// Every change goes to the metadata cache; [`FileSystem::sync`] makes it durable. A value
/// that is dropped without [`FileSystem::unmount`] leaves the disk as a crash would.
pub struct FileSystem<D> {
    pub(crate) cache: Cache<D>,
    pub(crate) superblock: Superblock,
    pub(crate) groups: Vec<Group>,
    pub(crate) read_only: bool,
    pub(crate) write_blocker: Option<Feature>,
    /// The superblock's counters, state or features differ from those on disk.
    pub(crate) superblock_changed: bool,
    /// Freed runs of blocks that must not be used again before the next sync: until then
    /// the disk may still name them in their former owner.
    pub(crate) pending_blocks: Vec<(u32, u32)>,
    /// Freed inodes, held back for the same reason.
    pub(crate) pending_inodes: Vec<InodeNumber>,
    /// Names that changed since the last sync.
    pub(crate) unsynced: Unsynced,
    /// Inodes without a name that are still open, newest last.
    pub(crate) orphans: Vec<InodeNumber>,
    /// The orphans that the disk's list holds, in its order.
    pub(crate) listed_orphans: Vec<InodeNumber>,
    /// Latest time that any caller told; stamps the superblock.
    pub(crate) now: Time,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Mounts the file system on `device`.
    ///
    /// Unless mounted read-only, the disk is marked as in use, inodes that a crash left
    /// without a name are freed, and, if it was not unmounted cleanly, the free counters are
    /// computed again from the bitmaps.
    ///
    /// # Errors
    /// `NotExt2`, `UnsupportedFeature` (naming the feature) and `Corrupt`. An unknown
    /// read-only-compatible feature is no error: see [`FileSystem::write_blocker`].
    pub fn mount(mut device: D, options: MountOptions<'_>) -> Result<FileSystem<D>, Error> {
        let device_bytes = device.sector_count().saturating_mul(SECTOR_SIZE as u64);
        if device_bytes < (SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) as u64 {
            return Err(Error::NotExt2);
        }
        let mut raw = vec![0; SUPERBLOCK_SIZE];
        device.read((SUPERBLOCK_OFFSET / SECTOR_SIZE) as u64, &mut raw)?;
        let superblock = Superblock::parse(&raw, device_bytes)?;
        let block_size = superblock.block_size as usize;
        let mut raw = vec![0; superblock.descriptor_blocks() as usize * block_size];
        let sector = u64::from(superblock.descriptor_block()) * (block_size / SECTOR_SIZE) as u64;
        device.read(sector, &mut raw)?;
        let groups = Group::parse_all(&superblock, &raw)?;
        let write_blocker = superblock.write_blocker();
        let mut file_system = FileSystem {
            cache: Cache::new(device, block_size, options.cache_blocks),
            read_only: options.read_only || write_blocker.is_some(),
            write_blocker,
            superblock,
            groups,
            superblock_changed: false,
            pending_blocks: Vec::new(),
            pending_inodes: Vec::new(),
            unsynced: Unsynced::default(),
            orphans: Vec::new(),
            listed_orphans: Vec::new(),
            now: options.now,
        };
        // Without it nothing can be reached. Checked before anything is written.
        match file_system.inode(ROOT_INODE) {
            Ok(root) if root.kind == FileKind::Directory => {}
            Err(Error::Device) => return Err(Error::Device),
            _ => return Err(Error::Corrupt("the root directory's inode")),
        }
        if options.resumed && !file_system.read_only {
            file_system.recount()?;
            file_system.superblock.state |= STATE_VALID;
        }
        if !file_system.read_only {
            file_system.take_for_writing(options.in_use)?;
        }
        Ok(file_system)
    }

    fn take_for_writing(&mut self, in_use: &[InodeNumber]) -> Result<(), Error> {
        if self.superblock.state & STATE_VALID == 0 {
            self.recount()?;
        }
        let mount_count = self.superblock.mount_count.saturating_add(1);
        let state = self.superblock.state & !STATE_VALID;
        let seconds = self.now.seconds as u32;
        let raw = self.superblock_bytes()?;
        put_u16(raw, field::STATE, state);
        put_u16(raw, field::MOUNT_COUNT, mount_count);
        put_u32(raw, field::MOUNT_TIME, seconds);
        self.cache.sync()?;
        self.clean_orphans(in_use)?;
        self.sync()
    }

    /// The feature that made this mount read-only though that was not asked for.
    pub fn write_blocker(&self) -> Option<Feature> {
        self.write_blocker
    }

    /// Whether changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Bytes in a block: the unit of [`FileSystem::map_blocks`].
    pub fn block_size(&self) -> u32 {
        self.superblock.block_size
    }

    /// The device underneath, for the file data that does not go through this layer.
    pub fn device(&mut self) -> &mut D {
        &mut self.cache.device
    }

    /// Sizes and free space.
    pub fn statistics(&self) -> Statistics {
        let pending: u64 = self
            .pending_blocks
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum();
        let free = u64::from(self.superblock.free_blocks) + pending;
        Statistics {
            block_size: self.superblock.block_size,
            blocks: u64::from(self.superblock.blocks_count),
            free_blocks: free,
            available_blocks: free.saturating_sub(u64::from(self.superblock.reserved_blocks)),
            inodes: u64::from(self.superblock.inodes_count),
            free_inodes: u64::from(self.superblock.free_inodes) + self.pending_inodes.len() as u64,
            maximum_name_length: 255,
            uuid: self.superblock.uuid,
        }
    }

    /// Makes every change so far durable. The caller has written the file data before.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.read_only {
            return Ok(());
        }
        self.list_orphans()?;
        self.write_counters()?;
        self.cache.sync()?;
        self.unsynced = Unsynced::default();
        if self.pending_blocks.is_empty() && self.pending_inodes.is_empty() {
            return Ok(());
        }
        // Nothing on disk names them any more: now the bitmaps may say so.
        self.apply_pending()?;
        self.write_counters()?;
        self.cache.sync()
    }

    /// Visits metadata blocks (number and content) that the disk may lack: those modified since
    /// the last visit, or with `all` every one. A server that keeps copies where they survive it
    /// can be replaced without loss: written to the disk, they bring it to this very state.
    ///
    /// After [`FileSystem::changes_epoch`] has risen, older copies are void: visit all.
    pub fn visit_changes(
        &mut self,
        all: bool,
        visit: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), Error> {
        if !self.read_only {
            self.write_counters()?;
        }
        self.cache.visit_changes(all, visit);
        Ok(())
    }

    /// Rises when copies of changed blocks become void.
    pub fn changes_epoch(&self) -> u64 {
        self.cache.epoch()
    }

    /// Whether the disk was clean when it was mounted, and no errors were found since.
    pub fn is_clean(&self) -> bool {
        self.superblock.state & STATE_VALID != 0
    }

    /// Whether [`FileSystem::sync`] has something to write.
    pub fn needs_sync(&self) -> bool {
        self.cache.is_dirty()
            || self.superblock_changed
            || !self.pending_blocks.is_empty()
            || !self.pending_inodes.is_empty()
            || self.groups.iter().any(|group| group.changed)
    }

    /// Writes everything and marks the disk as cleanly unmounted, unless it was not clean
    /// when it was mounted or errors were found since: then a check is still due.
    pub fn unmount(mut self) -> Result<D, Error> {
        self.finish()?;
        Ok(self.cache.device)
    }

    /// As [`FileSystem::unmount`], and the file system is read-only from then on.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !self.read_only {
            self.sync()?;
            let state = self.superblock.state;
            put_u16(self.superblock_bytes()?, field::STATE, state);
            self.cache.sync()?;
            self.read_only = true;
        }
        Ok(())
    }

    /// Remembers that the disk contradicts itself, so that the next check looks.
    pub(crate) fn mark_error(&mut self) {
        self.superblock.state = (self.superblock.state | STATE_ERROR) & !STATE_VALID;
        self.superblock_changed = true;
    }

    pub(crate) fn check_writable(&mut self, now: Time) -> Result<(), Error> {
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        self.now = now;
        Ok(())
    }

    /// The superblock's 1024 bytes in the cache, to be changed.
    pub(crate) fn superblock_bytes(&mut self) -> Result<&mut [u8], Error> {
        let (block, offset) = self.superblock_location();
        Ok(&mut self.cache.modify(block)?[offset..offset + SUPERBLOCK_SIZE])
    }

    pub(crate) fn superblock_location(&self) -> (u64, usize) {
        match self.superblock.block_size {
            1024 => (1, 0),
            _ => (0, SUPERBLOCK_OFFSET),
        }
    }

    /// Brings the counters from memory into the cached superblock and descriptors.
    fn write_counters(&mut self) -> Result<(), Error> {
        let per_block = self.superblock.block_size as usize / DESCRIPTOR_SIZE;
        let first = u64::from(self.superblock.descriptor_block());
        for index in 0..self.groups.len() {
            let group = self.groups[index];
            if !group.changed {
                continue;
            }
            let raw = self.cache.modify(first + (index / per_block) as u64)?;
            let offset = index % per_block * DESCRIPTOR_SIZE;
            put_u16(raw, offset + 12, group.free_blocks);
            put_u16(raw, offset + 14, group.free_inodes);
            put_u16(raw, offset + 16, group.used_directories);
            self.groups[index].changed = false;
            self.superblock_changed = true;
        }
        if !self.superblock_changed {
            return Ok(());
        }
        let superblock = self.superblock.clone();
        let now = self.now.seconds as u32;
        let raw = self.superblock_bytes()?;
        put_u32(raw, field::FREE_BLOCKS, superblock.free_blocks);
        put_u32(raw, field::FREE_INODES, superblock.free_inodes);
        put_u32(raw, field::WRITE_TIME, now);
        let state = get_u16(raw, field::STATE) | (superblock.state & STATE_ERROR);
        put_u16(raw, field::STATE, state);
        if superblock.revision >= 1 {
            put_u32(raw, field::READ_ONLY_FEATURES, superblock.read_only);
        }
        self.superblock_changed = false;
        Ok(())
    }

    /// Counts free blocks and inodes from the bitmaps: after a crash the counters are stale.
    fn recount(&mut self) -> Result<(), Error> {
        let (mut blocks, mut inodes) = (0u32, 0u32);
        for index in 0..self.groups.len() {
            let group = self.groups[index];
            let length = self.superblock.group_length(index as u32);
            let free_blocks = count_clear(self.cache.read(u64::from(group.block_bitmap))?, length);
            let bits = self.superblock.inodes_per_group;
            let free_inodes = count_clear(self.cache.read(u64::from(group.inode_bitmap))?, bits);
            self.groups[index].free_blocks = free_blocks as u16;
            self.groups[index].free_inodes = free_inodes as u16;
            self.groups[index].changed = true;
            blocks += free_blocks;
            inodes += free_inodes;
        }
        self.superblock.free_blocks = blocks;
        self.superblock.free_inodes = inodes;
        Ok(())
    }
}

/// Clear bits among the first `length` of `bitmap`.
fn count_clear(bitmap: &[u8], length: u32) -> u32 {
    let whole = (length / 8) as usize;
    let mut clear: u32 = bitmap
        .iter()
        .take(whole)
        .map(|byte| byte.count_zeros())
        .sum();
    if let Some(byte) = bitmap.get(whole) {
        clear += (0..length % 8).filter(|bit| byte >> bit & 1 == 0).count() as u32;
    }
    clear
}
