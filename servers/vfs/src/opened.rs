//! What this server's sessions stand for.

use alloc::collections::BTreeMap;
use proto::{Attributes, Error};

use crate::ROOT_BADGE;
use crate::walk::{Place, View};

/// Memory devices (`/dev/null` and its like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryDevice {
    /// Takes everything, gives nothing.
    Null,
    /// Gives zeros.
    Zero,
    /// Gives zeros, takes nothing.
    Full,
    /// Gives random bytes.
    Random,
}

/// The sides of a named pipe that somebody has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// To read.
    pub reads: bool,
    /// To write.
    pub writes: bool,
}

/// An open file of this server.
#[derive(Clone, Copy, Debug)]
pub enum Opened {
    /// A directory, and the root that it was opened under.
    Directory(View),
    /// A memory device.
    Memory(MemoryDevice, Attributes),
    /// A text made when it was opened.
    Text(Attributes),
    /// A named pipe.
    Pipe(Place, Sides),
}

/// All open files by badge. A badge is never used again while the system runs.
#[derive(Default)]
pub struct Table {
    files: BTreeMap<u64, Opened>,
    /// Badges of directories by their session's object number.
    objects: BTreeMap<u64, u64>,
    last: u64,
    /// Something changed since it was saved.
    changed: bool,
}

impl Table {
    /// The badge given last.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Goes on above a badge.
    pub fn set_last(&mut self, last: u64) {
        self.last = last;
    }

    /// How many files are open.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// All open files with their badges.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Opened)> {
        self.files.iter().map(|(badge, opened)| (*badge, opened))
    }

    /// Notes that there is something to save.
    pub fn set_changed(&mut self) {
        self.changed = true;
    }

    /// Whether there was something to save.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// A fresh badge.
    pub fn badge(&mut self) -> u64 {
        // Small badges are the declaration's.
        self.last = self.last.max(u64::from(u32::MAX)) + 1;
        self.last
    }

    /// Adds one.
    pub fn insert(&mut self, badge: u64, opened: Opened) {
        self.changed = true;
        self.files.insert(badge, opened);
    }

    /// Remembers a session's object.
    pub fn name_object(&mut self, object: u64, badge: u64) {
        self.objects.insert(object, badge);
    }

    /// The badge of a session by its object.
    pub fn badge_of_object(&self, object: u64) -> Option<u64> {
        self.objects.get(&object).copied()
    }

    /// Takes one away.
    pub fn remove(&mut self, badge: u64) -> Option<Opened> {
        self.changed = true;
        self.objects.retain(|_, named| *named != badge);
        self.files.remove(&badge)
    }

    /// The open file behind a badge.
    pub fn get(&self, badge: u64) -> Result<Opened, Error> {
        self.files.get(&badge).copied().ok_or(Error::BadHandle)
    }

    /// The directory behind a badge; `root` is that of the declared root session.
    pub fn view(&self, badge: u64, root: Place) -> Result<View, Error> {
        if badge == ROOT_BADGE {
            return Ok(View { start: root, root });
        }
        match self.get(badge)? {
            Opened::Directory(view) => Ok(view),
            _ => Err(Error::NotDirectory),
        }
    }

    /// Whether anything open lies on a mount.
    pub fn uses_mount(&self, mount: u64) -> bool {
        self.files.values().any(|opened| match opened {
            Opened::Directory(view) => view.start.mount == mount || view.root.mount == mount,
            Opened::Pipe(place, _) => place.mount == mount,
            _ => false,
        })
    }
}
