//! The driver of the first serial line, a 16550. Its clients are declared sessions (the terminal
//! server's); reading and writing them are the only operations.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod kernel;
mod server;
#[cfg(test)]
mod tests;
mod uart;

pub use server::{Kernel, SerialServer};
pub use uart::{Line, Uart};

use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use server_rt::{PANIC_STATUS, ServerCall, Service, Session, Start, log, serve};

const INTERRUPT_COOKIE: u64 = 0;

/// The driver: never returns.
pub fn run(start: Start) -> ! {
    let endpoint = start.endpoint();
    let line = kernel::PortLine {
        ports: start.require("registers"),
    };
    let callers = kernel::Callers { endpoint };
    let mut driver = Driver {
        server: SerialServer::new(Uart::new(line), callers),
        endpoint,
        interrupt: start.require("line"),
    };
    // What arrived before anybody listened.
    driver.signalled(INTERRUPT_COOKIE, Signals::READABLE);
    if let Some(supervisor) = start.handle("supervisor") {
        // Only the supervisor's view depends on it.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    }
    serve(endpoint, &mut driver)
}

struct Driver {
    server: SerialServer<kernel::PortLine, kernel::Callers>,
    endpoint: Handle,
    interrupt: Handle,
}

impl Service for Driver {
    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        self.server.call(call)
    }

    fn cancelled(&mut self, token: u64) {
        self.server.cancelled(token);
    }

    fn signalled(&mut self, _cookie: u64, _signals: Signals) {
        // Acknowledged first: an interrupt during the work below is then told again.
        let _ = safe::interrupt_acknowledge(self.interrupt);
        self.server.interrupted();
        let readable = Signals::READABLE;
        let bound = safe::endpoint_bind(self.endpoint, self.interrupt, readable, INTERRUPT_COOKIE);
        if let Err(error) = bound {
            log!("the interrupt cannot be heard: {}", error.name());
            safe::process_exit(PANIC_STATUS);
        }
    }
}
