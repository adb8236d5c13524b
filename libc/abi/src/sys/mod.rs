//! The functions that need the system.
