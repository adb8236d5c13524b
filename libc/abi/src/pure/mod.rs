//! The functions that need nothing from the system.

pub mod support;
