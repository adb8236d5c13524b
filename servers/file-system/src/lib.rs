//! What every file-system server shares.
#![no_std]
