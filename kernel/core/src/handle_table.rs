//! A process's handle table: POSIX descriptors below, the runtime's own handles above.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use alloc::vec::Vec;
use kernel_abi::object::handle_flags;
use kernel_abi::{Error, Handle, Rights};

/// Most slots of the runtime's half.
const HIGH_SLOTS: usize = 1 << 16;
/// Most descriptors, whatever the limit says.
pub(crate) const MAX_DESCRIPTORS: u64 = 1 << 16;
/// The limit of descriptors of a new process.
pub(crate) const DEFAULT_DESCRIPTORS: u64 = 1024;

/// One half: a vector, and a slot below which none is free.
#[derive(Debug, Default)]
struct Half {
    slots: Vec<Option<HandleEntry>>,
    full_below: usize,
}

impl Half {
    fn get(&self, index: usize) -> Option<&HandleEntry> {
        self.slots.get(index)?.as_ref()
    }

    /// The lowest free slot from `lowest` on, below `limit`.
    fn free_from(&mut self, lowest: usize, limit: usize) -> Option<usize> {
        let start = lowest.max(self.full_below);
        let index = self
            .slots
            .iter()
            .skip(start)
            .position(Option::is_none)
            .map_or_else(|| self.slots.len().max(start), |distance| start + distance);
        if lowest <= self.full_below {
            self.full_below = index;
        }
        (index < limit).then_some(index)
    }

    fn put(&mut self, index: usize, entry: HandleEntry) -> Option<HandleEntry> {
        if index == self.slots.len() {
            self.slots.push(Some(entry));
            return None;
        }
        if index > self.slots.len() {
            self.slots.resize(index + 1, None);
        }
        self.slots
            .get_mut(index)
            .and_then(|slot| slot.replace(entry))
    }

    fn take(&mut self, index: usize) -> Option<HandleEntry> {
        let entry = self.slots.get_mut(index)?.take()?;
        self.full_below = self.full_below.min(index);
        // Forks look at every slot: none is kept behind the last one in use.
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        Some(entry)
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct HandleTable {
    low: Half,
    high: Half,
    /// Descriptors are below this.
    pub limit: u64,
    /// Entries in use.
    pub count: u64,
}

impl Default for HandleTable {
    fn default() -> HandleTable {
        HandleTable {
            low: Half::default(),
            high: Half::default(),
            limit: DEFAULT_DESCRIPTORS,
            count: 0,
        }
    }
}

impl HandleTable {
    /// The entry in a slot, as a program names it.
    #[inline]
    pub fn get(&self, slot: u64) -> Option<&HandleEntry> {
        match slot.checked_sub(u64::from(Handle::HIGH_BASE)) {
            None => self.low.get(slot as usize),
            Some(index) => self.high.get(index as usize),
        }
    }

    /// The entry in a slot, if it has these rights.
    #[inline]
    pub fn allowing(&self, slot: u64, rights: Rights) -> Result<&HandleEntry, Error> {
        let entry = self.get(slot).ok_or(Error::BadHandle)?;
        if entry.rights.contains(rights) {
            Ok(entry)
        } else {
            Err(Error::AccessDenied)
        }
    }

    /// The entry in a slot, to change its flags.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut HandleEntry> {
        let (half, index) = match slot.checked_sub(Handle::HIGH_BASE) {
            None => (&mut self.low, slot),
            Some(index) => (&mut self.high, index),
        };
        half.slots.get_mut(index as usize)?.as_mut()
    }

    /// The slot that a new handle would get: the lowest acceptable one, or exactly that with
    /// `EXACT`.
    pub fn choose(&mut self, slot: u32, flags: u64) -> Result<u32, Error> {
        let high = flags & handle_flags::HIGH != 0 || slot >= Handle::HIGH_BASE;
        if !high {
            let limit = self.limit.min(MAX_DESCRIPTORS) as usize;
            if flags & handle_flags::EXACT != 0 {
                return if (slot as usize) < limit {
                    Ok(slot)
                } else {
                    Err(Error::BadHandle)
                };
            }
            let index = self
                .low
                .free_from(slot as usize, limit)
                .ok_or(Error::TableFull)?;
            return Ok(index as u32);
        }
        if flags & handle_flags::EXACT != 0 {
            let index = slot
                .checked_sub(Handle::HIGH_BASE)
                .ok_or(Error::BadHandle)?;
            return if (index as usize) < HIGH_SLOTS {
                Ok(slot)
            } else {
                Err(Error::BadHandle)
            };
        }
        let lowest = slot.max(Handle::HIGH_FREE) - Handle::HIGH_BASE;
        let index = self
            .high
            .free_from(lowest as usize, HIGH_SLOTS)
            .ok_or(Error::TableFull)?;
        Ok(Handle::HIGH_BASE + index as u32)
    }

    /// Puts an entry into a slot that [`Self::choose`] gave; returns what was there.
    pub fn put(&mut self, slot: u32, entry: HandleEntry) -> Option<HandleEntry> {
        let previous = match slot.checked_sub(Handle::HIGH_BASE) {
            None => self.low.put(slot as usize, entry),
            Some(index) => self.high.put(index as usize, entry),
        };
        if previous.is_none() {
            self.count += 1;
        }
        previous
    }

    /// Empties a slot.
    pub fn take(&mut self, slot: u32) -> Option<HandleEntry> {
        let entry = match slot.checked_sub(Handle::HIGH_BASE) {
            None => self.low.take(slot as usize),
            Some(index) => self.high.take(index as usize),
        }?;
        self.count = self.count.saturating_sub(1);
        Some(entry)
    }

    /// Every entry with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &HandleEntry)> {
        let low = self
            .low
            .slots
            .iter()
            .enumerate()
            .map(|(index, entry)| (index as u32, entry));
        let high = self.high.slots.iter().enumerate();
        let high = high.map(|(index, entry)| (Handle::HIGH_BASE + index as u32, entry));
        low.chain(high)
            .filter_map(|(slot, entry)| Some((slot, entry.as_ref()?)))
    }
}

