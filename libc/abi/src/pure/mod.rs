//! The functions that need nothing from the system.

pub mod support;
pub mod memory;
pub mod string;
