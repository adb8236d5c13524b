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

    /// Written and not yet safe on the disk.
    const fn is_unclean(self) -> bool {
        self.0 & (Self::DIRTY | Self::CLEANING) != 0
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

/// Entries in a chunk, a bit of a word each: small enough that a fork copies little for a process
/// of few pages.
const CHUNK_PAGES: u64 = 64;

#[derive(Clone)]
struct Chunk {
    entries: [Entry; CHUNK_PAGES as usize],
    /// Which entries are not empty.
    used: u64,
}

/// Page number to [`Entry`]. Sparse, so that neither a capacity of 2^60 bytes nor an address at
/// the top of the user half costs anything.
#[derive(Clone, Default)]
pub(crate) struct PageMap {
    chunks: BTreeMap<u64, Box<Chunk>>,
    counts: Counts,
}

/// How many entries of a kind there are.
#[derive(Clone, Copy, Default)]
struct Counts {
    present: u64,
    unclean: u64,
}

impl Counts {
    /// An entry takes the place of another one.
    fn replace(&mut self, old: Entry, new: Entry) {
        self.present += u64::from(new.frame().is_some());
        self.present -= u64::from(old.frame().is_some());
        self.unclean += u64::from(new.is_unclean());
        self.unclean -= u64::from(old.is_unclean());
    }
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
        if entry == Entry::EMPTY {
            let mut old = Entry::EMPTY;
            self.take_range(page, page + 1, |_, entry| old = entry);
            return old;
        }
        let chunk = self.chunks.entry(key).or_insert_with(|| {
            Box::new(Chunk {
                entries: [Entry::EMPTY; CHUNK_PAGES as usize],
                used: 0,
            })
        });
        let old = core::mem::replace(&mut chunk.entries[place], entry);
        chunk.used |= 1 << place;
        self.counts.replace(old, entry);
        old
    }

    /// Empties a range, showing what was in it, ascending.
    pub fn take_range(&mut self, from: u64, end: u64, mut taken: impl FnMut(u64, Entry)) {
        let PageMap { chunks, counts } = self;
        let (first, last) = (split(from).0, split(end.saturating_sub(1)).0);
        if from >= end {
            return;
        }
        let emptied = chunks.extract_if(first..=last, |&key, chunk| {
            for place in bits(chunk.used & places(key, from, end)) {
                let old = core::mem::replace(&mut chunk.entries[place], Entry::EMPTY);
                chunk.used &= !(1 << place);
                counts.replace(old, Entry::EMPTY);
                taken(key * CHUNK_PAGES + place as u64, old);
            }
            chunk.used == 0
        });
        emptied.for_each(drop);
    }

    /// The first page in `from..end` about which something is known.
    pub fn next(&self, from: u64, end: u64) -> Option<(u64, Entry)> {
        self.range(from, end).next()
    }

    /// Every page in a range about which something is known, ascending.
    pub fn range(&self, from: u64, end: u64) -> impl Iterator<Item = (u64, Entry)> + '_ {
        let chunks = self.chunks.range(split(from).0..);
        let within = chunks.take_while(move |&(&key, _)| key * CHUNK_PAGES < end);
        within.flat_map(move |(&key, chunk)| {
            let found = bits(chunk.used & places(key, from, end));
            found.map(move |place| (key * CHUNK_PAGES + place as u64, chunk.entries[place]))
        })
    }

    /// As [`Self::range`], for the few pages of a window: without walking the tree.
    pub fn each_near(&self, from: u64, end: u64, mut show: impl FnMut(u64, Entry)) {
        for key in split(from).0..end.div_ceil(CHUNK_PAGES) {
            let Some(chunk) = self.chunks.get(&key) else {
                continue;
            };
            let mut used = chunk.used & places(key, from, end);
            while used != 0 {
                let place = used.trailing_zeros() as usize % CHUNK_PAGES as usize;
                used &= used - 1;
                show(key * CHUNK_PAGES + place as u64, chunk.entries[place]);
            }
        }
    }

    /// Bytes that a copy of the map takes, about.
    pub fn footprint(&self) -> usize {
        // The tree adds a key and a pointer, in nodes that are half full at worst.
        self.chunks.len() * (size_of::<Chunk>() + 64)
    }

    /// How many pages have a frame.
    pub fn present(&self) -> u64 {
        self.counts.present
    }

    /// How many pages are dirty or on their way to the disk.
    pub fn unclean(&self) -> u64 {
        self.counts.unclean
    }
}

const fn split(page: u64) -> (u64, usize) {
    (page / CHUNK_PAGES, (page % CHUNK_PAGES) as usize)
}

/// The places of a chunk that lie in a range of pages, a bit each.
fn places(key: u64, from: u64, end: u64) -> u64 {
    let base = key * CHUNK_PAGES;
    let low = from.saturating_sub(base).min(CHUNK_PAGES) as u32;
    let high = end.saturating_sub(base).min(CHUNK_PAGES) as u32;
    if low >= high {
        return 0;
    }
    (u64::MAX << low) & (u64::MAX >> (CHUNK_PAGES as u32 - high))
}

/// The numbers of the bits of a word that are set, ascending.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        // Clears the lowest bit; 0 has none.
        word &= word.checked_sub(1)?;
        Some(bit as usize)
    })
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
        let mut near = std::vec::Vec::new();
        map.each_near(3, 65, |page, entry| near.push((page, entry.frame())));
        assert_eq!(near, [(3, Some(Frame(3))), (64, Some(Frame(64)))]);
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
    fn what_is_not_clean_is_counted_whatever_takes_its_place() {
        let mut map = PageMap::default();
        let page = Entry::present(Frame(1));
        for (entry, unclean) in [
            (page.with_dirty(true), 1),
            (page.with_dirty(true).with_cleaning(true), 1),
            (page, 0),
            (page.with_cleaning(true), 1),
        ] {
            map.set(9, entry);
            assert_eq!((map.present(), map.unclean()), (1, unclean));
        }
        map.take_range(0, 100, |_, _| ());
        assert_eq!((map.present(), map.unclean()), (0, 0));
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
