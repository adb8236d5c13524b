//! The unsafe base of the C library: stubs, start-up, TLS, signal frames.
#![no_std]
