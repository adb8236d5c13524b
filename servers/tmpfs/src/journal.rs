//! What a file system in memory writes down for the next instance of its server: a log of changes in memory
//! that outlives the server, valid at every instant.
//!
//! The memory holds a word and two halves. A half is a word and records; its word says where the
//! records end, and is written after them, so that a record counts with all others of its
//! step or not at all. When the log has grown to much more than the file system itself, what
//! is there is written into the other half, and the first word changes to that one.

use alloc::vec;
use alloc::vec::Vec;

/// First word: this, and in the lowest bit the half that counts.
const MAGIC: u64 = 0x746d_7066_7300_0100;
/// Bytes before the halves.
const HEADER: u64 = 64;
/// Where a half's records start in it, after the word.
const RECORDS: u64 = 64;
/// Bytes that a log may have beyond twice what was written when it was begun.
const SPARE: u64 = 256 << 10;

/// The memory.
pub trait Medium {
    /// Bytes of it.
    fn length(&self) -> u64;
    /// Copies out; false when it is not all inside.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> bool;
    /// Copies in; false when it is not all inside.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> bool;
    /// Writes an aligned word, after all that was written before it.
    fn publish(&mut self, offset: u64, word: u64) -> bool;
}

impl Medium for server_rt::Mapping {
    fn length(&self) -> u64 {
        server_rt::Mapping::length(self)
    }
    fn read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        server_rt::Mapping::read(self, offset, bytes).is_some()
    }
    fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        server_rt::Mapping::write(self, offset, bytes).is_some()
    }
    fn publish(&mut self, offset: u64, word: u64) -> bool {
        self.store(offset, word).is_some()
    }
}

/// A log in such memory.
pub struct Journal<M> {
    medium: M,
    half: u64,
    /// End of the records, from the half's start.
    end: u64,
    /// The end when the half was begun.
    begun: u64,
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl<M: Medium> Journal<M> {
    /// The log, and the records that it holds, if it holds any.
    pub fn open(medium: M) -> (Journal<M>, Option<Vec<u8>>) {
        let mut journal = Journal {
            medium,
            half: 0,
            end: RECORDS,
            begun: RECORDS,
        };
        let records = journal.take_over();
        (journal, records)
    }

    fn take_over(&mut self) -> Option<Vec<u8>> {
        let mut first = [0; 8];
        if !self.medium.read(0, &mut first) {
            return None;
        }
        let first = u64::from_le_bytes(first);
        if first & !1 != MAGIC {
            return None;
        }
        self.half = first & 1;
        let mut end = [0; 8];
        if !self.medium.read(self.start(self.half), &mut end) {
            return None;
        }
        let end = u64::from_le_bytes(end);
        if end < RECORDS || end > self.half_bytes() {
            return None;
        }
        let mut records = vec![0; (end - RECORDS) as usize];
        let at = self.start(self.half) + RECORDS;
        if !self.medium.read(at, &mut records) {
            return None;
        }
        (self.end, self.begun) = (end, end);
        Some(records)
    }

    fn half_bytes(&self) -> u64 {
        (self.medium.length().saturating_sub(HEADER) / 2) & !63
    }

    fn start(&self, half: u64) -> u64 {
        HEADER + half * self.half_bytes()
    }

    /// Whether there is room for `length` more bytes without a fresh start being better.
    pub fn has_room(&self, length: usize) -> bool {
        let end = self.end + length as u64;
        end <= self.half_bytes() && end <= 2 * self.begun + SPARE
    }

    /// Adds the records of one step. False: they do not fit, and nothing has changed.
    pub fn append(&mut self, records: &[u8]) -> bool {
        let start = self.start(self.half);
        let end = self.end + records.len() as u64;
        if end > self.half_bytes() || !self.medium.write(start + self.end, records) {
            return false;
        }
        let done = self.medium.publish(start, end);
        if done {
            self.end = end;
        }
        done
    }

    /// Begins anew with records that tell all there is. False: they do not fit, and nothing has changed.
    pub fn restart(&mut self, records: &[u8]) -> bool {
        let other = 1 - self.half;
        let (start, end) = (self.start(other), RECORDS + records.len() as u64);
        let done = end <= self.half_bytes()
            && self.medium.write(start + RECORDS, records)
            && self.medium.publish(start, end)
            && self.medium.publish(0, MAGIC | other);
        if done {
            (self.half, self.end, self.begun) = (other, end, end);
        }
        done
    }
}

/// Writes records: numbers and byte strings.
#[derive(Default)]
pub struct Writer {
    /// What was written.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// A number.
    pub fn number(&mut self, number: u64) -> &mut Writer {
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// A byte string.
    pub fn string(&mut self, string: &[u8]) -> &mut Writer {
        self.number(string.len() as u64);
        self.bytes.extend_from_slice(string);
        self
    }
}

/// Reads them again.
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// From the start on.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number; `None` where none is left.
    pub fn number(&mut self) -> Option<u64> {
        let number = word(self.bytes, 0)?;
        self.bytes = self.bytes.get(8..)?;
        Some(number)
    }

