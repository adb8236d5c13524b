//! Messages on the first serial line, and the end of the road.

use core::fmt::{self, Write};

use loader_core::command_line_has;

use crate::registers::{read_port, write_port, write_port_u32};

const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = COM1 + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;
/// QEMU's `isa-debug-exit` device, as the project's command sets it up.
const DEBUG_EXIT: u16 = 0xf4;
/// The exit status becomes twice this plus one: 35.
const DEBUG_EXIT_FAILURE: u32 = 0x11;
/// Polls of a line that does not drain before a byte is dropped: a machine without a serial
/// port reads 0xff and never waits, a stuck one must not stop the boot.
const MAX_POLLS: u32 = 100_000;

/// COM1 at 115,200 baud, 8N1.
#[derive(Debug)]
pub struct SerialLine(());

impl SerialLine {
    /// Sets the line up.
    #[must_use]
    pub fn new() -> Self {
        // Interrupts off, divisor 1, 8 bits without parity, FIFOs on, DTR and RTS.
        for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 7), (4, 3)] {
            // SAFETY: the port has no effect on memory.
            unsafe { write_port(COM1 + register, value) };
        }
        Self(())
    }

    fn write_byte(&mut self, byte: u8) {
        for _ in 0..MAX_POLLS {
            // SAFETY: the port has no effect on memory.
            if unsafe { read_port(LINE_STATUS) } & TRANSMITTER_EMPTY != 0 {
                // SAFETY: as above.
                unsafe { write_port(COM1, byte) };
                return;
            }
        }
    }
}

impl Default for SerialLine {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for SerialLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.write_byte(b'\r');
            }
            self.write_byte(byte);
        }
        Ok(())
    }
}

/// Stops for good. With the word `test` on the command line, QEMU is told to exit with a
/// failure first, so that no test waits for a machine that will not go on.
pub fn stop(command_line: &[u8]) -> ! {
    if command_line_has(command_line, b"test") {
        // SAFETY: the port has no effect on memory.
        unsafe { write_port_u32(DEBUG_EXIT, DEBUG_EXIT_FAILURE) };
    }
    loop {
        // SAFETY: halting with interrupts off stops this processor, which is the purpose.
        unsafe { core::arch::asm!("cli", "hlt", options(nomem, nostack)) };
    }
}
