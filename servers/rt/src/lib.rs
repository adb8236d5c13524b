//! The runtime every server and driver stands on: entry, heap, log, sessions as transports, the
//! receive loop, the ELF loader, and mapped memory.
//!
//! A server's `main.rs` is three lines: [`entry!`], take the handles out of [`Start`], [`serve()`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod elf;
mod endpoint;
mod heap;
mod input;
mod log;
mod mapping;
mod request;
mod saved;
mod serve;
mod session;
mod start;

pub use endpoint::{Alarm, sessions};
pub use heap::Heap;
pub use input::{read_input, write_plain};
pub use log::{Log, write_log};
pub use mapping::{Mapping, map_constant};
pub use saved::{Saved, SavedTable};
pub use serve::{ServerCall, Service, reply, serve};
pub use session::Session;
pub use start::Start;

pub use kernel_abi as abi;
pub use kernel_stubs as stubs;

/// Ends the server after a panic: the message goes to the log, the supervisor sees the status.
#[cfg(target_os = "none")]
#[panic_handler]
fn panicked(information: &core::panic::PanicInfo<'_>) -> ! {
    log!("panic: {information}");
    stubs::safe::process_exit(PANIC_STATUS)
}

/// Exit status of a server that panicked.
pub const PANIC_STATUS: u64 = 101;
/// Exit status of a server that the supervisor asked to end.
pub const STOPPED_STATUS: u64 = 103;
/// Exit status of a server that told the supervisor why it cannot start.
pub const CANNOT_START_STATUS: u64 = 102;

#[cfg(target_os = "none")]
#[global_allocator]
static HEAP: Heap = Heap::new();

/// How often this server has taken memory from its heap. (0 where the heap is the host's.)
pub fn allocations() -> u64 {
    #[cfg(target_os = "none")]
    return HEAP.allocations();
    #[cfg(not(target_os = "none"))]
    0
}
