//! When a server that died is started again.

/// Deaths within [`WINDOW_NS`] that are answered at once.
const IMMEDIATE_DEATHS: u32 = 3;
/// Deaths within the window after which the server is given up.
const MAX_DEATHS: u32 = 12;
/// A server that lived this long starts with a clean slate.
const WINDOW_NS: u64 = 10_000_000_000;
/// First delay; each further one is twice as long.
const FIRST_DELAY_NS: u64 = 50_000_000;
/// No delay is longer.
const LONGEST_DELAY_NS: u64 = 3_000_000_000;

/// What to do after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start again at once.
    Now,
    /// Start again at this time (monotonic ns).
    At(u64),
    /// It dies again and again: leave it, and let its clients see errors instead of waiting.
    GiveUp,
}

/// How an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a fault, a panic, a kill or an exit that it did not explain: the next may do better.
    Crash,
    /// It said that it cannot start, and why: the next would say the same.
    CannotStart,
}

/// A server's recent deaths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    deaths: u32,
}

impl Policy {
    /// Records the end of an instance that was started at `started_ns`.
    pub fn died(&mut self, end: End, started_ns: u64, now_ns: u64) -> Decision {
        if end == End::CannotStart {
            return Decision::GiveUp;
        }
        if now_ns.saturating_sub(started_ns) >= WINDOW_NS {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        if self.deaths <= IMMEDIATE_DEATHS {
            return Decision::Now;
        }
        if self.deaths > MAX_DEATHS {
            return Decision::GiveUp;
        }
        let doublings = self.deaths - IMMEDIATE_DEATHS - 1;
        let delay = FIRST_DELAY_NS
            .saturating_mul(1 << doublings)
            .min(LONGEST_DELAY_NS);
        Decision::At(now_ns.saturating_add(delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_deaths_are_answered_at_once() {
        let mut policy = Policy::default();
        for now in 1..=3 {
            assert_eq!(policy.died(End::Crash, now, now + 1), Decision::Now);
        }
    }

    #[test]
    fn repeated_deaths_back_off_and_end_in_giving_up() {
        let mut policy = Policy::default();
        let mut last = 0;
        for death in 1..=12 {
            if let Decision::At(at) = policy.died(End::Crash, 0, 1) {
                assert!(death > 3 && at > last);
                last = if at - 1 == LONGEST_DELAY_NS { 0 } else { at };
            }
        }
        assert_eq!(policy.died(End::Crash, 0, 1), Decision::GiveUp);
    }

    #[test]
    fn a_long_life_clears_the_record() {
        let mut policy = Policy::default();
        for _ in 0..12 {
            policy.died(End::Crash, 0, 1);
        }
        assert_eq!(policy.died(End::Crash, 0, WINDOW_NS), Decision::Now);
    }

    #[test]
    fn a_server_that_cannot_start_is_not_tried_again() {
        let mut policy = Policy::default();
        assert_eq!(policy.died(End::CannotStart, 0, 1), Decision::GiveUp);
        // What was tried by a crash before it changes nothing.
        policy.died(End::Crash, 0, 1);
        assert_eq!(
            policy.died(End::CannotStart, 0, WINDOW_NS),
            Decision::GiveUp
        );
    }
}
