//! Waiting: for a list of objects once, or for a set of them again and again.

use crate::bytes::with_always;
use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::signal::{Observer, SignalState};
use crate::slab::Id;
use crate::thread::{Step, Stop};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use kernel_abi::wait::wait_flags;
use kernel_abi::{Error, Rights, Signals};

/// Most items of one Wait.
const MOST_ITEMS: u64 = 4096;
/// Up to this many are looked at on the stack.
const FEW_ITEMS: usize = 16;
/// Most reports of one WaitSetWait.
const MOST_REPORTS: u64 = 1024;
/// Most wait sets in one another.
const MOST_NESTED: usize = 5;
/// Size of `kernel_abi::wait::WaitItem` and `WaitReport`.
const RECORD: usize = 16;

/// A wait set.
pub(crate) struct WaitSet {
    pub references: u32,
    pub signals: SignalState,
    items: BTreeMap<u64, Item>,
    ready: VecDeque<u64>,
    next: u64,
}

struct Item {
    handle: u32,
    object: Object,
    signals: Signals,
    cookie: u64,
    flags: u64,
    /// Raised since the last report.
    pending: Signals,
    queued: bool,
}

/// Handle and wanted signals of a `WaitItem`.
fn wait_item(record: &[u8; RECORD]) -> (u64, Signals) {
    let word = record
        .first_chunk()
        .map_or(0, |word| u64::from_le_bytes(*word));
    (word & 0xffff_ffff, Signals((word >> 32) as u32))
}

