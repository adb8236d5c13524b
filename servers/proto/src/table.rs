//! All interfaces as data: for the lock file, for traces, and for those who try every operation.

use crate::interfaces::*;

/// An operation: number, name, and what travels.
pub type Signature = (u64, &'static str, &'static str);

/// Every interface with its operations.
pub const INTERFACES: &[(&str, &[Signature])] = &[
    ("directory", directory::SIGNATURES),
    ("file", file::SIGNATURES),
    ("file_system", file_system::SIGNATURES),
    ("block", block::SIGNATURES),
    ("process", process::SIGNATURES),
    ("job", job::SIGNATURES),
    ("device", device::SIGNATURES),
    ("terminals", terminals::SIGNATURES),
    ("supervisor", supervisor::SIGNATURES),
    ("hardware", hardware::SIGNATURES),
    ("ipc", ipc::SIGNATURES),
    ("queue", queue::SIGNATURES),
    ("socket_space", socket_space::SIGNATURES),
    ("socket", socket::SIGNATURES),
    ("network", network::SIGNATURES),
    ("adapter", adapter::SIGNATURES),
    ("socket_domain", socket_domain::SIGNATURES),
    ("process_handle", process_handle::SIGNATURES),
    ("process_entry", process_entry::SIGNATURES),
];
