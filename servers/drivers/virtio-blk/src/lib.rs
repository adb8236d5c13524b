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

use alloc::vec::Vec;
use driver_hal::{DmaMemory, Registers};
use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::{Error, hardware};
use server_rt::{PANIC_STATUS, ServerCall, Service, Session, Start, log, serve};
use virtio::{Feature, Queue};

/// Entries of the request queue.
const QUEUE_SIZE: u16 = 128;
/// Bytes of the device's configuration that are looked at.
const CONFIGURATION_SIZE: usize = 24;

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let session = Session(start.require("hardware"));
    let mut disks = Vec::new();
    for index in 0.. {
        match open(&session, index) {
            Ok(disk) => disks.push(disk),
            Err(Error::NoDevice) => break,
            Err(error) => log!("disk {index} cannot be used: {error:?}"),
        }
    }
    let (disks, interrupts): (Vec<_>, Vec<_>) = disks.into_iter().unzip();
    let mut driver = Driver {
        server: BlockServer::new(disks, safe::monotonic_ns()),
        endpoint: start.endpoint(),
        interrupts,
    };
    for index in 0..driver.interrupts.len() {
        driver.listen(index);
    }
    if let Some(supervisor) = start.handle("supervisor") {
        // Only the supervisor's view depends on it.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    }
    serve(start.endpoint(), &mut driver)
}

type KernelDisk = Disk<Registers, kernel::Pins>;

/// Brings up the `index`th disk; also returns its interrupt.
fn open(session: &Session, index: u32) -> Result<(KernelDisk, Handle), Error> {
    let opened = virtio::open(session, index)?;
    let failed = |error: virtio::DeviceError| {
        log!("disk {index}: {error}");
        Error::Io
    };
    let device = opened.device;
    let wanted = [disk::SEGMENT_LIMIT, disk::READ_ONLY, disk::FLUSH];
    let features = device.negotiate(&wanted.map(Feature)).map_err(failed)?;
    let interrupt = hardware::interrupt(session, index, 0, &[])?.handles[0];
    let rings = DmaMemory::new(opened.domain, Queue::<Registers>::memory_size(QUEUE_SIZE))?;
    let headers = DmaMemory::new(opened.domain, disk::headers_size(QUEUE_SIZE))?;
    let queue = device.add_queue(0, QUEUE_SIZE, rings.window, rings.address, 0);
    let queue = queue.map_err(failed)?;
    device.start();
    let geometry = Geometry::parse(&device.configuration::<CONFIGURATION_SIZE>(), features);
    let pins = kernel::Pins {
        domain: opened.domain,
    };
    let disk = Disk::new(queue, headers.window, headers.address, geometry, pins);
    log!("disk {index}: {} sectors", geometry.sectors);
    Ok((disk, interrupt))
}

struct Driver {
    server: BlockServer<Registers, kernel::Pins>,
    endpoint: Handle,
    interrupts: Vec<Handle>,
}

impl Driver {
    fn listen(&mut self, index: usize) {
        let interrupt = self.interrupts[index];
        let bound = safe::endpoint_bind(self.endpoint, interrupt, Signals::READABLE, index as u64);
        if let Err(error) = bound {
            log!("interrupt {index} cannot be heard: {}", error.name());
            safe::process_exit(PANIC_STATUS);
        }
    }
}

impl Service for Driver {
    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        proto::block::dispatch(&mut self.server, call)
    }

    fn closed(&mut self, badge: u64) {
        self.server.closed(badge);
    }

    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        let index = cookie as usize;
        let Some(&interrupt) = self.interrupts.get(index) else {
            return;
        };
        // Acknowledged first: an interrupt during the loop below is then told again.
        let _ = safe::interrupt_acknowledge(interrupt);
        if self.server.interrupted(index).is_err() {
            // The next instance resets the device, and every call is delivered to it again.
            log!("disk {index} broke the rules of its queue");
            safe::process_exit(PANIC_STATUS);
        }
        self.listen(index);
    }
}
