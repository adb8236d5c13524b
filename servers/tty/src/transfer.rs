//! `read` and `write` of programs.

use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use proto::{Answer, Call, Error, Input, Outcome, Reply};

use crate::jobs::signal;
use crate::kernel::Kernel;
use crate::server::{Server, read_input};
use crate::terminal::{OUTPUT_LIMIT, Reader, Writer};
use crate::termios::{character, local};

/// Most bytes of one write; a longer one is cut, which programs must expect of terminals.
const MAX_WRITE: usize = 65536;
/// Unit of `VTIME`.
const TENTH_NS: u64 = 100_000_000;
const NEVER: u64 = u64::MAX;

impl<K: Kernel> Server<K> {
    pub(crate) fn read_call<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let index = self.index(call)?;
        let Some((length, true)) = call.buffer(0) else {
            return Err(Error::BadMessage);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(Answer::value(0).into());
        }
        let identity = call.identity()?;
        let background = self.terminals[index].is_background(&identity);
        if background {
            self.stop_background(&identity, signal::TTIN)?;
        }
        let terminal = &self.terminals[index];
        let reader = Reader {
            token: call.token(),
            length,
            group: terminal.controls(&identity).then_some(identity.group),
            deadline_ns: self.read_deadline(index),
        };
        if !background && terminal.readers.is_empty() && self.is_due(index, &reader) {
            let bytes = self.terminals[index].line.read(length);
            self.update_signals(index);
            let output = proto::Output {
                index: 0,
                length: length as u64,
            };
            let count = call.write(output, 0, &bytes)?;
            return Ok(Answer::value(count as u64).into());
        }
        if call.words()[3] as u32 & status_flags::NONBLOCK != 0 {
            return Err(Error::WouldBlock);
        }
        self.terminals[index].readers.push(reader);
        self.renew_alarm();
        Ok(Outcome::Later)
    }

    /// When a read that starts now ends by `VTIME`.
    fn read_deadline(&self, index: usize) -> u64 {
        let line = &self.terminals[index].line;
        let time = line.termios.characters[character::TIME];
        let minimum = line.termios.characters[character::MIN];
        // With both, the time starts with the first byte.
        let counts = time > 0 && (minimum == 0 || line.available() > 0);
        if line.termios.is_local(local::ICANON) || !counts {
            return NEVER;
        }
        self.kernel.now_ns() + u64::from(time) * TENTH_NS
    }

    /// Whether a read can be answered now.
    fn is_due(&self, index: usize, reader: &Reader) -> bool {
        let line = &self.terminals[index].line;
        let characters = &line.termios.characters;
        let (minimum, time) = (characters[character::MIN], characters[character::TIME]);
        if line.termios.is_local(local::ICANON) {
            return line.is_readable(1);
        }
        if minimum == 0 && time == 0 {
            return true;
        }
        let timed_out =
            reader.deadline_ns <= self.kernel.now_ns() && (minimum == 0 || line.available() > 0);
        timed_out || line.available() >= usize::from(minimum.max(1)).min(reader.length)
    }

    /// Answers waiting reads as far as there is input for them.
    pub(crate) fn serve_readers(&mut self, index: usize) {
        let mut next = 0;
        while let Some(reader) = self.terminals[index].readers.get(next).copied() {
            let foreground = self.terminals[index].foreground;
            let may = reader.group.is_none_or(|group| group == foreground);
            if !may || !self.is_due(index, &reader) {
                next += 1;
                continue;
            }
            self.terminals[index].readers.remove(next);
            let bytes = self.terminals[index].line.read(reader.length);
            let written = self.kernel.write_kept(reader.token, 0, &bytes);
            let answer = written.map(|()| Answer::value(bytes.len() as u64));
            self.kernel.reply(reader.token, answer);
        }
        self.update_signals(index);
    }

    /// The time between bytes starts anew for reads with `VMIN` and `VTIME`.
    pub(crate) fn restart_timers(&mut self, index: usize) {
        let deadline = self.read_deadline(index);
        let line = &self.terminals[index].line;
        if line.termios.characters[character::MIN] > 0 && deadline != NEVER {
            for reader in &mut self.terminals[index].readers {
                reader.deadline_ns = deadline;
            }
            self.renew_alarm();
        }
    }

    fn renew_alarm(&mut self) {
        let readers = self.terminals.iter().flat_map(|terminal| &terminal.readers);
        let earliest = readers.map(|reader| reader.deadline_ns).min();
        if let Some(deadline) = earliest.filter(|deadline| *deadline != NEVER) {
            self.kernel.set_alarm(deadline);
        }
    }

    /// The alarm rang: reads may have timed out.
    pub(crate) fn alarm(&mut self) {
        for index in 0..self.terminals.len() {
            self.serve_readers(index);
        }
        self.renew_alarm();
    }

    pub(crate) fn write_call<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let index = self.index(call)?;
        let Some((length, false)) = call.buffer(0) else {
            return Err(Error::BadMessage);
        };
        let identity = call.identity()?;
        let terminal = &self.terminals[index];
        let stops = terminal.line.termios.is_local(local::TOSTOP);
        if stops && terminal.is_background(&identity) {
            let ignored = self.kernel.signal_status(identity.process, signal::TTOU)?;
            if ignored == 0 {
                self.stop_background(&identity, signal::TTOU)?;
                return Err(Error::Interrupted);
            }
        }
        let nonblocking = call.words()[3] as u32 & status_flags::NONBLOCK != 0;
        let full = self.terminals[index].output.len() >= OUTPUT_LIMIT;
        if full && nonblocking {
            return Err(Error::WouldBlock);
        }
        let input = Input {
            index: 0,
            length: length.min(MAX_WRITE as u64),
        };
        let bytes = read_input(call, input, MAX_WRITE)?;
        self.queue_output(index, &bytes);
        self.flush(index);
        self.update_signals(index);
        if self.terminals[index].output.len() >= OUTPUT_LIMIT && !nonblocking {
            self.terminals[index].writers.push(Writer {
                token: call.token(),
                length: bytes.len(),
            });
            return Ok(Outcome::Later);
        }
        Ok(Answer::value(bytes.len() as u64).into())
    }

    /// Processes output and queues it for the device.
    fn queue_output(&mut self, index: usize, bytes: &[u8]) {
        let line = &mut self.terminals[index].line;
        let mut processed = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        let termios = line.termios;
        for byte in bytes {
            line.output.process(&termios, *byte, &mut processed);
        }
        self.terminals[index].output.extend(processed);
    }

    /// A caller whose read or write waits was interrupted. What was written stays written.
    pub(crate) fn wait_cancelled(&mut self, token: u64) {
        for terminal in &mut self.terminals {
            if let Some(at) = terminal.readers.iter().position(|one| one.token == token) {
                terminal.readers.remove(at);
                return self.kernel.reply(token, Err(Error::Interrupted));
            }
            if let Some(at) = terminal.writers.iter().position(|one| one.token == token) {
                let writer = terminal.writers.remove(at);
                let answer = Answer::value(writer.length as u64);
                return self.kernel.reply(token, Ok(answer));
            }
        }
    }
}
