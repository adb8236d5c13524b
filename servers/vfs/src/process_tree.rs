//! `/proc`: processes and the system, as Linux shows them to tools.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::system::SystemInfo;
use proto::types::{file_type, object_kind, process_slot};
use proto::{Answer, Attributes, Error, network, process, process_entry, supervisor};

use crate::backend::Peer;
use crate::mounting::MountTexts;
use crate::permission::Caller;
use crate::process_node::{
    Content, Node, PROCESS_FILES, ProcessFile, SYSTEM_FILES, network_text, network_texts,
    process_file, system,
};
use crate::system_text;
use crate::tree::{Entry, ROOT, Slot, Special, Tree};

/// Device number of this file system.
const NUMBER: u64 = 4;
/// `PROC_SUPER_MAGIC`.
const KIND: u64 = 0x9fa0;
/// Longest text of one file.
const MAX_TEXT: usize = 1 << 20;
/// `process::describe` of a process's mappings.
const MAPPINGS: u32 = 3;
/// `process::describe` of a process's name.
const NAME: u32 = 4;

/// The tree of processes.
pub struct ProcessTree {
    /// The process server.
    pub processes: Peer,
    /// The supervisor, which knows the kernel's command line.
    pub supervisor: Peer,
    /// The server of the network, if there is one.
    pub network: Option<Peer>,
    /// The mount table as text.
    pub mounts: Rc<RefCell<MountTexts>>,
}

/// A process or thread that has ended since its name was found has no name any more.
fn not_found(error: Error) -> Error {
    match error {
        Error::NoProcess => Error::NotFound,
        error => error,
    }
}

/// A list of numbers that a server tells in pieces, each from after the last one on.
fn numbers<const SIZE: usize, N: Copy>(
    parse: fn([u8; SIZE]) -> N,
    mut ask: impl FnMut(Option<N>, &mut [u8]) -> Result<Answer, Error>,
) -> Result<Vec<N>, Error> {
    let mut all = Vec::new();
    let mut bytes = alloc::vec![0; 4096];
    loop {
        let answer = ask(all.last().copied(), &mut bytes).map_err(not_found)?;
        let length = (answer.words[0] as usize).min(bytes.len());
        let (words, _) = bytes[..length].as_chunks::<SIZE>();
        if words.is_empty() {
            return Ok(all);
        }
        all.extend(words.iter().map(|word| parse(*word)));
    }
}

/// A decimal number without needless zeros.
fn parse(name: &[u8]) -> Option<u32> {
    let number = core::str::from_utf8(name).ok()?.parse().ok()?;
    (format!("{number}").as_bytes() == name).then_some(number)
}

/// A text that a server tells in pieces.
fn whole(mut ask: impl FnMut(u64, &mut [u8]) -> Result<Answer, Error>) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let mut piece = alloc::vec![0; 4096];
    while text.len() < MAX_TEXT {
        let answer = ask(text.len() as u64, &mut piece).map_err(not_found)?;
        let count = (answer.words[0] as usize).min(piece.len());
        if count == 0 {
            break;
        }
        text.extend_from_slice(&piece[..count]);
    }
    Ok(text)
}

/// The files of a process, or those that a thread has as well.
fn files_of(node: impl Fn(u64) -> Node, of_process: bool) -> Vec<(Vec<u8>, Node)> {
    let files = PROCESS_FILES.iter().zip(1..);
    let shown = files.filter(|(file, _)| file.of_threads || of_process);
    let entry = |(found, file): (&ProcessFile, u64)| (found.name.to_vec(), node(file));
    shown.map(entry).collect()
}

impl ProcessTree {
    fn ids(&self) -> Result<Vec<u64>, Error> {
        numbers(u64::from_le_bytes, |last, bytes| {
            process::list(&self.processes, last.unwrap_or(0), bytes, &[])
        })
    }

    fn slots(&self, id: u64) -> Result<Vec<u32>, Error> {
        numbers(u32::from_le_bytes, |last, bytes| {
            let first = last.map_or(0, |last: u32| last.saturating_add(1));
            process_entry::descriptors(&self.processes, id, first, bytes, &[])
        })
    }

    fn threads(&self, id: u64) -> Result<Vec<u64>, Error> {
        numbers(u64::from_le_bytes, |last, bytes| {
            process_entry::threads(&self.processes, id, last.unwrap_or(0), bytes, &[])
        })
    }

    fn describe(&self, id: u64, what: u32) -> Result<Vec<u8>, Error> {
        whole(|offset, piece| process::describe(&self.processes, id, what, offset, piece, &[]))
    }

