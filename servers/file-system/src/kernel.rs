//! What a file-system server asks of the kernel.

use alloc::vec::Vec;

use kernel_abi::memory::{MemoryInfo, Range};
use kernel_abi::{Handle, Rights};
use proto::{Answer, Error};

/// Effects outside the server.
pub trait Kernel {
    /// Makes a session on the server's endpoint. With `data`, a Cursor over that Memory with
    /// those rights is attached.
    fn session_create(
        &mut self,
        badge: u64,
        data: Option<(Handle, Rights)>,
        status_flags: u32,
    ) -> Result<Handle, Error>;
    /// Badges of all sessions on the endpoint.
    fn sessions(&mut self) -> Vec<u64>;
    /// Makes a resizable Memory of zeros.
    fn memory_create(&mut self, size: u64) -> Result<Handle, Error>;
    /// Makes a Memory whose missing pages are asked for under `key`.
    fn memory_create_paged(&mut self, key: u64, size: u64) -> Result<Handle, Error>;
    /// Describes a Memory.
    fn memory_info(&self, memory: Handle) -> Result<MemoryInfo, Error>;
    /// Changes the capacity.
    fn memory_resize(&mut self, memory: Handle, size: u64) -> Result<(), Error>;
    /// Changes the length of the content.
    fn memory_set_length(&mut self, memory: Handle, length: u64) -> Result<(), Error>;
    /// Writes bytes; in paged memory all pages must be present.
    fn memory_write(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error>;
    /// Moves pages from the start of `source` in; present ones stay.
    fn memory_supply(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        source: Handle,
    ) -> Result<(), Error>;
    /// Supplies zero pages; present ones stay.
    fn memory_supply_zero(&mut self, memory: Handle, offset: u64, length: u64)
    -> Result<(), Error>;
    /// Ends waits for pages with an error.
    fn memory_fail(&mut self, memory: Handle, offset: u64, length: u64);
    /// Dirty ranges at and above an offset; empty at the end.
    fn memory_dirty(&self, memory: Handle, offset: u64) -> Result<Vec<Range>, Error>;
    /// A phase of cleaning (`kernel_abi::memory::clean`).
    fn memory_clean(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        phase: u64,
    ) -> Result<(), Error>;
    /// Drops clean pages; returns how many.
    fn memory_discard(&mut self, memory: Handle, length: u64) -> u64;
    /// A handle to give away.
    fn duplicate(&mut self, memory: Handle, rights: Rights) -> Result<Handle, Error>;
    /// Closes a handle.
    fn close(&mut self, handle: Handle);
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// Ns since 1970.
    fn now_ns(&self) -> i64;
    /// Turns ns since boot into ns since 1970.
    fn real_time_ns(&self, monotonic_ns: u64) -> i64;
    /// Keeps a Memory for the next instance of the server under a name; false if that failed.
    fn park(&mut self, name: &str, memory: Handle) -> bool;
    /// What an instance before this one kept under the name.
    fn unpark(&mut self, name: &str) -> Option<Handle>;
    /// Saves the locks for the next instance: whether they fitted.
    fn save_locks(&mut self, locks: &[u8]) -> bool;
    /// What an instance before this one saved.
    fn saved_locks(&mut self) -> Option<Vec<u8>>;
    /// Forgets what was kept.
    fn forget(&mut self, name: &str);
    /// Keeps a Memory for the next instance of the server, as many as there are files; where it is kept, or
    /// `None` if that failed.
    fn keep(&mut self, memory: Handle) -> Option<u32>;
    /// A handle to what is kept there.
    fn kept(&mut self, slot: u32) -> Option<Handle>;
    /// Keeps it no more.
    fn drop_kept(&mut self, slot: u32);
    /// Keeps only these, in ascending order.
    fn keep_only(&mut self, slots: &[u32]);
}
