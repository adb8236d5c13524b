//! The x86_64 rim: how the processor enters and leaves the kernel, and the few devices that the
//! kernel itself drives (local and I/O APIC, the debug serial line).
//!
//! Boot calls, in this order: [`serial::init`], [`Hardware::new`], [`enter::install`], and on every processor [`cpu::init`] and [`enter::run`].
#![no_std]
// The ways in and out of the kernel are written with the registers in mind.
#![feature(rust_preserve_none_cc)]

extern crate alloc;

pub mod acpi;
pub mod apic;
pub mod backtrace;
pub mod clock;
pub mod cpu;
pub mod enter;
pub mod entry;
pub mod floating_point;
pub mod flush;
pub mod hardware;
pub mod heap;
pub mod io_apic;
pub mod lock;
pub mod ports;
pub mod segments;
pub mod serial;
pub mod shared;
pub mod trap;

pub use hardware::{BootInformation, Hardware};
