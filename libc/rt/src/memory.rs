//! The process's own mappings.

use core::sync::atomic::{AtomicBool, Ordering};
use kernel_abi::memory::{MapArguments, RegionInfo, map_flags, protection};
use kernel_abi::{Call, Error, Handle};
use kernel_stubs::raw;

/// Maps fresh, zeroed, private memory.
pub fn map_anonymous(length: usize) -> Result<*mut u8, Error> {
    let arguments = MapArguments {
        length: length as u64,
        memory: Handle::NONE.0,
        protection: protection::READ | protection::WRITE,
        flags: map_flags::ANONYMOUS,
        ..MapArguments::default()
    };
    // SAFETY: without FIXED the kernel takes addresses that nobody uses.
    unsafe { map(&arguments) }
}

/// Maps fresh memory exactly at `address`, or fails with `Exists`.
pub fn map_anonymous_at(address: usize, length: usize) -> Result<*mut u8, Error> {
    let arguments = MapArguments {
        address: address as u64,
        length: length as u64,
        memory: Handle::NONE.0,
        protection: protection::READ | protection::WRITE,
        flags: map_flags::ANONYMOUS | map_flags::FIXED | map_flags::NO_REPLACE,
        ..MapArguments::default()
    };
    // SAFETY: NO_REPLACE leaves what exists alone.
    unsafe { map(&arguments) }
}

/// Whether all that is mapped has its pages at once.
static POPULATE: AtomicBool = AtomicBool::new(false);

/// Has mappings from now on made with all their pages (`mlockall`), or as usual again.
pub fn populate_from_now_on(wanted: bool) {
    POPULATE.store(wanted, Ordering::Relaxed);
}

/// [`Call::MemoryMap`] into this process.
///
/// # Safety
/// With `FIXED`, what is mapped there now is lost: no reference into it may be left.
pub unsafe fn map(arguments: &MapArguments) -> Result<*mut u8, Error> {
    let mut arguments = *arguments;
    if POPULATE.load(Ordering::Relaxed) {
        arguments.flags |= map_flags::POPULATE;
    }
    let address = core::ptr::from_ref(&arguments) as u64;
    // SAFETY: the caller answers for replaced mappings.
    unsafe { raw::call2(Call::MemoryMap, Handle::SELF.0 as u64, address) }
        .map(|address| address as *mut u8)
}

/// Unmaps.
///
/// # Safety
/// No reference into the range may be left.
pub unsafe fn unmap(address: *mut u8, length: usize) -> Result<(), Error> {
    // SAFETY: the caller's.
    unsafe {
        raw::call3(
            Call::MemoryUnmap,
            Handle::SELF.0 as u64,
            address as u64,
            length as u64,
        )
    }
    .map(|_| ())
}

/// Changes the protection.
///
/// # Safety
/// References into the range must go on being allowed by the new protection.
pub unsafe fn protect(address: *mut u8, length: usize, protection: u32) -> Result<(), Error> {
    // SAFETY: the caller's.
    unsafe {
        raw::call4(
            Call::MemoryProtect,
            Handle::SELF.0 as u64,
            address as u64,
            length as u64,
            protection as u64,
        )
    }
    .map(|_| ())
}

/// Grows, shrinks or moves a mapping.
///
/// # Safety
/// If it may move, no reference into the old range may be left.
pub unsafe fn remap(
    address: *mut u8,
    old_length: usize,
    new_length: usize,
    may_move: bool,
) -> Result<*mut u8, Error> {
    // SAFETY: the caller's.
    unsafe {
        raw::call4(
            Call::MemoryRemap,
            address as u64,
            old_length as u64,
            new_length as u64,
            may_move as u64,
        )
    }
    .map(|address| address as *mut u8)
}

/// Gives the pages of a range back: they read as new.
///
/// # Safety
/// What the range holds is lost.
pub unsafe fn decommit(address: *mut u8, length: usize) -> Result<(), Error> {
    // SAFETY: the caller's.
    unsafe { raw::call2(Call::MemoryDecommit, address as u64, length as u64) }.map(|_| ())
}

/// Describes the mapping at or above an address.
pub fn region(address: usize) -> Result<RegionInfo, Error> {
    kernel_stubs::safe::region_info(Handle::SELF, address as u64)
}
