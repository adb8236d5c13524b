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

use alloc::vec::Vec;
use driver_hal::{DmaMemory, Registers};
use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::{Error, hardware};
use server_rt::{PANIC_STATUS, ServerCall, Service, Session, Start, log, serve};
use virtio::Queue;

/// Entries of each queue.
const QUEUE_SIZE: u16 = 64;

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let session = Session(start.require("hardware"));
    let mut opened = Vec::new();
    for index in 0.. {
        match open(&session, index) {
            Ok(port) => opened.push(port),
            Err(Error::NoDevice) => break,
            Err(error) => log!("console {index} cannot be used: {error:?}"),
        }
    }
    let (ports, interrupts): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
    let endpoint = start.endpoint();
    let sessions = kernel::EndpointSessions { endpoint };
    let mut driver = Driver {
        server: ConsoleServer::new(ports, sessions, safe::monotonic_ns()),
        endpoint,
        interrupts,
    };
    (0..driver.interrupts.len()).for_each(|index| driver.listen(index));
    if let Some(supervisor) = start.handle("supervisor") {
        // Only the supervisor's view depends on it.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    }
    serve(endpoint, &mut driver)
}

type KernelPort = Port<Registers, kernel::Callers>;

/// Brings up the `index`th console; also returns its interrupt.
fn open(session: &Session, index: u32) -> Result<(KernelPort, Handle), Error> {
    let opened = virtio::open(session, index)?;
    let failed = |error: virtio::DeviceError| {
        log!("console {index}: {error}");
        Error::Io
    };
    let device = opened.device;
    // No feature is wanted: several ports on one device would need a control channel.
    device.negotiate(&[]).map_err(failed)?;
    let interrupt = hardware::interrupt(session, index, 0, &[])?.handles[0];
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
    let port = Port::new(receive, transmit, input, output, kernel::Callers);
    Ok((port, interrupt))
}

struct Driver {
    server: ConsoleServer<Registers, kernel::Callers, kernel::EndpointSessions>,
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
            return;
        };
        // Acknowledged first: an interrupt during the work below is then told again.
        let _ = safe::interrupt_acknowledge(interrupt);
        if self.server.interrupted(index).is_err() {
            // The next instance resets the device, and every call is delivered to it again.
            log!("console {index} broke the rules of its queues");
            safe::process_exit(PANIC_STATUS);
        }
        self.listen(index);
    }
}
