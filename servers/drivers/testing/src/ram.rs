//! Memory as a window; parts share it, as driver and device do.

use std::cell::RefCell;
use std::rc::Rc;

use driver_hal::Window;

/// Zeroed memory. Offsets of the whole are what the tests use as physical addresses.
#[derive(Clone)]
pub struct Ram {
    bytes: Rc<RefCell<Vec<u8>>>,
    base: u64,
    length: u64,
}

impl Ram {
    /// `length` bytes.
    pub fn new(length: u64) -> Ram {
        Ram {
            bytes: Rc::new(RefCell::new(vec![0; length as usize])),
            base: 0,
            length,
        }
    }

    fn get<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0xff; N];
        self.read_bytes(offset, &mut bytes);
        bytes
    }
}

impl Window for Ram {
    fn length(&self) -> u64 {
        self.length
    }
    fn read_u8(&self, offset: u64) -> u8 {
        u8::from_le_bytes(self.get(offset))
    }
    fn read_u16(&self, offset: u64) -> u16 {
        u16::from_le_bytes(self.get(offset))
    }
    fn read_u32(&self, offset: u64) -> u32 {
        u32::from_le_bytes(self.get(offset))
    }
    fn write_u8(&self, offset: u64, value: u8) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn write_u16(&self, offset: u64, value: u16) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn write_u32(&self, offset: u64, value: u32) {
        self.write_bytes(offset, &value.to_le_bytes());
    }
    fn read_bytes(&self, offset: u64, bytes: &mut [u8]) -> bool {
        if offset + bytes.len() as u64 > self.length {
            return false;
        }
        let start = (self.base + offset) as usize;
        bytes.copy_from_slice(&self.bytes.borrow()[start..start + bytes.len()]);
        true
    }
    fn write_bytes(&self, offset: u64, bytes: &[u8]) -> bool {
        if offset + bytes.len() as u64 > self.length {
            return false;
        }
        let start = (self.base + offset) as usize;
        self.bytes.borrow_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        true
    }
    fn part(&self, offset: u64, length: u64) -> Option<Ram> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| Ram {
            bytes: self.bytes.clone(),
            base: self.base + offset,
            length,
        })
    }
}
