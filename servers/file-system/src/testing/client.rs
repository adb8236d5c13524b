//! A client that calls a server directly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::string::String;
use std::vec;
use std::vec::Vec;

use kernel_abi::message::operation;
use kernel_abi::{Handle, PAGE_SIZE};
use proto::types::{MAX_GROUPS, Plain};
use proto::{Answer, Attributes, Credentials, Error, Outcome, Request, Transport};

use super::call::TestCall;
use super::kernel::TestKernel;
use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::server::Server;
use crate::volume::Volume;

/// Calls a server as the kernel would deliver it.
pub struct Client<V> {
    /// The server.
    pub server: RefCell<Server<V, TestKernel>>,
    /// Who calls.
    pub credentials: Cell<Credentials>,
    /// The badge of the calls: the name-space server's, or an open file's.
    pub badge: Cell<u64>,
    /// The number of the last call.
    pub token: Cell<u64>,
    /// The next call is the last one again, delivered to another instance.
    pub redelivered: Cell<bool>,
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
        if !self.redelivered.get() {
            self.token.set(self.token.get() + 1);
        }
        let mut call = TestCall {
            badge: self.badge.get(),
            token: self.token.get(),
            words: request.words,
            inputs: request.inputs.iter().map(|bytes| bytes.to_vec()).collect(),
            outputs: RefCell::new(request.outputs.iter().map(|b| b.to_vec()).collect()),
            credentials: self.credentials.get(),
            redelivered: self.redelivered.get(),
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
            redelivered: Cell::new(false),
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
