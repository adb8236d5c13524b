//! `/proc`: text about processes and the system, in the formats of Linux that tools read.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::system::SystemInfo;
use proto::types::file_type;
use proto::{Attributes, Error, process, supervisor};

use crate::backend::Peer;
use crate::permission::Caller;
use crate::tree::{Entry, ROOT, Tree};

/// Device number of this file system.
const NUMBER: u64 = 4;
/// `PROC_SUPER_MAGIC`.
const KIND: u64 = 0x9fa0;
/// Nodes of a process: its id shifted, and the file's number below; 0 is the directory.
const PROCESS_SHIFT: u32 = 8;
/// Longest text of one file.
const MAX_TEXT: usize = 1 << 20;

/// A file of the system.
struct File {
    directory: u64,
    name: &'static [u8],
    node: u64,
    kind: u32,
}

const fn text(directory: u64, name: &'static [u8], node: u64) -> File {
    let kind = file_type::REGULAR;
    File {
        directory,
        name,
        node,
        kind,
    }
}

const fn folder(directory: u64, name: &'static [u8], node: u64) -> File {
    let kind = file_type::DIRECTORY;
    File {
        directory,
        name,
        node,
        kind,
    }
}

const fn link(name: &'static [u8], node: u64) -> File {
    let kind = file_type::SYMLINK;
    File {
        directory: ROOT,
        name,
        node,
        kind,
    }
}

const SELF: u64 = 2;
const MEMORY: u64 = 3;
const UPTIME: u64 = 4;
const STATISTICS: u64 = 5;
const PROCESSORS: u64 = 6;
const VERSION: u64 = 7;
const LOAD: u64 = 8;
const FILE_SYSTEMS: u64 = 9;
const MOUNTS: u64 = 10;
const COMMAND_LINE: u64 = 11;
const SYSTEM: u64 = 13;
const KERNEL: u64 = 14;
const HOST_NAME: u64 = 15;
const SYSTEM_NAME: u64 = 16;
const RELEASE: u64 = 17;
const PROCESS_MAX: u64 = 18;
const THREADS_MAX: u64 = 19;
const GROUPS_MAX: u64 = 20;
const COUNTERS: u64 = 21;

/// The files that are always there.
const FILES: [File; 19] = [
    link(b"self", SELF),
    text(ROOT, b"meminfo", MEMORY),
    text(ROOT, b"uptime", UPTIME),
    text(ROOT, b"stat", STATISTICS),
    text(ROOT, b"cpuinfo", PROCESSORS),
    text(ROOT, b"version", VERSION),
    text(ROOT, b"loadavg", LOAD),
    text(ROOT, b"filesystems", FILE_SYSTEMS),
    text(ROOT, b"mounts", MOUNTS),
    text(ROOT, b"cmdline", COMMAND_LINE),
    text(ROOT, b"counters", COUNTERS),
    folder(ROOT, b"sys", SYSTEM),
    folder(SYSTEM, b"kernel", KERNEL),
    text(KERNEL, b"hostname", HOST_NAME),
    text(KERNEL, b"ostype", SYSTEM_NAME),
    text(KERNEL, b"osrelease", RELEASE),
    text(KERNEL, b"pid_max", PROCESS_MAX),
    text(KERNEL, b"threads-max", THREADS_MAX),
    text(KERNEL, b"ngroups_max", GROUPS_MAX),
];

/// Files of a process: name and the number that `process::describe` takes, plus one.
const PROCESS_FILES: [(&[u8], u64); 9] = [
    (b"stat", 1),
    (b"status", 2),
    (b"cmdline", 3),
    (b"maps", 4),
    (b"comm", 5),
    (b"environ", ENVIRONMENT),
    (b"statm", 7),
    (b"limits", 8),
    (b"mounts", MOUNTS),
];
/// Only its owner reads it.
const ENVIRONMENT: u64 = 6;

/// The tree of processes.
pub struct ProcessTree {
    /// The process server.
    pub processes: Peer,
    /// The supervisor, which knows the kernel's command line.
    pub supervisor: Peer,
    /// Lines of `/proc/mounts`.
    pub mounts: Rc<RefCell<Vec<u8>>>,
}

impl ProcessTree {
    fn ids(&self) -> Result<Vec<u64>, Error> {
        let mut ids = Vec::new();
        loop {
            let mut bytes = alloc::vec![0; 4096];
            let after = ids.last().copied().unwrap_or(0);
            let answer = process::list(&self.processes, after, &mut bytes, &[])?;
            let length = (answer.words[0] as usize).min(bytes.len());
            let (words, _) = bytes[..length].as_chunks::<8>();
            if words.is_empty() {
                return Ok(ids);
            }
            ids.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        }
    }

