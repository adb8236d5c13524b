//! The superblock and the group descriptors.

use alloc::vec::Vec;

use crate::bytes::{get_u16, get_u32};
use crate::error::{Error, Feature};

/// Where the superblock starts, in bytes from the start of the device.
pub(crate) const SUPERBLOCK_OFFSET: usize = 1024;
/// The superblock's size in bytes.
pub(crate) const SUPERBLOCK_SIZE: usize = 1024;
/// The size of one group descriptor in bytes.
pub(crate) const DESCRIPTOR_SIZE: usize = 32;

const MAGIC: u16 = 0xEF53;
/// `s_state`: unmounted cleanly.
pub(crate) const STATE_VALID: u16 = 1;
/// `s_state`: errors were found.
pub(crate) const STATE_ERROR: u16 = 2;

const INCOMPATIBLE_FILE_TYPE: u32 = 0x2;
const READ_ONLY_SPARSE_SUPER: u32 = 0x1;
pub(crate) const READ_ONLY_LARGE_FILE: u32 = 0x2;

/// Offsets of the fields that are written back.
pub(crate) mod field {
    pub(crate) const FREE_BLOCKS: usize = 12;
    pub(crate) const FREE_INODES: usize = 16;
    pub(crate) const MOUNT_TIME: usize = 44;
    pub(crate) const WRITE_TIME: usize = 48;
    pub(crate) const MOUNT_COUNT: usize = 52;
    pub(crate) const STATE: usize = 58;
    pub(crate) const READ_ONLY_FEATURES: usize = 100;
    pub(crate) const LAST_ORPHAN: usize = 232;
}

/// The decoded and checked superblock.
#[derive(Clone, Debug)]
pub(crate) struct Superblock {
    pub(crate) inodes_count: u32,
    pub(crate) blocks_count: u32,
    pub(crate) reserved_blocks: u32,
    pub(crate) free_blocks: u32,
    pub(crate) free_inodes: u32,
    pub(crate) first_data_block: u32,
    pub(crate) block_size: u32,
    pub(crate) blocks_per_group: u32,
    pub(crate) inodes_per_group: u32,
    pub(crate) mount_count: u16,
    pub(crate) state: u16,
    pub(crate) revision: u32,
    pub(crate) first_inode: u32,
    pub(crate) inode_size: u32,
    pub(crate) incompatible: u32,
    pub(crate) read_only: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) last_orphan: u32,
}

impl Superblock {
    /// Decodes the 1024 bytes of a superblock of a device of `device_bytes` bytes.
    pub(crate) fn parse(raw: &[u8], device_bytes: u64) -> Result<Superblock, Error> {
        if raw.len() < SUPERBLOCK_SIZE || get_u16(raw, 56) != MAGIC {
            return Err(Error::NotExt2);
        }
        let revision = get_u32(raw, 76);
        let dynamic = revision >= 1;
        let log_block_size = get_u32(raw, 24);
        if log_block_size > 2 {
            return Err(Error::Corrupt("block size is not 1024, 2048 or 4096"));
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&raw[104..120]);
        let superblock = Superblock {
            inodes_count: get_u32(raw, 0),
            blocks_count: get_u32(raw, 4),
            reserved_blocks: get_u32(raw, 8),
            free_blocks: get_u32(raw, field::FREE_BLOCKS),
            free_inodes: get_u32(raw, field::FREE_INODES),
            first_data_block: get_u32(raw, 20),
            block_size: 1024 << log_block_size,
            blocks_per_group: get_u32(raw, 32),
            inodes_per_group: get_u32(raw, 40),
            mount_count: get_u16(raw, field::MOUNT_COUNT),
            state: get_u16(raw, field::STATE),
            revision,
            first_inode: if dynamic { get_u32(raw, 84) } else { 11 },
            inode_size: if dynamic {
                u32::from(get_u16(raw, 88))
            } else {
                128
            },
            incompatible: if dynamic { get_u32(raw, 96) } else { 0 },
            read_only: if dynamic {
                get_u32(raw, field::READ_ONLY_FEATURES)
            } else {
                0
            },
            uuid,
            last_orphan: get_u32(raw, field::LAST_ORPHAN),
        };
        superblock.check_features()?;
        superblock.check_geometry(device_bytes)?;
        Ok(superblock)
    }

    fn check_features(&self) -> Result<(), Error> {
        if self.revision > 1 {
            return Err(Error::Corrupt("revision level is above 1"));
        }
        match lowest_bit(self.incompatible & !INCOMPATIBLE_FILE_TYPE) {
            Some(bit) => Err(Error::UnsupportedFeature(Feature {
                incompatible: true,
                bit,
            })),
            None => Ok(()),
        }
    }

    /// The first feature that forbids writing, if there is one.
    pub(crate) fn write_blocker(&self) -> Option<Feature> {
        lowest_bit(self.read_only & !(READ_ONLY_SPARSE_SUPER | READ_ONLY_LARGE_FILE)).map(|bit| {
            Feature {
                incompatible: false,
                bit,
            }
        })
    }

