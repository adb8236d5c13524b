//! A file in memory.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proto::Attributes;
use proto::types::file_type;

/// Entries of a directory. Each has a cursor that it keeps, so that reading a directory goes on
/// at the right place while entries come and go.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) parent: u64,
    by_name: BTreeMap<Vec<u8>, (u64, u64)>,
    by_cursor: BTreeMap<u64, Vec<u8>>,
    last_cursor: u64,
}

/// Cursors below are those of `.` and `..`.
const FIRST_CURSOR: u64 = 3;

impl Directory {
    pub(crate) fn new(parent: u64) -> Directory {
        Directory {
            parent,
            last_cursor: FIRST_CURSOR,
            ..Directory::default()
        }
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<u64> {
        self.by_name.get(name).map(|(node, _)| *node)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds an entry or lets it name another node. Returns its cursor.
    pub(crate) fn insert(&mut self, name: &[u8], node: u64) -> u64 {
        let known = self.by_name.get(name).map(|(_, cursor)| *cursor);
        let cursor = known.unwrap_or(self.last_cursor + 1);
        self.insert_at(name, node, cursor);
        cursor
    }

    /// Adds an entry with the cursor that it has.
    pub(crate) fn insert_at(&mut self, name: &[u8], node: u64, cursor: u64) {
        self.last_cursor = self.last_cursor.max(cursor);
        self.by_name.insert(name.to_vec(), (node, cursor));
        self.by_cursor.insert(cursor, name.to_vec());
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        if let Some((_, cursor)) = self.by_name.remove(name) {
            self.by_cursor.remove(&cursor);
        }
    }

    /// Entries whose cursor is at least `cursor`: cursor, name, node.
    pub(crate) fn from(&self, cursor: u64) -> impl Iterator<Item = (u64, &[u8], u64)> {
        self.by_cursor.range(cursor..).filter_map(|(cursor, name)| {
            let (node, _) = self.by_name.get(name)?;
            Some((*cursor, &name[..], *node))
        })
    }
}

/// What a node is besides its attributes.
pub(crate) enum Body {
    Directory(Directory),
    Symlink(Vec<u8>),
    /// A regular file, whose content is a Memory of the shared server, or a special file.
    Other,
}

/// A node.
pub(crate) struct Node {
    pub(crate) attributes: Attributes,
    pub(crate) generation: u32,
    pub(crate) body: Body,
    /// Where its content is kept for the next instance of this server.
    pub(crate) content: Option<u32>,
}

impl Node {
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    /// Whether its attributes say that it is a directory.
    pub(crate) fn has_kind_of_directory(&self) -> bool {
        self.attributes.mode & file_type::MASK == file_type::DIRECTORY
    }

    /// Whether its attributes say that it is a symbolic link.
    pub(crate) fn has_kind_of_symlink(&self) -> bool {
        self.attributes.mode & file_type::MASK == file_type::SYMLINK
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.attributes.mode & file_type::MASK == file_type::REGULAR
    }
}
