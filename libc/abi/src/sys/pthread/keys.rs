//! Thread-specific values, and destructors of thread-local objects.
//!
//! SAFETY of the C functions here: keys are valid.

use crate::sys::heap::{free, malloc};
use crate::sys::support::Error;
use core::ffi::{c_int, c_void};
use libc_rt::Lock;
use libc_rt::thread::{self, KEYS};

type Destructor = unsafe extern "C" fn(*mut c_void);
const ITERATIONS: usize = 4;

#[derive(Clone, Copy)]
enum Key {
    Free,
    Used(Option<Destructor>),
}

static TABLE: Lock<[Key; KEYS]> = Lock::new([Key::Free; KEYS]);

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_create(
    key: *mut u32,
    destructor: Option<Destructor>,
) -> c_int {
    let mut table = TABLE.lock();
    match table.iter().position(|entry| matches!(entry, Key::Free)) {
        Some(index) => {
            table[index] = Key::Used(destructor);
            // SAFETY: the caller's; the value of a key that was deleted must not show.
            unsafe {
                (*thread::current()).values[index] = core::ptr::null_mut();
                *key = index as u32;
            }
            0
        }
        None => Error::WouldBlock as c_int,
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_key_delete(key: u32) -> c_int {
    match TABLE.lock().get_mut(key as usize) {
        Some(entry) => {
            *entry = Key::Free;
            0
        }
        None => Error::BadArgument as c_int,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_getspecific(key: u32) -> *mut c_void {
    // SAFETY: the current block lives.
    let values = unsafe { &(*thread::current()).values };
    values
        .get(key as usize)
        .copied()
        .unwrap_or(core::ptr::null_mut())
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_setspecific(key: u32, value: *mut c_void) -> c_int {
    // SAFETY: the current block lives.
    let block = unsafe { &mut *thread::current() };
    match block.values.get_mut(key as usize) {
        Some(place) => {
            *place = value;
            block.has_values = true;
            0
        }
        None => Error::BadArgument as c_int,
    }
}

/// A destructor of a thread-local object (C++ and Rust).
#[repr(C)]
struct Object {
    destructor: Destructor,
    object: *mut c_void,
    next: *mut Object,
}

/// The C++ ABI's registration of destructors of thread-local objects.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: Destructor,
    object: *mut c_void,
    _shared_object: *mut c_void,
) -> c_int {
    let entry: *mut Object = malloc(size_of::<Object>()).cast();
    if entry.is_null() {
        return -1;
    }
    // SAFETY: just allocated; the current block lives.
    unsafe {
        let block = &mut *thread::current();
        entry.write(Object {
            destructor,
            object,
            next: block.destructors.cast(),
        });
        block.destructors = entry.cast();
    }
    0
}

/// Runs the destructors of thread-local objects of the calling thread.
pub unsafe fn run_thread_destructors() {
    // SAFETY: entries are this module's; the current block lives.
    unsafe {
        let block = thread::current();
        while !(*block).destructors.is_null() {
            let entry = (*block).destructors.cast::<Object>();
            (*block).destructors = (*entry).next.cast();
            ((*entry).destructor)((*entry).object);
            free(entry.cast());
        }
    }
}

/// Runs the destructors of thread-specific values of the calling thread.
pub(super) unsafe fn run_key_destructors() {
    // SAFETY: the current block lives; destructors are the program's.
    unsafe {
        let block = thread::current();
        if !(*block).has_values {
            return;
        }
        for _ in 0..ITERATIONS {
            let mut any = false;
            for index in 0..KEYS {
                let value = core::mem::take(&mut (*block).values[index]);
                if value.is_null() {
                    continue;
                }
                // The lock is not held during the call.
                let entry = TABLE.lock()[index];
                if let Key::Used(Some(destructor)) = entry {
                    any = true;
                    destructor(value);
                }
            }
            if !any {
                break;
            }
        }
    }
}
