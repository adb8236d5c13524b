//! Memories that clients have registered.

use alloc::collections::BTreeMap;

use kernel_abi::Handle;
use proto::Error;

/// Most registered memories of one session: a bound on what a client can make the driver keep.
const MAX_PER_SESSION: usize = 64;

/// Numbers of registered memories. A number is never used again, not even by the next instance
/// of the driver: a client with an old one is told so instead of moving another memory's pages.
pub struct Registry {
    next: u64,
    memories: BTreeMap<u64, (u64, Handle)>,
}

impl Registry {
    /// An empty registry whose numbers start at `first`, which must be larger than any number of
    /// an earlier instance: the time does.
    pub fn new(first: u64) -> Registry {
        Registry {
            next: first,
            memories: BTreeMap::new(),
        }
    }

    /// Keeps `memory` for the session `badge`; returns its number.
    pub fn add(&mut self, badge: u64, memory: Handle) -> Result<u64, Error> {
        let own = self.memories.values().filter(|(owner, _)| *owner == badge);
        if own.count() >= MAX_PER_SESSION {
            return Err(Error::TooManyOpen);
        }
        self.next += 1;
        self.memories.insert(self.next, (badge, memory));
        Ok(self.next)
    }

    /// The memory with this number, if the session registered it.
    pub fn find(&self, badge: u64, number: u64) -> Result<Handle, Error> {
        match self.memories.get(&number) {
            Some(&(owner, memory)) if owner == badge => Ok(memory),
            _ => Err(Error::NotFound),
        }
    }

    /// Forgets what a session registered.
    pub fn remove_all(&mut self, badge: u64, mut close: impl FnMut(Handle)) {
        self.memories.retain(|_, (owner, memory)| {
            let keep = *owner != badge;
            if !keep {
                close(*memory);
            }
            keep
        });
    }
}
