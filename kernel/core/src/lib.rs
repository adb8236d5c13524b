//! The kernel's logic: safe Rust that runs on the host too.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod boot;
mod byte_queue;
mod bytes;
mod call;
mod cpu_timer;
mod cursor;
mod device;
mod endpoint;
mod event;
mod fork;
mod forward;
mod futex;
mod futex_lock;
mod handle_table;
mod interrupt;
mod kernel;
pub mod machine;
mod marks;
pub mod memory;
mod object;
mod pending;
mod pending_call;
mod priority;
mod process;
mod process_properties;
mod quick;
mod recovery;
mod scheduler;
mod session;
mod short_way;
mod signal;
pub mod slab;
mod socket;
mod spawn;
mod stream;
mod stream_queue;
mod stream_transfer;
mod system_call;
#[cfg(test)]
mod testing;
mod thread;
mod thread_information;
mod timer;
mod transfer;
mod upcall;
mod upcall_frame;
mod user_memory;
mod void;
mod wait_set;

pub use boot::{FirstProcess, FrameBuffer};
pub use kernel::{Kernel, Next, ThreadId};
pub use quick::QUICK_CALLS;
pub use short_way::{ShortCall, ShortReply};
