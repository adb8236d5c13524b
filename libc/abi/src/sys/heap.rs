//! `malloc` and its kin.
//!
//! SAFETY of the C functions here: pointers come from these functions and are not used after
//! they are freed (C 7.22.3).

use super::support::set_errno;
use core::ffi::{c_int, c_void};
use libc_rt::heap::{LARGEST_ALIGNMENT, heap};

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

#[inline]
fn given(object: *mut u8) -> *mut c_void {
    if object.is_null() {
        set_errno(ENOMEM);
    }
    object.cast()
}

/// C 7.22.3.4.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    given(heap().allocate(size))
}

/// C 7.22.3.2.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(total) => given(heap().allocate_zeroed(total)),
        None => given(core::ptr::null_mut()),
    }
}

/// C 7.22.3.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(object: *mut c_void, size: usize) -> *mut c_void {
    if object.is_null() {
        return malloc(size);
    }
    // SAFETY: the caller's.
    given(unsafe { heap().reallocate(object.cast(), size) })
}

/// `realloc` of an array, checking the product.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(
    object: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the caller's.
        Some(total) => unsafe { realloc(object, total) },
        None => given(core::ptr::null_mut()),
    }
}

/// C 7.22.3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(object: *mut c_void) {
    if !object.is_null() {
        // SAFETY: the caller's.
        unsafe { heap().free(object.cast()) }
    }
}

/// C 7.22.3.1.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        set_errno(EINVAL);
        return core::ptr::null_mut();
    }
    if alignment > LARGEST_ALIGNMENT {
        return given(core::ptr::null_mut());
    }
    given(heap().allocate_aligned(size, alignment))
}

/// SunOS.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    aligned_alloc(alignment, size)
}

/// BSD: aligned to a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned_alloc(4096, size)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    result: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    if !alignment.is_power_of_two() || alignment < core::mem::size_of::<usize>() {
        return EINVAL;
    }
    let object = heap().allocate_aligned(size, alignment);
    if object.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller's.
    unsafe { *result = object.cast() };
    0
}

/// Bytes that an object really has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(object: *mut c_void) -> usize {
    if object.is_null() {
        return 0;
    }
    // SAFETY: the caller's.
    unsafe { heap().usable_size(object.cast()) }
}

/// Gives memory back to the system: free slices go back by themselves, so there is nothing more.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_pad: usize) -> c_int {
    0
}
