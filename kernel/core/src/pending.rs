//! Upcalls that are pending, in order, with what came with each.

use crate::slab::Id;
use crate::timer::Timer;
use alloc::vec::Vec;
use kernel_abi::Error;
use kernel_abi::process::FIRST_QUEUED_UPCALL;

/// An upcall on its way: its number and three words that the kernel does not look into.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raised {
    pub upcall: u32,
    pub value: u64,
    pub details: [u64; 2],
    /// The timer that raised it, which counts what it could not raise meanwhile.
    pub timer: Option<Id<Timer>>,
}

impl Raised {
    /// Without any words.
    pub fn plain(upcall: u32) -> Raised {
        Raised {
            upcall,
            ..Raised::default()
        }
    }

    /// Its bit in a set.
    pub fn bit(&self) -> u64 {
        1u64.checked_shl(self.upcall).unwrap_or(0)
    }

    /// Tells, in the upper half of the first detail, how many expiries of the timer came while
    /// this one was pending.
    pub fn set_overrun(&mut self, count: u32) {
        self.details[0] = self.details[0] & 0xffff_ffff | u64::from(count) << 32;
    }

    /// Whether each raise of it is kept, and not only the first.
    pub fn is_queued(&self) -> bool {
        self.upcall >= FIRST_QUEUED_UPCALL
    }
}

/// What is pending for a thread, or for a process as a whole.
#[derive(Default)]
pub(crate) struct Pending {
    set: u64,
    /// In the order of their arrival. One of each upcall that is not queued.
    entries: Vec<Raised>,
}

impl Pending {
    /// The upcalls that are pending.
    #[inline]
    pub fn set(&self) -> u64 {
        self.set
    }

    /// Adds one; what is not queued and pending already is dropped. `NoMemory` when there is no
    /// memory for it.
    pub fn push(&mut self, raised: Raised) -> Result<(), Error> {
        if self.set & raised.bit() != 0 && !raised.is_queued() {
            return Ok(());
        }
        self.entries.try_reserve(1).map_err(|_| Error::NoMemory)?;
        self.set |= raised.bit();
        self.entries.push(raised);
        Ok(())
    }

    /// The first one of an upcall.
    pub fn first(&self, upcall: u32) -> Option<&Raised> {
        self.entries.iter().find(|entry| entry.upcall == upcall)
    }

    /// Takes the first one of an upcall.
    pub fn take(&mut self, upcall: u32) -> Option<Raised> {
        // Mostly it is the only one.
        if let [only] = self.entries.as_slice()
            && only.upcall == upcall
        {
            self.set = 0;
            return self.entries.pop();
        }
        let mut same = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.upcall == upcall)
            .map(|(index, _)| index);
        let first = same.next()?;
        let last = same.next().is_none();
        let taken = self.entries.remove(first);
        if last {
            self.set &= !taken.bit();
        }
        Some(taken)
    }

    /// Drops all upcalls of a set; how many of them were queued ones.
    pub fn discard(&mut self, set: u64) -> u64 {
        if self.set & set == 0 {
            return 0;
        }
        let before = self.queued();
        self.entries.retain(|entry| entry.bit() & set == 0);
        self.set &= !set;
        before - self.queued()
    }

    /// How many queued ones there are.
    pub fn queued(&self) -> u64 {
        self.entries
            .iter()
            .filter(|entry| entry.is_queued())
            .count() as u64
    }

    /// Whether an expiry of a timer is among them.
    pub fn has_expiry(&self, timer: Id<Timer>) -> bool {
        self.entries.iter().any(|entry| entry.timer == Some(timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(upcall: u32, value: u64) -> Raised {
        Raised {
            value,
            ..Raised::plain(upcall)
        }
    }

    #[test]
    fn upcalls_that_queue_come_in_order_and_of_the_others_the_first_is_kept() {
        let mut pending = Pending::default();
        for (upcall, value) in [(40, 1), (9, 2), (40, 3), (9, 4), (35, 5)] {
            pending.push(raised(upcall, value)).unwrap();
        }
        let values = |pending: &mut Pending, upcall| pending.take(upcall).map(|entry| entry.value);
        assert_eq!(pending.set(), 1 << 40 | 1 << 9 | 1 << 35);
        assert_eq!(pending.queued(), 3);
        assert_eq!(values(&mut pending, 40), Some(1));
        assert_eq!(pending.set() >> 40, 1);
        assert_eq!(values(&mut pending, 40), Some(3));
        assert_eq!(values(&mut pending, 40), None);
        assert_eq!(values(&mut pending, 9), Some(2));
        assert_eq!(values(&mut pending, 9), None);
        assert_eq!(pending.discard(1 << 35), 1);
        assert_eq!(pending.set(), 0);
    }
}
