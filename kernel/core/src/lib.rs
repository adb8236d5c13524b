//! The kernel's logic: safe Rust that runs on the host too.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod machine;
pub mod slab;
