//! The device-discovery server.
#![no_std]
