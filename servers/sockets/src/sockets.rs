//! All sockets of a server: by badge, with the slots of their records, and by who has how many.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use proto::Error;

/// What a server knows of a socket, and keeps for its next instance.
pub trait Record: Sized {
    /// The badge of the socket's session.
    fn badge(&self) -> u64;
    /// The user that its place is counted for.
    fn owner(&self) -> u32;
    /// The socket in bytes, never none.
    fn encode(&self) -> Vec<u8>;
    /// The socket of a record.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// How many sockets there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub most: usize,
    /// Of one user who is not root.
    pub most_of_user: usize,
    /// What remains for root.
    pub reserve: usize,
}

struct Entry<T> {
    socket: T,
    slot: usize,
}

/// The sockets.
pub struct Sockets<T> {
    limits: Limits,
    entries: BTreeMap<u64, Entry<T>>,
    users: BTreeMap<u32, usize>,
    free: BTreeSet<usize>,
    /// Slots from here on were never used.
    fresh: usize,
    last: u64,
}

impl<T: Record> Sockets<T> {
    /// None yet.
    pub fn new(limits: Limits) -> Sockets<T> {
        Sockets {
            limits,
            entries: BTreeMap::new(),
            users: BTreeMap::new(),
            free: BTreeSet::new(),
            fresh: 0,
            last: 0,
        }
    }

    /// Whether a user may have `more` sockets.
    ///
    /// # Errors
    /// `TooManyOpen`.
    pub fn check_limit(&self, user: u32, more: usize) -> Result<(), Error> {
        let own = self.users.get(&user).copied().unwrap_or(0);
        let (most, most_own) = match user {
            0 => (self.limits.most, self.limits.most),
            _ => (
                self.limits.most - self.limits.reserve,
                self.limits.most_of_user,
            ),
        };
        if self.entries.len() + more > most || own + more > most_own {
            return Err(Error::TooManyOpen);
        }
        Ok(())
    }

    /// A badge that was never used.
    pub fn fresh_badge(&mut self) -> u64 {
        // Small badges are the declaration's.
        self.last = self.last.max(u64::from(u32::MAX)) + 1;
        self.last
    }

    /// The last badge given out was at least this.
    pub fn set_last(&mut self, badge: u64) {
        self.last = self.last.max(badge);
    }

    /// Adds a socket; returns the slot of its record.
    pub fn insert(&mut self, socket: T) -> usize {
        let slot = self.free.pop_first().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        });
        self.put(socket, slot);
        slot
    }

    /// Adds a socket whose record is in a slot.
    pub fn put(&mut self, socket: T, slot: usize) {
        let badge = socket.badge();
        self.last = self.last.max(badge);
        *self.users.entry(socket.owner()).or_default() += 1;
        for unused in self.fresh..slot {
            self.free.insert(unused);
        }
        self.free.remove(&slot);
        self.fresh = self.fresh.max(slot + 1);
        self.entries.insert(badge, Entry { socket, slot });
    }

    /// Takes a socket away; returns it with the slot of its record.
    pub fn remove(&mut self, badge: u64) -> Option<(T, usize)> {
        let Entry { socket, slot } = self.entries.remove(&badge)?;
        if let Some(count) = self.users.get_mut(&socket.owner()) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&socket.owner());
            }
        }
        self.free.insert(slot);
        Some((socket, slot))
    }

    /// The socket with a badge.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn get(&self, badge: u64) -> Result<&T, Error> {
        let entry = self.entries.get(&badge).ok_or(Error::BadHandle)?;
        Ok(&entry.socket)
    }

    /// Changes a socket; returns its record and the slot to write it to.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn change(
        &mut self,
        badge: u64,
        change: impl FnOnce(&mut T),
    ) -> Result<(usize, Vec<u8>), Error> {
        let entry = self.entries.get_mut(&badge).ok_or(Error::BadHandle)?;
        change(&mut entry.socket);
        Ok((entry.slot, entry.socket.encode()))
    }

    /// All of them, by badge.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|entry| &entry.socket)
    }
}
