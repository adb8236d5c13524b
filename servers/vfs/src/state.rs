//! The name space's state as it survives this server: numbers and length-prefixed byte strings,
//! little endian.
//!
//! What lies with others is not saved: files are the file systems', pipes' bytes the kernel's.

use alloc::vec::Vec;
use proto::types::Plain;
use proto::{Attributes, Error};

use crate::backend::Backend;
use crate::devices::Changed;
use crate::kernel::Kernel;
use crate::mounting::Mount;
use crate::opened::{MemoryDevice, Opened, Sides};
use crate::server::Server;
use crate::walk::{Place, View};

/// Most bytes of a saved state.
pub const CAPACITY: u64 = 4 << 20;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 3;

/// Kinds of open files.
mod tag {
    pub const DIRECTORY: u64 = 1;
    pub const TEXT: u64 = 2;
    pub const PIPE: u64 = 3;
    pub const NULL: u64 = 4;
    pub const ZERO: u64 = 5;
    pub const FULL: u64 = 6;
    pub const RANDOM: u64 = 7;
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn place(out: &mut Vec<u8>, place: Place) {
    number(out, place.mount);
    number(out, place.node);
}

fn attributes(out: &mut Vec<u8>, attributes: &Attributes) {
    let mut bytes = [0; Attributes::SIZE];
    // The array has the structure's size, so this writes all of it.
    let _ = attributes.encode(&mut bytes);
    out.extend_from_slice(&bytes);
}

fn mount(out: &mut Vec<u8>, mount: &Mount) {
    number(out, mount.number);
    number(out, mount.root);
    number(out, mount.device);
    number(out, mount.flags);
    number(out, u64::from(mount.covered.is_some()));
    place(out, mount.covered.unwrap_or(Place { mount: 0, node: 0 }));
    for bytes in [&mount.source, &mount.target, &mount.kind] {
        text(out, bytes);
    }
}

fn opened(out: &mut Vec<u8>, opened: &Opened) {
    match opened {
        Opened::Directory(view) => {
            number(out, tag::DIRECTORY);
            place(out, view.start);
            place(out, view.root);
        }
        Opened::Text(found) => {
            number(out, tag::TEXT);
            attributes(out, found);
        }
        Opened::Pipe(node, sides) => {
            number(out, tag::PIPE);
            place(out, *node);
            number(out, u64::from(sides.reads) | u64::from(sides.writes) << 1);
        }
        Opened::Memory(device, found) => {
            let kind = match device {
                MemoryDevice::Null => tag::NULL,
                MemoryDevice::Zero => tag::ZERO,
                MemoryDevice::Full => tag::FULL,
                MemoryDevice::Random => tag::RANDOM,
            };
            number(out, kind);
            attributes(out, found);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
    fn text(&mut self) -> Option<Vec<u8>> {
        let length = self.number()?.try_into().ok()?;
        Some(self.bytes(length)?.to_vec())
    }
    fn place(&mut self) -> Option<Place> {
        Some(Place {
            mount: self.number()?,
            node: self.number()?,
        })
    }
    fn attributes(&mut self) -> Option<Attributes> {
        Attributes::decode(self.bytes(Attributes::SIZE)?)
    }
    fn mount(&mut self) -> Option<SavedMount> {
        let (number, root) = (self.number()?, self.number()?);
        let (device, flags) = (self.number()?, self.number()?);
        let has_covered = self.number()? != 0;
        let covered = self.place()?;
        Some(SavedMount {
            number,
            root,
            device,
            flags,
            covered: has_covered.then_some(covered),
            source: self.text()?,
            target: self.text()?,
            kind: self.text()?,
        })
    }
    fn opened(&mut self) -> Option<Opened> {
        let kind = self.number()?;
        let device = match kind {
            tag::DIRECTORY => {
                let (start, root) = (self.place()?, self.place()?);
                return Some(Opened::Directory(View { start, root }));
            }
            tag::TEXT => return self.attributes().map(Opened::Text),
            tag::PIPE => {
                let (place, sides) = (self.place()?, self.number()?);
                let sides = Sides {
                    reads: sides & 1 != 0,
                    writes: sides & 2 != 0,
                };
                return Some(Opened::Pipe(place, sides));
            }
            tag::NULL => MemoryDevice::Null,
            tag::ZERO => MemoryDevice::Zero,
            tag::FULL => MemoryDevice::Full,
            tag::RANDOM => MemoryDevice::Random,
            _ => return None,
        };
        Some(Opened::Memory(device, self.attributes()?))
    }
}

/// A mount without its session.
struct SavedMount {
    number: u64,
    root: u64,
    device: u64,
    flags: u64,
    covered: Option<Place>,
    source: Vec<u8>,
    target: Vec<u8>,
    kind: Vec<u8>,
}

/// A decoded state.
pub(crate) struct State {
    mounts: Vec<SavedMount>,
    last_badge: u64,
    opened: Vec<(u64, Opened)>,
    devices: Vec<Changed>,
}

impl State {
    /// Decodes a whole state.
    pub(crate) fn decode(bytes: &[u8]) -> Option<State> {
        let mut reader = Reader(bytes);
        if reader.number()? != VERSION {
            return None;
        }
        let last_badge = reader.number()?;
        let mut state = State {
            mounts: Vec::new(),
            last_badge,
            opened: Vec::new(),
            devices: Vec::new(),
        };
        for _ in 0..reader.number()? {
            state.mounts.push(reader.mount()?);
        }
        for _ in 0..reader.number()? {
            state.opened.push((reader.number()?, reader.opened()?));
        }
        for _ in 0..reader.number()? {
            state.devices.push(Changed {
                device: reader.number()?,
                attributes: reader.attributes()?,
            });
        }
        reader.0.is_empty().then_some(state)
    }
}

impl<K: Kernel> Server<K> {
    /// The state for the next instance.
    pub(crate) fn state(&self) -> Vec<u8> {
        let mut out = Vec::new();
        number(&mut out, VERSION);
        number(&mut out, self.opened.last());
        number(&mut out, self.mounts.len() as u64);
        for one in &self.mounts {
            mount(&mut out, one);
        }
        number(&mut out, self.opened.count() as u64);
        for (badge, file) in self.opened.iter() {
            number(&mut out, badge);
            opened(&mut out, file);
        }
        let devices = self.devices.changed();
        number(&mut out, devices.len() as u64);
        for changed in devices {
            number(&mut out, changed.device);
            attributes(&mut out, &changed.attributes);
        }
        out
    }

    /// Saves the state when it has changed.
    pub(crate) fn save(&mut self) {
        if self.opened.take_changed() {
            let state = self.state();
            self.kernel.save(&state);
        }
    }

    /// Goes on where the last instance ended.
    pub(crate) fn restore(&mut self, state: State, root: Backend) -> Result<(), Error> {
        for changed in state.devices {
            self.devices.set_changed(changed.device, changed.attributes);
        }
        let mut root = Some(root);
        for saved in state.mounts {
            let backend = match (root.take(), self.make_tree(&saved.kind)) {
                (Some(root), _) => root,
                (None, Some(tree)) => Backend::Tree(tree),
                (None, None) => Backend::Remote(self.take_offered(&saved.kind)?),
            };
            if let Some(covered) = saved.covered {
                // The file system below may have been replaced as well.
                self.mounted(covered.mount)?
                    .backend
                    .cover(covered.node, true)?;
            }
            self.last_mount = self.last_mount.max(saved.number);
            self.mounts.push(Mount {
                number: saved.number,
                backend,
                root: saved.root,
                device: saved.device,
                covered: saved.covered,
                source: saved.source,
                target: saved.target,
                kind: saved.kind,
                flags: saved.flags,
            });
        }
        self.refresh_mounts_text();
        let live = self.kernel.sessions();
        self.opened
            .set_last(live.iter().copied().fold(state.last_badge, u64::max));
        for (badge, file) in state.opened {
            self.opened.insert(badge, file);
            if !live.contains(&badge) {
                self.session_closed(badge);
            } else if let Opened::Directory(_) = file
                && let Ok(object) = self.kernel.session_object(badge)
            {
                self.opened.name_object(object, badge);
            } else if let Opened::Pipe(place, sides) = file {
                self.adopt_pipe(place, badge, sides);
            }
        }
        Ok(())
    }
}
