//! Thread attributes.
//!
//! SAFETY of the C functions here: objects were initialised by `..._init`.

use crate::sys::support::{Error, Result};
use core::ffi::{c_int, c_void};
use libc_rt::thread::{Options, Thread};

/// Stack of a thread when nothing is said: as musl's.
const STACK: usize = 128 << 10;
const GUARD: usize = 8 << 10;
/// `PTHREAD_STACK_MIN`.
const STACK_MIN: usize = 2048;

/// `pthread_attr_t`, 56 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attributes {
    stack_size: usize,
    guard_size: usize,
    /// End of a stack of the program's, or 0.
    stack_end: usize,
    detached: c_int,
    inherit: c_int,
    policy: c_int,
    priority: c_int,
    reserved: [usize; 2],
}

const _: () = assert!(size_of::<Attributes>() == 56);

impl Default for Attributes {
    fn default() -> Attributes {
        Attributes {
            stack_size: STACK,
            guard_size: GUARD,
            stack_end: 0,
            detached: 0,
            inherit: 0,
            policy: 0,
            priority: 0,
            reserved: [0; 2],
        }
    }
}

impl Attributes {
    /// As the runtime wants them.
    pub fn options(&self) -> Options {
        Options {
            stack_size: self.stack_size,
            guard_size: self.guard_size,
            stack: match self.stack_end {
                0 => core::ptr::null_mut(),
                end => (end - self.stack_size) as *mut u8,
            },
            detached: self.detached != 0,
            priority: 0,
        }
    }

    /// The priority that a thread is to have, 0 = its creator's.
    pub fn wanted_priority(&self) -> Result<u64> {
        const EXPLICIT: c_int = 1;
        if self.inherit != EXPLICIT {
            return Ok(0);
        }
        crate::sys::scheduling::encode(self.policy, self.priority)
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_init(attributes: *mut Attributes) -> c_int {
    // SAFETY: the caller's.
    unsafe { attributes.write(Attributes::default()) };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_attr_destroy(_attributes: *mut Attributes) -> c_int {
    0
}

macro_rules! fields {
    ($($get:ident, $set:ident: $type:ty = $field:ident, $valid:expr;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(attributes: *const Attributes, out: *mut $type) -> c_int {
            // SAFETY: the caller's.
            unsafe { *out = (*attributes).$field as $type };
            0
        }

        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $set(attributes: *mut Attributes, value: $type) -> c_int {
            let valid: fn($type) -> bool = $valid;
            if !valid(value) {
                return Error::BadArgument as c_int;
            }
            // SAFETY: the caller's.
            unsafe { (*attributes).$field = value };
            0
        }
    )*};
}

fields! {
    pthread_attr_getguardsize, pthread_attr_setguardsize: usize = guard_size, |size| size < usize::MAX / 4;
    pthread_attr_getdetachstate, pthread_attr_setdetachstate: c_int = detached, |state| state == 0 || state == 1;
    pthread_attr_getinheritsched, pthread_attr_setinheritsched: c_int = inherit, |state| state == 0 || state == 1;
    pthread_attr_getschedpolicy, pthread_attr_setschedpolicy: c_int = policy, |policy| (0..=3).contains(&policy);
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstacksize(
    attributes: *const Attributes,
    out: *mut usize,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = (*attributes).stack_size };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstacksize(
    attributes: *mut Attributes,
    size: usize,
) -> c_int {
    if !(STACK_MIN..usize::MAX / 4).contains(&size) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe {
        (*attributes).stack_size = size;
        (*attributes).stack_end = 0;
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstack(
    attributes: *const Attributes,
    base: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let attributes = &*attributes;
        *size = attributes.stack_size;
        *base = attributes.stack_end.wrapping_sub(attributes.stack_size) as *mut c_void;
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstack(
    attributes: *mut Attributes,
    base: *mut c_void,
    size: usize,
) -> c_int {
    if !(STACK_MIN..usize::MAX / 4).contains(&size) {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe {
        (*attributes).stack_size = size;
        (*attributes).stack_end = base as usize + size;
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getscope(_: *const Attributes, out: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { *out = 0 };
    0
}

/// POSIX: returns the error's number. Threads compete with all others of the system.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_attr_setscope(_: *mut Attributes, scope: c_int) -> c_int {
    match scope {
        0 => 0,
        1 => Error::NotSupported as c_int,
        _ => Error::BadArgument as c_int,
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getschedparam(
    attributes: *const Attributes,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the caller's; `struct sched_param` begins with the priority.
    unsafe { *out = (*attributes).priority };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setschedparam(
    attributes: *mut Attributes,
    new: *const c_int,
) -> c_int {
    // SAFETY: as above.
    unsafe { (*attributes).priority = *new };
    0
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getattr_np(
    target: *mut Thread,
    attributes: *mut Attributes,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let block = &*target;
        let (stack, stack_size) = if block.mapping.is_null() {
            first_stack()
        } else {
            (block.stack as usize, block.stack_size)
        };
        *attributes = Attributes {
            stack_size,
            guard_size: block.guard_size,
            stack_end: stack + stack_size,
            detached: block.detach.load(core::sync::atomic::Ordering::Relaxed) as c_int & 1,
            ..Attributes::default()
        };
    }
    0
}

/// The first thread's stack, from its lowest mapped address to the page above the arguments.
fn first_stack() -> (usize, usize) {
    let local = 0u8;
    let inside = core::ptr::from_ref(&local) as usize;
    match libc_rt::memory::region(inside) {
        Ok(region) if region.address as usize <= inside => {
            (region.address as usize, region.length as usize)
        }
        _ => (inside & !4095, 4096),
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getattr_default_np(attributes: *mut Attributes) -> c_int {
    // SAFETY: the caller's.
    unsafe { pthread_attr_init(attributes) }
}

/// GNU: the default cannot be changed.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_setattr_default_np(_attributes: *const Attributes) -> c_int {
    Error::Unsupported as c_int
}
