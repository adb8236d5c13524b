//! Inodes: decoding, checking and storing.

use crate::bytes::{get_u16, get_u32, put_u16, put_u32};
use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;

/// The number of an inode; the root directory is [`ROOT_INODE`].
pub type InodeNumber = u32;

/// The root directory's inode.
pub const ROOT_INODE: InodeNumber = 2;

/// Block pointers inside the inode that name data directly.
pub(crate) const DIRECT_BLOCKS: usize = 12;
/// All block pointers inside the inode.
pub(crate) const POINTERS: usize = 15;
/// Bytes of `i_block`, where a short symbolic link keeps its target.
pub(crate) const INLINE_BYTES: usize = POINTERS * 4;

const FLAG_INDEX: u32 = 0x1000;
const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_INLINE_DATA: u32 = 0x1000_0000;

/// A point in time, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within the second; kept only by inodes of 256 bytes or more.
    pub nanoseconds: u32,
}

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    SymbolicLink,
    /// A character device node.
    CharacterDevice,
    /// A block device node.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl FileKind {
    /// The kind in the `S_IFMT` bits of `mode`.
    pub fn from_mode(mode: u16) -> Option<FileKind> {
        match mode & 0o170000 {
            0o100000 => Some(FileKind::Regular),
            0o040000 => Some(FileKind::Directory),
            0o120000 => Some(FileKind::SymbolicLink),
            0o020000 => Some(FileKind::CharacterDevice),
            0o060000 => Some(FileKind::BlockDevice),
            0o010000 => Some(FileKind::Fifo),
            0o140000 => Some(FileKind::Socket),
            _ => None,
        }
    }

    /// The `S_IFMT` bits.
    pub fn mode_bits(self) -> u16 {
        match self {
            FileKind::Regular => 0o100000,
            FileKind::Directory => 0o040000,
            FileKind::SymbolicLink => 0o120000,
            FileKind::CharacterDevice => 0o020000,
            FileKind::BlockDevice => 0o060000,
            FileKind::Fifo => 0o010000,
            FileKind::Socket => 0o140000,
        }
    }

    /// The type byte of directory entries.
    pub(crate) fn entry_type(self) -> u8 {
        match self {
            FileKind::Regular => 1,
            FileKind::Directory => 2,
            FileKind::CharacterDevice => 3,
            FileKind::BlockDevice => 4,
            FileKind::Fifo => 5,
            FileKind::Socket => 6,
            FileKind::SymbolicLink => 7,
        }
    }

    /// The kind that a directory entry's type byte stands for; 0 means unknown.
    pub(crate) fn from_entry_type(value: u8) -> Option<FileKind> {
        match value {
            1 => Some(FileKind::Regular),
            2 => Some(FileKind::Directory),
            3 => Some(FileKind::CharacterDevice),
            4 => Some(FileKind::BlockDevice),
            5 => Some(FileKind::Fifo),
            6 => Some(FileKind::Socket),
            7 => Some(FileKind::SymbolicLink),
            _ => None,
        }
    }
}

/// A decoded inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// What it is.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits (`07777`).
    pub permissions: u16,
    /// Owner.
    pub user: u32,
    /// Owning group.
    pub group: u32,
    /// Size in bytes.
    pub size: u64,
    /// Directory entries that name it.
    pub links: u16,
    /// Allocated space, indirect blocks included, in units of 512 bytes (`st_blocks`).
    pub sectors: u32,
    /// Changes when the inode number is used again.
    pub generation: u32,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of the inode.
    pub changed: Time,
    pub(crate) flags: u32,
    pub(crate) attribute_block: u32,
    pub(crate) pointers: [u32; POINTERS],
}

impl Inode {
    /// The full `st_mode`.
    pub fn mode(&self) -> u16 {
        self.kind.mode_bits() | self.permissions
    }

    /// The (major, minor) numbers of a device node.
    pub fn device_numbers(&self) -> (u32, u32) {
        let [old, new] = [self.pointers[0], self.pointers[1]];
        if old != 0 {
            ((old >> 8) & 0xFF, old & 0xFF)
        } else {
            (
                (new & 0xF_FF00) >> 8,
                (new & 0xFF) | ((new >> 12) & 0xF_FF00),
            )
        }
    }

    /// Whether the pointers are something else than pointers to blocks: a device node's
    /// numbers, a short link's target, or nothing.
    pub(crate) fn holds_no_blocks(&self) -> bool {
        match self.kind {
            FileKind::Regular | FileKind::Directory => false,
            FileKind::SymbolicLink => self.size < INLINE_BYTES as u64,
            _ => true,
        }
    }

    pub(crate) fn set_device_numbers(&mut self, major: u32, minor: u32) {
        if major < 256 && minor < 256 {
            self.pointers[0] = (major << 8) | minor;
        } else {
            self.pointers[1] = (minor & 0xFF) | ((major & 0xFFF) << 8) | ((minor & 0xF_FF00) << 12);
        }
    }

