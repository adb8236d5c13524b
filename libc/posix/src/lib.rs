//! POSIX in safe Rust.
#![no_std]
