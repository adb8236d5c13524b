//! The server's state, and what the interfaces share.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use kernel_abi::message::{operation, status_flags};
use proto::types::{Plain, attribute_mask, file_type, open_flags};
use proto::{Answer, Attributes, Call, Credentials, Error, Input, Outcome, Output, Reply};

use crate::content::Content;
use crate::entry::Records;
use crate::kernel::Kernel;
use crate::lock::Locks;
use crate::lock_owner;
use crate::node::Users;
use crate::open_file::OpenFile;
use crate::permission::{self, EXECUTE, WRITE};
use crate::volume::{NewNode, Volume};

/// Longest path, and longest target of a symbolic link.
pub(crate) const MAXIMUM_PATH: usize = 4095;
/// Most bytes of directory entries in one answer.
const MAXIMUM_ENTRIES: u64 = 32 << 10;

/// A file-system server over a volume.
pub struct Server<V, K> {
    /// The nodes and names.
    pub volume: V,
    /// Effects.
    pub kernel: K,
    pub(crate) nodes: BTreeMap<u64, Users>,
    pub(crate) contents: BTreeMap<u64, Content>,
    /// Nodes that another file system is mounted on.
    pub(crate) covered: BTreeSet<u64>,
    pub(crate) locks: Locks,
    /// Sessions that tell the end of processes with locks.
    pub(crate) lock_owners: BTreeSet<u64>,
    /// The node that was found or made last, and its directory: the next open is most likely its.
    pub(crate) found: (u64, u64),
    /// Makes badges unique.
    pub(crate) serial: u64,
    /// Counts uses, to find what was not used for long.
    pub(crate) ticks: u64,
    pub(crate) unmounted: bool,
    /// How many contents are parked.
    pub(crate) parked: usize,
    /// Where contents are kept that are given up after the next commit.
    pub(crate) dropped_slots: Vec<u32>,
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// A server that nobody uses yet, or, after a restart, the one whose sessions the kernel
    /// still knows.
    pub fn new(volume: V, kernel: K) -> Server<V, K> {
        let mut server = Server {
            volume,
            kernel,
            nodes: BTreeMap::new(),
            contents: BTreeMap::new(),
            covered: BTreeSet::new(),
            locks: Locks::default(),
            lock_owners: BTreeSet::new(),
            found: (0, 0),
            serial: 0,
            ticks: 0,
            unmounted: false,
            parked: 0,
            dropped_slots: Vec::new(),
        };
        let sessions = server.kernel.sessions();
        server.restore_locks(&sessions);
        for badge in sessions {
            let Some(file) = OpenFile::from_badge(badge) else {
                continue;
            };
            server.add_session(file);
        }
        for node in server.volume.covered() {
            if server.change_hold(node, true).is_ok() {
                server.covered.insert(node);
            }
        }
        server.adopt_contents();
        server.drop_unnoted();
        server
    }

