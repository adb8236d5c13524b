//! The interfaces between servers and their clients, declared once.
//!
//! [`interface!`] turns a table of operations into a client (functions over a [`Transport`]),
//! a server trait, a dispatcher that refuses whatever it does not consume whole, and a list of
//! signatures that `interfaces.lock` pins: a change on the wire shows in review.
//!
//! A request is word 0 = operation number, words 1..=5 = scalars, up to four lent buffers and
//! four handles. A reply is word 0 = value or negated [`Error`], words 1..=5 = more results.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod arrival;
mod error;
pub mod frames;
#[macro_use]
mod macros;
pub mod interfaces;
pub mod request;
mod table;
pub mod types;
mod wire;

pub use error::Error;
pub use interfaces::*;
pub use table::{INTERFACES, Signature};
pub use types::{Attributes, Credentials, Identity};
pub use wire::{Answer, Call, Input, Outcome, Output, Reply, Request, Scalar, Transport};
#[doc(hidden)]
pub use wire::{check_returned, check_shape};
