//! The volume over the format: numbers and errors translated, data moved by extents.

use alloc::vec::Vec;

use ext2_format::{
    AttributeChange, Attributes as NewAttributes, Error as FormatError, Extent, FileKind,
    FileSystem, InodeNumber, ROOT_INODE, Time,
};
use file_system::{Entry, NewNode, Volume};
use kernel_abi::Handle;
use proto::types::{FileSystemStatus, attribute_mask, file_type};
use proto::{Attributes, Error};

use crate::disk::{Disk, STAGING_BYTES, Segment};
use crate::redo::{COVERED, DoneCall, Log, LogMemory, PARKED};

/// Device number of the file system; there is one.
const DEVICE: u64 = 1;
/// `f_type` of ext2.
const MAGIC: u64 = 0xEF53;
/// `ST_RDONLY`.
const FLAG_READ_ONLY: u64 = 1;
const NS_PER_SECOND: i64 = 1_000_000_000;
/// Most segments of one transfer.
const SEGMENTS: usize = 512;
/// Longest segment.
const SEGMENT_BYTES: u64 = 4 << 20;

/// An ext2 file system on a disk.
pub struct DiskVolume<D, L> {
    /// The format.
    pub file_system: FileSystem<D>,
    /// The latest time that a caller told.
    now: Time,
    log: Option<Log<L>>,
    last_call: Option<DoneCall>,
}

fn time(ns: i64) -> Time {
    Time {
        seconds: ns.div_euclid(NS_PER_SECOND),
        nanoseconds: ns.rem_euclid(NS_PER_SECOND) as u32,
    }
}

fn nanoseconds(time: Time) -> i64 {
    time.seconds
        .saturating_mul(NS_PER_SECOND)
        .saturating_add(i64::from(time.nanoseconds))
}

fn error(error: FormatError) -> Error {
    match error {
        FormatError::Device | FormatError::Corrupt(_) => {
            server_rt::log!("{error}");
            Error::Io
        }
        FormatError::NotExt2 | FormatError::UnsupportedFeature(_) => Error::NoDevice,
        FormatError::NotFound => Error::NotFound,
        FormatError::Exists => Error::Exists,
        FormatError::NotDirectory => Error::NotDirectory,
        FormatError::IsDirectory => Error::IsDirectory,
        FormatError::NotEmpty => Error::NotEmpty,
        FormatError::NoSpace => Error::NoSpace,
        FormatError::ReadOnly => Error::ReadOnly,
        FormatError::NameTooLong => Error::NameTooLong,
        FormatError::Invalid => Error::BadArgument,
        FormatError::TooManyLinks => Error::TooManyLinks,
        FormatError::FileTooLarge => Error::TooLong,
    }
}

fn inode_number(node: u64) -> Result<InodeNumber, Error> {
    InodeNumber::try_from(node).map_err(|_| Error::NotFound)
}

/// Splits a device number as `<sys/sysmacros.h>` does.
fn device_numbers(device: u64) -> (u32, u32) {
    let major = (device >> 8) & 0xFFF | (device >> 32) & 0xFFFF_F000;
    let minor = device & 0xFF | (device >> 12) & 0xFFFF_FF00;
    (major as u32, minor as u32)
}

fn device_number((major, minor): (u32, u32)) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (major & 0xFFF) << 8 | (major & 0xFFFF_F000) << 32 | minor & 0xFF | (minor & 0xFFFF_FF00) << 12
}

impl<D: Disk, L: LogMemory> DiskVolume<D, L> {
    /// A volume over a mounted file system. `log_memory` makes it survive this server;
    /// `last_call` is what [`replay`](crate::replay) found.
    pub fn new(
        mut file_system: FileSystem<D>,
        log_memory: Option<L>,
        last_call: Option<DoneCall>,
    ) -> DiskVolume<D, L> {
        let mut log = log_memory.and_then(|memory| Log::start(memory, &file_system));
        if let Some(started) = &mut log
            && let Err(error) = started.commit(&mut file_system, last_call)
        {
            server_rt::log!("cannot keep a redo log: {error}");
            log = None;
        }
        DiskVolume {
            file_system,
            now: Time::default(),
            log,
            last_call,
        }
    }