    fn check_geometry(&self, device_bytes: u64) -> Result<(), Error> {
        let bits = self.block_size * 8;
        let first = u32::from(self.block_size == 1024);
        if self.first_data_block != first {
            return Err(Error::Corrupt(
                "first data block does not fit the block size",
            ));
        }
        if self.blocks_per_group < 64 || self.blocks_per_group > bits {
            return Err(Error::Corrupt("blocks per group"));
        }
        if self.inodes_per_group == 0 || self.inodes_per_group > bits {
            return Err(Error::Corrupt("inodes per group"));
        }
        if self.blocks_count <= first
            || u64::from(self.blocks_count) * u64::from(self.block_size) > device_bytes
        {
            return Err(Error::Corrupt("block count is larger than the device"));
        }
        if self.inode_size < 128
            || self.inode_size > self.block_size
            || !self.inode_size.is_power_of_two()
        {
            return Err(Error::Corrupt("inode size"));
        }
        if self.descriptor_blocks() >= self.blocks_per_group {
            return Err(Error::Corrupt(
                "group descriptors do not fit the first group",
            ));
        }
        if u64::from(self.group_count()) * u64::from(self.inodes_per_group)
            != u64::from(self.inodes_count)
        {
            return Err(Error::Corrupt("inode count does not match the groups"));
        }
        if self.first_inode < 11 || self.first_inode > self.inodes_count {
            return Err(Error::Corrupt("first inode"));
        }
        Ok(())
    }

    /// How many block groups there are.
    pub(crate) fn group_count(&self) -> u32 {
        (self.blocks_count - self.first_data_block).div_ceil(self.blocks_per_group)
    }

    /// Blocks of one group's inode table.
    pub(crate) fn table_blocks(&self) -> u32 {
        (self.inodes_per_group * self.inode_size).div_ceil(self.block_size)
    }

    /// The first block of `group`.
    pub(crate) fn group_start(&self, group: u32) -> u32 {
        self.first_data_block + group * self.blocks_per_group
    }

    /// How many blocks `group` has; the last one may be short.
    pub(crate) fn group_length(&self, group: u32) -> u32 {
        self.blocks_per_group
            .min(self.blocks_count - self.group_start(group))
    }

    /// The block that the group descriptors start in.
    pub(crate) fn descriptor_block(&self) -> u32 {
        self.first_data_block + 1
    }

    /// Blocks that hold the group descriptors.
    pub(crate) fn descriptor_blocks(&self) -> u32 {
        (self.group_count() * DESCRIPTOR_SIZE as u32).div_ceil(self.block_size)
    }

    /// Whether directory entries carry the file type.
    pub(crate) fn has_file_type(&self) -> bool {
        self.incompatible & INCOMPATIBLE_FILE_TYPE != 0
    }
}

fn lowest_bit(bits: u32) -> Option<u32> {
    (bits != 0).then(|| bits & bits.wrapping_neg())
}

/// One group's descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) block_bitmap: u32,
    pub(crate) inode_bitmap: u32,
    pub(crate) inode_table: u32,
    pub(crate) free_blocks: u16,
    pub(crate) free_inodes: u16,
    pub(crate) used_directories: u16,
    /// The counters differ from those on disk.
    pub(crate) changed: bool,
}

impl Group {
    /// Decodes and checks the descriptors in `raw`, one for each group.
    pub(crate) fn parse_all(superblock: &Superblock, raw: &[u8]) -> Result<Vec<Group>, Error> {
        let mut groups = Vec::new();
        for (number, bytes) in (0..superblock.group_count()).zip(raw.chunks_exact(DESCRIPTOR_SIZE))
        {
            let group = Group {
                block_bitmap: get_u32(bytes, 0),
                inode_bitmap: get_u32(bytes, 4),
                inode_table: get_u32(bytes, 8),
                free_blocks: get_u16(bytes, 12),
                free_inodes: get_u16(bytes, 14),
                used_directories: get_u16(bytes, 16),
                changed: false,
            };
            group.check(superblock, number)?;
            groups.push(group);
        }
        if groups.len() as u32 != superblock.group_count() {
            return Err(Error::Corrupt("group descriptors are cut short"));
        }
        Ok(groups)
    }

    /// Without the `flex_bg` feature each group's tables lie inside the group itself.
    fn check(&self, superblock: &Superblock, number: u32) -> Result<(), Error> {
        let start = superblock.group_start(number);
        let end = start + superblock.group_length(number);
        // Group 0 also holds the superblock and the descriptors themselves.
        let start = match number {
            0 => superblock.descriptor_block() + superblock.descriptor_blocks(),
            _ => start,
        };
        let inside = |block: u32, count: u32| {
            block >= start && block.checked_add(count).is_some_and(|last| last <= end)
        };
        if !inside(self.block_bitmap, 1) {
            return Err(Error::Corrupt("a block bitmap lies outside its group"));
        }
        if !inside(self.inode_bitmap, 1) || self.inode_bitmap == self.block_bitmap {
            return Err(Error::Corrupt("an inode bitmap lies outside its group"));
        }
        if !inside(self.inode_table, superblock.table_blocks())
            || self.in_table(superblock, self.block_bitmap)
            || self.in_table(superblock, self.inode_bitmap)
        {
            return Err(Error::Corrupt("an inode table lies outside its group"));
        }
        Ok(())
    }

    fn in_table(&self, superblock: &Superblock, block: u32) -> bool {
        block >= self.inode_table && block - self.inode_table < superblock.table_blocks()
    }

    /// Whether `block` is one of this group's own tables.
    pub(crate) fn is_metadata(&self, superblock: &Superblock, block: u32) -> bool {
        block == self.block_bitmap || block == self.inode_bitmap || self.in_table(superblock, block)
    }
}
