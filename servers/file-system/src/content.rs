//! The content of regular files: Memory objects that clients read, write and map.

use alloc::vec;
use alloc::vec::Vec;

use kernel_abi::memory::{Range, clean};
use kernel_abi::{Handle, PAGE_SIZE};
use proto::types::attribute_mask;
use proto::{Attributes, Call, Error, Input};

use crate::kernel::Kernel;
use crate::server::Server;
use crate::volume::Volume;

/// Bytes that are read ahead of a missing page.
const READ_AHEAD: u64 = 128 << 10;
/// Bytes that a growing write moves at a time.
const CHUNK: usize = 64 << 10;
/// Contents that are kept, as long as those that nobody uses can make room.
const MOST_CONTENTS: usize = 1024;

/// One file's content.
pub(crate) struct Content {
    pub(crate) memory: Handle,
    pub(crate) key: u64,
    /// The file's length: that of the Memory's content.
    pub(crate) length: u64,
    pub(crate) capacity: u64,
    /// A bit for each page that has been supplied. A page may be there without its bit, never
    /// the other way round.
    pub(crate) present: Vec<u64>,
    /// The Memory's time of modification that has been brought into the node.
    pub(crate) modified_seen_ns: u64,
    /// When it was last used, for dropping the oldest.
    pub(crate) used: u64,
    /// The supervisor keeps a handle, too.
    pub(crate) parked: bool,
}

impl Content {
    fn is_present(&self, page: u64) -> bool {
        self.present
            .get((page / 64) as usize)
            .is_some_and(|word| word >> (page % 64) & 1 == 1)
    }

    fn set_present(&mut self, offset: u64, length: u64) {
        for page in offset / PAGE_SIZE..(offset + length).div_ceil(PAGE_SIZE) {
            let index = (page / 64) as usize;
            if index >= self.present.len() {
                self.present.resize(index + 1, 0);
            }
            self.present[index] |= 1 << (page % 64);
        }
    }

    /// Forgets pages from the one at `offset` (rounded up) on.
    fn forget_from(&mut self, offset: u64) {
        let first = offset.div_ceil(PAGE_SIZE);
        for page in first..self.present.len() as u64 * 64 {
            self.present[(page / 64) as usize] &= !(1 << (page % 64));
        }
    }
}

