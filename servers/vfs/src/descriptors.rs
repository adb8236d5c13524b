//! What processes have open, as `/proc/PID/fd` and its like show it: found, named, and opened again.
//!
//! A copy of the handle comes from the process server. Only servers that this one calls anyway are
//! asked about their sessions, which the kernel tells by their endpoints: a session may be anybody's,
//! and who serves it might never answer.

use alloc::format;
use alloc::vec::Vec;
use kernel_abi::memory::protection;
use kernel_abi::object::{HandleInfo, stream_number};
use kernel_abi::{Handle, ObjectKind, Rights};
use proto::types::{Plain, file_type, open_flags};
use proto::{Attributes, Error, Reply, Request, Transport, file, process_entry};

use crate::ROOT_BADGE;
use crate::backend::{Backend, Peer};
use crate::device_tree::device_node;
use crate::devices::{SLAVES, major, minor};
use crate::kernel::Kernel;
use crate::open::{BASIC_RIGHTS, Opening, answer};
use crate::opened::Opened;
use crate::permission::{Caller, READ, WRITE, wanted_by};
use crate::server::Server;
use crate::terminal_tree::slave_node;
use crate::tree::{Slot, Special};
use crate::walk::{Place, View};

/// Serial numbers that tell the objects of a kind apart: the rest of an object's number says what
/// kind it is.
const SERIAL: u64 = (1 << 57) - 1;

/// What is open.
pub(crate) enum Target {
    /// A file that has a place in the name space.
    Place(Place),
    /// Something else.
    Object(Object),
}

/// What has no place in the name space.
pub(crate) struct Object {
    /// As `stat` tells them.
    pub attributes: Attributes,
    /// What a link to it says.
    pub text: Vec<u8>,
}

/// A copy of a process's handle, closed at the end.
struct Taken<'a, K: Kernel> {
    kernel: &'a K,
    handle: Handle,
    info: HandleInfo,
}

impl<K: Kernel> Drop for Taken<'_, K> {
    fn drop(&mut self) {
        self.kernel.close(self.handle);
    }
}

/// A session that is called once, by its handle.
pub(crate) struct Once<'a, K: Kernel>(pub &'a K, pub Handle);

impl<K: Kernel> Transport for Once<'_, K> {
    fn call(&self, request: Request<'_>) -> Result<proto::Answer, Error> {
        self.0.call(self.1, request)
    }
}

impl<K: Kernel> Server<K> {
    /// What is special about a file.
    pub(crate) fn special(&self, place: Place) -> Option<Special> {
        match &self.mounted(place.mount).ok()?.backend {
            Backend::Tree(tree) => tree.special(place.node),
            Backend::Remote(_) => None,
        }
    }

