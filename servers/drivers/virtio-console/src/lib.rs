//! The virtio-console driver.
#![no_std]
