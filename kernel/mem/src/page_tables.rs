//! Four-level page tables (Intel SDM volume 3, 4.5), for user halves that share the kernel's
//! upper half.

use crate::direct_map::{DirectMap, GROUP};
use crate::frames::FrameAllocator;
use kernel_core::machine::{Frame, OutOfFrames, PageFlags, Space};

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const WRITE_THROUGH: u64 = 1 << 3;
const CACHE_DISABLE: u64 = 1 << 4;
const LARGE: u64 = 1 << 7;
/// Ignored by the processor: the page is a device's (`PageFlags::device`).
const DEVICE: u64 = 1 << 9;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bits that the processor ignores in an entry that leads to a table: which eighths of that table have
/// ever had an entry. Nearly all tables are nearly empty.
const USED_SHIFT: u32 = 52;
/// Entries in an eighth of a table.
const EIGHTH: usize = 64;
/// Eighths that make the user half of a top table.
const USER_EIGHTHS: u64 = 0b1111;
/// First top-level entry of the kernel's half.
const KERNEL_HALF: usize = 256;

/// What a change of mappings asks of the translation caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Nothing: no present entry was changed.
    None,
    /// A few pages from this address on.
    Pages(u64, u64),
    /// Everything of the space.
    All,
}

/// More pages than this are flushed by loading the space anew.
const MOST_SINGLE_FLUSHES: u64 = 32;

/// Page tables of user spaces.
#[derive(Clone, Copy)]
pub struct PageTables {
    map: DirectMap,
    kernel_root: u64,
}

fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * level)) as usize & 511
}

/// Bytes that one entry of a table of this level spans.
fn span(level: u32) -> u64 {
    1 << (12 + 9 * level)
}

impl PageTables {
    /// Tables whose kernel half is that of `kernel_root` (physical address of a top table).
    pub fn new(map: DirectMap, kernel_root: u64) -> PageTables {
        PageTables { map, kernel_root }
    }

    /// The kernel's own root, without a user half.
    pub fn kernel_root(&self) -> u64 {
        self.kernel_root
    }

    /// A space with an empty user half.
    pub fn create(&self, frames: &mut FrameAllocator) -> Result<Space, OutOfFrames> {
        let root = frames.allocate().ok_or(OutOfFrames)?;
        let half = 8 * KERNEL_HALF;
        self.map.zero_words(root, KERNEL_HALF);
        let kernel = Frame((self.kernel_root >> 12) as u32);
        self.map.copy((kernel, half), (root, half), half);
        Ok(Space(root.address()))
    }

    /// Frees the tables of a user half and the root.
    pub fn destroy(&self, frames: &mut FrameAllocator, space: Space) {
        self.each_table(space.0, USER_EIGHTHS, |entry| {
            self.free_table(frames, entry, 2);
        });
        frames.free(Frame((space.0 >> 12) as u32));
    }

    /// Frees the table that an entry leads to, and those below it. What was used of it is cleared, so
    /// that it can be a table again as it is.
    fn free_table(&self, frames: &mut FrameAllocator, entry: u64, level: u32) {
        let (table, used) = (entry & ADDRESS, entry >> USED_SHIFT);
        if level > 0 {
            self.each_table(table, used, |below| {
                self.free_table(frames, below, level - 1);
            });
        }
        for eighth in (0..8).filter(|eighth| used >> eighth & 1 != 0) {
            self.map.clear_entries(table, eighth * EIGHTH, EIGHTH);
        }
        frames.free_zeroed(Frame((table >> 12) as u32));
    }

    /// Shows the entries of a table's used eighths that lead to other tables.
    fn each_table(&self, table: u64, used: u64, mut act: impl FnMut(u64)) {
        for eighth in (0..8).filter(|eighth| used >> eighth & 1 != 0) {
            for first in (eighth * EIGHTH..(eighth + 1) * EIGHTH).step_by(GROUP) {
                if !self.map.is_group_empty(table, first) {
                    let entries = (first..first + GROUP).map(|at| self.map.entry(table, at));
                    let present = entries.filter(|entry| entry & PRESENT != 0);
                    present.for_each(&mut act);
                }
            }
        }
    }

