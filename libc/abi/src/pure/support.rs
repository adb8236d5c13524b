//! What the Rust half of the library needs from the C half: memory, `errno`, a way to die.

use core::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    /// `malloc` of `sys` (or of the program, which may replace it).
    pub fn malloc(size: usize) -> *mut c_void;
    /// `calloc` of `sys`.
    pub fn calloc(count: usize, size: usize) -> *mut c_void;
    /// `realloc` of `sys`.
    pub fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    /// `free` of `sys`.
    pub fn free(pointer: *mut c_void);
    /// C11 `aligned_alloc` of `sys`.
    pub fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    /// The calling thread's `errno`.
    pub fn __errno_location() -> *mut c_int;
    /// `abort` of `sys`.
    pub fn abort() -> !;
    /// `getenv` of `sys`.
    pub fn getenv(name: *const c_char) -> *mut c_char;
}

/// Sets the calling thread's `errno`.
pub fn set_errno(number: c_int) {
    // SAFETY: `__errno_location` returns the thread's own, always valid, `int`.
    unsafe { *__errno_location() = number }
}

/// Reads the calling thread's `errno`.
pub fn errno() -> c_int {
    // SAFETY: as in `set_errno`.
    unsafe { *__errno_location() }
}

/// Sets `errno` and returns -1, the usual way for a function to fail.
pub fn fail(number: c_int) -> c_int {
    set_errno(number);
    -1
}

/// The heap of Rust code inside the library: the C heap, so that there is only one.
#[cfg(target_vendor = "microkosm")]
struct CHeap;

// SAFETY: `malloc`, `aligned_alloc`, `realloc` and `free` keep the allocator contract;
// malloc's alignment is 16, so only larger ones need `aligned_alloc`.
#[cfg(target_vendor = "microkosm")]
unsafe impl core::alloc::GlobalAlloc for CHeap {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        let size = layout.size();
        // SAFETY: both accept any size; alignment is a power of two by `Layout`.
        unsafe {
            if layout.align() <= 16 {
                malloc(size).cast()
            } else {
                aligned_alloc(layout.align(), size.next_multiple_of(layout.align())).cast()
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _: core::alloc::Layout) {
        // SAFETY: the pointer came from `alloc` above.
        unsafe { free(pointer.cast()) }
    }

    unsafe fn realloc(
        &self,
        pointer: *mut u8,
        layout: core::alloc::Layout,
        new_size: usize,
    ) -> *mut u8 {
        if layout.align() <= 16 {
            // SAFETY: the pointer came from `malloc` above.
            return unsafe { realloc(pointer.cast(), new_size).cast() };
        }
        // SAFETY: a fresh block of the same alignment, copied up to the smaller size.
        unsafe {
            let new_layout =
                core::alloc::Layout::from_size_align_unchecked(new_size, layout.align());
            let new_pointer = self.alloc(new_layout);
            if !new_pointer.is_null() {
                core::ptr::copy_nonoverlapping(pointer, new_pointer, new_size.min(layout.size()));
                self.dealloc(pointer, layout);
            }
            new_pointer
        }
    }
}

#[cfg(target_vendor = "microkosm")]
#[global_allocator]
static HEAP: CHeap = CHeap;

/// A broken invariant inside the library itself: nothing above can be trusted to report it.
#[cfg(target_vendor = "microkosm")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { abort() }
}
