//! Waiting.

/// A deadline that never comes.
pub const FOREVER: u64 = u64::MAX;
/// A deadline that has passed: poll without waiting.
pub const NOW: u64 = 0;

/// An object to wait for; [`crate::Call::Wait`] takes a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WaitItem {
    /// The object.
    pub handle: u32,
    /// Signals of interest. `PEER_CLOSED` and `ERROR` are always of interest.
    pub signals: u32,
    /// Written by the kernel if it reports any item: those of them that are raised.
    pub raised: u32,
    /// Likewise: 0, or the number of an error (`BadHandle`).
    pub error: u32,
}

/// Flags of a WaitSet's item.
pub mod wait_flags {
    /// Report a signal once each time it is raised.
    pub const EDGE: u64 = 1;
    /// Disarm after one report.
    pub const ONE_SHOT: u64 = 2;
    /// The item must be new.
    pub const ADD: u64 = 4;
    /// The item must be there.
    pub const MODIFY: u64 = 8;
}

/// One report of a WaitSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WaitReport {
    /// The cookie given when the item was added.
    pub cookie: u64,
    /// Signals raised.
    pub raised: u32,
    /// Zero.
    pub reserved: u32,
}

/// Kinds of event that [`crate::Call::EventCreateCounter`] makes.
pub mod event_kind {
    /// A read takes the whole count.
    pub const COUNTER: u64 = 1;
    /// A read takes one of the count.
    pub const SEMAPHORE: u64 = 2;
    /// READABLE while upcalls of a set are pending in the process that made it.
    pub const UPCALLS: u64 = 3;
}
