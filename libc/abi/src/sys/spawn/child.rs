//! The making of a spawned child, all in the parent: its file actions become a list of handles that
//! the process server puts into the child's table before it runs. What they open is opened here,
//! with the same ids, root and umask that the child would have had.

use super::super::support::{Error, Result, text};
use super::super::{execute, scheduling};
use super::{Action, Actions, Attributes, Kind, flag};
use alloc::vec::Vec;
use core::ffi::c_int;
use kernel_abi::Handle;
use kernel_abi::process::SPAWN_MASK_OF_CALLER;
use libc_posix::names::{self, Base};
use libc_posix::process;
use libc_rt::kernel;
use proto::types::{Plain, SpawnAction, SpawnAttributes, open_flags, spawn_flags};

/// What the child's table is to become.
struct Table {
    changes: Vec<SpawnAction>,
    /// Handles that were opened for the child.
    opened: Vec<Handle>,
    /// The child's working directory, if it changes.
    working: Base,
}

impl Drop for Table {
    fn drop(&mut self) {
        for handle in &self.opened {
            let _ = kernel::handle_close(*handle);
        }
    }
}

impl Table {
    fn change(&mut self, target: c_int, source: u32) -> Result<()> {
        self.changes.try_reserve(1).map_err(|_| Error::NoMemory)?;
        let target = target as u32;
        self.changes.push(SpawnAction { target, source });
        Ok(())
    }

    /// The handle of this process that a descriptor of the child stands for at this point.
    fn source(&self, fd: c_int) -> Result<u32> {
        let fd = fd as u32;
        for change in self.changes.iter().rev() {
            match change.source {
                SpawnAction::CLOSE if change.target == fd => return Err(Error::BadHandle),
                SpawnAction::CLOSE_FROM if change.target <= fd => return Err(Error::BadHandle),
                SpawnAction::CLOSE | SpawnAction::CLOSE_FROM => {}
                source if change.target == fd => return Ok(source),
                _ => {}
            }
        }
        if fd >= Handle::HIGH_BASE {
            return Err(Error::BadHandle);
        }
        kernel::handle_info(Handle(fd))
            .map(|_| fd)
            .map_err(Error::from)
    }

    fn open(&mut self, path: &[u8], flags: u32, mode: u32) -> Result<u32> {
        self.opened.try_reserve(1).map_err(|_| Error::NoMemory)?;
        let handle = names::open_high_with(self.working, path, flags, mode)?;
        self.opened.push(handle);
        Ok(handle.0)
    }

    fn enter(&mut self, directory: u32) -> Result<()> {
        self.working = Base::Held(Handle(directory));
        self.change(Handle::WORKING_DIRECTORY.0 as c_int, directory)
    }

    /// One file action.
    unsafe fn act(&mut self, action: *mut Action) -> Result<()> {
        const SEARCH: u32 = 1;
        const EFFECTIVE_IDS: u32 = 0x200;
        const DIRECTORY: u32 = open_flags::DIRECTORY | open_flags::PATH;
        // SAFETY: the action is live, with its path behind it.
        let (kind, path) = unsafe { ((*action).kind, text(Action::path(action))) };
        match kind {
            // POSIX: closing what is not open is no error here.
            Kind::Close(fd) => self.change(fd, SpawnAction::CLOSE),
            Kind::CloseFrom(first) => self.change(first, SpawnAction::CLOSE_FROM),
            Kind::Duplicate(from, to) => {
                let source = self.source(from)?;
                self.change(to, source)
            }
            Kind::Open(fd, flags, mode) => {
                let source = self.open(path, flags as u32, mode)?;
                match flags as u32 & open_flags::CLOSE_ON_EXEC {
                    0 => self.change(fd, source),
                    // It is gone before the program starts.
                    _ => self.change(fd, SpawnAction::CLOSE),
                }
            }
            Kind::Directory => {
                names::access(self.working, path, SEARCH, EFFECTIVE_IDS)?;
                let directory = self.open(path, DIRECTORY, 0)?;
                self.enter(directory)
            }
            Kind::DirectoryOf(fd) => {
                let source = self.source(fd)?;
                let base = Base::Held(Handle(source));
                names::access(base, b".", SEARCH, EFFECTIVE_IDS).map_err(|error| match error {
                    Error::AccessDenied => error,
                    // Nothing but a directory has names in it.
                    _ => Error::NotDirectory,
                })?;
                self.enter(source)
            }
        }
    }

