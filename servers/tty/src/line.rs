//! The line discipline (POSIX "General Terminal Interface"): what becomes of typed bytes.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::output::Output;
use crate::termios::{Termios, character as c, input, local};

/// Most bytes that wait to be read (`MAX_INPUT`).
const MAX_INPUT: usize = 4096;
const BELL: u8 = 7;

/// Signals that keys send.
pub mod signal {
    /// `SIGINT`.
    pub const INT: u32 = 2;
    /// `SIGQUIT`.
    pub const QUIT: u32 = 3;
    /// `SIGTSTP`.
    pub const TSTP: u32 = 20;
}

/// What a typed byte caused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To write to the device.
    pub echo: Vec<u8>,
    /// Signal for the foreground group.
    pub signal: Option<u32>,
}

/// The state of a line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Modes.
    pub termios: Termios,
    /// Output column.
    pub output: Output,
    /// Output is stopped (`IXON`, `TCXONC`).
    pub stopped: bool,
    /// Lines (or, raw, runs of bytes) that may be read; an empty one is an end of file.
    ready: VecDeque<Vec<u8>>,
    /// The line being edited.
    editing: Vec<u8>,
    /// Column where it began.
    start_column: usize,
    /// The next byte is taken as it is.
    literal: bool,
}

/// What a line holds besides its modes, for saving it.
pub struct Parts<'a> {
    /// Output column.
    pub column: usize,
    /// Column where editing began.
    pub start_column: usize,
    /// Output is stopped.
    pub stopped: bool,
    /// The next byte is literal.
    pub literal: bool,
    /// The line being edited.
    pub editing: &'a [u8],
    /// What may be read.
    pub ready: &'a VecDeque<Vec<u8>>,
}