    fn block_size(&self) -> u64 {
        u64::from(self.file_system.block_size())
    }

    /// The part of an extent that lies on the disk, as segments for a Memory that starts at
    /// file offset `base`.
    fn segments(&self, extents: &[Extent], base: u64) -> Vec<Segment> {
        let block_size = self.block_size();
        let mut segments = Vec::new();
        for extent in extents {
            let Some(disk_block) = extent.disk_block else {
                continue;
            };
            let mut sector = u64::from(disk_block) * block_size / 512;
            let mut offset = extent.file_block * block_size - base;
            let mut left = u64::from(extent.count) * block_size;
            while left > 0 {
                let length = left.min(SEGMENT_BYTES);
                segments.push(Segment {
                    sector,
                    offset,
                    length,
                });
                sector += length / 512;
                offset += length;
                left -= length;
            }
        }
        segments
    }

    fn move_data(
        &mut self,
        write: bool,
        memory: Handle,
        segments: &[Segment],
    ) -> Result<(), Error> {
        for part in segments.chunks(SEGMENTS) {
            self.file_system.device().transfer(write, memory, part)?;
        }
        Ok(())
    }
}

impl<D: Disk, L: LogMemory> Volume for DiskVolume<D, L> {
    const PAGED: bool = true;

    fn root(&self) -> u64 {
        u64::from(ROOT_INODE)
    }

    fn device(&self) -> u64 {
        DEVICE
    }

    fn attributes(&mut self, node: u64) -> Result<Attributes, Error> {
        let inode = self.file_system.inode(inode_number(node)?).map_err(error)?;
        let special = matches!(
            inode.kind,
            FileKind::CharacterDevice | FileKind::BlockDevice
        );
        Ok(Attributes {
            device: DEVICE,
            node,
            mode: u32::from(inode.mode()),
            links: u32::from(inode.links),
            user: inode.user,
            group: inode.group,
            special_device: if special {
                device_number(inode.device_numbers())
            } else {
                0
            },
            size: inode.size,
            block_size: self.block_size(),
            blocks: u64::from(inode.sectors),
            access_ns: nanoseconds(inode.accessed),
            modify_ns: nanoseconds(inode.modified),
            change_ns: nanoseconds(inode.changed),
        })
    }

    fn generation(&mut self, node: u64) -> Result<u32, Error> {
        Ok(self
            .file_system
            .inode(inode_number(node)?)
            .map_err(error)?
            .generation)
    }

    fn lookup(&mut self, directory: u64, name: &[u8]) -> Result<u64, Error> {
        let found = self.file_system.lookup(inode_number(directory)?, name);
        found.map(u64::from).map_err(error)
    }

    fn read_directory(
        &mut self,
        directory: u64,
        cursor: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Error> {
        let mut forward = |entry: ext2_format::DirectoryEntry<'_>| {
            visit(Entry {
                node: u64::from(entry.inode),
                kind: entry.kind.map_or(0, |kind| u32::from(kind.mode_bits())),
                name: entry.name,
                next_cursor: entry.next_cursor,
            })
        };
        let directory = inode_number(directory)?;
        self.file_system
            .read_directory(directory, cursor, &mut forward)
            .map(|_| ())
            .map_err(error)
    }

