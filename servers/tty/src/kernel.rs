//! What the terminal server asks of the kernel and of its peers.

use alloc::vec::Vec;
use kernel_abi::{Handle, Rights, Signals};
use proto::{Answer, Error};

/// Effects outside this server.
pub trait Kernel {
    /// Makes a session on this server; a handle with these rights.
    fn session_create(&mut self, badge: u64, status: u32, rights: Rights) -> Result<Handle, Error>;
    /// Changes a session's signals.
    fn session_signal(&mut self, badge: u64, clear: Signals, set: Signals);
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// Copies out of an input buffer of a call that was kept; the count, 0 when it is not mapped.
    fn read_kept(
        &mut self,
        token: u64,
        buffer: usize,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<usize, Error>;
    /// Copies into an output buffer of a call that was kept.
    fn write_kept(
        &mut self,
        token: u64,
        buffer: usize,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error>;
    /// The signals that the caller's thread blocks: bit N-1 for signal N.
    fn blocked(&mut self, token: u64) -> Result<u64, Error>;
    /// Has the server told when this monotonic time is reached; `u64::MAX` = never.
    fn set_alarm(&mut self, deadline_ns: u64);
    /// Monotonic time.
    fn now_ns(&self) -> u64;
    /// Real time, ns since 1970.
    fn realtime_ns(&self) -> i64;
    /// Badges of all sessions on this server.
    fn sessions(&self) -> Vec<u64>;
    /// What an instance before this one saved of a terminal.
    fn saved(&self, terminal: usize) -> Option<Vec<u8>>;
    /// Saves a terminal for the next instance.
    fn save(&mut self, terminal: usize, state: &[u8]);
    /// Reads what the console's driver has, without waiting.
    fn console_read(&mut self, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Writes to the console's driver, without waiting: `WouldBlock` or the count taken.
    fn console_write(&mut self, bytes: &[u8]) -> Result<usize, Error>;
    /// Has the server told when the driver is ready for one of these.
    fn console_watch(&mut self, signals: Signals);
    /// Signals a process group.
    fn signal_group(&mut self, group: u64, signal: u32) -> Result<(), Error>;
    /// Sends SIGHUP and SIGCONT to a session's leader.
    fn hang_up(&mut self, session: u64) -> Result<(), Error>;
    /// Makes a terminal (0: none) the controlling one of a session.
    fn set_terminal(&mut self, session: u64, terminal: u64) -> Result<(), Error>;
    /// Takes the controlling terminal from one process.
    fn release_terminal(&mut self, process: u64) -> Result<(), Error>;
    /// Has the server told when a session's leader ends; an error: it has ended already.
    fn watch_leader(&mut self, terminal: usize, session: u64) -> Result<(), Error>;
    /// Ends that.
    fn forget_leader(&mut self, terminal: usize);
    /// A group's status bits (1 exists, 2 orphaned) and its session.
    fn group_status(&mut self, group: u64) -> Result<(u64, u64), Error>;
    /// Whether a process ignores (1) a signal.
    fn signal_status(&mut self, process: u64, signal: u32) -> Result<u64, Error>;
}
