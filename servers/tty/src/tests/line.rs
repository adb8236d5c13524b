//! The line discipline, byte by byte.

use crate::line::{Line, MAX_INPUT, signal};
use crate::termios::local;
use std::string::String;
use std::vec::Vec;

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
