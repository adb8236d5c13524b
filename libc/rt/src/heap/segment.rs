//! Segments, slices and spans: where the objects are. No kernel call is made here.

/// Bytes of a segment, and its alignment.
pub const SEGMENT: usize = 4 << 20;
/// Bytes of a slice.
pub const SLICE: usize = 64 << 10;
const SLICES: usize = SEGMENT / SLICE;

/// Class of a span with one object.
pub const LARGE: u8 = 254;
/// Class of the span in a mapping of its own.
pub const HUGE: u8 = 255;

/// What a span is made of.
#[repr(C)]
pub struct Span {
    /// Freed objects, each pointing to the next.
    pub free: *mut u8,
    /// Address of the first object.
    pub base: usize,
    /// Bytes of an object.
    pub object_size: usize,
    /// Objects in use.
    pub used: u32,
    /// Objects that were in use at some time; the others are untouched memory.
    pub carved: u32,
    /// Objects that fit.
    pub capacity: u32,
    /// Size class, [`LARGE`] or [`HUGE`].
    pub class: u8,
    /// Slices.
    pub slices: u8,
    /// Next span of the class with room.
    pub next: *mut Span,
    /// The one before.
    pub previous: *mut Span,
}

impl Span {
    /// Whether no object is free.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.used == self.capacity
    }

    /// Sets a span of `slices` slices up for objects of a size. (`LARGE` spans hold one.)
    pub fn begin(&mut self, class: impl TryInto<u8>, object_size: usize) {
        self.class = class.try_into().unwrap_or(LARGE);
        self.object_size = object_size;
        self.capacity = (self.slices as usize * SLICE / object_size) as u32;
        (self.used, self.carved) = (0, 0);
        self.free = core::ptr::null_mut();
    }
}

/// A segment's header: it fills (the beginning of) slice 0.
#[repr(C)]
pub struct Segment {
    /// The next segment of the heap.
    pub next: *mut Segment,
    /// Bit N: slice N is free.
    available: u64,
    /// Bit N: slice N is free and was written to.
    pub dirty: u64,
    /// Length of the mapping that holds one huge object, else 0.
    pub huge_length: usize,
    /// For each slice, the index of its span's first one.
    first: [u8; SLICES],
    /// Spans, each described at the index of its first slice.
    pub spans: [Span; SLICES],
}

const _: () = assert!(size_of::<Segment>() <= SLICE);

impl Segment {
    /// The segment an address lies in.
    #[inline]
    pub fn of(address: *mut u8) -> *mut Segment {
        (address as usize & !(SEGMENT - 1)) as *mut Segment
    }

    /// The span an object lies in.
    ///
    /// # Safety
    /// `object` must be a live object of a heap.
    #[inline]
    pub unsafe fn span_of(object: *mut u8) -> *mut Span {
        let segment = Segment::of(object);
        let slice = (object as usize & (SEGMENT - 1)) / SLICE;
        // SAFETY: objects lie in live segments, whose headers cover every slice.
        unsafe { &raw mut (*segment).spans[(*segment).first[slice] as usize] }
    }

    /// Sets a fresh segment up: all slices but the header's are free.
    pub fn begin(&mut self) {
        self.available = !1;
    }

    /// Sets a fresh mapping up for one object at `offset`, and returns that.
    ///
    /// # Safety
    /// The mapping must be zeroed and `length` bytes long.
    pub unsafe fn begin_huge(segment: *mut Segment, offset: usize, length: usize) -> *mut u8 {
        let slice = offset / SLICE;
        // SAFETY: the caller's; `offset` is at most half a segment.
        unsafe {
            (*segment).huge_length = length;
            (*segment).first[slice] = slice as u8;
            let span = &mut (*segment).spans[slice];
            span.class = HUGE;
            span.base = segment as usize + offset;
            span.object_size = length - offset;
            (span.used, span.capacity) = (1, 1);
            span.base as *mut u8
        }
    }

    /// Whether no slice is in use.
    pub fn is_empty(&self) -> bool {
        self.available == !1
    }

    /// The first run of `slices` free slices.
    pub fn find(&self, slices: usize) -> Option<usize> {
        // Bit N of `runs` stays set when bits N .. N + slices are; doubling finds that in
        // log2(slices) steps.
        let mut runs = self.available;
        let mut covered = 1;
        while covered < slices && runs != 0 {
            let step = covered.min(slices - covered);
            runs &= runs >> step;
            covered += step;
        }
        (runs != 0).then(|| runs.trailing_zeros() as usize)
    }

    fn bits(first: usize, slices: usize) -> u64 {
        (u64::MAX >> (SLICES - slices)) << first
    }

    /// Takes free slices for a span; returns how many of them were dirty.
    pub fn take(&mut self, first: usize, slices: usize) -> usize {
        let bits = Segment::bits(first, slices);
        let dirty = (self.dirty & bits).count_ones() as usize;
        self.available &= !bits;
        self.dirty &= !bits;
        self.first[first..first + slices].fill(first as u8);
        let base = core::ptr::from_mut(self) as usize + first * SLICE;
        let span = &mut self.spans[first];
        span.base = base;
        span.slices = slices as u8;
        dirty
    }

    /// Frees a span's slices; returns how many became dirty.
    ///
    /// # Safety
    /// The span must be one of this segment, without objects.
    pub unsafe fn release(&mut self, span: *mut Span) -> usize {
        // SAFETY: the caller's.
        let (base, slices) = unsafe { ((*span).base, (*span).slices as usize) };
        let first = (base & (SEGMENT - 1)) / SLICE;
        let bits = Segment::bits(first, slices);
        self.available |= bits;
        self.dirty |= bits;
        slices
    }

    /// Enlarges a span of one object to `slices` slices, when those behind it are free; returns
    /// how many of them were dirty.
    ///
    /// # Safety
    /// The span must be one of this segment.
    pub unsafe fn extend(&mut self, span: *mut Span, slices: usize) -> Option<usize> {
        // SAFETY: the caller's.
        let (base, old) = unsafe { ((*span).base, (*span).slices as usize) };
        let first = (base & (SEGMENT - 1)) / SLICE;
        if slices <= old || first + slices > SLICES || slices > super::LARGEST_SPAN {
            return None;
        }
        let bits = Segment::bits(first + old, slices - old);
        if self.available & bits != bits {
            return None;
        }
        let dirty = (self.dirty & bits).count_ones() as usize;
        self.available &= !bits;
        self.dirty &= !bits;
        self.first[first..first + slices].fill(first as u8);
        // SAFETY: the caller's.
        unsafe {
            (*span).slices = slices as u8;
            (*span).object_size = slices * SLICE;
        }
        Some(dirty)
    }

    /// Takes a run of dirty slices, which count as clean from now on: its first and its length.
    pub fn take_dirty_run(&mut self) -> Option<(usize, usize)> {
        if self.dirty == 0 {
            return None;
        }
        let first = self.dirty.trailing_zeros() as usize;
        let count = (self.dirty >> first).trailing_ones() as usize;
        self.dirty &= !Segment::bits(first, count);
        Some((first, count))
    }
}