    /// Maps a page for user mode.
    #[inline]
    pub fn map(
        &self,
        frames: &mut FrameAllocator,
        space: Space,
        address: u64,
        frame: Frame,
        flags: PageFlags,
    ) -> Result<Flush, OutOfFrames> {
        let entry = frame.address() | page_bits(flags);
        let (table, slot) = self.leaf(frames, space.0, address, USER)?;
        let before = self.map.entry(table, slot);
        self.map.set_entry(table, slot, entry);
        // Absent entries are never cached (SDM volume 3, 4.10.2.3).
        Ok(if before & PRESENT != 0 {
            Flush::Pages(address, 1)
        } else {
            Flush::None
        })
    }

    /// Maps frames, where there are some, for user mode to the pages from an address on that are not
    /// mapped yet. Nothing is to be flushed.
    pub fn map_absent(
        &self,
        frames: &mut FrameAllocator,
        space: Space,
        address: u64,
        shown: &[Option<Frame>],
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        let bits = page_bits(flags);
        // Mostly all of them are in one eighth of a table.
        let mut last = None;
        for (place, frame) in (address..).step_by(4096).zip(shown) {
            let &Some(frame) = frame else { continue };
            let eighth = place / (EIGHTH as u64 * 4096);
            let table = match last {
                Some((known, table)) if known == eighth => table,
                _ => self.leaf(frames, space.0, place, USER)?.0,
            };
            last = Some((eighth, table));
            let slot = index(place, 0);
            if self.map.entry(table, slot) & PRESENT == 0 {
                self.map.set_entry(table, slot, frame.address() | bits);
            }
        }
        Ok(())
    }

    /// Maps a page of device registers for the kernel (uncached).
    pub fn map_device(
        &self,
        frames: &mut FrameAllocator,
        address: u64,
        physical: u64,
    ) -> Result<(), OutOfFrames> {
        let bits = PRESENT | WRITE | NO_EXECUTE | CACHE_DISABLE | WRITE_THROUGH;
        let (table, slot) = self.leaf(frames, self.kernel_root, address, 0)?;
        self.map.set_entry(table, slot, physical & ADDRESS | bits);
        Ok(())
    }

    /// Maps a frame for the kernel's own data.
    pub fn map_kernel(
        &self,
        frames: &mut FrameAllocator,
        address: u64,
        frame: Frame,
    ) -> Result<(), OutOfFrames> {
        let bits = PRESENT | WRITE | NO_EXECUTE;
        let (table, slot) = self.leaf(frames, self.kernel_root, address, 0)?;
        self.map.set_entry(table, slot, frame.address() | bits);
        Ok(())
    }

    /// The table of pages on the way to an address, and the place in it; tables that are missing are
    /// made.
    fn leaf(
        &self,
        frames: &mut FrameAllocator,
        root: u64,
        address: u64,
        table_bits: u64,
    ) -> Result<(u64, usize), OutOfFrames> {
        let mut table = root;
        for level in [3, 2, 1] {
            let slot = index(address, level);
            let before = self.map.entry(table, slot);
            let eighth = index(address, level - 1) / EIGHTH;
            let mut entry = before | 1 << (USED_SHIFT + eighth as u32);
            if before & PRESENT == 0 {
                let new = frames.allocate_zeroed().ok_or(OutOfFrames)?;
                entry |= new.address() | PRESENT | WRITE | table_bits;
            }
            if entry != before {
                self.map.set_entry(table, slot, entry);
            }
            table = entry & ADDRESS;
        }
        Ok((table, index(address, 0)))
    }

    /// Unmaps pages; absent tables are stepped over.
    pub fn unmap(&self, space: Space, address: u64, pages: u64) -> Flush {
        self.change(space, address, pages, |_| 0)
    }

    /// Takes the write permission away.
    pub fn protect_read_only(&self, space: Space, address: u64, pages: u64) -> Flush {
        self.change(space, address, pages, |entry| entry & !WRITE)
    }

