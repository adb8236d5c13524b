//! Processes as text, in the formats of Linux's `/proc/PID` that `ps` and `top` read.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use kernel_abi::PAGE_SIZE;
use kernel_abi::memory::protection;
use kernel_abi::process::{ProcessInfo, ThreadInfo, priority, thread_state};
use proto::Error;

use crate::kernel::Kernel;
use crate::limits;
use crate::process::{Process, State};
use crate::signal::{STATUS_CORE, STATUS_KILLED};
use crate::stack::ARGUMENTS_MAX;

const NS_PER_TICK: u64 = 10_000_000;
/// Signals that fit into the numbers of `stat`.
const LOW_SIGNALS: u64 = (1 << 31) - 1;
/// Most mappings listed.
const MAX_MAPPINGS: usize = 4096;

/// The text for `what` of `process::describe`; of one thread with its id, if one is given.
pub fn describe(
    kernel: &impl Kernel,
    process: &Process,
    thread: Option<(u64, &ThreadInfo)>,
    what: u32,
) -> Result<Vec<u8>, Error> {
    match what {
        0 => Ok(stat(&View::of(kernel, process, thread)).into_bytes()),
        1 => Ok(status(&View::of(kernel, process, thread)).into_bytes()),
        2 => Ok(process.command_line.clone()),
        3 => Ok(maps(kernel, process).into_bytes()),
        4 => Ok([&process.name[..], b"\n"].concat()),
        5 => Ok(first_stack(
            kernel,
            process,
            process.first_stack.environment,
        )),
        6 => Ok(statm(&information(kernel, process)).into_bytes()),
        7 => Ok(limits(process).into_bytes()),
        8 => Ok(waits_in(&View::of(kernel, process, thread).thread).into()),
        9 => Ok(first_stack(kernel, process, process.first_stack.auxiliary)),
        _ => Err(Error::BadArgument),
    }
}

/// A process, or one thread of it, as it is now.
struct View<'a> {
    process: &'a Process,
    information: ProcessInfo,
    /// The thread asked for, or the first one.
    thread: ThreadInfo,
    /// Id of the process, or of the thread asked for.
    id: u64,
}

impl<'a> View<'a> {
    fn of(
        kernel: &impl Kernel,
        process: &'a Process,
        thread: Option<(u64, &ThreadInfo)>,
    ) -> View<'a> {
        let mut information = information(kernel, process);
        if let Some((id, thread)) = thread {
            (information.user_ns, information.kernel_ns) = (thread.user_ns, thread.kernel_ns);
            return View {
                process,
                information,
                thread: *thread,
                id,
            };
        }
        let first = match process.is_zombie() {
            true => None,
            false => kernel.thread(process.handle, 0),
        };
        View {
            process,
            information,
            thread: first.unwrap_or_default(),
            id: process.id(),
        }
    }

    /// The state's letter and word.
    fn state(&self) -> (char, &'static str) {
        match (self.process.state, self.thread.state) {
            (State::Zombie { .. }, _) => ('Z', "zombie"),
            (State::Stopped { .. }, _) => ('T', "stopped"),
            (State::Running, thread_state::RUNNING) => ('R', "running"),
            (State::Running, thread_state::WAIT_PAGE) => ('D', "disk sleep"),
            (State::Running, _) => ('S', "sleeping"),
        }
    }

    /// Priority as Linux tells it, real-time priority and policy.
    fn scheduling(&self) -> (i64, u64, u64) {
        let (class, level) = (self.thread.priority & !0xff, self.thread.priority & 0xff);
        match class {
            priority::FIFO => (-1 - level as i64, level, 1),
            priority::ROUND_ROBIN => (-1 - level as i64, level, 2),
            _ => (i64::from(self.process.nice_plus_20), 0, 0),
        }
    }
}

fn information(kernel: &impl Kernel, process: &Process) -> ProcessInfo {
    match process.is_zombie() {
        true => ProcessInfo {
            user_ns: process.usage.user_ns,
            kernel_ns: process.usage.kernel_ns,
            minor_faults: process.usage.minor_faults,
            major_faults: process.usage.major_faults,
            threads: 1,
            ..Default::default()
        },
        false => kernel.information(process.handle),
    }
}

fn name(process: &Process) -> String {
    String::from_utf8_lossy(&process.name).into_owned()
}

/// What a thread waits for, or `0`.
fn waits_in(thread: &ThreadInfo) -> &'static str {
    match thread.state {
        thread_state::WAIT_SIGNALS => "wait_signals",
        thread_state::WAIT_FUTEX => "wait_futex",
        thread_state::WAIT_TIME => "wait_time",
        thread_state::WAIT_REPLY => "wait_reply",
        thread_state::WAIT_MESSAGE => "wait_message",
        thread_state::WAIT_PAGE => "wait_page",
        thread_state::WAIT_UPCALL => "wait_signal",
        _ => "0",
    }
}

