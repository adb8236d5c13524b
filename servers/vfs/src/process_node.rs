//! The nodes of `/proc`: which files there are, and how their serial numbers are made up.

use proto::frames;
use proto::types::{file_type, process_slot};

use crate::tree::ROOT;

const REGULAR: u32 = file_type::REGULAR | 0o444;
const PRIVATE: u32 = file_type::REGULAR | 0o400;
const DIRECTORY: u32 = file_type::DIRECTORY | 0o555;
const PRIVATE_DIRECTORY: u32 = file_type::DIRECTORY | 0o500;
const SYMLINK: u32 = file_type::SYMLINK | 0o777;

/// A file of the system.
pub(crate) struct SystemFile {
    pub directory: u64,
    pub name: &'static [u8],
    pub node: u64,
    pub mode: u32,
}

/// Nodes of the system's files.
#[allow(missing_docs, reason = "named as the files")]
pub(crate) mod system {
    pub const SELF: u64 = 2;
    pub const MEMORY: u64 = 3;
    pub const UPTIME: u64 = 4;
    pub const STATISTICS: u64 = 5;
    pub const PROCESSORS: u64 = 6;
    pub const VERSION: u64 = 7;
    pub const LOAD: u64 = 8;
    pub const FILE_SYSTEMS: u64 = 9;
    pub const MOUNTS: u64 = 10;
    pub const COMMAND_LINE: u64 = 11;
    pub const PAGES: u64 = 12;
    pub const SYSTEM: u64 = 13;
    pub const KERNEL: u64 = 14;
    pub const HOST_NAME: u64 = 15;
    pub const SYSTEM_NAME: u64 = 16;
    pub const RELEASE: u64 = 17;
    pub const PROCESS_MAX: u64 = 18;
    pub const THREADS_MAX: u64 = 19;
    pub const GROUPS_MAX: u64 = 20;
    pub const COUNTERS: u64 = 21;
    pub const SWAPS: u64 = 22;
    pub const THREAD_SELF: u64 = 23;
    pub const SYSTEM_V: u64 = 24;
    pub const SEGMENTS: u64 = 25;
    pub const SEMAPHORES: u64 = 26;
    pub const MESSAGES: u64 = 27;
    pub const NETWORK: u64 = 28;
    /// The first text of the network; the others follow (`proto::frames::TEXTS`).
    pub const NETWORK_TEXTS: u64 = 64;
}
use system as s;

const fn file(directory: u64, name: &'static [u8], node: u64, mode: u32) -> SystemFile {
    SystemFile {
        directory,
        name,
        node,
        mode,
    }
}

/// The files that are always there.
pub(crate) const SYSTEM_FILES: &[SystemFile] = &[
    file(ROOT, b"self", s::SELF, SYMLINK),
    file(ROOT, b"thread-self", s::THREAD_SELF, SYMLINK),
    file(ROOT, b"meminfo", s::MEMORY, REGULAR),
    file(ROOT, b"uptime", s::UPTIME, REGULAR),
    file(ROOT, b"stat", s::STATISTICS, REGULAR),
    file(ROOT, b"cpuinfo", s::PROCESSORS, REGULAR),
    file(ROOT, b"version", s::VERSION, REGULAR),
    file(ROOT, b"loadavg", s::LOAD, REGULAR),
    file(ROOT, b"filesystems", s::FILE_SYSTEMS, REGULAR),
    file(ROOT, b"mounts", s::MOUNTS, SYMLINK),
    file(ROOT, b"cmdline", s::COMMAND_LINE, REGULAR),
    file(ROOT, b"vmstat", s::PAGES, REGULAR),
    file(ROOT, b"swaps", s::SWAPS, REGULAR),
    file(ROOT, b"counters", s::COUNTERS, REGULAR),
    file(ROOT, b"sysvipc", s::SYSTEM_V, DIRECTORY),
    file(s::SYSTEM_V, b"shm", s::SEGMENTS, REGULAR),
    file(s::SYSTEM_V, b"sem", s::SEMAPHORES, REGULAR),
    file(s::SYSTEM_V, b"msg", s::MESSAGES, REGULAR),
    file(ROOT, b"net", s::NETWORK, DIRECTORY),
    file(ROOT, b"sys", s::SYSTEM, DIRECTORY),
    file(s::SYSTEM, b"kernel", s::KERNEL, DIRECTORY),
    file(s::KERNEL, b"hostname", s::HOST_NAME, REGULAR),
    file(s::KERNEL, b"ostype", s::SYSTEM_NAME, REGULAR),
    file(s::KERNEL, b"osrelease", s::RELEASE, REGULAR),
    file(s::KERNEL, b"pid_max", s::PROCESS_MAX, REGULAR),
    file(s::KERNEL, b"threads-max", s::THREADS_MAX, REGULAR),
    file(s::KERNEL, b"ngroups_max", s::GROUPS_MAX, REGULAR),
];

