//! Names: everything that takes a path.

use crate::descriptor::session;
use crate::{Error, Result};
use kernel_abi::Handle;
use libc_rt::Session;
use proto::types::{Attributes, FileSystemStatus, Plain, open_flags};
use proto::{Answer, directory};

/// `AT_FDCWD`.
pub const WORKING_DIRECTORY: i32 = -100;
/// `AT_SYMLINK_NOFOLLOW`.
pub const NO_FOLLOW: u32 = 0x100;
/// `AT_REMOVEDIR`.
pub const REMOVE_DIRECTORY: u32 = 0x200;
/// `AT_EMPTY_PATH`.
pub const EMPTY_PATH: u32 = 0x1000;
/// Longest path, with its NUL.
pub const PATH_MAX: usize = 4096;

/// Where a relative path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A descriptor, or [`WORKING_DIRECTORY`].
    Descriptor(i32),
    /// A handle of the runtime's, which no program may name.
    Held(Handle),
}

impl From<i32> for Base {
    fn from(descriptor: i32) -> Base {
        Base::Descriptor(descriptor)
    }
}

/// The session a path starts from.
pub fn start(directory: impl Into<Base>, path: &[u8]) -> Result<Session> {
    if path.len() >= PATH_MAX {
        return Err(Error::NameTooLong);
    }
    match directory.into() {
        _ if path.first() == Some(&b'/') => Ok(Session::ROOT),
        Base::Descriptor(WORKING_DIRECTORY) => Ok(Session::WORKING),
        Base::Descriptor(descriptor) => session(descriptor),
        Base::Held(handle) => Ok(Session::new(handle)),
    }
}

/// Opens a file as the lowest free descriptor.
pub fn open(directory: i32, path: &[u8], flags: u32, mode: u32) -> Result<i32> {
    let kept = crate::descriptor::kept_flags(flags);
    let from = start(directory, path)?.giving_descriptors_with(kept as u32);
    let flags = flags & !open_flags::CLOSE_ON_FORK;
    let answer = directory::open(&from, flags, mode & 0o7777, path, &[])?;
    Ok(answer.handles[0].0 as i32)
}

/// Opens a file as a handle of the runtime's.
pub fn open_high(directory: impl Into<Base>, path: &[u8], flags: u32) -> Result<Handle> {
    open_high_with(directory, path, flags, 0)
}

/// The same, with a mode for a file that is created.
pub fn open_high_with(
    directory: impl Into<Base>,
    path: &[u8],
    flags: u32,
    mode: u32,
) -> Result<Handle> {
    let from = start(directory, path)?;
    let answer = directory::open(&from, flags, mode & 0o7777, path, &[])?;
    Ok(answer.handles[0])
}

/// What a path names.
pub fn status(directory: i32, path: &[u8], at: u32) -> Result<Attributes> {
    if path.is_empty() && at & EMPTY_PATH != 0 && directory != WORKING_DIRECTORY {
        return crate::descriptor::status(directory);
    }
    let mut bytes = [0; Attributes::SIZE];
    directory::status(&start(directory, path)?, at, path, &mut bytes, &[])?;
    Attributes::decode(&bytes).ok_or(Error::BadMessage)
}

/// Makes a directory.
pub fn make_directory(directory: i32, path: &[u8], mode: u32) -> Result<()> {
    done(directory::make_directory(
        &start(directory, path)?,
        mode & 0o7777,
        path,
        &[],
    ))
}

/// Makes a FIFO, special or regular file.
pub fn make_node(directory: i32, path: &[u8], mode: u32, device: u64) -> Result<()> {
    done(directory::make_node(
        &start(directory, path)?,
        mode,
        device,
        path,
        &[],
    ))
}

/// Removes a name.
pub fn unlink(directory: i32, path: &[u8], at: u32) -> Result<()> {
    done(directory::unlink(&start(directory, path)?, at, path, &[]))
}

/// `renameat2`.
pub fn rename(from: i32, old: &[u8], to: i32, new: &[u8], flags: u32) -> Result<()> {
    let target = start(to, new)?.handle();
    done(directory::rename(
        &start(from, old)?,
        flags,
        old,
        new,
        &[target],
    ))
}

