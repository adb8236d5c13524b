//! The supervisor server.
#![no_std]
