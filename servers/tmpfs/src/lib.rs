//! The server of files in memory: names in the heap, content in Memory objects, both kept for the next
//! instance.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod journal;
mod node;
mod record;
#[cfg(test)]
mod surviving;
#[cfg(test)]
mod tests;
mod tree;
mod volume;

pub use journal::Medium;
pub use volume::TemporaryVolume;

use alloc::boxed::Box;

use kernel_abi::{Error, Handle};
use proto::supervisor;
use server_rt::{Mapping, Session, Start};

/// The share of memory that files may take: one part in this many.
const MEMORY_SHARE: u64 = 2;
/// The name under which the journal's memory is parked.
const JOURNAL: &[u8] = b"journal";

/// Runs the server.
pub fn run(start: Start) -> ! {
    let total = kernel_stubs::safe::system_info().map_or(64 << 20, |info| info.memory_total_bytes);
    let volume = TemporaryVolume::new(
        total / MEMORY_SHARE,
        kernel_stubs::safe::realtime_ns() as i64,
    );
    let supervisor = start.handle("supervisor");
    let kept = supervisor.map(|supervisor| kept_memory(supervisor, volume.journal_bytes()));
    let volume = match kept {
        Some(Ok(memory)) => volume.kept_in(Box::new(memory)),
        Some(Err(error)) => {
            server_rt::log!("nothing is kept for another instance: {}", error.name());
            volume
        }
        None => volume,
    };
    file_system::serve(volume, &start)
}

/// The memory that the supervisor keeps for every instance. Pages are there once written.
fn kept_memory(supervisor: Handle, bytes: u64) -> Result<Mapping, Error> {
    let session = Session(supervisor);
    let memory = match supervisor::unpark(&session, JOURNAL, &[]) {
        Ok(answer) => answer.handles[0],
        Err(_) => {
            let length = bytes.next_multiple_of(kernel_abi::PAGE_SIZE);
            let memory = kernel_stubs::safe::memory_create(length, 0)?;
            if let Err(error) = supervisor::park(&session, JOURNAL, &[memory]) {
                server_rt::log!("the journal cannot be parked: {error}");
            }
            memory
        }
    };
    let length = kernel_stubs::safe::memory_info(memory).map(|info| info.size);
    let mapping = length.and_then(|length| Mapping::new(memory, 0, length, true));
    let _ = kernel_stubs::safe::handle_close(memory);
    mapping
}
