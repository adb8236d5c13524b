//! Processes: making, replacing, waiting, signals, ids, limits.

use crate::names::Base;
use crate::{Error, Result};
use kernel_abi::Handle;
use kernel_abi::process::RAISE_UNLESS_DEFAULT;
use libc_rt::{Session, kernel};
use proto::process;
use proto::types::{Plain, WaitStatus, open_flags};

const SERVER: Session = Session::PROCESS;

/// Clones the process: the child's id in the parent, 0 in the child.
pub fn fork() -> Result<u64> {
    let child = process::fork(&SERVER, &[])?.words[0];
    if child == 0 {
        libc_rt::thread::after_fork();
    }
    Ok(child)
}

/// Opens a file for [`execute`].
pub fn open_program(directory: Base, path: &[u8], no_follow: bool) -> Result<Handle> {
    let mut flags = open_flags::PATH | open_flags::ACCESS_MODE;
    if no_follow {
        flags |= open_flags::NO_FOLLOW;
    }
    crate::names::open_high(directory, path, flags)
}

/// Replaces the program; returns only when that failed. Arguments and environment are NUL-ended
/// strings one after the other.
pub fn execute(program: Handle, path: &[u8], arguments: &[u8], environment: &[u8]) -> Error {
    match process::execute(&SERVER, 0, path, arguments, environment, &[program]) {
        Ok(_) => Error::BadMessage,
        Err(error) => error,
    }
}

/// Makes a child that begins with a program: its id. `actions` are the bytes of
/// `proto::process::spawn`.
pub fn spawn(
    program: Handle,
    flags: u32,
    [path, arguments, environment]: [&[u8]; 3],
    actions: &[u8],
) -> Result<u64> {
    let file = [program];
    process::spawn(&SERVER, flags, path, arguments, environment, actions, &file)
        .map(|answer| answer.words[0])
}

/// `waitid`: `None` when nothing is to be told (`WNOHANG`).
pub fn wait(which: u32, id: u64, options: u32) -> Result<Option<WaitStatus>> {
    let mut bytes = [0; WaitStatus::SIZE];
    let answer = process::wait(&SERVER, which, id, options, &mut bytes, &[])?;
    if answer.words[0] == 0 {
        return Ok(None);
    }
    WaitStatus::decode(&bytes)
        .map(Some)
        .ok_or(Error::BadMessage)
}

/// The priority (`kernel_abi::process::priority`) of a process's first thread.
pub fn scheduling(process: u64) -> Result<u64> {
    Ok(process::scheduling(&SERVER, process, 0, 0, &[])?.words[0])
}

/// Sets that of all threads of a process. One of the fair class goes by the process's nice value.
pub fn set_scheduling(process: u64, priority: u64) -> Result<()> {
    process::scheduling(&SERVER, process, 1, priority, &[]).map(|_| ())
}

/// `pidfd_open`: a descriptor, closed on exec, of a process's kernel object.
pub fn open(process: u64) -> Result<i32> {
    let from = SERVER.giving_descriptors(true);
    let answer = proto::process_handle::open(&from, process, &[])?;
    Ok(answer.handles[0].0 as i32)
}

/// The status word of `<sys/wait.h>`.
pub fn status_word(status: &WaitStatus) -> i32 {
    let value = status.status as i32;
    match status.code {
        1 => (value & 0xff) << 8,
        2 => value & 0x7f,
        3 => value & 0x7f | 0x80,
        5 => (value & 0xff) << 8 | 0x7f,
        _ => 0xffff,
    }
}

/// Signals that the process server has to see: those that stop a process or let it go on.
const OF_JOB_CONTROL: u64 = 1 << 8 | 0b1111 << 17 | 1 << 21;
/// Signals whose default is to do nothing.
const IGNORED_BY_DEFAULT: u64 = 1 << 16 | 1 << 22 | 1 << 27;

/// Raises a signal in the process itself (thread 0: in any of its threads).
pub fn raise(thread: u64, signal: u32, code: i32, value: u64) -> Result<()> {
    let upcall = u64::from(signal - 1);
    let flag = match IGNORED_BY_DEFAULT >> upcall & 1 {
        0 => 0,
        _ => RAISE_UNLESS_DEFAULT,
    };
    let [value, first, second] = libc_rt::signal::own_words(code, value);
    kernel::upcall_raise(Handle::SELF, thread, upcall | flag, value, first, second)?;
    Ok(())
}

