//! A kernel in memory and a client that calls a server directly, for host tests.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use kernel_abi::memory::{MemoryInfo, Range, clean};
use kernel_abi::message::{WORDS, operation};
use kernel_abi::{Handle, PAGE_SIZE, Rights};
use proto::types::{MAX_GROUPS, Plain};
use proto::{
    Answer, Attributes, Call, Credentials, Error, Identity, Input, Outcome, Output, Request,
    Transport,
};

use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::server::Server;
use crate::volume::Volume;

const PAGE: usize = PAGE_SIZE as usize;

/// A Memory object.
#[derive(Default)]
struct Memory {
    pages: BTreeMap<u64, Box<[u8]>>,
    dirty: BTreeSet<u64>,
    size: u64,
    length: u64,
    key: Option<u64>,
    modified_ns: u64,
    references: u64,
}

/// What the kernel knows.
#[derive(Default)]
pub struct World {
    memories: BTreeMap<u32, Memory>,
    sessions: BTreeMap<u64, Option<u32>>,
    parked: BTreeMap<String, u32>,
    next_handle: u32,
    /// Nanoseconds since boot.
    pub clock_ns: u64,
    /// Answers to calls that were kept.
    pub replies: Vec<(u64, Result<Answer, Error>)>,
    failed: bool,
}

/// The kernel of a test; clones share one world.
#[derive(Clone, Default)]
pub struct TestKernel(pub Rc<RefCell<World>>);

/// Real time at boot in tests.
const BOOT_NS: i64 = 1_800_000_000_000_000_000;

impl TestKernel {
    fn with<T>(&self, memory: Handle, act: impl FnOnce(&mut Memory) -> T) -> Result<T, Error> {
        let mut world = self.0.borrow_mut();
        world
            .memories
            .get_mut(&memory.0)
            .map(act)
            .ok_or(Error::BadHandle)
    }

    /// Copies out of a Memory; absent pages read as zeros.
    pub fn copy_out(&self, memory: Handle, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.with(memory, |memory| {
            for (index, byte) in bytes.iter_mut().enumerate() {
                let at = offset + index as u64;
                let page = memory.pages.get(&(at / PAGE_SIZE));
                *byte = page.map_or(0, |page| page[at as usize % PAGE]);
            }
        })
    }

    /// Copies into a Memory, making absent pages, without marking them as dirty.
    pub fn copy_in(&self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.with(memory, |memory| {
            for (index, byte) in bytes.iter().enumerate() {
                let at = offset + index as u64;
                let page = memory.pages.entry(at / PAGE_SIZE);
                page.or_insert_with(|| vec![0; PAGE].into())[at as usize % PAGE] = *byte;
            }
        })
    }

    fn add(&self, memory: Memory) -> Handle {
        let mut world = self.0.borrow_mut();
        world.next_handle += 1;
        let handle = world.next_handle;
        world.memories.insert(handle, memory);
        Handle(handle)
    }

    /// The content of an open file.
    pub fn memory_of(&self, badge: u64) -> Result<Handle, Error> {
        let memory = self.0.borrow().sessions.get(&badge).copied().flatten();
        memory.map(Handle).ok_or(Error::BadHandle)
    }

    /// Pretends that a Memory has this many mappings.
    pub fn set_references(&self, memory: Handle, references: u64) {
        let _ = self.with(memory, |memory| memory.references = references);
    }
}

impl Kernel for TestKernel {
    fn session_create(
        &mut self,
        badge: u64,
        data: Option<(Handle, Rights)>,
        _status_flags: u32,
    ) -> Result<Handle, Error> {
        let mut world = self.0.borrow_mut();
        if world.sessions.contains_key(&badge) {
            return Err(Error::Exists);
        }
        world
            .sessions
            .insert(badge, data.map(|(memory, _)| memory.0));
        // The low bits of a handle cannot hold a badge: tests find it by the newest session.
        world.next_handle += 1;
        Ok(Handle(world.next_handle))
    }

    fn sessions(&mut self) -> Vec<u64> {
        self.0.borrow().sessions.keys().copied().collect()
    }

    fn memory_create(&mut self, size: u64) -> Result<Handle, Error> {
        Ok(self.add(Memory {
            size,
            ..Memory::default()
        }))
    }

