//! Time.

use kernel_abi::Handle;
use kernel_stubs::safe;
use proto::Error;
use server_rt::Alarm;

/// Tells the time, and wakes the server.
pub trait Clock {
    /// Monotonic time, ns.
    fn now_ns(&self) -> u64;
    /// Has the server woken at a time (`None`: not at all).
    fn wake_at(&mut self, deadline_ns: Option<u64>);
    /// The server was woken.
    fn woken(&mut self);
}

/// An alarm of the kernel.
pub struct Timer {
    alarm: Alarm,
    deadline_ns: Option<u64>,
}

impl Timer {
    /// A timer whose expiry comes to `endpoint` with a cookie.
    ///
    /// # Errors
    /// Those of making it.
    pub fn new(endpoint: Handle, cookie: u64) -> Result<Timer, Error> {
        Ok(Timer {
            alarm: Alarm::new(endpoint, cookie)?,
            deadline_ns: None,
        })
    }
}

impl Clock for Timer {
    fn now_ns(&self) -> u64 {
        safe::monotonic_ns()
    }

    fn wake_at(&mut self, deadline_ns: Option<u64>) {
        if self.deadline_ns != deadline_ns {
            self.deadline_ns = deadline_ns;
            self.alarm.set(deadline_ns.unwrap_or(u64::MAX));
        }
    }

    fn woken(&mut self) {
        self.deadline_ns = None;
    }
}
