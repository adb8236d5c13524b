//! Timers, and the queue of everything that is due at a time.

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, MAX_CPUS, Machine};
use crate::object::Object;
use crate::pending::Raised;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::stream::total;
use crate::thread::{Step, Wait};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use kernel_abi::system::clock;
use kernel_abi::system::timer_flags::MONOTONIC_DEADLINE;
use kernel_abi::{Error, Rights, Signals};

/// A timer object.
pub(crate) struct Timer {
    pub references: u32,
    pub signals: SignalState,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    pub(crate) clock: TimerClock,
    /// The next expiry on the timer's clock; `u64::MAX`: none.
    pub(crate) deadline_ns: u64,
    /// The deadline is a time of the real-time clock and moves when that is set.
    follows_realtime: bool,
    interval_ns: u64,
    /// Expiries since the last read.
    expiries: u64,
    /// Expiries that were due when it was looked at last.
    expired_at_once: u32,
    armed: Option<TimerKey>,
    notify: Option<Notify>,
    /// Expiries while the upcall of one before was still pending.
    overrun: u32,
    /// The same, when the last upcall was delivered.
    delivered_overrun: u32,
}

/// What a timer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerClock {
    Monotonic,
    Realtime,
    /// CPU time of a process.
    Process(ProcessId),
    /// CPU time of a thread.
    Thread(ThreadId),
}