    fn memory_create_paged(&mut self, key: u64, size: u64) -> Result<Handle, Error> {
        Ok(self.add(Memory {
            size,
            key: Some(key),
            ..Memory::default()
        }))
    }

    fn memory_info(&self, memory: Handle) -> Result<MemoryInfo, Error> {
        let parked = self
            .0
            .borrow()
            .parked
            .values()
            .filter(|kept| **kept == memory.0)
            .count() as u64;
        self.with(memory, |memory| MemoryInfo {
            size: memory.size,
            length: memory.length,
            present_pages: memory.pages.len() as u64,
            dirty_pages: memory.dirty.len() as u64,
            modified_ns: memory.modified_ns,
            references: memory.references + parked,
        })
    }

    fn memory_resize(&mut self, memory: Handle, size: u64) -> Result<(), Error> {
        self.with(memory, |memory| {
            memory.size = size;
            memory.pages.retain(|page, _| page * PAGE_SIZE < size);
            memory.dirty.retain(|page| page * PAGE_SIZE < size);
        })
    }

    fn memory_set_length(&mut self, memory: Handle, length: u64) -> Result<(), Error> {
        self.with(memory, |memory| {
            if length > memory.size {
                return Err(Error::BadArgument);
            }
            if length < memory.length
                && let Some(page) = memory.pages.get_mut(&(length / PAGE_SIZE))
            {
                page[length as usize % PAGE..].fill(0);
            }
            memory.length = length;
            Ok(())
        })?
    }

    fn memory_write(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.0.borrow_mut().clock_ns += 1;
        let now = self.0.borrow().clock_ns;
        let pages = offset / PAGE_SIZE..(offset + bytes.len() as u64).div_ceil(PAGE_SIZE);
        self.with(memory, |memory| {
            assert!(
                offset + bytes.len() as u64 <= memory.size,
                "a write beyond the capacity"
            );
            for page in pages {
                let missing = memory.key.is_some() && !memory.pages.contains_key(&page);
                assert!(
                    !missing,
                    "the server would wait for itself to supply a page"
                );
                memory.dirty.insert(page);
            }
            memory.modified_ns = now;
        })?;
        self.copy_in(memory, offset, bytes)
    }

    fn memory_supply(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        source: Handle,
    ) -> Result<(), Error> {
        assert!((offset | length).is_multiple_of(PAGE_SIZE));
        let first = offset / PAGE_SIZE;
        let mut moved = Vec::new();
        self.with(source, |source| {
            for page in 0..length / PAGE_SIZE {
                moved.push(source.pages.remove(&page).unwrap_or(vec![0; PAGE].into()));
            }
        })?;
        self.with(memory, |memory| {
            assert!(offset + length <= memory.size, "pages beyond the capacity");
            for (index, content) in moved.into_iter().enumerate() {
                memory.pages.entry(first + index as u64).or_insert(content);
            }
        })
    }

    fn memory_supply_zero(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        self.with(memory, |memory| {
            assert!(offset + length <= memory.size, "pages beyond the capacity");
            for page in offset / PAGE_SIZE..(offset + length) / PAGE_SIZE {
                memory
                    .pages
                    .entry(page)
                    .or_insert_with(|| vec![0; PAGE].into());
            }
        })
    }

    fn memory_fail(&mut self, _memory: Handle, _offset: u64, _length: u64) {
        self.0.borrow_mut().failed = true;
    }

    fn memory_dirty(&self, memory: Handle, offset: u64) -> Result<Vec<Range>, Error> {
        self.with(memory, |memory| {
            let mut ranges: Vec<Range> = Vec::new();
            for page in memory.dirty.range(offset.div_ceil(PAGE_SIZE)..) {
                let start = page * PAGE_SIZE;
                match ranges.last_mut() {
                    Some(last) if last.offset + last.length == start => last.length += PAGE_SIZE,
                    _ => ranges.push(Range {
                        offset: start,
                        length: PAGE_SIZE,
                    }),
                }
            }
            ranges
        })
    }

