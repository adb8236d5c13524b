//! The device's side of the console.

use kernel_abi::Signals;
use proto::{Answer, Error};

use crate::kernel::Kernel;
use crate::server::{CONSOLE_INDEX, Server};
use crate::terminal::OUTPUT_LIMIT;

impl<K: Kernel> Server<K> {
    /// Binds the driver's signals, unless they are bound already.
    fn watch(&mut self, wanted: Signals) {
        if self.watched != wanted {
            self.watched = wanted;
            self.kernel.console_watch(wanted);
        }
    }

    /// The driver has input or takes output again.
    pub(crate) fn console_ready(&mut self) {
        // A binding ends with its delivery.
        self.watched = Signals::NONE;
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = self.kernel.console_read(&mut bytes) {
            for byte in &bytes[..count] {
                self.type_byte(CONSOLE_INDEX, *byte);
            }
        }
        self.restart_timers(CONSOLE_INDEX);
        self.serve_readers(CONSOLE_INDEX);
        self.flush(CONSOLE_INDEX);
    }

    /// A byte was typed.
    pub(crate) fn type_byte(&mut self, index: usize, byte: u8) {
        let terminal = &mut self.terminals[index];
        let effects = terminal.line.type_byte(byte);
        terminal.output.extend(effects.echo);
        let foreground = terminal.foreground;
        if let Some(signal) = effects.signal {
            self.signal(foreground, signal);
        }
    }

    /// Gives queued output to the device, as much as it takes, and answers writers that waited.
    pub(crate) fn flush(&mut self, index: usize) {
        let mut wanted = Signals::READABLE;
        while !self.terminals[index].line.stopped {
            let (chunk, _) = self.terminals[index].output.as_slices();
            if chunk.is_empty() {
                break;
            }
            match self.kernel.console_write(chunk) {
                Ok(count @ 1..) => drop(self.terminals[index].output.drain(..count)),
                Ok(_) | Err(Error::WouldBlock | Error::Interrupted) => {
                    wanted = wanted.or(Signals::WRITABLE);
                    break;
                }
                Err(_) => {
                    // A device that fails must not hold programs for ever.
                    self.terminals[index].output.clear();
                }
            }
        }
        self.watch(wanted);
        if self.terminals[index].output.len() < OUTPUT_LIMIT {
            for writer in core::mem::take(&mut self.terminals[index].writers) {
                let answer = Answer::value(writer.length as u64);
                self.kernel.reply(writer.token, Ok(answer));
            }
        }
        self.update_signals(index);
    }

    /// Waits until all output is with the device (`tcdrain`), unless it is stopped.
    pub(crate) fn drain(&mut self, index: usize) {
        self.flush(index);
        while !self.terminals[index].output.is_empty() && !self.terminals[index].line.stopped {
            self.kernel.console_wait_writable();
            self.flush(index);
        }
    }
}
