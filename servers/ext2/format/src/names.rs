//! Creating, linking and removing.

use crate::device::BlockDevice;
use crate::directory::check_name;
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{FileKind, INLINE_BYTES, Inode, InodeNumber, ROOT_INODE, Time};

/// The most links that an inode may have; a directory has one for each subdirectory.
pub const MAXIMUM_LINKS: u16 = 32_000;

/// What a new inode starts with.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// Permission bits (`07777`), after the umask.
    pub permissions: u16,
    /// Owner.
    pub user: u32,
    /// Owning group.
    pub group: u32,
    /// All three times.
    pub now: Time,
}

/// What to create.
#[derive(Clone, Copy, Debug)]
pub enum NewNode<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to this target.
    SymbolicLink(&'a [u8]),
    /// A character device node: major, minor.
    CharacterDevice(u32, u32),
    /// A block device node: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl NewNode<'_> {
    fn kind(&self) -> FileKind {
        match self {
            NewNode::Regular => FileKind::Regular,
            NewNode::Directory => FileKind::Directory,
            NewNode::SymbolicLink(_) => FileKind::SymbolicLink,
            NewNode::CharacterDevice(..) => FileKind::CharacterDevice,
            NewNode::BlockDevice(..) => FileKind::BlockDevice,
            NewNode::Fifo => FileKind::Fifo,
            NewNode::Socket => FileKind::Socket,
        }
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// A directory that takes new entries: not one that was removed while open.
    pub(crate) fn live_directory(&mut self, number: InodeNumber) -> Result<Inode, Error> {
        let directory = self.directory(number)?;
        if directory.links == 0 {
            Err(Error::NotFound)
        } else {
            Ok(directory)
        }
    }

    /// Creates `name` in directory `parent` (`open` with `O_CREAT`, `mkdir`, `symlink`, `mknod`).
    ///
    /// # Errors
    /// `Exists`, `NotFound` (the directory was removed), `NotDirectory`, `NoSpace`, `Invalid`
    /// and `NameTooLong` (the name or the link target), `TooManyLinks`, `ReadOnly`.
    pub fn create(
        &mut self,
        parent: InodeNumber,
        name: &[u8],
        node: NewNode<'_>,
        attributes: Attributes,
    ) -> Result<InodeNumber, Error> {
        self.check_writable(attributes.now)?;
        self.relieve_pending()?;
        check_name(name)?;
        if let NewNode::SymbolicLink(target) = node {
            self.check_target(target)?;
        }
        let mut directory = self.live_directory(parent)?;
        if self.find_entry(&directory, name)?.is_some() {
            return Err(Error::Exists);
        }
        let kind = node.kind();
        if kind == FileKind::Directory && directory.links >= MAXIMUM_LINKS {
            return Err(Error::TooManyLinks);
        }
        let slot = self.prepare_slot(parent, &mut directory, name)?;
        let number = self.make_inode(parent, node, attributes)?;
        self.add_entry(parent, slot, name, number, kind)?;
        if kind == FileKind::Directory {
            let first = u64::from(self.inode(number)?.pointers[0]);
            self.unsynced.note_reached_through(first, &[slot.block]);
        }
        // Room may have been made by a sync, which does not touch the parent; but the new
        // inode may be the parent's neighbour, so the parent is read again.
        self.touch_directory(
            parent,
            attributes.now,
            i32::from(kind == FileKind::Directory),
        )?;
        Ok(number)
    }

    fn check_target(&self, target: &[u8]) -> Result<(), Error> {
        if target.is_empty() || target.contains(&0) {
            return Err(Error::Invalid);
        }
        if target.len() >= self.superblock.block_size as usize {
            return Err(Error::NameTooLong);
        }
        Ok(())
    }

    fn make_inode(
        &mut self,
        parent: InodeNumber,
        node: NewNode<'_>,
        attributes: Attributes,
    ) -> Result<InodeNumber, Error> {
        let mut inode = Inode::new(node.kind());
        inode.permissions = attributes.permissions & 0o7777;
        inode.user = attributes.user;
        inode.group = attributes.group;
        inode.accessed = attributes.now;
        inode.modified = attributes.now;
        inode.changed = attributes.now;
        inode.links = if inode.kind == FileKind::Directory {
            2
        } else {
            1
        };
        if let NewNode::CharacterDevice(major, minor) | NewNode::BlockDevice(major, minor) = node {
            inode.set_device_numbers(major, minor);
        }
        let number = self.allocate_inode(parent, &mut inode)?;
        let filled = match node {
            NewNode::SymbolicLink(target) => self.set_target(number, &mut inode, target),
            NewNode::Directory => self.start_directory(number, &mut inode, parent),
            _ => Ok(()),
        };
        if let Err(error) = filled {
            // No name leads to it yet: back it goes.
            inode.links = 0;
            self.store_inode(number, &inode)?;
            self.orphans.push(number);
            self.release(number, attributes.now)?;
            return Err(error);
        }
        Ok(number)
    }

    fn set_target(
        &mut self,
        number: InodeNumber,
        inode: &mut Inode,
        target: &[u8],
    ) -> Result<(), Error> {
        let size = target.len() as u64;
        if target.len() < INLINE_BYTES {
            for (pointer, bytes) in inode.pointers.iter_mut().zip(target.chunks(4)) {
                let mut word = [0; 4];
                word[..bytes.len()].copy_from_slice(bytes);
                *pointer = u32::from_le_bytes(word);
            }
            inode.size = size;
            return self.store_inode(number, inode);
        }
        // The size tells where the target is kept, so it comes before the block.
        inode.size = size;
        self.store_inode(number, inode)?;
        let allocated = self.allocate(number, 0, 1);
        let Ok(Some(block)) = allocated.map(|extents| extents.first().and_then(|e| e.disk_block))
        else {
            inode.size = 0;
            return Err(Error::NoSpace);
        };
        let block = u64::from(block);
        self.cache.create(block)?[..target.len()].copy_from_slice(target);
        self.cache.order(block, self.inode_block(number)?)?;
        *inode = self.inode(number)?;
        self.store_inode(number, inode)
    }

    /// Updates a directory's times after its entries changed, and its link count by `links`.
    pub(crate) fn touch_directory(
        &mut self,
        number: InodeNumber,
        now: Time,
        links: i32,
    ) -> Result<(), Error> {
        let mut directory = self.inode(number)?;
        directory.modified = now;
        directory.changed = now;
        directory.links = (i32::from(directory.links) + links).clamp(0, i32::from(u16::MAX)) as u16;
        self.store_inode(number, &directory)
    }

    /// Gives inode `number` another name.
    ///
    /// # Errors
    /// `IsDirectory`, `Exists`, `TooManyLinks`, `NotFound` (it has no name any more), and those
    /// of [`FileSystem::create`].
    pub fn link(
        &mut self,
        parent: InodeNumber,
        name: &[u8],
        number: InodeNumber,
        now: Time,
    ) -> Result<(), Error> {
        self.check_writable(now)?;
        self.relieve_pending()?;
        check_name(name)?;
        let inode = self.inode(number)?;
        if inode.kind == FileKind::Directory {
            return Err(Error::IsDirectory);
        }
        if inode.links == 0 {
            return Err(Error::NotFound);
        }
        if inode.links >= MAXIMUM_LINKS {
            return Err(Error::TooManyLinks);
        }
        let mut directory = self.live_directory(parent)?;
        if self.find_entry(&directory, name)?.is_some() {
            return Err(Error::Exists);
        }
        let slot = self.prepare_slot(parent, &mut directory, name)?;
        self.change_links(number, 1, now)?;
        self.add_entry(parent, slot, name, number, inode.kind)?;
        self.unsynced.note_entered(number, slot.block);
        self.touch_directory(parent, now, 0)
    }

    pub(crate) fn change_links(
        &mut self,
        number: InodeNumber,
        by: i32,
        now: Time,
    ) -> Result<Inode, Error> {
        let mut inode = self.inode(number)?;
        inode.links = (i32::from(inode.links) + by).clamp(0, i32::from(u16::MAX)) as u16;
        inode.changed = now;
        self.store_inode(number, &inode)?;
        Ok(inode)
    }

    /// Removes `name`, which is not a directory. Returns the inode when that was its last
    /// name: the caller calls [`FileSystem::release`] once nobody has it open.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`, `ReadOnly`.
    pub fn unlink(
        &mut self,
        parent: InodeNumber,
        name: &[u8],
        now: Time,
    ) -> Result<Option<InodeNumber>, Error> {
        self.check_writable(now)?;
        check_name(name)?;
        let mut directory = self.directory(parent)?;
        self.leave_hashed_mode(parent, &mut directory)?;
        let (number, position) = self.find_entry(&directory, name)?.ok_or(Error::NotFound)?;
        if self.inode(number)?.kind == FileKind::Directory {
            return Err(Error::IsDirectory);
        }
        self.keep_reachable(number, position.block)?;
        self.remove_entry(parent, name, position)?;
        self.touch_directory(parent, now, 0)?;
        self.drop_link(number, position.block, now)
    }

    /// Takes one link away after the entry in `entry_block` went, in write order too.
    pub(crate) fn drop_link(
        &mut self,
        number: InodeNumber,
        entry_block: u64,
        now: Time,
    ) -> Result<Option<InodeNumber>, Error> {
        self.cache.order(entry_block, self.inode_block(number)?)?;
        let inode = self.inode(number)?;
        // A directory's own `.` goes with it.
        let by = if inode.kind == FileKind::Directory {
            -i32::from(inode.links)
        } else {
            -1
        };
        let inode = self.change_links(number, by, now)?;
        if inode.links > 0 || self.orphans.contains(&number) {
            return Ok(None);
        }
        self.orphans.push(number);
        Ok(Some(number))
    }

    /// Removes the empty directory `name`. The result is as for [`FileSystem::unlink`].
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NotEmpty`, `Invalid` (for `.` and `..`), `ReadOnly`.
    pub fn remove_directory(
        &mut self,
        parent: InodeNumber,
        name: &[u8],
        now: Time,
    ) -> Result<Option<InodeNumber>, Error> {
        self.check_writable(now)?;
        check_name(name)?;
        let mut directory = self.directory(parent)?;
        self.leave_hashed_mode(parent, &mut directory)?;
        let (number, position) = self.find_entry(&directory, name)?.ok_or(Error::NotFound)?;
        let victim = self.directory(number)?;
        if number == ROOT_INODE || number == parent {
            return Err(Error::Corrupt("a directory contains itself"));
        }
        if !self.is_empty(&victim)? {
            return Err(Error::NotEmpty);
        }
        self.remove_entry(parent, name, position)?;
        self.touch_directory(parent, now, -1)?;
        self.drop_link(number, position.block, now)
    }
}