    fn memory_clean(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Result<(), Error> {
        self.with(memory, |memory| {
            if phase == clean::END {
                let range = offset / PAGE_SIZE..(offset + length) / PAGE_SIZE;
                memory.dirty.retain(|page| !range.contains(page));
            }
        })
    }

    fn memory_discard(&mut self, memory: Handle, _length: u64) -> u64 {
        let freed = self.with(memory, |memory| {
            let before = memory.pages.len();
            let dirty = &memory.dirty;
            memory.pages.retain(|page, _| dirty.contains(page));
            (before - memory.pages.len()) as u64
        });
        freed.unwrap_or(0)
    }

    fn duplicate(&mut self, memory: Handle, _rights: Rights) -> Result<Handle, Error> {
        Ok(memory)
    }

    fn close(&mut self, handle: Handle) {
        let mut world = self.0.borrow_mut();
        let parked = world.parked.values().any(|memory| *memory == handle.0);
        if !parked {
            world.memories.remove(&handle.0);
        }
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.push((token, result));
    }

    fn now_ns(&self) -> i64 {
        BOOT_NS + self.0.borrow().clock_ns as i64
    }

    fn real_time_ns(&self, monotonic_ns: u64) -> i64 {
        BOOT_NS + monotonic_ns as i64
    }

    fn park(&mut self, name: &str, memory: Handle) -> bool {
        self.0
            .borrow_mut()
            .parked
            .insert(name.to_string(), memory.0);
        true
    }

    fn unpark(&mut self, name: &str) -> Option<Handle> {
        self.0
            .borrow()
            .parked
            .get(name)
            .map(|memory| Handle(*memory))
    }

    fn forget(&mut self, name: &str) {
        self.0.borrow_mut().parked.remove(name);
    }
}

/// A call without a kernel.
struct TestCall {
    badge: u64,
    token: u64,
    words: [u64; WORDS],
    inputs: Vec<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    credentials: Credentials,
}

impl Call for TestCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        u64::from(self.credentials.user) + 1
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        false
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        match index.checked_sub(self.inputs.len()) {
            None => Some((self.inputs[index].len() as u64, false)),
            Some(output) => self
                .outputs
                .borrow()
                .get(output)
                .map(|bytes| (bytes.len() as u64, true)),
        }
    }
    fn handles(&self) -> &[Handle] {
        &[]
    }
    fn identity(&self) -> Result<Identity, Error> {
        let bytes = vec![0; Identity::SIZE];
        let mut identity = Identity::decode(&bytes).ok_or(Error::BadMessage)?;
        identity.credentials = self.credentials;
        Ok(identity)
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let source = self.inputs.get(input.index).ok_or(Error::BadAddress)?;
        let source = source.get(offset as usize..).unwrap_or(&[]);
        let count = source.len().min(bytes.len());
        bytes[..count].copy_from_slice(&source[..count]);
        Ok(count)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut outputs = self.outputs.borrow_mut();
        let index = output
            .index
            .checked_sub(self.inputs.len())
            .ok_or(Error::BadAddress)?;
        let target = outputs.get_mut(index).ok_or(Error::BadAddress)?;
        let target = target.get_mut(offset as usize..).unwrap_or(&mut []);
        let count = target.len().min(bytes.len());
        target[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}

/// Calls a server as the kernel would deliver it.
pub struct Client<V> {
    /// The server.
    pub server: RefCell<Server<V, TestKernel>>,
    /// Who calls.
    pub credentials: Cell<Credentials>,
    /// The badge of the calls: the name-space server's, or an open file's.
    pub badge: Cell<u64>,
    token: Cell<u64>,
}

/// Credentials of a user.
pub fn user(user: u32, group: u32) -> Credentials {
    Credentials {
        user,
        group,
        group_count: 0,
        umask: 0,
        groups: [0; MAX_GROUPS],
    }
}

impl<V: Volume> Transport for Client<V> {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        self.token.set(self.token.get() + 1);
        let mut call = TestCall {
            badge: self.badge.get(),
            token: self.token.get(),
            words: request.words,
            inputs: request.inputs.iter().map(|bytes| bytes.to_vec()).collect(),
            outputs: RefCell::new(request.outputs.iter().map(|b| b.to_vec()).collect()),
            credentials: self.credentials.get(),
        };
        let outcome = self.server.borrow_mut().call(&mut call)?;
        for (target, bytes) in request.outputs.iter_mut().zip(call.outputs.into_inner()) {
            target.copy_from_slice(&bytes);
        }
        match outcome {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Later | Outcome::Forwarded => Err(Error::WouldBlock),
        }
    }
}

