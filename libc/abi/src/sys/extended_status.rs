//! `statx`: Linux's `stat` that says which attributes it tells.
//!
//! SAFETY of the C function here: the path is a NUL-ended string, the structure is valid.

use super::support::{Error, Result, status, text};
use core::ffi::{c_char, c_int};
use libc_posix::names::{self, EMPTY_PATH, NO_FOLLOW};
use proto::types::Attributes;

/// Nothing is mounted automatically here.
const NO_AUTOMOUNT: u32 = 0x800;
/// How far a remote file's attributes may be behind. Ours are never.
const FORCE_SYNC: u32 = 0x2000;
const DONT_SYNC: u32 = 0x4000;
/// What is told: everything but the time of birth, which no file system here keeps.
const BASIC: u32 = 0x7ff;
/// A bit of the mask that Linux keeps for a larger structure.
const RESERVED: u32 = 0x8000_0000;

/// `struct statx_timestamp`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
    padding: u32,
}

impl Timestamp {
    fn new(time_ns: i64) -> Timestamp {
        Timestamp {
            seconds: time_ns.div_euclid(1_000_000_000),
            nanoseconds: time_ns.rem_euclid(1_000_000_000) as u32,
            padding: 0,
        }
    }
}

/// A device's number in its two parts.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct DeviceNumber {
    major: u32,
    minor: u32,
}

impl DeviceNumber {
    /// Divided as `sys/sysmacros.h` divides it.
    fn new(device: u64) -> DeviceNumber {
        DeviceNumber {
            major: ((device >> 32) as u32 & !0xfff) | (device >> 8) as u32 & 0xfff,
            minor: ((device >> 12) as u32 & !0xff) | device as u32 & 0xff,
        }
    }
}

/// `struct statx`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct ExtendedStat {
    mask: u32,
    block_size: u32,
    attributes: u64,
    links: u32,
    user: u32,
    group: u32,
    mode: u16,
    padding: u16,
    node: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    access: Timestamp,
    birth: Timestamp,
    change: Timestamp,
    modify: Timestamp,
    special_device: DeviceNumber,
    device: DeviceNumber,
    spare: [u64; 14],
}

const _: () = assert!(size_of::<ExtendedStat>() == 256);

impl ExtendedStat {
    fn from_attributes(attributes: &Attributes) -> ExtendedStat {
        ExtendedStat {
            mask: BASIC,
            block_size: attributes.block_size as u32,
            links: attributes.links,
            user: attributes.user,
            group: attributes.group,
            mode: attributes.mode as u16,
            node: attributes.node,
            size: attributes.size,
            blocks: attributes.blocks,
            access: Timestamp::new(attributes.access_ns),
            change: Timestamp::new(attributes.change_ns),
            modify: Timestamp::new(attributes.modify_ns),
            special_device: DeviceNumber::new(attributes.special_device),
            device: DeviceNumber::new(attributes.device),
            ..ExtendedStat::default()
        }
    }
}

/// What `statx` is asked, as far as it matters here.
fn look(directory: c_int, path: &[u8], flags: u32, mask: u32) -> Result<Attributes> {
    let known = NO_FOLLOW | EMPTY_PATH | NO_AUTOMOUNT | FORCE_SYNC | DONT_SYNC;
    let contradiction = FORCE_SYNC | DONT_SYNC;
    if flags & !known != 0 || flags & contradiction == contradiction || mask & RESERVED != 0 {
        return Err(Error::BadArgument);
    }
    names::status(directory, path, flags & (NO_FOLLOW | EMPTY_PATH))
}

/// Linux. Tells all basic attributes, whichever of them `mask` asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn statx(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mask: u32,
    out: *mut ExtendedStat,
) -> c_int {
    // SAFETY: the caller's path.
    let result = look(directory, unsafe { text(path) }, flags as u32, mask);
    status(result.map(|attributes| {
        // SAFETY: the caller's structure.
        unsafe { *out = ExtendedStat::from_attributes(&attributes) };
    }))
}
