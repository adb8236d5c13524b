//! What every driver of virtio devices does besides its devices' own business: opens all that its
//! session allows, listens to their interrupts, and serves.

use alloc::vec::Vec;

use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::{Error, hardware};
use server_rt::{PANIC_STATUS, ServerCall, Service, Session, Start, log};

use crate::{Opened, QueueError, open};

/// A driver's own part.
pub trait DeviceServer {
    /// What its messages call a device.
    const NAME: &'static str;

    /// A call to the driver's endpoint.
    fn call(&mut self, call: &mut ServerCall) -> proto::Reply;

    /// The last handle of a session is gone.
    fn closed(&mut self, badge: u64);

    /// A caller whose token is kept was interrupted: it is to be answered soon.
    fn cancelled(&mut self, _token: u64) {}

    /// The `index`th device has used some of its buffers.
    ///
    /// # Errors
    /// When the device broke the rules of its queues.
    fn interrupted(&mut self, index: usize) -> Result<(), QueueError>;

    /// Something else that the driver has bound to its endpoint was signalled.
    fn signalled(&mut self, _cookie: u64) {}
}

/// Opens every device that the session named `hardware` allows and brings it up with `bring_up`,
/// which returns with it what the driver keeps of it. A device that fails is reported and left
/// out. Also returns the devices' interrupts.
pub fn open_all<T>(
    start: &Start,
    name: &str,
    bring_up: impl Fn(Opened) -> Result<T, Error>,
) -> (Vec<T>, Vec<Handle>) {
    let session = Session(start.require("hardware"));
    let open_one = |index| {
        let opened = open(&session, index)?;
        let interrupt = hardware::interrupt(&session, index, 0, &[])?.handles[0];
        Ok((bring_up(opened)?, interrupt))
    };
    let mut devices = Vec::new();
    for index in 0.. {
        match open_one(index) {
            Ok(device) => devices.push(device),
            Err(Error::NoDevice) => break,
            Err(error) => log!("{name} {index} cannot be used: {error}"),
        }
    }
    devices.into_iter().unzip()
}

/// Serves for ever, with the interrupts of the server's devices in their order.
pub fn serve<S: DeviceServer>(start: &Start, server: S, interrupts: Vec<Handle>) -> ! {
    let endpoint = start.endpoint();
    let mut driver = Driver {
        server,
        endpoint,
        interrupts,
    };
    (0..driver.interrupts.len()).for_each(|index| driver.listen(index));
    if let Some(supervisor) = start.handle("supervisor") {
        // Only the supervisor's view depends on it.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    }
    server_rt::serve(endpoint, &mut driver)
}

struct Driver<S> {
    server: S,
    endpoint: Handle,
    interrupts: Vec<Handle>,
}

impl<S: DeviceServer> Driver<S> {
    fn listen(&self, index: usize) {
        let Some(&interrupt) = self.interrupts.get(index) else {
            return;
        };
        let bound = safe::endpoint_bind(self.endpoint, interrupt, Signals::READABLE, index as u64);
        if let Err(error) = bound {
            log!("interrupt {index} cannot be heard: {}", error.name());
            safe::process_exit(PANIC_STATUS);
        }
    }
}

impl<S: DeviceServer> Service for Driver<S> {
    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        self.server.call(call)
    }

    fn closed(&mut self, badge: u64) {
        self.server.closed(badge);
    }

    fn cancelled(&mut self, token: u64) {
        self.server.cancelled(token);
    }

    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        let index = cookie as usize;
        let Some(&interrupt) = self.interrupts.get(index) else {
            self.server.signalled(cookie);
            return;
        };
        // Acknowledged first: an interrupt during the work below is then told again.
        let _ = safe::interrupt_acknowledge(interrupt);
        if self.server.interrupted(index).is_err() {
            // The next instance resets the device, and every call is delivered to it again.
            log!("{} {index} broke the rules of its queues", S::NAME);
            safe::process_exit(PANIC_STATUS);
        }
        self.listen(index);
    }
}