    fn describe(&self, id: u64, what: u32) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        let mut piece = alloc::vec![0; 4096];
        while text.len() < MAX_TEXT {
            let offset = text.len() as u64;
            let result = process::describe(&self.processes, id, what, offset, &mut piece, &[]);
            let count = match result {
                Ok(answer) => (answer.words[0] as usize).min(piece.len()),
                // The process ended since its name was found.
                Err(Error::NoProcess) => return Err(Error::NotFound),
                Err(error) => return Err(error),
            };
            if count == 0 {
                break;
            }
            text.extend_from_slice(&piece[..count]);
        }
        Ok(text)
    }

    fn command_line(&self) -> Result<Vec<u8>, Error> {
        let mut line = alloc::vec![0; 4096];
        let answer = supervisor::option(&self.supervisor, b"", &mut line, &[])?;
        line.truncate(usize::try_from(answer.words[1]).unwrap_or(0));
        line.push(b'\n');
        Ok(line)
    }

    fn host_name(&self) -> Result<Vec<u8>, Error> {
        let mut name = alloc::vec![0; 65];
        let answer = process::host_name(&self.processes, b"", &mut name, &[])?;
        name.truncate(usize::try_from(answer.words[0]).unwrap_or(0));
        name.push(b'\n');
        Ok(name)
    }

    /// Effective user and group, from the status text.
    fn owner(&self, id: u64) -> Result<(u32, u32), Error> {
        let status = self.describe(id, 1)?;
        let status = String::from_utf8_lossy(&status);
        let effective = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok())
                .unwrap_or(0)
        };
        Ok((effective("Uid:"), effective("Gid:")))
    }

    fn system_text(&self, node: u64, system: &SystemInfo) -> Vec<u8> {
        let seconds = |ns: u64| format!("{}.{:02}", ns / 1_000_000_000, ns / 10_000_000 % 100);
        let kib = |bytes: u64| bytes >> 10;
        let load = |load: u64| format!("{}.{:02}", load / 100, load % 100);
        match node {
            MEMORY => format!(
                "MemTotal: {} kB\nMemFree: {} kB\nMemAvailable: {} kB\nBuffers: 0 kB\nCached: 0 kB\n\
                 SwapTotal: 0 kB\nSwapFree: 0 kB\n",
                kib(system.memory_total_bytes),
                kib(system.memory_free_bytes),
                kib(system.memory_free_bytes),
            ),
            UPTIME => format!("{} {}\n", seconds(system.uptime_ns), seconds(system.idle_ns)),
            STATISTICS => statistics(system),
            PROCESSORS => (0..system.cpus)
                .map(|cpu| format!("processor\t: {cpu}\nmodel name\t: x86-64\n\n"))
                .collect(),
            VERSION => String::from(concat!("MicroKosm version ", env!("CARGO_PKG_VERSION"), "\n")),
            LOAD => format!(
                "{} {} {} 1/{} 1\n",
                load(system.load_1),
                load(system.load_5),
                load(system.load_15),
                system.threads,
            ),
            COUNTERS => counters(system),
            SYSTEM_NAME => String::from("MicroKosm\n"),
            RELEASE => String::from(concat!(env!("CARGO_PKG_VERSION"), "\n")),
            PROCESS_MAX => String::from("4194304\n"),
            THREADS_MAX => String::from("65536\n"),
            GROUPS_MAX => format!("{}\n", proto::types::MAX_GROUPS),
            _ => String::from("\text2\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n"),
        }
        .into_bytes()
    }
}

/// `/proc/counters`, this system's own: how many of the kernel's objects there are, and free pages.
fn counters(system: &SystemInfo) -> String {
    format!(
        "processes {}\nthreads {}\nhandles {}\nmemories {}\nendpoints {}\nsessions {}\nstreams {}\n\
         free_pages {}\n",
        system.processes,
        system.threads,
        system.handles,
        system.memories,
        system.endpoints,
        system.sessions,
        system.streams,
        system.memory_free_bytes / kernel_abi::PAGE_SIZE,
    )
}