    fn change(&self, space: Space, address: u64, pages: u64, to: impl Fn(u64) -> u64) -> Flush {
        let end = address.saturating_add(pages.saturating_mul(4096));
        let mut at = address;
        let mut changed = 0;
        while at < end {
            let (table, level) = self.table_of(space.0, at);
            if level > 0 {
                // Nothing below this entry: step to the next one.
                at = (at | (span(level) - 1)).saturating_add(1);
                continue;
            }
            let table_end = (at | (span(1) - 1)).saturating_add(1).min(end);
            while at < table_end {
                let first = index(at, 0);
                if first.is_multiple_of(GROUP)
                    && table_end - at >= GROUP as u64 * 4096
                    && self.map.is_group_empty(table, first)
                {
                    at += GROUP as u64 * 4096;
                    continue;
                }
                let entry = self.map.entry(table, index(at, 0));
                if entry & PRESENT != 0 {
                    let new = to(entry);
                    if new != entry {
                        self.map.set_entry(table, index(at, 0), new);
                        changed += 1;
                    }
                }
                at += 4096;
            }
        }
        match changed {
            0 => Flush::None,
            _ if pages <= MOST_SINGLE_FLUSHES => Flush::Pages(address, pages),
            _ => Flush::All,
        }
    }

    /// The lowest table on the way to an address, and the level of the entry that is missing in
    /// it (0: the table of pages itself).
    fn table_of(&self, root: u64, address: u64) -> (u64, u32) {
        let mut table = root;
        for level in [3, 2, 1] {
            let entry = self.map.entry(table, index(address, level));
            if entry & PRESENT == 0 || entry & LARGE != 0 {
                return (table, level);
            }
            table = entry & ADDRESS;
        }
        (table, 0)
    }

    /// The frame behind a user address, if it is mapped for the access.
    #[inline]
    pub fn translate(&self, space: Space, address: u64, write: bool) -> Option<Frame> {
        if address >= 1 << 47 {
            return None;
        }
        let mut table = space.0;
        for level in [3, 2, 1] {
            let entry = self.map.entry(table, index(address, level));
            if entry & PRESENT == 0 {
                return None;
            }
            table = entry & ADDRESS;
        }
        let entry = self.map.entry(table, index(address, 0));
        let needed = PRESENT | USER | if write { WRITE } else { 0 };
        (entry & (needed | DEVICE) == needed).then_some(Frame(((entry & ADDRESS) >> 12) as u32))
    }
}

/// Bits of the entry for a page of user mode.
fn page_bits(flags: PageFlags) -> u64 {
    PRESENT
        | USER
        | if flags.write { WRITE } else { 0 }
        | if flags.execute { 0 } else { NO_EXECUTE }
        | if flags.device { DEVICE } else { 0 }
        | cache_bits(flags.cache)
}

