//! Directory blocks: finding, adding and removing entries.

use crate::bytes::{get_u16, get_u32, put_u16, put_u32};
use crate::device::BlockDevice;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{FileKind, Inode, InodeNumber};

/// Longest name in bytes.
pub const MAXIMUM_NAME: usize = 255;

/// Bytes of an entry before its name.
const HEADER: usize = 8;

/// One entry as [`FileSystem::read_directory`] reports it.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryEntry<'a> {
    /// The inode that the entry names.
    pub inode: InodeNumber,
    /// Its kind, where the directory tells.
    pub kind: Option<FileKind>,
    /// The name, without a terminating zero.
    pub name: &'a [u8],
    /// The cursor that continues behind this entry; stays valid while entries come and go.
    pub next_cursor: u64,
}

/// An entry's fixed part.
#[derive(Clone, Copy)]
struct Raw {
    inode: u32,
    length: usize,
    name_length: usize,
    kind: u8,
}

/// Where an entry lies: its disk block, its offset and that of the entry before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) block: u64,
    offset: usize,
    previous: Option<usize>,
}

/// A place with room for a new entry.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) block: u64,
    offset: usize,
}

/// The room that an entry with a name of `name_length` bytes takes.
fn entry_size(name_length: usize) -> usize {
    (HEADER + name_length).next_multiple_of(4)
}

/// Decodes the entry at `offset`, checking that it lies inside the block.
fn parse(block: &[u8], offset: usize) -> Result<Raw, Error> {
    const DAMAGED: Error = Error::Corrupt("a directory entry leaves its block");
    if offset + HEADER > block.len() {
        return Err(DAMAGED);
    }
    let raw = Raw {
        inode: get_u32(block, offset),
        length: usize::from(get_u16(block, offset + 4)),
        // Without the `filetype` feature the next byte is the high half of the length, which
        // is zero as names have at most 255 bytes; with it, the type.
        name_length: usize::from(block[offset + 6]),
        kind: block[offset + 7],
    };
    let fits = raw.length >= HEADER
        && raw.length.is_multiple_of(4)
        && offset + raw.length <= block.len()
        && HEADER + raw.name_length <= raw.length;
    if fits { Ok(raw) } else { Err(DAMAGED) }
}

fn name(block: &[u8], offset: usize, raw: Raw) -> &[u8] {
    &block[offset + HEADER..offset + HEADER + raw.name_length]
}

fn write_entry(block: &mut [u8], offset: usize, length: usize, inode: u32, kind: u8, name: &[u8]) {
    put_u32(block, offset, inode);
    put_u16(block, offset + 4, length as u16);
    block[offset + 6] = name.len() as u8;
    block[offset + 7] = kind;
    block[offset + HEADER..offset + HEADER + name.len()].copy_from_slice(name);
}

