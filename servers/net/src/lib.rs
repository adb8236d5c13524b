//! The server of the internet: sockets of `AF_INET` and `AF_INET6`. What two sockets of this host send
//! each other goes through kernel streams and never comes here.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
mod clock;
mod connect;
mod connection;
mod control;
mod datagram;
mod files;
mod groups;
mod link;
mod names;
mod nic;
mod options;
mod packets;
mod remote;
mod routing;
mod server;
mod settings;
mod socket;
mod table;
#[cfg(test)]
mod tests;
mod texts;

pub use server::Server;

use alloc::boxed::Box;

use kernel_stubs::safe;
use server_rt::{Session, Start};
use socket_server::Guest;

use crate::clock::Timer;
use crate::server::{ADAPTER, TIMER};
use crate::socket::RECORD_CAPACITY;
use crate::table::MAX_SOCKETS;

/// Runs the server.
pub fn run(start: Start) -> ! {
    let endpoint = start.endpoint();
    let supervisor = start.require("supervisor");
    let guest = match Guest::new(endpoint, supervisor, MAX_SOCKETS, RECORD_CAPACITY) {
        Ok(guest) => guest,
        Err(error) => {
            server_rt::log!("cannot keep records: {error:?}");
            safe::process_exit(1)
        }
    };
    let timer = match Timer::new(endpoint, TIMER) {
        Ok(timer) => timer,
        Err(error) => {
            server_rt::log!("no timer: {error:?}");
            safe::process_exit(1)
        }
    };
    let driver = start.handle("virtio-net");
    let nics = driver.map(|driver| nic::open_all(driver, endpoint, ADAPTER));
    let mut seed = [0; 8];
    // Without it, ports and numbers begin at the same place as after every boot.
    let _ = safe::random(&mut seed);
    let (nics, seed) = (nics.unwrap_or_default(), u64::from_le_bytes(seed));
    let mut server = Server::new(guest, Box::new(timer), nics, seed);
    // A supervisor that does not hear it shows the server as starting; no more.
    let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    server.take_turn();
    server_rt::serve(endpoint, &mut server)
}