    fn take(&self, slot: Slot) -> Result<Taken<'_, K>, Error> {
        let Slot { process, slot } = slot;
        let taken = process_entry::descriptor(&self.processes, process, slot, &[]);
        let handle = match taken {
            Err(Error::BadHandle | Error::NoProcess) => return Err(Error::NotFound),
            taken => taken?.handles[0],
        };
        let kernel = &self.kernel;
        let info = kernel
            .describe(handle)
            .inspect_err(|_| kernel.close(handle))?;
        Ok(Taken {
            kernel,
            handle,
            info,
        })
    }

    /// What a link of `/proc` leads to; its process's owner and root may know.
    pub(crate) fn slot_target(
        &self,
        link: Place,
        slot: Slot,
        caller: &Caller,
    ) -> Result<Target, Error> {
        let attributes = self.mounted(link.mount)?.backend.status(link.node)?;
        caller.require_owner(&attributes)?;
        let taken = self.take(slot)?;
        let mut target = self.target(&taken)?;
        if let Target::Object(object) = &mut target {
            object.attributes.device = attributes.device;
            (object.attributes.user, object.attributes.group) = (attributes.user, attributes.group);
        }
        Ok(target)
    }

    fn target(&self, taken: &Taken<'_, K>) -> Result<Target, Error> {
        let info = &taken.info;
        if info.kind != ObjectKind::Session as u32 {
            return Ok(Target::Object(kernel_object(info)));
        }
        if info.endpoint == self.kernel.endpoint() {
            return self.own_target(info.object).map(Target::Place);
        }
        let serves = |peer: &Peer| peer.serves(info.endpoint);
        let of_files = self.mounts.iter().any(|mount| match &mount.backend {
            Backend::Remote(peer) => serves(peer),
            Backend::Tree(_) => false,
        });
        let of_devices = self.devices.serve(info.endpoint);
        let of_sockets = self.domains.iter().any(|domain| serves(&domain.server));
        if !of_files && !of_devices && !of_sockets {
            return Ok(Target::Object(kernel_object(info)));
        }
        let mut bytes = [0; Attributes::SIZE];
        if file::status(&Once(&self.kernel, taken.handle), &mut bytes, &[]).is_err() {
            return Ok(Target::Object(kernel_object(info)));
        }
        let found = Attributes::decode(&bytes).ok_or(Error::BadMessage)?;
        if of_sockets {
            return Ok(Target::Object(object(
                file_type::SOCKET,
                found.node,
                "socket",
            )));
        }
        let place = match of_files {
            true => self.place_on(found.device, found.node),
            false => self.place_of_device(found.special_device),
        };
        Ok(place.map_or_else(|| Target::Object(kernel_object(info)), Target::Place))
    }

    /// A file by the device that it is on.
    pub(crate) fn place_on(&self, device: u64, node: u64) -> Option<Place> {
        let mount = self.mounts.iter().find(|mount| mount.device == device)?;
        Some(Place {
            mount: mount.number,
            node,
        })
    }

    /// The file of a device.
    fn place_of_device(&self, device: u64) -> Option<Place> {
        let (kind, node) = match major(device) {
            SLAVES => (&b"devpts"[..], slave_node(minor(device))),
            _ => (&b"devtmpfs"[..], device_node(device)),
        };
        let mount = self.mounts.iter().find(|mount| mount.kind == kind)?;
        mount.backend.status(node).ok()?;
        Some(Place {
            mount: mount.number,
            node,
        })
    }

    /// What a session of this server stands for.
    fn own_target(&self, object: u64) -> Result<Place, Error> {
        let badge = self.badge_of(object).ok_or(Error::NotFound)?;
        if badge == ROOT_BADGE {
            return Ok(self.root);
        }
        match self.opened.get(badge)? {
            Opened::Directory(view) => Ok(view.start),
            Opened::Pipe(place, _) => Ok(place),
            Opened::Memory(_, found) | Opened::Text(found) => {
                let place = self.place_on(found.device, found.node);
                place.ok_or(Error::NotFound)
            }
        }
    }

    /// The badge of a session of this server. Objects of directories are known; the others are looked
    /// at one by one.
    fn badge_of(&self, object: u64) -> Option<u64> {
        let known = self.opened.badge_of_object(object);
        known.or_else(|| {
            let mut badges = self.opened.iter().map(|(badge, _)| badge);
            badges.find(|badge| self.kernel.session_object(*badge) == Ok(object))
        })
    }

    /// What a symbolic link says.
    pub(crate) fn link_text(
        &self,
        view: View,
        link: Place,
        caller: &Caller,
    ) -> Result<Vec<u8>, Error> {
        match self.special(link) {
            Some(Special::Open(slot)) => match self.slot_target(link, slot, caller)? {
                Target::Place(place) => self.path_of_file(place, view.root),
                Target::Object(object) => Ok(object.text),
            },
            Some(Special::CallingThread) => {
                let process = caller.identity.process;
                let thread = match self.kernel.thread_of_call(caller.token)? {
                    1 => process,
                    number => number,
                };
                Ok(format!("{process}/task/{thread}").into_bytes())
            }
            _ => {
                let backend = &self.mounted(link.mount)?.backend;
                backend.read_symlink(link.node, caller)
            }
        }
    }

    /// A path of any file, as far as it has a name.
    fn path_of_file(&self, place: Place, root: Place) -> Result<Vec<u8>, Error> {
        let mount = self.mounted(place.mount)?;
        let attributes = mount.backend.status(place.node)?;
        if attributes.mode & file_type::MASK == file_type::DIRECTORY && attributes.links > 0 {
            return self.path_of(place, root);
        }
        let (name, parent) = match mount.backend.name(place.node) {
            Ok(found) => found,
            // It has lost its name, or whoever knew it.
            Err(Error::NotFound) => (format!("#{}", place.node).into_bytes(), mount.root),
            Err(error) => return Err(error),
        };
        let directory = Place {
            mount: place.mount,
            node: parent,
        };
        let mut path = self.path_of(directory, root)?;
        if !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        if attributes.links == 0 {
            path.extend_from_slice(b" (deleted)");
        }
        Ok(path)
    }

    /// The mode of a symbolic link: that to a descriptor tells what it was opened for, as on Linux.
    pub(crate) fn link_mode(&self, link: Place, mode: u32) -> u32 {
        let Some(Special::Open(slot)) = self.special(link) else {
            return mode;
        };
        let Ok(taken) = self.take(slot) else {
            return mode;
        };
        let rights = Rights(taken.info.rights);
        let bit = |right, bit| if rights.contains(right) { bit } else { 0 };
        match slot.slot < Handle::HIGH_BASE {
            true => {
                file_type::SYMLINK | 0o100 | bit(Rights::READ, 0o400) | bit(Rights::WRITE, 0o200)
            }
            false => mode,
        }
    }

    /// Opens what has no place in the name space: an end of a pipe is shared.
    pub(crate) fn open_slot(&mut self, opening: Opening<'_>, slot: Slot) -> Reply {
        if opening.flags & open_flags::DIRECTORY != 0 {
            return Err(Error::NotDirectory);
        }
        let taken = self.take(slot)?;
        let (handle, info) = (taken.handle, taken.info);
        core::mem::forget(taken);
        let opened = self.reopen(opening, handle, &info);
        self.kernel.close(handle);
        answer(file_type::FIFO, opened?)
    }

    fn reopen(
        &mut self,
        opening: Opening<'_>,
        handle: Handle,
        info: &HandleInfo,
    ) -> Result<Handle, Error> {
        if info.kind != ObjectKind::Stream as u32 {
            return Err(Error::NoDeviceAddress);
        }
        let wanted = wanted_by(opening.flags);
        let mut rights = BASIC_RIGHTS;
        for (bit, right) in [(READ, Rights::READ), (WRITE, Rights::WRITE)] {
            if wanted & bit != 0 {
                rights = rights.or(right);
            }
        }
        let needed = rights.and(Rights::READ.or(Rights::WRITE));
        if !Rights(info.rights).contains(needed) {
            return Err(Error::AccessDenied);
        }
        self.kernel.duplicate(handle, rights)
    }

    /// Adds its path to the mappings of a file, which the text tells by the number of its content. A file
    /// that cannot be found out is not named.
    pub(crate) fn with_file_named(&self, text: Vec<u8>, slot: Slot) -> Vec<u8> {
        match self.content_and_path(slot) {
            Ok((content, path)) => named_lines(&text, content, &path),
            Err(_) => text,
        }
    }

    /// The number of the Memory that is a file's content, and the file's path.
    fn content_and_path(&self, slot: Slot) -> Result<(u64, Vec<u8>), Error> {
        let taken = self.take(slot)?;
        let Target::Place(place) = self.target(&taken)? else {
            return Err(Error::NotFound);
        };
        let answer = file::map(&Once(&self.kernel, taken.handle), protection::READ, &[])?;
        let info = self.kernel.describe(answer.handles[0]);
        self.kernel.close(answer.handles[0]);
        Ok((info?.object, self.path_of_file(place, self.root)?))
    }

    /// The text about a descriptor (`/proc/PID/fdinfo`).
    pub(crate) fn slot_text(&self, slot: Slot) -> Result<Vec<u8>, Error> {
        /// `O_WRONLY`, `O_RDWR`, `O_APPEND`, `O_NONBLOCK`.
        const FLAGS: [u32; 4] = [1, 2, 0o2000, 0o4000];
        use kernel_abi::message::status_flags;
        let taken = self.take(slot)?;
        let info = &taken.info;
        let rights = Rights(info.rights);
        let access = match (
            rights.contains(Rights::READ),
            rights.contains(Rights::WRITE),
        ) {
            (true, true) => FLAGS[1],
            (false, true) => FLAGS[0],
            _ => 0,
        };
        let bit = |status, flag| if info.status & status != 0 { flag } else { 0 };
        let flags =
            access | bit(status_flags::APPEND, FLAGS[2]) | bit(status_flags::NONBLOCK, FLAGS[3]);
        // Anything but a cursor would ask the session's server.
        let position = match info.data_kind == ObjectKind::Cursor as u32 {
            true => self.kernel.position(taken.handle),
            false => 0,
        };
        Ok(format!("pos:\t{position}\nflags:\t0{flags:o}\n").into_bytes())
    }
}

