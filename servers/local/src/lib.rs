//! The server of local sockets (`AF_UNIX`): names, connections, options. Bytes and handles go
//! through kernel streams and never come here.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod connect;
mod names;
mod options;
mod server;
mod socket;
mod table;
#[cfg(test)]
mod tests;

pub use server::Server;

use server_rt::{Session, Start};
use socket_server::Guest;

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
            kernel_stubs::safe::process_exit(1)
        }
    };
    let mut server = Server::new(guest);
    // A supervisor that does not hear it shows the server as starting; no more.
    let _ = proto::supervisor::ready(&Session(supervisor), &[]);
    server_rt::serve(endpoint, &mut server)
}