    /// A byte string.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(string)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::rc::Rc;
    use core::cell::RefCell;

    /// What a server dies of that has used up its writes.
    pub(crate) const DEATH: &str = "no write is left";

    /// Memory that instances share, and on the way to which they die.
    #[derive(Clone)]
    pub(crate) struct SharedMemory {
        pub(crate) bytes: Rc<RefCell<Vec<u8>>>,
        /// Writes until the server dies.
        pub(crate) left: Rc<RefCell<u64>>,
    }

    impl SharedMemory {
        pub(crate) fn new(length: usize) -> SharedMemory {
            SharedMemory {
                bytes: Rc::new(RefCell::new(vec![0; length])),
                left: Rc::new(RefCell::new(u64::MAX)),
            }
        }

        fn put(&self, offset: u64, bytes: &[u8]) -> bool {
            let mut memory = self.bytes.borrow_mut();
            let Some(room) = memory.get_mut(offset as usize..offset as usize + bytes.len()) else {
                return false;
            };
            let left = *self.left.borrow();
            assert!(left > 0, "{DEATH}");
            room.copy_from_slice(bytes);
            *self.left.borrow_mut() = left - 1;
            true
        }
    }

    impl Medium for SharedMemory {
        fn length(&self) -> u64 {
            self.bytes.borrow().len() as u64
        }
        fn read(&self, offset: u64, bytes: &mut [u8]) -> bool {
            let memory = self.bytes.borrow();
            let Some(found) = memory.get(offset as usize..offset as usize + bytes.len()) else {
                return false;
            };
            bytes.copy_from_slice(found);
            true
        }
        fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
            self.put(offset, bytes)
        }
        fn publish(&mut self, offset: u64, word: u64) -> bool {
            self.put(offset, &word.to_le_bytes())
        }
    }

    #[test]
    fn what_was_appended_is_there_after_a_restart() {
        let memory = SharedMemory::new(4096);
        let (mut journal, records) = Journal::open(memory.clone());
        assert_eq!(records, None);
        assert!(journal.restart(b"first"));
        assert!(journal.append(b" second"));
        let (mut journal, records) = Journal::open(memory.clone());
        assert_eq!(records.as_deref(), Some(&b"first second"[..]));
        assert!(journal.restart(b"anew"));
        assert!(journal.append(b"!"));
        assert_eq!(Journal::open(memory).1.as_deref(), Some(&b"anew!"[..]));
    }

    #[test]
    fn a_death_between_any_two_writes_leaves_all_of_a_step_or_nothing() {
        for writes in 0..6 {
            let memory = SharedMemory::new(4096);
            let (mut journal, _) = Journal::open(memory.clone());
            journal.restart(b"old");
            *memory.left.borrow_mut() = writes;
            let steps = std::panic::AssertUnwindSafe(|| {
                journal.append(b"+new");
                journal.restart(b"whole");
            });
            assert_eq!(std::panic::catch_unwind(steps).is_err(), writes < 5);
            *memory.left.borrow_mut() = u64::MAX;
            let records = Journal::open(memory).1.unwrap();
            let allowed: [&[u8]; 3] = [b"old", b"old+new", b"whole"];
            assert!(allowed.contains(&&records[..]), "{writes}: {records:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let memory = SharedMemory::new(1024);
        let (mut journal, _) = Journal::open(memory.clone());
        assert!(journal.restart(b"kept"));
        assert!(!journal.append(&[0; 600]));
        assert!(!journal.restart(&[0; 600]));
        assert_eq!(Journal::open(memory).1.as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn damaged_memory_reads_as_empty() {
        let mut memory = SharedMemory::new(1024);
        assert!(memory.publish(0, MAGIC));
        assert!(memory.publish(HEADER, 100_000));
        assert_eq!(Journal::open(memory).1, None);
        assert_eq!(Journal::open(SharedMemory::new(4)).1, None);
    }
}
