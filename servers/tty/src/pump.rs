//! Moving bytes: from those who write to those who read, as far as they go.
//!
//! ```text
//!   a program's write -> output processing -> output -> the device, or the master's read
//!   the device, or the master's write -> line discipline -> input -> a program's read
//! ```

use proto::{Answer, Error};

use crate::kernel::Kernel;
use crate::pty::{packet, partly};
use crate::server::Server;
use crate::terminal::{Reader, Then, Writer};

/// Bytes fetched from a writer at once.
const PIECE: usize = 512;

impl<K: Kernel> Server<K> {
    /// Moves what can be moved, and ends the calls that are over by that.
    pub(crate) fn pump(&mut self, index: usize) {
        if !self.terminals[index].in_use {
            return;
        }
        loop {
            let mut moved = self.take_typed(index);
            moved |= self.take_written(index);
            moved |= self.give_output(index);
            moved |= self.serve_readers(index);
            moved |= self.control_input(index);
            if !moved {
                break;
            }
        }
        self.finish_drained(index);
        self.end_nonblocking(index);
        if self.terminals[index].pty.is_none() {
            self.watch_console(index);
        }
    }

    /// From the device, or the master's writers, into the line discipline.
    fn take_typed(&mut self, index: usize) -> bool {
        if self.terminals[index].pty.is_none() {
            return self.take_console(index);
        }
        let mut moved = false;
        while let Some(mut writer) = self.master_writer(index) {
            let room = self.terminals[index].line.has_room();
            let over = writer.done >= writer.length;
            if !room && !over {
                break;
            }
            moved = true;
            let taken = if over {
                Ok(())
            } else {
                self.type_piece(index, &mut writer)
            };
            let pty = self.terminals[index].pty.as_mut();
            let Some(writers) = pty.map(|pty| &mut pty.writers) else {
                break;
            };
            if taken.is_ok() && writer.done < writer.length {
                writers[0] = writer;
                continue;
            }
            writers.pop_front();
            let result = end_of(taken, writer.done);
            self.finish(index, writer.token, writer.number, result);
        }
        moved
    }

    fn master_writer(&self, index: usize) -> Option<Writer> {
        let pty = self.terminals[index].pty.as_ref()?;
        pty.writers.front().copied()
    }

    /// Types bytes of a master's write, as far as there is room.
    fn type_piece(&mut self, index: usize, writer: &mut Writer) -> Result<(), Error> {
        let mut piece = [0; PIECE];
        let count = self.fetch(writer, &mut piece)?;
        for byte in &piece[..count] {
            if !self.terminals[index].line.has_room() {
                break;
            }
            self.type_byte(index, *byte);
            writer.done += 1;
        }
        self.restart_timers(index);
        Ok(())
    }

    /// Copies the next bytes of a write from its caller.
    fn fetch(&mut self, writer: &Writer, piece: &mut [u8]) -> Result<usize, Error> {
        let Some((buffer, offset, rest)) = writer.lent.at(writer.done) else {
            return Err(Error::BadAddress);
        };
        let rest = rest.min(writer.length - writer.done);
        let count = piece.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        match self
            .kernel
            .read_kept(writer.token, buffer, offset, &mut piece[..count])?
        {
            0 => Err(Error::BadAddress),
            count => Ok(count),
        }
    }

    /// A byte was typed.
    pub(crate) fn type_byte(&mut self, index: usize, byte: u8) {
        let terminal = &mut self.terminals[index];
        let stopped = terminal.line.is_stopped();
        let effects = terminal.line.type_byte(byte);
        self.apply(index, stopped, effects);
    }

    /// Carries out what typing caused.
    pub(crate) fn apply(&mut self, index: usize, stopped: bool, effects: crate::line::Effects) {
        let terminal = &mut self.terminals[index];
        terminal.arrived = true;
        if effects.flush {
            terminal.output.clear();
            terminal.note_packet(packet::FLUSH_READ | packet::FLUSH_WRITE, 0);
        }
        terminal.show(&effects.echo);
        self.note_stop(index, stopped);
        if let Some(signal) = effects.signal {
            self.signal(self.terminals[index].foreground, signal);
        }
    }

