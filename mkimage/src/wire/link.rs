//! Frames on their way, and what may happen to them there.

use super::random::Random;
use std::time::{Duration, Instant};

/// A frame that is held back goes on after so long, if no others come that it can go behind.
const LONGEST_DELAY: Duration = Duration::from_millis(20);

/// How bad the way is, each in percent of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Impairments {
    /// Frames that never arrive.
    pub lost: u64,
    /// Frames that arrive twice.
    pub doubled: u64,
    /// Frames that are overtaken by up to three others.
    pub overtaken: u64,
}

/// One direction of the way.
#[derive(Debug)]
pub struct Way {
    random: Random,
    /// How bad it is now.
    pub impairments: Impairments,
    /// Frames held back: how many others must go first, and until when at most.
    held: Vec<(Vec<u8>, u64, Instant)>,
}

impl Way {
    /// A way on which nothing happens yet.
    pub fn new(seed: u64) -> Way {
        Way {
            random: Random::new(seed),
            impairments: Impairments::default(),
            held: Vec::new(),
        }
    }

    /// Takes a frame; answers those that arrive now.
    pub fn pass(&mut self, frame: Vec<u8>, now: Instant) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        let (random, bad) = (&mut self.random, self.impairments);
        if !random.percent(bad.lost) {
            if random.percent(bad.doubled) {
                arrived.push(frame.clone());
            }
            if random.percent(bad.overtaken) {
                let others = 1 + random.below(3);
                self.held.push((frame, others, now + LONGEST_DELAY));
                return arrived;
            }
            arrived.push(frame);
        }
        for (_, others, _) in &mut self.held {
            *others = others.saturating_sub(1);
        }
        arrived.extend(self.released(now));
        arrived
    }

    /// The frames whose delay is over.
    pub fn released(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let is_over =
            |(_, others, until): &mut (Vec<u8>, u64, Instant)| *others == 0 || *until <= now;
        self.held
            .extract_if(.., is_over)
            .map(|(frame, ..)| frame)
            .collect()
    }

    /// Whether frames are held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(impairments: Impairments) -> Vec<u32> {
        let mut way = Way::new(3);
        way.impairments = impairments;
        let now = Instant::now();
        let mut arrived = Vec::new();
        for number in 0..1000u32 {
            arrived.extend(way.pass(number.to_be_bytes().to_vec(), now));
        }
        arrived.extend(way.released(now + LONGEST_DELAY));
        assert!(!way.is_holding());
        arrived
            .iter()
            .map(|frame| u32::from_be_bytes(frame[..].try_into().unwrap()))
            .collect()
    }

    #[test]
    fn a_good_way_changes_nothing() {
        let all: Vec<u32> = (0..1000).collect();
        assert_eq!(passed(Impairments::default()), all);
    }

    #[test]
    fn what_is_overtaken_arrives_once_and_late() {
        let arrived = passed(Impairments {
            overtaken: 10,
            ..Impairments::default()
        });
        let mut sorted = arrived.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<u32>>());
        assert!(arrived != sorted);
    }

    #[test]
    fn frames_are_lost_and_doubled() {
        let lost = passed(Impairments {
            lost: 10,
            ..Impairments::default()
        });
        assert!((850..950).contains(&lost.len()), "{}", lost.len());
        let doubled = passed(Impairments {
            doubled: 10,
            ..Impairments::default()
        });
        assert!((1050..1150).contains(&doubled.len()), "{}", doubled.len());
    }
}
