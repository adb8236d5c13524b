//! Advisory locks: `fcntl` records (owned by the process or the open file) and `flock`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proto::{Answer, Call, Error, Outcome, Reply};

use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::server::Server;
use crate::volume::Volume;

/// Kinds on the wire (`proto::file::lock`).
const UNLOCK: u32 = 0;
const SHARED: u32 = 1;
const EXCLUSIVE: u32 = 2;

/// Bits of `mode` on the wire.
const WAIT: u32 = 1;
const TEST: u32 = 2;
const OPEN_FILE: u32 = 4;
const WHOLE_FILE: u32 = 8;

/// Most locks and waiters of one file, and of all.
const MOST: usize = 1024;
const MOST_OF_ALL: usize = 8192;

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A process, by its id.
    Process(u64),
    /// An open file, by its badge.
    OpenFile(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    pub owner: Owner,
    pub exclusive: bool,
    /// `flock` locks and record locks do not see each other.
    pub whole_file: bool,
    pub start: u64,
    /// Behind the last byte; `u64::MAX` = to the end, wherever that is.
    pub end: u64,
    /// The process that set it, to be told.
    pub process: u64,
    /// The session that it was set through. The locks of a process end when it closes any
    /// descriptor of the file: the C library unlocks then; the server sees only the last close.
    pub badge: u64,
}

impl Lock {
    fn conflicts(&self, other: &Lock) -> bool {
        self.whole_file == other.whole_file
            && self.owner != other.owner
            && (self.exclusive || other.exclusive)
            && self.start < other.end
            && other.start < self.end
    }
}

/// The locks of all files.
#[derive(Default)]
pub(crate) struct Locks {
    held: BTreeMap<u64, Vec<Lock>>,
    /// Calls that wait: node, token, lock.
    waiting: Vec<(u64, u64, Lock)>,
}

impl Locks {
    fn conflict(&self, node: u64, lock: &Lock) -> Option<Lock> {
        self.held
            .get(&node)?
            .iter()
            .find(|held| held.conflicts(lock))
            .copied()
    }

    /// Takes the owner's locks away in a range, splitting those that reach beyond it.
    fn clear(&mut self, node: u64, lock: &Lock) {
        let Some(held) = self.held.get_mut(&node) else {
            return;
        };
        let mut kept = Vec::new();
        for old in held.drain(..) {
            let apart = old.end <= lock.start || lock.end <= old.start;
            if old.owner != lock.owner || old.whole_file != lock.whole_file || apart {
                kept.push(old);
                continue;
            }
            if old.start < lock.start {
                kept.push(Lock {
                    end: lock.start,
                    ..old
                });
            }
            if lock.end < old.end {
                kept.push(Lock {
                    start: lock.end,
                    ..old
                });
            }
        }
        *held = kept;
        if held.is_empty() {
            self.held.remove(&node);
        }
    }

    fn set(&mut self, node: u64, lock: Lock) -> Result<(), Error> {
        let all: usize = self.held.values().map(Vec::len).sum();
        if all >= MOST_OF_ALL || self.held.get(&node).is_some_and(|held| held.len() >= MOST) {
            return Err(Error::NoLock);
        }
        self.clear(node, &lock);
        self.restore(node, lock);
        Ok(())
    }

    /// Adds a lock that is known to be no one's obstacle.
    pub(crate) fn restore(&mut self, node: u64, lock: Lock) {
        self.held.entry(node).or_default().push(lock);
    }

