//! Time: the time-stamp counter, measured at the start against the PC's 8254 timer, whose frequency
//! is fixed. The local APIC's timer is measured in the same window. Whoever emulates the machine may
//! be away while a window passes, which makes it look longer: the shortest of several counts.

use crate::{apic, ports};

/// Frequency of the 8254.
const PIT_HZ: u64 = 1_193_182;
/// Ticks of the window: about half a millisecond, or 0.2% of precision of one tick.
const WINDOW: u64 = 597;
/// Windows at most. On a machine that nobody disturbs, the second agrees with the first.
const MOST_WINDOWS: usize = 16;
/// Windows agree whose lengths differ by less than this part of them.
const PRECISION: u64 = 256;
/// Fraction bits of [`Clock::multiplier`].
pub const SHIFT: u32 = 32;

/// Converts counters to nanoseconds and back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Counter at monotonic 0.
    pub base: u64,
    /// Nanoseconds per tick, in 1/2^32.
    pub multiplier: u64,
    /// APIC timer ticks per nanosecond, in 1/2^32.
    timer_multiplier: u64,
}

/// The time-stamp counter.
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: every x86_64 processor has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Waits for channel 2 of the 8254 to count the window down.
fn wait_window(start: impl FnOnce()) {
    // SAFETY: channel 2 and the gate in port 0x61 are the PC speaker's, which nobody uses.
    unsafe {
        let gate = ports::read_u8(0x61) & !3;
        ports::write_u8(0x61, gate);
        ports::write_u8(0x43, 0xb0);
        ports::write_u8(0x42, WINDOW as u8);
        ports::write_u8(0x42, (WINDOW >> 8) as u8);
        start();
        ports::write_u8(0x61, gate | 1);
        while ports::read_u8(0x61) & 0x20 == 0 {
            core::hint::spin_loop();
        }
    }
}

/// Ticks of both counters in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    /// Of the time-stamp counter.
    elapsed: u64,
    /// Of the APIC's timer.
    timer: u64,
}

impl Window {
    fn measure() -> Window {
        let mut begin = 0;
        wait_window(|| {
            apic::set_timer(u32::MAX);
            begin = ticks();
        });
        let elapsed = ticks().wrapping_sub(begin).max(1);
        let timer = u64::from(u32::MAX - apic::timer_count()).max(1);
        apic::set_timer(0);
        Window { elapsed, timer }
    }

    /// The shortest counts of windows that are measured until two agree.
    fn shortest(mut measure: impl FnMut() -> Window) -> Window {
        let mut best = measure();
        for _ in 1..MOST_WINDOWS {
            let next = measure();
            let agrees = |one: u64, other: u64| one.abs_diff(other) < one.min(other) / PRECISION;
            let settled = agrees(best.elapsed, next.elapsed) && agrees(best.timer, next.timer);
            best.elapsed = best.elapsed.min(next.elapsed);
            best.timer = best.timer.min(next.timer);
            if settled {
                break;
            }
        }
        best
    }
}

impl Clock {
    /// Measures. The APIC must be mapped and on.
    pub fn measure() -> Clock {
        let base = ticks();
        let Window { elapsed, timer } = Window::shortest(Window::measure);
        let window_ns = WINDOW * 1_000_000_000 / PIT_HZ;
        Clock {
            base,
            multiplier: (window_ns << SHIFT) / elapsed,
            timer_multiplier: (timer << SHIFT) / window_ns,
        }
    }

    /// Nanoseconds since the base.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.ticks_to_ns(ticks().wrapping_sub(self.base))
    }

    /// The time that a number of ticks take.
    #[inline]
    pub fn ticks_to_ns(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.multiplier)) >> SHIFT) as u64
    }

    /// APIC timer ticks for a time; at least one, at most what the register holds.
    #[inline]
    pub fn timer_ticks(&self, ns: u64) -> u32 {
        let ticks = (u128::from(ns) * u128::from(self.timer_multiplier)) >> SHIFT;
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What is found in windows of which some are lengthened: ticks of both counters each.
    fn shortest(windows: &[(u64, u64)]) -> (Window, usize) {
        let mut used = 0;
        let best = Window::shortest(|| {
            let (elapsed, timer) = windows[used.min(windows.len() - 1)];
            used += 1;
            Window { elapsed, timer }
        });
        (best, used)
    }

    #[test]
    fn two_windows_that_agree_are_enough() {
        let (best, used) = shortest(&[(1_000_000, 500_000), (1_000_100, 499_900)]);
        assert_eq!((best.elapsed, best.timer, used), (1_000_000, 499_900, 2));
    }

    #[test]
    fn a_window_that_was_held_up_does_not_slow_the_clock_down() {
        let windows = [
            (9_000_000, 4_500_000),
            (1_000_000, 500_000),
            (30_000_000, 15_000_000),
            (1_000_200, 500_100),
        ];
        let (best, _) = shortest(&windows);
        assert_eq!((best.elapsed, best.timer), (1_000_000, 500_000));
    }

    #[test]
    fn a_machine_that_is_always_held_up_gets_a_clock_all_the_same() {
        let windows: Vec<(u64, u64)> = (1..100).map(|n| (n * 1_000_000, n * 500_000)).collect();
        let (best, used) = shortest(&windows);
        assert_eq!(
            (best.elapsed, best.timer, used),
            (1_000_000, 500_000, MOST_WINDOWS)
        );
    }
}
