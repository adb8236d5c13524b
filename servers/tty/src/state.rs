//! The terminal's state as it survives this server: numbers and length-prefixed byte strings,
//! little endian, in the order of the fields.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::line::Line;
use crate::terminal::Terminal;
use crate::termios::{SIZE, Termios};

/// Most bytes of a saved state: queues at their limits, and room for the rest.
pub const CAPACITY: u64 = 128 << 10;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 1;

/// The last read or write that was answered, so that it is not done again when the answer was
/// lost with this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The call's number.
    pub number: u64,
    /// What it was answered.
    pub value: u64,
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    number(out, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// The state of the console.
pub fn encode(terminal: &Terminal, answered: Answered) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let attributes = &terminal.attributes;
    let window = terminal.window.fields.map(u16::to_le_bytes);
    for value in [
        VERSION,
        answered.number,
        answered.value,
        terminal.session,
        terminal.foreground,
        u64::from(attributes.mode),
        u64::from(attributes.user),
        u64::from(attributes.group),
        u64::from_le_bytes(window.concat().try_into().unwrap_or_default()),
    ] {
        number(&mut out, value);
    }
    text(&mut out, &[&terminal.line.termios.encode()]);
    let (first, second) = terminal.output.as_slices();
    text(&mut out, &[first, second]);
    let parts = terminal.line.parts();
    for value in [
        parts.column as u64,
        parts.start_column as u64,
        u64::from(parts.stopped),
        u64::from(parts.literal),
    ] {
        number(&mut out, value);
    }
    text(&mut out, &[parts.editing]);
    number(&mut out, parts.ready.len() as u64);
    for line in parts.ready {
        text(&mut out, &[line]);
    }
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }
    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }
    fn size(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.size()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

/// Takes a saved state over; `None`, with the terminal unchanged, when it does not decode.
pub fn decode(bytes: &[u8], terminal: &mut Terminal) -> Option<Answered> {
    let mut reader = Reader(bytes);
    let mut restored = terminal.clone();
    if reader.number()? != VERSION {
        return None;
    }
    let answered = Answered {
        number: reader.number()?,
        value: reader.number()?,
    };
    restored.session = reader.number()?;
    restored.foreground = reader.number()?;
    restored.attributes.mode = reader.small()?;
    restored.attributes.user = reader.small()?;
    restored.attributes.group = reader.small()?;
    let window = reader.number()?.to_le_bytes();
    for (field, pair) in restored
        .window
        .fields
        .iter_mut()
        .zip(window.chunks_exact(2))
    {
        *field = u16::from_le_bytes(pair.try_into().ok()?);
    }
    let termios: &[u8; SIZE] = reader.text()?.try_into().ok()?;
    restored.output = VecDeque::from(reader.text()?.to_vec());
    let mut line = Line::default();
    line.set_termios(Termios::decode(termios));
    line.output.column = reader.size()?;
    let start_column = reader.size()?;
    line.stopped = reader.number()? != 0;
    let literal = reader.number()? != 0;
    let editing = reader.text()?.to_vec();
    let count = reader.number()?;
    let mut ready = VecDeque::new();
    for _ in 0..count {
        ready.push_back(reader.text()?.to_vec());
    }
    if !reader.0.is_empty() {
        return None;
    }
    line.restore(ready, editing, start_column, literal);
    restored.line = line;
    *terminal = restored;
    Some(answered)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn used() -> Terminal {
        let mut terminal = Terminal {
            session: 7,
            foreground: 9,
            ..Terminal::default()
        };
        terminal.window.fields = [24, 80, 1, 2];
        for byte in b"line\n\x04half\x16" {
            let effects = terminal.line.type_byte(*byte);
            terminal.output.extend(effects.echo);
        }
        terminal
    }

    #[test]
    fn a_terminal_survives_saving_with_all_that_was_typed() {
        let terminal = used();
        let answered = Answered {
            number: 5,
            value: 6,
        };
        let bytes = encode(&terminal, answered);
        let mut restored = Terminal::default();
        assert_eq!(decode(&bytes, &mut restored), Some(answered));
        assert_eq!(encode(&restored, answered), bytes);
        assert_eq!((restored.session, restored.foreground), (7, 9));
        assert_eq!(restored.line.read(100), b"line\n");
        assert_eq!(restored.line.read(100), b"");
        restored.line.type_byte(3);
        restored.line.type_byte(b'\n');
        assert_eq!(
            restored.line.read(100),
            b"half\x03\n",
            "the next was literal"
        );
    }

    #[test]
    fn a_damaged_state_is_refused_whole() {
        let bytes = encode(&used(), Answered::default());
        let before = encode(&Terminal::default(), Answered::default());
        for length in 0..bytes.len() {
            let mut terminal = Terminal::default();
            assert_eq!(decode(&bytes[..length], &mut terminal), None, "{length}");
            assert_eq!(encode(&terminal, Answered::default()), before);
        }
    }
}
