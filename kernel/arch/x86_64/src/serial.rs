//! The debug serial line: COM1 of a PC, written by polling.
//!
//! User space has a driver of its own for the same device; the kernel only ever writes, and waits
//! for room, so that the two mix by whole bytes.

use crate::ports;
use core::fmt::{self, Write};

const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = COM1 + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;
/// A line that is not there must not hang the kernel.
const PATIENCE: u32 = 100_000;

/// 115200 baud, 8 bits, no parity, FIFO on.
pub fn init() {
    for (offset, value) in [
        (1, 0),
        (3, 0x80),
        (0, 1),
        (1, 0),
        (3, 3),
        (2, 0xc7),
        (4, 0x0b),
    ] {
        // SAFETY: COM1 is the kernel's before user space is started.
        unsafe { ports::write_u8(COM1 + offset, value) };
    }
}

/// Writes bytes; `\n` goes out as `\r\n`.
pub fn write(bytes: &[u8]) {
    for &byte in bytes {
        if byte == b'\n' {
            put(b'\r');
        }
        put(byte);
    }
}

fn put(byte: u8) {
    for _ in 0..PATIENCE {
        // SAFETY: reading the line status changes nothing that a driver relies on.
        if unsafe { ports::read_u8(LINE_STATUS) } & TRANSMITTER_EMPTY != 0 {
            break;
        }
    }
    // SAFETY: a byte to the transmitter.
    unsafe { ports::write_u8(COM1, byte) };
}

/// For formatted output.
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}

/// Writes a formatted line to the debug serial line.
#[macro_export]
macro_rules! debug_line {
    ($($argument:tt)*) => {{
        use core::fmt::Write;
        let _ = writeln!($crate::serial::Serial, $($argument)*);
    }};
}