/// The upcall that an expiry raises.
#[derive(Clone, Copy, Debug)]
struct Notify {
    process: ProcessId,
    /// In any of its threads, if `None`.
    thread: Option<ThreadId>,
    raised: Raised,
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
        let offset_ns = self.machine.realtime_offset_ns();
        let Some(timer) = self.timers.get_mut(id) else {
            return;
        };
        let clock_ns = match timer.follows_realtime {
            true => now_ns.saturating_add(offset_ns),
            false => now_ns,
        };
        timer.armed = None;
        timer.expire(clock_ns);
        self.timer_arm(cpu, id);
        self.timer_tell(id);
    }

    /// Puts a timer of a clock that runs by itself into the queue.
    fn timer_arm(&mut self, cpu: Cpu, id: Id<Timer>) {
        let offset_ns = self.machine.realtime_offset_ns();
        let Some(timer) = self.timers.get_mut(id) else {
            return;
        };
        if let Some(key) = timer.armed.take() {
            self.timer_queue.remove(key);
        }
        if timer.deadline_ns == u64::MAX {
            return;
        }
        let monotonic_ns = match timer.follows_realtime {
            true => timer.deadline_ns.saturating_sub(offset_ns),
            false => timer.deadline_ns,
        };
        let target = TimerTarget::Timer(id);
        timer.armed = Some(self.timer_queue.insert(cpu, monotonic_ns, target));
    }

    /// Raises what an expiry raises.
    pub(crate) fn timer_tell(&mut self, id: Id<Timer>) {
        let notify = self.timers.get(id).and_then(|timer| timer.notify);
        if let Some(notify) = notify {
            self.timer_raise(id, &notify);
        }
        self.change_signals(Object::Timer(id), Signals::NONE, Signals::READABLE);
    }

    fn timer_raise(&mut self, id: Id<Timer>, notify: &Notify) {
        let pending = match notify.thread {
            Some(thread) => self.threads.get(thread).map(|found| &found.pending),
            None => self
                .processes
                .get(notify.process)
                .map(|found| &found.pending),
        };
        let Some(timer) = self.timers.get_mut(id) else {
            return;
        };
        if pending.is_some_and(|pending| pending.has_expiry(id)) {
            timer.overrun = timer.overrun.saturating_add(timer.expired_at_once);
            return;
        }
        timer.overrun = timer.expired_at_once.saturating_sub(1);
        let raised = Raised {
            timer: Some(id),
            ..notify.raised
        };
        // A queue that is full, or a process that ends, gets none.
        let _ = match notify.thread {
            Some(thread) => self.raise_in_thread(thread, raised),
            None => self.raise_in_process(notify.process, raised),
        };
    }

    /// Expiries that came while the last one's upcall was pending.
    pub(crate) fn timer_overrun(&self, id: Id<Timer>) -> u32 {
        self.timers.get(id).map_or(0, |timer| timer.overrun)
    }

    /// The same, of an upcall that is being delivered: from here on it is counted anew.
    pub(crate) fn timer_delivered(&mut self, id: Id<Timer>) -> u32 {
        let Some(timer) = self.timers.get_mut(id) else {
            return 0;
        };
        timer.delivered_overrun = core::mem::take(&mut timer.overrun);
        timer.delivered_overrun
    }

    /// TimerCreate.
    pub(crate) fn timer_create(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        clock: u64,
    ) -> Step {
        self.check_reserve()?;
        let clock = match clock {
            clock::MONOTONIC => TimerClock::Monotonic,
            clock::REALTIME => TimerClock::Realtime,
            clock::PROCESS_CPU => TimerClock::Process(process),
            clock::THREAD_CPU => TimerClock::Thread(thread),
            _ => return Err(Error::BadArgument.into()),
        };
        let id = self.timers.insert(Timer {
            references: 0,
            signals: SignalState::default(),
            status: 0,
            clock,
            deadline_ns: u64::MAX,
            follows_realtime: false,
            interval_ns: 0,
            expiries: 0,
            expired_at_once: 0,
            armed: None,
            notify: None,
            overrun: 0,
            delivered_overrun: 0,
        });
        Ok(self.place_new(process, Object::Timer(id), Rights::ALL)?)
    }

    /// TimerSet.
    pub(crate) fn timer_set(&mut self, cpu: Cpu, process: ProcessId, arguments: [u64; 4]) -> Step {
        let [handle, deadline_ns, interval_ns, flags] = arguments;
        let id = self.timer_of(process, handle, Rights::WRITE)?;
        if flags & !MONOTONIC_DEADLINE != 0 {
            return Err(Error::BadArgument.into());
        }
        let timer = self.timers.get_mut(id).ok_or(Error::BadHandle)?;
        timer.interval_ns = interval_ns;
        timer.expiries = 0;
        timer.overrun = 0;
        timer.deadline_ns = deadline_ns;
        timer.follows_realtime =
            timer.clock == TimerClock::Realtime && flags & MONOTONIC_DEADLINE == 0;
        match timer.clock {
            TimerClock::Monotonic | TimerClock::Realtime => self.timer_arm(cpu, id),
            TimerClock::Process(_) | TimerClock::Thread(_) => self.cpu_timer_set(cpu, id),
        }
        self.change_signals(Object::Timer(id), Signals::READABLE, Signals::NONE);
        Ok(0)
    }

    /// TimerNotify.
    pub(crate) fn timer_notify(
        &mut self,
        caller: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, number, upcall, value, detail0, detail1] = arguments;
        let id = self.timer_of(process, handle, Rights::WRITE)?;
        if upcall >= 64 {
            return Err(Error::BadArgument.into());
        }
        let thread = match number {
            0 => None,
            _ => Some(self.thread_by_number(caller, process, number)?),
        };
        let raised = Raised {
            upcall: upcall as u32,
            value,
            details: [detail0, detail1],
            timer: Some(id),
        };
        let timer = self.timers.get_mut(id).ok_or(Error::BadHandle)?;
        timer.notify = Some(Notify {
            process,
            thread,
            raised,
        });
        Ok(0)
    }

    /// TimerState: deadline and now on the clock that the deadline was given on, interval, and
    /// the overrun of the last upcall delivered.
    pub(crate) fn timer_state(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        handle: u64,
        address: u64,
    ) -> Step {
        let id = self.timer_of(process, handle, Rights::READ)?;
        let timer = self.timers.get(id).ok_or(Error::BadHandle)?;
        let (deadline_ns, interval_ns) = (timer.deadline_ns, timer.interval_ns);
        let overrun = u64::from(timer.delivered_overrun);
        let now_ns = match timer.clock {
            TimerClock::Process(process) => self.process_cpu_now_ns(process),
            TimerClock::Thread(thread) => self.thread_cpu_now_ns(thread),
            _ if timer.follows_realtime => self
                .machine
                .now_ns()
                .saturating_add(self.machine.realtime_offset_ns()),
            _ => self.machine.now_ns(),
        };
        self.write_words(
            thread,
            address,
            &[deadline_ns, now_ns, interval_ns, overrun],
        )?;
        Ok(0)
    }

    /// The monotonic time of a deadline on a clock.
    pub(crate) fn monotonic_deadline(&self, clock: u64, deadline_ns: u64) -> Result<u64, Error> {
        match clock {
            clock::MONOTONIC => Ok(deadline_ns),
            clock::REALTIME if deadline_ns == u64::MAX => Ok(u64::MAX),
            clock::REALTIME => Ok(deadline_ns.saturating_sub(self.machine.realtime_offset_ns())),
            _ => Err(Error::BadArgument),
        }
    }

    /// The real-time clock has been set: what waits for a time of it is due at another moment.
    pub(crate) fn realtime_changed(&mut self) {
        let cpu = self.scheduler.here;
        let timers: Vec<Id<Timer>> = self
            .timers
            .iter()
            .filter(|(_, timer)| timer.follows_realtime && timer.armed.is_some())
            .map(|(id, _)| id)
            .collect();
        for timer in timers {
            self.timer_arm(cpu, timer);
        }
        self.futex_follow_realtime(cpu);
        let sleepers: Vec<ThreadId> = self
            .threads
            .iter()
            .filter(|(_, thread)| thread.wait == Wait::RealtimeSleep)
            .map(|(id, _)| id)
            .collect();
        for thread in sleepers {
            self.wake(thread);
        }
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
        self.cpu_timer_forget(id);
        if let Some(key) = self.timers.remove(id).and_then(|timer| timer.armed) {
            self.timer_queue.remove(key);
        }
    }
}

impl Timer {
    /// Counts what is due at a time of the timer's clock, and finds the next deadline. Expiries
    /// that were missed are counted, not caught up with one by one.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        let late_ns = now_ns.saturating_sub(self.deadline_ns);
        let missed = late_ns.checked_div(self.interval_ns).unwrap_or(0);
        let due = missed.saturating_add(1);
        self.expiries = self.expiries.saturating_add(due);
        self.expired_at_once = u32::try_from(due).unwrap_or(u32::MAX);
        self.deadline_ns = match self.interval_ns {
            0 => u64::MAX,
            interval_ns => self
                .deadline_ns
                .saturating_add(interval_ns.saturating_mul(due)),
        };
    }
}