/// `/proc/stat`: what the processors did together, and counters.
fn statistics(system: &SystemInfo) -> String {
    let ticks = |ns: u64| ns / 10_000_000;
    let all_ns = system.uptime_ns.saturating_mul(system.cpus);
    let busy = ticks(all_ns.saturating_sub(system.idle_ns));
    let idle = ticks(system.idle_ns);
    format!(
        "cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\nintr {}\nctxt {}\nprocesses {}\n",
        system.interrupts, system.context_switches, system.processes,
    )
}

impl Tree for ProcessTree {
    fn device(&self) -> u64 {
        NUMBER
    }

    fn kind(&self) -> u64 {
        KIND
    }

    fn lookup(&self, directory: u64, name: &[u8]) -> Result<u64, Error> {
        if directory >> PROCESS_SHIFT != 0 {
            let found = PROCESS_FILES.iter().find(|(known, _)| *known == name);
            return found
                .map(|(_, file)| directory | file)
                .ok_or(Error::NotFound);
        }
        let mut files = FILES.iter();
        if let Some(file) = files.find(|file| file.directory == directory && file.name == name) {
            return Ok(file.node);
        }
        if directory != ROOT {
            return Err(Error::NotFound);
        }
        let digits = name.iter().all(u8::is_ascii_digit) && name.first() != Some(&b'0');
        let id = core::str::from_utf8(name)
            .ok()
            .filter(|_| digits)
            .and_then(|text| text.parse::<u32>().ok());
        let id = u64::from(id.ok_or(Error::NotFound)?);
        self.describe(id, 4)?;
        Ok(id << PROCESS_SHIFT)
    }

    fn parent(&self, directory: u64) -> u64 {
        let file = FILES.iter().find(|file| file.node == directory);
        file.map_or(ROOT, |file| file.directory)
    }

    fn attributes(&self, node: u64) -> Result<Attributes, Error> {
        let mut attributes = Attributes {
            device: NUMBER,
            node,
            mode: file_type::REGULAR | 0o444,
            links: 1,
            block_size: 4096,
            ..Default::default()
        };
        let is_process = node >> PROCESS_SHIFT != 0;
        let file = FILES.iter().find(|file| file.node == node);
        let kind = match file {
            Some(file) => file.kind,
            None if node == ROOT || is_process && node & 0xff == 0 => file_type::DIRECTORY,
            None => file_type::REGULAR,
        };
        attributes.mode = match kind {
            file_type::SYMLINK => kind | 0o777,
            file_type::DIRECTORY => kind | 0o555,
            _ if is_process && node & 0xff == ENVIRONMENT => kind | 0o400,
            _ => kind | 0o444,
        };
        if kind == file_type::DIRECTORY {
            attributes.links = 2;
        }
        if is_process {
            (attributes.user, attributes.group) = self.owner(node >> PROCESS_SHIFT)?;
        }
        Ok(attributes)
    }

    fn entries(&self, directory: u64) -> Result<Vec<Entry>, Error> {
        let entry = |name: Vec<u8>, node, kind| Entry { name, node, kind };
        if directory >> PROCESS_SHIFT != 0 {
            let files = PROCESS_FILES.iter();
            return Ok(files
                .map(|(name, file)| entry(name.to_vec(), directory | file, file_type::REGULAR))
                .collect());
        }
        let files = FILES.iter().filter(|file| file.directory == directory);
        let mut entries: Vec<Entry> = files
            .map(|file| entry(file.name.to_vec(), file.node, file.kind))
            .collect();
        if directory != ROOT {
            return Ok(entries);
        }
        entries.extend(self.ids()?.into_iter().map(|id| {
            let name = format!("{id}").into_bytes();
            entry(name, id << PROCESS_SHIFT, file_type::DIRECTORY)
        }));
        Ok(entries)
    }

    fn link(&self, node: u64, caller: &Caller) -> Result<Vec<u8>, Error> {
        match node {
            SELF => Ok(format!("{}", caller.identity.process).into_bytes()),
            _ => Err(Error::BadArgument),
        }
    }

    fn content(&self, node: u64, system: &SystemInfo) -> Result<Vec<u8>, Error> {
        let (id, file) = (node >> PROCESS_SHIFT, node & 0xff);
        if file == MOUNTS {
            return Ok(self.mounts.borrow().clone());
        }
        if id != 0 {
            return self.describe(id, file as u32 - 1);
        }
        match file {
            COMMAND_LINE => return self.command_line(),
            HOST_NAME => return self.host_name(),
            _ => {}
        }
        Ok(self.system_text(node, system))
    }
}