    unsafe fn of(actions: Option<&Actions>) -> Result<Table> {
        let mut table = Table {
            changes: Vec::new(),
            opened: Vec::new(),
            working: Base::Descriptor(names::WORKING_DIRECTORY),
        };
        let mut entry = actions.map_or(core::ptr::null_mut(), |actions| actions.first);
        while !entry.is_null() {
            // SAFETY: the list is the caller's.
            entry = unsafe {
                table.act(entry)?;
                (*entry).next
            };
        }
        Ok(table)
    }
}

/// Flags and attributes as the process server takes them.
fn request(attributes: Option<&Attributes>) -> Result<(u32, SpawnAttributes)> {
    let mut flags = 0;
    let mut request = SpawnAttributes {
        mask: SPAWN_MASK_OF_CALLER,
        ..SpawnAttributes::default()
    };
    let Some(attributes) = attributes else {
        return Ok((flags, request));
    };
    let wanted = |flag: i32| attributes.flags & flag != 0;
    for (ours, theirs) in [
        (flag::RESET_IDS, spawn_flags::RESET_IDS),
        (flag::SET_GROUP, spawn_flags::SET_GROUP),
        (flag::SET_SESSION, spawn_flags::SET_SESSION),
    ] {
        if wanted(ours) {
            flags |= theirs;
        }
    }
    if wanted(flag::SET_GROUP) {
        request.group = u64::try_from(attributes.group).map_err(|_| Error::BadArgument)?;
    }
    if wanted(flag::SET_MASK) {
        request.mask = attributes.mask[0] & !super::super::signal::INTERNAL;
    }
    if wanted(flag::SET_DEFAULT) {
        request.defaults = attributes.default[0];
    }
    if wanted(flag::SET_SCHEDULER) || wanted(flag::SET_PRIORITY) {
        flags |= spawn_flags::SET_PRIORITY;
        let policy = match wanted(flag::SET_SCHEDULER) {
            true => attributes.policy,
            false => scheduling::sched_getscheduler(0),
        };
        request.priority = scheduling::encode(policy, attributes.priority)?;
    }
    Ok((flags, request))
}

fn encoded(request: &SpawnAttributes, changes: &[SpawnAction]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = SpawnAttributes::SIZE + changes.len() * SpawnAction::SIZE;
    bytes
        .try_reserve_exact(length)
        .map_err(|_| Error::NoMemory)?;
    bytes.resize(length, 0);
    let (first, rest) = bytes.split_at_mut(SpawnAttributes::SIZE);
    request.encode(first).ok_or(Error::BadArgument)?;
    for (change, place) in changes.iter().zip(rest.chunks_mut(SpawnAction::SIZE)) {
        change.encode(place).ok_or(Error::BadArgument)?;
    }
    Ok(bytes)
}

/// Spawns: the child's id.
///
/// # Safety
/// Objects were initialised, vectors end with null pointers.
pub unsafe fn spawn(
    file: &[u8],
    actions: Option<&Actions>,
    attributes: Option<&Attributes>,
    vectors: execute::Vectors,
    in_path: bool,
) -> Result<u64> {
    let (flags, request) = request(attributes)?;
    // SAFETY: the caller's.
    let table = unsafe { Table::of(actions)? };
    let bytes = encoded(&request, &table.changes)?;
    let mut id = 0;
    let mut carry = |program, path: &[u8], arguments: &[u8], environment: &[u8]| {
        id = process::spawn(program, flags, [path, arguments, environment], &bytes)?;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe {
        if in_path {
            execute::search(file, table.working, vectors, &mut carry)?;
        } else {
            let place = execute::Place {
                directory: table.working,
                path: file,
                working: table.working,
                no_follow: false,
            };
            execute::execute(place, vectors, &mut carry)?;
        }
    }
    Ok(id)
}
