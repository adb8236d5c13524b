//! What the process server asks of the kernel.

use alloc::vec::Vec;
use kernel_abi::Handle;
use kernel_abi::memory::RegionInfo;
use kernel_abi::process::{ForkResult, ProcessInfo, ThreadInfo};
use proto::types::SignalInformation;
use proto::{Answer, Error};

use crate::execute::{Program, Source};
use crate::stack::FirstStack;

/// A process that has not run yet.
#[derive(Clone, Copy, Debug)]
pub struct Built {
    /// Its handle.
    pub process: Handle,
    /// What its stack holds.
    pub first_stack: FirstStack,
}

/// Effects outside this server. Every one names the process by the handle that fork or
/// [`Kernel::build`] gave.
pub trait Kernel {
    /// Clones the caller of a taken call.
    fn fork(&mut self, token: u64) -> Result<ForkResult, Error>;
    /// Whether the caller of a taken call, which came by a process's own session, is the process
    /// behind a handle.
    fn is_caller(&mut self, token: u64, process: Handle) -> Result<bool, Error>;
    /// Ends the caller of such a call.
    fn kill_caller(&mut self, token: u64) -> Result<(), Error>;
    /// Gives a built process what the caller of a taken call leaves it: handles, ignored signals
    /// but those of `defaults`, limits, priority and a mask (`kernel_abi::Call::ProcessInherit`).
    fn inherit(
        &mut self,
        token: u64,
        process: Handle,
        mask: u64,
        defaults: u64,
    ) -> Result<(), Error>;
    /// Puts a copy of a handle of one process into a slot of another.
    fn copy_handle(
        &mut self,
        from: Handle,
        source: u32,
        to: Handle,
        target: u32,
    ) -> Result<(), Error>;
    /// Puts a copy of a handle into a slot of a process.
    fn give(&mut self, process: Handle, handle: Handle, slot: Handle) -> Result<(), Error>;
    /// The program that writes core files.
    fn core_writer(&mut self) -> Result<Source, Error>;
    /// The first slot in use from `slot` on.
    fn next_slot(&self, process: Handle, slot: u32) -> Option<u32>;
    /// A copy of the handle in a process's slot.
    fn take(&mut self, process: Handle, slot: u32) -> Result<Handle, Error>;
    /// The thread with the first number from `number` on.
    fn thread(&self, process: Handle, number: u64) -> Option<ThreadInfo>;
    /// Closes handles of a process.
    fn close_handles(&mut self, process: Handle, first: u32, last: u32);
    /// Bytes of memory that nobody uses, and all there is.
    fn memory(&self) -> (u64, u64);
    /// Makes the process a client of this server under `badge`: its session in
    /// `Handle::PROCESS_SERVER`, its exceptions and its end told to this server.
    fn adopt(&mut self, process: Handle, badge: u64) -> Result<(), Error>;
    /// Writes the identity page.
    fn set_identity(&mut self, process: Handle, identity: &proto::Identity) -> Result<(), Error>;
    /// Makes a process that holds `program` and has not run yet.
    fn build(&mut self, program: &Program<'_>) -> Result<Built, Error>;
    /// Copies out of a process's memory: bytes copied.
    fn read_memory(&self, process: Handle, address: u64, bytes: &mut [u8]) -> usize;
    /// The content of an executable that a client sent the open file of.
    fn open_program(&mut self, file: Handle) -> Result<Source, Error>;
    /// Gives the caller of a taken call the program of `from` and answers the call by it. The
    /// handle `from` is closed.
    fn replace(&mut self, token: u64, from: Handle) -> Result<(), Error>;
    /// Ends a process with a status word.
    fn kill(&mut self, process: Handle, status: u64);
    /// Stops all threads.
    fn suspend(&mut self, process: Handle);
    /// Lets them go on.
    fn resume(&mut self, process: Handle);
    /// Raises a signal; thread 0: any. One whose default is to do nothing is dropped where the
    /// action is the default and nobody blocks it. `WouldBlock` when too many are queued.
    fn raise(
        &mut self,
        process: Handle,
        thread: u64,
        information: &SignalInformation,
    ) -> Result<(), Error>;
    /// Drops the pending signals of a set.
    fn discard(&mut self, process: Handle, set: u64);
    /// What the process does on a signal (`kernel_abi::process::upcall_flags`, and the flags of
    /// `sigaction` that the kernel keeps for this server: [`crate::signal::kept`]).
    fn action(&self, process: Handle, signal: u32) -> u64;
    /// State, times, upcall sets.
    fn information(&self, process: Handle) -> ProcessInfo;
    /// The mapping at or above an address.
    fn region(&self, process: Handle, address: u64) -> Option<RegionInfo>;
    /// Sets a property (`kernel_abi::process::process_property`).
    fn set_property(&mut self, process: Handle, property: u64, value: u64) -> Result<(), Error>;
    /// A copy of a process's handle by which its end is seen, and no more.
    fn share(&mut self, process: Handle) -> Result<Handle, Error>;
    /// Closes a handle.
    fn close(&mut self, handle: Handle);
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// Copies into an output buffer of a call that was kept.
    fn write_kept(&mut self, token: u64, buffer: usize, bytes: &[u8]) -> Result<(), Error>;
    /// Monotonic time.
    fn now_ns(&self) -> u64;
    /// Has this server told of a process's end, with its id.
    fn watch(&mut self, process: Handle, id: u64);
    /// Keeps a handle in a slot for the next instance.
    fn keep(&mut self, slot: usize, process: Handle);
    /// Lets a slot's handle go.
    fn release(&mut self, slot: usize);
    /// A copy of a slot's handle.
    fn take_kept(&mut self, slot: usize) -> Option<Handle>;
    /// Slots with records.
    fn kept_slots(&self) -> Vec<usize>;
    /// Replaces a slot's record.
    fn write_record(&mut self, slot: usize, record: &[u8]);
    /// A slot's record.
    fn read_record(&self, slot: usize) -> Option<Vec<u8>>;
    /// Empties a slot.
    fn clear_record(&mut self, slot: usize);
    /// Writes a line to the kernel's log.
    fn log(&self, text: &str);
    /// Random bytes.
    fn random(&mut self, bytes: &mut [u8]);
}

/// Splits NUL-ended strings that stand one after the other.
pub fn split_strings(bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    match bytes.strip_suffix(&[0]) {
        None if bytes.is_empty() => Ok(Vec::new()),
        None => Err(Error::BadArgument),
        Some(text) => Ok(text.split(|byte| *byte == 0).collect()),
    }
}
