//! Timers, and the queue of everything that is due at a time.

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, MAX_CPUS, Machine};
use crate::object::Object;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream::total;
use crate::system_call::Request;
use crate::thread::Step;
use alloc::collections::BTreeMap;
use kernel_abi::message::status_flags;
use kernel_abi::system::clock;
use kernel_abi::{Error, Rights, Signals};

/// A timer object.
pub(crate) struct Timer {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    clock: u64,
    interval_ns: u64,
    /// Expiries since the last read.
    expiries: u64,
    armed: Option<TimerKey>,
}

/// A place in the queue: processor, time, and a number that makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    cpu: Cpu,
    deadline_ns: u64,
    sequence: u64,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerTarget {
    Thread(ThreadId),
    Timer(Id<Timer>),
}

/// Deadlines by processor: who waits on a processor is woken by its own timer, so that setting
/// a deadline never needs another processor.
#[derive(Default)]
pub(crate) struct TimerQueue {
    queues: [BTreeMap<(u64, u64), TimerTarget>; MAX_CPUS],
    sequence: u64,
    /// The first deadline of each processor, kept so that `schedule` reads one word.
    first_ns: [Option<u64>; MAX_CPUS],
    /// Bit n: the first deadline of processor n is another one than was programmed.
    changed: u8,
}

impl TimerQueue {
    pub fn insert(&mut self, cpu: Cpu, deadline_ns: u64, target: TimerTarget) -> TimerKey {
        self.sequence += 1;
        let key = TimerKey {
            cpu,
            deadline_ns,
            sequence: self.sequence,
        };
        if let Some(queue) = self.queues.get_mut(usize::from(cpu.0)) {
            queue.insert((deadline_ns, key.sequence), target);
        }
        self.refresh(cpu);
        key
    }

    pub fn remove(&mut self, key: TimerKey) {
        if let Some(queue) = self.queues.get_mut(usize::from(key.cpu.0)) {
            queue.remove(&(key.deadline_ns, key.sequence));
        }
        self.refresh(key.cpu);
    }

    /// The first deadline of a processor.
    #[inline]
    pub fn first_ns(&self, cpu: Cpu) -> u64 {
        self.first_ns
            .get(usize::from(cpu.0))
            .copied()
            .flatten()
            .unwrap_or(u64::MAX)
    }

    /// Whether the first deadline has changed since it was programmed.
    #[inline]
    pub fn is_changed(&self, cpu: Cpu) -> bool {
        self.changed & (1 << (usize::from(cpu.0) % MAX_CPUS)) != 0
    }

    /// The first deadline has been programmed.
    pub fn clear_changed(&mut self, cpu: Cpu) {
        self.changed &= !(1 << (usize::from(cpu.0) % MAX_CPUS));
    }

