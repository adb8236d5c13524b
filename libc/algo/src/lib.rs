//! Pure algorithms of the C library: formatting, scanning, patterns, time.
//!
//! Nothing here touches memory it was not given, `errno`, a descriptor or a locale
//! object: the `abi` crate converts C's arguments, makes one call here, converts back.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod character;
pub mod complex;
pub mod decimal;
pub mod float;
pub mod format;
pub mod message;
pub mod number;
pub mod pattern;
pub mod random;
pub mod range_set;
pub mod regex;
pub mod scan;
pub mod search;
pub mod sort;
pub mod time;
pub mod utf8;