/// The default page attribute table: WT is type 1, UC- type 2, UC type 3. Write combining needs
/// the table changed (`kernel-arch` sets entry 1 to it).
fn cache_bits(cache: u8) -> u64 {
    match cache {
        0 => 0,
        2 => WRITE_THROUGH,
        _ => CACHE_DISABLE | WRITE_THROUGH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const PAGE: PageFlags = PageFlags {
        write: true,
        execute: false,
        cache: 0,
        device: false,
    };

    struct Ram {
        _memory: std::vec::Vec<u64>,
        frames: FrameAllocator,
        tables: PageTables,
    }

    fn ram() -> Ram {
        let memory = vec![0u64; 130 * 512];
        let base = (memory.as_ptr() as u64).next_multiple_of(4096);
        // SAFETY: the tests only use frames inside the vector.
        let map = unsafe { DirectMap::new(base) };
        let mut frames = FrameAllocator::new(map);
        frames.add(0, 128 * 4096);
        let root = frames.allocate().unwrap();
        map.zero(root);
        map.set_entry(root.address(), 511, 0x1234_5003);
        Ram {
            _memory: memory,
            frames,
            tables: PageTables::new(map, root.address()),
        }
    }

    #[test]
    fn a_mapped_page_translates_for_what_it_allows() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let space = tables.create(&mut frames).unwrap();
        let address = 0x7fff_1234_5000;
        assert_eq!(
            tables.map(&mut frames, space, address, Frame(9), PAGE),
            Ok(Flush::None)
        );
        assert_eq!(tables.translate(space, address + 5, true), Some(Frame(9)));
        let read = PageFlags {
            write: false,
            ..PAGE
        };
        let flush = tables.map(&mut frames, space, address, Frame(9), read);
        assert_eq!(flush, Ok(Flush::Pages(address, 1)));
        assert_eq!(tables.translate(space, address, true), None);
        assert_eq!(tables.translate(space, address, false), Some(Frame(9)));
        assert_eq!(tables.translate(space, 0xffff_8000_0000_0000, false), None);
    }

    #[test]
    fn a_device_s_page_is_not_found_for_copies() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let space = tables.create(&mut frames).unwrap();
        let device = PageFlags {
            device: true,
            ..PAGE
        };
        tables
            .map(&mut frames, space, 0x5000, Frame(9), device)
            .unwrap();
        assert_eq!(tables.translate(space, 0x5000, false), None);
        assert_eq!(tables.unmap(space, 0x5000, 1), Flush::Pages(0x5000, 1));
    }

    #[test]
    fn protecting_and_unmapping_reach_every_page_and_skip_holes() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let space = tables.create(&mut frames).unwrap();
        let pages = [0x1000, 0x20_0000, 0x4000_0000, 0x40_0000_0000];
        for page in pages {
            tables
                .map(&mut frames, space, page, Frame(7), PAGE)
                .unwrap();
        }
        assert_eq!(tables.protect_read_only(space, 0, 1 << 35), Flush::All);
        assert!(
            pages
                .iter()
                .all(|&page| tables.translate(space, page, true).is_none())
        );
        assert_eq!(tables.unmap(space, 0x1000, 1), Flush::Pages(0x1000, 1));
        assert_eq!(tables.translate(space, 0x1000, false), None);
        assert_eq!(tables.unmap(space, 0, 1 << 35), Flush::All);
        assert_eq!(tables.unmap(space, 0, 1 << 35), Flush::None);
    }

    #[test]
    fn a_page_that_is_mapped_stays_where_only_absent_ones_are_asked_for() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let space = tables.create(&mut frames).unwrap();
        // Over the end of a table, first with a hole.
        let start = 0x1f_e000;
        let first = [Some(Frame(7)), Some(Frame(8)), None, Some(Frame(9))];
        for (shown, third) in [(first, None), ([Some(Frame(5)); 4], Some(Frame(5)))] {
            let mapped = tables.map_absent(&mut frames, space, start, &shown, PAGE);
            assert_eq!(mapped, Ok(()));
            let found = [0, 1, 2, 3].map(|page| tables.translate(space, start + page * 4096, true));
            assert_eq!(
                found,
                [Some(Frame(7)), Some(Frame(8)), third, Some(Frame(9))]
            );
        }
    }

    #[test]
    fn destroying_a_space_gives_all_its_tables_back() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let before = frames.free_count();
        let space = tables.create(&mut frames).unwrap();
        // Tables in several eighths of the tables above them.
        let pages = [0x1000, 0x20_0000, 0x1f80_0000, 0x3fe0_0000, 0x20_0000_0000];
        for page in pages
            .into_iter()
            .chain([0x7f00_0000_0000, 0x7fff_ffff_e000])
        {
            tables
                .map(&mut frames, space, page, Frame(7), PAGE)
                .unwrap();
        }
        tables.destroy(&mut frames, space);
        assert_eq!(frames.free_count(), before);
    }

    #[test]
    fn running_out_of_frames_is_an_error() {
        let Ram {
            mut frames,
            tables,
            _memory,
        } = ram();
        let space = tables.create(&mut frames).unwrap();
        while frames.free_count() > 1 {
            frames.allocate();
        }
        assert_eq!(
            tables.map(&mut frames, space, 0x1000, Frame(7), PAGE),
            Err(OutOfFrames)
        );
    }
}
