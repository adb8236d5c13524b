//! The x86_64 rim: entry, traps, interrupts, timer, processors.
#![no_std]
