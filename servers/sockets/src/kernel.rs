//! What the servers of sockets ask of the kernel.

use alloc::vec::Vec;
use kernel_abi::{Handle, Signals};
use proto::{Answer, Error};

/// Effects outside this server. Handles that are made here are closed here, unless they are moved.
pub trait Kernel {
    /// Makes a session with a data object (moved) or `Handle::NONE`.
    fn session_create(&mut self, badge: u64, data: Handle, status: u32) -> Result<Handle, Error>;
    /// Another handle to a session.
    fn session_open(&mut self, badge: u64) -> Result<Handle, Error>;
    /// The number of the object behind a handle.
    fn object(&self, handle: Handle) -> Result<u64, Error>;
    /// Badges of all sessions of this server.
    fn sessions(&self) -> Vec<u64>;
    /// Changes a session's own signals.
    fn signal(&mut self, badge: u64, clear: Signals, set: Signals);
    /// Replaces a session's data object (moved).
    fn attach(&mut self, badge: u64, data: Handle) -> Result<(), Error>;
    /// Replaces what a session writes to (moved), or takes it away.
    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error>;
    /// Sets the name that a session's messages carry.
    fn set_name(&mut self, badge: u64, name: &[u8]) -> Result<(), Error>;
    /// A handle to a session's data object.
    fn data(&mut self, badge: u64) -> Result<Handle, Error>;
    /// Makes a stream (`kernel_abi::socket::stream_flags`).
    fn stream(&mut self, flags: u64, capacity: u64) -> Result<[Handle; 2], Error>;
    /// A handle to the other end of a stream.
    fn other_end(&mut self, end: Handle) -> Result<Handle, Error>;
    /// Reads or sets a property (`kernel_abi::socket::stream_property`).
    fn property(&mut self, stream: Handle, property: u64, set: Option<u64>) -> Result<u64, Error>;
    /// Ends directions of a stream.
    fn shut_down(&mut self, stream: Handle, directions: u64) -> Result<(), Error>;
    /// Puts a session (copied) into a queue of connections, with the name of its peer; never waits.
    fn send_connection(&mut self, queue: Handle, session: Handle, name: &[u8])
    -> Result<(), Error>;
    /// Has `signalled` called with the cookie, once, when any of the signals is raised.
    fn watch(&mut self, object: Handle, signals: Signals, cookie: u64) -> Result<(), Error>;
    /// Sends a message, from whom `name` says.
    fn send(&mut self, stream: Handle, message: &[u8], name: &[u8]) -> Result<(), Error>;
    /// Reads bytes.
    fn read(&mut self, stream: Handle, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Writes bytes.
    fn write(&mut self, stream: Handle, bytes: &[u8]) -> Result<usize, Error>;
    /// Reads and writes of this end never wait from now on.
    fn do_not_wait(&mut self, stream: Handle) -> Result<(), Error>;
    /// Closes a handle.
    fn close(&mut self, handle: Handle);
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// How many slots may hold a record of an earlier instance.
    fn records(&self) -> usize;
    /// Reads a record.
    fn load(&self, slot: usize) -> Option<Vec<u8>>;
    /// Writes a record.
    fn store(&mut self, slot: usize, record: &[u8]);
    /// Empties a slot.
    fn clear(&mut self, slot: usize);
}
