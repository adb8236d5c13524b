//! The servers' heap: size classes over chunks that the kernel maps.
//!
//! Powers of two from 16 bytes to 64 KiB with a free list each; larger blocks are mappings of
//! their own, given back when freed. A server is one thread, so the lock is never contended; it
//! is there because `GlobalAlloc` is shared.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::{Call, Handle, PAGE_SIZE};
use kernel_stubs::raw;

const SMALLEST_SHIFT: u32 = 4;
const CLASSES: usize = 13;
const LARGEST: usize = 1 << (SMALLEST_SHIFT as usize + CLASSES - 1);
const CHUNK: usize = 64 * 1024;

struct State {
    free: [*mut FreeBlock; CLASSES],
    chunk: usize,
    chunk_end: usize,
    allocations: u64,
}

struct FreeBlock {
    next: *mut FreeBlock,
}

/// The allocator.
pub struct Heap {
    locked: AtomicBool,
    state: UnsafeCell<State>,
}

// SAFETY: `state` is touched only between `lock` and `unlock`.
unsafe impl Sync for Heap {}

impl Heap {
    /// An empty heap; the first allocation maps a chunk.
    pub const fn new() -> Heap {
        let state = State {
            free: [null_mut(); CLASSES],
            chunk: 0,
            chunk_end: 0,
            allocations: 0,
        };
        Heap {
            locked: AtomicBool::new(false),
            state: UnsafeCell::new(state),
        }
    }

    fn with_state<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: the lock makes this the only reference.
        let result = work(unsafe { &mut *self.state.get() });
        self.locked.store(false, Ordering::Release);
        result
    }
}

impl Heap {
    /// How often memory was taken.
    pub fn allocations(&self) -> u64 {
        self.with_state(|state| state.allocations)
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

fn class_of(layout: &Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST_SHIFT);
    (size <= LARGEST && layout.align() <= PAGE_SIZE as usize)
        .then(|| (size.next_power_of_two().trailing_zeros() - SMALLEST_SHIFT) as usize)
}

fn map(length: usize) -> usize {
    let arguments = MapArguments {
        length: length as u64,
        memory: Handle::NONE.0,
        protection: protection::READ | protection::WRITE,
        flags: map_flags::ANONYMOUS,
        ..Default::default()
    };
    let address = core::ptr::from_ref(&arguments) as u64;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice disturbs nothing.
    unsafe { raw::call2(Call::MemoryMap, Handle::SELF.0 as u64, address) }.unwrap_or(0) as usize
}

fn round_to_pages(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(PAGE_SIZE as usize)
}

impl State {
    fn take(&mut self, class: usize) -> *mut u8 {
        let head = self.free[class];
        if !head.is_null() {
            // SAFETY: blocks on the list are free and hold a valid link.
            self.free[class] = unsafe { (*head).next };
            return head.cast();
        }
        let size = 1usize << (class as u32 + SMALLEST_SHIFT);
        // Aligned to their size, but never above a page: `class_of` serves no larger alignment.
        let alignment = size.min(PAGE_SIZE as usize);
        let mut start = self.chunk.next_multiple_of(alignment);
        if self.chunk == 0 || start + size > self.chunk_end {
            start = map(CHUNK);
            if start == 0 {
                return null_mut();
            }
            // What was left of the old chunk stays unused: less than one block of this size.
            self.chunk_end = start + CHUNK;
        }
        self.chunk = start + size;
        start as *mut u8
    }
}

// SAFETY: blocks come from fresh mappings, are aligned to their power-of-two size up to a page,
// and are on at most one free list; larger alignments are refused.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(&layout) {
            Some(class) => self.with_state(|state| {
                state.allocations += 1;
                state.take(class)
            }),
            None if layout.align() > PAGE_SIZE as usize => null_mut(),
            None => match round_to_pages(layout.size()) {
                Some(length) => {
                    self.with_state(|state| state.allocations += 1);
                    map(length) as *mut u8
                }
                None => null_mut(),
            },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on to the caller.
        let block = unsafe { self.alloc(layout) };
        // A mapping of its own is zero without being touched: memory is taken as it is used.
        if class_of(&layout).is_some() && !block.is_null() {
            // SAFETY: the block is that long.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match class_of(&layout) {
            Some(class) => self.with_state(|state| {
                let block = pointer.cast::<FreeBlock>();
                // SAFETY: the block is at least 16 bytes, and no longer used.
                unsafe { (*block).next = state.free[class] };
                state.free[class] = block;
            }),
            None => {
                let length = round_to_pages(layout.size()).unwrap_or(0) as u64;
                // SAFETY: the mapping was made for this block alone.
                let _ = unsafe {
                    raw::call3(
                        Call::MemoryUnmap,
                        Handle::SELF.0 as u64,
                        pointer as u64,
                        length,
                    )
                };
            }
        }
    }
}
