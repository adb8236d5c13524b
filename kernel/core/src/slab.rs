//! Tables of objects, addressed by an index and a generation.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;

/// Names an entry of a [`Slab`]. A stale one (the entry was removed, the place perhaps reused)
/// finds nothing.
pub struct Id<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The place in the table.
    #[inline]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// The name as one word, for what keeps names without knowing of what.
    #[inline]
    pub const fn to_word(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The name from such a word.
    #[inline]
    pub const fn from_word(word: u64) -> Id<T> {
        Id {
            index: word as u32,
            generation: (word >> 32) as u32,
            of: PhantomData,
        }
    }

    /// How often the place had been used before.
    #[inline]
    pub const fn generation(self) -> u32 {
        self.generation
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
        (self.index, self.generation) == (other.index, other.generation)
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
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.index, self.generation)
    }
}

struct Entry<T> {
    generation: u32,
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
            return Id {
                index,
                generation: entry.generation,
                of: PhantomData,
            };
        }
        let index = self.entries.len() as u32;
        self.entries.push(Entry {
            generation: 0,
            value: Some(value),
        });
        Id {
            index,
            generation: 0,
            of: PhantomData,
        }
    }

    /// The entry of this name.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        let entry = self.entries.get(id.index as usize)?;
        if entry.generation == id.generation {
            entry.value.as_ref()
        } else {
            None
        }
    }

    /// The entry of this name, to change.
    #[inline]
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.index as usize)?;
        if entry.generation == id.generation {
            entry.value.as_mut()
        } else {
            None
        }
    }

    /// Two different entries at once.
    #[inline]
    pub fn get_pair_mut(&mut self, first: Id<T>, second: Id<T>) -> Option<(&mut T, &mut T)> {
        let places = [first.index as usize, second.index as usize];
        let [one, other] = self.entries.get_disjoint_mut(places).ok()?;
        if one.generation != first.generation || other.generation != second.generation {
            return None;
        }
        Some((one.value.as_mut()?, other.value.as_mut()?))
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let entry = self.entries.get_mut(id.index as usize)?;
        if entry.generation != id.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(id.index);
        Some(value)
    }

    /// The name of the entry in a place, if there is one.
    #[inline]
    pub fn id_at(&self, index: u32) -> Option<Id<T>> {
        let entry = self.entries.get(index as usize)?;
        entry.value.as_ref()?;
        Some(Id {
            index,
            generation: entry.generation,
            of: PhantomData,
        })
    }

    /// Every entry with its name.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let value = entry.value.as_ref()?;
                Some((
                    Id {
                        index: index as u32,
                        generation: entry.generation,
                        of: PhantomData,
                    },
                    value,
                ))
            })
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