    /// All locks with their nodes.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, &Lock)> {
        let nodes = self.held.iter();
        nodes.flat_map(|(node, locks)| locks.iter().map(|lock| (*node, lock)))
    }

    /// Takes all locks of an owner away: the nodes that had some.
    pub(crate) fn drop_owner(&mut self, owner: Owner) -> Vec<u64> {
        let mut nodes = Vec::new();
        self.held.retain(|node, locks| {
            let before = locks.len();
            locks.retain(|lock| lock.owner != owner);
            if locks.len() != before {
                nodes.push(*node);
            }
            !locks.is_empty()
        });
        nodes
    }

    /// Whether `lock` would wait for one who waits, directly or through others, for its owner.
    fn deadlocks(&self, node: u64, lock: &Lock) -> bool {
        let mut seen: Vec<Owner> = Vec::new();
        let mut stack = Vec::from([(node, *lock)]);
        while let Some((node, wanted)) = stack.pop() {
            for held in self.held.get(&node).into_iter().flatten() {
                if !held.conflicts(&wanted) || seen.contains(&held.owner) {
                    continue;
                }
                seen.push(held.owner);
                for (other_node, _, waiting) in &self.waiting {
                    if waiting.owner != held.owner {
                        continue;
                    }
                    let blockers = self.held.get(other_node).into_iter().flatten();
                    if blockers
                        .clone()
                        .any(|b| b.owner == lock.owner && b.conflicts(waiting))
                    {
                        return true;
                    }
                    stack.push((*other_node, *waiting));
                }
            }
        }
        false
    }
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// `proto::file::lock`.
    pub(crate) fn lock_file<C: Call + ?Sized>(
        &mut self,
        call: &C,
        file: OpenFile,
        kind: u32,
        mode: u32,
        start: u64,
        length: u64,
    ) -> Reply {
        if kind > EXCLUSIVE || mode > 15 {
            return Err(Error::BadArgument);
        }
        let end = match length {
            0 => u64::MAX,
            length => start.checked_add(length).ok_or(Error::Overflow)?,
        };
        let by_file = mode & (OPEN_FILE | WHOLE_FILE) != 0;
        let process = call.label();
        let owner = if by_file {
            Owner::OpenFile(call.badge())
        } else {
            Owner::Process(process)
        };
        let exclusive = kind == EXCLUSIVE;
        let whole_file = mode & WHOLE_FILE != 0;
        let badge = call.badge();
        let lock = Lock {
            owner,
            exclusive,
            whole_file,
            start,
            end,
            process,
            badge,
        };
        if mode & TEST != 0 {
            return Ok(self.test_lock(file.node, &lock).into());
        }
        if kind == UNLOCK {
            self.locks.clear(file.node, &lock);
            self.save_locks();
            self.wake_waiting(file.node);
            return Ok(Answer::default().into());
        }
        // `flock` needs no access mode; records need the one that fits.
        let allowed = if kind == SHARED {
            file.readable
        } else {
            file.writable
        };
        if !whole_file && !allowed {
            return Err(Error::BadHandle);
        }
        if !by_file && !self.is_lock_owner(process) {
            return Err(Error::BadState);
        }
        self.take_lock(call.token(), file.node, lock, mode & WAIT != 0)
    }

    fn take_lock(&mut self, token: u64, node: u64, lock: Lock, wait: bool) -> Reply {
        if self.locks.conflict(node, &lock).is_none() {
            self.locks.set(node, lock)?;
            self.save_locks();
            // A lock that was exclusive may be shared now.
            self.wake_waiting(node);
            return Ok(Answer::default().into());
        }
        if !wait {
            return Err(Error::WouldBlock);
        }
        if self.locks.deadlocks(node, &lock) {
            return Err(Error::Deadlock);
        }
        if self.locks.waiting.len() >= MOST {
            return Err(Error::NoLock);
        }
        self.locks.waiting.push((node, token, lock));
        Ok(Outcome::Later)
    }

    /// The lock in the way: kind, start, length, process; kind 0 = none.
    fn test_lock(&self, node: u64, lock: &Lock) -> Answer {
        let Some(found) = self.locks.conflict(node, lock) else {
            return Answer::default();
        };
        let length = if found.end == u64::MAX {
            0
        } else {
            found.end - found.start
        };
        let kind = if found.exclusive { EXCLUSIVE } else { SHARED };
        Answer::value(u64::from(kind))
            .with(1, found.start)
            .with(2, length)
            .with(3, found.process)
    }

    /// Gives waiting calls their locks, in the order in which they came.
    pub(crate) fn wake_waiting(&mut self, node: u64) {
        let waiting = core::mem::take(&mut self.locks.waiting);
        for (waiting_node, token, lock) in waiting {
            if waiting_node != node || self.locks.conflict(node, &lock).is_some() {
                self.locks.waiting.push((waiting_node, token, lock));
                continue;
            }
            let result = self.locks.set(node, lock).map(|()| Answer::default());
            self.save_locks();
            self.kernel.reply(token, result);
        }
    }

    /// A caller that waits was interrupted.
    pub fn cancelled(&mut self, token: u64) {
        let before = self.locks.waiting.len();
        self.locks
            .waiting
            .retain(|(_, waiting, _)| *waiting != token);
        if self.locks.waiting.len() != before {
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }

    /// A session's last handle is gone: so are the locks set through it.
    pub(crate) fn locks_closed(&mut self, badge: u64) {
        let Some(file) = OpenFile::from_badge(badge) else {
            return;
        };
        if let Some(held) = self.locks.held.get_mut(&file.node) {
            held.retain(|lock| lock.badge != badge);
            if held.is_empty() {
                self.locks.held.remove(&file.node);
            }
            self.save_locks();
            self.wake_waiting(file.node);
        }
    }
}
