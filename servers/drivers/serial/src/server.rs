//! Reads and writes that wait.

use alloc::collections::VecDeque;
use alloc::vec;

use kernel_abi::Signals;
use kernel_abi::message::{operation, status_flags};
use proto::{Answer, Call, Error, Outcome, Reply};

use crate::uart::{Line, Uart};

/// Bytes copied from or to a caller at a time.
const CHUNK: usize = 4096;

/// What the server needs of the kernel.
pub trait Kernel {
    /// Copies out of a caller's buffer.
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Copies to the start of a caller's buffer.
    fn write(&mut self, token: u64, bytes: &[u8]) -> Result<usize, Error>;
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
    /// Changes the signals of all sessions.
    fn signal_all(&mut self, clear: Signals, set: Signals);
}

struct Writer {
    token: u64,
    length: u64,
    sent: u64,
}

struct Reader {
    token: u64,
    length: u64,
}

/// The server of one line.
pub struct SerialServer<L: Line, K: Kernel> {
    uart: Uart<L>,
    readers: VecDeque<Reader>,
    writers: VecDeque<Writer>,
    /// A writer that would not wait left because the line took no more.
    line_full: bool,
    shown: Signals,
    kernel: K,
}

impl<L: Line, K: Kernel> SerialServer<L, K> {
    /// A server of this line.
    pub fn new(uart: Uart<L>, kernel: K) -> Self {
        let mut server = SerialServer {
            uart,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
            line_full: false,
            shown: Signals::NONE,
            kernel,
        };
        server.show();
        server
    }

    /// Serves a call.
    pub fn call<C: Call>(&mut self, call: &mut C) -> Reply {
        let [number, _, length, flags, ..] = call.words();
        let non_blocking = flags & u64::from(status_flags::NONBLOCK) != 0;
        let reply = match number {
            operation::READ => self.read(call.token(), length, non_blocking),
            operation::WRITE => self.write(call.token(), length, non_blocking),
            operation::SEEK => Err(Error::NotSeekable),
            _ => Err(Error::Unsupported),
        };
        self.show();
        reply
    }

    /// The line's interrupt came.
    pub fn interrupted(&mut self) {
        self.uart.interrupted();
        self.line_full = self.line_full && !self.uart.takes_output();
        while self.uart.input_length() > 0
            && let Some(reader) = self.readers.pop_front()
        {
            let result = self.take_input(reader.token, reader.length);
            self.kernel.reply(reader.token, result.map(Answer::value));
        }
        self.send();
        self.show();
    }

    /// A kept call is to be answered soon.
    pub fn cancelled(&mut self, token: u64) {
        if let Some(at) = self.readers.iter().position(|reader| reader.token == token) {
            self.readers.remove(at);
            self.kernel.reply(token, Err(Error::Interrupted));
        }
        if let Some(at) = self.writers.iter().position(|writer| writer.token == token) {
            self.finish_writer(at, Error::Interrupted);
        }
        self.show();
    }

    fn read(&mut self, token: u64, length: u64, non_blocking: bool) -> Reply {
        if length == 0 {
            return Ok(Answer::value(0).into());
        }
        if self.uart.input_length() > 0 {
            return self
                .take_input(token, length)
                .map(|count| Answer::value(count).into());
        }
        if non_blocking {
            return Err(Error::WouldBlock);
        }
        self.readers.push_back(Reader { token, length });
        Ok(Outcome::Later)
    }

    fn take_input(&mut self, token: u64, length: u64) -> Result<u64, Error> {
        let mut bytes = vec![0; length.min(CHUNK as u64) as usize];
        let count = self.uart.peek(&mut bytes);
        let copied = self.kernel.write(token, &bytes[..count])?;
        // What could not be copied stays, for the next reader.
        self.uart.consume(copied);
        Ok(copied as u64)
    }

    fn write(&mut self, token: u64, length: u64, non_blocking: bool) -> Reply {
        if length == 0 {
            return Ok(Answer::value(0).into());
        }
        if non_blocking && (!self.writers.is_empty() || self.line_full) {
            return Err(Error::WouldBlock);
        }
        let sent = 0;
        self.writers.push_back(Writer {
            token,
            length,
            sent,
        });
        self.send();
        if non_blocking
            && self
                .writers
                .back()
                .is_some_and(|writer| writer.token == token)
        {
            self.line_full = true;
            self.finish_writer(self.writers.len() - 1, Error::WouldBlock);
            self.uart.want_output_interrupt(true);
        }
        // Answered already where the line took all of it, which is the usual case.
        Ok(Outcome::Later)
    }

    /// Sends for the writers in their order, as far as the line takes it.
    fn send(&mut self) {
        while let Some(writer) = self.writers.front_mut() {
            let length = (writer.length - writer.sent).min(CHUNK as u64) as usize;
            let mut bytes = vec![0; length];
            let copied = match self.kernel.read(writer.token, writer.sent, &mut bytes) {
                Ok(copied) if copied > 0 => copied,
                // The caller is gone, or its memory is.
                result => {
                    self.finish_writer(0, result.err().unwrap_or(Error::BadAddress));
                    continue;
                }
            };
            let sent = self.uart.send(&bytes[..copied]);
            writer.sent += sent as u64;
            if writer.sent == writer.length {
                self.finish_writer(0, Error::Io);
            } else if sent < copied {
                break;
            }
        }
        let waiting = !self.writers.is_empty() || self.line_full;
        self.uart.want_output_interrupt(waiting);
    }

    /// Answers a writer with what was sent, or with `error` when that is nothing.
    fn finish_writer(&mut self, at: usize, error: Error) {
        if let Some(writer) = self.writers.remove(at) {
            let sent = writer.sent;
            let result = if sent > 0 {
                Ok(Answer::value(sent))
            } else {
                Err(error)
            };
            self.kernel.reply(writer.token, result);
        }
    }

    /// Shows on the sessions whether reads and writes would wait.
    fn show(&mut self) {
        let mut signals = Signals::NONE;
        if self.uart.input_length() > 0 {
            signals = signals.or(Signals::READABLE);
        }
        if self.writers.is_empty() && !self.line_full {
            signals = signals.or(Signals::WRITABLE);
        }
        if signals != self.shown {
            self.shown = signals;
            let clear = Signals::READABLE.or(Signals::WRITABLE).without(signals);
            self.kernel.signal_all(clear, signals);
        }
    }

    /// The line, for tests.
    #[cfg(test)]
    pub(crate) fn line(&mut self) -> &mut L {
        self.uart.line()
    }
}
