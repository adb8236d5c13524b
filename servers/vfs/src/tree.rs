//! Trees of names that are made up here: `/dev` and `/proc`.

use alloc::vec::Vec;
use kernel_abi::system::SystemInfo;
use proto::types::file_type;
use proto::{Attributes, Error};

use crate::backend::{Stop, Walked};
use crate::permission::{Caller, EXECUTE};

/// Node of every tree's root.
pub const ROOT: u64 = 1;

/// A name in a directory.
pub struct Entry {
    /// Name.
    pub name: Vec<u8>,
    /// Node.
    pub node: u64,
    /// `S_IFMT` bits.
    pub kind: u32,
}

/// Nodes that the tree knows only the meaning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// A link to what a process has open in a slot.
    Open(Slot),
    /// A text about that.
    About(Slot),
    /// The mappings of a process, in which the file in the slot is to be named.
    Mappings(Slot),
    /// A text about the System V objects of a kind (`proto::types::object_kind`).
    SystemV(u32),
    /// A link to the directory of the calling thread.
    CallingThread,
}

/// A slot of a process's handle table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The process's id.
    pub process: u64,
    /// The slot: a descriptor, or one of `proto::types::process_slot`.
    pub slot: u32,
}

/// A tree of names.
pub trait Tree {
    /// Device number.
    fn device(&self) -> u64;
    /// Number of the file system's kind (`f_type`).
    fn kind(&self) -> u64;
    /// The node of a name in a directory (never `.` or `..`).
    fn lookup(&self, directory: u64, name: &[u8]) -> Result<u64, Error>;
    /// The directory that a node is in.
    fn parent(&self, directory: u64) -> u64;
    /// Attributes.
    fn attributes(&self, node: u64) -> Result<Attributes, Error>;
    /// All names of a directory but `.` and `..`.
    fn entries(&self, directory: u64) -> Result<Vec<Entry>, Error>;
    /// Target of a symbolic link.
    fn link(&self, node: u64, caller: &Caller) -> Result<Vec<u8>, Error>;
    /// What is special about a node.
    fn special(&self, _node: u64) -> Option<Special> {
        None
    }
    /// Content of a regular file, at a time since 1970.
    fn content(&self, node: u64, system: &SystemInfo, realtime_ns: i64) -> Result<Vec<u8>, Error>;
    /// Sets attributes, where they are anything to set.
    fn set_attributes(
        &self,
        _node: u64,
        _mask: u64,
        _attributes: &[u8],
        _caller: &Caller,
        _now_ns: i64,
    ) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }
    /// Marks a directory as covered by a mount, or not.
    fn cover(&self, _node: u64, _covered: bool) -> Result<(), Error> {
        Err(Error::Busy)
    }
    /// Whether a mount covers a node.
    fn is_covered(&self, _node: u64) -> bool {
        false
    }
}

fn is_kind(attributes: &Attributes, kind: u32) -> bool {
    attributes.mode & file_type::MASK == kind
}

/// Walks a relative path as a file-system server does.
pub fn walk(
    tree: &dyn Tree,
    start: u64,
    follow: bool,
    path: &[u8],
    caller: &Caller,
) -> Result<Walked, Error> {
    let mut node = start;
    let mut at = 0;
    let mut attributes = tree.attributes(node)?;
    let stopped = |node, consumed, stop, attributes| {
        Ok(Walked {
            node,
            consumed,
            stop,
            attributes,
        })
    };
    loop {
        let name_at = at + path[at..].iter().take_while(|byte| **byte == b'/').count();
        let rest = &path[name_at..];
        if rest.is_empty() {
            return stopped(node, path.len(), Stop::Done, attributes);
        }
        if !is_kind(&attributes, file_type::DIRECTORY) {
            return Err(Error::NotDirectory);
        }
        caller.check(&attributes, EXECUTE)?;
        let length = rest
            .iter()
            .position(|byte| *byte == b'/')
            .unwrap_or(rest.len());
        let name = &rest[..length];
        let is_last = rest[length..].iter().all(|byte| *byte == b'/');
        let next = match name {
            b"." => node,
            b".." if node == ROOT => {
                return stopped(node, name_at + length, Stop::AboveRoot, attributes);
            }
            b".." => tree.parent(node),
            _ => match tree.lookup(node, name) {
                Err(Error::NotFound) if is_last => {
                    return stopped(node, name_at, Stop::Missing, attributes);
                }
                found => found?,
            },
        };
        let next_attributes = tree.attributes(next)?;
        if is_kind(&next_attributes, file_type::SYMLINK) && (!is_last || follow) {
            return stopped(next, name_at, Stop::Symlink, next_attributes);
        }
        if tree.is_covered(next) {
            return stopped(next, name_at + length, Stop::Covered, next_attributes);
        }
        (node, attributes, at) = (next, next_attributes, name_at + length);
    }
}

/// Directory entries as `file::read_directory` gives them. The cursor is the entry's index.
pub fn read_directory(
    tree: &dyn Tree,
    node: u64,
    cursor: u64,
    out: &mut [u8],
) -> Result<usize, Error> {
    let special = |name: &[u8], node| Entry {
        name: name.to_vec(),
        node,
        kind: file_type::DIRECTORY,
    };
    let mut entries = alloc::vec![special(b".", node), special(b"..", tree.parent(node))];
    entries.extend(tree.entries(node)?);
    let first = usize::try_from(cursor)
        .unwrap_or(usize::MAX)
        .min(entries.len());
    let mut used = 0;
    for (index, entry) in entries.iter().enumerate().skip(first) {
        let length = (19 + entry.name.len() + 1).next_multiple_of(8);
        let Some(record) = out.get_mut(used..used + length) else {
            // Not even one fits: the caller's buffer is too small to make progress.
            return if used == 0 {
                Err(Error::BadArgument)
            } else {
                Ok(used)
            };
        };
        record.fill(0);
        record[..8].copy_from_slice(&entry.node.to_le_bytes());
        record[8..16].copy_from_slice(&(index as u64 + 1).to_le_bytes());
        record[16..18].copy_from_slice(&(length as u16).to_le_bytes());
        record[18] = (entry.kind >> 12) as u8;
        record[19..19 + entry.name.len()].copy_from_slice(&entry.name);
        used += length;
    }
    Ok(used)
}

/// A directory's name in its parent.
pub fn name(tree: &dyn Tree, node: u64) -> Result<(Vec<u8>, u64), Error> {
    let parent = tree.parent(node);
    let entry = tree
        .entries(parent)?
        .into_iter()
        .find(|entry| entry.node == node);
    entry
        .map(|entry| (entry.name, parent))
        .ok_or(Error::NotFound)
}
