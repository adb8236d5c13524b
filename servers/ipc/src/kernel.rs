//! What this server asks of the kernel and of its peers.

use alloc::vec::Vec;
use kernel_abi::{Handle, Signals};
use proto::{Answer, Error};

/// A signal that a message's arrival raises (POSIX `mq_notify`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The process to be told.
    pub process: u64,
    /// The signal's number.
    pub signal: u32,
    /// Its value.
    pub value: u64,
    /// Who sent the message.
    pub sender: u64,
    /// The sender's real user.
    pub user: u32,
}

/// Effects outside this server.
pub trait Kernel {
    /// Makes a session on this server.
    fn session_create(&mut self, badge: u64) -> Result<Handle, Error>;
    /// Changes a session's signals.
    fn session_signal(&mut self, badge: u64, clear: Signals, set: Signals);
    /// Badges of all sessions on this server.
    fn sessions(&self) -> Vec<u64>;
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// Copies out of an input buffer of a call that was kept: the bytes copied.
    fn read_kept(&self, token: u64, buffer: usize, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Copies into an output buffer of a call that was kept.
    fn write_kept(&mut self, token: u64, buffer: usize, bytes: &[u8]) -> Result<(), Error>;
    /// Has the server told when this monotonic time is reached; `u64::MAX` = never.
    fn set_alarm(&mut self, deadline_ns: u64);
    /// Monotonic time.
    fn now_ns(&self) -> u64;
    /// Real time, s since 1970.
    fn realtime_s(&self) -> i64;
    /// Bytes of memory that the machine has.
    fn memory_bytes(&self) -> u64;
    /// What an instance before this one saved.
    fn saved(&self) -> Option<Vec<u8>>;
    /// Saves the state for the next instance: whether it fitted.
    fn save(&mut self, state: &[u8]) -> bool;
    /// Copies out of the memory where messages lie.
    fn arena_read(&self, offset: u64, bytes: &mut [u8]) -> bool;
    /// Copies into it.
    fn arena_write(&mut self, offset: u64, bytes: &[u8]) -> bool;
    /// Makes a segment's memory and keeps it under its id.
    fn segment_create(&mut self, id: u32, bytes: u64) -> Result<(), Error>;
    /// A handle to a segment's memory, to be given away.
    fn segment_handle(&self, id: u32, writable: bool) -> Result<Handle, Error>;
    /// How often a segment is mapped.
    fn segment_uses(&self, id: u32) -> u64;
    /// Keeps a segment's memory no longer.
    fn segment_forget(&mut self, id: u32);
    /// Raises a signal in a process. One that is gone is no error.
    fn notify(&mut self, notification: Notification);
}
