//! Modes: what each flag does to what is typed and written.

use std::string::String;
use std::vec::Vec;

use crate::line::{Line, MAX_INPUT};
use crate::output::Output;
use crate::termios::{SECOND_SIZE, Termios, character as c, control, input, local, output};

fn line(change: impl FnOnce(&mut Termios)) -> Line {
    let mut line = Line::default();
    let mut termios = line.termios;
    change(&mut termios);
    line.set_termios(termios);
    line
}

fn raw(flags: u32) -> Line {
    line(|termios| {
        termios.input = flags;
        termios.local &= !(local::ICANON | local::ECHO | local::ISIG);
    })
}

fn echo(line: &mut Line, text: &str) -> String {
    let bytes: Vec<u8> = text
        .bytes()
        .flat_map(|byte| line.type_byte(byte).echo)
        .collect();
    String::from_utf8(bytes).unwrap()
}

fn typed(mut line: Line, text: &[u8]) -> Vec<u8> {
    text.iter().for_each(|byte| drop(line.type_byte(*byte)));
    line.read(1000)
}

fn written(flags: u32, text: &str) -> String {
    let termios = Termios {
        output: flags,
        ..Termios::default()
    };
    let mut out = Vec::new();
    let mut output = Output::default();
    text.bytes()
        .for_each(|byte| output.process(&termios, byte, &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn input_modes_change_what_is_read() {
    assert_eq!(typed(raw(0), b"\r\n\xc1A"), b"\r\n\xc1A");
    assert_eq!(typed(raw(input::ICRNL), b"\r\n"), b"\n\n");
    assert_eq!(typed(raw(input::INLCR), b"\r\n"), b"\r\r");
    assert_eq!(typed(raw(input::IGNCR | input::ICRNL), b"a\rb"), b"ab");
    assert_eq!(typed(raw(input::ISTRIP), b"\xc1"), b"A");
    assert_eq!(typed(raw(input::IUCLC), b"AbC"), b"abc");
    assert_eq!(typed(raw(input::PARMRK), b"\xff"), b"\xff\xff");
    assert_eq!(typed(raw(input::PARMRK | input::ISTRIP), b"\xff"), b"\x7f");
}

#[test]
fn output_modes_change_what_is_shown() {
    use output as o;
    assert_eq!(written(0, "a\nb\r"), "a\nb\r");
    assert_eq!(written(o::OPOST, "a\n"), "a\n");
    assert_eq!(written(o::OPOST | o::ONLCR, "a\n"), "a\r\n");
    assert_eq!(written(o::OPOST | o::OCRNL, "a\r"), "a\n");
    assert_eq!(written(o::OPOST | o::ONOCR, "\ra\r"), "a\r");
    assert_eq!(written(o::OPOST | o::ONLRET | o::ONOCR, "a\n\r"), "a\n");
    assert_eq!(written(o::OPOST | o::OLCUC, "aB"), "AB");
    assert_eq!(written(o::OPOST | o::XTABS, "ab\tc"), "ab      c");
    let delays = 0x40 | 0x80 | 0x100 | 0x600 | 0x2000 | 0x4000 | 0x8000;
    assert_eq!(written(o::OPOST | delays, "a\n\r\x08\x0b"), "a\n\r\x08\x0b");
}

#[test]
fn a_restart_by_any_character_is_asked_for() {
    let mut line = line(|termios| termios.input |= input::IXANY);
    line.type_byte(0x13);
    assert!(line.is_stopped());
    line.type_byte(0x13);
    assert!(line.is_stopped(), "the stop character does not start");
    line.type_byte(b'x');
    assert!(!line.is_stopped());
    line.type_byte(b'\n');
    assert_eq!(line.read(10), b"x\n", "and is typed");
    let mut line = Line::default();
    line.type_byte(0x13);
    line.type_byte(b'x');
    assert!(line.is_stopped());
}

#[test]
fn a_stop_by_request_is_not_ended_by_keys() {
    let mut line = Line {
        halted: true,
        ..Line::default()
    };
    line.type_byte(0x11);
    assert!(line.is_stopped());
}

#[test]
fn the_device_is_asked_to_stop_before_the_queue_is_full_and_to_go_on_later() {
    let mut line = raw(input::IXOFF);
    let mut sent = Vec::new();
    for _ in 0..MAX_INPUT {
        line.type_byte(b'x');
        sent.extend(line.input_control());
    }
    assert_eq!(sent, [0x13]);
    line.read(MAX_INPUT - 10);
    assert_eq!(line.input_control(), Some(0x11));
    assert_eq!(line.input_control(), None);
}

#[test]
fn echo_modes_show_editing_as_they_say() {
    let mut plain = line(|termios| termios.local &= !local::ECHOE);
    assert_eq!(echo(&mut plain, "ab\x7f"), "ab^?");
    let mut printed = line(|termios| termios.local |= local::ECHOPRT);
    assert_eq!(echo(&mut printed, "abc\x7f\x7fd\n"), "abc\\cb/d\r\n");
    assert_eq!(printed.read(10), b"ad\n");
    let mut killed = line(|termios| termios.local &= !local::ECHOKE);
    assert_eq!(echo(&mut killed, "ab\x15"), "ab^U\r\n");
    let mut silent = line(|termios| {
        termios.local &= !local::ECHO;
        termios.local |= local::ECHONL;
    });
    assert_eq!(echo(&mut silent, "ab\x7f\n"), "\r\n");
    let mut controls = line(|termios| termios.local &= !local::ECHOCTL);
    assert_eq!(echo(&mut controls, "\x01"), "\x01");
    let mut shown = Line::default();
    assert_eq!(echo(&mut shown, "ab\x12"), "ab^R\r\nab");
    assert_eq!(echo(&mut shown, "\x16\x03"), "^\x08^C");
}

#[test]
fn both_more_line_ends_end_lines_and_are_read() {
    let mut line = line(|termios| {
        termios.characters[c::EOL] = b';';
        termios.characters[c::EOL2] = b'|';
    });
    line.type_byte(b'a');
    line.type_byte(b';');
    line.type_byte(b'b');
    line.type_byte(b'|');
    assert_eq!(line.read(10), b"a;");
    assert_eq!(line.read(10), b"b|");
}

#[test]
fn extended_keys_are_data_without_iexten_and_switched_off_keys_always() {
    let mut plain = line(|termios| {
        termios.local &= !local::IEXTEN;
        termios.characters[c::INTR] = 0;
    });
    for byte in b"a\x17\x12\x16\x03\0\n" {
        assert_eq!(plain.type_byte(*byte).signal, None);
    }
    assert_eq!(plain.read(10), b"a\x17\x12\x16\x03\0\n");
}

#[test]
fn signals_flush_unless_asked_not_to() {
    let mut line = line(|termios| termios.local |= local::NOFLSH);
    line.type_byte(b'a');
    assert!(!line.type_byte(3).flush);
    line.type_byte(b'\n');
    assert_eq!(line.read(10), b"a\n");
    line.set_termios(Termios::default());
    line.type_byte(b'a');
    assert!(line.type_byte(3).flush);
    line.type_byte(b'\n');
    assert_eq!(line.read(10), b"\n");
}

#[test]
fn what_was_typed_raw_is_readable_when_lines_begin_to_matter() {
    let mut line = raw(0);
    line.type_byte(b'a');
    line.set_termios(Termios::default());
    assert!(line.is_readable(1));
    assert_eq!(line.read(10), b"a");
}

#[test]
fn an_end_of_file_in_a_read_of_the_lines_length_leaves_no_empty_read() {
    let mut line = Line::default();
    for byte in b"ab\x04" {
        line.type_byte(*byte);
    }
    assert_eq!(line.read(2), b"ab");
    assert!(!line.is_readable(1));
}

#[test]
fn speeds_have_codes_and_numbers() {
    let mut termios = Termios::default();
    termios.control = termios.control & !control::CBAUD | 13;
    let bytes = termios.encode();
    let known = Termios::decode(&bytes);
    assert_eq!((known.input_speed, known.output_speed), (9600, 9600));
    termios.control = termios.control & !control::CBAUD | control::BOTHER;
    (termios.input_speed, termios.output_speed) = (31_250, 31_250);
    let second: [u8; SECOND_SIZE] = termios.encode_second();
    let other = Termios::decode_second(&second, &known);
    assert_eq!(other.output_speed, 31_250);
    assert_eq!(other.characters[c::LNEXT], 22);
}
