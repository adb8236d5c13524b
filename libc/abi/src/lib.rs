//! The C functions.
#![no_std]