/// Which text of the network a node of the system is.
pub(crate) fn network_text(node: u64) -> Option<u32> {
    let place = usize::try_from(node.checked_sub(s::NETWORK_TEXTS)?).ok()?;
    frames::TEXTS.get(place).map(|_| place as u32)
}

/// The nodes of the network's texts, with their names.
pub(crate) fn network_texts() -> impl Iterator<Item = (&'static str, Node)> {
    let nodes = (s::NETWORK_TEXTS..).map(Node::System);
    frames::TEXTS.iter().copied().zip(nodes)
}

/// What a file of a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The text with this number of `process::describe`.
    Text(u32),
    /// The mount table.
    Mounts,
    /// The same, in more words.
    MountInformation,
    /// What a slot holds.
    Slot(u32),
    /// The descriptors as links.
    Descriptors,
    /// Texts about the descriptors.
    DescriptorTexts,
    /// A directory for each thread.
    Threads,
}

/// A file of a process.
pub(crate) struct ProcessFile {
    pub name: &'static [u8],
    pub mode: u32,
    pub content: Content,
    /// Whether each thread has one as well.
    pub of_threads: bool,
}

const fn part(name: &'static [u8], mode: u32, content: Content, of_threads: bool) -> ProcessFile {
    ProcessFile {
        name,
        mode,
        content,
        of_threads,
    }
}

/// The files of a process. A file's number is its place here plus one: 0 is the directory.
pub(crate) const PROCESS_FILES: &[ProcessFile] = &[
    part(b"stat", REGULAR, Content::Text(0), true),
    part(b"status", REGULAR, Content::Text(1), true),
    part(b"cmdline", REGULAR, Content::Text(2), true),
    part(b"maps", PRIVATE, Content::Text(3), true),
    part(b"comm", REGULAR, Content::Text(4), true),
    part(b"environ", PRIVATE, Content::Text(5), true),
    part(b"statm", REGULAR, Content::Text(6), true),
    part(b"limits", REGULAR, Content::Text(7), true),
    part(b"wchan", REGULAR, Content::Text(8), true),
    part(b"auxv", PRIVATE, Content::Text(9), true),
    part(b"mounts", REGULAR, Content::Mounts, true),
    part(b"mountinfo", REGULAR, Content::MountInformation, true),
    part(
        b"exe",
        SYMLINK,
        Content::Slot(process_slot::EXECUTABLE),
        true,
    ),
    part(
        b"cwd",
        SYMLINK,
        Content::Slot(process_slot::WORKING_DIRECTORY),
        true,
    ),
    part(b"root", SYMLINK, Content::Slot(process_slot::ROOT), true),
    part(b"fd", PRIVATE_DIRECTORY, Content::Descriptors, false),
    part(
        b"fdinfo",
        PRIVATE_DIRECTORY,
        Content::DescriptorTexts,
        false,
    ),
    part(b"task", DIRECTORY, Content::Threads, false),
];

/// The number of the file with a name.
pub(crate) fn process_file(name: &[u8], of_thread: bool) -> Option<u64> {
    let index = PROCESS_FILES
        .iter()
        .position(|file| file.name == name && (file.of_threads || !of_thread))?;
    Some(index as u64 + 1)
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file of the system, or the root.
    System(u64),
    /// A process's file, by its number.
    Process { id: u64, file: u64 },
    /// A descriptor's link.
    Descriptor { id: u64, slot: u32 },
    /// A text about a descriptor.
    DescriptorText { id: u64, slot: u32 },
    /// A thread's file.
    Thread { id: u64, thread: u64, file: u64 },
}

/// Serial numbers: the process's id above, then what kind of node it is, then which one.
const ID_SHIFT: u32 = 40;
const KIND_SHIFT: u32 = 36;
const KIND_MASK: u64 = 0xf;
const INDEX_MASK: u64 = (1 << KIND_SHIFT) - 1;
const THREAD_SHIFT: u32 = 8;
const FILE_MASK: u64 = (1 << THREAD_SHIFT) - 1;

