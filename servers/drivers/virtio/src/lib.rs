//! Virtio 1.x over PCI: capabilities, set-up, and split queues.
//!
//! Why not the `virtio-drivers` crate: its requests take one contiguous buffer each, while pages
//! of a page cache are scattered, and it does not set up message interrupts.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
mod driver;
mod open;
mod pci;
mod queue;

pub use device::{Device, DeviceError, Feature};
pub use driver::{DeviceServer, open_all, serve};
pub use open::{Opened, open};
pub use pci::{Capabilities, Location};
pub use queue::{Completion, Queue, QueueError, Segment};
