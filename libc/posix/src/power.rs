//! Stopping the machine.

use crate::Result;
use crate::names::{WORKING_DIRECTORY, open_high};
use libc_rt::Session;
use proto::supervisor;
use proto::types::open_flags;

/// What to do after everything has been written out (`supervisor::shut_down`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ShutDown {
    /// Switch off.
    PowerOff = 1,
    /// Start again.
    Restart = 2,
}

/// Stops the system; returns only when that failed. Only root may.
pub fn shut_down(how: ShutDown) -> Result<()> {
    supervisor::shut_down(&supervisor()?, how as u32, 0, &[])?;
    Ok(())
}

/// A session with the supervisor. Only root may open one.
pub(crate) fn supervisor() -> Result<Session> {
    let path = b"/dev/supervisor";
    let handle = open_high(WORKING_DIRECTORY, path, open_flags::READ_WRITE)?;
    Ok(Session::new(handle))
}
