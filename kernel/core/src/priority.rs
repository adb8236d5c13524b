//! Priorities: real-time classes above a fair one with weights.

/// Weight of the normal level of the fair class.
pub(crate) const NORMAL_WEIGHT: u64 = 1024;

/// A class and a level, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Level 0..40, lower gets more.
    Fair(u8),
    /// Level 1..100, higher first.
    RoundRobin(u8),
    /// Level 1..100, higher first.
    Fifo(u8),
}

impl Priority {
    /// The normal priority.
    pub const NORMAL: Priority = Priority::Fair(20);

    /// Decodes `kernel_abi::process::priority`.
    pub fn from_raw(raw: u64) -> Option<Priority> {
        let level = (raw & 0xff) as u8;
        match raw >> 8 {
            0 if level < 40 => Some(Priority::Fair(level)),
            1 if (1..100).contains(&level) => Some(Priority::RoundRobin(level)),
            2 if (1..100).contains(&level) => Some(Priority::Fifo(level)),
            _ => None,
        }
    }

    /// Encodes it.
    pub fn raw(self) -> u64 {
        match self {
            Priority::Fair(level) => u64::from(level),
            Priority::RoundRobin(level) => 1 << 8 | u64::from(level),
            Priority::Fifo(level) => 2 << 8 | u64::from(level),
        }
    }

    /// Order between threads: 0 for the whole fair class.
    #[inline]
    pub fn rank(self) -> u8 {
        match self {
            Priority::Fair(_) => 0,
            Priority::RoundRobin(level) | Priority::Fifo(level) => level,
        }
    }

    /// The one that gets more.
    #[inline]
    pub fn max(self, other: Priority) -> Priority {
        match (self, other) {
            (Priority::Fair(a), Priority::Fair(b)) => Priority::Fair(if a < b { a } else { b }),
            _ if other.rank() > self.rank() => other,
            _ => self,
        }
    }

    pub fn weight(self) -> u64 {
        match self {
            Priority::Fair(level) => WEIGHTS.get(usize::from(level)).copied().unwrap_or(1),
            _ => NORMAL_WEIGHT,
        }
    }
}

/// Each level gets 5/4 of the next one's share.
const WEIGHTS: [u64; 40] = {
    let mut weights = [NORMAL_WEIGHT; 40];
    let mut level = 20;
    while level > 0 {
        level -= 1;
        weights[level] = weights[level + 1] * 5 / 4;
    }
    level = 20;
    while level < 39 {
        level += 1;
        weights[level] = weights[level - 1] * 4 / 5;
    }
    weights
};