    pub(crate) fn new(kind: FileKind) -> Inode {
        Inode {
            kind,
            permissions: 0,
            user: 0,
            group: 0,
            size: 0,
            links: 0,
            sectors: 0,
            generation: 0,
            accessed: Time::default(),
            modified: Time::default(),
            changed: Time::default(),
            flags: 0,
            attribute_block: 0,
            pointers: [0; POINTERS],
        }
    }

    /// Takes the inode out of hashed-directory mode: what we write is a linear directory,
    /// which every implementation reads, but a stale index would be taken for the truth.
    pub(crate) fn clear_index(&mut self) -> bool {
        let had = self.flags & FLAG_INDEX != 0;
        self.flags &= !FLAG_INDEX;
        had
    }

    fn decode(raw: &[u8]) -> Result<Inode, Error> {
        let mode = get_u16(raw, 0);
        let kind = FileKind::from_mode(mode).ok_or(Error::Corrupt("inode has no file type"))?;
        let mut pointers = [0; POINTERS];
        let places = raw[40..40 + POINTERS * 4].as_chunks().0;
        for (pointer, place) in pointers.iter_mut().zip(places) {
            *pointer = u32::from_le_bytes(*place);
        }
        let high = match kind {
            FileKind::Regular => u64::from(get_u32(raw, 108)) << 32,
            _ => 0,
        };
        let flags = get_u32(raw, 32);
        if flags & (FLAG_EXTENTS | FLAG_INLINE_DATA) != 0 {
            return Err(Error::Corrupt(
                "inode uses a layout that ext2 does not have",
            ));
        }
        Ok(Inode {
            kind,
            permissions: mode & 0o7777,
            user: u32::from(get_u16(raw, 2)) | u32::from(get_u16(raw, 120)) << 16,
            group: u32::from(get_u16(raw, 24)) | u32::from(get_u16(raw, 122)) << 16,
            size: u64::from(get_u32(raw, 4)) | high,
            links: get_u16(raw, 26),
            sectors: get_u32(raw, 28),
            generation: get_u32(raw, 100),
            accessed: decode_time(raw, 8, 140),
            modified: decode_time(raw, 16, 136),
            changed: decode_time(raw, 12, 132),
            flags,
            attribute_block: get_u32(raw, 104),
            pointers,
        })
    }

    /// Writes the fields into the on-disk inode and leaves the rest as it is.
    fn encode(&self, raw: &mut [u8]) {
        put_u16(raw, 0, self.mode());
        put_u16(raw, 2, self.user as u16);
        put_u16(raw, 120, (self.user >> 16) as u16);
        put_u16(raw, 24, self.group as u16);
        put_u16(raw, 122, (self.group >> 16) as u16);
        put_u32(raw, 4, self.size as u32);
        if self.kind == FileKind::Regular {
            put_u32(raw, 108, (self.size >> 32) as u32);
        }
        put_u16(raw, 26, self.links);
        put_u32(raw, 28, self.sectors);
        put_u32(raw, 32, self.flags);
        put_u32(raw, 100, self.generation);
        put_u32(raw, 104, self.attribute_block);
        encode_time(raw, 8, 140, self.accessed);
        encode_time(raw, 16, 136, self.modified);
        encode_time(raw, 12, 132, self.changed);
        for (index, pointer) in self.pointers.iter().enumerate() {
            put_u32(raw, 40 + index * 4, *pointer);
        }
    }
}

/// Whether the inode has room for the extra time field at `offset`.
fn has_extra(raw: &[u8], offset: usize) -> bool {
    raw.len() > 128 && 128 + usize::from(get_u16(raw, 128)) >= offset + 4 && offset + 4 <= raw.len()
}

fn decode_time(raw: &[u8], offset: usize, extra_offset: usize) -> Time {
    let low = i64::from(get_u32(raw, offset) as i32);
    if !has_extra(raw, extra_offset) {
        return Time {
            seconds: low,
            nanoseconds: 0,
        };
    }
    let extra = get_u32(raw, extra_offset);
    // The low two bits extend the signed 32-bit seconds beyond the year 2038.
    let nanoseconds = (extra >> 2).min(999_999_999);
    Time {
        seconds: low + (i64::from(extra & 3) << 32),
        nanoseconds,
    }
}

fn encode_time(raw: &mut [u8], offset: usize, extra_offset: usize, time: Time) {
    if !has_extra(raw, extra_offset) {
        let seconds = time.seconds.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        put_u32(raw, offset, seconds as u32);
        return;
    }
    let seconds = time.seconds.clamp(i64::from(i32::MIN), 0x3_7FFF_FFFF);
    let epoch = ((seconds - i64::from(seconds as i32)) >> 32) as u32 & 3;
    put_u32(raw, offset, seconds as u32);
    put_u32(
        raw,
        extra_offset,
        (time.nanoseconds.min(999_999_999) << 2) | epoch,
    );
}

