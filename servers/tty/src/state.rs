//! A terminal's state as it survives this server: numbers and length-prefixed byte strings,
//! little endian, in the order of the fields.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::line::Line;
use crate::queue::Queue;
use crate::server::{CONSOLE, CONSOLE_INDEX};
use crate::terminal::{Pty, Terminal};
use crate::termios::{SIZE, Termios};

/// Most terminals: the console and pseudo terminals.
pub const MAX_TERMINALS: usize = 1025;
/// Most bytes of a saved terminal: queues at their limits, and room for the rest.
pub const CAPACITY: u64 = 96 << 10;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 2;
/// Most writes that are remembered as begun.
const MAX_BEGUN: usize = 256;

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn numbers(out: &mut Vec<u8>, values: &[u64]) {
    values.iter().for_each(|value| number(out, *value));
}

fn text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    number(out, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn ring(out: &mut Vec<u8>, bytes: &VecDeque<u8>) {
    let (first, second) = bytes.as_slices();
    text(out, &[first, second]);
}

fn pairs(out: &mut Vec<u8>, pairs: impl Iterator<Item = (u64, u64)>) {
    let pairs: Vec<(u64, u64)> = pairs.take(MAX_BEGUN).collect();
    number(out, pairs.len() as u64);
    for (first, second) in pairs {
        numbers(out, &[first, second]);
    }
}

/// A terminal's state; `count` is how many there are, which the first one's tells.
pub fn encode(terminal: &Terminal, count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + terminal.output.len() + terminal.line.available());
    numbers(&mut out, &[VERSION, count as u64]);
    number(&mut out, u64::from(terminal.in_use));
    if !terminal.in_use {
        return out;
    }
    let attributes = &terminal.attributes;
    let window = terminal.window.fields.map(u16::to_le_bytes);
    numbers(
        &mut out,
        &[
            terminal.session,
            terminal.foreground,
            attributes.device,
            attributes.node,
            u64::from(attributes.mode),
            u64::from(attributes.user),
            u64::from(attributes.group),
            u64::from_le_bytes(window.concat().try_into().unwrap_or_default()),
            u64::from(terminal.exclusive),
            terminal.hung_serial,
        ],
    );
    master(&mut out, terminal.pty.as_ref());
    line(&mut out, &terminal.line);
    ring(&mut out, &terminal.typed);
    ring(&mut out, &terminal.output);
    pairs(&mut out, terminal.answered.iter().copied());
    let masters = terminal.pty.iter().flat_map(|pty| &pty.writers);
    let writers = terminal.writers.iter().chain(masters);
    let begun = writers.map(|writer| (writer.number, writer.done));
    let begun = begun.filter(|(_, done)| *done > 0);
    pairs(&mut out, terminal.begun.iter().copied().chain(begun));
    out
}

fn master(out: &mut Vec<u8>, pty: Option<&Pty>) {
    number(out, u64::from(pty.is_some()));
    if let Some(pty) = pty {
        let values = [
            u64::from(pty.locked),
            u64::from(pty.opened),
            u64::from(pty.packet),
            u64::from(pty.events),
        ];
        numbers(out, &values);
    }
}

fn line(out: &mut Vec<u8>, line: &Line) {
    text(out, &[&line.termios.encode()]);
    numbers(
        out,
        &[
            line.output.column as u64,
            line.start_column as u64,
            u64::from(line.stopped),
            u64::from(line.halted),
            u64::from(line.throttled),
            u64::from(line.literal),
            u64::from(line.erasing),
        ],
    );
    text(out, &[&line.editing]);
    let (runs, (first, second)) = line.input.parts();
    number(out, runs.len() as u64);
    runs.iter().for_each(|run| number(out, *run as u64));
    text(out, &[first, second]);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }
    fn flag(&mut self) -> Option<bool> {
        Some(self.number()? != 0)
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
    fn pairs(&mut self) -> Option<Vec<(u64, u64)>> {
        let count = self.number()?;
        (0..count)
            .map(|_| Some((self.number()?, self.number()?)))
            .collect()
    }

    fn master(&mut self) -> Option<Option<Pty>> {
        if !self.flag()? {
            return Some(None);
        }
        Some(Some(Pty {
            locked: self.flag()?,
            opened: self.flag()?,
            packet: self.flag()?,
            events: self.number()?.try_into().ok()?,
            ..Pty::default()
        }))
    }

    fn line(&mut self) -> Option<Line> {
        let termios: &[u8; SIZE] = self.text()?.try_into().ok()?;
        let mut line = Line::default();
        line.set_termios(Termios::decode(termios));
        line.output.column = self.size()?;
        line.start_column = self.size()?;
        line.stopped = self.flag()?;
        line.halted = self.flag()?;
        line.throttled = self.flag()?;
        line.literal = self.flag()?;
        line.erasing = self.flag()?;
        line.editing = self.text()?.to_vec();
        let count = self.number()?;
        let runs: Option<Vec<usize>> = (0..count).map(|_| self.size()).collect();
        line.input = queue(&runs?, self.text()?)?;
        Some(line)
    }
}

