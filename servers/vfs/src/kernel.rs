//! What the name space asks of the kernel.

use alloc::vec::Vec;
use kernel_abi::message::WORDS;
use kernel_abi::object::HandleInfo;
use kernel_abi::{Handle, Rights, Signals};
use proto::{Answer, Error, Request};

/// Effects outside this server.
pub trait Kernel {
    /// Makes a session on this server with a data object (moved) or `Handle::NONE`, and returns
    /// a handle with these rights.
    fn session_create(
        &mut self,
        badge: u64,
        data: Handle,
        status: u32,
        rights: Rights,
    ) -> Result<Handle, Error>;
    /// Describes a handle.
    fn describe(&self, handle: Handle) -> Result<HandleInfo, Error>;
    /// The number of this server's endpoint.
    fn endpoint(&self) -> u64;
    /// The position of an open file.
    fn position(&self, handle: Handle) -> u64;
    /// The number of the object behind an own session.
    fn session_object(&self, badge: u64) -> Result<u64, Error>;
    /// Badges of all sessions on this server.
    fn sessions(&self) -> Vec<u64>;
    /// What an instance before this one saved.
    fn saved(&self) -> Option<Vec<u8>>;
    /// Saves the state for the next instance.
    fn save(&mut self, state: &[u8]);
    /// Raises signals of a session.
    fn session_raise(&mut self, badge: u64, set: Signals) -> Result<(), Error>;
    /// Another handle, with at most these rights.
    fn duplicate(&mut self, handle: Handle, rights: Rights) -> Result<Handle, Error>;
    /// Closes a handle.
    fn close(&self, handle: Handle);
    /// A cursor over fresh memory with this content, to read.
    fn content(&mut self, bytes: &[u8]) -> Result<Handle, Error>;
    /// The data object of a null device, or of one that reads as zeros.
    fn void(&mut self, zeros: bool) -> Result<Handle, Error>;
    /// A one-way stream: the end to read and the end to write.
    fn pipe(&mut self) -> Result<[Handle; 2], Error>;
    /// A handle to an own session's data object.
    fn session_data(&mut self, badge: u64) -> Result<Handle, Error>;
    /// A handle to the other end of a stream, which is open from then on.
    fn other_end(&mut self, end: Handle) -> Result<Handle, Error>;
    /// Has a session write to a stream's end (moved) instead of its data object.
    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error>;
    /// Calls a session.
    fn call(&self, session: Handle, request: Request<'_>) -> Result<Answer, Error>;
    /// Passes a call on to another server, which answers it.
    fn forward(&mut self, token: u64, session: Handle, words: [u64; WORDS]) -> Result<(), Error>;
    /// Random bytes.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
    /// The number in its process of the thread that made a taken call.
    fn thread_of_call(&self, token: u64) -> Result<u64, Error>;
    /// Real time, ns since 1970.
    fn realtime_ns(&self) -> i64;
    /// Counters of the system.
    fn system(&self) -> kernel_abi::system::SystemInfo;
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
}