impl<D: BlockDevice> FileSystem<D> {
    /// The inode `number`.
    ///
    /// # Errors
    /// `Invalid` when no inode may have that number, `Corrupt` when what is there makes no
    /// sense (a free inode included).
    pub fn inode(&mut self, number: InodeNumber) -> Result<Inode, Error> {
        self.check_inode_number(number)?;
        let (block, offset) = self.inode_location(number)?;
        let size = self.superblock.inode_size as usize;
        let inode = Inode::decode(&self.cache.read(block)?[offset..offset + size])?;
        let block_size = u64::from(self.superblock.block_size);
        if inode.size > self.maximum_file_size() {
            return Err(Error::Corrupt("file size"));
        }
        // A file cannot have more pointers into the disk than the disk has blocks; the bound
        // keeps walks through a corrupted directory short.
        if inode.kind == FileKind::Directory
            && (inode.size % block_size != 0
                || inode.size / block_size > u64::from(self.superblock.blocks_count))
        {
            return Err(Error::Corrupt("directory size"));
        }
        Ok(inode)
    }

    /// Stores `inode` as inode `number` (in the cache).
    pub(crate) fn store_inode(&mut self, number: InodeNumber, inode: &Inode) -> Result<(), Error> {
        let (block, offset) = self.inode_location(number)?;
        let size = self.superblock.inode_size as usize;
        inode.encode(&mut self.cache.modify(block)?[offset..offset + size]);
        Ok(())
    }

    /// Clears the on-disk inode and stores a first version of `inode` there, with a new
    /// generation number.
    pub(crate) fn initialise_inode(
        &mut self,
        number: InodeNumber,
        inode: &mut Inode,
    ) -> Result<(), Error> {
        let (block, offset) = self.inode_location(number)?;
        let size = self.superblock.inode_size as usize;
        let raw = &mut self.cache.modify(block)?[offset..offset + size];
        inode.generation = get_u32(raw, 100).wrapping_add(1);
        raw.fill(0);
        if size > 128 {
            // As much of the extra part as this implementation knows: up to the birth time.
            put_u16(raw, 128, 32);
            encode_time(raw, 144, 148, inode.changed);
        }
        inode.encode(raw);
        Ok(())
    }

    /// Marks the on-disk inode as deleted at `seconds`.
    pub(crate) fn erase_inode(&mut self, number: InodeNumber, seconds: u32) -> Result<(), Error> {
        let (block, offset) = self.inode_location(number)?;
        let size = self.superblock.inode_size as usize;
        let raw = &mut self.cache.modify(block)?[offset..offset + size];
        let generation = get_u32(raw, 100);
        raw.fill(0);
        put_u32(raw, 20, seconds);
        put_u32(raw, 100, generation);
        Ok(())
    }

    /// The deletion-time field, which also links the orphan list.
    pub(crate) fn deletion_field(&mut self, number: InodeNumber) -> Result<u32, Error> {
        let (block, offset) = self.inode_location(number)?;
        Ok(get_u32(self.cache.read(block)?, offset + 20))
    }

    pub(crate) fn set_deletion_field(
        &mut self,
        number: InodeNumber,
        value: u32,
    ) -> Result<(), Error> {
        let (block, offset) = self.inode_location(number)?;
        put_u32(self.cache.modify(block)?, offset + 20, value);
        Ok(())
    }

    /// Reserved inodes other than the root are never reached by name.
    pub(crate) fn check_inode_number(&self, number: InodeNumber) -> Result<(), Error> {
        let usable = number == ROOT_INODE
            || (number >= self.superblock.first_inode && number <= self.superblock.inodes_count);
        if usable { Ok(()) } else { Err(Error::Invalid) }
    }

    /// The block and the byte offset in it of inode `number`.
    pub(crate) fn inode_location(&self, number: InodeNumber) -> Result<(u64, usize), Error> {
        self.check_inode_number(number)?;
        let index = (number - 1) % self.superblock.inodes_per_group;
        let group = self
            .groups
            .get(((number - 1) / self.superblock.inodes_per_group) as usize)
            .ok_or(Error::Invalid)?;
        let per_block = self.superblock.block_size / self.superblock.inode_size;
        let block = group.inode_table + index / per_block;
        let offset = (index % per_block) * self.superblock.inode_size;
        Ok((u64::from(block), offset as usize))
    }

    /// The block that holds inode `number`, for write ordering.
    pub(crate) fn inode_block(&self, number: InodeNumber) -> Result<u64, Error> {
        Ok(self.inode_location(number)?.0)
    }
}
