//! The real-time clock in the CMOS memory.

use loader_core::clock::CalendarTime;

use crate::registers::{read_port, write_port};

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const UPDATE_IN_PROGRESS: u8 = 0x80;
/// Seconds, minutes, hours, day, month, year, century.
const TIME_REGISTERS: [u8; 7] = [0, 2, 4, 7, 8, 9, 0x32];
/// Attempts to read the same time twice before the clock counts as absent.
const MAX_ATTEMPTS: u32 = 1000;

fn read_register(register: u8) -> u8 {
    // SAFETY: the clock's ports have no effect on memory.
    unsafe {
        write_port(INDEX, register);
        read_port(DATA)
    }
}

/// Seconds since the epoch, if the clock shows a date.
#[must_use]
pub fn date_at_boot() -> Option<i64> {
    for _ in 0..MAX_ATTEMPTS {
        if read_register(STATUS_A) & UPDATE_IN_PROGRESS != 0 {
            continue;
        }
        // An update between two registers shows as a difference between two readings.
        let first = TIME_REGISTERS.map(read_register);
        if first == TIME_REGISTERS.map(read_register) {
            return CalendarTime::from_cmos(first, read_register(STATUS_B)).unix_seconds();
        }
    }
    None
}