/// The lines of a process's mappings, those of one object with a path.
pub(crate) fn named_lines(text: &[u8], object: u64, path: &[u8]) -> Vec<u8> {
    let end = format!(" {object}");
    let mut out = Vec::with_capacity(text.len() + 2 * path.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(bare);
        if bare.ends_with(end.as_bytes()) {
            out.extend_from_slice(b"          ");
            out.extend_from_slice(path);
        }
        out.push(b'\n');
    }
    out
}

fn object(kind: u32, number: u64, name: &str) -> Object {
    Object {
        attributes: Attributes {
            node: number,
            mode: kind | 0o600,
            links: 1,
            block_size: 4096,
            ..Default::default()
        },
        text: format!("{name}:[{number}]").into_bytes(),
    }
}

/// An object of the kernel, or a session that nobody here knows.
fn kernel_object(info: &HandleInfo) -> Object {
    let name = match info.kind {
        kind if kind == ObjectKind::Stream as u32 => {
            return object(file_type::FIFO, stream_number(info.object), "pipe");
        }
        kind if kind == ObjectKind::Event as u32 => "[eventfd]",
        kind if kind == ObjectKind::Timer as u32 => "[timerfd]",
        kind if kind == ObjectKind::WaitSet as u32 => "[eventpoll]",
        kind if kind == ObjectKind::Process as u32 => "[pidfd]",
        kind if kind == ObjectKind::Memory as u32 => "[memory]",
        kind if kind == ObjectKind::Session as u32 => "[session]",
        _ => "[object]",
    };
    Object {
        text: format!("anon_inode:{name}").into_bytes(),
        ..object(0, info.object & SERIAL, name)
    }
}
