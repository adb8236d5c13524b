//! The runtime every server and driver stands on.
#![no_std]