    fn describe_thread(&self, id: u64, thread: u64, what: u32) -> Result<Vec<u8>, Error> {
        let processes = &self.processes;
        whole(|offset, piece| {
            process_entry::describe_thread(processes, id, thread, what, offset, piece, &[])
        })
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

    fn describe_network(&self, what: u32) -> Result<Vec<u8>, Error> {
        let network = self.network.as_ref().ok_or(Error::NotFound)?;
        whole(|offset, piece| network::describe(network, what, offset, piece, &[]))
    }

    fn system_content(
        &self,
        node: u64,
        info: &SystemInfo,
        realtime_ns: i64,
    ) -> Result<Vec<u8>, Error> {
        if let Some(what) = network_text(node) {
            return self.describe_network(what);
        }
        match node {
            system::COMMAND_LINE => self.command_line(),
            system::HOST_NAME => self.host_name(),
            system::LOAD => {
                let last = self.ids()?.last().copied().unwrap_or(0);
                Ok(system_text::text(node, info, 0, last).into_bytes())
            }
            _ => Ok(system_text::text(node, info, realtime_ns, 0).into_bytes()),
        }
    }

    fn lookup_system(&self, directory: u64, name: &[u8]) -> Result<Node, Error> {
        let mut files = SYSTEM_FILES.iter();
        if let Some(file) = files.find(|file| file.directory == directory && file.name == name) {
            return Ok(Node::System(file.node));
        }
        if directory == system::NETWORK {
            let found = network_texts().find(|(text, _)| text.as_bytes() == name);
            return found.map(|(_, node)| node).ok_or(Error::NotFound);
        }
        if directory != ROOT {
            return Err(Error::NotFound);
        }
        let id = u64::from(parse(name).filter(|id| *id > 0).ok_or(Error::NotFound)?);
        self.describe(id, NAME)?;
        Ok(Node::Process { id, file: 0 })
    }

    /// A name in a directory of a process that is not its first.
    fn lookup_below(&self, id: u64, content: Content, name: &[u8]) -> Result<Node, Error> {
        let number = parse(name).ok_or(Error::NotFound)?;
        if content == Content::Threads {
            let thread = u64::from(number);
            self.describe_thread(id, thread, NAME)?;
            return Ok(Node::Thread {
                id,
                thread,
                file: 0,
            });
        }
        let slot = number;
        let mut bytes = [0; 4];
        let answer = process_entry::descriptors(&self.processes, id, slot, &mut bytes, &[]);
        if answer.map_err(not_found)?.words[0] < 4 || u32::from_le_bytes(bytes) != slot {
            return Err(Error::NotFound);
        }
        match content {
            Content::Descriptors => Ok(Node::Descriptor { id, slot }),
            _ => Ok(Node::DescriptorText { id, slot }),
        }
    }

    fn entries_of(&self, node: Node) -> Result<Vec<(Vec<u8>, Node)>, Error> {
        match node {
            Node::Process { id, file: 0 } => Ok(files_of(|file| Node::Process { id, file }, true)),
            Node::Thread {
                id,
                thread,
                file: 0,
            } => Ok(files_of(|file| Node::Thread { id, thread, file }, false)),
            _ => {
                let id = node.process().ok_or(Error::NotDirectory)?;
                let file = node.process_file().ok_or(Error::NotDirectory)?;
                self.numbered_entries(id, file.content)
            }
        }
    }

    /// Descriptors or threads.
    fn numbered_entries(&self, id: u64, content: Content) -> Result<Vec<(Vec<u8>, Node)>, Error> {
        let nodes: Vec<(u64, Node)> = match content {
            Content::Descriptors => {
                let slots = self.slots(id)?.into_iter();
                let node = |slot: u32| (slot.into(), Node::Descriptor { id, slot });
                slots.map(node).collect()
            }
            Content::DescriptorTexts => {
                let slots = self.slots(id)?.into_iter();
                let node = |slot: u32| (slot.into(), Node::DescriptorText { id, slot });
                slots.map(node).collect()
            }
            Content::Threads => {
                let threads = self.threads(id)?.into_iter();
                let file = 0;
                let node = |thread| (thread, Node::Thread { id, thread, file });
                threads.map(node).collect()
            }
            _ => return Err(Error::NotDirectory),
        };
        let named = |(number, node)| (format!("{number}").into_bytes(), node);
        Ok(nodes.into_iter().map(named).collect())
    }

    fn system_entries(&self, directory: u64) -> Result<Vec<(Vec<u8>, Node)>, Error> {
        let files = SYSTEM_FILES
            .iter()
            .filter(|file| file.directory == directory);
        let files = files.map(|file| (file.name.to_vec(), Node::System(file.node)));
        let mut entries: Vec<(Vec<u8>, Node)> = files.collect();
        if directory == system::NETWORK {
            entries.extend(network_texts().map(|(name, node)| (name.into(), node)));
        }
        if directory == ROOT {
            entries.extend(self.ids()?.into_iter().map(|id| {
                let name = format!("{id}").into_bytes();
                (name, Node::Process { id, file: 0 })
            }));
        }
        Ok(entries)
    }
}

impl Tree for ProcessTree {
    fn device(&self) -> u64 {
        NUMBER
    }

