//! The memory-file-system server.
#![no_std]