fn queue(runs: &[usize], mut bytes: &[u8]) -> Option<Queue> {
    let mut queue = Queue::default();
    for run in runs {
        let (first, rest) = bytes.split_at_checked(*run)?;
        queue.push_run(first);
        bytes = rest;
    }
    bytes.is_empty().then_some(queue)
}

/// How many terminals a saved state tells of.
pub fn count(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader(bytes);
    if reader.number()? != VERSION {
        return None;
    }
    reader.size()
}

/// The terminal `index` of a saved state; `None` when it does not decode.
pub fn decode(bytes: &[u8], index: usize, now_ns: i64) -> Option<Terminal> {
    count(bytes)?;
    let mut reader = Reader(bytes.get(16..)?);
    if !reader.flag()? {
        return reader.0.is_empty().then(Terminal::default);
    }
    let device = match index {
        CONSOLE_INDEX => CONSOLE,
        index => crate::pty::device_of(index - 1),
    };
    let mut terminal = Terminal::new(device, 0, now_ns);
    terminal.session = reader.number()?;
    terminal.foreground = reader.number()?;
    terminal.attributes.device = reader.number()?;
    terminal.attributes.node = reader.number()?;
    terminal.attributes.mode = reader.small()?;
    terminal.attributes.user = reader.small()?;
    terminal.attributes.group = reader.small()?;
    let window = reader.number()?.to_le_bytes();
    let fields = &mut terminal.window.fields;
    for (field, pair) in fields.iter_mut().zip(window.as_chunks::<2>().0) {
        *field = u16::from_le_bytes(*pair);
    }
    terminal.exclusive = reader.flag()?;
    terminal.hung_serial = reader.number()?;
    terminal.pty = reader.master()?;
    terminal.line = reader.line()?;
    terminal.typed = reader.text()?.to_vec().into();
    terminal.output = reader.text()?.to_vec().into();
    terminal.answered = reader.pairs()?;
    terminal.begun = reader.pairs()?;
    reader.0.is_empty().then_some(terminal)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn used(pty: Option<Pty>) -> Terminal {
        let mut terminal = Terminal::new(CONSOLE, 0o620, 0);
        terminal.pty = pty;
        terminal.session = 7;
        terminal.foreground = 9;
        terminal.window.fields = [24, 80, 1, 2];
        terminal.hung_serial = 4;
        terminal.answered = alloc::vec![(5, 6)];
        terminal.begun = alloc::vec![(8, 100)];
        terminal.typed.extend(b"ahead");
        terminal.output.extend(b"shown");
        for byte in b"line\n\x04half\x16" {
            terminal.line.type_byte(*byte);
        }
        terminal
    }

    #[test]
    fn a_terminal_survives_saving_with_all_that_was_typed() {
        let bytes = encode(&used(None), 3);
        assert_eq!(count(&bytes), Some(3));
        let mut restored = decode(&bytes, CONSOLE_INDEX, 0).unwrap();
        assert_eq!(encode(&restored, 3), bytes);
        assert_eq!((restored.session, restored.foreground), (7, 9));
        assert_eq!(restored.begun, [(8, 100)]);
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
    fn the_masters_side_and_free_places_survive_too() {
        let pty = Pty {
            packet: true,
            opened: true,
            events: 3,
            ..Pty::default()
        };
        let bytes = encode(&used(Some(pty)), 3);
        let restored = decode(&bytes, 2, 0).unwrap();
        let pty = restored.pty.as_ref().unwrap();
        assert!(pty.packet && pty.opened && !pty.locked && pty.events == 3);
        assert_eq!(restored.device, 136 << 8 | 1);
        let free = encode(&Terminal::default(), 3);
        assert!(!decode(&free, 1, 0).unwrap().in_use);
    }

    #[test]
    fn a_damaged_state_is_refused_whole() {
        let bytes = encode(&used(Some(Pty::default())), 1);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], 0, 0).is_none(), "{length}");
        }
    }

    #[test]
    fn a_full_terminal_fits_into_its_slot() {
        let mut terminal = used(Some(Pty::default()));
        terminal.typed.extend([0; 256]);
        terminal.output = alloc::vec![0; crate::terminal::ECHO_LIMIT + 4096].into();
        terminal.line.flush_input();
        // An empty line each: the most that queues can hold besides bytes.
        (0..=crate::line::MAX_INPUT).for_each(|_| drop(terminal.line.type_byte(4)));
        terminal.begun = alloc::vec![(1, 1); 2 * MAX_BEGUN];
        terminal.answered = alloc::vec![(1, 1); 2 * MAX_BEGUN];
        assert!(encode(&terminal, 1).len() as u64 <= CAPACITY);
    }
}
