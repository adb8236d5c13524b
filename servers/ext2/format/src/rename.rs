//! Renaming.

use crate::device::BlockDevice;
use crate::directory::{Position, check_name};
use crate::error::Error;
use crate::file_system::FileSystem;
use crate::inode::{FileKind, Inode, InodeNumber, ROOT_INODE, Time};
use crate::names::MAXIMUM_LINKS;

/// What [`FileSystem::rename`] works on, looked up and checked.
struct Renaming {
    number: InodeNumber,
    inode: Inode,
    /// The entry that the new name has already.
    target: Option<(InodeNumber, Position)>,
    /// A directory goes to another parent.
    moves_directory: bool,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Renames `old_name` in `old_parent` to `new_name` in `new_parent` (POSIX `rename`),
    /// replacing what has the new name unless `no_replace`. Returns the replaced inode when
    /// that was its last name, as [`FileSystem::unlink`] does.
    ///
    /// # Errors
    /// `NotFound`, `Exists` (`no_replace`), `IsDirectory` and `NotDirectory` (old and new differ
    /// in kind), `NotEmpty`, `Invalid` (a directory into itself; `.` or `..`), `TooManyLinks`,
    /// `NoSpace`, `ReadOnly`.
    pub fn rename(
        &mut self,
        old_parent: InodeNumber,
        old_name: &[u8],
        new_parent: InodeNumber,
        new_name: &[u8],
        no_replace: bool,
        now: Time,
    ) -> Result<Option<InodeNumber>, Error> {
        self.check_writable(now)?;
        self.relieve_pending()?;
        check_name(old_name)?;
        check_name(new_name)?;
        let mut old_directory = self.directory(old_parent)?;
        self.leave_hashed_mode(old_parent, &mut old_directory)?;
        let renaming = self.check_rename(old_parent, old_name, new_parent, new_name)?;
        match renaming.target {
            Some(_) if no_replace => return Err(Error::Exists),
            Some((number, _)) if number == renaming.number => return Ok(None),
            _ => {}
        }
        let new_block = self.enter_new_name(&renaming, new_parent, new_name, now)?;
        // The new name is on disk before the old one goes: a crash may leave both.
        let old_directory = self.directory(old_parent)?;
        let (_, position) = self
            .find_entry(&old_directory, old_name)?
            .ok_or(Error::NotFound)?;
        self.unsynced.note_entered(renaming.number, new_block);
        self.keep_reachable(renaming.number, position.block)?;
        self.remove_entry(old_parent, old_name, position)?;
        self.leave_old_name(&renaming, old_parent, new_parent, position, new_block)?;
        self.finish_rename(&renaming, old_parent, new_parent, new_block, now)
    }

    fn check_rename(
        &mut self,
        old_parent: InodeNumber,
        old_name: &[u8],
        new_parent: InodeNumber,
        new_name: &[u8],
    ) -> Result<Renaming, Error> {
        let old_directory = self.directory(old_parent)?;
        let (number, _) = self
            .find_entry(&old_directory, old_name)?
            .ok_or(Error::NotFound)?;
        let inode = self.inode(number)?;
        let new_directory = self.live_directory(new_parent)?;
        let target = self.find_entry(&new_directory, new_name)?;
        let is_directory = inode.kind == FileKind::Directory;
        let moves_directory = is_directory && old_parent != new_parent;
        if moves_directory && self.is_inside(new_parent, number)? {
            return Err(Error::Invalid);
        }
        if let Some((other, _)) = target
            && other != number
        {
            let replaced = self.inode(other)?;
            match (is_directory, replaced.kind == FileKind::Directory) {
                (true, false) => return Err(Error::NotDirectory),
                (false, true) => return Err(Error::IsDirectory),
                (true, true) if !self.is_empty(&replaced)? => return Err(Error::NotEmpty),
                _ => {}
            }
        }
        if moves_directory && target.is_none() && new_directory.links >= MAXIMUM_LINKS {
            return Err(Error::TooManyLinks);
        }
        if !is_directory && inode.links == u16::MAX {
            return Err(Error::TooManyLinks);
        }
        Ok(Renaming {
            number,
            inode,
            target,
            moves_directory,
        })
    }

