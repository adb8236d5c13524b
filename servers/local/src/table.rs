//! All sockets: by badge, by name, by who has how many.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use proto::Error;

use crate::socket::Socket;

/// Most sockets there are.
pub const MAX_SOCKETS: usize = 8192;
/// Most of one user who is not root.
const MAX_OF_USER: usize = 4096;
/// What remains for root.
const RESERVE: usize = 512;

/// What a socket is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// An abstract address's bytes after the family.
    Abstract(Vec<u8>),
    /// A file: device and node.
    Node(u64, u64),
}

/// What belongs to a socket beside itself.
struct Entry {
    socket: Socket,
    slot: usize,
    /// Its session's object.
    object: u64,
}

/// The table.
#[derive(Default)]
pub struct Table {
    sockets: BTreeMap<u64, Entry>,
    names: BTreeMap<Name, u64>,
    /// Badges by their session's object.
    objects: BTreeMap<u64, u64>,
    /// Objects of destinations by their badge.
    destinations: BTreeMap<u64, u64>,
    users: BTreeMap<u32, usize>,
    free: BTreeSet<usize>,
    /// Slots from here on were never used.
    fresh: usize,
    last: u64,
}

impl Table {
    /// Whether a user may have one more socket (two for a pair).
    pub fn check_limit(&self, user: u32, more: usize) -> Result<(), Error> {
        let own = self.users.get(&user).copied().unwrap_or(0);
        let (most, most_own) = match user {
            0 => (MAX_SOCKETS, MAX_SOCKETS),
            _ => (MAX_SOCKETS - RESERVE, MAX_OF_USER),
        };
        if self.sockets.len() + more > most || own + more > most_own {
            return Err(Error::TooManyOpen);
        }
        Ok(())
    }

    /// A badge that was never used.
    pub fn badge(&mut self) -> u64 {
        // Small badges are the declaration's.
        self.last = self.last.max(u64::from(u32::MAX)) + 1;
        self.last
    }

    /// Adds a socket; returns the slot of its record.
    pub fn insert(&mut self, socket: Socket, object: u64) -> usize {
        let slot = self.free.pop_first().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        self.put(socket, object, slot);
        slot
    }

    /// Adds a socket whose record is in a slot.
    pub fn put(&mut self, socket: Socket, object: u64, slot: usize) {
        self.last = self.last.max(socket.badge);
        *self.users.entry(socket.owner).or_default() += 1;
        self.objects.insert(object, socket.badge);
        if let Some(name) = name_of(&socket) {
            self.names.insert(name, socket.badge);
        }
        for unused in self.fresh..slot {
            self.free.insert(unused);
        }
        self.free.remove(&slot);
        self.fresh = self.fresh.max(slot + 1);
        let badge = socket.badge;
        let entry = Entry {
            socket,
            slot,
            object,
        };
        self.sockets.insert(badge, entry);
    }

    /// The last badge given out was at least this.
    pub fn set_last(&mut self, badge: u64) {
        self.last = self.last.max(badge);
    }

    /// Takes a socket away; returns the slot of its record.
    pub fn remove(&mut self, badge: u64) -> Option<(Socket, usize)> {
        let Entry {
            socket,
            slot,
            object,
        } = self.sockets.remove(&badge)?;
        if let Some(name) = name_of(&socket)
            && self.names.get(&name) == Some(&badge)
        {
            self.names.remove(&name);
        }
        self.objects.remove(&object);
        if let Some(count) = self.users.get_mut(&socket.owner) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&socket.owner);
            }
        }
        self.free.insert(slot);
        Some((socket, slot))
    }

    /// The socket with a badge.
    pub fn get(&self, badge: u64) -> Result<&Socket, Error> {
        let entry = self.sockets.get(&badge).ok_or(Error::BadHandle)?;
        Ok(&entry.socket)
    }

    /// Changes a socket; returns its record and the slot to write it to.
    pub fn change(
        &mut self,
        badge: u64,
        change: impl FnOnce(&mut Socket),
    ) -> Result<(usize, Vec<u8>), Error> {
        let entry = self.sockets.get_mut(&badge).ok_or(Error::BadHandle)?;
        change(&mut entry.socket);
        Ok((entry.slot, entry.socket.encode()))
    }

    /// Makes a name lead to a socket; one that a file had before leads nowhere any more.
    pub fn name(&mut self, name: Name, badge: u64) {
        self.names.insert(name, badge);
    }

    /// The socket with a name.
    pub fn find(&self, name: &Name) -> Option<&Socket> {
        self.get(*self.names.get(name)?).ok()
    }

    /// Remembers the object of a destination's session.
    pub fn name_destination(&mut self, object: u64, badge: u64) {
        self.objects.insert(object, badge);
        self.destinations.insert(badge, object);
    }

    /// A destination's session is closed.
    pub fn forget_destination(&mut self, badge: u64) {
        if let Some(object) = self.destinations.remove(&badge) {
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
