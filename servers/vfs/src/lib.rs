//! The name-space server.
#![no_std]