fn stat(view: &View<'_>) -> String {
    let (process, information) = (view.process, &view.information);
    let identity = &process.identity;
    let children = &process.children_usage;
    let nice = i64::from(process.nice_plus_20) - 20;
    let (level, real_time, policy) = view.scheduling();
    let exit_code = match process.state {
        State::Zombie { status } => wait_status(status),
        _ => 0,
    };
    format!(
        "{} ({}) {} {} {} {} {} -1 0 {} {} {} {} {} {} {} {} {level} {nice} {} 0 {} {} {} {} \
         0 0 {} 0 0 {} {} {} {} {} 0 0 17 {} {real_time} {policy} 0 0 0 0 0 0 0 0 {} {} {exit_code}\n",
        view.id,
        name(process),
        view.state().0,
        identity.parent,
        identity.group,
        identity.session,
        identity.terminal,
        information.minor_faults,
        children.minor_faults,
        information.major_faults,
        children.major_faults,
        information.user_ns / NS_PER_TICK,
        information.kernel_ns / NS_PER_TICK,
        children.user_ns / NS_PER_TICK,
        children.kernel_ns / NS_PER_TICK,
        information.threads,
        process.start_ns / NS_PER_TICK,
        information.mapped_bytes,
        information.resident_bytes / PAGE_SIZE,
        limits::INFINITY,
        process.first_stack.auxiliary.0,
        LOW_SIGNALS & (information.pending | view.thread.pending),
        LOW_SIGNALS & view.thread.mask,
        LOW_SIGNALS & information.ignored,
        LOW_SIGNALS & information.caught,
        u8::from(waits_in(&view.thread) != "0"),
        view.thread.processor,
        process.first_stack.environment.0,
        process.first_stack.environment.0 + process.first_stack.environment.1,
    )
}

/// A status word as `wait` gives it.
fn wait_status(status: u64) -> u64 {
    match status & STATUS_KILLED {
        0 => (status & 0xff) << 8,
        _ if status & STATUS_CORE != 0 => (status & 0x7f) | 0x80,
        _ => status & 0x7f,
    }
}

fn status(view: &View<'_>) -> String {
    let (process, information) = (view.process, &view.information);
    let identity = &process.identity;
    let credentials = &identity.credentials;
    let (letter, word) = view.state();
    let (user, group) = (credentials.user, credentials.group);
    let mut text = format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\t{letter} ({word})\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\n\
         TracerPid:\t0\nUid:\t{}\t{user}\t{}\t{user}\nGid:\t{}\t{group}\t{}\t{group}\nGroups:\t",
        name(process),
        credentials.umask,
        identity.process,
        view.id,
        identity.parent,
        identity.real_user,
        identity.saved_user,
        identity.real_group,
        identity.saved_group,
    );
    let count = (credentials.group_count as usize).min(credentials.groups.len());
    for group in &credentials.groups[..count] {
        text.push_str(&format!("{group} "));
    }
    text.push_str(&format!(
        "\nNSpid:\t{}\nVmSize:\t{} kB\nVmRSS:\t{} kB\nThreads:\t{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\n\
         SigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\nCpus_allowed:\t{:x}\n",
        view.id,
        information.mapped_bytes >> 10,
        information.resident_bytes >> 10,
        information.threads,
        view.thread.pending,
        information.pending,
        view.thread.mask,
        information.ignored,
        information.caught,
        view.thread.affinity,
    ));
    text
}

/// A part of the stack that the program started with, as it is now.
fn first_stack(kernel: &impl Kernel, process: &Process, place: (u64, u64)) -> Vec<u8> {
    let (address, length) = place;
    if process.is_zombie() {
        return Vec::new();
    }
    let length = usize::try_from(length).unwrap_or(0).min(ARGUMENTS_MAX);
    let mut bytes = alloc::vec![0; length];
    let count = kernel.read_memory(process.handle, address, &mut bytes);
    bytes.truncate(count);
    bytes
}

fn statm(information: &ProcessInfo) -> String {
    let pages = |bytes: u64| bytes / PAGE_SIZE;
    format!(
        "{} {} 0 0 0 {} 0\n",
        pages(information.mapped_bytes),
        pages(information.resident_bytes),
        pages(information.resident_bytes),
    )
}

fn limits(process: &Process) -> String {
    /// Names and units, in the order of the numbers.
    const NAMES: [(&str, &str); limits::COUNT] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    let value = |value: u64| match value {
        limits::INFINITY => String::from("unlimited"),
        value => format!("{value}"),
    };
    for (resource, (name, unit)) in NAMES.iter().enumerate() {
        let (current, maximum) = process.limits.get(resource as u32).unwrap_or_default();
        let (current, maximum) = (value(current), value(maximum));
        text.push_str(&format!(
            "{name:<25} {current:<20} {maximum:<20} {unit:<10}\n"
        ));
    }
    text
}

fn maps(kernel: &impl Kernel, process: &Process) -> String {
    let mut text = String::new();
    let mut address = 0;
    for _ in 0..MAX_MAPPINGS {
        let Some(region) = kernel.region(process.handle, address) else {
            break;
        };
        let flag = |bit, letter| {
            if region.protection & bit != 0 {
                letter
            } else {
                '-'
            }
        };
        let end = region.address.saturating_add(region.length);
        text.push_str(&format!(
            "{:x}-{end:x} {}{}{}{} {:08x} 00:00 {}{}\n",
            region.address,
            flag(protection::READ, 'r'),
            flag(protection::WRITE, 'w'),
            flag(protection::EXECUTE, 'x'),
            if region.flags & 1 != 0 { 's' } else { 'p' },
            region.offset,
            region.object,
            if (region.address..end).contains(&process.first_stack.auxiliary.0) {
                "          [stack]"
            } else {
                ""
            },
        ));
        if end <= address {
            break;
        }
        address = end;
    }
    text
}