impl Line {
    /// What it holds.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            column: self.output.column,
            start_column: self.start_column,
            stopped: self.stopped,
            literal: self.literal,
            editing: &self.editing,
            ready: &self.ready,
        }
    }

    /// Puts back what [`Line::parts`] told.
    pub fn restore(
        &mut self,
        ready: VecDeque<Vec<u8>>,
        editing: Vec<u8>,
        start_column: usize,
        literal: bool,
    ) {
        self.ready = ready;
        self.editing = editing;
        self.start_column = start_column;
        self.literal = literal;
    }

    fn is_canonical(&self) -> bool {
        self.termios.is_local(local::ICANON)
    }

    /// Bytes that a read could take now.
    pub fn available(&self) -> usize {
        self.ready.iter().map(Vec::len).sum()
    }

    /// Whether a read would not wait. `minimum` counts outside canonical mode only.
    pub fn is_readable(&self, minimum: usize) -> bool {
        if self.is_canonical() {
            !self.ready.is_empty()
        } else {
            self.available() >= minimum.max(1)
        }
    }

    /// Takes at most `most` bytes: a line, the rest of one, or what there is outside canonical
    /// mode. An end of file reads as nothing, once.
    pub fn read(&mut self, most: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(first) = self.ready.front_mut() {
            let count = first.len().min(most - taken.len());
            taken.extend(first.drain(..count));
            let used_up = first.is_empty();
            if used_up {
                self.ready.pop_front();
            }
            if self.is_canonical() || !used_up {
                break;
            }
        }
        taken
    }

    /// Forgets what was typed and not read (`TCIFLUSH`).
    pub fn flush_input(&mut self) {
        self.ready.clear();
        self.editing.clear();
        self.literal = false;
    }

    /// Sets the modes; what was being edited becomes readable when lines end to matter.
    pub fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.is_canonical();
        self.termios = termios;
        if was_canonical && !self.is_canonical() && !self.editing.is_empty() {
            let editing = core::mem::take(&mut self.editing);
            self.ready.push_back(editing);
        }
        if !termios.is_input(input::IXON) {
            self.stopped = false;
        }
    }

    /// Processes a typed byte.
    pub fn type_byte(&mut self, byte: u8) -> Effects {
        let mut effects = Effects::default();
        let termios = self.termios;
        let byte = if termios.is_input(input::ISTRIP) {
            byte & 0x7f
        } else {
            byte
        };
        if core::mem::take(&mut self.literal) {
            self.accept(byte, &mut effects);
            return effects;
        }
        let byte = match byte {
            b'\r' if termios.is_input(input::IGNCR) => return effects,
            b'\r' if termios.is_input(input::ICRNL) => b'\n',
            b'\n' if termios.is_input(input::INLCR) => b'\r',
            _ if termios.is_input(input::IUCLC) && termios.is_local(local::IEXTEN) => {
                byte.to_ascii_lowercase()
            }
            _ => byte,
        };
        if self.flow_control(byte) || self.signal_key(byte, &mut effects) {
            return effects;
        }
        if self.is_canonical() {
            self.edit(byte, &mut effects);
        } else {
            self.accept(byte, &mut effects);
        }
        effects
    }

    fn flow_control(&mut self, byte: u8) -> bool {
        if !self.termios.is_input(input::IXON) {
            return false;
        }
        if self.termios.is_character(byte, c::STOP) && !self.stopped {
            self.stopped = true;
            return true;
        }
        if self.termios.is_character(byte, c::START) || self.termios.is_character(byte, c::STOP) {
            self.stopped = false;
            return true;
        }
        if self.termios.is_input(input::IXANY) {
            self.stopped = false;
        }
        false
    }

    fn signal_key(&mut self, byte: u8, effects: &mut Effects) -> bool {
        if !self.termios.is_local(local::ISIG) {
            return false;
        }
        let keys = [
            (c::INTR, signal::INT),
            (c::QUIT, signal::QUIT),
            (c::SUSP, signal::TSTP),
        ];
        let found = keys
            .iter()
            .find(|(index, _)| self.termios.is_character(byte, *index));
        let Some((_, signal)) = found else {
            return false;
        };
        if !self.termios.is_local(local::NOFLSH) {
            self.flush_input();
        }
        self.stopped = false;
        self.echo(byte, effects);
        effects.signal = Some(*signal);
        true
    }

    /// Canonical mode: editing keys, ends of lines, ordinary bytes.
    fn edit(&mut self, byte: u8, effects: &mut Effects) {
        let termios = self.termios;
        let is = |index| termios.is_character(byte, index);
        let extended = termios.is_local(local::IEXTEN);
        if is(c::ERASE) {
            self.erase_character(effects);
        } else if is(c::KILL) {
            self.kill_line(byte, effects);
        } else if extended && is(c::WERASE) {
            self.erase_word(effects);
        } else if extended && is(c::REPRINT) {
            self.reprint(byte, effects);
        } else if extended && is(c::LNEXT) {
            self.literal = true;
            if termios.is_local(local::ECHO) && termios.is_local(local::ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if is(c::EOF) {
            if self.ready.len() >= MAX_INPUT {
                return;
            }
            let line = core::mem::take(&mut self.editing);
            self.ready.push_back(line);
        } else if byte == b'\n' || is(c::EOL) || extended && is(c::EOL2) {
            if self.available() + self.editing.len() >= MAX_INPUT {
                return;
            }
            let newline_only = byte == b'\n' && termios.is_local(local::ECHONL);
            if termios.is_local(local::ECHO) || newline_only {
                self.output.process(&termios, byte, &mut effects.echo);
            }
            self.editing.push(byte);
            let line = core::mem::take(&mut self.editing);
            self.ready.push_back(line);
        } else {
            self.accept(byte, effects);
        }
    }

    /// Takes a byte as data.
    fn accept(&mut self, byte: u8, effects: &mut Effects) {
        // A canonical line keeps room for its end.
        if self.available() + self.editing.len() >= MAX_INPUT - 1 {
            if self.termios.is_input(input::IMAXBEL) {
                effects.echo.push(BELL);
            }
            return;
        }
        if self.is_canonical() {
            if self.editing.is_empty() {
                self.start_column = self.output.column;
            }
            self.editing.push(byte);
        } else {
            match self.ready.back_mut() {
                Some(run) => run.push(byte),
                None => self.ready.push_back(alloc::vec![byte]),
            }
        }
        self.echo(byte, effects);
    }

    fn echo(&mut self, byte: u8, effects: &mut Effects) {
        if !self.termios.is_local(local::ECHO) {
            return;
        }
        let termios = self.termios;
        let shown = termios.is_local(local::ECHOCTL) && is_shown_as_control(byte);
        if shown {
            for part in [b'^', byte ^ 0x40] {
                self.output.process(&termios, part, &mut effects.echo);
            }
        } else {
            self.output.process(&termios, byte, &mut effects.echo);
        }
    }

    fn erase_character(&mut self, effects: &mut Effects) {
        let Some(last) = self.editing.pop() else {
            return;
        };
        let mut first = last;
        if self.termios.is_input(input::IUTF8) {
            while first & 0xc0 == 0x80
                && let Some(before) = self.editing.pop()
            {
                first = before;
            }
        }
        if !self.termios.is_local(local::ECHO) {
            return;
        }
        if !self.termios.is_local(local::ECHOE) {
            let erase = self.termios.characters[c::ERASE];
            return self.echo(erase, effects);
        }
        let column = self.column_after(&self.editing);
        while self.output.column > column {
            effects.echo.extend_from_slice(b"\x08 \x08");
            self.output.column -= 1;
        }
    }

    /// The column after the line's bytes have been echoed.
    fn column_after(&self, bytes: &[u8]) -> usize {
        let mut copy = self.clone();
        copy.output.column = self.start_column;
        let mut ignored = Effects::default();
        for byte in bytes {
            copy.echo(*byte, &mut ignored);
        }
        copy.output.column
    }

    fn erase_word(&mut self, effects: &mut Effects) {
        let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        while blank(self.editing.last()) {
            self.erase_character(effects);
        }
        while !self.editing.is_empty() && !blank(self.editing.last()) {
            self.erase_character(effects);
        }
    }

    fn kill_line(&mut self, byte: u8, effects: &mut Effects) {
        let visible = self.termios.is_local(local::ECHOKE) && self.termios.is_local(local::ECHOE);
        if visible {
            while !self.editing.is_empty() {
                self.erase_character(effects);
            }
            return;
        }
        self.editing.clear();
        self.echo(byte, effects);
        if self.termios.is_local(local::ECHO) && self.termios.is_local(local::ECHOK) {
            let termios = self.termios;
            self.output.process(&termios, b'\n', &mut effects.echo);
        }
    }

    fn reprint(&mut self, byte: u8, effects: &mut Effects) {
        if !self.termios.is_local(local::ECHO) {
            return;
        }
        self.echo(byte, effects);
        let termios = self.termios;
        self.output.process(&termios, b'\n', &mut effects.echo);
        self.start_column = self.output.column;
        for byte in self.editing.clone() {
            self.echo(byte, effects);
        }
    }
}

/// Control characters echo as `^X`, but for those that move the cursor as they are.
fn is_shown_as_control(byte: u8) -> bool {
    (byte < 0x20 || byte == 0x7f) && byte != b'\t' && byte != b'\n'
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use std::string::String;

    /// Types a text; returns what is echoed.
    fn type_all(line: &mut Line, text: &str) -> String {
        let mut echo = Vec::new();
        for byte in text.bytes() {
            echo.extend(line.type_byte(byte).echo);
        }
        String::from_utf8(echo).unwrap()
    }

    fn raw() -> Line {
        let mut line = Line::default();
        let mut termios = line.termios;
        termios.local &= !(local::ICANON | local::ECHO | local::ISIG);
        line.set_termios(termios);
        line
    }

    #[test]
    fn a_line_can_be_read_when_it_ends_and_not_before() {
        let mut line = Line::default();
        assert_eq!(type_all(&mut line, "ab"), "ab");
        assert!(!line.is_readable(1));
        assert_eq!(type_all(&mut line, "\rc"), "\r\nc");
        assert_eq!(line.read(2), b"ab");
        assert_eq!(line.read(100), b"\n");
        assert!(!line.is_readable(1));
    }

    #[test]
    fn erase_takes_whole_characters_and_their_width_back() {
        let mut line = Line::default();
        type_all(&mut line, "aé\t\x01");
        assert_eq!(type_all(&mut line, "\x7f"), "\x08 \x08\x08 \x08");
        assert_eq!(type_all(&mut line, "\x7f").len(), 3 * 6);
        assert_eq!(type_all(&mut line, "\x7f"), "\x08 \x08");
        assert_eq!(type_all(&mut line, "\x7f\x7f"), "\x08 \x08");
        type_all(&mut line, "x\n");
        assert_eq!(line.read(100), b"x\n");
    }

    #[test]
    fn word_erase_and_kill_remove_what_they_name() {
        let mut line = Line::default();
        type_all(&mut line, "one two  \x17x\n");
        assert_eq!(line.read(100), b"one x\n");
        type_all(&mut line, "gone\x15here\n");
        assert_eq!(line.read(100), b"here\n");
    }

    #[test]
    fn end_of_file_reads_as_nothing_once_and_ends_a_partial_line() {
        let mut line = Line::default();
        type_all(&mut line, "\x04");
        assert!(line.is_readable(1));
        assert_eq!(line.read(10), b"");
        assert!(!line.is_readable(1));
        type_all(&mut line, "ab\x04");
        assert_eq!(line.read(10), b"ab");
        assert!(!line.is_readable(1));
    }

    #[test]
    fn interrupt_flushes_the_line_and_names_its_signal() {
        let mut line = Line::default();
        type_all(&mut line, "abc");
        let effects = line.type_byte(3);
        assert_eq!(effects.signal, Some(signal::INT));
        assert_eq!(effects.echo, b"^C");
        type_all(&mut line, "d\n");
        assert_eq!(line.read(10), b"d\n");
        let mut line = raw();
        assert_eq!(line.type_byte(3).signal, None);
        assert_eq!(line.read(10), [3]);
    }

    #[test]
    fn literal_next_takes_the_meaning_from_a_key() {
        let mut line = Line::default();
        type_all(&mut line, "\x16\x03\n");
        assert_eq!(line.read(10), b"\x03\n");
    }

    #[test]
    fn stop_and_start_hold_output_and_are_not_data() {
        let mut line = Line::default();
        line.type_byte(19);
        assert!(line.stopped);
        line.type_byte(17);
        assert!(!line.stopped);
        assert!(!line.is_readable(1));
    }

    #[test]
    fn raw_mode_counts_bytes_and_keeps_what_was_typed_before() {
        let mut line = Line::default();
        type_all(&mut line, "ab");
        let mut termios = line.termios;
        termios.local &= !(local::ICANON | local::ECHO);
        line.set_termios(termios);
        assert!(line.is_readable(2) && !line.is_readable(3));
        type_all(&mut line, "c");
        assert_eq!(line.read(2), b"ab");
        assert_eq!(line.read(10), b"c");
        assert_eq!(line.read(10), b"");
    }

    #[test]
    fn input_beyond_the_limit_is_dropped_but_the_line_can_still_end() {
        let mut line = Line::default();
        for _ in 0..MAX_INPUT + 10 {
            line.type_byte(b'x');
        }
        line.type_byte(b'\n');
        let read = line.read(2 * MAX_INPUT);
        assert_eq!(read.len(), MAX_INPUT);
        assert_eq!(read.last(), Some(&b'\n'));
    }

    #[test]
    fn no_sequence_of_keys_breaks_the_discipline() {
        let mut line = Line::default();
        let mut state = 1u32;
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            line.type_byte((state >> 24) as u8);
            if state & 0xff00 == 0 {
                line.read(7);
            }
            assert!(line.available() <= MAX_INPUT + 16);
        }
    }
}
