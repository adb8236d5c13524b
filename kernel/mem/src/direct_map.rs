//! The direct map: all RAM, mapped writable and not executable at a fixed offset by the loader
//! (Limine's HHDM).

use kernel_core::machine::Frame;

/// Entries of a table that are looked at together.
pub(crate) const GROUP: usize = 8;

/// Bytes in a frame.
pub const FRAME_SIZE: usize = 4096;

/// Where physical address 0 would be.
#[derive(Clone, Copy, Debug)]
pub struct DirectMap {
    offset: u64,
}

impl DirectMap {
    /// A direct map at this offset.
    ///
    /// # Safety
    /// Every frame that is passed to its methods must be mapped there, readable and writable, and
    /// must not be in use as Rust objects of the kernel (except page tables, whose entries are
    /// read and written through the same map).
    pub const unsafe fn new(offset: u64) -> DirectMap {
        DirectMap { offset }
    }

    /// The address at which a physical address is mapped.
    #[inline]
    pub fn address(self, physical: u64) -> u64 {
        self.offset + physical
    }

    #[inline]
    fn pointer(self, frame: Frame, offset: usize, length: usize) -> *mut u8 {
        // A range over the end would reach a frame that belongs to somebody else.
        assert!(offset <= FRAME_SIZE && length <= FRAME_SIZE - offset);
        (self.offset + frame.address() + offset as u64) as *mut u8
    }

    /// Fills a frame with zeros.
    #[inline]
    pub fn zero(self, frame: Frame) {
        let pointer = self.pointer(frame, 0, FRAME_SIZE).cast::<u64>();
        // SAFETY: the frame is mapped (contract of `new`), aligned, and 512 words long.
        unsafe { core::ptr::write_bytes(pointer, 0, FRAME_SIZE / 8) };
    }

    /// Copies between frames (or within one, when the ranges do not overlap or are equal).
    #[inline]
    pub fn copy(self, from: (Frame, usize), to: (Frame, usize), length: usize) {
        let source = self.pointer(from.0, from.1, length);
        let target = self.pointer(to.0, to.1, length);
        // SAFETY: both ranges are mapped; `copy` allows overlap.
        unsafe { core::ptr::copy(source, target, length) };
    }

    /// Copies out of a frame.
    #[inline]
    pub fn read(self, frame: Frame, offset: usize, bytes: &mut [u8]) {
        let source = self.pointer(frame, offset, bytes.len());
        // SAFETY: the range is mapped, and a Rust slice never lies in a frame given to users.
        unsafe { core::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), bytes.len()) };
    }

    /// Copies into a frame.
    #[inline]
    pub fn write(self, frame: Frame, offset: usize, bytes: &[u8]) {
        let target = self.pointer(frame, offset, bytes.len());
        // SAFETY: as in `read`.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Atomically loads an aligned u32 that user programs may be writing.
    #[inline]
    pub fn load_u32(self, frame: Frame, offset: usize) -> u32 {
        let pointer = self.pointer(frame, offset & !3, 4).cast::<u32>();
        // SAFETY: mapped and aligned; concurrent writers make it an atomic access.
        unsafe { core::sync::atomic::AtomicU32::from_ptr(pointer) }
            .load(core::sync::atomic::Ordering::SeqCst)
    }

    /// Atomically replaces an aligned u32 that user programs may be writing, if it is `current`:
    /// returns what it was.
    pub fn exchange_u32(self, frame: Frame, offset: usize, current: u32, new: u32) -> u32 {
        use core::sync::atomic::{AtomicU32, Ordering};
        let pointer = self.pointer(frame, offset & !3, 4).cast::<u32>();
        // SAFETY: mapped and aligned; concurrent writers make it an atomic access.
        unsafe { AtomicU32::from_ptr(pointer) }
            .compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst)
            .unwrap_or_else(|found| found)
    }

    /// Fills the first words of a frame with zeros.
    #[inline]
    pub(crate) fn zero_words(self, frame: Frame, words: usize) {
        let pointer = self.pointer(frame, 0, words * 8).cast::<u64>();
        // SAFETY: as in `zero`; `pointer` has checked the length.
        unsafe { core::ptr::write_bytes(pointer, 0, words) };
    }

    /// Clears entries of a table.
    #[inline]
    pub(crate) fn clear_entries(self, table: u64, first: usize, count: usize) {
        let frame = Frame((table >> 12) as u32);
        let pointer = self.pointer(frame, first * 8, count * 8).cast::<u64>();
        // SAFETY: as in `zero`; `pointer` has checked the range.
        unsafe { core::ptr::write_bytes(pointer, 0, count) };
    }

    /// Whether [`GROUP`] entries of a table, from a multiple of it on, are all zero.
    #[inline]
    pub(crate) fn is_group_empty(self, table: u64, first: usize) -> bool {
        let place = (first & (511 & !(GROUP - 1))) as u64 * 8;
        let pointer = (self.offset + table + place) as *const [u64; GROUP];
        // SAFETY: as in `entry`; a group does not cross the end of the table.
        let [a, b, c, d, e, f, g, h] = unsafe { pointer.read() };
        a | b | c | d | e | f | g | h == 0
    }

    /// Loads an entry of a table.
    #[inline]
    pub(crate) fn entry(self, table: u64, index: usize) -> u64 {
        let pointer = (self.offset + table + (index & 511) as u64 * 8) as *const u64;
        // SAFETY: `table` is the address of a page table, inside one mapped frame.
        unsafe { pointer.read() }
    }

    /// Stores an entry of a table.
    #[inline]
    pub(crate) fn set_entry(self, table: u64, index: usize, value: u64) {
        let pointer = (self.offset + table + (index & 511) as u64 * 8) as *mut u64;
        // SAFETY: as in `entry`; the kernel lock keeps other writers out, and the processor
        // tolerates any valid entry at any time.
        unsafe { pointer.write_volatile(value) };
    }
}
