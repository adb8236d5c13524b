//! Scheduling: `<sched.h>`, affinity, priorities of threads.
//!
//! SAFETY of the C functions here: structures are valid.

use super::support::{Error, bytes_mut, fail, int, number, status};
use core::ffi::{c_int, c_void};
use kernel_abi::process::{priority, thread_property};
use libc_rt::kernel;
use libc_rt::thread::{self, Thread};

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sched_yield() -> c_int {
    status(kernel::thread_yield().map_err(Error::from))
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn sched_getcpu() -> c_int {
    int(kernel::processor_number()
        .map_err(Error::from)
        .map(|cpu| cpu as i32))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sched_get_priority_max(policy: c_int) -> c_int {
    match policy {
        0 | 3 | 5 => 0,
        1 | 2 => 99,
        _ => fail(Error::BadArgument as c_int),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sched_get_priority_min(policy: c_int) -> c_int {
    match policy {
        0 | 3 | 5 => 0,
        1 | 2 => 1,
        _ => fail(Error::BadArgument as c_int),
    }
}

fn is_self(id: c_int) -> bool {
    id == 0 || id as u64 == libc_rt::identity::process() || id == super::pthread::gettid()
}

/// Policy and level as the kernel has them.
pub(super) fn encode(policy: c_int, level: c_int) -> Result<u64, Error> {
    match (policy, level) {
        (0 | 3 | 5, 0) => Ok(priority::NORMAL),
        (1, 1..=99) => Ok(priority::FIFO | level as u64),
        (2, 1..=99) => Ok(priority::ROUND_ROBIN | level as u64),
        _ => Err(Error::BadArgument),
    }
}

fn decode(word: u64) -> (c_int, c_int) {
    let level = (word & 0xff) as c_int;
    match word & !0xff {
        priority::FIFO => (1, level),
        priority::ROUND_ROBIN => (2, level),
        _ => (0, 0),
    }
}

fn get(thread: u64) -> Result<(c_int, c_int), Error> {
    Ok(decode(kernel::thread_get(
        thread,
        thread_property::PRIORITY,
    )?))
}

fn set(thread: u64, policy: c_int, level: c_int) -> Result<(), Error> {
    let word = encode(policy, level)?;
    match kernel::thread_set(thread, thread_property::PRIORITY, word) {
        Err(kernel_abi::Error::AccessDenied) => Err(Error::NotPermitted),
        result => Ok(result?),
    }
}

/// Policy and level of a process's first thread, or of the calling thread.
fn get_of(id: c_int) -> Result<(c_int, c_int), Error> {
    match id {
        ..0 => Err(Error::BadArgument),
        id if is_self(id) => get(0),
        id => Ok(decode(libc_posix::process::scheduling(id as u64)?)),
    }
}

/// Sets them of a process's threads, or of the calling thread.
fn set_of(id: c_int, policy: c_int, level: c_int) -> Result<(), Error> {
    match id {
        ..0 => Err(Error::BadArgument),
        id if is_self(id) => set(0, policy, level),
        id => libc_posix::process::set_scheduling(id as u64, encode(policy, level)?),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sched_getscheduler(id: c_int) -> c_int {
    int(get_of(id).map(|(policy, _)| policy))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_setscheduler(
    id: c_int,
    policy: c_int,
    level: *const c_int,
) -> c_int {
    // SAFETY: the caller's; `struct sched_param` begins with the priority.
    status(set_of(id, policy, unsafe { *level }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getparam(id: c_int, level: *mut c_int) -> c_int {
    // SAFETY: as above.
    status(get_of(id).map(|(_, now)| unsafe { *level = now }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_setparam(id: c_int, level: *const c_int) -> c_int {
    // SAFETY: as above.
    status(get_of(id).and_then(|(policy, _)| set_of(id, policy, unsafe { *level })))
}

/// POSIX: all processes have the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_rr_get_interval(
    id: c_int,
    out: *mut super::support::Timespec,
) -> c_int {
    const INTERVAL_NS: u64 = 10_000_000;
    let interval = super::support::Timespec::from_ns(INTERVAL_NS);
    // SAFETY: the caller's.
    let Some(out) = (unsafe { out.as_mut() }) else {
        return fail(Error::BadAddress as c_int);
    };
    status(get_of(id).map(|_| *out = interval))
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getschedparam(
    target: *mut Thread,
    policy: *mut c_int,
    level: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        number(get(thread::number(target)).map(|(now, level_now)| {
            *policy = now;
            *level = level_now;
        }))
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setschedparam(
    target: *mut Thread,
    policy: c_int,
    level: *const c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { number(set(thread::number(target), policy, *level)) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setschedprio(target: *mut Thread, level: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let own = thread::number(target);
        number(get(own).and_then(|(policy, _)| set(own, policy, level)))
    }
}

unsafe fn get_affinity(own: u64, size: usize, set: *mut c_void) -> Result<usize, Error> {
    let all = u64::MAX >> (64 - super::system::processors().min(64));
    let word = kernel::thread_get(own, thread_property::AFFINITY)? & all;
    if size < 8 {
        return Err(Error::BadArgument);
    }
    // SAFETY: the caller's.
    let set = unsafe { bytes_mut(set, size) };
    set.fill(0);
    set[..8].copy_from_slice(&word.to_le_bytes());
    Ok(8)
}

unsafe fn set_affinity(own: u64, size: usize, set: *const c_void) -> Result<(), Error> {
    let mut word = [0; 8];
    let length = size.min(8);
    // SAFETY: the caller's.
    word[..length].copy_from_slice(unsafe { super::support::bytes(set, length) });
    match u64::from_le_bytes(word) {
        0 => Err(Error::BadArgument),
        word => Ok(kernel::thread_set(own, thread_property::AFFINITY, word)?),
    }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getaffinity(id: c_int, size: usize, set: *mut c_void) -> c_int {
    if !is_self(id) {
        return fail(Error::NoProcess as c_int);
    }
    // SAFETY: the caller's.
    status(unsafe { get_affinity(0, size, set) }.map(|_| ()))
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_setaffinity(id: c_int, size: usize, set: *const c_void) -> c_int {
    if !is_self(id) {
        return fail(Error::NoProcess as c_int);
    }
    // SAFETY: the caller's.
    status(unsafe { set_affinity(0, size, set) })
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getaffinity_np(
    target: *mut Thread,
    size: usize,
    set: *mut c_void,
) -> c_int {
    // SAFETY: the caller's.
    number(unsafe { get_affinity(thread::number(target), size, set) }.map(|_| ()))
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setaffinity_np(
    target: *mut Thread,
    size: usize,
    set: *const c_void,
) -> c_int {
    // SAFETY: the caller's.
    number(unsafe { set_affinity(thread::number(target), size, set) })
}

/// What the `CPU_COUNT` macro calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sched_cpucount(size: usize, set: *const c_void) -> c_int {
    // SAFETY: the caller's.
    let set = unsafe { super::support::bytes(set, size) };
    set.iter().map(|byte| byte.count_ones()).sum::<u32>() as c_int
}

/// Linux: separate views are not offered.
#[unsafe(no_mangle)]
pub extern "C" fn unshare(flags: c_int) -> c_int {
    if flags == 0 {
        0
    } else {
        fail(Error::NotPermitted as c_int)
    }
}

/// Linux: separate views are not offered.
#[unsafe(no_mangle)]
pub extern "C" fn setns(_fd: c_int, _kind: c_int) -> c_int {
    fail(Error::BadArgument as c_int)
}

/// Linux: threads are made by `pthread_create`, processes by `fork`.
#[unsafe(no_mangle)]
pub extern "C" fn clone() -> c_int {
    fail(Error::Unsupported as c_int)
}
