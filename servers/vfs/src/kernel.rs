//! What the name space asks of the kernel.

use alloc::vec::Vec;
use kernel_abi::{Handle, Rights, Signals};
use proto::{Answer, Error};

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
    /// The number of the object behind a handle.
    fn object(&self, handle: Handle) -> Result<u64, Error>;
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
    /// Replaces a session's data object (moved).
    fn session_attach(&mut self, badge: u64, data: Handle) -> Result<(), Error>;
    /// Another handle.
    fn duplicate(&mut self, handle: Handle) -> Result<Handle, Error>;
    /// Closes a handle.
    fn close(&mut self, handle: Handle);
    /// A cursor over fresh memory with this content, to read.
    fn content(&mut self, bytes: &[u8]) -> Result<Handle, Error>;
    /// The data object of a null device, or of one that reads as zeros.
    fn void(&mut self, zeros: bool) -> Result<Handle, Error>;
    /// A one-way stream: the end to read and the end to write.
    fn pipe(&mut self) -> Result<[Handle; 2], Error>;
    /// Moves the bytes queued at a stream's reading end into another stream's writing end.
    fn move_queued(&mut self, from: Handle, to: Handle);
    /// Random bytes.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
    /// Real time, ns since 1970.
    fn realtime_ns(&self) -> i64;
    /// Counters of the system.
    fn system(&self) -> kernel_abi::system::SystemInfo;
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
}
