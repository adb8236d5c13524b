//! Futexes: threads waiting for a word of memory, wherever it is mapped.

use crate::kernel::{Kernel, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::thread::{Step, Stop, Thread, Wait};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use kernel_abi::Error;
use kernel_abi::system::clock;

/// A word's place: the object's number and the offset in it, the same for every mapping.
pub(crate) type FutexKey = (u64, u64);

const BUCKETS: usize = 256;

/// A thread that waits, and the rank that it began to wait with.
struct Waiter {
    key: FutexKey,
    thread: ThreadId,
    rank: u8,
}

/// Waiting threads: in each bucket those of one key by rank, the oldest of a rank first.
pub(crate) struct FutexTable {
    buckets: [VecDeque<Waiter>; BUCKETS],
}

impl Default for FutexTable {
    fn default() -> FutexTable {
        FutexTable {
            buckets: [const { VecDeque::new() }; BUCKETS],
        }
    }
}

impl FutexTable {
    fn bucket(&mut self, key: FutexKey) -> &mut VecDeque<Waiter> {
        let mixed = (key.0 ^ (key.1 >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &mut self.buckets[(mixed >> 56) as usize % BUCKETS]
    }

    /// Adds a thread behind those of its rank and above.
    pub fn add(&mut self, key: FutexKey, thread: ThreadId, rank: u8) {
        let bucket = self.bucket(key);
        let waiter = Waiter { key, thread, rank };
        if rank == 0 {
            bucket.push_back(waiter);
            return;
        }
        let before = bucket
            .iter()
            .rposition(|other| other.key == key && other.rank >= rank);
        bucket.insert(before.map_or(0, |index| index + 1), waiter);
    }

    /// Takes a thread out.
    pub fn remove(&mut self, key: FutexKey, thread: ThreadId) {
        self.bucket(key)
            .retain(|waiter| (waiter.key, waiter.thread) != (key, thread));
    }

    fn first(&mut self, key: FutexKey) -> Option<ThreadId> {
        self.bucket(key)
            .iter()
            .find(|waiter| waiter.key == key)
            .map(|waiter| waiter.thread)
    }

    /// How often a thread stands in the table.
    #[cfg(test)]
    pub fn count_of(&self, thread: ThreadId) -> usize {
        self.buckets
            .iter()
            .flatten()
            .filter(|waiter| waiter.thread == thread)
            .count()
    }
}

impl<M: Machine> Kernel<M> {
    pub(crate) fn futex_key(&mut self, thread: ThreadId, address: u64) -> Result<FutexKey, Stop> {
        if !address.is_multiple_of(4) {
            return Err(Error::BadArgument.into());
        }
        let space = self.thread_space(thread)?;
        let key = self.memory.futex_key(&mut self.machine, space, address);
        self.settle_memory();
        Ok(key?)
    }

    /// Loads the word, faulting its page in.
    pub(crate) fn futex_load(&mut self, thread: ThreadId, address: u64) -> Result<u32, Stop> {
        let space = self.thread_space(thread)?;
        let word = self.memory.load_u32(&mut self.machine, space, address);
        self.settle_memory();
        Ok(word?)
    }

    /// Puts a thread into the table.
    pub(crate) fn futex_enqueue(&mut self, key: FutexKey, thread: ThreadId) {
        let rank = self
            .threads
            .get(thread)
            .map_or(0, |found| found.base.rank());
        self.futexes.add(key, thread, rank);
    }

    /// FutexWait.
    pub(crate) fn futex_wait(&mut self, cpu: Cpu, thread: ThreadId, arguments: [u64; 6]) -> Step {
        let [address, expected, deadline_ns, clock, ..] = arguments;
        let key = self.futex_key(thread, address)?;
        let monotonic_ns = self.monotonic_deadline(clock, deadline_ns)?;
        if u64::from(self.futex_load(thread, address)?) != expected & 0xffff_ffff {
            return Err(Error::WouldBlock.into());
        }
        if monotonic_ns <= self.machine.now_ns() {
            return Err(Error::TimedOut.into());
        }
        self.futex_block(cpu, thread, key, (clock, deadline_ns));
        Err(Stop::Blocked)
    }

    /// Has a thread wait for a futex until a time of a clock.
    pub(crate) fn futex_block(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        key: FutexKey,
        (clock, deadline_ns): (u64, u64),
    ) {
        self.futex_enqueue(key, thread);
        let realtime = clock == clock::REALTIME;
        if let Some(found) = self.threads.get_mut(thread) {
            found.restartable = true;
            found.realtime_deadline_ns = if realtime { deadline_ns } else { u64::MAX };
        }
        if let Ok(monotonic_ns) = self.monotonic_deadline(clock, deadline_ns) {
            self.set_deadline(cpu, thread, monotonic_ns);
        }
        self.block(thread, Wait::Futex(key), false);
    }

    /// The real-time clock has been set: waits until a time of it end at another moment.
    pub(crate) fn futex_follow_realtime(&mut self, cpu: Cpu) {
        let follows = |(id, thread): (ThreadId, &Thread)| match thread.wait {
            Wait::Futex(_) if thread.realtime_deadline_ns != u64::MAX => {
                Some((id, thread.realtime_deadline_ns))
            }
            _ => None,
        };
        let waits: Vec<(ThreadId, u64)> = self.threads.iter().filter_map(follows).collect();
        let offset_ns = self.machine.realtime_offset_ns();
        for (thread, deadline_ns) in waits {
            let before = self
                .threads
                .get_mut(thread)
                .and_then(|found| found.deadline.take());
            if let Some(key) = before {
                self.timer_queue.remove(key);
            }
            self.set_deadline(cpu, thread, deadline_ns.saturating_sub(offset_ns));
        }
    }

    /// FutexWake.
    pub(crate) fn futex_wake(&mut self, thread: ThreadId, address: u64, count: u64) -> Step {
        let key = self.futex_key(thread, address)?;
        Ok(self.futex_wake_key(key, count))
    }

    pub(crate) fn futex_wake_key(&mut self, key: FutexKey, count: u64) -> u64 {
        let mut woken = 0;
        while woken < count
            && let Some(waiter) = self.futexes.first(key)
        {
            self.futexes.remove(key, waiter);
            self.wake_with(waiter, Ok(0));
            woken += 1;
        }
        woken
    }

    /// FutexRequeue: returns how many were woken or moved.
    pub(crate) fn futex_requeue(&mut self, thread: ThreadId, arguments: [u64; 6]) -> Step {
        let [address, wake_count, move_count, target, expected, _] = arguments;
        let from = self.futex_key(thread, address)?;
        let to = self.futex_key(thread, target)?;
        if u64::from(self.futex_load(thread, address)?) != expected & 0xffff_ffff {
            return Err(Error::WouldBlock.into());
        }
        let woken = self.futex_wake_key(from, wake_count);
        let mut moved = 0;
        while from != to
            && moved < move_count
            && let Some(waiter) = self.futexes.first(from)
        {
            self.futexes.remove(from, waiter);
            self.futex_enqueue(to, waiter);
            if let Some(found) = self.threads.get_mut(waiter) {
                found.wait = Wait::Futex(to);
            }
            moved += 1;
        }
        Ok(woken + moved)
    }
}
