//! The heap.
//!
//! Memory comes in aligned segments of 4 MiB, cut into slices of 64 KiB. A *span* is one slice
//! or more: it holds objects of one size class (up to 32 KiB), or one object. From a pointer,
//! masking finds the segment, whose header describes every slice: no object has a header, and
//! `free` needs no search. Objects above 2 MiB have a mapping of their own.
//!
//! Size classes step by 16 bytes up to 128 and by a quarter of a power of two above, so that at
//! most a fifth of an object is slack. Whole free slices are given back to the kernel when
//! [`DIRTY_LIMIT`] of them have gathered, and a segment without objects is unmapped.

mod class;
mod pages;
mod segment;
#[cfg(test)]
mod tests;

use crate::lock::{Guard, Lock};
use class::{CLASSES, slices_of_class};
pub use class::{LARGEST_SMALL, class_of, class_size};
pub use pages::{Pages, System};
use segment::{HUGE, LARGE, SEGMENT, SLICE, Segment, Span};

/// Dirty free slices that are kept for reuse: 2 MiB.
const DIRTY_LIMIT: usize = 32;
/// Most slices of a span; what needs more is mapped by itself.
const LARGEST_SPAN: usize = 32;
/// Largest alignment offered.
pub const LARGEST_ALIGNMENT: usize = SEGMENT / 2;

/// A heap over a source of pages.
pub struct Heap<P: Pages> {
    pages: P,
    /// Spans of each class that have room.
    rooms: [*mut Span; CLASSES],
    segments: *mut Segment,
    dirty_slices: usize,
}

// SAFETY: the pointers lead to memory that the heap alone owns.
unsafe impl<P: Pages + Send> Send for Heap<P> {}

/// The process's heap.
pub static HEAP: Lock<Heap<System>> = Lock::new(Heap::new(System::new()));

/// Access to the process's heap.
#[inline]
pub fn heap() -> Guard<'static, Heap<System>> {
    HEAP.lock()
}

struct Free {
    next: *mut Free,
}

impl<P: Pages> Heap<P> {
    /// An empty heap.
    pub const fn new(pages: P) -> Heap<P> {
        Heap {
            pages,
            rooms: [core::ptr::null_mut(); CLASSES],
            segments: core::ptr::null_mut(),
            dirty_slices: 0,
        }
    }

    /// Memory for `size` bytes, aligned to 16; null when there is none.
    #[inline]
    pub fn allocate(&mut self, size: usize) -> *mut u8 {
        if size > LARGEST_SMALL {
            return self.allocate_large(size, SLICE).0;
        }
        let class = class_of(size);
        let span = self.rooms[class];
        // SAFETY: spans in `rooms` are live and have room; objects on the free list are unused.
        unsafe {
            if !span.is_null() && !(*span).free.is_null() {
                let object = (*span).free.cast::<Free>();
                (*span).free = (*object).next.cast();
                (*span).used += 1;
                if (*span).is_full() {
                    self.unlink(span);
                }
                return object.cast();
            }
        }
        self.carve(class)
    }

    /// As [`Heap::allocate`], zeroed.
    pub fn allocate_zeroed(&mut self, size: usize) -> *mut u8 {
        let (object, is_zero) = if size > LARGEST_SMALL {
            self.allocate_large(size, SLICE)
        } else {
            (self.allocate(size), false)
        };
        if !object.is_null() && !is_zero {
            // SAFETY: the object has at least `size` bytes.
            unsafe { core::ptr::write_bytes(object, 0, size) };
        }
        object
    }

    /// As [`Heap::allocate`], aligned to a power of two up to [`LARGEST_ALIGNMENT`].
    pub fn allocate_aligned(&mut self, size: usize, alignment: usize) -> *mut u8 {
        if alignment <= 16 {
            return self.allocate(size);
        }
        // A class whose size is a power of two has objects aligned to it, since spans begin at
        // multiples of a slice.
        match size.max(alignment).checked_next_power_of_two() {
            Some(rounded) if rounded <= LARGEST_SMALL => self.allocate(rounded),
            Some(_) if alignment <= LARGEST_ALIGNMENT => {
                self.allocate_large(size, alignment.max(SLICE)).0
            }
            _ => core::ptr::null_mut(),
        }
    }

