//! The ready threads of the fair class on one processor, in the order of their run time.

use crate::kernel::ThreadId;
use alloc::collections::BTreeMap;

/// Weighted run time, and the thread's place in its table, which makes it unique.
pub(super) type Key = (u64, u32);

/// The queue. Its first entry stands apart: most of the time there is no other, and then coming
/// and going allocates nothing.
#[derive(Default)]
pub(super) struct FairQueue {
    first: Option<(Key, ThreadId)>,
    others: BTreeMap<Key, ThreadId>,
}

impl FairQueue {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn insert(&mut self, key: Key, thread: ThreadId) {
        match self.first {
            None => self.first = Some((key, thread)),
            Some((first, other)) if key < first => {
                self.others.insert(first, other);
                self.first = Some((key, thread));
            }
            Some(_) => {
                self.others.insert(key, thread);
            }
        }
    }

    pub fn remove(&mut self, key: Key) {
        if self.first.is_some_and(|(first, _)| first == key) {
            self.first = match self.others.is_empty() {
                true => None,
                false => self.others.pop_first(),
            };
        } else {
            self.others.remove(&key);
        }
    }

    /// Every entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, ThreadId)> {
        let others = self.others.iter().map(|(&key, &thread)| (key, thread));
        self.first.into_iter().chain(others)
    }

    /// The run time of the last one.
    pub fn last_runtime(&self) -> Option<u64> {
        let first = self.first?.0;
        let last = self.others.last_key_value().map_or(first, |(&key, _)| key);
        Some(last.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{FairQueue, Key};
    use crate::kernel::ThreadId;
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;
    use std::vec::Vec;

    #[test]
    fn it_is_ordered_like_one_map() {
        let (mut queue, mut model): (FairQueue, BTreeMap<Key, ThreadId>) = Default::default();
        let mut random = 12345u64;
        for _ in 0..2000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            let key = (random >> 61, (random >> 40) as u32 % 4);
            let thread = ThreadId::from_word(1 << 32 | u64::from(key.1)).expect("a name");
            if random >> 33 & 1 == 0 {
                if let Entry::Vacant(place) = model.entry(key) {
                    queue.insert(key, thread);
                    place.insert(thread);
                }
            } else {
                queue.remove(key);
                model.remove(&key);
            }
            let found: Vec<_> = queue.iter().collect();
            let expected: Vec<_> = model.iter().map(|(&key, &thread)| (key, thread)).collect();
            assert_eq!(found, expected);
            assert_eq!(queue.is_empty(), model.is_empty());
            assert_eq!(
                queue.last_runtime(),
                model.last_key_value().map(|(key, _)| key.0)
            );
        }
    }
}
