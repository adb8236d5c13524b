//! What `net` and the driver of a network adapter share: a Memory with frames, and rings that say
//! whose they are. Either side may be killed at any instant: what the rings say is enough for its
//! next instance to go on.
//!
//! Each slot holds one frame after the header of a virtio network device (Virtio 1.2, 5.1.6). Slots of
//! received frames belong to the driver until it puts their numbers into the ring of arrivals, and again
//! once `net` has moved [`place::TAKEN`] past them. Frames to send stand in their slots in turn; those from
//! [`place::SENT`] to [`place::GIVEN`] belong to the driver. Counts run on and wrap at 2^32.

/// Names of the files of `/proc/net`; `network::describe` takes the place in this list.
pub const TEXTS: [&str; 10] = [
    "dev", "route", "if_inet6", "pnp", "arp", "tcp", "tcp6", "udp", "udp6", "raw",
];

/// Bytes of a slot: two fit a page, so that no frame crosses pages.
pub const SLOT_SIZE: u64 = 2048;
/// Bytes of the header before a frame.
pub const HEADER_SIZE: u64 = 12;
/// Slots of received frames.
pub const RECEIVE_SLOTS: u32 = 64;
/// Slots of frames to send.
pub const SEND_SLOTS: u32 = 64;

/// Where things stand in the Memory. Words are little endian; those of 64 bits are aligned.
pub mod place {
    use super::{RECEIVE_SLOTS, SEND_SLOTS, SLOT_SIZE};

    /// u64: how many slots the driver has put into the ring of arrivals. Written by the driver.
    pub const ARRIVED: u64 = 0;
    /// u64: how many of them `net` has done with. Written by `net`.
    pub const TAKEN: u64 = 64;
    /// u64: how many frames `net` has given to be sent. Written by `net`.
    pub const GIVEN: u64 = 128;
    /// u64: how many of them are sent. Written by the driver.
    pub const SENT: u64 = 192;
    /// u64: 1 while there is a link. Written by the driver.
    pub const LINK: u64 = 256;
    /// The ring of arrivals: a u64 each, slot | bytes with the header << 32.
    pub const ARRIVALS: u64 = 4096;
    /// Bytes of each frame to send with its header, a u64 each.
    pub const LENGTHS: u64 = ARRIVALS + 8 * RECEIVE_SLOTS as u64;
    /// The slots of received frames.
    pub const RECEIVED: u64 = 8192;
    /// The slots of frames to send.
    pub const TO_SEND: u64 = RECEIVED + SLOT_SIZE * RECEIVE_SLOTS as u64;
    /// Bytes in all.
    pub const SIZE: u64 = TO_SEND + SLOT_SIZE * SEND_SLOTS as u64;
}

/// What the driver and the device agreed on.
pub mod features {
    /// The device completes checksums of frames that are sent so.
    pub const CHECKSUM: u64 = 1;
    /// The device tells which received frames' checksums it vouches for.
    pub const RECEIVE_CHECKSUM: u64 = 2;
}

const _: () = assert!(place::LENGTHS + 8 * SEND_SLOTS as u64 <= place::RECEIVED);