    /// Lets the new name lead to the inode; returns the block of the entry.
    ///
    /// A file has one link more from here until the old name is gone, so that no order of
    /// crash and removal frees an inode that has a name.
    fn enter_new_name(
        &mut self,
        renaming: &Renaming,
        new_parent: InodeNumber,
        new_name: &[u8],
        now: Time,
    ) -> Result<u64, Error> {
        let (number, kind) = (renaming.number, renaming.inode.kind);
        let mut new_directory = self.live_directory(new_parent)?;
        self.leave_hashed_mode(new_parent, &mut new_directory)?;
        let slot = match renaming.target {
            None => Some(self.prepare_slot(new_parent, &mut new_directory, new_name)?),
            Some(_) => None,
        };
        let extra = i32::from(kind != FileKind::Directory);
        self.change_links(number, extra, now)?;
        if renaming.moves_directory {
            self.redirect_parent(number, new_parent)?;
        }
        match (slot, renaming.target) {
            (Some(slot), _) => {
                self.add_entry(new_parent, slot, new_name, number, kind)?;
                Ok(slot.block)
            }
            (None, Some((_, position))) => {
                self.redirect_entry(position, number, kind)?;
                Ok(position.block)
            }
            (None, None) => Err(Error::NotFound),
        }
    }

    /// Lets `..` of a moved directory name its new parent.
    fn redirect_parent(
        &mut self,
        number: InodeNumber,
        new_parent: InodeNumber,
    ) -> Result<(), Error> {
        let mut moved = self.directory(number)?;
        self.leave_hashed_mode(number, &mut moved)?;
        let Some((_, position)) = self.find_entry(&moved, b"..")? else {
            return Err(Error::Corrupt("a directory has no parent entry"));
        };
        self.redirect_entry(position, new_parent, FileKind::Directory)
    }

    /// Takes back the extra link of a file that now has its new name only.
    fn leave_old_name(
        &mut self,
        renaming: &Renaming,
        old_parent: InodeNumber,
        new_parent: InodeNumber,
        position: Position,
        new_block: u64,
    ) -> Result<(), Error> {
        if renaming.inode.kind != FileKind::Directory {
            // In one block both names change in one write, which needs no order; else the
            // removal is on disk before the link count falls.
            if position.block != new_block {
                self.cache
                    .order(position.block, self.inode_block(renaming.number)?)?;
            }
            self.change_links(renaming.number, -1, self.now)?;
        }
        let moved = i32::from(renaming.moves_directory);
        self.touch_directory(old_parent, self.now, -moved)?;
        let gained = if renaming.target.is_some() { 0 } else { moved };
        self.touch_directory(new_parent, self.now, gained)
    }

    /// Drops the inode that had the new name.
    fn finish_rename(
        &mut self,
        renaming: &Renaming,
        old_parent: InodeNumber,
        new_parent: InodeNumber,
        new_block: u64,
        now: Time,
    ) -> Result<Option<InodeNumber>, Error> {
        let Some((replaced, _)) = renaming.target else {
            return Ok(None);
        };
        let was_directory = renaming.inode.kind == FileKind::Directory;
        if was_directory && old_parent == new_parent {
            // Two subdirectories became one.
            self.touch_directory(new_parent, now, -1)?;
        }
        self.drop_link(replaced, new_block, now)
    }

    /// Whether directory `inner` is `outer` or lies below it.
    fn is_inside(&mut self, inner: InodeNumber, outer: InodeNumber) -> Result<bool, Error> {
        let mut current = inner;
        for _ in 0..=self.superblock.inodes_count {
            if current == outer {
                return Ok(true);
            }
            if current == ROOT_INODE {
                return Ok(false);
            }
            current = self.lookup(current, b"..")?;
        }
        Err(Error::Corrupt("the directory tree has a cycle"))
    }
}
