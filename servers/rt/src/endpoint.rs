//! What servers do with their endpoint beside receiving.

use alloc::vec::Vec;

use kernel_abi::system::clock;
use kernel_abi::{Error, Handle, Signals};
use kernel_stubs::safe;

/// The badges of all sessions of an endpoint, in order: what an instance that follows another one finds.
pub fn sessions(endpoint: Handle) -> Vec<u64> {
    let mut all = Vec::new();
    let mut page = [0; 64];
    loop {
        let after = all.last().copied().unwrap_or(0);
        match safe::session_list(endpoint, after, &mut page) {
            Ok(count @ 1..) => all.extend_from_slice(&page[..count.min(page.len())]),
            _ => return all,
        }
    }
}

/// A timer that tells an endpoint of its end as a signal with a cookie.
pub struct Alarm {
    endpoint: Handle,
    timer: Handle,
    cookie: u64,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// Those of making a timer.
    pub fn new(endpoint: Handle, cookie: u64) -> Result<Alarm, Error> {
        let timer = safe::timer_create(clock::MONOTONIC)?;
        Ok(Alarm {
            endpoint,
            timer,
            cookie,
        })
    }

    /// Sets it to a time of the monotonic clock; `u64::MAX` is never. A failure goes to the log: what
    /// waits for the alarm waits longer.
    pub fn set(&self, deadline_ns: u64) {
        // A binding ends with the signal that it tells, so each setting binds again: afterwards, as what
        // an earlier expiry raised would be told once more.
        safe::timer_set(self.timer, deadline_ns, 0)
            .and_then(|()| {
                safe::endpoint_bind(self.endpoint, self.timer, Signals::READABLE, self.cookie)
            })
            .unwrap_or_else(|error| crate::log!("cannot set a timer: {}", error.name()));
    }
}