    fn kind(&self) -> u64 {
        KIND
    }

    fn lookup(&self, directory: u64, name: &[u8]) -> Result<u64, Error> {
        let node = Node::from_number(directory);
        let found = match node {
            Node::System(number) => self.lookup_system(number, name)?,
            Node::Process { id, file: 0 } => {
                let file = process_file(name, false).ok_or(Error::NotFound)?;
                Node::Process { id, file }
            }
            Node::Thread {
                id,
                thread,
                file: 0,
            } => {
                let file = process_file(name, true).ok_or(Error::NotFound)?;
                Node::Thread { id, thread, file }
            }
            _ => {
                let content = node.process_file().ok_or(Error::NotFound)?.content;
                let id = node.process().ok_or(Error::NotFound)?;
                self.lookup_below(id, content, name)?
            }
        };
        Ok(found.number())
    }

    fn parent(&self, node: u64) -> u64 {
        Node::from_number(node).parent()
    }

    fn attributes(&self, number: u64) -> Result<Attributes, Error> {
        let node = Node::from_number(number);
        let mode = node.mode();
        let mut attributes = Attributes {
            device: NUMBER,
            node: number,
            mode,
            links: if mode & file_type::MASK == file_type::DIRECTORY {
                2
            } else {
                1
            },
            block_size: 4096,
            ..Default::default()
        };
        if let Some(id) = node.process() {
            let owner = process_entry::owner(&self.processes, id, &[]).map_err(not_found)?;
            (attributes.user, attributes.group) = (owner.words[0] as u32, owner.words[1] as u32);
        }
        Ok(attributes)
    }

    fn entries(&self, directory: u64) -> Result<Vec<Entry>, Error> {
        let entries = match Node::from_number(directory) {
            Node::System(number) => self.system_entries(number)?,
            node => self.entries_of(node)?,
        };
        let entry = |(name, node): (Vec<u8>, Node)| Entry {
            name,
            node: node.number(),
            kind: node.mode() & file_type::MASK,
        };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn link(&self, node: u64, caller: &Caller) -> Result<Vec<u8>, Error> {
        let id = caller.identity.process;
        match node {
            system::SELF => Ok(format!("{id}").into_bytes()),
            system::MOUNTS => Ok(b"self/mounts".to_vec()),
            _ => Err(Error::BadArgument),
        }
    }

    fn special(&self, node: u64) -> Option<Special> {
        let node = Node::from_number(node);
        match node {
            Node::System(system::THREAD_SELF) => Some(Special::CallingThread),
            Node::System(system::SEGMENTS) => Some(Special::SystemV(object_kind::SEGMENT)),
            Node::System(system::SEMAPHORES) => Some(Special::SystemV(object_kind::SEMAPHORES)),
            Node::System(system::MESSAGES) => Some(Special::SystemV(object_kind::MESSAGES)),
            Node::Descriptor { id, slot } => Some(Special::Open(Slot { process: id, slot })),
            Node::DescriptorText { id, slot } => Some(Special::About(Slot { process: id, slot })),
            _ => match node.process_file()?.content {
                Content::Text(MAPPINGS) => Some(Special::Mappings(Slot {
                    process: node.process()?,
                    slot: process_slot::EXECUTABLE,
                })),
                Content::Slot(slot) => {
                    let process = node.process()?;
                    Some(Special::Open(Slot { process, slot }))
                }
                _ => None,
            },
        }
    }

    fn content(&self, node: u64, info: &SystemInfo, realtime_ns: i64) -> Result<Vec<u8>, Error> {
        let node = Node::from_number(node);
        let thread = match node {
            Node::System(number) => return self.system_content(number, info, realtime_ns),
            Node::Thread { thread, .. } => Some(thread),
            _ => None,
        };
        let id = node.process().ok_or(Error::NotFound)?;
        match (node.process_file().map(|file| file.content), thread) {
            (Some(Content::Text(what)), None) => self.describe(id, what),
            (Some(Content::Text(what)), Some(thread)) => self.describe_thread(id, thread, what),
            (Some(Content::Mounts), _) => Ok(self.mounts.borrow().mounts.clone()),
            (Some(Content::MountInformation), _) => Ok(self.mounts.borrow().information.clone()),
            _ => Err(Error::NotSupported),
        }
    }
}
