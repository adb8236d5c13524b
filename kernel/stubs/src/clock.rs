//! The clock page: the time without a system call.

use kernel_abi::system;

/// The time-stamp counter.
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: rdtsc is allowed in user mode.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Reads the clock page and the time-stamp counter: monotonic nanoseconds without a system call.
pub fn monotonic_ns() -> u64 {
    clock_page_times().0
}

/// Real time in nanoseconds since 1970.
pub fn realtime_ns() -> u64 {
    clock_page_times().1
}

fn clock_page_times() -> (u64, u64) {
    use core::sync::atomic::{Ordering, fence};
    let page = kernel_abi::CLOCK_PAGE as *const system::ClockPage;
    loop {
        // SAFETY: the kernel maps this page, read-only, into every process.
        let first = unsafe { core::ptr::read_volatile(page) };
        fence(Ordering::Acquire);
        // SAFETY: rdtsc is allowed in user mode.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() };
        // SAFETY: as above.
        let sequence = unsafe { core::ptr::read_volatile(&raw const (*page).sequence) };
        if first.sequence & 1 == 0 && first.sequence == sequence {
            let elapsed = ticks.wrapping_sub(first.tsc_base) as u128 * first.multiplier as u128;
            let monotonic = (elapsed >> first.shift) as u64;
            return (monotonic, monotonic.wrapping_add(first.realtime_offset_ns));
        }
    }
}
