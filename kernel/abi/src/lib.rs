//! The contract between the kernel and everything above it.
#![no_std]