    fn create(&mut self, directory: u64, name: &[u8], new: &NewNode<'_>) -> Result<u64, Error> {
        let (major, minor) = device_numbers(new.special_device);
        let node = match new.mode & file_type::MASK {
            file_type::REGULAR => ext2_format::NewNode::Regular,
            file_type::DIRECTORY => ext2_format::NewNode::Directory,
            file_type::SYMLINK => ext2_format::NewNode::SymbolicLink(new.target),
            file_type::CHARACTER => ext2_format::NewNode::CharacterDevice(major, minor),
            file_type::BLOCK => ext2_format::NewNode::BlockDevice(major, minor),
            file_type::FIFO => ext2_format::NewNode::Fifo,
            file_type::SOCKET => ext2_format::NewNode::Socket,
            _ => return Err(Error::BadArgument),
        };
        self.now = time(new.now_ns);
        let attributes = NewAttributes {
            permissions: (new.mode & 0o7777) as u16,
            user: new.user,
            group: new.group,
            now: self.now,
        };
        let created = self
            .file_system
            .create(inode_number(directory)?, name, node, attributes);
        created.map(u64::from).map_err(error)
    }

    fn link(&mut self, node: u64, directory: u64, name: &[u8], now_ns: i64) -> Result<(), Error> {
        self.now = time(now_ns);
        let (node, directory) = (inode_number(node)?, inode_number(directory)?);
        self.file_system
            .link(directory, name, node, self.now)
            .map_err(error)
    }

    fn unlink(&mut self, directory: u64, name: &[u8], now_ns: i64) -> Result<Option<u64>, Error> {
        self.now = time(now_ns);
        let nameless = self
            .file_system
            .unlink(inode_number(directory)?, name, self.now);
        nameless.map(|node| node.map(u64::from)).map_err(error)
    }

    fn remove_directory(
        &mut self,
        directory: u64,
        name: &[u8],
        now_ns: i64,
    ) -> Result<Option<u64>, Error> {
        self.now = time(now_ns);
        let directory = inode_number(directory)?;
        let nameless = self.file_system.remove_directory(directory, name, self.now);
        nameless.map(|node| node.map(u64::from)).map_err(error)
    }

    fn rename(
        &mut self,
        (from, old): (u64, &[u8]),
        (to, new): (u64, &[u8]),
        no_replace: bool,
        now_ns: i64,
    ) -> Result<Option<u64>, Error> {
        self.now = time(now_ns);
        let (from, to) = (inode_number(from)?, inode_number(to)?);
        let nameless = self
            .file_system
            .rename(from, old, to, new, no_replace, self.now);
        nameless.map(|node| node.map(u64::from)).map_err(error)
    }

    fn read_symlink(&mut self, node: u64) -> Result<Vec<u8>, Error> {
        self.file_system
            .read_link(inode_number(node)?)
            .map_err(error)
    }

    fn set_attributes(
        &mut self,
        node: u64,
        mask: u64,
        values: &Attributes,
        now_ns: i64,
    ) -> Result<(), Error> {
        let asked = |bit| mask & bit != 0;
        let change = AttributeChange {
            permissions: asked(attribute_mask::MODE).then_some((values.mode & 0o7777) as u16),
            user: asked(attribute_mask::USER).then_some(values.user),
            group: asked(attribute_mask::GROUP).then_some(values.group),
            accessed: asked(attribute_mask::ACCESS).then_some(time(values.access_ns)),
            modified: asked(attribute_mask::MODIFY).then_some(time(values.modify_ns)),
        };
        self.now = time(now_ns);
        self.file_system
            .set_attributes(inode_number(node)?, change, self.now)
            .map_err(error)
    }

    fn reserve(&mut self, node: u64, start: u64, end: u64) -> Result<u64, Error> {
        let block_size = self.block_size();
        if end > self.file_system.maximum_file_size() {
            return Err(Error::TooLong);
        }
        let first = start / block_size;
        let count = u32::try_from(end.div_ceil(block_size) - first).unwrap_or(u32::MAX);
        let extents = self.file_system.allocate(inode_number(node)?, first, count);
        let extents = extents.map_err(error)?;
        let reached = extents.last().map_or(start, |last| {
            (last.file_block + u64::from(last.count)) * block_size
        });
        Ok(reached.min(end))
    }

    fn set_size(&mut self, node: u64, size: u64, now_ns: i64) -> Result<(), Error> {
        self.now = time(now_ns);
        self.file_system
            .truncate(inode_number(node)?, size, self.now)
            .map_err(error)
    }

