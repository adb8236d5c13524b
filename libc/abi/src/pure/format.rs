//! The `printf` family's C side: variadic arguments, strings as targets (C 7.21.6).
//!
//! Streams are `sys`'s: it implements [`Output`] for its buffers and calls [`print`].

use super::support::{errno, free, malloc, realloc, set_errno};
use core::ffi::{VaList, c_char, c_int};
use libc_algo::float::Extended;
use libc_algo::format::{Arguments, FormatError, Output, Unit, format};

/// EINVAL, EILSEQ and EOVERFLOW as Linux numbers them.
const EINVAL: c_int = 22;
const EOVERFLOW: c_int = 75;
const EILSEQ: c_int = 84;
const ENOMEM: c_int = 12;

/// A `va_list` as the formatting and scanning engines want it.
pub struct Variadic<'a, 'b> {
    list: &'a mut VaList<'b>,
    error: c_int,
}

/// The System V layout of a `va_list` element (ABI 3.5.7).
#[repr(C)]
struct VaListFields {
    gp_offset: u32,
    fp_offset: u32,
    overflow_area: *mut u8,
    save_area: *mut u8,
}

/// The `long double` argument next in `list`. Rust has no type for it, so the list is
/// read by its layout: such arguments always lie in the overflow area, 16-aligned.
pub fn next_long_double(list: &mut VaList<'_>) -> Extended {
    let fields = (&raw mut *list).cast::<VaListFields>();
    // SAFETY: a `VaList` is the ABI's structure, and the caller passed a `long double`.
    unsafe {
        let overflow = (*fields).overflow_area;
        let place = overflow.wrapping_add(overflow.addr().wrapping_neg() & 15);
        (*fields).overflow_area = place.add(16);
        Extended {
            significand: place.cast::<u64>().read(),
            sign_exponent: place.add(8).cast::<u16>().read(),
        }
    }
}

impl<'a, 'b> Variadic<'a, 'b> {
    /// Wraps a list; `%m` tells of the `errno` of this moment.
    pub fn new(list: &'a mut VaList<'b>) -> Self {
        Variadic {
            list,
            error: errno(),
        }
    }
}

impl Arguments for Variadic<'_, '_> {
    fn integer(&mut self) -> u64 {
        // SAFETY: the format promises an integer or pointer; narrow ones fill a slot too.
        unsafe { self.list.arg::<u64>() }
    }

    fn double(&mut self) -> f64 {
        // SAFETY: the format promises a `double`.
        unsafe { self.list.arg::<f64>() }
    }

    fn long_double(&mut self) -> Extended {
        next_long_double(self.list)
    }

    fn string(&self, address: u64, limit: usize) -> &[u8] {
        let text = core::ptr::with_exposed_provenance::<c_char>(address as usize);
        // SAFETY: the format promises a string, or `limit` bytes.
        unsafe { core::slice::from_raw_parts(text.cast(), super::string::strnlen(text, limit)) }
    }

    fn wide(&self, address: u64, index: usize) -> u32 {
        // SAFETY: the format promises a wide string; the engine stops at its end.
        unsafe { *core::ptr::with_exposed_provenance::<u32>(address as usize).add(index) }
    }

    fn store(&mut self, address: u64, size: usize, value: u64) {
        let place = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: the format promises a place for an integer of this size.
        unsafe { core::ptr::copy_nonoverlapping(value.to_le_bytes().as_ptr(), place, size.min(8)) }
    }

    fn error_message(&self) -> &[u8] {
        libc_algo::message::error(self.error).as_bytes()
    }
}

/// Formats into `output`; the result is C's: the count, or -1 with `errno` set.
pub fn print(output: &mut dyn Output, text: &[u8], list: &mut VaList<'_>, unit: Unit) -> c_int {
    match format(output, text, &mut Variadic::new(list), unit) {
        Ok(count) => count as c_int,
        Err(error) => {
            set_errno(match error {
                FormatError::Overflow => EOVERFLOW,
                FormatError::IllegalSequence => EILSEQ,
                FormatError::Invalid => EINVAL,
            });
            -1
        }
    }
}

/// A string of limited size; what does not fit is dropped.
struct Bounded {
    next: *mut u8,
    left: usize,
}

impl Output for Bounded {
    fn write(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.left);
        // SAFETY: `left` bytes of room are at `next`.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.next, count);
            self.next = self.next.add(count);
        }
        self.left -= count;
    }
}

/// C 7.21.6.12.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsnprintf(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    mut list: VaList<'_>,
) -> c_int {
    let mut output = Bounded {
        next: to.cast(),
        left: size.saturating_sub(1),
    };
    // SAFETY: the format is a string, and the target has `size` bytes.
    unsafe {
        let count = print(
            &mut output,
            super::string::bytes(text),
            &mut list,
            Unit::Byte,
        );
        if size > 0 {
            *output.next = 0;
        }
        count
    }
}

/// C 7.21.6.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snprintf(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    list: ...
) -> c_int {
    // SAFETY: as for `vsnprintf`.
    unsafe { vsnprintf(to, size, text, list) }
}

/// C 7.21.6.13.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsprintf(to: *mut c_char, text: *const c_char, list: VaList<'_>) -> c_int {
    // SAFETY: the caller promises room for the whole result.
    unsafe { vsnprintf(to, usize::MAX, text, list) }
}

/// C 7.21.6.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprintf(to: *mut c_char, text: *const c_char, list: ...) -> c_int {
    // SAFETY: as for `vsprintf`.
    unsafe { vsprintf(to, text, list) }
}

/// A C heap block that grows; null data after a failed growth.
struct Growing {
    data: *mut u8,
    length: usize,
    capacity: usize,
}

impl Output for Growing {
    fn write(&mut self, bytes: &[u8]) {
        if self.data.is_null() {
            return;
        }
        let needed = self.length + bytes.len() + 1;
        // SAFETY: `data` is a `malloc` block of `capacity` bytes.
        unsafe {
            if needed > self.capacity {
                let capacity = needed.max(2 * self.capacity);
                let grown = realloc(self.data.cast(), capacity);
                if grown.is_null() {
                    free(self.data.cast());
                    self.data = core::ptr::null_mut();
                    return;
                }
                self.data = grown.cast();
                self.capacity = capacity;
            }
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(self.length), bytes.len());
        }
        self.length += bytes.len();
    }
}

/// POSIX.1-2024: formats into a new string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vasprintf(
    result: *mut *mut c_char,
    text: *const c_char,
    mut list: VaList<'_>,
) -> c_int {
    const START: usize = 64;
    // SAFETY: `result` is a place for a pointer, the format a string.
    unsafe {
        let mut output = Growing {
            data: malloc(START).cast(),
            length: 0,
            capacity: START,
        };
        let count = print(
            &mut output,
            super::string::bytes(text),
            &mut list,
            Unit::Byte,
        );
        if output.data.is_null() {
            set_errno(ENOMEM);
            return -1;
        }
        if count < 0 {
            free(output.data.cast());
            return -1;
        }
        *output.data.add(output.length) = 0;
        *result = output.data.cast();
        count
    }
}

/// POSIX.1-2024: formats into a new string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn asprintf(
    result: *mut *mut c_char,
    text: *const c_char,
    list: ...
) -> c_int {
    // SAFETY: as for `vasprintf`.
    unsafe { vasprintf(result, text, list) }
}
