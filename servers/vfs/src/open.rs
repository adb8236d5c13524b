//! `open`.

use kernel_abi::message::status_flags;
use kernel_abi::{Handle, Rights, Signals};
use proto::types::{file_type, open_flags};
use proto::{Answer, Attributes, Credentials, Error, Reply};

use crate::backend::Backend;
use crate::kernel::Kernel;
use crate::opened::{MemoryDevice, Opened};
use crate::permission::{Caller, encode, wanted_by};
use crate::server::Server;
use crate::tree::Special;
use crate::walk::{Found, Place, View};

/// Credentials of this server itself: for a file that was just created, whose permissions do not
/// bind its creator (POSIX `open`).
pub(crate) const OWN: Credentials = Credentials {
    user: 0,
    group: 0,
    group_count: 0,
    umask: 0,
    groups: [0; proto::types::MAX_GROUPS],
};

/// What every open file allows besides reading and writing.
pub(crate) const BASIC_RIGHTS: Rights = Rights::DUPLICATE
    .or(Rights::TRANSFER)
    .or(Rights::WAIT)
    .or(Rights::CALL);

/// An open in the making.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub view: View,
    pub flags: u32,
    pub mode: u32,
    pub caller: &'a Caller,
    pub token: u64,
}

impl Opening<'_> {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }

    /// The kernel's flags of the open object.
    pub(crate) fn status(&self) -> u32 {
        let bit = |flag, bit| if self.has(flag) { bit } else { 0 };
        bit(open_flags::NONBLOCK, status_flags::NONBLOCK)
            | bit(open_flags::APPEND, status_flags::APPEND)
    }

    /// The rights of the handle: reading and writing as the access mode says.
    pub(crate) fn rights(&self) -> Rights {
        let access = match self.flags & open_flags::ACCESS_MODE {
            0 => Rights::READ,
            open_flags::WRITE_ONLY => Rights::WRITE,
            _ => Rights::READ.or(Rights::WRITE),
        };
        BASIC_RIGHTS.or(access)
    }
}

/// An answer with the kind of file and its session.
pub(crate) fn answer(kind: u32, session: Handle) -> Reply {
    Ok(Answer::value(kind.into()).with_handle(session).into())
}

impl<K: Kernel> Server<K> {
    pub(crate) fn open_path(&mut self, opening: Opening<'_>, path: &[u8]) -> Reply {
        if opening.has(open_flags::TEMPORARY | open_flags::DIRECTORY) {
            return self.open_temporary(opening, path);
        }
        let exclusive = opening.has(open_flags::CREATE | open_flags::EXCLUSIVE);
        let follow = !opening.has(open_flags::NO_FOLLOW) && !exclusive;
        match self.resolve(opening.view, path, follow, opening.caller)? {
            Found::Existing { .. } if exclusive => Err(Error::Exists),
            Found::Existing { place, attributes } => self.open_existing(opening, place, attributes),
            Found::Missing { .. } if !opening.has(open_flags::CREATE) => Err(Error::NotFound),
            Found::Missing { slash: true, .. } => Err(Error::IsDirectory),
            Found::Missing {
                directory, name, ..
            } => self.open_new(opening, directory, &name),
        }
    }

    fn open_new(&mut self, opening: Opening<'_>, directory: Place, name: &[u8]) -> Reply {
        let caller = opening.caller;
        let mode = (opening.mode & 0o7777 & !caller.credentials().umask) | file_type::REGULAR;
        let backend = &self.mounted(directory.mount)?.backend;
        let node = backend.create(directory.node, mode, 0, name, caller)?;
        let flags = opening.flags & !(open_flags::CREATE | open_flags::EXCLUSIVE);
        let (kind, session) = backend.open(node, flags, &encode(&OWN))?;
        answer(kind as u32, session)
    }

    /// A file without a name in a directory (`O_TMPFILE`): it gets one and loses it again.
    fn open_temporary(&mut self, opening: Opening<'_>, path: &[u8]) -> Reply {
        if wanted_by(opening.flags) & crate::permission::WRITE == 0 {
            return Err(Error::BadArgument);
        }
        let caller = opening.caller;
        let (place, attributes) = self.resolve(opening.view, path, true, caller)?.existing()?;
        if attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        let name = alloc::format!(".temporary-{:x}", self.opened.badge());
        let mode = (opening.mode & 0o7777 & !caller.credentials().umask) | file_type::REGULAR;
        let backend = &self.mounted(place.mount)?.backend;
        let node = backend.create(place.node, mode, 0, name.as_bytes(), caller)?;
        let not_of_files = open_flags::TEMPORARY
            | open_flags::DIRECTORY
            | open_flags::CREATE
            | open_flags::EXCLUSIVE;
        let opened = backend.open(node, opening.flags & !not_of_files, &encode(&OWN));
        backend.unlink(place.node, false, name.as_bytes(), caller)?;
        let (kind, session) = opened?;
        answer(kind as u32, session)
    }

