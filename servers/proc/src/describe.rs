//! Processes as text, in the formats of Linux's `/proc/PID` that `ps` and `top` read.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use kernel_abi::memory::protection;
use kernel_abi::process::ProcessInfo;
use kernel_abi::{Handle, PAGE_SIZE};
use proto::Error;

use crate::kernel::Kernel;
use crate::limits;
use crate::process::{Process, State};
use crate::stack::ARGUMENTS_MAX;

const NS_PER_TICK: u64 = 10_000_000;
/// Most mappings listed.
const MAX_MAPPINGS: usize = 4096;

/// The text for `what` of `process::describe`.
pub fn describe(kernel: &impl Kernel, process: &Process, what: u32) -> Result<Vec<u8>, Error> {
    let information = match process.handle {
        Handle::NONE => ProcessInfo {
            user_ns: process.usage.user_ns,
            kernel_ns: process.usage.kernel_ns,
            ..Default::default()
        },
        handle => kernel.information(handle),
    };
    match what {
        0 => Ok(stat(process, &information).into_bytes()),
        1 => Ok(status(process, &information).into_bytes()),
        2 => Ok(process.command_line.clone()),
        3 => Ok(maps(kernel, process).into_bytes()),
        4 => Ok([&process.name[..], b"\n"].concat()),
        5 => Ok(environment(kernel, process)),
        6 => Ok(statm(&information).into_bytes()),
        7 => Ok(limits(process).into_bytes()),
        _ => Err(Error::BadArgument),
    }
}

fn letter(process: &Process) -> (char, &'static str) {
    match process.state {
        State::Zombie { .. } => ('Z', "zombie"),
        State::Stopped { .. } => ('T', "stopped"),
        State::Running => ('S', "sleeping"),
    }
}

fn name(process: &Process) -> String {
    String::from_utf8_lossy(&process.name).into_owned()
}

fn stat(process: &Process, information: &ProcessInfo) -> String {
    let identity = &process.identity;
    let nice = i64::from(process.nice_plus_20) - 20;
    format!(
        "{} ({}) {} {} {} {} {} -1 0 {} 0 {} 0 {} {} {} {} {} {} {} 0 {} {} {} 18446744073709551615 \
         0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        identity.process,
        name(process),
        letter(process).0,
        identity.parent,
        identity.group,
        identity.session,
        identity.terminal,
        information.minor_faults,
        information.major_faults,
        information.user_ns / NS_PER_TICK,
        information.kernel_ns / NS_PER_TICK,
        process.children_usage.user_ns / NS_PER_TICK,
        process.children_usage.kernel_ns / NS_PER_TICK,
        20 + nice,
        nice,
        information.threads,
        process.start_ns / NS_PER_TICK,
        information.mapped_bytes,
        information.resident_bytes / PAGE_SIZE,
    )
}

fn status(process: &Process, information: &ProcessInfo) -> String {
    let identity = &process.identity;
    let credentials = &identity.credentials;
    let (letter, word) = letter(process);
    let (id, parent) = (identity.process, identity.parent);
    let (user, group) = (credentials.user, credentials.group);
    let mut text = format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\t{letter} ({word})\nTgid:\t{id}\nPid:\t{id}\nPPid:\t{parent}\n\
         Uid:\t{}\t{user}\t{}\t{user}\nGid:\t{}\t{group}\t{}\t{group}\nGroups:\t",
        name(process),
        credentials.umask,
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
        "\nVmSize:\t{} kB\nVmRSS:\t{} kB\nThreads:\t{}\nShdPnd:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        information.mapped_bytes >> 10,
        information.resident_bytes >> 10,
        information.threads,
        information.pending,
        information.ignored,
        information.caught,
    ));
    text
}

/// The environment as the process has it now, where its program found it.
fn environment(kernel: &impl Kernel, process: &Process) -> Vec<u8> {
    let (address, length) = process.environment;
    if process.handle == Handle::NONE {
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
            "{:x}-{end:x} {}{}{}{} {:08x} 00:00 {}\n",
            region.address,
            flag(protection::READ, 'r'),
            flag(protection::WRITE, 'w'),
            flag(protection::EXECUTE, 'x'),
            if region.flags & 1 != 0 { 's' } else { 'p' },
            region.offset,
            region.object,
        ));
        if end <= address {
            break;
        }
        address = end;
    }
    text
}