pub(crate) fn round_up(length: u64) -> u64 {
    length.next_multiple_of(PAGE_SIZE)
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// The content of a regular file, made on first use.
    pub(crate) fn content(&mut self, node: u64) -> Result<&mut Content, Error> {
        self.ticks += 1;
        let ticks = self.ticks;
        if !self.contents.contains_key(&node) {
            self.drop_idle_contents();
            let content = match self.kept_content(node) {
                Some(content) => content,
                None => {
                    let length = self.volume.attributes(node)?.size;
                    let content = self.make_content(node, length)?;
                    self.keep_content(node, content.memory);
                    content
                }
            };
            self.contents.insert(node, content);
        }
        if V::PAGED
            && self
                .contents
                .get(&node)
                .is_some_and(|content| !content.parked)
        {
            self.park_content(node);
        }
        let content = self.contents.get_mut(&node).ok_or(Error::Io)?;
        content.used = ticks;
        Ok(content)
    }

    fn make_content(&mut self, node: u64, length: u64) -> Result<Content, Error> {
        let key = u64::from(self.volume.generation(node)?) << 32 | node;
        let capacity = round_up(length);
        let memory = if V::PAGED {
            self.kernel.memory_create_paged(key, capacity)?
        } else {
            self.kernel.memory_create(capacity)?
        };
        if let Err(error) = self.kernel.memory_set_length(memory, length) {
            self.kernel.close(memory);
            return Err(error);
        }
        Ok(Content {
            memory,
            key,
            length,
            capacity,
            present: Vec::new(),
            modified_seen_ns: 0,
            used: self.ticks,
            parked: false,
        })
    }

    /// References of clients to a content: sessions, mappings and their handles.
    pub(crate) fn client_references(&self, node: u64) -> Result<u64, Error> {
        let Some(content) = self.contents.get(&node) else {
            return Ok(0);
        };
        let information = self.kernel.memory_info(content.memory)?;
        Ok(information
            .references
            .saturating_sub(u64::from(content.parked)))
    }

    /// Contents without a session, the least recently used first.
    pub(crate) fn idle_contents(&self) -> Vec<u64> {
        let mut idle: Vec<(u64, u64)> = self
            .contents
            .iter()
            .filter(|(node, _)| !self.nodes.contains_key(node))
            .map(|(node, content)| (content.used, *node))
            .collect();
        idle.sort_unstable();
        idle.into_iter().map(|(_, node)| node).collect()
    }

    /// Closes the content of a file that is gone or idle.
    pub(crate) fn drop_content(&mut self, node: u64) {
        self.forget_content(node);
        self.dropped_slots.extend(self.volume.content_slot(node));
        if let Some(content) = self.contents.remove(&node) {
            self.kernel.close(content.memory);
        }
    }

    /// Keeps the number of contents bounded.
    fn drop_idle_contents(&mut self) {
        if !V::PAGED || self.contents.len() < MOST_CONTENTS {
            return;
        }
        // A quarter at a time, so that the scan is rare.
        for node in self.idle_contents().into_iter().take(MOST_CONTENTS / 4) {
            let unused = matches!(self.client_references(node), Ok(0));
            if unused && self.write_back(node).is_ok() {
                self.drop_content(node);
            }
        }
    }

    /// Supplies missing pages: the kernel's request, or our own need before a write.
    pub(crate) fn supply(&mut self, node: u64, offset: u64, length: u64) -> Result<(), Error> {
        let Some(content) = self.contents.get(&node) else {
            return Err(Error::NotFound);
        };
        let (memory, end) = (content.memory, round_up(content.length));
        if offset >= end {
            return Err(Error::OutOfRange);
        }
        let length = length.min(end - offset);
        let staging = self.volume.read_pages(node, offset, length)?;
        self.kernel.memory_supply(memory, offset, length, staging)?;
        if let Some(content) = self.contents.get_mut(&node) {
            content.set_present(offset, length);
        }
        Ok(())
    }

    /// Answers the kernel's request for pages, or ends the wait for them with an error.
    pub fn page_request(&mut self, key: u64, offset: u64, length: u64) {
        let node = key & u64::from(u32::MAX);
        let known = self
            .contents
            .get(&node)
            .filter(|content| content.key == key);
        let Some(content) = known else { return };
        let (memory, capacity) = (content.memory, content.capacity);
        let first = offset / PAGE_SIZE;
        let mut wanted = round_up(length.clamp(1, READ_AHEAD));
        // Read on until a page that is there already.
        while wanted < READ_AHEAD && !content.is_present(first + wanted / PAGE_SIZE) {
            wanted += PAGE_SIZE;
        }
        let supplied = self.supply(node, offset, wanted);
        // What was asked for beyond the end does not come.
        let end = self
            .contents
            .get(&node)
            .map_or(0, |content| round_up(content.length));
        let asked_end = (offset + length).min(capacity);
        if offset < asked_end && (supplied.is_err() || asked_end > end) {
            self.kernel.memory_fail(memory, offset, asked_end - offset);
        }
    }

    /// A write that reaches beyond the end. Returns bytes written and the position after them.
    pub(crate) fn grow_write<C: Call + ?Sized>(
        &mut self,
        call: &C,
        node: u64,
        offset: Option<u64>,
        data: Input,
    ) -> Result<(u64, u64), Error> {
        let old = self.content(node)?.length;
        let start = offset.unwrap_or(old);
        let end = start.checked_add(data.length).ok_or(Error::TooLong)?;
        let end = self.volume.reserve(node, start, end)?;
        if end <= start {
            return Err(Error::NoSpace);
        }
        let moved = self.make_room(node, start, end).and_then(|()| {
            let memory = self.content(node)?.memory;
            self.move_in(call, memory, start, end, data)
        });
        let position = *moved.as_ref().unwrap_or(&start);
        if position > old {
            self.set_length(node, position)?;
        }
        if position < end {
            // Gives back the room that was not used.
            let now = self.kernel.now_ns();
            let length = self.content(node)?.length;
            self.volume.set_size(node, length, now)?;
        }
        moved.map(|position| (position - start, position))
    }

    /// Copies the caller's bytes to `start..end` of a Memory; returns the position reached.
    fn move_in<C: Call + ?Sized>(
        &mut self,
        call: &C,
        memory: Handle,
        start: u64,
        end: u64,
        data: Input,
    ) -> Result<u64, Error> {
        let mut position = start;
        let mut buffer = vec![0; CHUNK.min((end - start) as usize)];
        while position < end {
            let part = buffer.len().min((end - position) as usize);
            let count = call.read(data, position - start, &mut buffer[..part])?;
            if count == 0 {
                break;
            }
            self.kernel
                .memory_write(memory, position, &buffer[..count])?;
            position += count as u64;
        }
        Ok(position)
    }

    /// Makes sure that the Memory holds bytes `start..end` and all their pages are there.
    fn make_room(&mut self, node: u64, start: u64, end: u64) -> Result<(), Error> {
        let content = self.content(node)?;
        let (memory, length) = (content.memory, content.length);
        if end > content.capacity {
            // Files grow by many small writes: room for the next ones, too.
            let spare = (end / 4).min(1 << 20);
            let capacity = round_up(end + spare);
            self.kernel.memory_resize(memory, capacity)?;
            self.content(node)?.capacity = capacity;
        }
        if !V::PAGED {
            return Ok(());
        }
        // Pages that hold bytes of the file come from the disk, the others are zeros.
        let first = start.min(length) / PAGE_SIZE;
        for page in first..length.div_ceil(PAGE_SIZE) {
            if !self.content(node)?.is_present(page) {
                self.supply(node, page * PAGE_SIZE, PAGE_SIZE)?;
            }
        }
        let fresh = round_up(length).max(start / PAGE_SIZE * PAGE_SIZE);
        if fresh < round_up(end) {
            self.kernel
                .memory_supply_zero(memory, fresh, round_up(end) - fresh)?;
            self.content(node)?
                .set_present(fresh, round_up(end) - fresh);
        }
        Ok(())
    }

    fn set_length(&mut self, node: u64, length: u64) -> Result<(), Error> {
        let now = self.kernel.now_ns();
        self.volume.set_size(node, length, now)?;
        let memory = self.content(node)?.memory;
        self.kernel.memory_set_length(memory, length)?;
        self.content(node)?.length = length;
        Ok(())
    }

    /// Sets the length of a file, cutting or adding a hole.
    pub(crate) fn truncate_content(&mut self, node: u64, length: u64) -> Result<(), Error> {
        if length > i64::MAX as u64 {
            return Err(Error::BadArgument);
        }
        let content = self.content(node)?;
        let (memory, old) = (content.memory, content.length);
        if length < old {
            // The Memory first: its rest of the last page is zeroed, its pages beyond dropped.
            self.kernel.memory_set_length(memory, length)?;
            self.kernel.memory_resize(memory, round_up(length))?;
            let content = self.content(node)?;
            content.capacity = round_up(length);
            content.forget_from(length);
            content.length = length;
        } else if round_up(length) > content.capacity {
            self.kernel.memory_resize(memory, round_up(length))?;
            self.content(node)?.capacity = round_up(length);
        }
        self.set_length(node, length)
    }

    /// Brings the time of the last write through a Cursor or a mapping into the node.
    pub(crate) fn settle_times(&mut self, node: u64) -> Result<(), Error> {
        let Some(content) = self.contents.get_mut(&node) else {
            return Ok(());
        };
        let modified_ns = self.kernel.memory_info(content.memory)?.modified_ns;
        if modified_ns <= content.modified_seen_ns {
            return Ok(());
        }
        content.modified_seen_ns = modified_ns;
        let time = self.kernel.real_time_ns(modified_ns);
        let values = Attributes {
            modify_ns: time,
            ..Attributes::default()
        };
        if self.volume.attributes(node)?.modify_ns >= time {
            return Ok(());
        }
        self.volume
            .set_attributes(node, attribute_mask::MODIFY, &values, time)
    }

    /// Writes a file's dirty pages to the disk.
    pub(crate) fn write_back(&mut self, node: u64) -> Result<(), Error> {
        if !V::PAGED {
            return Ok(());
        }
        let Some(content) = self.contents.get(&node) else {
            return Ok(());
        };
        let memory = content.memory;
        let mut offset = 0;
        loop {
            let ranges = self.kernel.memory_dirty(memory, offset)?;
            let Some(last) = ranges.last() else {
                return self.settle_times(node);
            };
            offset = last.offset + last.length;
            for range in ranges {
                self.write_range(node, memory, range)?;
            }
        }
    }

    fn write_range(&mut self, node: u64, memory: Handle, range: Range) -> Result<(), Error> {
        let Range { offset, length } = range;
        // A page written again while it is on its way stays dirty: hence the two phases.
        self.kernel
            .memory_clean(memory, offset, length, clean::BEGIN)?;
        let written = self.volume.write_pages(node, memory, offset, length);
        let phase = if written.is_ok() {
            clean::END
        } else {
            clean::FAILED
        };
        self.kernel.memory_clean(memory, offset, length, phase)?;
        written
    }

    /// Writes everything out: contents first, then what refers to them. All are tried; the
    /// first error is told.
    pub fn sync_all(&mut self) -> Result<(), Error> {
        let nodes: Vec<u64> = self.contents.keys().copied().collect();
        let mut result = Ok(());
        for node in nodes {
            result = result.and(self.write_back(node));
        }
        let result = result.and(self.volume.sync());
        self.commit(None);
        result
    }

    /// Drops clean pages of contents, the least recently used first, until `pages` are freed.
    pub fn shrink(&mut self, pages: u64) -> u64 {
        if !V::PAGED {
            return 0;
        }
        let mut order: Vec<(u64, u64)> = self
            .contents
            .iter()
            .map(|(node, content)| (content.used, *node))
            .collect();
        order.sort_unstable();
        let mut freed = 0;
        for (_, node) in order {
            if freed >= pages {
                break;
            }
            if let Some(content) = self.contents.get_mut(&node) {
                freed += self
                    .kernel
                    .memory_discard(content.memory, round_up(content.length));
                content.present.clear();
            }
        }
        freed
    }
}
