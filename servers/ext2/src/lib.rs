//! The disk-file-system server.
#![no_std]
