//! The virtio-console driver (Virtio 1.2, 5.3): single-port consoles as `/dev/hvc0` and on, exact
//! byte channels to the host. They are no terminals: nothing is translated or echoed.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod kernel;
mod port;
mod server;
#[cfg(test)]
mod tests;

pub use port::{Buffers, Kernel, Port};
pub use server::{ConsoleServer, Sessions};

use driver_hal::{DmaMemory, Registers};
use kernel_stubs::safe;
use proto::Error;
use server_rt::{ServerCall, Start, log};
use virtio::{DeviceServer, Opened, Queue, QueueError};

/// Entries of each queue.
const QUEUE_SIZE: u16 = 64;

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let (ports, interrupts) = virtio::open_all(&start, Driver::NAME, bring_up);
    let sessions = kernel::EndpointSessions {
        endpoint: start.endpoint(),
    };
    let server = ConsoleServer::new(ports, sessions, safe::monotonic_ns());
    virtio::serve(&start, Driver(server), interrupts)
}

/// Brings up a console.
fn bring_up(opened: Opened) -> Result<Port<Registers, kernel::Callers>, Error> {
    let failed = |error: virtio::DeviceError| {
        log!("a console refuses: {error}");
        Error::Io
    };
    let device = &opened.device;
    // No feature is wanted: several ports on one device would need a control channel.
    device.negotiate(&[]).map_err(failed)?;
    let queue = |number| -> Result<Queue<Registers>, Error> {
        let size = Queue::<Registers>::memory_size(QUEUE_SIZE);
        let rings = DmaMemory::new(opened.domain, size)?;
        let queue = device.add_queue(number, QUEUE_SIZE, rings.window, rings.address, 0);
        queue.map_err(failed)
    };
    let (receive, transmit) = (queue(0)?, queue(1)?);
    let buffers = |size: u64, count: usize| -> Result<Buffers<Registers>, Error> {
        let memory = DmaMemory::new(opened.domain, size * count as u64)?;
        Ok(Buffers::new(memory.window, memory.address, size, count))
    };
    let input = buffers(port::RECEIVE_SIZE, port::RECEIVE_COUNT)?;
    let output = buffers(port::TRANSMIT_SIZE, port::TRANSMIT_COUNT)?;
    device.start();
    Ok(Port::new(receive, transmit, input, output, kernel::Callers))
}

struct Driver(ConsoleServer<Registers, kernel::Callers, kernel::EndpointSessions>);

impl DeviceServer for Driver {
    const NAME: &'static str = "console";

    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        self.0.call(call)
    }

    fn closed(&mut self, badge: u64) {
        self.0.closed(badge);
    }

    fn cancelled(&mut self, token: u64) {
        self.0.cancelled(token);
    }

    fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        self.0.interrupted(index)
    }
}
