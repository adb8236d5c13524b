//! Lock words that name their owner: priority inheritance, and what becomes of the locks of a
//! thread that ends.
//!
//! A thread that waits in FutexLock stands in the futex table like any other waiter, and besides in
//! its owner's `lock_waiters`: the owner's base priority is the highest of its own and theirs.

use crate::futex::FutexKey;
use crate::kernel::{Kernel, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::priority::Priority;
use crate::thread::{Step, Stop, Wait};
use kernel_abi::Error;
use kernel_abi::process::{ROBUST_LIST_LIMIT, lock_word};

/// How far priority is lent from owner to owner: chains are short, and a circle must end.
const CHAIN_LIMIT: usize = 64;
/// How often a word may change under the kernel's eyes in one step.
const ATTEMPTS: usize = 16;

/// What names a thread in lock words.
pub(crate) fn name_of(thread: ThreadId) -> u32 {
    (thread.index() + 1) & lock_word::OWNER
}

/// What to do about a word that a thread wants.
enum Found {
    Taken,
    Wait(ThreadId),
}

impl<M: Machine> Kernel<M> {
    /// Replaces a lock word of a thread's memory if it is `current`: whether it was.
    fn lock_exchange(
        &mut self,
        thread: ThreadId,
        address: u64,
        current: u32,
        new: u32,
    ) -> Result<bool, Stop> {
        let space = self.thread_space(thread)?;
        let found = self
            .memory
            .exchange_u32(&mut self.machine, space, address, (current, new));
        self.settle_memory();
        Ok(found? == current)
    }

    /// FutexLock.
    pub(crate) fn futex_lock(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        address: u64,
        (deadline_ns, clock): (u64, u64),
    ) -> Step {
        let key = self.futex_key(thread, address)?;
        let monotonic_ns = self.monotonic_deadline(clock, deadline_ns)?;
        let owner = match self.lock_or_owner(thread, address, monotonic_ns)? {
            Found::Taken => return Ok(0),
            Found::Wait(owner) => owner,
        };
        if let Some(found) = self.threads.get_mut(thread) {
            found.lock_wait = Some((owner, address));
        }
        if let Some(found) = self.threads.get_mut(owner) {
            found.lock_waiters.push(thread);
        }
        self.inherit(owner);
        self.futex_block(cpu, thread, key, (clock, deadline_ns));
        Err(Stop::Blocked)
    }

    /// Takes a free word, or marks it as waited for and finds its owner.
    fn lock_or_owner(
        &mut self,
        thread: ThreadId,
        address: u64,
        deadline_ns: u64,
    ) -> Result<Found, Stop> {
        let own = name_of(thread);
        for _ in 0..ATTEMPTS {
            let word = self.futex_load(thread, address)?;
            let name = word & lock_word::OWNER;
            if name == 0 {
                if self.lock_exchange(thread, address, word, word | own)? {
                    return Ok(Found::Taken);
                }
                continue;
            }
            if name == lock_word::UNRECOVERABLE || name == own {
                return Err(Error::BadState.into());
            }
            let owner = self.threads.id_at(name - 1).ok_or(Error::NoProcess)?;
            if deadline_ns <= self.machine.now_ns() {
                return Err(Error::TimedOut.into());
            }
            if self.lock_exchange(thread, address, word, word | lock_word::WAITERS)? {
                return Ok(Found::Wait(owner));
            }
        }
        Err(Stop::Again)
    }

    /// FutexUnlock.
    pub(crate) fn futex_unlock(&mut self, thread: ThreadId, address: u64, leave: u64) -> Step {
        let key = self.futex_key(thread, address)?;
        for _ in 0..ATTEMPTS {
            let word = self.futex_load(thread, address)?;
            if word & lock_word::OWNER != name_of(thread) {
                return Err(Error::NotPermitted.into());
            }
            let heir = match leave {
                0 => self.lock_heir(thread, key),
                _ => None,
            };
            let new = match heir {
                Some((heir, others)) => name_of(heir) | if others { lock_word::WAITERS } else { 0 },
                None => leave as u32,
            };
            if !self.lock_exchange(thread, address, word, new)? {
                continue;
            }
            match heir {
                Some((heir, _)) => self.lock_pass_on(thread, key, heir),
                None => self.lock_refuse(thread, key),
            }
            return Ok(0);
        }
        Err(Stop::Again)
    }

    /// The most urgent of a lock's waiters, the first of them, and whether there are others.
    fn lock_heir(&self, owner: ThreadId, key: FutexKey) -> Option<(ThreadId, bool)> {
        let mut best: Option<(ThreadId, Priority)> = None;
        let mut count = 0;
        for waiter in self.lock_waiters_of(owner, key) {
            let Some(priority) = self.threads.get(waiter).map(|found| found.base) else {
                continue;
            };
            count += 1;
            let better =
                best.is_none_or(|(_, other)| priority != other && other.max(priority) == priority);
            if better {
                best = Some((waiter, priority));
            }
        }
        best.map(|(heir, _)| (heir, count > 1))
    }

    fn lock_waiters_of(
        &self,
        owner: ThreadId,
        key: FutexKey,
    ) -> impl Iterator<Item = ThreadId> + '_ {
        let waiters = self.threads.get(owner).map(|found| &found.lock_waiters);
        waiters
            .into_iter()
            .flatten()
            .copied()
            .filter(move |&waiter| {
                self.threads
                    .get(waiter)
                    .is_some_and(|found| found.wait == Wait::Futex(key))
            })
    }

    /// Lets an heir go on as the owner; the other waiters lend to it now.
    fn lock_pass_on(&mut self, from: ThreadId, key: FutexKey, heir: ThreadId) {
        self.wake_with(heir, Ok(0));
        let others: alloc::vec::Vec<ThreadId> = self.lock_waiters_of(from, key).collect();
        for &waiter in &others {
            if let Some(found) = self.threads.get_mut(waiter)
                && let Some((owner, _)) = &mut found.lock_wait
            {
                *owner = heir;
            }
        }
        if let Some(found) = self.threads.get_mut(from) {
            found.lock_waiters.retain(|waiter| !others.contains(waiter));
        }
        if let Some(found) = self.threads.get_mut(heir) {
            found.lock_waiters.extend(others);
        }
        self.inherit(from);
        self.inherit(heir);
    }

    /// Ends the waits for a lock that nobody gets.
    fn lock_refuse(&mut self, owner: ThreadId, key: FutexKey) {
        let waiters: alloc::vec::Vec<ThreadId> = self.lock_waiters_of(owner, key).collect();
        for waiter in waiters {
            self.wake_with(waiter, Err(Error::BadState));
        }
    }

    /// A thread waits for a lock no more: it lends nothing.
    pub(crate) fn lock_wait_end(&mut self, thread: ThreadId) {
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        let Some((owner, _)) = found.lock_wait.take() else {
            return;
        };
        if let Some(found) = self.threads.get_mut(owner) {
            found.lock_waiters.retain(|&other| other != thread);
        }
        self.inherit(owner);
    }

    /// Sets a thread's own priority.
    pub(crate) fn set_own_priority(&mut self, thread: ThreadId, priority: Priority) {
        if let Some(found) = self.threads.get_mut(thread) {
            found.own = priority;
        }
        self.inherit(thread);
    }

    /// Settles what a thread runs with by its own priority and its waiters', and by that what
    /// the owner of the lock that it waits for does.
    fn inherit(&mut self, thread: ThreadId) {
        let mut next = Some(thread);
        for _ in 0..CHAIN_LIMIT {
            let Some(found) = next.and_then(|id| self.threads.get(id)) else {
                return;
            };
            let lenders = found.lock_waiters.iter();
            let lent = lenders.filter_map(|&id| self.threads.get(id).map(|lender| lender.base));
            let base = lent.fold(found.own, Priority::max);
            let (unchanged, onward) = (base == found.base, found.lock_wait);
            if unchanged {
                return;
            }
            if let Some(id) = next {
                self.set_base_priority(id, base);
            }
            next = onward.map(|(owner, _)| owner);
        }
    }

    /// A thread ends, or leaves its memory: its locks go to those who wait, marked.
    pub(crate) fn locks_abandon(&mut self, thread: ThreadId) {
        while let Some(waiter) = self
            .threads
            .get(thread)
            .and_then(|found| found.lock_waiters.first().copied())
        {
            self.lock_bequeath(thread, waiter);
        }
        let Some(found) = self.threads.get_mut(thread) else {
            return;
        };
        let list = core::mem::take(&mut found.robust_list);
        if list != 0 {
            // A list that cannot be read is its program's mistake, and marks nothing.
            let _ = self.robust_walk(thread, list);
        }
    }

    /// Takes one that waits no more out of a list of waiters, where `lock_wait_end` leaves none.
    fn lock_forget(&mut self, owner: ThreadId, waiter: ThreadId) {
        if let Some(found) = self.threads.get_mut(owner) {
            found.lock_waiters.retain(|&other| other != waiter);
        }
    }

    /// Gives the lock that a waiter of an ending thread waits for to the most urgent waiter.
    fn lock_bequeath(&mut self, from: ThreadId, waiter: ThreadId) {
        let waits = self
            .threads
            .get(waiter)
            .map(|found| (found.wait, found.lock_wait));
        let Some((Wait::Futex(key), Some((_, address)))) = waits else {
            return self.lock_forget(from, waiter);
        };
        let Some((heir, others)) = self.lock_heir(from, key) else {
            return self.lock_forget(from, waiter);
        };
        let waiting = if others { lock_word::WAITERS } else { 0 };
        let new = name_of(heir) | lock_word::OWNER_DIED | waiting;
        for _ in 0..ATTEMPTS {
            // The word lies in the waiter's memory too, and that stays.
            let Ok(word) = self.futex_load(waiter, address) else {
                break;
            };
            if word & lock_word::OWNER != name_of(from) {
                break;
            }
            if matches!(self.lock_exchange(waiter, address, word, new), Ok(true)) {
                self.lock_pass_on(from, key, heir);
                return;
            }
        }
        // The word does not name its owner any more, against the rules: nobody can be told.
        self.lock_refuse(from, key);
    }

    /// Marks the robust locks of an ending thread.
    fn robust_walk(&mut self, thread: ThreadId, list: u64) -> Result<(), Stop> {
        let fields = self.read_fields::<24>(thread, list)?;
        let (mut entry, offset, pending) = (fields.u64(0), fields.u64(8), fields.u64(16));
        for _ in 0..ROBUST_LIST_LIMIT {
            if entry == 0 {
                break;
            }
            let next = self
                .read_fields::<8>(thread, entry)
                .map(|fields| fields.u64(0));
            if entry != pending {
                self.robust_mark(thread, entry.wrapping_add(offset), false);
            }
            let Ok(next) = next else { break };
            entry = next;
        }
        if pending != 0 {
            self.robust_mark(thread, pending.wrapping_add(offset), true);
        }
        Ok(())
    }

    /// Marks one lock if the thread owns it. One that it was about to let go (`pending`) may be
    /// free already, and its waiters not yet woken.
    fn robust_mark(&mut self, thread: ThreadId, address: u64, pending: bool) {
        for _ in 0..ATTEMPTS {
            let Ok(word) = self.futex_load(thread, address) else {
                return;
            };
            let name = word & lock_word::OWNER;
            if name != name_of(thread) {
                if pending && name == 0 {
                    let _ = self.futex_wake(thread, address, 1);
                }
                return;
            }
            let new = word & lock_word::WAITERS | lock_word::OWNER_DIED;
            if matches!(self.lock_exchange(thread, address, word, new), Ok(true)) {
                let _ = self.futex_wake(thread, address, 1);
                return;
            }
        }
    }
}
