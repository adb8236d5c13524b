//! The line discipline (POSIX "General Terminal Interface"): what becomes of typed bytes.

use alloc::vec::Vec;

use crate::output::Output;
use crate::queue::Queue;
use crate::termios::{Termios, character as c, input, local};

/// Most bytes that wait to be read (`MAX_INPUT`), and of a line (`MAX_CANON`).
pub const MAX_INPUT: usize = 4096;
/// With `IXOFF` the device is asked to stop when fewer bytes than this have room, and to go on
/// when fewer than this wait.
const MARGIN: usize = 128;
const BELL: u8 = 7;
/// What `PARMRK` puts before a byte that did not arrive as data.
const MARK: u8 = 0xff;

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
    /// Both queues are flushed, the output before `echo`.
    pub flush: bool,
}

/// The state of a line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Modes.
    pub termios: Termios,
    /// Output column.
    pub output: Output,
    /// Output is stopped by the STOP character (`IXON`).
    pub stopped: bool,
    /// Output is stopped by `tcflow`.
    pub halted: bool,
    /// The device was asked to stop sending (`IXOFF`).
    pub throttled: bool,
    /// What may be read.
    pub input: Queue,
    /// The line being edited.
    pub(crate) editing: Vec<u8>,
    /// Column where it began.
    pub(crate) start_column: usize,
    /// The next byte is taken as it is.
    pub(crate) literal: bool,
    /// Erased characters are being shown (`ECHOPRT`).
    pub(crate) erasing: bool,
}

impl Line {
    /// Whether lines are edited: not where the master's program does that (`EXTPROC`).
    pub(crate) fn is_canonical(&self) -> bool {
        self.termios.is_local(local::ICANON) && !self.termios.is_local(local::EXTPROC)
    }