    fn release(&mut self, node: u64) -> Result<(), Error> {
        self.file_system
            .release(inode_number(node)?, self.now)
            .map_err(error)
    }

    fn status(&mut self) -> FileSystemStatus {
        let statistics = self.file_system.statistics();
        let [a, b, c, d, e, f, g, h, ..] = statistics.uuid;
        FileSystemStatus {
            kind: MAGIC,
            block_size: u64::from(statistics.block_size),
            blocks: statistics.blocks,
            blocks_free: statistics.free_blocks,
            blocks_available: statistics.available_blocks,
            files: statistics.inodes,
            files_free: statistics.free_inodes,
            identifier: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            name_length: u64::from(statistics.maximum_name_length),
            flags: if self.file_system.is_read_only() {
                FLAG_READ_ONLY
            } else {
                0
            },
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file_system.sync().map_err(error)
    }

    fn unmount(&mut self) -> Result<(), Error> {
        self.file_system.finish().map_err(error)?;
        if let Some(mut log) = self.log.take() {
            log.finish();
        }
        Ok(())
    }

    fn commit(&mut self, call: Option<DoneCall>) {
        let Some(log) = &mut self.log else { return };
        if let Err(error) = log.commit(&mut self.file_system, call) {
            server_rt::log!("cannot keep the redo log: {error}");
        }
    }

    fn parked(&self) -> Vec<u64> {
        self.log
            .as_ref()
            .map_or(Vec::new(), |log| log.members(PARKED))
    }

    fn note_parked(&mut self, key: u64, parked: bool) -> bool {
        self.log
            .as_mut()
            .is_some_and(|log| log.note(PARKED, key, parked))
    }

    fn covered(&self) -> Vec<u64> {
        self.log
            .as_ref()
            .map_or(Vec::new(), |log| log.members(COVERED))
    }

    fn note_covered(&mut self, node: u64, covered: bool) {
        let noted = self
            .log
            .as_mut()
            .is_some_and(|log| log.note(COVERED, node, covered));
        if !noted {
            server_rt::log!("the mount on node {node} would not survive this server");
        }
    }

    fn last_commit(&self) -> Option<DoneCall> {
        self.last_call
    }

    fn read_pages(&mut self, node: u64, offset: u64, length: u64) -> Result<Handle, Error> {
        if length > STAGING_BYTES {
            return Err(Error::OutOfRange);
        }
        let block_size = self.block_size();
        let number = inode_number(node)?;
        let size = self.file_system.inode(number).map_err(error)?.size;
        let staging = self.file_system.device().staging()?;
        // Blocks behind the end may hold anything, and may be another write's already.
        let end = (offset + length).min(size);
        if end <= offset {
            return Ok(staging);
        }
        let first = offset / block_size;
        let count = (end.div_ceil(block_size) - first) as u32;
        let extents = self
            .file_system
            .map_blocks(number, first, count)
            .map_err(error)?;
        let segments = self.segments(&extents, offset);
        self.move_data(false, staging, &segments)?;
        let tail = end.next_multiple_of(block_size) - end;
        if tail > 0 && end == size {
            self.file_system
                .device()
                .clear_staging(end - offset, tail)?;
        }
        Ok(staging)
    }

    fn write_pages(
        &mut self,
        node: u64,
        memory: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        let block_size = self.block_size();
        let number = inode_number(node)?;
        let size = self.file_system.inode(number).map_err(error)?.size;
        let end = (offset + length).min(size);
        if end <= offset {
            return Ok(());
        }
        let first = offset / block_size;
        let count = (end.div_ceil(block_size) - first) as u32;
        let extents = self
            .file_system
            .allocate(number, first, count)
            .map_err(error)?;
        let found: u64 = extents.iter().map(|extent| u64::from(extent.count)).sum();
        let segments = self.segments(&extents, 0);
        self.move_data(true, memory, &segments)?;
        if found < u64::from(count) {
            Err(Error::NoSpace)
        } else {
            Ok(())
        }
    }
}
