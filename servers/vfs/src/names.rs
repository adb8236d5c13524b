//! Making, removing and renaming names.

use alloc::vec::Vec;
use proto::Error;
use proto::types::file_type;

use crate::kernel::Kernel;
use crate::permission::Caller;
use crate::server::Server;
use crate::walk::{Found, Place, View};

/// `AT_REMOVEDIR`.
const REMOVE_DIRECTORY: u32 = 0x200;
/// `AT_SYMLINK_FOLLOW`.
const SYMLINK_FOLLOW: u32 = 0x400;
/// Flags of `rename`: 1 = no replace, 2 = exchange.
const RENAME_FLAGS: u32 = 3;

impl<K: Kernel> Server<K> {
    /// Where a new name goes: its directory and the name.
    fn new_name(
        &self,
        view: View,
        path: &[u8],
        is_directory: bool,
        caller: &Caller,
    ) -> Result<(Place, Vec<u8>), Error> {
        match self.resolve(view, path, false, caller)? {
            Found::Existing { .. } => Err(Error::Exists),
            // Only a directory's name may end in a slash.
            Found::Missing { slash: true, .. } if !is_directory => Err(Error::NotFound),
            Found::Missing {
                directory, name, ..
            } => Ok((directory, name)),
        }
    }

    /// `mkdir`, `mkfifo`, `mknod`.
    pub(crate) fn make(
        &mut self,
        view: View,
        path: &[u8],
        mode: u32,
        device: u64,
        caller: &Caller,
    ) -> Result<(), Error> {
        let kind = mode & file_type::MASK;
        let is_directory = kind == file_type::DIRECTORY;
        match kind {
            file_type::DIRECTORY | file_type::REGULAR | file_type::FIFO | file_type::SOCKET => {}
            file_type::CHARACTER | file_type::BLOCK => caller.require_root()?,
            _ => return Err(Error::BadArgument),
        }
        let (directory, name) = self.new_name(view, path, is_directory, caller)?;
        let mode = kind | (mode & 0o7777 & !caller.credentials().umask);
        let backend = &self.mounted(directory.mount)?.backend;
        backend.create(directory.node, mode, device, &name, caller)?;
        Ok(())
    }

    /// `symlink`.
    pub(crate) fn make_link_to(
        &mut self,
        view: View,
        target: &[u8],
        path: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        if target.is_empty() {
            return Err(Error::NotFound);
        }
        let (directory, name) = self.new_name(view, path, false, caller)?;
        let backend = &self.mounted(directory.mount)?.backend;
        backend.make_symlink(directory.node, &name, target, caller)
    }

    /// `unlink` and `rmdir`.
    pub(crate) fn remove(
        &mut self,
        view: View,
        path: &[u8],
        at: u32,
        caller: &Caller,
    ) -> Result<(), Error> {
        if at & !REMOVE_DIRECTORY != 0 {
            return Err(Error::BadArgument);
        }
        let is_directory = at & REMOVE_DIRECTORY != 0;
        let (directory, name) = self.resolve_parent(view, path, caller)?;
        match name {
            b"" if is_directory => return Err(Error::Busy),
            b"" => return Err(Error::IsDirectory),
            b"." if is_directory => return Err(Error::BadArgument),
            b".." if is_directory => return Err(Error::NotEmpty),
            b"." | b".." => return Err(Error::IsDirectory),
            _ => {}
        }
        let backend = &self.mounted(directory.mount)?.backend;
        if path.ends_with(b"/") && !is_directory {
            let (_, attributes) = self.resolve(view, path, false, caller)?.existing()?;
            let directory = attributes.mode & file_type::MASK == file_type::DIRECTORY;
            return Err(if directory {
                Error::IsDirectory
            } else {
                Error::NotDirectory
            });
        }
        backend.unlink(directory.node, is_directory, name, caller)
    }

    /// `rename`.
    pub(crate) fn rename_path(
        &mut self,
        from: (View, &[u8]),
        to: (View, &[u8]),
        flags: u32,
        caller: &Caller,
    ) -> Result<(), Error> {
        if flags & !RENAME_FLAGS != 0 || flags == RENAME_FLAGS {
            return Err(Error::BadArgument);
        }
        let (old_directory, old) = self.resolve_parent(from.0, from.1, caller)?;
        let (new_directory, new) = self.resolve_parent(to.0, to.1, caller)?;
        for name in [old, new] {
            if matches!(name, b"" | b"." | b"..") {
                return Err(Error::Busy);
            }
        }
        if old_directory.mount != new_directory.mount {
            return Err(Error::CrossDevice);
        }
        if from.1.ends_with(b"/") || to.1.ends_with(b"/") {
            // A slash after either name asks for a directory.
            let (_, attributes) = self.resolve(from.0, from.1, false, caller)?.existing()?;
            if attributes.mode & file_type::MASK != file_type::DIRECTORY {
                return Err(Error::NotDirectory);
            }
        }
        let backend = &self.mounted(old_directory.mount)?.backend;
        backend.rename(
            (old_directory.node, old),
            (new_directory.node, new),
            flags,
            caller,
        )
    }

    /// `link`.
    pub(crate) fn link_path(
        &mut self,
        from: (View, &[u8]),
        to: (View, &[u8]),
        at: u32,
        caller: &Caller,
    ) -> Result<(), Error> {
        if at & !SYMLINK_FOLLOW != 0 {
            return Err(Error::BadArgument);
        }
        let follow = at & SYMLINK_FOLLOW != 0;
        let (file, attributes) = self.resolve(from.0, from.1, follow, caller)?.existing()?;
        if attributes.mode & file_type::MASK == file_type::DIRECTORY {
            return Err(Error::NotPermitted);
        }
        let (directory, name) = self.new_name(to.0, to.1, false, caller)?;
        if file.mount != directory.mount {
            return Err(Error::CrossDevice);
        }
        let backend = &self.mounted(file.mount)?.backend;
        backend.link(file.node, directory.node, &name, caller)
    }
}
