//! What outlives whom: locks and the processes that hold them, locks and this server.
//!
//! A process's record locks end with it, while the sessions that they were set through may live on
//! in its children. So a process that wants its first lock gets a session that does not pass to
//! children but to its next program; the last close of that one tells its end.

use alloc::vec::Vec;

use proto::{Answer, Error, Reply};

use crate::kernel::Kernel;
use crate::lock::{Lock, Locks, Owner};
use crate::open_file::{NODE_SESSION, OpenFile};
use crate::server::Server;
use crate::volume::Volume;

/// Tells these sessions from those that the declaration gives; the process's id stands below.
const OWNER_SESSION: u64 = 1 << 62;
const PROCESS_MASK: u64 = (1 << 32) - 1;
const SERIAL_SHIFT: u32 = 32;
const SERIAL_MASK: u64 = (1 << 28) - 1;
/// Bytes of a lock as it is saved.
const SAVED_SIZE: usize = 8 * 7;

/// The process whose end a session tells.
pub(crate) fn process_of(badge: u64) -> Option<u64> {
    let tag = badge & (NODE_SESSION | OWNER_SESSION);
    (tag == OWNER_SESSION).then_some(badge & PROCESS_MASK)
}

impl Locks {
    /// All locks as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (node, lock) in self.all() {
            let (tag, owner) = match lock.owner {
                Owner::Process(process) => (0, process),
                Owner::OpenFile(badge) => (1, badge),
            };
            let flags = tag | u64::from(lock.exclusive) << 1 | u64::from(lock.whole_file) << 2;
            let words = [
                node,
                owner,
                flags,
                lock.start,
                lock.end,
                lock.process,
                lock.badge,
            ];
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        bytes
    }

    /// The locks of bytes that [`Locks::encode`] made.
    pub(crate) fn decode(bytes: &[u8]) -> Vec<(u64, Lock)> {
        let (records, _) = bytes.as_chunks::<SAVED_SIZE>();
        let decode = |record: &[u8; SAVED_SIZE]| {
            let (words, _) = record.as_chunks::<8>();
            let word = |index: usize| words.get(index).map_or(0, |word| u64::from_le_bytes(*word));
            let flags = word(2);
            let owner = match flags & 1 {
                0 => Owner::Process(word(1)),
                _ => Owner::OpenFile(word(1)),
            };
            let lock = Lock {
                owner,
                exclusive: flags & 2 != 0,
                whole_file: flags & 4 != 0,
                start: word(3),
                end: word(4),
                process: word(5),
                badge: word(6),
            };
            (word(0), lock)
        };
        records.iter().map(decode).collect()
    }
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// `proto::file::own_locks`.
    pub(crate) fn make_lock_owner(&mut self, process: u64) -> Reply {
        if process & !PROCESS_MASK != 0 {
            return Err(Error::Overflow);
        }
        loop {
            self.serial += 1;
            let serial = (self.serial & SERIAL_MASK) << SERIAL_SHIFT;
            let badge = OWNER_SESSION | serial | process;
            match self.kernel.session_create(badge, None, 0) {
                Err(Error::Exists) => continue,
                session => {
                    let session = session?;
                    self.lock_owners.insert(badge);
                    return Ok(Answer::default().with_handle(session).into());
                }
            }
        }
    }

    /// Whether the end of a process will be told.
    pub(crate) fn is_lock_owner(&self, process: u64) -> bool {
        self.lock_owners
            .iter()
            .any(|badge| process_of(*badge) == Some(process))
    }

    /// A process has ended, unless another session of its tells otherwise.
    pub(crate) fn lock_owner_closed(&mut self, badge: u64) {
        self.lock_owners.remove(&badge);
        let Some(process) = process_of(badge).filter(|process| !self.is_lock_owner(*process))
        else {
            return;
        };
        for node in self.locks.drop_owner(Owner::Process(process)) {
            self.wake_waiting(node);
        }
        self.save_locks();
    }

    /// Takes over the locks of an instance before this one, of owners that are still there.
    pub(crate) fn restore_locks(&mut self, sessions: &[u64]) {
        let owners = sessions
            .iter()
            .filter(|badge| process_of(**badge).is_some());
        self.lock_owners = owners.copied().collect();
        let Some(saved) = self.kernel.saved_locks() else {
            return;
        };
        for (node, lock) in Locks::decode(&saved) {
            let alive = match lock.owner {
                Owner::Process(process) => self.is_lock_owner(process),
                Owner::OpenFile(badge) => sessions.contains(&badge),
            };
            // The session that it was set through names the file, too.
            let of_file = OpenFile::from_badge(lock.badge).is_some_and(|file| file.node == node);
            if alive && of_file && sessions.contains(&lock.badge) {
                self.locks.restore(node, lock);
            }
        }
    }

    /// Saves the locks for the next instance, before an answer tells of a change.
    pub(crate) fn save_locks(&mut self) {
        if !self.kernel.save_locks(&self.locks.encode()) {
            server_rt::log!("locks are too many to be saved");
        }
    }
}
