//! The supervisor: the first process, and the one that must not fail.
//!
//! It reads the declaration, owns every endpoint, starts each server with exactly the handles that
//! the declaration names, keeps what servers park with it, and starts a server that died again.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod events;
mod heartbeat;
mod launch;
mod operations;
mod policy;
mod registry;
mod service;
mod store;
mod text;
mod update;

use boot_bundle::Bundle;
use declaration::System;
use server_rt::{Start, log};

pub use policy::{Decision, End, Policy};
pub use store::{Store, StoreError};

/// Runs the supervisor; never returns.
pub fn run(start: Start) -> ! {
    match boot(&start) {
        Ok((endpoint, mut service)) => server_rt::serve(endpoint, &mut service),
        Err(reason) => {
            log!("the system cannot start: {reason}");
            server_rt::stubs::safe::process_exit(server_rt::PANIC_STATUS)
        }
    }
}

type Booted = (kernel_abi::Handle, service::Supervisor);

fn boot(start: &Start) -> Result<Booted, alloc::string::String> {
    use alloc::format;
    let memory = start.require("bundle");
    let length = start.value("bundle").unwrap_or(0);
    let bytes = server_rt::map_constant(memory, length)
        .map_err(|error| format!("the boot bundle cannot be mapped: {}", error.name()))?;
    let bundle = Bundle::parse(bytes).map_err(|error| format!("{error}"))?;
    let compact = bundle
        .find("system")
        .ok_or("the boot bundle has no entry \"system\"")?;
    let system = System::decode(compact).map_err(|error| format!("{error}"))?;
    let endpoint = server_rt::stubs::safe::endpoint_create()
        .map_err(|error| format!("no endpoint: {}", error.name()))?;
    let mut service = service::Supervisor::new(start, bundle, bytes, memory, endpoint, system)
        .map_err(|error| format!("no endpoints for the servers: {}", error.name()))?;
    service.start_all();
    Ok((endpoint, service))
}
