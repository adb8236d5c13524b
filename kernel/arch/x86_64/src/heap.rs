//! The kernel's heap: powers of two from 16 bytes on, a free list each, over a range of addresses
//! that frames are mapped into as it grows. The core keeps a reserve of frames, so that a step
//! that has been checked does not find the heap empty.

use crate::hardware::FRAMES;
use crate::shared::Shared;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use kernel_mem::PageTables;

/// Where the heap is: a top-level entry of its own, made before any space copies them.
pub const HEAP_BASE: u64 = 0xffff_fe80_0000_0000;
const HEAP_END: u64 = HEAP_BASE + (1 << 38);
const SMALLEST_SHIFT: u32 = 4;
const CLASSES: usize = 28;
const PAGE: u64 = 4096;

struct State {
    tables: PageTables,
    free: [u64; CLASSES],
    /// Next address to hand out, and the end of what is mapped.
    next: u64,
    mapped: u64,
}

static STATE: Shared<State> = Shared::new();

/// The allocator.
pub struct KernelHeap;

/// Sets the heap up. Frames and page tables must be there.
pub fn init(tables: PageTables) {
    STATE.set(State {
        tables,
        free: [0; CLASSES],
        next: HEAP_BASE,
        mapped: HEAP_BASE,
    });
}

/// Bytes of memory that the heap has taken.
pub fn size() -> u64 {
    STATE.with(|state| state.mapped - HEAP_BASE)
}

fn class_of(layout: &Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST_SHIFT);
    let class = (size.checked_next_power_of_two()?.trailing_zeros() - SMALLEST_SHIFT) as usize;
    (class < CLASSES && layout.align() as u64 <= PAGE).then_some(class)
}

impl State {
    fn take(&mut self, class: usize) -> *mut u8 {
        let head = self.free[class];
        if head != 0 {
            // SAFETY: blocks on the list are free; their first word is the link.
            self.free[class] = unsafe { *(head as *const u64) };
            return head as *mut u8;
        }
        let size = 1u64 << (class as u32 + SMALLEST_SHIFT);
        let start = self.next.next_multiple_of(size.min(PAGE));
        if start + size > HEAP_END || !self.grow(start + size) {
            return null_mut();
        }
        self.next = start + size;
        start as *mut u8
    }

    fn grow(&mut self, end: u64) -> bool {
        while self.mapped < end {
            let tables = self.tables;
            let address = self.mapped;
            let done = FRAMES.with(|frames| {
                let frame = frames.allocate()?;
                tables.map_kernel(frames, address, frame).ok()
            });
            if done.is_none() {
                return false;
            }
            self.mapped += PAGE;
        }
        true
    }
}

// SAFETY: blocks are aligned to their power-of-two size up to a page, lie in mapped memory, and
// are on at most one list; the kernel lock (or being alone, at boot) keeps callers apart.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(&layout) {
            Some(class) => STATE.with(|state| state.take(class)),
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(class) = class_of(&layout) else {
            return;
        };
        STATE.with(|state| {
            // SAFETY: the block is at least 16 bytes and no longer used.
            unsafe { *pointer.cast::<u64>() = state.free[class] };
            state.free[class] = pointer as u64;
        });
    }
}