    /// Tells packet mode that output was stopped or goes on.
    pub(crate) fn note_stop(&mut self, index: usize, before: bool) {
        let terminal = &mut self.terminals[index];
        match (before, terminal.line.is_stopped()) {
            (false, true) => terminal.note_packet(packet::STOP, packet::START),
            (true, false) => terminal.note_packet(packet::START, packet::STOP),
            _ => {}
        }
    }

    /// From programs' writes into the output.
    fn take_written(&mut self, index: usize) -> bool {
        let mut moved = false;
        while let Some(mut writer) = self.terminals[index].writers.front().copied() {
            let left = self.terminals[index]
                .pty
                .as_ref()
                .is_some_and(|pty| pty.master.is_none());
            if !self.terminals[index].takes_output() && !left {
                break;
            }
            moved = true;
            let taken = if left {
                Err(Error::Io)
            } else {
                self.write_piece(index, &mut writer)
            };
            let writers = &mut self.terminals[index].writers;
            if taken.is_ok() && writer.done < writer.length {
                writers[0] = writer;
                continue;
            }
            writers.pop_front();
            let result = end_of(taken, writer.done);
            self.finish(index, writer.token, writer.number, result);
        }
        moved
    }

    fn write_piece(&mut self, index: usize, writer: &mut Writer) -> Result<(), Error> {
        let mut piece = [0; PIECE];
        let count = self.fetch(writer, &mut piece)?;
        let now_ns = self.kernel.realtime_ns();
        self.terminals[index].note_use(true, now_ns);
        let mut processed = alloc::vec::Vec::with_capacity(count + count / 8);
        let terminal = &mut self.terminals[index];
        let termios = terminal.line.termios;
        for byte in &piece[..count] {
            terminal
                .line
                .output
                .process(&termios, *byte, &mut processed);
        }
        writer.done += count as u64;
        terminal.output.extend(processed);
        terminal.departed = true;
        Ok(())
    }

    /// Answers waiting reads as far as there is input for them.
    fn serve_readers(&mut self, index: usize) -> bool {
        let mut next = 0;
        let mut moved = false;
        while let Some(reader) = self.terminals[index].readers.get(next).copied() {
            let terminal = &self.terminals[index];
            let foreground = terminal.foreground;
            let may = terminal.session == 0 || reader.group.is_none_or(|one| one == foreground);
            if !may || !self.is_due(index, &reader) {
                next += 1;
                continue;
            }
            moved = true;
            self.terminals[index].readers.remove(next);
            let most = usize::try_from(reader.lent.total()).unwrap_or(usize::MAX);
            let bytes = self.terminals[index].line.read(most);
            let now_ns = self.kernel.realtime_ns();
            self.terminals[index].note_use(false, now_ns);
            let result = self.give(&reader, &bytes);
            self.finish(index, reader.token, reader.number, result);
        }
        moved
    }

    /// Copies bytes to a reader.
    pub(crate) fn give(&mut self, reader: &Reader, bytes: &[u8]) -> Result<Answer, Error> {
        let mut done = 0;
        while done < bytes.len() {
            let Some((buffer, offset, rest)) = reader.lent.at(done as u64) else {
                break;
            };
            let rest = usize::try_from(rest).unwrap_or(usize::MAX);
            let end = done.saturating_add(rest).min(bytes.len());
            self.kernel
                .write_kept(reader.token, buffer, offset, &bytes[done..end])?;
            done = end;
        }
        Ok(Answer::value(done as u64))
    }

    /// Asks the device to stop sending, or to go on (`IXOFF`).
    fn control_input(&mut self, index: usize) -> bool {
        let terminal = &mut self.terminals[index];
        let Some(byte) = terminal.line.input_control() else {
            return false;
        };
        terminal.show(&[byte]);
        true
    }

