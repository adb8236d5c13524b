//! Waiting.

/// A deadline that never comes.
pub const FOREVER: u64 = u64::MAX;
/// A deadline that has passed: poll without waiting.
pub const NOW: u64 = 0;

/// An object to wait for; [`crate::Call::Wait`] takes a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WaitItem {
    /// The object.
    pub handle: u32,
    /// Signals of interest. `PEER_CLOSED` and `ERROR` are always of interest.
    pub signals: u32,
    /// Written by the kernel: those of them that are raised.
    pub raised: u32,
    /// Written by the kernel: 0, or the number of an error (`BadHandle`).
    pub error: u32,
}

/// Flags of a WaitSet's item.
pub mod wait_flags {
    /// Report a signal once each time it is raised.
    pub const EDGE: u64 = 1;
    /// Disarm after one report.
    pub const ONE_SHOT: u64 = 2;
}

/// One report of a WaitSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WaitReport {
    /// The cookie given when the item was added.
    pub cookie: u64,
    /// Signals raised.
    pub raised: u32,
    /// Zero.
    pub reserved: u32,
}

/// Kinds of stream.
pub mod stream_flags {
    /// Bytes from the first end to the second only (a pipe: end 0 reads, end 1 writes).
    pub const ONE_WAY: u64 = 1;
    /// Boundaries are kept: one read takes one message.
    pub const MESSAGES: u64 = 2;
}

/// Argument of [`crate::Call::StreamSend`] and [`crate::Call::StreamReceive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct StreamMessage {
    /// Address of the bytes.
    pub address: u64,
    /// Their length; after a receive, what was taken.
    pub length: u64,
    /// Bytes of a message that did not fit (`MSG_TRUNC`).
    pub truncated: u64,
    /// Handles to send, or received (high slots unless `handle_flags` say otherwise).
    pub handles: [u32; 16],
    /// How many; on a receive, first the most that may be taken.
    pub handle_count: u32,
    /// Bit 0: do not wait. Bit 1: leave the data in the queue (peek). Bit 8 on:
    /// [`crate::object::handle_flags`] of received handles.
    pub flags: u32,
    /// Label of the sender.
    pub sender: u64,
}

/// Directions of [`crate::Call::StreamShutDown`].
pub mod shut_down {
    /// No more reads here.
    pub const READ: u64 = 1;
    /// No more writes here; the peer reads to the end.
    pub const WRITE: u64 = 2;
}
