//! Names of hosts and services to addresses and back.
//!
//! What `<netdb.h>` and `<resolv.h>` are made of. Everything that comes from outside (tables, answers
//! of name servers) is read here, without `unsafe`; sockets, files and time are the caller's, behind
//! [`ask::Wire`] and [`lookup::System`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod address;
pub mod ask;
pub mod configuration;
pub mod lookup;
pub mod message;
pub mod name;
pub mod order;
pub mod socket_address;
pub mod tables;

pub use name::Name;
