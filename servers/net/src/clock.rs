//! Time.

use kernel_abi::system::clock;
use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::Error;

/// Tells the time, and wakes the server.
pub trait Clock {
    /// Monotonic time, ns.
    fn now_ns(&self) -> u64;
    /// Has the server woken at a time (`None`: not at all).
    fn wake_at(&mut self, deadline_ns: Option<u64>);
    /// The server was woken: it can be so again.
    fn listen(&mut self);
}

/// A timer of the kernel.
pub struct Timer {
    timer: Handle,
    endpoint: Handle,
    cookie: u64,
    deadline_ns: Option<u64>,
}

impl Timer {
    /// A timer whose expiry comes to `endpoint` with a cookie.
    ///
    /// # Errors
    /// Those of making it.
    pub fn new(endpoint: Handle, cookie: u64) -> Result<Timer, Error> {
        let timer = safe::timer_create(clock::MONOTONIC)?;
        let mut made = Timer {
            timer,
            endpoint,
            cookie,
            deadline_ns: None,
        };
        made.listen();
        Ok(made)
    }
}

impl Clock for Timer {
    fn now_ns(&self) -> u64 {
        safe::monotonic_ns()
    }

    fn wake_at(&mut self, deadline_ns: Option<u64>) {
        if self.deadline_ns == deadline_ns {
            return;
        }
        self.deadline_ns = deadline_ns;
        if let Err(error) = safe::timer_set(self.timer, deadline_ns.unwrap_or(u64::MAX), 0) {
            server_rt::log!("the timer cannot be set: {}", error.name());
        }
    }

    fn listen(&mut self) {
        self.deadline_ns = None;
        // Reading it takes the expiry away.
        let _ = safe::read(self.timer, &mut [0; 8]);
        let bound = safe::endpoint_bind(self.endpoint, self.timer, Signals::READABLE, self.cookie);
        if let Err(error) = bound {
            server_rt::log!("the timer cannot be heard: {}", error.name());
        }
    }
}
