//! Sparse tables from page numbers to frames.

use crate::machine::Frame;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// What is known about one page, in a word: frame number, state bits, count of pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Entry(u64);

impl Entry {
    /// Nothing is known: the page is missing.
    pub const EMPTY: Entry = Entry(0);
    const PRESENT: u64 = 1 << 32;
    const DIRTY: u64 = 1 << 33;
    const CLEANING: u64 = 1 << 34;
    const REQUESTED: u64 = 1 << 35;
    const FAILED: u64 = 1 << 36;
    const PIN_SHIFT: u32 = 48;
    /// Asked from the pager, not here yet.
    pub const AWAITED: Entry = Entry(Self::REQUESTED);
    /// The pager could not supply it; the next access is told so.
    pub const BROKEN: Entry = Entry(Self::FAILED);

    /// A clean page in this frame.
    pub const fn present(frame: Frame) -> Entry {
        Entry(Self::PRESENT | frame.0 as u64)
    }

    /// The page's frame, if it has one.
    pub const fn frame(self) -> Option<Frame> {
        if self.0 & Self::PRESENT != 0 {
            Some(Frame(self.0 as u32))
        } else {
            None
        }
    }

    /// The same page in another frame.
    pub const fn with_frame(self, frame: Frame) -> Entry {
        Entry(self.0 & !0xffff_ffff | frame.0 as u64)
    }

    /// Whether the pager has been asked for it.
    pub const fn is_awaited(self) -> bool {
        self.0 & Self::REQUESTED != 0
    }

    /// Whether the pager failed to supply it.
    pub const fn is_broken(self) -> bool {
        self.0 & Self::FAILED != 0
    }

    /// Written since it was last clean.
    pub const fn is_dirty(self) -> bool {
        self.0 & Self::DIRTY != 0
    }

    /// On its way to the disk.
    pub const fn is_cleaning(self) -> bool {
        self.0 & Self::CLEANING != 0
    }

    /// Sets or clears the dirty bit.
    pub const fn with_dirty(self, dirty: bool) -> Entry {
        if dirty {
            Entry(self.0 | Self::DIRTY)
        } else {
            Entry(self.0 & !Self::DIRTY)
        }
    }

    /// Sets or clears the being-cleaned bit.
    pub const fn with_cleaning(self, cleaning: bool) -> Entry {
        if cleaning {
            Entry(self.0 | Self::CLEANING)
        } else {
            Entry(self.0 & !Self::CLEANING)
        }
    }

    /// How often it is pinned for DMA.
    pub const fn pins(self) -> u16 {
        (self.0 >> Self::PIN_SHIFT) as u16
    }

    /// With another count of pins.
    pub const fn with_pins(self, pins: u16) -> Entry {
        Entry(self.0 & !(0xffff << Self::PIN_SHIFT) | (pins as u64) << Self::PIN_SHIFT)
    }
}

/// Entries in a chunk: small enough that a fork copies little for a process of few pages.
const CHUNK_PAGES: usize = 64;

#[derive(Clone)]
struct Chunk {
    entries: [Entry; CHUNK_PAGES],
    used: u16,
}

/// Page number to [`Entry`]. Sparse, so that neither a capacity of 2^60 bytes nor an address at
/// the top of the user half costs anything.
#[derive(Clone, Default)]
pub(crate) struct PageMap {
    chunks: BTreeMap<u64, Box<Chunk>>,
    present: u64,
}

impl PageMap {
    /// What is known about a page.
    pub fn get(&self, page: u64) -> Entry {
        let (key, place) = split(page);
        self.chunks
            .get(&key)
            .map_or(Entry::EMPTY, |chunk| chunk.entries[place])
    }

    /// Replaces what is known, and returns what was.
    pub fn set(&mut self, page: u64, entry: Entry) -> Entry {
        let (key, place) = split(page);
        if entry == Entry::EMPTY && !self.chunks.contains_key(&key) {
            return Entry::EMPTY;
        }
        let chunk = self.chunks.entry(key).or_insert_with(|| {
            Box::new(Chunk {
                entries: [Entry::EMPTY; CHUNK_PAGES],
                used: 0,
            })
        });
        let old = core::mem::replace(&mut chunk.entries[place], entry);
        chunk.used = chunk.used + u16::from(entry != Entry::EMPTY) - u16::from(old != Entry::EMPTY);
        let empty = chunk.used == 0;
        self.present =
            self.present + u64::from(entry.frame().is_some()) - u64::from(old.frame().is_some());
        if empty {
            self.chunks.remove(&key);
        }
        old
    }

    /// The first page in `from..end` about which something is known.
    pub fn next(&self, from: u64, end: u64) -> Option<(u64, Entry)> {
        let (first_key, mut place) = split(from);
        for (&key, chunk) in self.chunks.range(first_key..) {
            if key != first_key {
                place = 0;
            }
            let base = key * CHUNK_PAGES as u64;
            if base >= end {
                return None;
            }
            while place < CHUNK_PAGES {
                if chunk.entries[place] != Entry::EMPTY {
                    let page = base + place as u64;
                    return (page < end).then_some((page, chunk.entries[place]));
                }
                place += 1;
            }
        }
        None
    }

    /// Every page in a range about which something is known, ascending.
    pub fn range(&self, from: u64, end: u64) -> impl Iterator<Item = (u64, Entry)> + '_ {
        let mut from = from;
        core::iter::from_fn(move || {
            let (page, entry) = self.next(from, end)?;
            from = page + 1;
            Some((page, entry))
        })
    }

    /// How many pages have a frame.
    pub fn present(&self) -> u64 {
        self.present
    }
}

const fn split(page: u64) -> (u64, usize) {
    (
        page / CHUNK_PAGES as u64,
        (page % CHUNK_PAGES as u64) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::{Entry, PageMap};
    use crate::machine::Frame;

    #[test]
    fn a_page_map_finds_what_was_set_and_forgets_what_was_cleared() {
        let mut map = PageMap::default();
        let far = (1 << 48) - 1;
        for page in [3, 64, 65, far] {
            assert_eq!(
                map.set(page, Entry::present(Frame(page as u32))),
                Entry::EMPTY
            );
        }
        assert_eq!(map.present(), 4);
        assert_eq!(
            map.range(4, far)
                .map(|(page, _)| page)
                .collect::<std::vec::Vec<_>>(),
            [64, 65]
        );
        assert_eq!(map.set(64, Entry::EMPTY).frame(), Some(Frame(64)));
        assert_eq!(map.next(4, 65), None);
        assert_eq!(map.present(), 3);
    }

    #[test]
    fn pins_and_state_bits_do_not_disturb_the_frame() {
        let entry = Entry::present(Frame(u32::MAX))
            .with_pins(7)
            .with_dirty(true);
        assert_eq!(
            (entry.frame(), entry.pins(), entry.is_dirty()),
            (Some(Frame(u32::MAX)), 7, true)
        );
        assert_eq!(
            entry.with_frame(Frame(1)).with_pins(0).with_dirty(false),
            Entry::present(Frame(1))
        );
    }
}
