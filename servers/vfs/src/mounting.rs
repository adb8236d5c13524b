//! The mount table.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proto::Error;
use proto::types::file_type;

use crate::backend::{Backend, Peer};
use crate::devices;
use crate::kernel::Kernel;
use crate::permission::Caller;
use crate::server::Server;
use crate::walk::{Place, View};

/// `MS_RDONLY`.
const READ_ONLY: u64 = 1;

/// A mounted file system.
pub struct Mount {
    /// Number, never used again.
    pub number: u64,
    /// What serves it.
    pub backend: Backend,
    /// Its root's node.
    pub root: u64,
    /// Number of the device that its files are on.
    pub device: u64,
    /// The directory that it covers; none for the root.
    pub covered: Option<Place>,
    /// For `/proc/mounts`.
    pub(crate) source: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) kind: Vec<u8>,
    pub(crate) flags: u64,
}

/// A file-system server that may be mounted.
pub struct Offered {
    /// Name of the kind.
    pub kind: Vec<u8>,
    /// Its session; taken while mounted.
    pub session: Option<Peer>,
}

impl<K: Kernel> Server<K> {
    /// The root directory of the whole system.
    pub(crate) fn root_place(&self) -> Place {
        self.root
    }

    /// The mount with this number.
    pub(crate) fn mounted(&self, number: u64) -> Result<&Mount, Error> {
        self.mounts
            .iter()
            .find(|mount| mount.number == number)
            .ok_or(Error::NoDevice)
    }

    /// The root of what is mounted on a directory.
    pub(crate) fn mounted_on(&self, covered: Place) -> Result<Place, Error> {
        self.mounts
            .iter()
            .rev()
            .find(|mount| mount.covered == Some(covered))
            .map(|mount| Place {
                mount: mount.number,
                node: mount.root,
            })
            .ok_or(Error::NoDevice)
    }

    /// Adds a mount. The root comes first, without `covered`.
    pub(crate) fn add_mount(
        &mut self,
        backend: Backend,
        covered: Option<Place>,
        [source, target, kind]: [&[u8]; 3],
        flags: u64,
    ) -> Result<(), Error> {
        let (root, device) = backend.root()?;
        if let Some(covered) = covered {
            self.mounted(covered.mount)?
                .backend
                .cover(covered.node, true)?;
        }
        self.last_mount += 1;
        self.mounts.push(Mount {
            number: self.last_mount,
            backend,
            root,
            device,
            covered,
            source: source.to_vec(),
            target: target.to_vec(),
            kind: kind.to_vec(),
            flags,
        });
        self.refresh_mounts_text();
        Ok(())
    }

    /// Mounts what is offered under a kind's name on a directory.
    pub(crate) fn mount_kind(
        &mut self,
        view: View,
        [source, target, kind]: [&[u8]; 3],
        flags: u64,
        caller: &Caller,
    ) -> Result<(), Error> {
        caller.require_root()?;
        let (covered, attributes) = self.resolve(view, target, true, caller)?.existing()?;
        if attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        if self.mounted(covered.mount)?.root == covered.node {
            return Err(Error::Busy);
        }
        let full = self.path_of(covered, self.root)?;
        let tree = self.make_tree(kind);
        let backend = match tree {
            Some(tree) => Backend::Tree(tree),
            None => Backend::Remote(self.take_offered(kind)?),
        };
        let source = if source.is_empty() { kind } else { source };
        self.add_mount(backend, Some(covered), [source, &full, kind], flags)
    }

    pub(crate) fn take_offered(&mut self, kind: &[u8]) -> Result<Peer, Error> {
        let mut known = false;
        for offered in self.offered.iter_mut().filter(|one| one.kind == kind) {
            known = true;
            if let Some(session) = offered.session.take() {
                return Ok(session);
            }
        }
        // One server keeps one file system; more of a kind must be declared.
        Err(if known { Error::Busy } else { Error::NoDevice })
    }

    /// Unmounts what covers a path.
    pub(crate) fn unmount_path(
        &mut self,
        view: View,
        target: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        caller.require_root()?;
        let (place, _) = self.resolve(view, target, true, caller)?.existing()?;
        let mount = self.mounted(place.mount)?;
        let (number, Some(covered)) = (mount.number, mount.covered) else {
            return Err(Error::Busy);
        };
        if place.node != mount.root {
            return Err(Error::BadArgument);
        }
        let has_mounts = self
            .mounts
            .iter()
            .any(|other| other.covered.is_some_and(|place| place.mount == number));
        if has_mounts || self.opened.uses_mount(number) {
            return Err(Error::Busy);
        }
        mount.backend.unmount()?;
        self.mounted(covered.mount)?
            .backend
            .cover(covered.node, false)?;
        if let Some(index) = self.mounts.iter().position(|mount| mount.number == number) {
            let mount = self.mounts.remove(index);
            if let Backend::Remote(session) = mount.backend {
                self.offered.push(Offered {
                    kind: mount.kind,
                    session: Some(session),
                });
            }
        }
        self.refresh_mounts_text();
        Ok(())
    }

    /// The path of a directory below `root`, from names in their parents.
    pub(crate) fn path_of(&self, directory: Place, root: Place) -> Result<Vec<u8>, Error> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut place = directory;
        while place != root && place != self.root {
            let mount = self.mounted(place.mount)?;
            if place.node == mount.root {
                place = mount.covered.ok_or(Error::NotFound)?;
                continue;
            }
            let (name, parent) = mount.backend.name(place.node)?;
            parts.push(name);
            place.node = parent;
            if parts.len() > crate::walk::MAX_PATH {
                return Err(Error::TooManySymlinks);
            }
        }
        let mut path = Vec::new();
        for part in parts.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }

    pub(crate) fn refresh_mounts_text(&mut self) {
        self.opened.set_changed();
        let mut texts = MountTexts::default();
        for mount in &self.mounts {
            texts.mounts.extend_from_slice(line(mount).as_bytes());
            let information = information_line(mount);
            texts.information.extend_from_slice(information.as_bytes());
        }
        self.mounts_text.replace(texts);
    }
}

/// The mount table as text.
#[derive(Default)]
pub struct MountTexts {
    /// Lines of `/proc/mounts`.
    pub mounts: Vec<u8>,
    /// Lines of `/proc/PID/mountinfo`.
    pub information: Vec<u8>,
}

/// A word of a line: blanks in it would end it.
fn word(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(' ', "\\040")
}

fn access(mount: &Mount) -> &'static str {
    match mount.flags & READ_ONLY {
        0 => "rw",
        _ => "ro",
    }
}

fn line(mount: &Mount) -> String {
    let (source, target, kind) = (&mount.source, &mount.target, &mount.kind);
    let (source, target, kind) = (word(source), word(target), word(kind));
    format!("{source} {target} {kind} {} 0 0\n", access(mount))
}

fn information_line(mount: &Mount) -> String {
    let (source, target, kind) = (&mount.source, &mount.target, &mount.kind);
    let (source, target, kind) = (word(source), word(target), word(kind));
    let access = access(mount);
    format!(
        "{} {} {}:{} / {target} {access} - {kind} {source} {access}\n",
        mount.number,
        mount.covered.map_or(0, |place| place.mount),
        devices::major(mount.device),
        devices::minor(mount.device),
    )
}
