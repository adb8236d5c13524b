//! A terminal: a line discipline, who controls it, and who waits for it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use proto::{Attributes, Identity};

use crate::line::Line;

/// Bytes queued for the device above which writers wait.
pub const OUTPUT_LIMIT: usize = 16384;

/// `struct winsize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Rows, columns, and both in pixels.
    pub fields: [u16; 4],
}

/// A `read` that waits.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Its call.
    pub token: u64,
    /// Bytes wanted.
    pub length: usize,
    /// The reader's group, for job control; `None` when the terminal does not control it.
    pub group: Option<u64>,
    /// When it ends with what there is (`VTIME`), monotonic ns.
    pub deadline_ns: u64,
}

/// A `write` whose bytes are queued, and which is answered when there is room again.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Its call.
    pub token: u64,
    /// Bytes taken.
    pub length: usize,
}

/// The state of a terminal.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// Device number.
    pub device: u64,
    /// Line discipline and modes.
    pub line: Line,
    /// Session that it controls, 0 = none.
    pub session: u64,
    /// Foreground group, 0 = none.
    pub foreground: u64,
    /// Size of the window.
    pub window: WindowSize,
    /// Mode, owner and times.
    pub attributes: Attributes,
    /// Output for the device.
    pub output: VecDeque<u8>,
    /// Waiting reads, in order.
    pub readers: Vec<Reader>,
    /// Waiting writes, in order.
    pub writers: Vec<Writer>,
    /// Badges of the sessions that have it open.
    pub badges: Vec<u64>,
    /// Signals last given to them.
    pub readable: bool,
    /// The same.
    pub writable: bool,
}

impl Terminal {
    /// Whether it is the controlling terminal of a process.
    pub fn controls(&self, identity: &Identity) -> bool {
        identity.session != 0 && identity.session == self.session
    }

    /// Whether a process must not read: it is controlled, and not in the foreground.
    pub fn is_background(&self, identity: &Identity) -> bool {
        self.controls(identity) && identity.group != self.foreground
    }
}
