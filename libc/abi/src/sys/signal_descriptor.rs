//! Signals read from a descriptor: `signalfd` (Linux). The descriptor shows whether signals of a set
//! are pending in the process that made it; reading takes them as `sigtimedwait` does.

use super::event_descriptors::as_descriptor;
use super::signal::{INTERNAL, SignalSet, take as signal_take};
use super::support::{Error, Result, fail, int};
use core::ffi::c_int;
use kernel_abi::Handle;
use kernel_abi::message::status_flags;
use kernel_abi::object::ObjectKind;
use kernel_abi::wait::{FOREVER, NOW, event_kind};
use libc_posix::descriptor;
use libc_rt::kernel;
use libc_rt::signal::{SignalInfo, told};

/// Bytes of a `struct signalfd_siginfo`.
const RECORD: usize = 128;
/// Signals that are never read: SIGKILL and SIGSTOP.
const NEVER: u64 = 1 << 8 | 1 << 18;

/// Linux: makes a descriptor for a set, or with `fd` gives one another set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int {
    const NONBLOCK: c_int = 0o4000;
    const CLOEXEC: c_int = 0o2000000;
    if flags & !(NONBLOCK | CLOEXEC) != 0 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    let Some(set) = (unsafe { set.as_ref() }) else {
        return fail(Error::BadAddress as c_int);
    };
    let set = set[0] & !INTERNAL & !NEVER;
    if fd == -1 {
        let made = kernel::event_create_counter(event_kind::UPCALLS, set);
        return int(as_descriptor(made, flags));
    }
    int(set_of(fd, Some(set)).map(|_| fd))
}

/// The set of a descriptor of signals, replaced if there is a new one.
fn set_of(fd: c_int, new: Option<u64>) -> Result<u64> {
    let handle = descriptor::handle(fd)?;
    kernel::event_upcalls(handle, new).map_err(|error| match error {
        kernel_abi::Error::WrongKind => Error::BadArgument,
        other => other.into(),
    })
}

/// Takes a pending signal of a set.
fn take(set: u64, deadline_ns: u64) -> Result<SignalInfo> {
    match signal_take(set, deadline_ns) {
        Ok((number, words)) => Ok(told(number, words)),
        Err(Error::TimedOut) => Err(Error::WouldBlock),
        Err(error) => Err(error),
    }
}

/// Fills in a `struct signalfd_siginfo`.
fn encode(information: &SignalInfo) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    // The union begins with the sender (two halves); a value or status follows.
    let [sender, value, ..] = information.fields;
    put(0, &information.si_signo.to_le_bytes());
    put(4, &information.si_errno.to_le_bytes());
    put(8, &information.si_code.to_le_bytes());
    put(12, &sender.to_le_bytes());
    put(40, &(value as u32).to_le_bytes());
    put(44, &(value as u32).to_le_bytes());
    put(48, &value.to_le_bytes());
    record
}

/// Reads from a descriptor whose kernel object refused a plain read: signals, if it is one of
/// theirs.
pub(super) fn read(fd: c_int, bytes: &mut [u8]) -> Result<usize> {
    let handle: Handle = descriptor::handle(fd)?;
    let information = kernel::handle_info(handle)?;
    if information.kind != ObjectKind::Event as u32 {
        return Err(Error::BadArgument);
    }
    let set = set_of(fd, None)?;
    if bytes.len() < RECORD {
        return Err(Error::BadArgument);
    }
    let waits = information.status & status_flags::NONBLOCK == 0;
    let mut deadline_ns = if waits { FOREVER } else { NOW };
    let mut done = 0;
    for place in bytes.chunks_exact_mut(RECORD) {
        match take(set, deadline_ns) {
            Ok(found) => place.copy_from_slice(&encode(&found)),
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        done += RECORD;
        deadline_ns = NOW;
    }
    Ok(done)
}
