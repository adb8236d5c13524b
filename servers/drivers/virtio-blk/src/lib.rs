//! The virtio-blk driver (Virtio 1.2, 5.2): disks whose data moves straight between the device
//! and the pages of the client's Memory, many requests in flight.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod disk;
mod kernel;
mod registry;
mod request;
mod server;
#[cfg(test)]
mod tests;

pub use disk::{Disk, Geometry, Kernel};
pub use server::{BlockServer, TakeHandle};

use driver_hal::{DmaMemory, Registers};
use kernel_stubs::safe;
use proto::Error;
use server_rt::{ServerCall, Start, log};
use virtio::{DeviceServer, Feature, Opened, Queue, QueueError};

/// Entries of the request queue.
const QUEUE_SIZE: u16 = 128;
/// Bytes of the device's configuration that are looked at.
const CONFIGURATION_SIZE: usize = 24;

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let (disks, interrupts) = virtio::open_all(&start, Driver::NAME, bring_up);
    let server = BlockServer::new(disks, safe::monotonic_ns());
    virtio::serve(&start, Driver(server), interrupts)
}

/// Brings up a disk.
fn bring_up(opened: Opened) -> Result<Disk<Registers, kernel::Pins>, Error> {
    let failed = |error: virtio::DeviceError| {
        log!("a disk refuses: {error}");
        Error::Io
    };
    let device = &opened.device;
    let wanted = [disk::SEGMENT_LIMIT, disk::READ_ONLY, disk::FLUSH];
    let features = device.negotiate(&wanted.map(Feature)).map_err(failed)?;
    let rings = DmaMemory::new(opened.domain, Queue::<Registers>::memory_size(QUEUE_SIZE))?;
    let headers = DmaMemory::new(opened.domain, disk::headers_size(QUEUE_SIZE))?;
    let queue = device.add_queue(0, QUEUE_SIZE, rings.window, rings.address, 0);
    let queue = queue.map_err(failed)?;
    device.start();
    let geometry = Geometry::parse(&device.configuration::<CONFIGURATION_SIZE>(), features);
    let pins = kernel::Pins {
        domain: opened.domain,
    };
    log!("a disk of {} sectors", geometry.sectors);
    Ok(Disk::new(
        queue,
        headers.window,
        headers.address,
        geometry,
        pins,
    ))
}

struct Driver(BlockServer<Registers, kernel::Pins>);

impl DeviceServer for Driver {
    const NAME: &'static str = "disk";

    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        proto::block::dispatch(&mut self.0, call)
    }

    fn closed(&mut self, badge: u64) {
        self.0.closed(badge);
    }

    fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        self.0.interrupted(index)
    }
}
