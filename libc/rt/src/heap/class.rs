//! Size classes.

use super::segment::SLICE;

/// Largest object of a class.
pub const LARGEST_SMALL: usize = 32 << 10;
/// How many classes; class 0 is unused.
pub const CLASSES: usize = 41;

/// The class of a size up to [`LARGEST_SMALL`]. Size 0 gets an object of its own, as size 1 does.
#[inline]
pub const fn class_of(size: usize) -> usize {
    if size <= 128 {
        return if size == 0 { 1 } else { (size + 15) >> 4 };
    }
    let below = size - 1;
    let exponent = below.ilog2() as usize;
    9 + (exponent - 7) * 4 + ((below >> (exponent - 2)) & 3)
}

/// Size of a class's objects.
#[inline]
pub const fn class_size(class: usize) -> usize {
    if class <= 8 {
        return class * 16;
    }
    let (exponent, quarter) = (7 + (class - 9) / 4, (class - 9) % 4);
    (1 << exponent) + ((quarter + 1) << (exponent - 2))
}

/// Slices of a class's spans: enough that the unused end is small.
pub const fn slices_of_class(class: usize) -> usize {
    let size = class_size(class);
    if size <= 4096 {
        1
    } else {
        (size * 8).div_ceil(SLICE)
    }
}