    /// How many entries there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queues.iter().map(BTreeMap::len).sum()
    }

    fn take_due(&mut self, cpu: Cpu, now_ns: u64) -> Option<TimerTarget> {
        let queue = self.queues.get_mut(usize::from(cpu.0))?;
        let entry = queue.first_entry()?;
        if entry.key().0 > now_ns {
            return None;
        }
        let target = entry.remove();
        self.refresh(cpu);
        Some(target)
    }

    fn refresh(&mut self, cpu: Cpu) {
        let index = usize::from(cpu.0);
        let first = self
            .queues
            .get(index)
            .and_then(|q| q.first_key_value())
            .map(|(key, _)| key.0);
        if let Some(slot) = self.first_ns.get_mut(index)
            && *slot != first
        {
            *slot = first;
            self.changed |= 1 << (index % MAX_CPUS);
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// Serves everything that is due on a processor.
    pub(crate) fn expire_timers(&mut self, cpu: Cpu) {
        let now_ns = self.machine.now_ns();
        while let Some(target) = self.timer_queue.take_due(cpu, now_ns) {
            match target {
                TimerTarget::Thread(thread) => self.thread_deadline(thread),
                TimerTarget::Timer(timer) => self.timer_expired(cpu, timer, now_ns),
            }
        }
    }

    fn timer_expired(&mut self, cpu: Cpu, id: Id<Timer>, now_ns: u64) {
        let Some(timer) = self.timers.get_mut(id) else {
            return;
        };
        let due_ns = timer.armed.take().map_or(now_ns, |key| key.deadline_ns);
        timer.expiries = timer.expiries.saturating_add(1);
        if timer.interval_ns != 0 {
            // Expiries that were missed are counted, not caught up with one by one.
            let late_ns = now_ns.saturating_sub(due_ns);
            let missed = late_ns.checked_div(timer.interval_ns).unwrap_or(0);
            timer.expiries = timer.expiries.saturating_add(missed);
            let steps = timer.interval_ns.saturating_mul(missed.saturating_add(1));
            let next_ns = due_ns.saturating_add(steps);
            timer.armed = Some(
                self.timer_queue
                    .insert(cpu, next_ns, TimerTarget::Timer(id)),
            );
        }
        self.change_signals(Object::Timer(id), Signals::NONE, Signals::READABLE);
    }

    /// TimerCreate.
    pub(crate) fn timer_create(&mut self, process: ProcessId, clock: u64) -> Step {
        self.check_reserve()?;
        if clock != clock::MONOTONIC && clock != clock::REALTIME {
            return Err(Error::BadArgument.into());
        }
        let id = self.timers.insert(Timer {
            references: 0,
            signals: SignalState::default(),
            status: 0,
            clock,
            interval_ns: 0,
            expiries: 0,
            armed: None,
        });
        Ok(self.place_new(process, Object::Timer(id), Rights::ALL)?)
    }

    /// TimerSet: a time of the timer's clock, converted once (a later change of the real-time
    /// clock does not move it).
    pub(crate) fn timer_set(&mut self, request: &Request) -> Step {
        let [handle, deadline_ns, interval_ns, relative, ..] = request.arguments;
        let id = self.timer_of(request.process, handle, Rights::WRITE)?;
        if relative > 1 {
            return Err(Error::BadArgument.into());
        }
        let (cpu, now_ns) = (request.cpu, self.machine.now_ns());
        let offset_ns = self.machine.realtime_offset_ns();
        let timer = self.timers.get_mut(id).ok_or(Error::BadHandle)?;
        if let Some(key) = timer.armed.take() {
            self.timer_queue.remove(key);
        }
        timer.interval_ns = interval_ns;
        timer.expiries = 0;
        if deadline_ns != u64::MAX {
            let monotonic_ns = match timer.clock {
                _ if relative != 0 => now_ns.saturating_add(deadline_ns),
                clock::REALTIME => deadline_ns.saturating_sub(offset_ns),
                _ => deadline_ns,
            };
            timer.armed = Some(
                self.timer_queue
                    .insert(cpu, monotonic_ns, TimerTarget::Timer(id)),
            );
        }
        self.change_signals(Object::Timer(id), Signals::READABLE, Signals::NONE);
        Ok(0)
    }

    fn timer_of(
        &self,
        process: ProcessId,
        handle: u64,
        rights: Rights,
    ) -> Result<Id<Timer>, Error> {
        match self.lookup(process, handle, rights)?.object {
            Object::Timer(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    /// TimerGet: when it expires next (monotonic), and the interval.
    pub(crate) fn timer_get(&mut self, request: &Request) -> Step {
        let [handle, address, ..] = request.arguments;
        let id = self.timer_of(request.process, handle, Rights::NONE)?;
        let timer = self.timers.get(id).ok_or(Error::BadHandle)?;
        let deadline_ns = timer.armed.map_or(u64::MAX, |key| key.deadline_ns);
        let words = [deadline_ns, timer.interval_ns];
        self.write_words(request.thread, address, &words)?;
        Ok(0)
    }

    /// Reads and takes the expiries since the last read (u64).
    pub(crate) fn timer_read(&mut self, id: Id<Timer>, access: &Access<'_>) -> Step {
        if total(access.segments)? < 8 {
            return Err(Error::BadArgument.into());
        }
        let expiries = self.timers.get(id).map_or(0, |timer| timer.expiries);
        if expiries == 0 {
            if access.status & status_flags::NONBLOCK != 0 {
                return Err(Error::WouldBlock.into());
            }
            return Err(self.wait_signals(access.thread, Object::Timer(id), Signals::ALL, true));
        }
        self.scatter(access.thread, access.segments, &expiries.to_le_bytes())?;
        if let Some(timer) = self.timers.get_mut(id) {
            timer.expiries = 0;
        }
        self.change_signals(Object::Timer(id), Signals::READABLE, Signals::NONE);
        Ok(8)
    }

    /// How many timers are armed.
    #[cfg(test)]
    pub(crate) fn timers_armed(&self) -> usize {
        self.timers
            .iter()
            .filter(|(_, timer)| timer.armed.is_some())
            .count()
    }

    /// The last handle is closed.
    pub(crate) fn timer_remove(&mut self, id: Id<Timer>) {
        if let Some(key) = self.timers.remove(id).and_then(|timer| timer.armed) {
            self.timer_queue.remove(key);
        }
    }
}