    fn open_existing(
        &mut self,
        opening: Opening<'_>,
        place: Place,
        attributes: Attributes,
    ) -> Reply {
        let kind = attributes.mode & file_type::MASK;
        if kind != file_type::SYMLINK
            && let Some(Special::Open(slot)) = self.special(place)
        {
            return self.open_slot(opening, slot);
        }
        if opening.has(open_flags::DIRECTORY) && kind != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        let only_place = opening.has(open_flags::PATH);
        match kind {
            file_type::DIRECTORY => self.open_directory(opening, place, &attributes),
            file_type::SYMLINK => Err(Error::TooManySymlinks),
            file_type::REGULAR => self.open_regular(opening, place, attributes),
            _ if only_place => Err(Error::NotSupported),
            file_type::FIFO => {
                opening
                    .caller
                    .check(&attributes, wanted_by(opening.flags))?;
                self.open_pipe(opening, place)
            }
            file_type::CHARACTER | file_type::BLOCK => {
                opening
                    .caller
                    .check(&attributes, wanted_by(opening.flags))?;
                self.open_device(opening, attributes)
            }
            _ => Err(Error::NoDeviceAddress),
        }
    }

    fn open_directory(
        &mut self,
        opening: Opening<'_>,
        place: Place,
        attributes: &Attributes,
    ) -> Reply {
        let writes = matches!(
            opening.flags & open_flags::ACCESS_MODE,
            open_flags::WRITE_ONLY | open_flags::READ_WRITE
        );
        if writes || opening.has(open_flags::CREATE) {
            return Err(Error::IsDirectory);
        }
        opening.caller.check(attributes, wanted_by(opening.flags))?;
        let view = View {
            start: place,
            root: opening.view.root,
        };
        let session = self.directory_session(view)?;
        answer(file_type::DIRECTORY, session)
    }

    /// A session of a directory.
    pub(crate) fn directory_session(&mut self, view: View) -> Result<Handle, Error> {
        let badge = self.opened.badge();
        let session =
            self.kernel
                .session_create(badge, Handle::NONE, 0, BASIC_RIGHTS.or(Rights::READ))?;
        let object = self.kernel.describe(session)?.object;
        // A directory that is open stays, even when its name goes.
        self.mounted(view.start.mount)?
            .backend
            .hold(view.start.node, true)?;
        self.opened.insert(badge, Opened::Directory(view));
        self.opened.name_object(object, badge);
        Ok(session)
    }

    fn open_regular(
        &mut self,
        opening: Opening<'_>,
        place: Place,
        attributes: Attributes,
    ) -> Reply {
        let backend = &self.mounted(place.mount)?.backend;
        let tree = match backend {
            Backend::Remote(_) => {
                let credentials = opening.caller.bytes();
                let (kind, session) = backend.open(place.node, opening.flags, &credentials)?;
                return answer(kind as u32, session);
            }
            Backend::Tree(tree) => tree,
        };
        let wanted = wanted_by(opening.flags);
        opening.caller.check(&attributes, wanted)?;
        if wanted & crate::permission::WRITE != 0 {
            return Err(Error::AccessDenied);
        }
        let content = match tree.special(place.node) {
            Some(Special::About(slot)) => self.slot_text(slot)?,
            Some(Special::SystemV(kind)) => self.system_v_text(kind)?,
            Some(Special::Mappings(slot)) => {
                let text = tree.content(place.node, &self.kernel.system(), 0)?;
                self.with_file_named(text, slot)
            }
            _ => {
                let realtime_ns = self.kernel.realtime_ns();
                tree.content(place.node, &self.kernel.system(), realtime_ns)?
            }
        };
        let cursor = self.kernel.content(&content)?;
        let badge = self.opened.badge();
        let session =
            self.kernel
                .session_create(badge, cursor, opening.status(), opening.rights())?;
        self.opened.insert(badge, Opened::Text(attributes));
        answer(file_type::REGULAR, session)
    }

    fn open_device(&mut self, opening: Opening<'_>, attributes: Attributes) -> Reply {
        let kind = attributes.mode & file_type::MASK;
        let device = attributes.special_device;
        if kind == file_type::CHARACTER
            && let Some(memory) = memory_device(device)
        {
            let badge = self.opened.badge();
            // The kernel settles what needs no thought by itself.
            let data = match memory {
                MemoryDevice::Null => self.kernel.void(false)?,
                MemoryDevice::Zero => self.kernel.void(true)?,
                MemoryDevice::Full | MemoryDevice::Random => Handle::NONE,
            };
            let session =
                self.kernel
                    .session_create(badge, data, opening.status(), opening.rights())?;
            let ready = Signals::READABLE.or(Signals::WRITABLE);
            self.kernel.session_raise(badge, ready)?;
            self.opened
                .insert(badge, Opened::Memory(memory, attributes));
            return answer(kind, session);
        }
        if self.devices.is_supervisor(device) {
            opening.caller.require_root()?;
            let control = self.devices.supervisor().ok_or(Error::NoDeviceAddress)?;
            let session = self.kernel.duplicate(control, Rights::ALL)?;
            return answer(kind, session);
        }
        let session = self
            .devices
            .open(device, opening.flags, &opening.caller.identity)?;
        answer(kind, session)
    }
}

/// The memory device with this number.
fn memory_device(device: u64) -> Option<MemoryDevice> {
    use crate::devices::{FULL, NULL, RANDOM, URANDOM, ZERO};
    match device {
        NULL => Some(MemoryDevice::Null),
        ZERO => Some(MemoryDevice::Zero),
        FULL => Some(MemoryDevice::Full),
        RANDOM | URANDOM => Some(MemoryDevice::Random),
        _ => None,
    }
}
