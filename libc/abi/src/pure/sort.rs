//! Sorting and searching arrays (C 7.22.5, POSIX `qsort_r`, `<search.h>`' linear ones).

use core::ffi::{c_int, c_void};

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type CompareWith = unsafe extern "C" fn(*const c_void, *const c_void, *mut c_void) -> c_int;

struct Array {
    base: *mut u8,
    size: usize,
    compare: CompareWith,
    context: *mut c_void,
}

impl Array {
    fn element(&self, index: usize) -> *mut u8 {
        self.base.wrapping_add(index * self.size)
    }
}

impl libc_algo::sort::Elements for Array {
    fn less(&mut self, left: usize, right: usize) -> bool {
        // SAFETY: both indices are in the caller's array.
        unsafe {
            (self.compare)(
                self.element(left).cast(),
                self.element(right).cast(),
                self.context,
            ) < 0
        }
    }

    fn swap(&mut self, left: usize, right: usize) {
        if left == right {
            return;
        }
        let (a, b) = (self.element(left), self.element(right));
        // SAFETY: two different elements of the caller's array.
        unsafe {
            match self.size {
                8 => core::ptr::swap(a.cast::<[u8; 8]>(), b.cast::<[u8; 8]>()),
                4 => core::ptr::swap(a.cast::<[u8; 4]>(), b.cast::<[u8; 4]>()),
                16 => core::ptr::swap(a.cast::<[u8; 16]>(), b.cast::<[u8; 16]>()),
                size => core::ptr::swap_nonoverlapping(a, b, size),
            }
        }
    }
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qsort_r(
    base: *mut c_void,
    count: usize,
    size: usize,
    compare: CompareWith,
    context: *mut c_void,
) {
    libc_algo::sort::sort(
        &mut Array {
            base: base.cast(),
            size,
            compare,
            context,
        },
        count,
    );
}

unsafe extern "C" fn without_context(
    left: *const c_void,
    right: *const c_void,
    compare: *mut c_void,
) -> c_int {
    // SAFETY: `qsort` passed its comparison function as the context.
    unsafe { core::mem::transmute::<*mut c_void, Compare>(compare)(left, right) }
}

/// C 7.22.5.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qsort(base: *mut c_void, count: usize, size: usize, compare: Compare) {
    // SAFETY: as for `qsort_r`.
    unsafe { qsort_r(base, count, size, without_context, compare as *mut c_void) }
}

/// C 7.22.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bsearch(
    key: *const c_void,
    base: *const c_void,
    count: usize,
    size: usize,
    compare: Compare,
) -> *mut c_void {
    let (mut first, mut left) = (base.cast::<u8>(), count);
    while left > 0 {
        let middle = first.wrapping_add(left / 2 * size);
        // SAFETY: the element is in the caller's array.
        match unsafe { compare(key, middle.cast()) } {
            0 => return middle.cast_mut().cast(),
            1.. => {
                first = middle.wrapping_add(size);
                left -= left / 2 + 1;
            }
            _ => left /= 2,
        }
    }
    core::ptr::null_mut()
}

/// XSI: the first equal element, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lfind(
    key: *const c_void,
    base: *const c_void,
    count: *mut usize,
    size: usize,
    compare: Compare,
) -> *mut c_void {
    // SAFETY: the caller's array of `*count` elements.
    unsafe {
        for index in 0..*count {
            let element = base.byte_add(index * size);
            if compare(key, element) == 0 {
                return element.cast_mut();
            }
        }
    }
    core::ptr::null_mut()
}

/// XSI: as `lfind`, but appends what is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsearch(
    key: *const c_void,
    base: *mut c_void,
    count: *mut usize,
    size: usize,
    compare: Compare,
) -> *mut c_void {
    // SAFETY: the caller's array has room for one more element.
    unsafe {
        let found = lfind(key, base, count, size, compare);
        if !found.is_null() {
            return found;
        }
        let place = base.byte_add(*count * size);
        core::ptr::copy_nonoverlapping(key.cast::<u8>(), place.cast(), size);
        *count += 1;
        place
    }
}

/// A link of a doubly linked list, as `insque` expects its elements to begin.
#[repr(C)]
struct Link {
    next: *mut Link,
    previous: *mut Link,
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn insque(element: *mut c_void, after: *mut c_void) {
    let (element, after) = (element.cast::<Link>(), after.cast::<Link>());
    // SAFETY: both begin with two link pointers.
    unsafe {
        if after.is_null() {
            *element = Link {
                next: core::ptr::null_mut(),
                previous: core::ptr::null_mut(),
            };
            return;
        }
        *element = Link {
            next: (*after).next,
            previous: after,
        };
        (*after).next = element;
        if !(*element).next.is_null() {
            (*(*element).next).previous = element;
        }
    }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remque(element: *mut c_void) {
    let element = element.cast::<Link>();
    // SAFETY: the element is in a list.
    unsafe {
        if !(*element).next.is_null() {
            (*(*element).next).previous = (*element).previous;
        }
        if !(*element).previous.is_null() {
            (*(*element).previous).next = (*element).next;
        }
    }
}
