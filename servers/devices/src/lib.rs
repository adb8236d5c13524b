//! Device discovery: finds PCI functions through ACPI and hands each driver the registers, the
//! interrupts and the DMA domain of its own device, and nothing else.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod acpi;
mod configuration;
mod kernel;
mod platform;
mod service;
#[cfg(test)]
mod tests;

pub use configuration::{Address, Bar, Function, MessageInterrupts};
pub use platform::Platform;
pub use service::Devices;

use server_rt::{ServerCall, Service, Session, Start, log, serve};

/// The server: never returns.
pub fn run(start: Start) -> ! {
    let resource = start.require("resource");
    let rsdp = start.value("rsdp").unwrap_or(0);
    let mut machine = kernel::Machine::new(resource);
    let functions = match acpi::find_configuration(&mut machine, rsdp) {
        Some(configuration) => {
            machine.set_configuration(configuration);
            configuration::enumerate(&mut machine)
        }
        None => {
            log!("no MCFG table: no PCI devices");
            alloc::vec::Vec::new()
        }
    };
    let mut server = Server(Devices::new(machine, functions));
    if let Some(supervisor) = start.handle("supervisor") {
        // Only the supervisor's view depends on it.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    }
    serve(start.endpoint(), &mut server)
}

struct Server(Devices<kernel::Machine>);

impl Service for Server {
    fn call(&mut self, call: &mut ServerCall) -> proto::Reply {
        proto::hardware::dispatch(&mut self.0, call)
    }

    fn closed(&mut self, badge: u64) {
        self.0.release_all(badge);
    }
}
