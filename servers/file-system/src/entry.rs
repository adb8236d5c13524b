//! Directory entries as they travel: the layout of `struct dirent`.

use alloc::vec::Vec;

use crate::volume::Entry;

/// Bytes before the name: node, next cursor, record length, type.
const HEADER: usize = 19;

/// Collects records up to a limit.
pub(crate) struct Records {
    pub(crate) bytes: Vec<u8>,
    limit: usize,
    /// An entry did not fit.
    pub(crate) full: bool,
}

impl Records {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Records {
        Records {
            bytes: Vec::new(),
            limit,
            full: false,
        }
    }

    /// Appends an entry; false when it does not fit.
    pub(crate) fn push(&mut self, entry: Entry<'_>) -> bool {
        let length = (HEADER + entry.name.len() + 1).next_multiple_of(8);
        if self.bytes.len() + length > self.limit {
            self.full = true;
            return false;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&entry.node.to_le_bytes());
        self.bytes
            .extend_from_slice(&entry.next_cursor.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u16).to_le_bytes());
        // `d_type` is the file type of `mode`, shifted (`IFTODT`).
        self.bytes.push((entry.kind >> 12) as u8);
        self.bytes.extend_from_slice(entry.name);
        self.bytes.resize(start + length, 0);
        true
    }
}
