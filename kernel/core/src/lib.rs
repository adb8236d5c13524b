//! The kernel's logic: safe Rust that runs on the host too.
#![no_std]
