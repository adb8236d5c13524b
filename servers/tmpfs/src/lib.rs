//! The server of files in memory: names in the heap, content in Memory objects.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod node;
#[cfg(test)]
mod tests;
mod volume;

pub use volume::TemporaryVolume;

use server_rt::Start;

/// The share of memory that files may take: one part in this many.
const MEMORY_SHARE: u64 = 2;

/// Runs the server.
pub fn run(start: Start) -> ! {
    let total = kernel_stubs::safe::system_info().map_or(64 << 20, |info| info.memory_total_bytes);
    let volume = TemporaryVolume::new(
        total / MEMORY_SHARE,
        kernel_stubs::safe::realtime_ns() as i64,
    );
    file_system::serve(volume, start.endpoint(), start.handle("supervisor"))
}
