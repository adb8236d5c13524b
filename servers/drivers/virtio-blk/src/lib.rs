//! The virtio-blk driver.
#![no_std]
