//! The kernel's log.

use core::fmt::Write;
use kernel_stubs::safe::debug_write;

/// Collects a line, so that it reaches the log in one piece.
pub struct Log {
    line: [u8; 240],
    length: usize,
}

impl Log {
    /// An empty line.
    pub const fn new() -> Log {
        Log {
            line: [0; 240],
            length: 0,
        }
    }

    /// Sends what was collected.
    pub fn flush(&mut self) {
        if self.length > 0 {
            // The log is best effort: a server must not fail because it cannot be written.
            let _ = debug_write(&self.line[..self.length]);
            self.length = 0;
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log::new()
    }
}

impl Write for Log {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            if self.length == self.line.len() {
                self.flush();
            }
            self.line[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Writes a formatted line to the log, with the server's name in front.
pub fn write_log(arguments: core::fmt::Arguments<'_>) {
    let mut log = Log::new();
    let _ = writeln!(log, "{}: {arguments}", crate::start::name());
    log.flush();
}

/// Writes a line to the kernel's log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::write_log(format_args!($($argument)*)) };
}
