//! All sockets: by badge, by name, by who has how many.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proto::Error;
use socket_server::{Limits, Sockets};

use crate::socket::Socket;

/// Most sockets there are.
pub const MAX_SOCKETS: usize = 8192;

/// What a socket is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// An abstract address's bytes after the family.
    Abstract(Vec<u8>),
    /// A file: device and node.
    Node(u64, u64),
}

const LIMITS: Limits = Limits {
    most: MAX_SOCKETS,
    most_of_user: 4096,
    reserve: 512,
};

/// The table.
pub struct Table {
    sockets: Sockets<Socket>,
    names: BTreeMap<Name, u64>,
    /// Badges by their session's object.
    objects: BTreeMap<u64, u64>,
    /// Objects of sockets and destinations by their badge.
    objects_of: BTreeMap<u64, u64>,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            sockets: Sockets::new(LIMITS),
            names: BTreeMap::new(),
            objects: BTreeMap::new(),
            objects_of: BTreeMap::new(),
        }
    }
}

impl Table {
    /// Whether a user may have one more socket (two for a pair).
    pub fn check_limit(&self, user: u32, more: usize) -> Result<(), Error> {
        self.sockets.check_limit(user, more)
    }

    /// A badge that was never used.
    pub fn badge(&mut self) -> u64 {
        self.sockets.fresh_badge()
    }

    /// Adds a socket; returns the slot of its record.
    pub fn insert(&mut self, socket: Socket, object: u64) -> usize {
        self.note(&socket, object);
        self.sockets.insert(socket)
    }

    /// Adds a socket whose record is in a slot.
    pub fn put(&mut self, socket: Socket, object: u64, slot: usize) {
        self.note(&socket, object);
        self.sockets.put(socket, slot);
    }

    fn note(&mut self, socket: &Socket, object: u64) {
        self.name_object(object, socket.badge);
        if let Some(name) = name_of(socket) {
            self.names.insert(name, socket.badge);
        }
    }

    /// The last badge given out was at least this.
    pub fn set_last(&mut self, badge: u64) {
        self.sockets.set_last(badge);
    }

    /// Takes a socket away; returns the slot of its record.
    pub fn remove(&mut self, badge: u64) -> Option<(Socket, usize)> {
        let (socket, slot) = self.sockets.remove(badge)?;
        if let Some(name) = name_of(&socket)
            && self.names.get(&name) == Some(&badge)
        {
            self.names.remove(&name);
        }
        self.forget_object(badge);
        Some((socket, slot))
    }

    /// The socket with a badge.
    pub fn get(&self, badge: u64) -> Result<&Socket, Error> {
        self.sockets.get(badge)
    }

    /// Changes a socket; returns its record and the slot to write it to.
    pub fn change(
        &mut self,
        badge: u64,
        change: impl FnOnce(&mut Socket),
    ) -> Result<(usize, Vec<u8>), Error> {
        self.sockets.change(badge, change)
    }

    /// Makes a name lead to a socket; one that a file had before leads nowhere any more.
    pub fn name(&mut self, name: Name, badge: u64) {
        self.names.insert(name, badge);
    }

    /// The socket with a name.
    pub fn find(&self, name: &Name) -> Option<&Socket> {
        self.get(*self.names.get(name)?).ok()
    }

    /// Remembers the object of a session.
    pub fn name_object(&mut self, object: u64, badge: u64) {
        self.objects.insert(object, badge);
        self.objects_of.insert(badge, object);
    }

    /// A session is closed.
    pub fn forget_object(&mut self, badge: u64) {
        if let Some(object) = self.objects_of.remove(&badge) {
            self.objects.remove(&object);
        }
    }

    /// The badge of a session by its object.
    pub fn badge_of(&self, object: u64) -> Result<u64, Error> {
        self.objects.get(&object).copied().ok_or(Error::NotSocket)
    }
}

/// What a socket is found by.
fn name_of(socket: &Socket) -> Option<Name> {
    if socket.accepted {
        return None;
    }
    if let Some((device, node)) = socket.node {
        return Some(Name::Node(device, node));
    }
    let path = socket.name.get(2..)?;
    (path.first() == Some(&0)).then(|| Name::Abstract(path.to_vec()))
}
