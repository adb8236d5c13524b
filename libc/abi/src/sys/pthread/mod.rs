//! Threads (POSIX `<pthread.h>`).

mod attribute;
mod attributes;
mod barrier;
mod cancel;
mod ceiling;
mod condition;
mod keys;
mod mutex;
mod named_semaphore;
mod once;
mod owned;
mod rwlock;
mod semaphore;
mod spin;
mod thread;
mod threads;

pub use attribute::*;
pub use attributes::*;
pub use barrier::*;
pub use cancel::*;
pub use condition::*;
pub use keys::*;
pub use mutex::*;
pub use named_semaphore::*;
pub use once::*;
pub use rwlock::*;
pub use semaphore::*;
pub use spin::*;
pub use thread::*;
pub use threads::*;

use super::support::{Result, Timespec, nanoseconds};
use libc_posix::clock;
use libc_rt::futex::Deadline;

/// The deadline of an absolute time; a null pointer: never.
pub(super) unsafe fn deadline(clock_id: i32, at: *const Timespec) -> Result<Deadline> {
    // SAFETY: the caller's.
    match unsafe { at.as_ref() } {
        None => Ok(Deadline::NEVER),
        Some(at) => clock::deadline_of(clock_id, nanoseconds(at)?),
    }
}
