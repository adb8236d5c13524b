//! The process-server server.
#![no_std]
