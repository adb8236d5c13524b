//! What is looked at from outside: servers, counters, processes, a shell.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A shell that takes longer to do nothing does not answer.
const SHELL_TIMEOUT: Duration = Duration::from_secs(30);
/// Counters that must be as before.
const EQUAL: [&str; 7] = [
    "processes",
    "threads",
    "handles",
    "memories",
    "endpoints",
    "sessions",
    "streams",
];

/// Those that a content which the disk's file system keeps as cache is counted in, and how many of
/// these may come after the first look: what grows with the rounds is soon more.
const CACHED: [&str; 2] = ["handles", "memories"];
const MOST_CACHED: i64 = 4;

/// Names, states and restarts of the servers.
pub fn servers() -> Result<String, String> {
    let output = Command::new("/sbin/svc").arg("status").output();
    let output = output.map_err(|error| format!("svc status: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [name, state, _, _, restarts, ..] = words[..] {
            lines += &format!("{name} {state} {restarts}\n");
        }
    }
    Ok(lines)
}

/// The kernel's counters, by name.
pub fn counters() -> Result<BTreeMap<String, i64>, String> {
    let text = std::fs::read_to_string("/proc/counters").map_err(|error| error.to_string())?;
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .filter_map(|(name, value)| Some((name.to_string(), value.trim().parse().ok()?)))
        .collect())
}

/// What the counters say of objects that are left.
pub fn compare(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> Vec<String> {
    let get = |counters: &BTreeMap<String, i64>, name: &str| counters.get(name).copied();
    let pairs = EQUAL.map(|name| (name, get(before, name), get(after, name)));
    let differing = pairs.into_iter().filter(|(name, before, after)| {
        let allowed = if CACHED.contains(name) {
            MOST_CACHED
        } else {
            0
        };
        match (before, after) {
            (Some(before), Some(after)) => after < before || *after > before + allowed,
            _ => true,
        }
    });
    differing
        .map(|(name, before, after)| format!("{name}: {before:?} before, {after:?} after"))
        .collect()
}

/// Numbers of all processes.
pub fn processes() -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Has the disk's file system keep the contents of the files that rounds may open: it does so from
/// the first opening on, which may come in any round.
pub fn fill_caches() {
    for name in crate::arguments::SYSTEM_NAMES {
        if let Ok(name) = std::str::from_utf8(name)
            && (name.starts_with("/bin/") || name.starts_with("/etc/"))
        {
            // One that is not there is kept by nobody.
            let _ = std::fs::File::open(name);
        }
    }
}

/// Removes the System V objects, which outlive who made them.
pub fn remove_objects() {
    /// `SHM_STAT`, `MSG_STAT` and `SEM_STAT`: the object at an index.
    const AT_INDEX: [i32; 3] = [13, 11, 18];
    const MOST: i32 = 256;
    // SAFETY: the structure is larger than any of those that are written to it.
    unsafe {
        let mut status = [0u64; 64];
        let address = status.as_mut_ptr();
        for index in 0..MOST {
            let segment = libc::shmctl(index, AT_INDEX[0], address.cast());
            libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut());
            let queue = libc::msgctl(index, AT_INDEX[1], address.cast());
            libc::msgctl(queue, libc::IPC_RMID, std::ptr::null_mut());
            let set = libc::semctl(index, 0, AT_INDEX[2], address);
            libc::semctl(set, 0, libc::IPC_RMID);
        }
    }
}

/// Has root's shell do something.
pub fn try_shell() -> Result<(), String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "exit 3"])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("root cannot start a shell: {error}"))?;
    let deadline = Instant::now() + SHELL_TIMEOUT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.code() == Some(3) => return Ok(()),
            Ok(Some(status)) => return Err(format!("root's shell ended with {status}")),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => return Err("root's shell does not answer".into()),
            Err(error) => return Err(format!("cannot wait for a shell: {error}")),
        }
    }
}
