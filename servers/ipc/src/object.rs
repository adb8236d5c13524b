//! Tables of System V objects: ids, keys, limits.

use alloc::vec::Vec;
use proto::{Error, Identity};

use crate::permission::{Permission, is_root};
use crate::record::{Reader, Writer};

/// Objects of one kind in the system, and of one user who is not root.
pub const MOST: usize = 192;
/// See [`MOST`].
pub const MOST_OF_USER: usize = 64;
/// An id is a place in the table and, above it, how often the place was used.
const INDEX_BITS: u32 = 15;
const SEQUENCES: u32 = 1 << 16;

/// `IPC_CREAT` and `IPC_EXCL`.
pub const CREATE: u32 = 0o1000;
/// See [`CREATE`].
pub const EXCLUSIVE: u32 = 0o2000;
/// `IPC_PRIVATE`.
pub const PRIVATE: u64 = 0;

/// What all kinds have.
pub trait Object: Sized {
    /// Who may do what.
    fn permission(&self) -> &Permission;
    /// The same, to change.
    fn permission_mut(&mut self) -> &mut Permission;
    /// Writes it out.
    fn encode(&self, out: &mut Writer);
    /// Reads it back.
    fn decode(from: &mut Reader<'_>) -> Option<Self>;
}

struct Slot<T> {
    sequence: u32,
    key: u64,
    /// Number of the call that made it.
    made_by: u64,
    value: Option<T>,
}

/// The objects of one kind.
pub struct Table<T> {
    slots: Vec<Slot<T>>,
}

impl<T: Object> Table<T> {
    /// An empty table.
    pub fn new() -> Table<T> {
        Table { slots: Vec::new() }
    }

    fn slot(&self, id: u32) -> Option<&Slot<T>> {
        let slot = self.slots.get((id & ((1 << INDEX_BITS) - 1)) as usize)?;
        (slot.sequence == id >> INDEX_BITS).then_some(slot)
    }

    fn id_at(&self, index: usize) -> u32 {
        let sequence = self.slots.get(index).map_or(0, |slot| slot.sequence);
        sequence << INDEX_BITS | index as u32
    }

    /// The object with this id; POSIX: `EINVAL` when there is none.
    pub fn get(&self, id: u32) -> Result<&T, Error> {
        let slot = self.slot(id).ok_or(Error::BadArgument)?;
        slot.value.as_ref().ok_or(Error::BadArgument)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, id: u32) -> Result<&mut T, Error> {
        self.slot(id).ok_or(Error::BadArgument)?;
        let slot = self.slots.get_mut((id & ((1 << INDEX_BITS) - 1)) as usize);
        slot.and_then(|slot| slot.value.as_mut())
            .ok_or(Error::BadArgument)
    }

    /// The object with this id, if the caller has the wanted permission.
    pub fn allowed(&mut self, id: u32, identity: &Identity, wanted: u32) -> Result<&mut T, Error> {
        let object = self.get_mut(id)?;
        if object.permission().allows(identity, wanted) {
            Ok(object)
        } else {
            Err(Error::AccessDenied)
        }
    }

    /// The key of an object.
    pub fn key(&self, id: u32) -> u64 {
        self.slot(id).map_or(PRIVATE, |slot| slot.key)
    }

    /// Takes an object's key away: it is found by its id only.
    pub fn hide(&mut self, id: u32) {
        if self.get(id).is_ok()
            && let Some(slot) = self.slots.get_mut((id & ((1 << INDEX_BITS) - 1)) as usize)
        {
            slot.key = PRIVATE;
        }
    }

    /// The object with a key, or that the call with this number made.
    pub fn find(&self, key: u64, redelivered: Option<u64>) -> Option<u32> {
        let index = self.slots.iter().position(|slot| {
            let same = key != PRIVATE && slot.key == key;
            slot.value.is_some() && (same || redelivered == Some(slot.made_by))
        })?;
        Some(self.id_at(index))
    }

    /// Whether the call with this number made an object.
    pub fn was_made_by(&self, id: u32, number: u64) -> bool {
        self.slot(id).is_some_and(|slot| slot.made_by == number)
    }

    /// Whether one more may be made by this caller.
    pub fn check_limit(&self, identity: &Identity) -> Result<(), Error> {
        let user = identity.credentials.user;
        let all = self.slots.iter().filter_map(|slot| slot.value.as_ref());
        let own = all
            .clone()
            .filter(|object| object.permission().creator_user == user)
            .count();
        if all.count() >= MOST || (!is_root(identity) && own >= MOST_OF_USER) {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    /// The id that the next object will have.
    pub fn next_id(&self) -> u32 {
        let free = self.slots.iter().position(|slot| slot.value.is_none());
        self.id_at(free.unwrap_or(self.slots.len()))
    }

    /// Adds one, under [`Table::next_id`].
    pub fn insert(&mut self, key: u64, made_by: u64, value: T) -> u32 {
        let id = self.next_id();
        let index = (id & ((1 << INDEX_BITS) - 1)) as usize;
        let slot = Slot {
            sequence: id >> INDEX_BITS,
            key,
            made_by,
            value: Some(value),
        };
        match self.slots.get_mut(index) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        id
    }

    /// Takes one out; its id is not used again soon.
    pub fn remove(&mut self, id: u32) -> Option<T> {
        self.slot(id)?;
        let slot = self
            .slots
            .get_mut((id & ((1 << INDEX_BITS) - 1)) as usize)?;
        let value = slot.value.take();
        slot.sequence = (slot.sequence + 1) % SEQUENCES;
        slot.key = PRIVATE;
        value
    }

    /// All objects with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((self.id_at(index), value))
        })
    }

    /// The id of the object in a place of the table.
    pub fn at_index(&self, index: u64) -> Option<u32> {
        let index = usize::try_from(index).ok()?;
        self.slots.get(index)?.value.as_ref()?;
        Some(self.id_at(index))
    }

    /// The highest place in use.
    pub fn highest_index(&self) -> u64 {
        self.slots
            .iter()
            .rposition(|slot| slot.value.is_some())
            .unwrap_or(0) as u64
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        out.count(self.slots.len());
        for slot in &self.slots {
            out.u32(slot.sequence);
            out.u64(slot.key);
            out.u64(slot.made_by);
            out.u32(u32::from(slot.value.is_some()));
            if let Some(value) = &slot.value {
                value.encode(out);
            }
        }
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Table<T>> {
        let mut slots = Vec::new();
        for _ in 0..from.count()?.min(MOST) {
            let (sequence, key, made_by) = (from.u32()?, from.u64()?, from.u64()?);
            let value = match from.u32()? {
                0 => None,
                _ => Some(T::decode(from)?),
            };
            slots.push(Slot {
                sequence,
                key,
                made_by,
                value,
            });
        }
        Some(Table { slots })
    }
}
