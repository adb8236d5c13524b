//! `syscall()`, and programs that execute Linux's instruction themselves.
//!
//! What Rust's standard library asks for directly is served here; the whole table stands in
//! `linux_calls`, and is linked only where it was asked for (see `libc_rt::signal`).

use super::support::{Error, Timespec, nanoseconds, set_errno};
use core::ffi::c_long;
use libc_posix::clock;
use libc_rt::futex::{self, Deadline};

const SYS_FUTEX: u64 = 202;
const SYS_GETTID: u64 = 186;
const SYS_GETRANDOM: u64 = 318;

/// Linux's futex operations, those that user-space locks use. Negated error numbers.
pub(super) unsafe fn futex_call(arguments: &[u64; 6]) -> i64 {
    const WAIT: u64 = 0;
    const WAKE: u64 = 1;
    const WAIT_BITSET: u64 = 9;
    const WAKE_BITSET: u64 = 10;
    const CLOCK_REALTIME: u64 = 256;
    const OPERATION: u64 = 0x7f;
    let address = arguments[0] as *const u32;
    let operation = arguments[1] & OPERATION;
    match operation {
        WAKE | WAKE_BITSET => {
            futex::wake_at(address, arguments[2].min(u32::MAX as u64) as u32) as i64
        }
        WAIT | WAIT_BITSET => {
            // SAFETY: the caller's.
            let timeout = unsafe { (arguments[3] as *const Timespec).as_ref() };
            let deadline = timeout.map(nanoseconds).transpose().map(|time| match time {
                None => Deadline::NEVER,
                // A plain wait counts from now; one with a bit set is told a time.
                Some(wait_ns) if operation == WAIT => {
                    Deadline::monotonic(clock::deadline_after(wait_ns))
                }
                Some(at) if arguments[1] & CLOCK_REALTIME != 0 => Deadline::realtime(at),
                Some(at) => Deadline::monotonic(at),
            });
            let result = deadline.and_then(|deadline| {
                // SAFETY: the kernel checks the address.
                unsafe { futex::wait_at(address, arguments[2] as u32, deadline) }
                    .map_err(Error::from)
            });
            match result {
                Ok(()) => 0,
                Err(error) => -(error as i64),
            }
        }
        _ => -(Error::Unsupported as i64),
    }
}

/// Linux: a system call by its number on Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(number: c_long, mut rest: ...) -> c_long {
    let mut arguments = [0u64; 6];
    for argument in &mut arguments {
        // SAFETY: missing arguments are read from the caller's frame and not used.
        *argument = unsafe { rest.arg::<u64>() };
    }
    // SAFETY: the caller's.
    let result = unsafe {
        match number as u64 {
            SYS_FUTEX => futex_call(&arguments),
            SYS_GETTID => super::pthread::gettid() as i64,
            SYS_GETRANDOM => {
                let got = super::system::getrandom(
                    arguments[0] as *mut _,
                    arguments[1] as usize,
                    arguments[2] as u32,
                );
                return got as c_long;
            }
            other => libc_rt::signal::foreign_call(other, &arguments)
                .unwrap_or(-(Error::Unsupported as i64)),
        }
    };
    if (-4095..0).contains(&result) {
        set_errno(-result as i32);
        return -1;
    }
    result
}
