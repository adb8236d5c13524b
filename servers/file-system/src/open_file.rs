//! Open files, told from the badges of their sessions.
//!
//! A badge holds all that is to know about an open file, so a restarted server finds its open
//! files in the list of its endpoint's sessions and needs no table that survives it.

use kernel_abi::Rights;
use proto::Error;
use proto::types::open_flags;

/// The bit that tells the sessions of nodes from those that the declaration gives.
pub const NODE_SESSION: u64 = 1 << 63;

const READABLE: u64 = 1 << 62;
const WRITABLE: u64 = 1 << 61;
const EXECUTABLE: u64 = 1 << 60;
const SERIAL_SHIFT: u32 = 32;
const SERIAL_MASK: u64 = (1 << 28) - 1;
const NODE_MASK: u64 = (1 << 32) - 1;

/// What a session stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// The file.
    pub node: u64,
    /// Opened for reading.
    pub readable: bool,
    /// Opened for writing.
    pub writable: bool,
    /// Opened for execution (`O_EXEC`).
    pub executable: bool,
}

impl OpenFile {
    /// What `flags` of `open` ask for.
    pub(crate) fn new(node: u64, flags: u32) -> OpenFile {
        let mode = flags & open_flags::ACCESS_MODE;
        let path = flags & open_flags::PATH != 0;
        OpenFile {
            node,
            readable: !path && mode != open_flags::WRITE_ONLY && mode != open_flags::ACCESS_MODE,
            writable: !path && (mode == open_flags::WRITE_ONLY || mode == open_flags::READ_WRITE),
            executable: path && mode == open_flags::ACCESS_MODE,
        }
    }

    /// The badge, made unique by `serial`.
    pub(crate) fn badge(&self, serial: u64) -> Result<u64, Error> {
        if self.node > NODE_MASK {
            return Err(Error::Overflow);
        }
        let bit = |on, bit| if on { bit } else { 0 };
        Ok(NODE_SESSION
            | bit(self.readable, READABLE)
            | bit(self.writable, WRITABLE)
            | bit(self.executable, EXECUTABLE)
            | (serial & SERIAL_MASK) << SERIAL_SHIFT
            | self.node)
    }

    /// What a badge stands for; `None` for badges of the declaration.
    pub fn from_badge(badge: u64) -> Option<OpenFile> {
        (badge & NODE_SESSION != 0).then_some(OpenFile {
            node: badge & NODE_MASK,
            readable: badge & READABLE != 0,
            writable: badge & WRITABLE != 0,
            executable: badge & EXECUTABLE != 0,
        })
    }

    /// The rights on the content that its Cursor gets.
    pub(crate) fn cursor_rights(&self) -> Rights {
        let read = if self.readable {
            Rights::READ
        } else {
            Rights::NONE
        };
        let write = if self.writable {
            Rights::WRITE
        } else {
            Rights::NONE
        };
        read.or(write)
    }

    /// The rights on the content that a mapping gets. What may be read may be executed: the
    /// loader maps libraries from files opened for reading.
    pub(crate) fn map_rights(&self) -> Rights {
        let execute = if self.readable || self.executable {
            Rights::READ.or(Rights::EXECUTE)
        } else {
            Rights::NONE
        };
        let handle = Rights::DUPLICATE.or(Rights::TRANSFER).or(Rights::WAIT);
        self.cursor_rights().or(execute).or(handle)
    }
}