/// What was filled in for a `WaitItem`.
fn answer_of(record: &[u8; RECORD]) -> u64 {
    let word = record.last_chunk();
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

impl<M: Machine> Kernel<M> {
    /// Wait: executed again whenever an object raises something or the deadline passes.
    pub(crate) fn wait_any(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [address, count, deadline_ns, mask_address, ..] = arguments;
        if count > MOST_ITEMS {
            return Err(Error::TooBig.into());
        }
        let length = count as usize * RECORD;
        // Few items need no memory from the heap.
        let (mut few, mut many) = ([0; FEW_ITEMS * RECORD], Vec::new());
        let bytes = match few.get_mut(..length) {
            Some(few) => few,
            None => {
                many.resize(length, 0);
                many.as_mut_slice()
            }
        };
        self.read_user(thread, address, bytes)?;
        self.replace_mask(thread, mask_address)?;
        if self.report_raised(process, bytes)? {
            let answers = bytes.as_chunks().0.iter().map(answer_of);
            let reported = answers.filter(|&answer| answer != 0).count();
            self.write_user(thread, address, bytes)?;
            return Ok(reported as u64);
        }
        if deadline_ns <= self.machine.now_ns() {
            return Ok(0);
        }
        for record in bytes.as_chunks().0 {
            let (handle, signals) = wait_item(record);
            if let Ok(object) = self.object_of(process, handle, Rights::WAIT) {
                self.watch(thread, object, with_always(signals));
            }
        }
        Err(self.wait_until(cpu, thread, deadline_ns))
    }

    /// Fills in what is raised of each item, in the low half of its answer, or the error in the high
    /// one. Whether there is any.
    fn report_raised(&self, process: ProcessId, items: &mut [u8]) -> Result<bool, Error> {
        let table = &self.processes.get(process).ok_or(Error::NoProcess)?.handles;
        let mut any = 0;
        for record in items.as_chunks_mut().0 {
            let (handle, signals) = wait_item(record);
            let answer = match table.allowing(handle, Rights::WAIT) {
                Ok(entry) => u64::from(self.raised(entry.object).and(with_always(signals)).0),
                Err(error) => (error as u64) << 32,
            };
            if let Some(place) = record.last_chunk_mut() {
                *place = answer.to_le_bytes();
            }
            any |= answer;
        }
        Ok(any != 0)
    }

    /// The rest of a wait that upcalls always interrupt.
    fn wait_until(&mut self, cpu: Cpu, thread: ThreadId, deadline_ns: u64) -> Stop {
        self.set_deadline(cpu, thread, deadline_ns);
        if let Some(found) = self.threads.get_mut(thread) {
            found.restartable = false;
        }
        Stop::Wait
    }

    /// Replaces the thread's mask for the length of a call, once however often it is executed.
    fn replace_mask(&mut self, thread: ThreadId, address: u64) -> Result<(), Stop> {
        let waiting = self
            .threads
            .get(thread)
            .is_some_and(|found| found.saved_mask.is_some());
        if address == 0 || waiting {
            return Ok(());
        }
        let fields = self.read_fields::<8>(thread, address)?;
        if let Some(found) = self.threads.get_mut(thread) {
            found.saved_mask = Some(found.mask);
            found.mask = fields.u64(0);
            found.call_attention();
        }
        Ok(())
    }

    /// WaitSetCreate.
    pub(crate) fn wait_set_create(&mut self, process: ProcessId) -> Step {
        self.check_reserve()?;
        let id = self.wait_sets.insert(WaitSet {
            references: 0,
            signals: SignalState::default(),
            items: BTreeMap::new(),
            ready: VecDeque::new(),
            next: 0,
        });
        Ok(self.place_new(process, Object::WaitSet(id), Rights::ALL)?)
    }

    fn wait_set_of(&self, process: ProcessId, handle: u64) -> Result<Id<WaitSet>, Error> {
        match self.lookup(process, handle, Rights::NONE)?.object {
            Object::WaitSet(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    /// WaitSetChange: an item is named by its handle and object, as epoll does.
    pub(crate) fn wait_set_change(&mut self, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [set, handle, signals, cookie, flags, _] = arguments;
        let id = self.wait_set_of(process, set)?;
        let object = self.lookup(process, handle, Rights::WAIT)?.object;
        let signals = Signals(u32::try_from(signals).map_err(|_| Error::BadArgument)?);
        let (asked, flags) = (flags, flags & (wait_flags::EDGE | wait_flags::ONE_SHOT));
        if asked & !(flags | wait_flags::ADD | wait_flags::MODIFY) != 0 {
            return Err(Error::BadArgument.into());
        }
        if self.signals_mut(object).is_none() {
            return Err(Error::WrongKind.into());
        }
        if let Object::WaitSet(inner) = object {
            self.check_nesting(id, inner)?;
        }
        self.check_reserve()?;
        let set = self.wait_sets.get_mut(id).ok_or(Error::BadHandle)?;
        let same = |item: &Item| u64::from(item.handle) == handle && item.object == object;
        let existing = set
            .items
            .iter()
            .find(|(_, item)| same(item))
            .map(|(key, _)| *key);
        if existing.is_some() && asked & wait_flags::ADD != 0 {
            return Err(Error::Exists.into());
        }
        if existing.is_none() && asked & wait_flags::MODIFY != 0 {
            return Err(Error::NotFound.into());
        }
        if let Some(key) = existing {
            self.wait_set_drop(id, key);
        }
        if signals.is_empty() && asked == 0 {
            return if existing.is_some() {
                Ok(0)
            } else {
                Err(Error::NotFound.into())
            };
        }
        let set = self.wait_sets.get_mut(id).ok_or(Error::BadHandle)?;
        set.next += 1;
        let key = set.next;
        let item = Item {
            handle: handle as u32,
            object,
            signals: with_always(signals),
            cookie,
            flags,
            pending: Signals::NONE,
            queued: false,
        };
        set.items.insert(key, item);
        self.observe(object, Observer::WaitSet(id, key), with_always(signals));
        let raised = self.raised(object).and(with_always(signals));
        if !raised.is_empty() {
            self.wait_set_item_ready(id, key, raised);
        }
        Ok(0)
    }

    /// Refuses a set in a set that would wait for itself, or nest too deeply.
    fn check_nesting(&self, outer: Id<WaitSet>, inner: Id<WaitSet>) -> Result<(), Error> {
        if outer == inner {
            return Err(Error::BadArgument);
        }
        let (mut level, mut depth) = (alloc::vec![inner], 0);
        while !level.is_empty() {
            depth += 1;
            if level.contains(&outer) || depth > MOST_NESTED {
                return Err(Error::Nested);
            }
            level = level.iter().flat_map(|&set| self.inner_sets(set)).collect();
        }
        level.push(outer);
        while !level.is_empty() {
            depth += 1;
            if depth > MOST_NESTED {
                return Err(Error::Nested);
            }
            level = level.iter().flat_map(|&set| self.outer_sets(set)).collect();
        }
        Ok(())
    }

    fn inner_sets(&self, set: Id<WaitSet>) -> Vec<Id<WaitSet>> {
        let items = self.wait_sets.get(set).map(|set| set.items.values());
        let objects = items.into_iter().flatten().map(|item| item.object);
        let inner = objects.filter_map(|object| match object {
            Object::WaitSet(inner) => Some(inner),
            _ => None,
        });
        inner.collect()
    }

    fn outer_sets(&self, set: Id<WaitSet>) -> Vec<Id<WaitSet>> {
        let found = self.wait_sets.get(set);
        let observers = found.map(|set| set.signals.observers.iter());
        let outer = observers.into_iter().flatten();
        let outer = outer.filter_map(|&(observer, _)| match observer {
            Observer::WaitSet(outer, _) => Some(outer),
            _ => None,
        });
        outer.collect()
    }

    /// A set is readable while a wait would report something.
    pub(crate) fn wait_set_signals(&self, id: Id<WaitSet>) -> Signals {
        let Some(set) = self.wait_sets.get(id) else {
            return Signals::NONE;
        };
        let mut ready = set.ready.iter().filter_map(|key| set.items.get(key));
        match ready.any(|item| !self.item_raised(item).is_empty()) {
            true => Signals::READABLE,
            false => Signals::NONE,
        }
    }

    /// What a wait would report of an item.
    fn item_raised(&self, item: &Item) -> Signals {
        let raised = self.raised(item.object).and(item.signals);
        match item.flags & wait_flags::EDGE != 0 {
            true => raised.and(item.pending),
            false => raised,
        }
    }

    /// An item's object raised signals.
    pub(crate) fn wait_set_item_ready(&mut self, id: Id<WaitSet>, key: u64, raised: Signals) {
        let Some(set) = self.wait_sets.get_mut(id) else {
            return;
        };
        let Some(item) = set.items.get_mut(&key) else {
            return;
        };
        item.pending = item.pending.or(raised);
        if !item.queued {
            item.queued = true;
            set.ready.push_back(key);
        }
        self.change_signals(Object::WaitSet(id), Signals::NONE, Signals::READABLE);
    }

    /// WaitSetWait.
    pub(crate) fn wait_set_wait(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, address, count, deadline_ns, mask_address, _] = arguments;
        let id = self.wait_set_of(process, handle)?;
        let most = count.min(MOST_REPORTS) as usize;
        if most == 0 {
            return Err(Error::BadArgument.into());
        }
        self.replace_mask(thread, mask_address)?;
        let reports = self.wait_set_ready(id, most);
        if reports.is_empty() {
            if let Some(set) = self.wait_sets.get_mut(id) {
                set.signals.word = Signals::NONE;
            }
            if deadline_ns <= self.machine.now_ns() {
                return Ok(0);
            }
            self.watch(thread, Object::WaitSet(id), Signals::READABLE);
            return Err(self.wait_until(cpu, thread, deadline_ns));
        }
        let words: Vec<u64> = reports
            .iter()
            .flat_map(|report| [report.cookie, u64::from(report.raised.0)])
            .collect();
        self.write_words(thread, address, &words)?;
        for report in &reports {
            self.wait_set_reported(id, report);
        }
        Ok(reports.len() as u64)
    }

    /// What is ready now; items that no longer are leave the queue.
    fn wait_set_ready(&mut self, id: Id<WaitSet>, most: usize) -> Vec<Report> {
        let mut reports = Vec::new();
        let keys: Vec<u64> = self
            .wait_sets
            .get(id)
            .map_or(Vec::new(), |set| set.ready.iter().copied().collect());
        for key in keys {
            if reports.len() == most {
                break;
            }
            let Some(item) = self.wait_sets.get(id).and_then(|set| set.items.get(&key)) else {
                continue;
            };
            let (cookie, raised) = (item.cookie, self.item_raised(item));
            if raised.is_empty() {
                self.wait_set_unqueue(id, key);
            } else {
                reports.push(Report {
                    key,
                    cookie,
                    raised,
                });
            }
        }
        reports
    }

    fn wait_set_unqueue(&mut self, id: Id<WaitSet>, key: u64) {
        let Some(set) = self.wait_sets.get_mut(id) else {
            return;
        };
        set.ready.retain(|&other| other != key);
        if let Some(item) = set.items.get_mut(&key) {
            item.queued = false;
            item.pending = Signals::NONE;
        }
    }

    /// After a report, a level-triggered item goes to the end of the queue, so that one that
    /// stays raised does not hide the others.
    fn wait_set_reported(&mut self, id: Id<WaitSet>, report: &Report) {
        self.wait_set_unqueue(id, report.key);
        let Some(set) = self.wait_sets.get_mut(id) else {
            return;
        };
        let Some(item) = set.items.get_mut(&report.key) else {
            return;
        };
        if item.flags & wait_flags::ONE_SHOT != 0 {
            item.signals = Signals::NONE;
            let (object, observer) = (item.object, Observer::WaitSet(id, report.key));
            self.forget_observer(object, observer);
        } else if item.flags & wait_flags::EDGE == 0 {
            item.queued = true;
            set.ready.push_back(report.key);
        }
    }

    fn wait_set_drop(&mut self, id: Id<WaitSet>, key: u64) {
        self.wait_set_unqueue(id, key);
        let Some(set) = self.wait_sets.get_mut(id) else {
            return;
        };
        if let Some(item) = set.items.remove(&key) {
            self.forget_observer(item.object, Observer::WaitSet(id, key));
        }
    }

    /// An item's object is gone.
    pub(crate) fn wait_set_forget(&mut self, id: Id<WaitSet>, key: u64) {
        self.wait_set_unqueue(id, key);
        if let Some(set) = self.wait_sets.get_mut(id) {
            set.items.remove(&key);
        }
    }

    /// The last handle is closed.
    pub(crate) fn wait_set_remove(&mut self, id: Id<WaitSet>) {
        let Some(set) = self.wait_sets.remove(id) else {
            return;
        };
        for (key, item) in set.items {
            self.forget_observer(item.object, Observer::WaitSet(id, key));
        }
    }
}

struct Report {
    key: u64,
    cookie: u64,
    raised: Signals,
}