/// `linkat`.
pub fn link(from: i32, old: &[u8], to: i32, new: &[u8], at: u32) -> Result<()> {
    let target = start(to, new)?.handle();
    done(directory::link(&start(from, old)?, at, old, new, &[target]))
}

/// `symlinkat`.
pub fn make_symlink(target: &[u8], directory: i32, path: &[u8]) -> Result<()> {
    if target.is_empty() {
        return Err(Error::NotFound);
    }
    done(directory::make_symlink(
        &start(directory, path)?,
        target,
        path,
        &[],
    ))
}

/// `readlinkat`: bytes written.
pub fn read_symlink(directory: i32, path: &[u8], target: &mut [u8]) -> Result<usize> {
    if target.is_empty() {
        return Err(Error::BadArgument);
    }
    directory::read_symlink(&start(directory, path)?, path, target, &[])
        .map(|answer| answer.words[0] as usize)
}

/// Sets attributes of what a path names.
pub fn set_attributes(
    directory: i32,
    path: &[u8],
    at: u32,
    mask: u64,
    attributes: &Attributes,
) -> Result<()> {
    let mut bytes = [0; Attributes::SIZE];
    attributes.encode(&mut bytes).ok_or(Error::BadArgument)?;
    let from = start(directory, path)?;
    done(directory::set_attributes(
        &from,
        at,
        mask,
        path,
        &bytes,
        &[],
    ))
}

/// `faccessat`.
pub fn access(directory: impl Into<Base>, path: &[u8], mode: u32, at: u32) -> Result<()> {
    done(directory::access(
        &start(directory, path)?,
        mode,
        at,
        path,
        &[],
    ))
}

/// Figures of the file system that a path is on.
pub fn file_system_status(path: &[u8]) -> Result<FileSystemStatus> {
    let mut bytes = [0; FileSystemStatus::SIZE];
    let from = start(WORKING_DIRECTORY, path)?;
    directory::file_system_status(&from, path, &mut bytes, &[])?;
    FileSystemStatus::decode(&bytes).ok_or(Error::BadMessage)
}

/// `mount`.
pub fn mount(source: &[u8], target: &[u8], kind: &[u8], flags: u64, data: &[u8]) -> Result<()> {
    let from = start(WORKING_DIRECTORY, target)?;
    done(directory::mount(
        &from,
        flags,
        source,
        target,
        kind,
        data,
        &[],
    ))
}

/// `umount2`.
pub fn unmount(target: &[u8], flags: u32) -> Result<()> {
    done(directory::unmount(
        &start(WORKING_DIRECTORY, target)?,
        flags,
        target,
        &[],
    ))
}

/// `sync`.
pub fn sync_all() -> Result<()> {
    done(directory::sync_all(&Session::ROOT, &[]))
}

/// `getcwd`: bytes written, without NUL.
pub fn working_directory(path: &mut [u8]) -> Result<usize> {
    directory::path(&Session::WORKING, path, &[]).map(|answer| answer.words[0] as usize)
}

/// `chdir`.
pub fn change_directory(path: &[u8]) -> Result<()> {
    access(WORKING_DIRECTORY, path, 1, 0x200)?;
    let flags = open_flags::DIRECTORY | open_flags::PATH;
    let from = start(WORKING_DIRECTORY, path)?.replacing(Handle::WORKING_DIRECTORY);
    done(directory::open(&from, flags, 0, path, &[]))
}

/// `fchdir`.
pub fn change_directory_to(descriptor: i32) -> Result<()> {
    crate::descriptor::require_directory(descriptor)?;
    crate::descriptor::duplicate_exactly(descriptor, Handle::WORKING_DIRECTORY)
}

/// `chroot`.
pub fn change_root(path: &[u8]) -> Result<()> {
    let from = start(WORKING_DIRECTORY, path)?.replacing(Handle::ROOT_DIRECTORY);
    done(directory::change_root(&from, path, &[]))
}

fn done(answer: Result<Answer>) -> Result<()> {
    answer.map(|_| ())
}
