//! Pure algorithms of the C library.
#![no_std]