impl<V: Volume> Client<V> {
    /// A client of `server`, the superuser.
    pub fn new(server: Server<V, TestKernel>) -> Client<V> {
        Client {
            server: RefCell::new(server),
            credentials: Cell::new(user(0, 0)),
            badge: Cell::new(1),
            token: Cell::new(0),
        }
    }

    /// The token of the last call.
    pub fn last_token(&self) -> u64 {
        self.token.get()
    }

    fn encoded_credentials(&self) -> Vec<u8> {
        let mut bytes = vec![0; Credentials::SIZE];
        self.credentials.get().encode(&mut bytes);
        bytes
    }

    /// Walks a path from the root: node, consumed, reason and attributes.
    pub fn walk(&self, path: &str, follow: bool) -> Result<(u64, u64, u64, Attributes), Error> {
        let mut bytes = vec![0; Attributes::SIZE];
        let root = self.server.borrow().volume.root();
        let credentials = self.encoded_credentials();
        let answer = proto::file_system::walk(
            self,
            root,
            u32::from(follow),
            path.as_bytes(),
            &credentials,
            &mut bytes,
            &[],
        )?;
        let attributes = Attributes::decode(&bytes).ok_or(Error::BadMessage)?;
        Ok((
            answer.words[0],
            answer.words[1],
            answer.words[2],
            attributes,
        ))
    }

    /// The node of a path that exists.
    pub fn node(&self, path: &str) -> Result<u64, Error> {
        match self.walk(path, false)? {
            (node, _, 0, _) => Ok(node),
            _ => Err(Error::NotFound),
        }
    }