    #[cold]
    fn carve(&mut self, class: usize) -> *mut u8 {
        let mut span = self.rooms[class];
        if span.is_null() {
            (span, _) = self.new_span(slices_of_class(class));
            if span.is_null() {
                return core::ptr::null_mut();
            }
            let object_size = class_size(class);
            // SAFETY: a fresh span is this heap's.
            unsafe { (*span).begin(class, object_size) };
            self.link(span);
        }
        // SAFETY: the span has room, and its free list is empty: so it has uncarved objects.
        unsafe {
            let object = (*span).base + (*span).carved as usize * (*span).object_size;
            (*span).carved += 1;
            (*span).used += 1;
            if (*span).is_full() {
                self.unlink(span);
            }
            object as *mut u8
        }
    }

    /// A span of its own for one object; whether its memory is known to be zero.
    fn allocate_large(&mut self, size: usize, alignment: usize) -> (*mut u8, bool) {
        let slices = size.div_ceil(SLICE).max(1);
        if slices > LARGEST_SPAN || alignment > SLICE {
            return (self.allocate_huge(size, alignment), true);
        }
        let (span, is_zero) = self.new_span(slices);
        if span.is_null() {
            return (core::ptr::null_mut(), false);
        }
        // SAFETY: a fresh span is this heap's.
        unsafe {
            (*span).begin(LARGE, slices * SLICE);
            (*span).used = 1;
            ((*span).base as *mut u8, is_zero)
        }
    }

    fn allocate_huge(&mut self, size: usize, alignment: usize) -> *mut u8 {
        let offset = alignment.max(SLICE);
        let Some(length) = size.checked_add(offset + 4095).map(|sum| sum & !4095) else {
            return core::ptr::null_mut();
        };
        let Some(segment) = self.pages.map(length, SEGMENT) else {
            return core::ptr::null_mut();
        };
        // SAFETY: the mapping is fresh, zeroed, and longer than a segment's header.
        unsafe { Segment::begin_huge(segment.as_ptr().cast(), offset, length) }
    }

    /// Finds room for `slices` slices; whether they are known to be zero.
    fn new_span(&mut self, slices: usize) -> (*mut Span, bool) {
        let mut segment = self.segments;
        // SAFETY: segments in the list are live.
        unsafe {
            while !segment.is_null() {
                if let Some(first) = (*segment).find(slices) {
                    return self.take(segment, first, slices);
                }
                segment = (*segment).next;
            }
        }
        let Some(memory) = self.pages.map(SEGMENT, SEGMENT) else {
            return (core::ptr::null_mut(), false);
        };
        let segment = memory.as_ptr().cast::<Segment>();
        // SAFETY: the mapping is fresh and zeroed.
        unsafe {
            (*segment).begin();
            (*segment).next = self.segments;
            self.segments = segment;
            self.take(segment, 1, slices)
        }
    }

    /// # Safety
    /// The slices must be free.
    unsafe fn take(
        &mut self,
        segment: *mut Segment,
        first: usize,
        slices: usize,
    ) -> (*mut Span, bool) {
        // SAFETY: the caller's.
        let dirty = unsafe { (*segment).take(first, slices) };
        self.dirty_slices -= dirty;
        // SAFETY: as above.
        (unsafe { &raw mut (*segment).spans[first] }, dirty == 0)
    }

    fn link(&mut self, span: *mut Span) {
        // SAFETY: the span is live and in no list.
        unsafe {
            let head = &mut self.rooms[(*span).class as usize];
            (*span).previous = core::ptr::null_mut();
            (*span).next = *head;
            if !head.is_null() {
                (**head).previous = span;
            }
            *head = span;
        }
    }

