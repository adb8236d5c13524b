//! Sets of semaphores (POSIX `<sys/sem.h>`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proto::Error;

use crate::object::Object;
use crate::permission::Permission;
use crate::record::{Reader, Writer};

/// Semaphores of a set (`SEMMSL`), operations of a call (`SEMOPM`), largest value (`SEMVMX`).
pub const MOST_IN_SET: u64 = 1024;
/// See [`MOST_IN_SET`].
pub const MOST_OPERATIONS: usize = 500;
/// See [`MOST_IN_SET`].
pub const LARGEST: i32 = 32767;
/// `IPC_NOWAIT` and `SEM_UNDO` in an operation's flags.
pub const NO_WAIT: i16 = 0o4000;
/// See [`NO_WAIT`].
pub const UNDO: i16 = 0o10000;

/// One semaphore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Semaphore {
    pub value: u16,
    pub last_process: u64,
}

/// `struct sembuf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub number: u16,
    pub change: i16,
    pub flags: i16,
}

impl Operation {
    /// From an array of them.
    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Operation>> {
        let (chunks, rest) = bytes.as_chunks::<6>();
        let decode = |&[a, b, c, d, e, f]: &[u8; 6]| Operation {
            number: u16::from_le_bytes([a, b]),
            change: i16::from_le_bytes([c, d]),
            flags: i16::from_le_bytes([e, f]),
        };
        rest.is_empty().then(|| chunks.iter().map(decode).collect())
    }
}

/// A set.
pub struct Set {
    pub permission: Permission,
    pub semaphores: Vec<Semaphore>,
    pub operated_s: i64,
    pub changed_s: i64,
    /// What the end of a process adds to each semaphore.
    pub undo: BTreeMap<u64, Vec<i32>>,
}

/// Why operations cannot be carried out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// They would have to wait at this one.
    Waits(Operation),
    /// They never can.
    Error(Error),
}

impl Set {
    /// Carries out all operations of a process, or none.
    pub fn operate(&mut self, operations: &[Operation], process: u64) -> Result<(), Refused> {
        let mut values: Vec<i32> = self
            .semaphores
            .iter()
            .map(|one| i32::from(one.value))
            .collect();
        let mut undo = None;
        for operation in operations {
            let number = usize::from(operation.number);
            let value = values
                .get_mut(number)
                .ok_or(Refused::Error(Error::TooLong))?;
            let change = i32::from(operation.change);
            if (change == 0 && *value != 0) || *value + change < 0 {
                return Err(Refused::Waits(*operation));
            }
            *value += change;
            if *value > LARGEST {
                return Err(Refused::Error(Error::OutOfRange));
            }
            if operation.flags & UNDO != 0 && change != 0 {
                let known = || self.undo.get(&process).cloned();
                let fresh = || alloc::vec![0; self.semaphores.len()];
                let undo = undo.get_or_insert_with(|| known().unwrap_or_else(fresh));
                let Some(adjustment) = undo.get_mut(number) else {
                    continue;
                };
                *adjustment -= change;
                if adjustment.abs() > LARGEST {
                    return Err(Refused::Error(Error::OutOfRange));
                }
            }
        }
        for (semaphore, value) in self.semaphores.iter_mut().zip(values) {
            semaphore.value = value as u16;
        }
        for operation in operations {
            if let Some(semaphore) = self.semaphores.get_mut(usize::from(operation.number)) {
                semaphore.last_process = process;
            }
        }
        if let Some(undo) = undo {
            self.undo.insert(process, undo);
        }
        Ok(())
    }

    /// Sets a value; what processes would undo of it is forgotten (POSIX `SETVAL`).
    pub fn set(&mut self, number: usize, value: u16, process: u64) -> Result<(), Error> {
        let semaphore = self.semaphores.get_mut(number).ok_or(Error::BadArgument)?;
        *semaphore = Semaphore {
            value,
            last_process: process,
        };
        for adjustments in self.undo.values_mut() {
            if let Some(adjustment) = adjustments.get_mut(number) {
                *adjustment = 0;
            }
        }
        Ok(())
    }

    /// A process has ended: whether that changed anything.
    pub fn undo_of(&mut self, process: u64) -> bool {
        let Some(adjustments) = self.undo.remove(&process) else {
            return false;
        };
        for (semaphore, adjustment) in self.semaphores.iter_mut().zip(adjustments) {
            if adjustment != 0 {
                let value = i32::from(semaphore.value) + adjustment;
                semaphore.value = value.clamp(0, LARGEST) as u16;
                semaphore.last_process = process;
            }
        }
        true
    }
}

impl Object for Set {
    fn permission(&self) -> &Permission {
        &self.permission
    }

    fn permission_mut(&mut self) -> &mut Permission {
        &mut self.permission
    }

    fn encode(&self, out: &mut Writer) {
        self.permission.encode(out);
        out.u64(self.operated_s as u64);
        out.u64(self.changed_s as u64);
        out.count(self.semaphores.len());
        for semaphore in &self.semaphores {
            out.u32(u32::from(semaphore.value));
            out.u64(semaphore.last_process);
        }
        out.count(self.undo.len());
        for (process, adjustments) in &self.undo {
            out.u64(*process);
            adjustments.iter().for_each(|one| out.u32(*one as u32));
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Set> {
        let permission = Permission::decode(from)?;
        let (operated_s, changed_s) = (from.u64()? as i64, from.u64()? as i64);
        let mut semaphores = Vec::new();
        for _ in 0..from.count()? {
            semaphores.push(Semaphore {
                value: from.u32()? as u16,
                last_process: from.u64()?,
            });
        }
        let mut undo = BTreeMap::new();
        for _ in 0..from.count()? {
            let process = from.u64()?;
            let adjustments: Option<Vec<i32>> = semaphores
                .iter()
                .map(|_| from.u32().map(|word| word as i32))
                .collect();
            undo.insert(process, adjustments?);
        }
        Some(Set {
            permission,
            semaphores,
            operated_s,
            changed_s,
            undo,
        })
    }
}
