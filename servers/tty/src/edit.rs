//! What editing keys do to a line, and how that is shown.

use alloc::vec::Vec;

use crate::line::{Effects, Line};
use crate::output::Output;
use crate::termios::{Termios, character as c, input, local};

impl Line {
    /// Shows a byte, if that is wanted.
    pub(crate) fn echo(&mut self, byte: u8, effects: &mut Effects) {
        if self.termios.is_local(local::ECHO) {
            show(&self.termios, &mut self.output, byte, &mut effects.echo);
        }
    }

    /// `ECHOPRT`: the text that was erased ends with a slash.
    pub(crate) fn finish_erasing(&mut self, effects: &mut Effects) {
        if core::mem::take(&mut self.erasing) {
            self.output.process(&self.termios, b'/', &mut effects.echo);
        }
    }

    /// The `ERASE` character.
    pub(crate) fn erase_character(&mut self, effects: &mut Effects) {
        let length = self.before_character(self.editing.len());
        if length == self.editing.len() || !self.termios.is_local(local::ECHO) {
            self.editing.truncate(length);
        } else if self.termios.is_local(local::ECHOPRT) || self.termios.is_local(local::ECHOE) {
            self.erase_to(length, effects);
        } else {
            self.editing.truncate(length);
            let erase = self.termios.characters[c::ERASE];
            self.echo(erase, effects);
        }
    }

    /// Where the character begins that ends at `end`.
    fn before_character(&self, end: usize) -> usize {
        let mut start = end.saturating_sub(1);
        if self.termios.is_input(input::IUTF8) {
            while start > 0 && self.editing[start] & 0xc0 == 0x80 {
                start -= 1;
            }
        }
        start
    }

    /// The `WERASE` character: blanks at the end, and the word before them.
    pub(crate) fn erase_word(&mut self, effects: &mut Effects) {
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let text = &self.editing;
        let word_end = text.iter().rposition(|byte| !blank(byte));
        let word_end = word_end.map_or(0, |last| last + 1);
        let before = text[..word_end].iter().rposition(blank);
        self.erase_to(before.map_or(0, |last| last + 1), effects);
    }

    /// The `KILL` character.
    pub(crate) fn kill_line(&mut self, byte: u8, effects: &mut Effects) {
        let shows = |flag| self.termios.is_local(flag);
        if shows(local::ECHOK) && shows(local::ECHOKE) && shows(local::ECHOE) {
            return self.erase_to(0, effects);
        }
        let starts_line = shows(local::ECHO) && shows(local::ECHOK);
        self.editing.clear();
        self.finish_erasing(effects);
        self.echo(byte, effects);
        if starts_line {
            let termios = self.termios;
            self.output.process(&termios, b'\n', &mut effects.echo);
        }
    }

    /// Shortens the line and shows that.
    fn erase_to(&mut self, length: usize, effects: &mut Effects) {
        if length >= self.editing.len() {
            return;
        }
        let removed = self.editing.split_off(length);
        if !self.termios.is_local(local::ECHO) {
            return;
        }
        if self.termios.is_local(local::ECHOPRT) {
            if !core::mem::replace(&mut self.erasing, true) {
                let termios = self.termios;
                self.output.process(&termios, b'\\', &mut effects.echo);
            }
            removed
                .iter()
                .rev()
                .for_each(|byte| self.echo(*byte, effects));
            return;
        }
        let column = match self.width(&removed) {
            Some(width) => self.output.column.saturating_sub(width),
            None => self.column_after(),
        };
        while self.output.column > column {
            effects.echo.extend_from_slice(b"\x08 \x08");
            self.output.column -= 1;
        }
    }

    /// Columns that bytes take; `None` when that depends on where they are.
    fn width(&self, bytes: &[u8]) -> Option<usize> {
        let controls = self.termios.is_local(local::ECHOCTL);
        let characters = self.termios.is_input(input::IUTF8);
        let mut width = 0;
        for byte in bytes {
            width += match byte {
                b'\t' => return None,
                0..=0x1f | 0x7f if controls => 2,
                b'\r' | b'\x08' => return None,
                0..=0x1f | 0x7f => 0,
                0x80..=0xbf if characters => 0,
                _ => 1,
            };
        }
        Some(width)
    }

    /// The column after the line's bytes have been shown.
    fn column_after(&self) -> usize {
        let mut output = Output {
            column: self.start_column,
        };
        let mut scratch = Vec::new();
        for byte in &self.editing {
            show(&self.termios, &mut output, *byte, &mut scratch);
            scratch.clear();
        }
        output.column
    }

    /// The `REPRINT` character.
    pub(crate) fn reprint(&mut self, byte: u8, effects: &mut Effects) {
        let termios = self.termios;
        self.finish_erasing(effects);
        self.echo(byte, effects);
        self.output.process(&termios, b'\n', &mut effects.echo);
        self.start_column = self.output.column;
        for byte in &self.editing {
            show(&termios, &mut self.output, *byte, &mut effects.echo);
        }
    }
}

/// Appends what shows a byte. Control characters are shown as `^X` (`ECHOCTL`), but for those
/// that move the cursor as they are.
fn show(termios: &Termios, output: &mut Output, byte: u8, echo: &mut Vec<u8>) {
    let control = (byte < 0x20 || byte == 0x7f) && byte != b'\t' && byte != b'\n';
    if control && termios.is_local(local::ECHOCTL) {
        output.process(termios, b'^', echo);
        output.process(termios, byte ^ 0x40, echo);
    } else {
        output.process(termios, byte, echo);
    }
}