/// `kill`; `code` is `si_code` (0 = `SI_USER`, -1 = `SI_QUEUE`).
pub fn kill(target: i64, signal: u32, code: i64, value: u64) -> Result<()> {
    let own = target == libc_rt::identity::process() as i64;
    if own && (1..=64).contains(&signal) && OF_JOB_CONTROL >> (signal - 1) & 1 == 0 {
        return raise(0, signal, code as i32, value);
    }
    process::kill(&SERVER, target, signal, code, value, &[]).map(|_| ())
}

/// Sets ids; see `proto::process::set_ids` for `kind`.
pub fn set_ids(kind: u32, ids: [u32; 3]) -> Result<()> {
    process::set_ids(&SERVER, kind, ids[0], ids[1], ids[2], &[]).map(|_| ())
}

/// `setgroups`: the ids as little-endian words.
pub fn set_groups(groups: &[u8]) -> Result<()> {
    process::set_groups(&SERVER, groups, &[]).map(|_| ())
}

/// `setpgid`.
pub fn set_group(process_id: u64, group: u64) -> Result<()> {
    process::set_group(&SERVER, process_id, group, &[]).map(|_| ())
}

/// `setsid`.
pub fn new_session() -> Result<u64> {
    process::new_session(&SERVER, &[]).map(|answer| answer.words[0])
}

/// Group and session of a process (0 = the caller).
pub fn group_of(process_id: u64) -> Result<(u64, u64)> {
    process::group(&SERVER, process_id, &[]).map(|answer| (answer.words[0], answer.words[1]))
}

/// `umask`: the old one.
pub fn set_umask(mask: u32) -> Result<u32> {
    process::set_umask(&SERVER, mask & 0o777, &[]).map(|answer| answer.words[0] as u32)
}

/// `prlimit`: the limit before.
pub fn limit(process_id: u64, resource: u32, new: Option<[u64; 2]>) -> Result<[u64; 2]> {
    let (mut input, mut output) = ([0; 16], [0; 16]);
    if let Some([current, maximum]) = new {
        input[..8].copy_from_slice(&current.to_le_bytes());
        input[8..].copy_from_slice(&maximum.to_le_bytes());
    }
    let set = new.is_some() as u32;
    process::limit(&SERVER, process_id, resource, set, &input, &mut output, &[])?;
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&output[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    Ok([word(0), word(8)])
}

/// Resources used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode.
    pub user_ns: u64,
    /// CPU time in the kernel.
    pub kernel_ns: u64,
    /// Page faults without input.
    pub minor_faults: u64,
    /// Page faults with input.
    pub major_faults: u64,
}

/// `getrusage`: of the process, or of its waited-for children.
pub fn usage(children: bool) -> Result<Usage> {
    let words = process::usage(&SERVER, children as u32, &[])?.words;
    Ok(Usage {
        user_ns: words[0],
        kernel_ns: words[1],
        minor_faults: words[2],
        major_faults: words[3],
    })
}

/// CPU time of another process, in nanoseconds.
pub fn processor_time(process_id: u64) -> Result<u64> {
    process::processor_time(&SERVER, process_id, &[]).map(|answer| answer.words[0])
}

/// `getpriority` and `setpriority`, as nice + 20.
pub fn priority(which: u32, who: u64, new: Option<u32>) -> Result<u32> {
    let set = new.is_some() as u32;
    process::priority(&SERVER, which, who, set, new.unwrap_or(0), &[])
        .map(|answer| answer.words[0] as u32)
}

/// Reads (empty `new`) or sets the host name: bytes written.
pub fn host_name(new: &[u8], name: &mut [u8]) -> Result<usize> {
    process::host_name(&SERVER, new, name, &[]).map(|answer| answer.words[0] as usize)
}

/// `PR_SET_CHILD_SUBREAPER`.
pub fn set_reaper(on: bool) -> Result<()> {
    process::set_reaper(&SERVER, on as u32, &[]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_are_those_of_the_macros() {
        let word = |code, status| {
            status_word(&WaitStatus {
                code,
                status,
                ..WaitStatus::default()
            })
        };
        assert_eq!(word(1, 3), 0x300);
        assert_eq!(word(2, 9), 9);
        assert_eq!(word(3, 11), 0x8b);
        assert_eq!(word(5, 19), 0x137f);
        assert_eq!(word(6, 18), 0xffff);
    }
}
