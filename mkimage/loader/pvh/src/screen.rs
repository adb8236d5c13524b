//! Messages on the serial line and on the text screen that the BIOS left.

use core::fmt::{self, Write};

use loader_hardware::console::SerialLine;

const TEXT_BUFFER: *mut u16 = 0xb8000 as *mut u16;
const COLUMNS: usize = 80;
const ROWS: usize = 25;
/// Light grey on black.
const ATTRIBUTE: u16 = 0x0700;

/// The serial line and the screen. The screen is written from the top and never scrolls:
/// the loader says one thing at most.
pub struct Console {
    serial: SerialLine,
    position: usize,
}

impl Console {
    pub fn new() -> Self {
        Self {
            serial: SerialLine::new(),
            position: 0,
        }
    }

    fn put(&mut self, byte: u8) {
        if byte == b'\n' {
            self.position = (self.position / COLUMNS + 1) * COLUMNS;
        } else if self.position < COLUMNS * ROWS {
            let cell = TEXT_BUFFER.wrapping_add(self.position);
            // SAFETY: inside the text buffer, which is device memory that nothing else uses.
            unsafe { cell.write_volatile(ATTRIBUTE | u16::from(byte)) };
            self.position += 1;
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        self.serial.write_str(text)
    }
}
