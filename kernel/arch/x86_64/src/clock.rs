//! Time: the time-stamp counter, measured once against the PC's 8254 timer, whose frequency is
//! fixed. The local APIC's timer is measured in the same window.

use crate::{apic, ports};

/// Frequency of the 8254.
const PIT_HZ: u64 = 1_193_182;
/// Ticks of the window: about half a millisecond, or 0.2% of precision of one tick.
const WINDOW: u64 = 597;
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

impl Clock {
    /// Measures. The APIC must be mapped and on.
    pub fn measure() -> Clock {
        let mut begin = 0;
        wait_window(|| {
            apic::set_timer(u32::MAX);
            begin = ticks();
        });
        let elapsed = ticks().wrapping_sub(begin).max(1);
        let timer = u64::from(u32::MAX - apic::timer_count()).max(1);
        apic::set_timer(0);
        let window_ns = WINDOW * 1_000_000_000 / PIT_HZ;
        Clock {
            base: begin,
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
