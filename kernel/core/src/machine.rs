//! What the kernel's logic needs of the hardware: the one trait between safe, host-tested
//! logic and the thin rim (`kernel/mem`, `kernel/arch`). Tests implement it over plain vectors.
//!
//! Contract for every method: it never blocks, and is called with the kernel lock held.

use kernel_abi::process::{FLOATING_POINT_SIZE, Registers};

/// A physical page frame: its number, `physical address / 4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(pub u32);

impl Frame {
    /// Physical address of the first byte.
    pub const fn address(self) -> u64 {
        (self.0 as u64) << 12
    }
}

/// A processor's index, 0 being the one that booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(pub u8);

/// Most processors.
pub const MAX_CPUS: usize = kernel_abi::system::MAX_PROCESSORS;

/// A hardware address space: whatever the rim wants to put here (on x86_64 the physical address
/// of the top page table).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Space(pub u64);

/// How a page is mapped. Always accessible from user mode; never writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFlags {
    /// Stores allowed.
    pub write: bool,
    /// Instruction fetches allowed.
    pub execute: bool,
    /// `kernel_abi::memory::cache`.
    pub cache: u8,
    /// The frame is not RAM: the kernel must not read or write it for a program, which could make
    /// a device act or meet an address that nothing answers. `translate` does not find it.
    pub device: bool,
}

/// No frame was left for a page table, a frame or a register area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;

/// What a thread has in registers. `registers` keeps its address while the thread lives (it is
/// boxed): the entry path stores into it directly.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Context {
    /// General registers, as at the last entry.
    pub registers: Registers,
    /// Floating-point registers (FXSAVE image); saved by the rim when the thread is switched
    /// away from, if it used them since.
    pub floating_point: [u8; FLOATING_POINT_SIZE],
    /// The address space that the thread runs in, here so that a switch finds it without a search.
    pub space: Space,
}

/// The hardware.
pub trait Machine {
    // --- frames -------------------------------------------------------------------------
    /// Takes a free frame with undefined contents.
    fn allocate_frame(&mut self) -> Option<Frame>;
    /// Takes `count` contiguous frames, below 4 GiB if asked.
    fn allocate_contiguous(&mut self, count: usize, below_4g: bool) -> Option<Frame>;
    /// Gives a frame back.
    fn free_frame(&mut self, frame: Frame);
    /// Frames free now.
    fn free_frames(&self) -> usize;
    /// Frames of RAM in all.
    fn total_frames(&self) -> usize;
    /// One more than the highest RAM frame number (for the core's reference counts).
    fn frame_limit(&self) -> u32;

    // --- contents of frames -----------------------------------------------------------
    /// Fills with zeros.
    fn zero_frame(&mut self, frame: Frame);
    /// Copies `length` bytes between frames; neither range crosses a frame's end.
    fn copy(&mut self, from: (Frame, usize), to: (Frame, usize), length: usize);
    /// Copies bytes out of a frame.
    fn read(&self, frame: Frame, offset: usize, bytes: &mut [u8]);
    /// Copies bytes into a frame.
    fn write(&mut self, frame: Frame, offset: usize, bytes: &[u8]);
    /// Atomically loads the aligned u32 at `offset` (futexes).
    fn load_u32(&self, frame: Frame, offset: usize) -> u32;
    /// Atomically replaces the aligned u32 at `offset` if it is `current`: returns what it was.
    fn exchange_u32(&mut self, frame: Frame, offset: usize, current: u32, new: u32) -> u32;

    // --- address spaces ---------------------------------------------------------------
    /// An empty user half with the kernel's half in place.
    fn create_space(&mut self) -> Result<Space, OutOfFrames>;
    /// Frees the page tables (not the mapped frames). No processor uses the space any more.
    fn destroy_space(&mut self, space: Space);
    /// Maps one page, replacing what was there (and flushing it, if it was present).
    fn map(
        &mut self,
        space: Space,
        address: u64,
        frame: Frame,
        flags: PageFlags,
    ) -> Result<(), OutOfFrames>;
    /// Maps frames, where there are some, to the pages from an address on that are not mapped yet.
    fn map_absent(
        &mut self,
        space: Space,
        address: u64,
        frames: &[Option<Frame>],
        flags: PageFlags,
    ) -> Result<(), OutOfFrames>;
    /// Unmaps pages and flushes them on every processor. Absent pages are skipped quickly.
    fn unmap(&mut self, space: Space, address: u64, pages: u64);
    /// Takes away the write permission of the pages of a range (fork, cleaning), with flush.
    fn protect_read_only(&mut self, space: Space, address: u64, pages: u64);
    /// The frame behind a user address, if it is mapped for this access.
    fn translate(&self, space: Space, address: u64, write: bool) -> Option<Frame>;

    // --- processors and time -----------------------------------------------------------
    /// Nanoseconds since boot.
    fn now_ns(&self) -> u64;
    /// A counter that advances steadily, cheaper to read than the time.
    fn now_ticks(&self) -> u64;
    /// The time that a number of its ticks take.
    fn ticks_to_ns(&self, ticks: u64) -> u64;
    /// Asks for a timer interrupt on this processor at a time (`u64::MAX`: none).
    fn set_timer(&mut self, cpu: Cpu, deadline_ns: u64);
    /// Makes another processor enter the kernel and reschedule.
    fn kick(&mut self, cpu: Cpu);
    /// Saves the floating-point registers of this processor into the context, if they belong
    /// to it (before fork, before an upcall frame is written, before migration).
    fn save_floating_point(&mut self, cpu: Cpu, context: &mut Context);
    /// Says that the context's saved floating-point image is the valid one (after a restore from
    /// an upcall frame); registers that hold an older one are dropped.
    fn restore_floating_point(&mut self, cpu: Cpu, context: &Context);

    // --- devices ------------------------------------------------------------------------
    /// Sets up an interrupt line or message; `token` comes back through `Kernel::interrupt`.
    /// Returns (message_address, message_data) for messages, (0, 0) for lines. It starts masked
    /// for lines.
    fn create_interrupt(&mut self, line: Option<u32>, flags: u32, token: u32)
    -> Option<(u64, u64)>;
    /// Frees it.
    fn destroy_interrupt(&mut self, token: u32);
    /// Lets a line interrupt through again (no-op for messages).
    fn unmask_interrupt(&mut self, token: u32);
    /// Masks a line interrupt (no-op for messages).
    fn mask_interrupt(&mut self, token: u32);
    /// Reads a port of 1, 2 or 4 bytes.
    fn port_read(&mut self, port: u16, width: u8) -> u32;
    /// Writes a port.
    fn port_write(&mut self, port: u16, width: u8, value: u32);
    /// Appends to the debug log (serial line).
    fn debug_write(&mut self, bytes: &[u8]);
    /// Whether the physical range holds no RAM that the kernel manages (device registers,
    /// firmware tables), so that a driver may be given it.
    fn is_device_memory(&self, address: u64, length: u64) -> bool;
    /// `kernel_abi::system::control`: power off, reboot, test exit. Returns only when it cannot.
    fn control(&mut self, command: u64, argument: u64);
    /// Whether the kernel's command line has this word.
    fn has_option(&self, option: &[u8]) -> bool;
    /// Sets the real-time offset in the clock page.
    fn set_realtime_offset_ns(&mut self, offset_ns: u64);
    /// Real time minus monotonic time.
    fn realtime_offset_ns(&self) -> u64;
    /// The frame of the clock page, mapped read-only into every process.
    fn clock_frame(&self) -> Frame;
    /// Fresh entropy.
    fn entropy(&mut self) -> u64;
}