    /// Serves one call of any of the three kinds, once: a call that an instance before this one
    /// had carried out, and died before it answered, gets the answer it would have got.
    pub fn call<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        if call.redelivered()
            && let Some((number, words)) = self.volume.last_commit()
            && number == call.number()
        {
            return Ok(Answer {
                words,
                ..Answer::default()
            }
            .into());
        }
        let reply = self.serve(call);
        // What hands out a handle is done again: its effect went with the dead instance.
        let done = match &reply {
            Ok(Outcome::Answer(answer)) if answer.handle_count == 0 => {
                Some((call.number(), answer.words))
            }
            _ => None,
        };
        self.commit(done);
        reply
    }

    fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        let file = OpenFile::from_badge(call.badge());
        match (number, file) {
            _ if self.unmounted => Err(Error::NoDevice),
            _ if lock_owner::process_of(call.badge()).is_some() => Err(Error::Unsupported),
            (operation::READ, Some(file)) => self.read(file),
            (operation::WRITE, Some(file)) => self.write(call, file),
            (operation::SEEK, Some(file)) => self.seek(call, file),
            (number, Some(_)) if proto::file::contains(number) => proto::file::dispatch(self, call),
            (number, None) if proto::file_system::contains(number) => {
                proto::file_system::dispatch(self, call)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// Makes a session of a node. Permission has been checked.
    pub(crate) fn open_session(&mut self, node: u64, flags: u32, kind: u32) -> Reply {
        let file = OpenFile::new(node, flags);
        let rights = file.cursor_rights();
        // A file opened to execute has a Cursor too, without rights: by it the process server
        // knows that the session is a file system's.
        let data = if kind == file_type::REGULAR && (rights.0 != 0 || file.executable) {
            Some((self.content(node)?.memory, rights))
        } else {
            None
        };
        let mut status = 0;
        if flags & open_flags::APPEND != 0 {
            status |= status_flags::APPEND;
        }
        if flags & open_flags::NONBLOCK != 0 {
            status |= status_flags::NONBLOCK;
        }
        let session = loop {
            self.serial += 1;
            let badge = file.badge(self.serial)?;
            match self.kernel.session_create(badge, data, status) {
                // Left over from before a restart, or the serial number came round.
                Err(Error::Exists) => continue,
                other => break other?,
            }
        };
        self.add_session(file);
        Ok(Answer::value(u64::from(kind)).with_handle(session).into())
    }

    /// Attributes of a directory that the caller may change.
    pub(crate) fn writable_directory(
        &mut self,
        directory: u64,
        credentials: &Credentials,
    ) -> Result<Attributes, Error> {
        let attributes = self.status_of(directory)?;
        if attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        permission::check(&attributes, credentials, WRITE | EXECUTE)?;
        Ok(attributes)
    }

    pub(crate) fn create_node(
        &mut self,
        directory: u64,
        name: &[u8],
        credentials: &Credentials,
        mode: u32,
        special_device: u64,
        target: &[u8],
    ) -> Reply {
        let parent = self.writable_directory(directory, credentials)?;
        let (user, group, mode) = permission::inherited(&parent, credentials, mode);
        let now_ns = self.kernel.now_ns();
        let new = NewNode {
            mode,
            user,
            group,
            special_device,
            target,
            now_ns,
        };
        let node = self.volume.create(directory, name, &new)?;
        self.found = (node, directory);
        Ok(Answer::value(node).into())
    }

    /// Checks that the entry `name` of `directory` may be removed; returns the node.
    pub(crate) fn check_victim(
        &mut self,
        directory: u64,
        name: &[u8],
        credentials: &Credentials,
    ) -> Result<(u64, Attributes), Error> {
        let parent = self.writable_directory(directory, credentials)?;
        let node = self.volume.lookup(directory, name)?;
        let victim = self.status_of(node)?;
        permission::check_remove(&parent, &victim, credentials)?;
        Ok((node, victim))
    }

    /// Sets attributes after a check against `credentials`.
    pub(crate) fn change_attributes(
        &mut self,
        node: u64,
        mask: u64,
        values: &Attributes,
        credentials: &Credentials,
    ) -> Result<(), Error> {
        let now = self.status_of(node)?;
        let (mut mask, mut values) = permission::check_change(&now, credentials, mask, values)?;
        let now_ns = self.kernel.now_ns();
        if mask & attribute_mask::ACCESS_NOW != 0 {
            values.access_ns = now_ns;
            mask |= attribute_mask::ACCESS;
        }
        if mask & attribute_mask::MODIFY_NOW != 0 {
            values.modify_ns = now_ns;
            mask |= attribute_mask::MODIFY;
        }
        if mask & attribute_mask::SIZE != 0 {
            self.check_regular(&now)?;
            permission::check(&now, credentials, WRITE)?;
            self.truncate_content(node, values.size)?;
        }
        let rest = mask
            & (attribute_mask::MODE
                | attribute_mask::USER
                | attribute_mask::GROUP
                | attribute_mask::ACCESS
                | attribute_mask::MODIFY);
        if rest == 0 {
            Ok(())
        } else {
            self.volume.set_attributes(node, rest, &values, now_ns)
        }
    }

    /// Notes that content has been used, once after each change of it and once a day: what is read
    /// all the time is not written to the disk each time.
    pub(crate) fn mark_access(&mut self, node: u64, attributes: &Attributes) -> Result<(), Error> {
        const DAY_NS: i64 = 86_400_000_000_000;
        let access_ns = self.kernel.now_ns();
        let is_recent = attributes.access_ns > attributes.modify_ns
            && access_ns.saturating_sub(attributes.access_ns) < DAY_NS;
        if is_recent {
            return Ok(());
        }
        let values = Attributes {
            access_ns,
            ..*attributes
        };
        // This is no change of status: that keeps its time.
        let changed_ns = attributes.change_ns;
        self.volume
            .set_attributes(node, attribute_mask::ACCESS, &values, changed_ns)
    }

    pub(crate) fn check_regular(&self, attributes: &Attributes) -> Result<(), Error> {
        match attributes.mode & file_type::MASK {
            file_type::REGULAR => Ok(()),
            file_type::DIRECTORY => Err(Error::IsDirectory),
            _ => Err(Error::BadArgument),
        }
    }

    /// Directory entries from a cursor on, into the caller's buffer.
    pub(crate) fn list<C: Call + ?Sized>(
        &mut self,
        call: &C,
        node: u64,
        cursor: u64,
        output: Output,
    ) -> Reply {
        let mut records = Records::new(output.length.min(MAXIMUM_ENTRIES) as usize);
        self.volume
            .read_directory(node, cursor, &mut |entry| records.push(entry))?;
        if records.bytes.is_empty() && records.full {
            // Not even one entry fits.
            return Err(Error::BadArgument);
        }
        call.write(output, 0, &records.bytes)?;
        Ok(Answer::value(records.bytes.len() as u64).into())
    }

    /// The name of `node` in its parent; if it is no directory, in that where it was opened last.
    /// `NotFound` when it has none there, or nothing is known about it.
    pub(crate) fn name_of(&mut self, node: u64) -> Result<(Vec<u8>, u64), Error> {
        let kind = self.volume.attributes(node)?.mode & file_type::MASK;
        let parent = match self.nodes.get(&node) {
            _ if kind == file_type::DIRECTORY => self.volume.lookup(node, b"..")?,
            Some(users) if users.directory != 0 => users.directory,
            _ => return Err(Error::NotFound),
        };
        let mut found = None;
        self.volume.read_directory(parent, 0, &mut |entry| {
            if entry.node == node && entry.name != b"." && entry.name != b".." {
                found = Some(entry.name.to_vec());
            }
            found.is_none()
        })?;
        Ok((found.ok_or(Error::NotFound)?, parent))
    }

    pub(crate) fn refuse_busy(&self, node: u64) -> Result<(), Error> {
        if self.covered.contains(&node) || node == self.volume.root() {
            return Err(Error::Busy);
        }
        Ok(())
    }
}

/// Reads an input as a structure.
pub(crate) fn read_plain<T: Plain, C: Call + ?Sized>(call: &C, input: Input) -> Result<T, Error> {
    if input.length != T::SIZE as u64 {
        return Err(Error::BadMessage);
    }
    T::decode(&server_rt::read_input(
        call,
        input,
        T::SIZE,
        Error::BadMessage,
    )?)
    .ok_or(Error::BadMessage)
}
