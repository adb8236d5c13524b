//! Load averages: how many threads ran or were ready to, averaged over 1, 5 and 15 minutes.
//!
//! Nothing wakes a processor for them. Every choice among queued threads, and every question, makes
//! up for the periods since the last one: what ran is told by the time that the processors were not
//! idle, and who was left waiting in a queue did not wait for longer than a slice.

use crate::kernel::Kernel;
use crate::machine::{Cpu, Machine};
use kernel_abi::system::LOAD_UNIT;

/// Between two samples.
const PERIOD_NS: u64 = 5_000_000_000;
/// What is left of the averages after a period, in 1/2048: `exp(-5 s / 60 s)` and so on.
const DECAY: [u64; 3] = [1884, 2014, 2037];
const DECAY_ONE: u64 = 2048;
/// After so many periods nothing is left of what was before (an hour and a half).
const MOST_PERIODS: u64 = 1080;

#[derive(Default)]
pub(super) struct Load {
    /// Up to when samples were taken, and how long all processors had been idle then.
    sampled_ns: u64,
    idle_ns: u64,
    /// In 1 / [`LOAD_UNIT`].
    averages: [u64; 3],
}

impl Load {
    /// Takes the samples up to `now_ns` in which the processors were idle up to `idle_ns` together,
    /// and `waiting` threads wait for one of `cpus` now.
    fn sample(&mut self, now_ns: u64, idle_ns: u64, cpus: u64, waiting: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.sampled_ns).max(1);
        let idle_elapsed_ns = idle_ns.saturating_sub(self.idle_ns);
        let busy_ns = (elapsed_ns.saturating_mul(cpus)).saturating_sub(idle_elapsed_ns);
        let active = (busy_ns >> 16) * LOAD_UNIT / (elapsed_ns >> 16).max(1) + waiting * LOAD_UNIT;
        for _ in 0..(elapsed_ns / PERIOD_NS).min(MOST_PERIODS) {
            for (average, decay) in self.averages.iter_mut().zip(DECAY) {
                *average = (*average * decay + active * (DECAY_ONE - decay)) / DECAY_ONE;
            }
        }
        self.sampled_ns = now_ns;
        self.idle_ns = idle_ns;
    }
}

impl<M: Machine> Kernel<M> {
    /// Takes the samples that are due.
    #[inline]
    pub(super) fn sample_load(&mut self, now_ns: u64) {
        if now_ns.wrapping_sub(self.scheduler.load.sampled_ns) >= PERIOD_NS {
            self.sample_load_now(now_ns);
        }
    }

    #[cold]
    fn sample_load_now(&mut self, now_ns: u64) {
        let idle_ns = self.idle_now_ns();
        let cpus = self.scheduler.cpu_count as u64;
        let waiting = self.scheduler.waiting();
        let load = &mut self.scheduler.load;
        load.sample(now_ns, idle_ns, cpus, waiting);
    }

    /// The load averages of 1, 5 and 15 minutes, in the unit of `kernel_abi::system::LOAD_UNIT`.
    pub(crate) fn load_averages(&mut self) -> [u64; 3] {
        self.sample_load(self.machine.now_ns());
        self.scheduler.load.averages
    }

    /// Time that a processor was idle, up to now.
    pub(crate) fn processor_idle_ns(&self, cpu: Cpu) -> u64 {
        match self.scheduler.idle_since(cpu) {
            (ended_ns, Some(since_ticks)) => {
                let ticks = self.machine.now_ticks().wrapping_sub(since_ticks);
                ended_ns + self.machine.ticks_to_ns(ticks)
            }
            (ended_ns, None) => ended_ns,
        }
    }

    /// Time that all processors were idle, up to now.
    pub(crate) fn idle_now_ns(&self) -> u64 {
        let cpus = (0..self.scheduler.cpu_count).map(|cpu| Cpu(cpu as u8));
        cpus.map(|cpu| self.processor_idle_ns(cpu)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: u64 = 60_000_000_000;

    #[test]
    fn a_processor_that_is_always_busy_is_a_load_of_one_in_the_end() {
        let mut load = Load::default();
        for period in 1..=720 {
            load.sample(period * PERIOD_NS, 0, 1, 0);
        }
        assert!(
            load.averages
                .iter()
                .all(|average| *average > LOAD_UNIT * 95 / 100),
            "{:?}",
            load.averages
        );
        assert!(load.averages.iter().all(|average| *average <= LOAD_UNIT));
    }

    #[test]
    fn after_a_minute_of_work_the_short_average_is_higher_than_the_long_one() {
        let mut load = Load::default();
        load.sample(MINUTE_NS, MINUTE_NS, 2, 2);
        let [minute, five, fifteen] = load.averages;
        assert!(minute > five && five > fifteen && fifteen > 0);
        // 3 threads for a minute: 1 - 1/e of it.
        assert!(
            (LOAD_UNIT * 3 * 58 / 100..LOAD_UNIT * 3 * 68 / 100).contains(&minute),
            "{minute}"
        );
    }

    #[test]
    fn the_load_decays_while_nothing_runs_however_long_nobody_asks() {
        let mut load = Load::default();
        load.sample(10 * MINUTE_NS, 0, 1, 0);
        let before = load.averages;
        load.sample(11 * MINUTE_NS, MINUTE_NS, 1, 0);
        assert!(load.averages[0] < before[0] / 2);
        load.sample(u64::MAX / 4, u64::MAX / 4, 1, 0);
        assert_eq!(load.averages, [0; 3]);
    }
}
