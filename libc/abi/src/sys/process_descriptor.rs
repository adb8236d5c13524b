//! Processes as descriptors: `pidfd` (Linux). The kernel's Process object tells its number and when it
//! has ended; whoever holds the descriptor may no more than that.

use super::support::{Error, Result, fail, int, status};
use core::ffi::c_int;
use kernel_abi::object::ObjectKind;
use kernel_abi::process::{ProcessInfo, process_state};
use libc_posix::{descriptor, process};
use libc_rt::kernel;
use libc_rt::signal::SignalInfo;

/// What the kernel tells of the process behind a descriptor; the label is its number.
fn information(fd: c_int) -> Result<ProcessInfo> {
    let handle = descriptor::handle(fd)?;
    if kernel::handle_info(handle)?.kind != ObjectKind::Process as u32 {
        return Err(Error::BadHandle);
    }
    Ok(kernel::process_info(handle)?)
}

/// The number of the process behind a descriptor.
pub(super) fn process_of(fd: c_int) -> Result<u64> {
    Ok(information(fd)?.label)
}

/// Linux: a descriptor, closed on exec, that is readable when the process has ended.
#[unsafe(no_mangle)]
pub extern "C" fn pidfd_open(number: c_int, flags: u32) -> c_int {
    if number <= 0 || flags != 0 {
        return fail(Error::BadArgument as c_int);
    }
    int(process::open(number as u64))
}

/// Linux: sends a signal to the process behind a descriptor, and never to another one that has got
/// its number meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pidfd_send_signal(
    fd: c_int,
    signal: c_int,
    information: *const SignalInfo,
    flags: u32,
) -> c_int {
    let send = || {
        let found = self::information(fd)?;
        if flags != 0 || !(0..=64).contains(&signal) {
            return Err(Error::BadArgument);
        }
        if found.state == process_state::TERMINATED {
            // A process that has ended takes signals until it has been waited for.
            return process::kill(found.label as i64, 0, 0, 0);
        }
        // SAFETY: the caller's.
        let (code, value) = match unsafe { information.as_ref() } {
            Some(information) if information.si_signo != signal => return Err(Error::BadArgument),
            Some(information) => (information.si_code.into(), information.fields[1]),
            None => (0, 0),
        };
        process::kill(found.label as i64, signal as u32, code, value)
    };
    status(send())
}

/// Linux: the number of the process behind a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn pidfd_getpid(fd: c_int) -> c_int {
    int(process_of(fd).map(|number| number as c_int))
}