impl Node {
    /// The node with a serial number; the number may be any.
    pub fn from_number(number: u64) -> Node {
        let id = number >> ID_SHIFT;
        let index = number & INDEX_MASK;
        match (number >> KIND_SHIFT) & KIND_MASK {
            _ if id == 0 => Node::System(number),
            0 => Node::Process { id, file: index },
            1 => Node::Descriptor {
                id,
                slot: index as u32,
            },
            2 => Node::DescriptorText {
                id,
                slot: index as u32,
            },
            _ => Node::Thread {
                id,
                thread: index >> THREAD_SHIFT,
                file: index & FILE_MASK,
            },
        }
    }

    /// Its serial number.
    pub fn number(self) -> u64 {
        let (id, kind, index) = match self {
            Node::System(number) => return number,
            Node::Process { id, file } => (id, 0, file),
            Node::Descriptor { id, slot } => (id, 1, slot.into()),
            Node::DescriptorText { id, slot } => (id, 2, slot.into()),
            Node::Thread { id, thread, file } => (id, 3, thread << THREAD_SHIFT | file),
        };
        id << ID_SHIFT | kind << KIND_SHIFT | index & INDEX_MASK
    }

    /// The file of a process that it is.
    pub fn process_file(self) -> Option<&'static ProcessFile> {
        let (Node::Process { file, .. } | Node::Thread { file, .. }) = self else {
            return None;
        };
        PROCESS_FILES.get(usize::try_from(file.checked_sub(1)?).ok()?)
    }

    /// The process that it belongs to.
    pub fn process(self) -> Option<u64> {
        match self {
            Node::System(_) => None,
            Node::Process { id, .. }
            | Node::Descriptor { id, .. }
            | Node::DescriptorText { id, .. }
            | Node::Thread { id, .. } => Some(id),
        }
    }

    /// Type and permissions.
    pub fn mode(self) -> u32 {
        match self {
            Node::System(ROOT) => DIRECTORY,
            Node::System(number) => {
                let file = SYSTEM_FILES.iter().find(|file| file.node == number);
                file.map_or(REGULAR, |file| file.mode)
            }
            Node::Descriptor { .. } => file_type::SYMLINK | 0o700,
            Node::DescriptorText { .. } => PRIVATE,
            _ => self.process_file().map_or(DIRECTORY, |file| file.mode),
        }
    }

    /// The directory that it is in.
    pub fn parent(self) -> u64 {
        let directory = |content| {
            let mut files = PROCESS_FILES.iter();
            let index = files.position(|file| file.content == content);
            index.map_or(0, |index| index as u64 + 1)
        };
        match self {
            Node::System(number) if network_text(number).is_some() => return s::NETWORK,
            Node::System(number) => {
                let file = SYSTEM_FILES.iter().find(|file| file.node == number);
                return file.map_or(ROOT, |file| file.directory);
            }
            Node::Process { file: 0, .. } => return ROOT,
            Node::Process { id, .. } => Node::Process { id, file: 0 },
            Node::Descriptor { id, .. } => Node::Process {
                id,
                file: directory(Content::Descriptors),
            },
            Node::DescriptorText { id, .. } => Node::Process {
                id,
                file: directory(Content::DescriptorTexts),
            },
            Node::Thread { id, file: 0, .. } => Node::Process {
                id,
                file: directory(Content::Threads),
            },
            Node::Thread { id, thread, .. } => Node::Thread {
                id,
                thread,
                file: 0,
            },
        }
        .number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_stand_for_their_nodes() {
        let nodes = [
            Node::System(ROOT),
            Node::System(s::SWAPS),
            Node::Process { id: 1, file: 0 },
            Node::Process {
                id: 4_194_303,
                file: 18,
            },
            Node::Descriptor { id: 7, slot: 65535 },
            Node::DescriptorText { id: 7, slot: 0 },
            Node::Thread {
                id: 7,
                thread: 4_194_303,
                file: 3,
            },
        ];
        for node in nodes {
            assert_eq!(Node::from_number(node.number()), node);
        }
    }

    #[test]
    fn every_node_leads_to_the_root() {
        let mut number = Node::Thread {
            id: 7,
            thread: 9,
            file: 2,
        }
        .number();
        let mut path = 0;
        while number != ROOT {
            number = Node::from_number(number).parent();
            path += 1;
        }
        assert_eq!(path, 4);
        let link = Node::Descriptor { id: 7, slot: 3 };
        assert_eq!(
            Node::from_number(link.parent())
                .process_file()
                .map(|file| file.name),
            Some(&b"fd"[..])
        );
    }
}