/// Checks a name for a new entry.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Error> {
    if name.is_empty() || name == b"." || name == b".." {
        return Err(Error::Invalid);
    }
    if name.contains(&b'/') || name.contains(&0) {
        return Err(Error::Invalid);
    }
    if name.len() > MAXIMUM_NAME {
        Err(Error::NameTooLong)
    } else {
        Ok(())
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// Inode `number`, which must be a directory.
    pub(crate) fn directory(&mut self, number: InodeNumber) -> Result<Inode, Error> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileKind::Directory => Ok(inode),
            _ => Err(Error::NotDirectory),
        }
    }

    fn directory_blocks(&self, directory: &Inode) -> u64 {
        directory.size / u64::from(self.superblock.block_size)
    }

    /// The disk block of block `index` of a directory, which has no holes.
    fn directory_block(&mut self, directory: &Inode, index: u64) -> Result<u64, Error> {
        let extents = self.map_inode(directory, index, 1)?;
        match extents.first().and_then(|extent| extent.disk_block) {
            Some(block) => Ok(u64::from(block)),
            None => Err(Error::Corrupt("a directory has a hole")),
        }
    }

    /// Finds `name` (`.` and `..` included) in the directory.
    pub fn lookup(&mut self, directory: InodeNumber, name: &[u8]) -> Result<InodeNumber, Error> {
        let inode = self.directory(directory)?;
        match self.find_entry(&inode, name)? {
            Some((number, _)) => Ok(number),
            None if name.len() > MAXIMUM_NAME => Err(Error::NameTooLong),
            None => Err(Error::NotFound),
        }
    }

    /// Finds `wanted` in the directory: its inode and its place.
    pub(crate) fn find_entry(
        &mut self,
        directory: &Inode,
        wanted: &[u8],
    ) -> Result<Option<(InodeNumber, Position)>, Error> {
        for index in 0..self.directory_blocks(directory) {
            let block = self.directory_block(directory, index)?;
            let data = self.cache.read(block)?;
            let (mut offset, mut previous) = (0, None);
            while offset < data.len() {
                let raw = parse(data, offset)?;
                if raw.inode != 0 && name(data, offset, raw) == wanted {
                    self.check_inode_number(raw.inode)
                        .map_err(|_| Error::Corrupt("a directory entry names no inode"))?;
                    return Ok(Some((
                        raw.inode,
                        Position {
                            block,
                            offset,
                            previous,
                        },
                    )));
                }
                previous = Some(offset);
                offset += raw.length;
            }
        }
        Ok(None)
    }

    /// Calls `visit` for the entries from `cursor` on (0 is the start) until it returns false
    /// or the directory ends; returns the cursor to continue from. An entry that `visit`
    /// refused comes first next time.
    ///
    /// # Errors
    /// `NotDirectory`, `Corrupt`, `Device`.
    pub fn read_directory(
        &mut self,
        directory: InodeNumber,
        cursor: u64,
        visit: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> Result<u64, Error> {
        let inode = self.directory(directory)?;
        if inode.links == 0 {
            return Ok(cursor);
        }
        let block_size = u64::from(self.superblock.block_size);
        let typed = self.superblock.has_file_type();
        for index in cursor / block_size..self.directory_blocks(&inode) {
            let block = self.directory_block(&inode, index)?;
            let inodes_count = self.superblock.inodes_count;
            let data = self.cache.read(block)?;
            // The entry at the cursor may have been joined to the one before it, so entries
            // are followed from the start of the block.
            let mut offset = 0;
            while offset < data.len() {
                let raw = parse(data, offset)?;
                let position = index * block_size + offset as u64;
                let next_cursor = position + raw.length as u64;
                if position >= cursor && raw.inode != 0 {
                    if raw.inode > inodes_count {
                        return Err(Error::Corrupt("a directory entry names no inode"));
                    }
                    let kind = if typed {
                        FileKind::from_entry_type(raw.kind)
                    } else {
                        None
                    };
                    let name = name(data, offset, raw);
                    let entry = DirectoryEntry {
                        inode: raw.inode,
                        kind,
                        name,
                        next_cursor,
                    };
                    if !visit(entry) {
                        return Ok(position);
                    }
                }
                offset += raw.length;
            }
        }
        Ok(cursor.max(inode.size))
    }

    /// Finds room for an entry called `name`, growing the directory by a block if there is
    /// none. Takes the directory out of hashed mode first.
    pub(crate) fn prepare_slot(
        &mut self,
        number: InodeNumber,
        directory: &mut Inode,
        name: &[u8],
    ) -> Result<Slot, Error> {
        self.leave_hashed_mode(number, directory)?;
        let need = entry_size(name.len());
        for index in 0..self.directory_blocks(directory) {
            let block = self.directory_block(directory, index)?;
            let data = self.cache.read(block)?;
            let mut offset = 0;
            while offset < data.len() {
                let raw = parse(data, offset)?;
                let used = if raw.inode == 0 {
                    0
                } else {
                    entry_size(raw.name_length)
                };
                if raw.length >= used + need {
                    return Ok(Slot { block, offset });
                }
                offset += raw.length;
            }
        }
        let block = self.grow_directory(number, directory)?;
        Ok(Slot { block, offset: 0 })
    }

    pub(crate) fn leave_hashed_mode(
        &mut self,
        number: InodeNumber,
        directory: &mut Inode,
    ) -> Result<(), Error> {
        if directory.clear_index() {
            self.store_inode(number, directory)?;
            // Rare (once for a directory), so it need not be clever: on disk now.
            self.cache.sync()?;
        }
        Ok(())
    }

    /// Adds one block without entries; returns its place on the disk.
    fn grow_directory(&mut self, number: InodeNumber, directory: &mut Inode) -> Result<u64, Error> {
        let index = self.directory_blocks(directory);
        // Linux reads no directory beyond this size either.
        if directory.size >= 1 << 31 {
            return Err(Error::NoSpace);
        }
        let extents = self.allocate(number, index, 1)?;
        let block = extents
            .first()
            .and_then(|extent| extent.disk_block)
            .ok_or(Error::NoSpace)?;
        let block = u64::from(block);
        let size = self.superblock.block_size;
        put_u16(self.cache.create(block)?, 4, size as u16);
        self.cache.order(block, self.inode_block(number)?)?;
        *directory = self.inode(number)?;
        directory.size += u64::from(size);
        self.store_inode(number, directory)?;
        let mut through = self.pointer_blocks(directory, index)?;
        through.push(self.inode_block(number)?);
        if index > 0 {
            // The first block stands for the way to the directory itself.
            through.push(self.directory_block(directory, 0)?);
        }
        self.unsynced.note_reached_through(block, &through);
        Ok(block)
    }

    /// Writes the entry into `slot`, in write order after the inode's own block and after the
    /// removal of the same name elsewhere.
    pub(crate) fn add_entry(
        &mut self,
        directory: InodeNumber,
        slot: Slot,
        name: &[u8],
        inode: InodeNumber,
        kind: FileKind,
    ) -> Result<(), Error> {
        let inode_block = self.inode_block(inode)?;
        self.cache.order(inode_block, slot.block)?;
        if let Some(removed) = self.unsynced.removed_from(directory, name) {
            self.cache.order(removed, slot.block)?;
        }
        let kind = self.entry_type(kind);
        let data = self.cache.modify(slot.block)?;
        let raw = parse(data, slot.offset)?;
        let used = if raw.inode == 0 {
            0
        } else {
            entry_size(raw.name_length)
        };
        if raw.length < used + entry_size(name.len()) {
            return Err(Error::Corrupt("a directory changed under an insertion"));
        }
        if used != 0 {
            put_u16(data, slot.offset + 4, used as u16);
        }
        write_entry(
            data,
            slot.offset + used,
            raw.length - used,
            inode,
            kind,
            name,
        );
        Ok(())
    }

    /// Takes the entry `name` at `position` away.
    pub(crate) fn remove_entry(
        &mut self,
        directory: InodeNumber,
        name: &[u8],
        position: Position,
    ) -> Result<(), Error> {
        self.unsynced.note_removed(directory, name, position.block);
        let data = self.cache.modify(position.block)?;
        let raw = parse(data, position.offset)?;
        match position.previous {
            Some(previous) => {
                let before = parse(data, previous)?;
                put_u16(data, previous + 4, (before.length + raw.length) as u16);
            }
            None => put_u32(data, position.offset, 0),
        }
        Ok(())
    }

    /// Lets the entry at `position` name another inode: one write, so that a crash shows the
    /// old one or the new one.
    pub(crate) fn redirect_entry(
        &mut self,
        position: Position,
        inode: InodeNumber,
        kind: FileKind,
    ) -> Result<(), Error> {
        let inode_block = self.inode_block(inode)?;
        self.cache.order(inode_block, position.block)?;
        let kind = self.entry_type(kind);
        let data = self.cache.modify(position.block)?;
        parse(data, position.offset)?;
        put_u32(data, position.offset, inode);
        data[position.offset + 7] = kind;
        Ok(())
    }

    fn entry_type(&self, kind: FileKind) -> u8 {
        if self.superblock.has_file_type() {
            kind.entry_type()
        } else {
            0
        }
    }

    /// Whether the directory has no entries besides `.` and `..`.
    pub(crate) fn is_empty(&mut self, directory: &Inode) -> Result<bool, Error> {
        for index in 0..self.directory_blocks(directory) {
            let block = self.directory_block(directory, index)?;
            let data = self.cache.read(block)?;
            let mut offset = 0;
            while offset < data.len() {
                let raw = parse(data, offset)?;
                if raw.inode != 0 && !matches!(name(data, offset, raw), b"." | b"..") {
                    return Ok(false);
                }
                offset += raw.length;
            }
        }
        Ok(true)
    }

    /// Gives the new directory `number` its first block, with `.` and `..`.
    pub(crate) fn start_directory(
        &mut self,
        number: InodeNumber,
        directory: &mut Inode,
        parent: InodeNumber,
    ) -> Result<(), Error> {
        let block = self.grow_directory(number, directory)?;
        let size = self.superblock.block_size as usize;
        let kind = self.entry_type(FileKind::Directory);
        let data = self.cache.modify(block)?;
        write_entry(data, 0, 12, number, kind, b".");
        write_entry(data, 12, size - 12, parent, kind, b"..");
        Ok(())
    }
}
