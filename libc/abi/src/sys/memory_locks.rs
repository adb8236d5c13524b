//! Locked memory (POSIX `mlock`) and `msync`.
//!
//! Pages of a process are never written out, so that locking a range is to make its pages present
//! and to remember it: what is locked counts against `RLIMIT_MEMLOCK` and cannot be invalidated.

use super::support::{Error, Result, fail, status};
use core::ffi::{c_int, c_void};
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use kernel_abi::memory::{RegionInfo, map_flags, protection};
use kernel_abi::{Handle, PAGE_SIZE};
use libc_algo::range_set::RangeSet;
use libc_rt::{Lock, identity, kernel, memory};

const PAGE: usize = PAGE_SIZE as usize;
const MLOCK_ONFAULT: u32 = 1;
const MCL_CURRENT: c_int = 1;
const MCL_FUTURE: c_int = 2;
const MCL_ONFAULT: c_int = 4;
const MS_ASYNC: c_int = 1;
const MS_INVALIDATE: c_int = 2;
const MS_SYNC: c_int = 4;
const RLIMIT_MEMLOCK: u32 = 8;

static LOCKED: Lock<RangeSet> = Lock::new(RangeSet::new());
/// Whether anything was ever locked: most programs never ask.
static IN_USE: AtomicBool = AtomicBool::new(false);
/// `MCL_FUTURE`.
static FUTURE: AtomicBool = AtomicBool::new(false);

/// The pages of a range; `NoMemory` for addresses that cannot be (POSIX: not mapped).
fn pages(address: *const c_void, length: usize) -> Result<Range<usize>> {
    let start = address as usize & !(PAGE - 1);
    let end = (address as usize).checked_add(length);
    let end = end.and_then(|end| end.checked_next_multiple_of(PAGE));
    Ok(start..end.ok_or(Error::NoMemory)?)
}

/// Gives each mapped piece of a range to `each`: `NoMemory` where nothing is mapped.
fn walk(range: &Range<usize>, mut each: impl FnMut(&RegionInfo, Range<usize>)) -> Result<()> {
    let mut at = range.start;
    while at < range.end {
        let region = memory::region(at).map_err(|_| Error::NoMemory)?;
        if region.address as usize > at {
            return Err(Error::NoMemory);
        }
        let end = range.end.min((region.address + region.length) as usize);
        each(&region, at..end);
        at = end;
    }
    Ok(())
}

/// Makes pages present, writable private ones as the process's own, as far as they can be: what
/// lies behind a file's end, and a stack that has not grown so far, cannot.
fn make_present(region: &RegionInfo, pages: Range<usize>) {
    let is_private = region.flags & map_flags::SHARED == 0;
    let is_writable = region.protection & protection::WRITE != 0;
    if region.protection & protection::READ == 0 || region.flags & map_flags::STACK != 0 {
        return;
    }
    let mut byte = [0];
    for address in pages.step_by(PAGE) {
        if kernel::process_read(Handle::SELF, address as u64, &mut byte).is_err() {
            return;
        }
        if is_private && is_writable {
            // SAFETY: the page is there and may be written; adding 0 is atomic and changes nothing
            // that another thread could see.
            unsafe { (*(address as *const AtomicU8)).fetch_or(0, Ordering::Relaxed) };
        }
    }
}

/// Whether the caller may have so many bytes locked (POSIX: a privilege; Linux: or a limit).
fn check_limit(total: usize) -> Result<()> {
    if identity::effective_user() == 0 {
        return Ok(());
    }
    match libc_posix::process::limit(0, RLIMIT_MEMLOCK, None)?[0] {
        0 => Err(Error::NotPermitted),
        limit if total as u64 > limit => Err(Error::NoMemory),
        _ => Ok(()),
    }
}

fn lock(range: Range<usize>, on_fault: bool) -> Result<()> {
    let mut locked = LOCKED.lock();
    let new = range.len() - locked.total_within(&range);
    check_limit(locked.total() + new)?;
    walk(&range, |region, pages| {
        if !on_fault {
            make_present(region, pages);
        }
    })?;
    IN_USE.store(true, Ordering::Relaxed);
    locked.insert(range);
    Ok(())
}

