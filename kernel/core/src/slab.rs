//! Tables of objects, addressed by an index and a generation.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;
use core::num::{NonZeroU32, NonZeroU64};

/// Names an entry of a [`Slab`]. A stale one (the entry was removed, the place perhaps reused)
/// finds nothing.
///
/// One word: the place in the low half, the generation, which is never 0, in the high half. So an
/// `Option<Id>` is one word too, and names are compared and copied as words.
pub struct Id<T> {
    word: NonZeroU64,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    const FIRST_GENERATION: NonZeroU32 = NonZeroU32::MIN;

    #[inline]
    const fn new(index: u32, generation: NonZeroU32) -> Id<T> {
        let word = (generation.get() as u64) << 32 | index as u64;
        match NonZeroU64::new(word) {
            Some(word) => Id {
                word,
                of: PhantomData,
            },
            None => unreachable!(),
        }
    }

    /// The place in the table.
    #[inline]
    pub const fn index(self) -> u32 {
        self.word.get() as u32
    }

    /// The name as one word, for what keeps names without knowing of what.
    #[inline]
    pub const fn to_word(self) -> u64 {
        self.word.get()
    }

    /// The name from such a word; `None` for 0, which is no name's.
    #[inline]
    pub const fn from_word(word: u64) -> Option<Id<T>> {
        match NonZeroU64::new(word) {
            Some(word) => Some(Id {
                word,
                of: PhantomData,
            }),
            None => None,
        }
    }

    /// One more than how often the place had been used before.
    #[inline]
    pub const fn generation(self) -> u32 {
        (self.word.get() >> 32) as u32
    }

    /// The name of the next entry in the same place.
    fn next(self) -> Id<T> {
        let generation = NonZeroU32::new(self.generation().wrapping_add(1));
        Id::new(self.index(), generation.unwrap_or(Self::FIRST_GENERATION))
    }
}

// Derived implementations would ask the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Id<T> {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    #[inline]
    fn eq(&self, other: &Id<T>) -> bool {
        self.word == other.word
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Id<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Id<T>) -> Ordering {
        (self.index(), self.generation()).cmp(&(other.index(), other.generation()))
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.index(), self.generation())
    }
}

struct Entry<T> {
    /// Of what is here, or of what comes here next.
    name: Id<T>,
    value: Option<T>,
}

/// A table whose entries keep their names while they live. Insertion, lookup and removal take
/// constant time.
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// An empty table.
    pub fn new() -> Slab<T> {
        Slab::default()
    }

    /// Adds an entry.
    pub fn insert(&mut self, value: T) -> Id<T> {
        if let Some(index) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(index as usize)
        {
            entry.value = Some(value);
            return entry.name;
        }
        let name = Id::new(self.entries.len() as u32, Id::<T>::FIRST_GENERATION);
        self.entries.push(Entry {
            name,
            value: Some(value),
        });
        name
    }

    /// The entry of this name.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        let entry = self.entries.get(id.index() as usize)?;
        if entry.name == id {
            entry.value.as_ref()
        } else {
            None
        }
    }

    /// The entry of this name, to change.
    #[inline]
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.index() as usize)?;
        if entry.name == id {
            entry.value.as_mut()
        } else {
            None
        }
    }

    /// Two different entries at once.
    #[inline(always)]
    pub fn get_pair_mut(&mut self, first: Id<T>, second: Id<T>) -> Option<(&mut T, &mut T)> {
        let places = [first.index() as usize, second.index() as usize];
        let [one, other] = self.entries.get_disjoint_mut(places).ok()?;
        if one.name != first || other.name != second {
            return None;
        }
        Some((one.value.as_mut()?, other.value.as_mut()?))
    }

    /// The entry of a name and another one, whatever is in that place, with its name.
    #[inline(always)]
    #[allow(
        clippy::type_complexity,
        reason = "the pair of `get_pair_mut`, and a name"
    )]
    pub fn get_pair_at(&mut self, first: Id<T>, place: u32) -> Option<((&mut T, &mut T), Id<T>)> {
        let places = [first.index() as usize, place as usize];
        let [one, other] = self.entries.get_disjoint_mut(places).ok()?;
        if one.name != first {
            return None;
        }
        Some(((one.value.as_mut()?, other.value.as_mut()?), other.name))
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let entry = self.entries.get_mut(id.index() as usize)?;
        if entry.name != id {
            return None;
        }
        let value = entry.value.take()?;
        entry.name = id.next();
        self.free.push(id.index());
        Some(value)
    }

    /// The name of the entry in a place, if there is one.
    #[inline]
    pub fn id_at(&self, index: u32) -> Option<Id<T>> {
        let entry = self.entries.get(index as usize)?;
        entry.value.as_ref()?;
        Some(entry.name)
    }

    /// Every entry with its name.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((entry.name, entry.value.as_ref()?)))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_stale_name_finds_nothing_after_its_place_is_reused() {
        let mut slab = Slab::new();
        let first = slab.insert(1);
        assert_eq!(slab.remove(first), Some(1));
        let second = slab.insert(2);
        assert_eq!(first.index(), second.index());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get(second), Some(&2));
        assert_eq!(slab.len(), 1);
    }
}