    /// Whether output is held.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.halted
    }

    /// Bytes that a read could take now.
    pub fn available(&self) -> usize {
        self.input.len()
    }

    fn used(&self) -> usize {
        self.input.len() + self.editing.len()
    }

    /// Whether another byte can be typed. A full queue takes none until something is read; but a
    /// line that is too long and has no reader to wait for takes more and drops it (`MAX_CANON`),
    /// so that its end can still be typed.
    pub fn has_room(&self) -> bool {
        let fits = self.used() < MAX_INPUT - 1 && self.input.runs() < MAX_INPUT;
        fits || self.is_canonical() && self.input.is_empty()
    }

    /// Whether a read would not wait. `minimum` counts outside canonical mode only.
    pub fn is_readable(&self, minimum: usize) -> bool {
        if self.is_canonical() {
            !self.input.is_empty()
        } else {
            self.available() >= minimum.max(1)
        }
    }

    /// Takes at most `most` bytes: a line, the rest of one, or what there is outside canonical
    /// mode. An end of file reads as nothing, once.
    pub fn read(&mut self, most: usize) -> Vec<u8> {
        self.input.take(most, self.is_canonical())
    }

    /// Forgets what was typed and not read (`TCIFLUSH`).
    pub fn flush_input(&mut self) {
        self.input.clear();
        self.editing.clear();
        self.literal = false;
        self.erasing = false;
    }

    /// Sets the modes; what was being edited becomes readable when lines end to matter.
    pub fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.is_canonical();
        self.termios = termios;
        if was_canonical && !self.is_canonical() {
            self.erasing = false;
            if !self.editing.is_empty() {
                let editing = core::mem::take(&mut self.editing);
                self.input.push_run(&editing);
            }
        }
        if !termios.is_input(input::IXON) {
            self.stopped = false;
        }
    }

    /// The character that the device is to get for `IXOFF`, if its sending is to stop or go on.
    pub fn input_control(&mut self) -> Option<u8> {
        let wanted = self.termios.is_input(input::IXOFF);
        let (full, low) = (MAX_INPUT - MARGIN, MARGIN);
        if !self.throttled && wanted && self.used() >= full {
            self.throttled = true;
            return self.termios.character(c::STOP);
        }
        if self.throttled && (!wanted || self.used() <= low) {
            self.throttled = false;
            return self.termios.character(c::START);
        }
        None
    }

    /// A break condition arrived.
    pub fn type_break(&mut self) -> Effects {
        let mut effects = Effects::default();
        if self.termios.is_input(input::IGNBRK) {
            return effects;
        }
        if self.termios.is_input(input::BRKINT) {
            self.flush_input();
            effects.flush = true;
            effects.signal = Some(signal::INT);
        } else if self.termios.is_input(input::PARMRK) {
            self.store(&[MARK, 0, 0]);
        } else {
            self.store(&[0]);
        }
        effects
    }

    /// Processes a typed byte.
    pub fn type_byte(&mut self, byte: u8) -> Effects {
        let mut effects = Effects::default();
        let termios = self.termios;
        if termios.is_local(local::EXTPROC) {
            self.store(&[byte]);
            return effects;
        }
        let byte = if termios.is_input(input::ISTRIP) {
            byte & 0x7f
        } else {
            byte
        };
        if core::mem::take(&mut self.literal) {
            self.accept(byte, &mut effects);
            return effects;
        }
        let byte = if termios.is_input(input::IUCLC) && termios.is_local(local::IEXTEN) {
            byte.to_ascii_lowercase()
        } else {
            byte
        };
        if self.flow_control(byte) || self.signal_key(byte, &mut effects) {
            return effects;
        }
        let byte = match byte {
            b'\r' if termios.is_input(input::IGNCR) => return effects,
            b'\r' if termios.is_input(input::ICRNL) => b'\n',
            b'\n' if termios.is_input(input::INLCR) => b'\r',
            _ => byte,
        };
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
        let starts = self.termios.is_character(byte, c::START);
        let stops = self.termios.is_character(byte, c::STOP);
        // One character for both toggles.
        if starts && (self.stopped || !stops) {
            self.stopped = false;
        } else if stops {
            self.stopped = true;
        } else if self.termios.is_input(input::IXANY) {
            self.stopped = false;
        }
        starts || stops
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
            effects.flush = true;
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
        } else if extended && is(c::REPRINT) && termios.is_local(local::ECHO) {
            self.reprint(byte, effects);
        } else if extended && is(c::LNEXT) {
            self.literal = true;
            self.finish_erasing(effects);
            if termios.is_local(local::ECHO) && termios.is_local(local::ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if is(c::EOF) {
            self.end_line(effects);
        } else if byte == b'\n' || is(c::EOL) || extended && is(c::EOL2) {
            if self.used() >= MAX_INPUT {
                return;
            }
            let newline_only = byte == b'\n' && termios.is_local(local::ECHONL);
            if termios.is_local(local::ECHO) || newline_only {
                self.finish_erasing(effects);
                self.output.process(&termios, byte, &mut effects.echo);
            }
            self.editing.push(byte);
            self.end_line(effects);
        } else {
            self.accept(byte, effects);
        }
    }

    fn end_line(&mut self, effects: &mut Effects) {
        self.finish_erasing(effects);
        if self.input.runs() < MAX_INPUT {
            let line = core::mem::take(&mut self.editing);
            self.input.push_run(&line);
        }
    }

    /// Puts bytes with what was typed, if there is room for all of them and, of a canonical line,
    /// for its end.
    fn store(&mut self, bytes: &[u8]) -> bool {
        if self.used() + bytes.len() > MAX_INPUT - 1 {
            return false;
        }
        if self.is_canonical() {
            if self.editing.is_empty() {
                self.start_column = self.output.column;
            }
            self.editing.extend_from_slice(bytes);
        } else {
            bytes.iter().for_each(|byte| self.input.push_byte(*byte));
        }
        true
    }

    /// Takes a byte as data.
    fn accept(&mut self, byte: u8, effects: &mut Effects) {
        // POSIX: marks are told from data by the data's being doubled.
        let doubled = byte == MARK
            && self.termios.is_input(input::PARMRK)
            && !self.termios.is_input(input::ISTRIP);
        let bytes = if doubled { &[MARK, MARK][..] } else { &[byte] };
        if self.store(bytes) {
            self.finish_erasing(effects);
            self.echo(byte, effects);
        } else if self.termios.is_input(input::IMAXBEL) {
            effects.echo.push(BELL);
        }
    }
}
