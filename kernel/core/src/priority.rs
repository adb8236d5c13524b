//! Priorities: real-time classes above a fair one with weights.

/// Weight of the normal level of the fair class.
pub(crate) const NORMAL_WEIGHT: u64 = 1024;

const FAIR: u16 = 0;
const ROUND_ROBIN: u16 = 1;
const FIFO: u16 = 2;

/// A class and a level, checked; encoded as `kernel_abi::process::priority`, so that two of them
/// are compared as one number. Fair: level 0..40, lower gets more. Round robin and first in, first
/// out: level 1..100, higher first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priority(u16);

impl Priority {
    /// The normal priority.
    pub const NORMAL: Priority = Priority(FAIR << 8 | 20);

    /// Decodes `kernel_abi::process::priority`.
    pub fn from_raw(raw: u64) -> Option<Priority> {
        let priority = Priority(u16::try_from(raw).ok()?);
        let level = priority.level();
        let valid = match priority.class() {
            FAIR => level < 40,
            ROUND_ROBIN | FIFO => (1..100).contains(&level),
            _ => false,
        };
        valid.then_some(priority)
    }

    /// Encodes it.
    pub fn raw(self) -> u64 {
        u64::from(self.0)
    }

    #[inline]
    fn class(self) -> u16 {
        self.0 >> 8
    }

    #[inline]
    fn level(self) -> u8 {
        self.0 as u8
    }

    /// Whether others of its level wait until it blocks.
    pub fn is_first_in_first_out(self) -> bool {
        self.class() == FIFO
    }

    /// Order between threads: 0 for the whole fair class.
    #[inline]
    pub fn rank(self) -> u8 {
        match self.class() {
            FAIR => 0,
            _ => self.level(),
        }
    }

    /// The one that gets more.
    #[inline]
    pub fn max(self, other: Priority) -> Priority {
        match (self.class(), other.class()) {
            (FAIR, FAIR) if self.level() < other.level() => self,
            (FAIR, FAIR) => other,
            _ if other.rank() > self.rank() => other,
            _ => self,
        }
    }

    /// Share of the fair class's time.
    pub fn weight(self) -> u64 {
        match self.class() {
            FAIR => WEIGHTS.get(usize::from(self.level())).copied().unwrap_or(1),
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