/// Everything that is mapped.
fn lock_all(on_fault: bool) -> Result<()> {
    let mut all = RangeSet::new();
    let mut at = 0;
    while let Ok(region) = memory::region(at) {
        let start = region.address as usize;
        at = start + region.length as usize;
        if !on_fault {
            make_present(&region, start..at);
        }
        all.insert(start..at);
    }
    check_limit(all.total())?;
    IN_USE.store(true, Ordering::Relaxed);
    *LOCKED.lock() = all;
    Ok(())
}

/// What is mapped from now on is locked, or not. The library's own mappings, of the heap and of
/// stacks, are made present as well, but not counted.
fn lock_future(wanted: bool) {
    IN_USE.fetch_or(wanted, Ordering::Relaxed);
    FUTURE.store(wanted, Ordering::Relaxed);
    memory::populate_from_now_on(wanted);
}

/// A mapping has been made.
pub(super) fn mapped(address: usize, length: usize) {
    if FUTURE.load(Ordering::Relaxed) {
        let end = (address + length).next_multiple_of(PAGE);
        LOCKED.lock().insert(address..end);
    }
}

/// Whether a mapping may be made: with `MCL_FUTURE` it counts against the limit.
pub(super) fn may_map(length: usize) -> Result<()> {
    if !FUTURE.load(Ordering::Relaxed) {
        return Ok(());
    }
    let total = LOCKED.lock().total();
    check_limit(total.saturating_add(length)).map_err(|_| Error::WouldBlock)
}

/// A range is mapped no more.
pub(super) fn unmapped(address: usize, length: usize) {
    if IN_USE.load(Ordering::Relaxed)
        && let Ok(range) = pages(address as *const c_void, length)
    {
        LOCKED.lock().remove(&range);
    }
}

/// The child of a fork has nothing locked (POSIX).
pub(super) fn after_fork() {
    if IN_USE.swap(false, Ordering::Relaxed) {
        LOCKED.raw().reset();
        LOCKED.lock().clear();
        lock_future(false);
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn mlock(address: *const c_void, length: usize) -> c_int {
    status(pages(address, length).and_then(|range| lock(range, false)))
}

/// Linux: with `MLOCK_ONFAULT`, pages come when they are first used.
#[unsafe(no_mangle)]
pub extern "C" fn mlock2(address: *const c_void, length: usize, flags: u32) -> c_int {
    if flags & !MLOCK_ONFAULT != 0 {
        return fail(Error::BadArgument as c_int);
    }
    let on_fault = flags & MLOCK_ONFAULT != 0;
    status(pages(address, length).and_then(|range| lock(range, on_fault)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn munlock(address: *const c_void, length: usize) -> c_int {
    status(pages(address, length).and_then(|range| {
        walk(&range, |_, _| ())?;
        LOCKED.lock().remove(&range);
        Ok(())
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn mlockall(flags: c_int) -> c_int {
    let unknown = flags & !(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0;
    if unknown || flags & (MCL_CURRENT | MCL_FUTURE) == 0 {
        return fail(Error::BadArgument as c_int);
    }
    let current = match flags & MCL_CURRENT {
        0 => check_limit(0),
        _ => lock_all(flags & MCL_ONFAULT != 0),
    };
    status(current.map(|()| lock_future(flags & MCL_FUTURE != 0)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn munlockall() -> c_int {
    lock_future(false);
    LOCKED.lock().clear();
    0
}

/// POSIX: mappings and files share their pages, so that nothing needs to be invalidated and only
/// durability is left to do; the interfaces do not lead from a mapping to its file, so everything
/// is written.
#[unsafe(no_mangle)]
pub extern "C" fn msync(address: *mut c_void, length: usize, flags: c_int) -> c_int {
    let unknown = flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0;
    let both = flags & MS_ASYNC != 0 && flags & MS_SYNC != 0;
    if unknown || both || !(address as usize).is_multiple_of(PAGE) {
        return fail(Error::BadArgument as c_int);
    }
    super::pthread::cancellation_point();
    status(pages(address, length).and_then(|range| {
        walk(&range, |_, _| ())?;
        if flags & MS_INVALIDATE != 0 && LOCKED.lock().overlaps(&range) {
            return Err(Error::Busy);
        }
        match flags & MS_SYNC {
            0 => Ok(()),
            _ => libc_posix::names::sync_all(),
        }
    }))
}