    /// To the device, or the master's readers.
    fn give_output(&mut self, index: usize) -> bool {
        if self.terminals[index].pty.is_none() {
            return self.give_console(index);
        }
        let mut moved = false;
        while let Some(reader) = self.master_reader(index) {
            let Some(result) = self.read_master(index, &reader) else {
                break;
            };
            moved = true;
            if let Some(pty) = self.terminals[index].pty.as_mut() {
                pty.readers.pop_front();
            }
            self.finish(index, reader.token, reader.number, result);
        }
        moved
    }

    fn master_reader(&self, index: usize) -> Option<Reader> {
        let pty = self.terminals[index].pty.as_ref()?;
        pty.readers.front().copied()
    }

    /// What a master's read gets; `None`: it waits. In packet mode a byte goes before the data, or
    /// stands alone and tells events.
    fn read_master(&mut self, index: usize, reader: &Reader) -> Option<Result<Answer, Error>> {
        let terminal = &mut self.terminals[index];
        let left = terminal.is_left();
        let pty = terminal.pty.as_mut()?;
        let events = core::mem::take(&mut pty.events);
        if events != 0 {
            return Some(self.give(reader, &[events]));
        }
        if terminal.output.is_empty() {
            return left.then_some(Err(Error::Io));
        }
        let most = usize::try_from(reader.lent.total()).unwrap_or(usize::MAX);
        let prefix = usize::from(pty.packet);
        let count = (most - prefix).min(terminal.output.len());
        let mut bytes = alloc::vec![0; prefix];
        bytes.extend(terminal.output.drain(..count));
        Some(self.give(reader, &bytes))
    }

    /// Ends the calls that waited for the output. What a master has not read yet counts as put
    /// out: it is with the device.
    fn finish_drained(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        if terminal.pty.is_none() && !terminal.output.is_empty() {
            return;
        }
        for drainer in core::mem::take(&mut terminal.drainers) {
            if let Then::SetModes(termios, flushes) = drainer.then {
                self.apply_modes(index, termios, flushes);
            }
            self.finish(index, drainer.token, drainer.number, Ok(Answer::default()));
        }
    }

    /// Ends calls that do not wait, with what they have got.
    fn end_nonblocking(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        let (readers, writers) = (&mut terminal.readers, &mut terminal.writers);
        let mut over = split(
            readers,
            |one| one.nonblocking,
            |one| (one.token, one.number, 0),
        );
        let written = |one: &Writer| (one.token, one.number, one.done);
        over.extend(split(writers, |one| one.nonblocking, written));
        if let Some(pty) = &mut terminal.pty {
            let read = |one: &Reader| (one.token, one.number, 0);
            over.extend(split(&mut pty.readers, |one| one.nonblocking, read));
            over.extend(split(&mut pty.writers, |one| one.nonblocking, written));
        }
        for (token, number, done) in over {
            self.finish(index, token, number, partly(done, Error::WouldBlock));
        }
    }
}

/// The answer to a write that has ended, well or not.
fn end_of(taken: Result<(), Error>, done: u64) -> Result<Answer, Error> {
    match taken {
        Ok(()) => Ok(Answer::value(done)),
        Err(error) => partly(done, error),
    }
}

/// Takes the calls out of a list that are over, told by token, number and bytes done.
fn split<T: Copy>(
    list: &mut alloc::collections::VecDeque<T>,
    over: impl Fn(&T) -> bool,
    told: impl Fn(&T) -> (u64, u64, u64),
) -> alloc::vec::Vec<(u64, u64, u64)> {
    if !list.iter().any(&over) {
        return alloc::vec::Vec::new();
    }
    let ended = list.iter().filter(|one| over(one)).map(&told).collect();
    list.retain(|one| !over(one));
    ended
}
