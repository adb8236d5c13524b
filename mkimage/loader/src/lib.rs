//! The Limine protocol's loader side, shared by both entries.
#![no_std]