    /// The directory and the last name of a path.
    fn parent<'p>(&self, path: &'p str) -> Result<(u64, &'p str), Error> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.node(directory)?, name))
    }

    /// Creates a node.
    pub fn create(&self, path: &str, mode: u32) -> Result<u64, Error> {
        let (directory, name) = self.parent(path)?;
        let credentials = self.encoded_credentials();
        let name = name.as_bytes();
        proto::file_system::create(self, directory, mode, 0, name, &credentials, &[])
            .map(|answer| answer.words[0])
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, target: &str, path: &str) -> Result<u64, Error> {
        let (directory, name) = self.parent(path)?;
        let (name, target) = (name.as_bytes(), target.as_bytes());
        let credentials = self.encoded_credentials();
        proto::file_system::make_symlink(self, directory, name, target, &credentials, &[])
            .map(|answer| answer.words[0])
    }

    /// Removes a name.
    pub fn unlink(&self, path: &str, is_directory: bool) -> Result<(), Error> {
        let (directory, name) = self.parent(path)?;
        let (flag, credentials) = (u32::from(is_directory), self.encoded_credentials());
        let name = name.as_bytes();
        proto::file_system::unlink(self, directory, flag, name, &credentials, &[]).map(|_| ())
    }

    /// Renames.
    pub fn rename(&self, old: &str, new: &str) -> Result<(), Error> {
        let ((from, old), (to, new)) = (self.parent(old)?, self.parent(new)?);
        let credentials = self.encoded_credentials();
        let (old, new) = (old.as_bytes(), new.as_bytes());
        proto::file_system::rename(self, from, to, 0, old, new, &credentials, &[]).map(|_| ())
    }

    /// Sets attributes of a node.
    pub fn set_attributes(&self, path: &str, mask: u64, values: &Attributes) -> Result<(), Error> {
        let node = self.node(path)?;
        let mut bytes = vec![0; Attributes::SIZE];
        values.encode(&mut bytes);
        let credentials = self.encoded_credentials();
        proto::file_system::set_attributes(self, node, mask, &bytes, &credentials, &[]).map(|_| ())
    }

    /// Opens a path: the badge of the new session.
    pub fn open(&self, path: &str, flags: u32) -> Result<u64, Error> {
        let node = self.node(path)?;
        let kernel = self.server.borrow().kernel.clone();
        let before: BTreeSet<u64> = kernel.0.borrow().sessions.keys().copied().collect();
        let credentials = self.encoded_credentials();
        proto::file_system::open(self, node, flags, &credentials, &[])?;
        let world = kernel.0.borrow();
        world
            .sessions
            .keys()
            .find(|badge| !before.contains(badge))
            .copied()
            .ok_or(Error::Io)
    }

    /// Closes a session.
    pub fn close(&self, badge: u64) {
        self.server
            .borrow()
            .kernel
            .0
            .borrow_mut()
            .sessions
            .remove(&badge);
        self.server.borrow_mut().session_closed(badge);
    }

    /// Calls as the holder of an open file.
    pub fn with_file<T>(&self, badge: u64, act: impl FnOnce(&Client<V>) -> T) -> T {
        let before = self.badge.replace(badge);
        let result = act(self);
        self.badge.set(before);
        result
    }

    /// Has the pages of a range supplied, as the kernel would.
    fn fault_in(&self, memory: Handle, offset: u64, length: u64) -> Result<(), Error> {
        let kernel = self.server.borrow().kernel.clone();
        for page in offset / PAGE_SIZE..(offset + length).div_ceil(PAGE_SIZE) {
            let state = kernel.with(memory, |m| (m.key, m.pages.contains_key(&page)))?;
            let (Some(key), false) = state else { continue };
            let place = page * PAGE_SIZE;
            self.server.borrow_mut().page_request(key, place, PAGE_SIZE);
            if core::mem::take(&mut kernel.0.borrow_mut().failed) {
                return Err(Error::Io);
            }
            let supplied = kernel.with(memory, |memory| memory.pages.contains_key(&page))?;
            assert!(supplied, "the server neither supplied a page nor refused");
        }
        Ok(())
    }

    /// Reads through the Cursor of an open file.
    pub fn read(&self, badge: u64, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let memory = self.server.borrow().kernel.memory_of(badge)?;
        let kernel = self.server.borrow().kernel.clone();
        let end = kernel.with(memory, |memory| memory.length)?;
        let length = (length as u64).min(end.saturating_sub(offset));
        self.fault_in(memory, offset, length)?;
        let mut bytes = vec![0; length as usize];
        kernel.copy_out(memory, offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes through the Cursor: inside the file by the kernel, beyond by the server.
    /// `None` appends. Returns the count.
    pub fn write(&self, badge: u64, offset: Option<u64>, bytes: &[u8]) -> Result<u64, Error> {
        let memory = self.server.borrow().kernel.memory_of(badge)?;
        let mut kernel = self.server.borrow().kernel.clone();
        let length = kernel.with(memory, |memory| memory.length)?;
        match offset {
            Some(offset) if offset + bytes.len() as u64 <= length => {
                self.fault_in(memory, offset, bytes.len() as u64)?;
                kernel.memory_write(memory, offset, bytes)?;
                Ok(bytes.len() as u64)
            }
            _ => {
                let words = [
                    operation::WRITE,
                    offset.unwrap_or(u64::MAX),
                    bytes.len() as u64,
                    0,
                    0,
                    0,
                ];
                let request = Request {
                    words,
                    inputs: &[bytes],
                    outputs: &mut [],
                    handles: &[],
                };
                self.with_file(badge, |client| client.call(request))
                    .map(|answer| answer.words[0])
            }
        }
    }

    /// Attributes of an open file.
    pub fn status(&self, badge: u64) -> Result<Attributes, Error> {
        let mut bytes = vec![0; Attributes::SIZE];
        self.with_file(badge, |client| proto::file::status(client, &mut bytes, &[]))?;
        Attributes::decode(&bytes).ok_or(Error::BadMessage)
    }

    /// Names in a directory, sorted, read with a small buffer.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let node = self.node(path)?;
        let (mut names, mut cursor) = (Vec::new(), 0);
        loop {
            let mut bytes = vec![0; 600];
            let answer = proto::file_system::read_directory(self, node, cursor, &mut bytes, &[])?;
            let mut rest = &bytes[..answer.words[0] as usize];
            if rest.is_empty() {
                names.sort();
                return Ok(names);
            }
            while !rest.is_empty() {
                let word = |at: usize| u64::from_le_bytes(rest[at..at + 8].try_into().unwrap());
                let length = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
                cursor = word(8);
                let name = rest[19..length]
                    .split(|byte| *byte == 0)
                    .next()
                    .unwrap_or(&[]);
                names.push(String::from_utf8_lossy(name).into_owned());
                rest = &rest[length..];
            }
        }
    }

    /// Ends the server as a crash would; the kernel's world stays.
    pub fn crash(self) -> (V, TestKernel) {
        let server = self.server.into_inner();
        (server.volume, server.kernel)
    }

    /// The open file that a badge stands for.
    pub fn open_file(badge: u64) -> Option<OpenFile> {
        OpenFile::from_badge(badge)
    }
}
