//! C11 threads (7.26), over the POSIX ones.
//!
//! SAFETY of the C functions here: objects were initialised.

use super::condition::{
    Condition, pthread_cond_broadcast, pthread_cond_init, pthread_cond_signal,
    pthread_cond_timedwait, pthread_cond_wait,
};
use super::mutex::{
    Mutex, pthread_mutex_lock, pthread_mutex_timedlock, pthread_mutex_trylock, pthread_mutex_unlock,
};
use super::{
    pthread_create, pthread_exit, pthread_getspecific, pthread_join, pthread_key_create,
    pthread_key_delete, pthread_once, pthread_setspecific,
};
use crate::sys::support::{Error, Timespec};
use core::ffi::{c_int, c_void};
use libc_rt::thread::Thread;

const SUCCESS: c_int = 0;
const BUSY: c_int = 1;
const ERROR: c_int = 2;
const NO_MEMORY: c_int = 3;
const TIMED_OUT: c_int = 4;

fn result(number: c_int) -> c_int {
    match number {
        0 => SUCCESS,
        busy if busy == Error::Busy as c_int => BUSY,
        memory if memory == Error::NoMemory as c_int || memory == Error::WouldBlock as c_int => {
            NO_MEMORY
        }
        late if late == Error::TimedOut as c_int => TIMED_OUT,
        _ => ERROR,
    }
}

type Start = unsafe extern "C" fn(*mut c_void) -> c_int;

/// C 7.26.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thrd_create(
    out: *mut *mut Thread,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller's. An `int` result stands in the low half of the register that a
    // pointer result stands in, so one type of routine serves for both.
    unsafe {
        let routine =
            core::mem::transmute::<Start, unsafe extern "C" fn(*mut c_void) -> *mut c_void>(start);
        result(pthread_create(out, core::ptr::null(), routine, argument))
    }
}

/// C 7.26.5.5.
#[unsafe(no_mangle)]
pub extern "C" fn thrd_exit(value: c_int) -> ! {
    pthread_exit(value as isize as *mut c_void)
}

/// C 7.26.5.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thrd_join(thread: *mut Thread, out: *mut c_int) -> c_int {
    let mut value = core::ptr::null_mut();
    // SAFETY: the caller's.
    unsafe {
        let joined = pthread_join(thread, &mut value);
        if let Some(out) = out.as_mut() {
            *out = value as isize as c_int;
        }
        result(joined)
    }
}

/// C 7.26.5.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thrd_detach(thread: *mut Thread) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { super::pthread_detach(thread) })
}

/// C 7.26.5.2.
#[unsafe(no_mangle)]
pub extern "C" fn thrd_current() -> *mut Thread {
    super::pthread_self()
}

/// C 7.26.5.4.
#[unsafe(no_mangle)]
pub extern "C" fn thrd_equal(first: *mut Thread, second: *mut Thread) -> c_int {
    (first == second) as c_int
}

/// C 7.26.5.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thrd_sleep(wanted: *const Timespec, rest: *mut Timespec) -> c_int {
    // SAFETY: the caller's.
    match unsafe { crate::sys::clock::clock_nanosleep(0, 0, wanted, rest) } {
        0 => 0,
        interrupted if interrupted == Error::Interrupted as c_int => -1,
        _ => -2,
    }
}

/// C 7.26.5.8.
#[unsafe(no_mangle)]
pub extern "C" fn thrd_yield() {
    // C gives it no way to fail.
    let _ = libc_rt::kernel::thread_yield();
}

/// C 7.26.2.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call_once(control: *mut c_int, routine: unsafe extern "C" fn()) {
    // SAFETY: the caller's.
    unsafe { pthread_once(control, routine) };
}

/// C 7.26.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mtx_init(mutex: *mut Mutex, kind: c_int) -> c_int {
    // C's recursive bit is POSIX's kind of that name.
    let attributes = kind as u32 & 1;
    // SAFETY: the caller's.
    result(unsafe { super::pthread_mutex_init(mutex, &attributes) })
}

/// C 7.26.4.1.
#[unsafe(no_mangle)]
pub extern "C" fn mtx_destroy(_mutex: *mut Mutex) {}

/// C 7.26.4.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mtx_lock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_mutex_lock(mutex) })
}

/// C 7.26.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mtx_timedlock(mutex: *mut Mutex, at: *const Timespec) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_mutex_timedlock(mutex, at) })
}

/// C 7.26.4.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mtx_trylock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_mutex_trylock(mutex) })
}

/// C 7.26.4.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mtx_unlock(mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_mutex_unlock(mutex) })
}

/// C 7.26.3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_init(condition: *mut Condition) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_cond_init(condition, core::ptr::null()) })
}

/// C 7.26.3.2.
#[unsafe(no_mangle)]
pub extern "C" fn cnd_destroy(_condition: *mut Condition) {}

/// C 7.26.3.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_signal(condition: *mut Condition) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_cond_signal(condition) })
}

/// C 7.26.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_broadcast(condition: *mut Condition) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_cond_broadcast(condition) })
}

/// C 7.26.3.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_wait(condition: *mut Condition, mutex: *mut Mutex) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_cond_wait(condition, mutex) })
}

/// C 7.26.3.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_timedwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    at: *const Timespec,
) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_cond_timedwait(condition, mutex, at) })
}

/// C 7.26.6.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tss_create(
    key: *mut u32,
    destructor: Option<unsafe extern "C" fn(*mut c_void)>,
) -> c_int {
    // SAFETY: the caller's.
    result(unsafe { pthread_key_create(key, destructor) })
}

/// C 7.26.6.2.
#[unsafe(no_mangle)]
pub extern "C" fn tss_delete(key: u32) {
    pthread_key_delete(key);
}

/// C 7.26.6.3.
#[unsafe(no_mangle)]
pub extern "C" fn tss_get(key: u32) -> *mut c_void {
    pthread_getspecific(key)
}

/// C 7.26.6.4.
#[unsafe(no_mangle)]
pub extern "C" fn tss_set(key: u32, value: *mut c_void) -> c_int {
    result(pthread_setspecific(key, value))
}
