//! The device's side of the console.

use kernel_abi::Signals;
use proto::Error;

use crate::kernel::Kernel;
use crate::server::Server;

impl<K: Kernel> Server<K> {
    /// Binds the driver's signals, unless they are bound already.
    pub(crate) fn watch_console(&mut self, index: usize) {
        let terminal = &self.terminals[index];
        let mut wanted = Signals::NONE;
        if terminal.typed.is_empty() && !self.console_ready {
            wanted = wanted.or(Signals::READABLE);
        }
        if !terminal.output.is_empty() && !terminal.line.is_stopped() {
            wanted = wanted.or(Signals::WRITABLE);
        }
        if self.watched != wanted {
            self.watched = wanted;
            self.kernel.console_watch(wanted);
        }
    }

    /// Types what the driver has, as far as there is room: it keeps the rest.
    pub(crate) fn take_console(&mut self, index: usize) -> bool {
        let mut moved = false;
        while self.terminals[index].line.has_room() {
            let Some(byte) = self.terminals[index].typed.pop_front() else {
                if !self.fetch_typed(index) {
                    break;
                }
                continue;
            };
            self.type_byte(index, byte);
            moved = true;
        }
        if moved {
            self.restart_timers(index);
        }
        moved
    }

    /// Takes what the driver has, if it said that it has something.
    fn fetch_typed(&mut self, index: usize) -> bool {
        let mut bytes = [0; 256];
        if self.console_ready {
            if let Ok(count @ 1..) = self.kernel.console_read(&mut bytes) {
                self.terminals[index].typed.extend(&bytes[..count]);
                return true;
            }
            self.console_ready = false;
        }
        false
    }

    /// Gives queued output to the device, as much as it takes.
    pub(crate) fn give_console(&mut self, index: usize) -> bool {
        let mut moved = false;
        while !self.terminals[index].line.is_stopped() {
            let (chunk, _) = self.terminals[index].output.as_slices();
            if chunk.is_empty() {
                break;
            }
            match self.kernel.console_write(chunk) {
                Ok(count @ 1..) => drop(self.terminals[index].output.drain(..count)),
                Ok(_) | Err(Error::WouldBlock | Error::Interrupted) => break,
                Err(_) => {
                    // A device that fails must not hold programs for ever.
                    self.terminals[index].output.clear();
                }
            }
            moved = true;
        }
        moved
    }
}
