//! Priority ceilings: a thread that holds mutexes with the protocol `PTHREAD_PRIO_PROTECT` runs at
//! the highest of their ceilings at least.

use crate::sys::support::{Error, Result};
use kernel_abi::process::{priority, thread_property};
use libc_rt::{kernel, thread};

/// Level of a real-time priority; 0 for the fair class.
fn level(raw: u64) -> u64 {
    if raw & !0xff == priority::FAIR {
        0
    } else {
        raw & 0xff
    }
}

fn set(raw: u64) -> Result<()> {
    Ok(kernel::thread_set(0, thread_property::PRIORITY, raw)?)
}

/// Raises the calling thread to a ceiling, 1 to 99. POSIX: a thread above the ceiling must not
/// lock the mutex.
pub(super) fn raise(ceiling: u32) -> Result<()> {
    let now = kernel::thread_get(0, thread_property::PRIORITY)?;
    // SAFETY: the current block lives.
    let block = unsafe { &mut *thread::current() };
    let own = if block.ceilings == 0 {
        now
    } else {
        block.priority_below
    };
    let ceiling = u64::from(ceiling);
    if level(own) > ceiling {
        return Err(Error::BadArgument);
    }
    if ceiling > level(now) {
        set(priority::FIFO | ceiling)?;
    }
    block.priority_below = own;
    block.ceilings += 1;
    Ok(())
}

/// A mutex with a ceiling was let go: with the last one the thread's own priority returns. In
/// between it keeps the highest that it had, which POSIX's lower bound allows.
pub(super) fn lower() {
    // SAFETY: the current block lives.
    let block = unsafe { &mut *thread::current() };
    block.ceilings = block.ceilings.saturating_sub(1);
    if block.ceilings == 0 {
        // The priority was the thread's before.
        let _ = set(block.priority_below);
    }
}
