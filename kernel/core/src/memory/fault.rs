//! Page faults, and the pages that they and copies find.

use super::copy::CopyStop;
use super::object::{Memory, Source};
use super::page_map::Entry;
use super::region::Region;
use super::{MemoryId, MemorySystem, PAGE, SpaceId, page_of};
use crate::machine::{self, Frame, Machine, PageFlags};
use kernel_abi::memory::{cache, map_flags};
use kernel_abi::process::fault_kind;

/// How a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOutcome {
    /// The access may be tried again.
    Resolved,
    /// A pager has been asked for this page.
    WaitForPager {
        /// The Memory ...
        memory: MemoryId,
        /// ... and its page.
        page: u64,
    },
    /// The access is not allowed: [`fault_kind`].
    Fault(u32),
}

/// A fault in an object maps the present pages among this many, aligned.
const FAULT_AROUND_PAGES: u64 = 16;

impl MemorySystem {
    /// Resolves an access of user code, or says why not.
    pub fn fault<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        address: u64,
        write: bool,
        execute: bool,
    ) -> FaultOutcome {
        let Some(space) = self.spaces.get(id) else {
            return FaultOutcome::Fault(fault_kind::NOT_MAPPED);
        };
        let Some(&region) = space.find(address) else {
            return FaultOutcome::Fault(fault_kind::NOT_MAPPED);
        };
        let (hardware, stack_limit) = (space.machine, space.limits.stack);
        let readable = region.protection != 0;
        if !readable || (write && !region.is_writable()) || (execute && !region.is_executable()) {
            return FaultOutcome::Fault(fault_kind::PROTECTION);
        }
        if region.flags & map_flags::STACK != 0 && region.end - address > stack_limit {
            return FaultOutcome::Fault(fault_kind::NOT_MAPPED);
        }
        let address = address & !(PAGE - 1);
        let result = if region.is_shared() {
            self.shared_page(machine, id, hardware, &region, address, write)
        } else {
            self.private_page(machine, id, hardware, &region, address, write)
        };
        match result {
            Ok(()) => FaultOutcome::Resolved,
            Err(CopyStop::WaitForPager { memory, page }) => {
                FaultOutcome::WaitForPager { memory, page }
            }
            Err(CopyStop::NoMemory) => FaultOutcome::Fault(fault_kind::NO_MEMORY),
            Err(CopyStop::Fault | CopyStop::Failed) => FaultOutcome::Fault(fault_kind::BUS),
        }
    }

    fn shared_page<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        hardware: machine::Space,
        region: &Region,
        address: u64,
        write: bool,
    ) -> Result<(), CopyStop> {
        let (memory, page) = region.backing_page(address).ok_or(CopyStop::Fault)?;
        self.check_mapped_limit(memory, page)?;
        let frame = self.object_page(machine, memory, page, write)?;
        let found = self.memories.get(memory).ok_or(CopyStop::Fault)?;
        // A clean page stays read-only until a store is seen, which makes it dirty.
        let write = region.is_writable()
            && (write || self.is_open_for_writing(found, found.pages.get(page)));
        let flags = PageFlags {
            write,
            execute: region.is_executable(),
            cache: found.cache(),
            device: found.is_device(),
        };
        machine
            .map(hardware, address, frame, flags)
            .map_err(|_| CopyStop::NoMemory)?;
        self.map_neighbours(machine, id, region, address);
        Ok(())
    }

    fn private_page<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        hardware: machine::Space,
        region: &Region,
        address: u64,
        write: bool,
    ) -> Result<(), CopyStop> {
        let page = page_of(address);
        let own = self
            .spaces
            .get(id)
            .and_then(|space| space.private.get(page).frame());
        let frame = match own {
            Some(frame) if write && self.frames.is_shared(frame) => {
                let copy = self
                    .frames
                    .allocate_copy(machine, frame)
                    .ok_or(CopyStop::NoMemory)?;
                self.set_private(id, page, copy);
                self.frames.release(machine, frame);
                copy
            }
            Some(frame) => frame,
            None => match region.backing_page(address) {
                None => {
                    let new = self
                        .frames
                        .allocate_zeroed(machine)
                        .ok_or(CopyStop::NoMemory)?;
                    self.set_private(id, page, new);
                    new
                }
                Some((memory, beneath)) => {
                    self.check_mapped_limit(memory, beneath)?;
                    let below = self.object_page(machine, memory, beneath, false)?;
                    if !write {
                        return self.show_beneath(machine, id, hardware, region, address, below);
                    }
                    let copy = self
                        .frames
                        .allocate_copy(machine, below)
                        .ok_or(CopyStop::NoMemory)?;
                    self.set_private(id, page, copy);
                    copy
                }
            },
        };
        let flags = PageFlags {
            write: region.is_writable() && !self.frames.is_shared(frame),
            execute: region.is_executable(),
            cache: cache::CACHED as u8,
            device: false,
        };
        machine
            .map(hardware, address, frame, flags)
            .map_err(|_| CopyStop::NoMemory)
    }

    fn set_private(&mut self, id: SpaceId, page: u64, frame: Frame) {
        if let Some(space) = self.spaces.get_mut(id) {
            space.private.set(page, Entry::present(frame));
        }
    }

    /// Maps the page beneath a private region read-only, with its neighbours.
    fn show_beneath<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        hardware: machine::Space,
        region: &Region,
        address: u64,
        frame: Frame,
    ) -> Result<(), CopyStop> {
        let flags = PageFlags {
            write: false,
            execute: region.is_executable(),
            cache: cache::CACHED as u8,
            device: false,
        };
        machine
            .map(hardware, address, frame, flags)
            .map_err(|_| CopyStop::NoMemory)?;
        self.map_neighbours(machine, id, region, address);
        Ok(())
    }

    /// Maps the present pages around a page that was just mapped: the next accesses are likely
    /// to be there, and a fault costs more than a few entries of a page table.
    fn map_neighbours<M: Machine>(
        &mut self,
        machine: &mut M,
        id: SpaceId,
        region: &Region,
        address: u64,
    ) {
        let window = FAULT_AROUND_PAGES * PAGE;
        let start = (address & !(window - 1)).max(region.start);
        let end = (address & !(window - 1))
            .saturating_add(window)
            .min(region.end);
        let Some(space) = self.spaces.get(id) else {
            return;
        };
        let Some((memory_id, first)) = region.backing_page(start) else {
            return;
        };
        let Some(memory) = self.memories.get(memory_id) else {
            return;
        };
        let last = memory
            .mapped_page_limit()
            .min(first.saturating_add(page_of(end - start)));
        let mut found = [Entry::EMPTY; FAULT_AROUND_PAGES as usize];
        let place = |page: u64| (page - first) as usize % FAULT_AROUND_PAGES as usize;
        match memory.source {
            Source::Physical { first: base, .. } => (first..last).for_each(|page| {
                found[place(page)] = Entry::present(Frame(base.0 + page as u32));
            }),
            _ => (memory.pages).each_near(first, last, |page, entry| found[place(page)] = entry),
        }
        if !region.is_shared() {
            // A private page that is not mapped (after a fork) hides what is beneath it; it is left
            // to its own fault.
            let from = page_of(start);
            let hide = |page, _| found[(page - from) as usize % found.len()] = Entry::EMPTY;
            (space.private).each_near(from, page_of(end), hide);
        }
        let flags = |write| PageFlags {
            write,
            execute: region.is_executable(),
            cache: memory.cache(),
            device: memory.is_device(),
        };
        if region.is_shared() && region.is_writable() {
            let open = |entry: Entry| self.is_open_for_writing(memory, entry);
            let frames = found.map(|entry| entry.frame().filter(|_| open(entry)));
            let _ = machine.map_absent(space.machine, start, &frames, flags(true));
        }
        // Without memory for tables, the pages are left to their own faults.
        let frames = found.map(Entry::frame);
        let _ = machine.map_absent(space.machine, start, &frames, flags(false));
    }

    /// Refuses pages beyond the contents: a mapping may be longer than its object.
    fn check_mapped_limit(&self, id: MemoryId, page: u64) -> Result<(), CopyStop> {
        let memory = self.memories.get(id).ok_or(CopyStop::Fault)?;
        if page < memory.mapped_page_limit() {
            Ok(())
        } else {
            Err(CopyStop::Fault)
        }
    }

    /// Whether a store into the page needs no more bookkeeping.
    fn is_open_for_writing(&self, memory: &Memory, entry: Entry) -> bool {
        let shared = entry
            .frame()
            .is_some_and(|frame| self.frames.is_shared(frame));
        match memory.source {
            Source::Physical { .. } => true,
            // Nobody asks what is dirty in it.
            Source::Anonymous if !memory.length_is_set => !shared,
            _ => !shared && entry.is_dirty(),
        }
    }

    /// The frame of a Memory's page, for reading or, its own and marked dirty, for writing.
    pub(crate) fn object_page<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        page: u64,
        write: bool,
    ) -> Result<Frame, CopyStop> {
        let memory = self.memories.get_mut(id).ok_or(CopyStop::Fault)?;
        if page >= page_of(memory.size) {
            return Err(CopyStop::Fault);
        }
        let source = memory.source;
        if let Source::Physical { first, .. } = source {
            return Ok(Frame(first.0 + page as u32));
        }
        let entry = memory.pages.get(page);
        let frame = match entry.frame() {
            Some(frame) => frame,
            None => self.bring_page(machine, id, source, page, entry, write)?,
        };
        if !write {
            return Ok(frame);
        }
        let frame = self
            .break_sharing(machine, id, page)
            .ok_or(CopyStop::NoMemory)?;
        let memory = self.memories.get_mut(id).ok_or(CopyStop::Fault)?;
        let entry = memory.pages.get(page);
        if !entry.is_dirty() {
            memory.pages.set(page, entry.with_dirty(true));
        }
        memory.modified_ns = machine.now_ns();
        Ok(frame)
    }

    /// Makes a missing page present, or asks for it.
    fn bring_page<M: Machine>(
        &mut self,
        machine: &mut M,
        id: MemoryId,
        source: Source,
        page: u64,
        entry: Entry,
        write: bool,
    ) -> Result<Frame, CopyStop> {
        let frame = match source {
            Source::Paged { .. } if entry.is_broken() => {
                let memory = self.memories.get_mut(id).ok_or(CopyStop::Fault)?;
                memory.pages.set(page, Entry::EMPTY);
                return Err(CopyStop::Failed);
            }
            Source::Paged { .. } => {
                if !entry.is_awaited() {
                    self.request_page(id, page, write);
                }
                return Err(CopyStop::WaitForPager { memory: id, page });
            }
            Source::Child { parent, first_page } => {
                self.inherit_page(machine, parent, first_page + page)?
            }
            Source::Anonymous | Source::Physical { .. } => self
                .frames
                .allocate_zeroed(machine)
                .ok_or(CopyStop::NoMemory)?,
        };
        let memory = self.memories.get_mut(id).ok_or(CopyStop::Fault)?;
        memory.pages.set(page, Entry::present(frame));
        Ok(frame)
    }

    /// One more reference to a parent's page, or a copy where it cannot be shared.
    fn inherit_page<M: Machine>(
        &mut self,
        machine: &mut M,
        parent: MemoryId,
        page: u64,
    ) -> Result<Frame, CopyStop> {
        if self.check_mapped_limit(parent, page).is_err() {
            return self
                .frames
                .allocate_zeroed(machine)
                .ok_or(CopyStop::NoMemory);
        }
        let frame = self.object_page(machine, parent, page, false)?;
        let memory = self.memories.get(parent).ok_or(CopyStop::Fault)?;
        let physical = matches!(memory.source, Source::Physical { .. });
        if physical || memory.pages.get(page).pins() > 0 {
            return self
                .frames
                .allocate_copy(machine, frame)
                .ok_or(CopyStop::NoMemory);
        }
        self.frames.share(frame);
        self.write_protect_everywhere(machine, parent, page, 1);
        Ok(frame)
    }
}