impl<M: Machine> Kernel<M> {
    /// The process of a thread.
    pub(crate) fn process_of(&self, thread: ThreadId) -> Result<ProcessId, Error> {
        self.threads
            .get(thread)
            .map(|thread| thread.process)
            .ok_or(Error::NoProcess)
    }

    /// The object of a handle that has these rights.
    #[inline]
    pub(crate) fn object_of(
        &self,
        process: ProcessId,
        slot: u64,
        rights: Rights,
    ) -> Result<Object, Error> {
        let table = &self.processes.get(process).ok_or(Error::NoProcess)?.handles;
        Ok(table.allowing(slot, rights)?.object)
    }

    /// Looks a handle up and checks its rights.
    #[inline]
    pub(crate) fn lookup(
        &self,
        process: ProcessId,
        slot: u64,
        rights: Rights,
    ) -> Result<HandleEntry, Error> {
        let table = &self.processes.get(process).ok_or(Error::NoProcess)?.handles;
        table.allowing(slot, rights).copied()
    }

    /// Puts an entry, whose reference is already counted, into the lowest free acceptable slot (or
    /// exactly there, closing what it held). On failure the entry is released.
    pub(crate) fn place(
        &mut self,
        process: ProcessId,
        mut entry: HandleEntry,
        slot: u32,
        flags: u64,
    ) -> Result<u32, Error> {
        let kept = handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK;
        entry.flags = (flags & kept) as u32;
        let chosen = match self.processes.get_mut(process) {
            Some(process) => process.handles.choose(slot, flags),
            None => Err(Error::NoProcess),
        };
        match chosen {
            Ok(chosen) => {
                let table = self
                    .processes
                    .get_mut(process)
                    .map(|process| &mut process.handles);
                if let Some(previous) = table.and_then(|table| table.put(chosen, entry)) {
                    self.release(previous);
                }
                Ok(chosen)
            }
            Err(error) => {
                self.release(entry);
                Err(error)
            }
        }
    }

    /// As [`Self::place`] for an entry whose reference is not yet counted.
    pub(crate) fn place_copy(
        &mut self,
        process: ProcessId,
        entry: HandleEntry,
        slot: u32,
        flags: u64,
    ) -> Result<u32, Error> {
        self.retain(&entry);
        self.place(process, entry, slot, flags)
    }

    /// Gives a new object its first handle, in the high half.
    pub(crate) fn place_new(
        &mut self,
        process: ProcessId,
        object: Object,
        rights: Rights,
    ) -> Result<u64, Error> {
        let entry = HandleEntry::new(object, rights);
        self.place_copy(process, entry, 0, handle_flags::HIGH)
            .map(u64::from)
    }

    /// Closes a slot.
    pub(crate) fn close(&mut self, process: ProcessId, slot: u32) -> Result<(), Error> {
        let table = &mut self
            .processes
            .get_mut(process)
            .ok_or(Error::NoProcess)?
            .handles;
        let entry = table.take(slot).ok_or(Error::BadHandle)?;
        self.release(entry);
        Ok(())
    }

    /// Closes every handle that `which` selects.
    pub(crate) fn close_all(&mut self, process: ProcessId, which: impl Fn(u32, u32) -> bool) {
        let Some(found) = self.processes.get(process) else {
            return;
        };
        let slots: Vec<u32> = found
            .handles
            .iter()
            .filter(|(slot, entry)| which(*slot, entry.flags))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            // The slots were just listed; another close cannot have come between.
            let _ = self.close(process, slot);
        }
    }

    /// Copies every handle without CLOSE_ON_FORK to the same slot of an empty table.
    pub(crate) fn copy_handles(&mut self, from: ProcessId, to: ProcessId) {
        let Some(source) = self.processes.get(from) else {
            return;
        };
        let limit = source.handles.limit;
        let entries: Vec<(u32, HandleEntry)> = source
            .handles
            .iter()
            .filter(|(_, entry)| u64::from(entry.flags) & handle_flags::CLOSE_ON_FORK == 0)
            .map(|(slot, entry)| (slot, *entry))
            .collect();
        if let Some(target) = self.processes.get_mut(to) {
            target.handles.limit = limit;
        }
        for (slot, entry) in entries {
            self.retain(&entry);
            let table = self
                .processes
                .get_mut(to)
                .map(|process| &mut process.handles);
            if let Some(previous) = table.and_then(|table| table.put(slot, entry)) {
                self.release(previous);
            }
        }
    }
}
