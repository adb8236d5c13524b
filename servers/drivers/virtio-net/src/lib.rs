//! The virtio-net driver (Virtio 1.2, 5.1): frames between `net` and adapters, in memory that `net`
//! shares with the device.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod adapter;
mod configuration;
mod server;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, Progress};

use kernel_abi::Handle;
use server_rt::{ServerCall, Start};
use virtio::{DeviceServer, QueueError};

use server::{AdapterServer, Device};

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let (devices, interrupts) = virtio::open_all(&start, Driver::NAME, Device::bring_up);
    let (endpoint, supervisor) = (start.endpoint(), start.require("supervisor"));
    let mut server = AdapterServer::new(devices, endpoint, supervisor);
    server.resume();
    virtio::serve(&start, Driver(server), interrupts)
}

struct Driver(AdapterServer);

impl DeviceServer for Driver {
    const NAME: &'static str = "adapter";

    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        proto::adapter::dispatch(&mut self.0, call)
    }

    fn closed(&mut self, _badge: u64) {}

    fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        self.0.interrupted(index)
    }

    fn signalled(&mut self, cookie: u64) {
        self.0.told(cookie);
    }
}

/// What `net` sends with `adapter::open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shared {
    /// The Memory for frames.
    memory: Handle,
    /// Raised here when something in it has changed.
    news: Handle,
    /// Raised there.
    request: Handle,
}