    fn unlink(&mut self, span: *mut Span) {
        // SAFETY: the span is live and in its class's list.
        unsafe {
            let (previous, next) = ((*span).previous, (*span).next);
            if previous.is_null() {
                self.rooms[(*span).class as usize] = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
        }
    }

    /// Frees an object.
    ///
    /// # Safety
    /// `object` must come from this heap, and nobody may use it any more.
    #[inline]
    pub unsafe fn free(&mut self, object: *mut u8) {
        // SAFETY: an object of this heap lies in a live segment.
        unsafe {
            let span = Segment::span_of(object);
            if (*span).class >= LARGE {
                return self.free_large(span);
            }
            let was_full = (*span).is_full();
            (*object.cast::<Free>()).next = (*span).free.cast();
            (*span).free = object;
            (*span).used -= 1;
            if was_full {
                self.link(span);
            }
            if (*span).used == 0 {
                self.retire(span);
            }
        }
    }

    /// Gives an empty span back, unless it is the only one of its class with room: a program
    /// that allocates and frees one object would otherwise set up a span each time.
    #[cold]
    unsafe fn retire(&mut self, span: *mut Span) {
        // SAFETY: the span is live, empty and in its class's list.
        unsafe {
            let is_only = (*span).previous.is_null() && (*span).next.is_null();
            if is_only && (*span).slices == 1 {
                return;
            }
            self.unlink(span);
            self.release(span);
        }
    }

    #[cold]
    unsafe fn free_large(&mut self, span: *mut Span) {
        // SAFETY: the span is live and holds the object that is freed.
        unsafe {
            if (*span).class == HUGE {
                let segment = Segment::of(span.cast());
                let length = (*segment).huge_length;
                self.pages.unmap(segment.cast(), length);
            } else {
                self.release(span);
            }
        }
    }

    /// # Safety
    /// The span must hold no objects and be in no list.
    unsafe fn release(&mut self, span: *mut Span) {
        // SAFETY: the caller's.
        unsafe {
            let segment = Segment::of(span.cast());
            self.dirty_slices += (*segment).release(span);
            if (*segment).is_empty() && !(*self.segments).next.is_null() {
                self.dirty_slices -= (*segment).dirty.count_ones() as usize;
                self.remove(segment);
                self.pages.unmap(segment.cast(), SEGMENT);
            } else if self.dirty_slices > DIRTY_LIMIT {
                self.clean();
            }
        }
    }

    unsafe fn remove(&mut self, segment: *mut Segment) {
        let mut link = &raw mut self.segments;
        // SAFETY: the segment is in the list.
        unsafe {
            while *link != segment {
                link = &raw mut (**link).next;
            }
            *link = (*segment).next;
        }
    }

    /// Gives the memory of all dirty free slices back to the kernel.
    fn clean(&mut self) {
        let mut segment = self.segments;
        // SAFETY: segments in the list are live; dirty slices hold nothing.
        unsafe {
            while !segment.is_null() {
                while let Some((first, count)) = (*segment).take_dirty_run() {
                    let address = (segment as usize + first * SLICE) as *mut u8;
                    self.pages.decommit(address, count * SLICE);
                }
                segment = (*segment).next;
            }
        }
        self.dirty_slices = 0;
    }

    /// Bytes usable in an object.
    ///
    /// # Safety
    /// As for [`Heap::free`].
    #[inline]
    pub unsafe fn usable_size(&self, object: *mut u8) -> usize {
        // SAFETY: an object of this heap lies in a live segment.
        unsafe { (*Segment::span_of(object)).object_size }
    }

    /// Changes an object's size, moving it if it must: null (and nothing changed) without memory.
    ///
    /// # Safety
    /// As for [`Heap::free`], when the result is not null.
    pub unsafe fn reallocate(&mut self, object: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the object is the caller's.
        unsafe {
            let span = Segment::span_of(object);
            let old_size = (*span).object_size;
            // Shrinking by less than half keeps the object: copying would save little.
            let fits = size <= old_size && (size >= old_size / 2 || old_size <= 64);
            if fits || self.grow(span, size) {
                return object;
            }
            let new = self.allocate(size);
            if new.is_null() {
                // A smaller object that cannot move is still good where it is.
                return if size <= old_size { object } else { new };
            }
            core::ptr::copy_nonoverlapping(object, new, old_size.min(size));
            self.free(object);
            new
        }
    }

    /// Enlarges an object of its own span in place, if what follows is free.
    unsafe fn grow(&mut self, span: *mut Span, size: usize) -> bool {
        // SAFETY: the span is live.
        unsafe {
            if (*span).class < LARGE || size <= (*span).object_size {
                return false;
            }
            let segment = Segment::of(span.cast());
            if (*span).class == HUGE {
                let offset = (*segment).huge_length - (*span).object_size;
                let Some(length) = size.checked_add(offset + 4095).map(|sum| sum & !4095) else {
                    return false;
                };
                if !self
                    .pages
                    .grow(segment.cast(), (*segment).huge_length, length)
                {
                    return false;
                }
                (*segment).huge_length = length;
                (*span).object_size = length - offset;
                return true;
            }
            let slices = size.div_ceil(SLICE);
            match (*segment).extend(span, slices) {
                Some(dirty) if slices <= LARGEST_SPAN => {
                    self.dirty_slices -= dirty;
                    true
                }
                _ => false,
            }
        }
    }
}
