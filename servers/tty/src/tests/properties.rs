//! What holds for every input: nothing panics, nothing grows without bound, and raw bytes arrive.

use super::*;
use crate::line::{Line, MAX_INPUT};
use crate::terminal::ECHO_LIMIT;
use proptest::collection::vec as many;
use proptest::prelude::*;

/// A step of a program at either end of a pseudo terminal.
#[derive(Clone, Debug)]
enum Step {
    MasterWrites(Vec<u8>),
    MasterReads(usize),
    SlaveWrites(Vec<u8>),
    SlaveReads(usize),
    Modes(u32, u32, u32),
    Character(usize, u8),
    Request(u64, u64),
    Replace,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Mostly what has a meaning.
    let special = prop::sample::select(
        b"\x03\x04\x08\n\r\t\x11\x13\x12\x15\x16\x17\x1a\x7f\xff\0 ab\xc3\xa9".to_vec(),
    );
    many(prop_oneof![3 => special, 1 => any::<u8>()], 0..600)
}

fn step() -> impl Strategy<Value = Step> {
    let request = prop::sample::select(vec![0x5409u64, 0x540a, 0x540b]);
    prop_oneof![
        6 => bytes().prop_map(Step::MasterWrites),
        4 => (0usize..9000).prop_map(Step::MasterReads),
        4 => bytes().prop_map(Step::SlaveWrites),
        4 => (0usize..5000).prop_map(Step::SlaveReads),
        2 => (0u32..0x8000, 0u32..0x10000, 0u32..0x20000)
            .prop_map(|(input, output, local)| Step::Modes(input, output, local)),
        1 => (0usize..17, any::<u8>()).prop_map(|(at, byte)| Step::Character(at, byte)),
        2 => (request, 0u64..4).prop_map(|(request, argument)| Step::Request(request, argument)),
        1 => Just(Step::Replace),
    ]
}

fn take(machine: &mut Machine, master: u64, slave: u64, step: &Step) {
    machine.badge = slave;
    match step {
        // Refusals are right, too; that the server stands is what counts.
        Step::MasterWrites(bytes) => {
            machine.badge = master;
            let _ = machine.write(bytes, NONBLOCK);
        }
        Step::MasterReads(room) => {
            machine.badge = master;
            let _ = machine.read_some(*room, NONBLOCK);
        }
        Step::SlaveWrites(bytes) => drop(machine.write(bytes, NONBLOCK)),
        Step::SlaveReads(room) => drop(machine.read_some(*room, NONBLOCK)),
        Step::Modes(input, output, local) => machine.set_modes(|termios| {
            (termios.input, termios.output, termios.local) = (*input, *output, *local);
        }),
        Step::Character(at, byte) => {
            machine.set_modes(|termios| termios.characters[*at] = *byte);
        }
        Step::Request(number, argument) => drop(machine.request(*number, *argument)),
        Step::Replace => machine.replace(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_use_of_both_ends_breaks_the_server_or_its_limits(steps in many(step(), 1..60)) {
        let mut machine = Machine::bare();
        let (master, slave) = machine.pty();
        for step in &steps {
            take(&mut machine, master, slave, step);
            let terminal = &machine.server.terminals[1];
            prop_assert!(terminal.line.available() <= MAX_INPUT);
            prop_assert!(terminal.output.len() <= ECHO_LIMIT + 64);
            prop_assert!(terminal.readers.is_empty() && terminal.writers.is_empty());
        }
    }

    #[test]
    fn raw_bytes_arrive_whole_and_in_order(
        pieces in many(many(any::<u8>(), 1..3000), 1..12),
        room in 1usize..5000,
        replaced in any::<bool>(),
    ) {
        let mut machine = Machine::bare();
        let (master, slave) = machine.pty();
        machine.badge = slave;
        machine.set_modes(|termios| {
            (termios.input, termios.output) = (0, 0);
            termios.local = 0;
        });
        let (mut typed, mut shown) = (Vec::new(), Vec::new());
        for (at, piece) in pieces.iter().enumerate() {
            machine.at(master, |machine| machine.write(piece, 0)).unwrap();
            let writing = machine.token;
            machine.at(slave, |machine| machine.write(piece, 0)).unwrap();
            let showing = machine.token;
            if replaced && at % 3 == 1 && [writing, showing].iter().all(|token| {
                // A call that waits would be sent again by the kernel, which is not here.
                machine.answer(*token).is_none() && machine.server.terminals[1].writers.is_empty()
            }) && machine.server.terminals[1].pty.as_ref().unwrap().writers.is_empty() {
                machine.replace();
            }
            while let Ok(Some(bytes)) = machine.at(slave, |machine| machine.read_some(room, NONBLOCK)) {
                if bytes.is_empty() { break; }
                typed.extend(bytes);
            }
            while let Ok(Some(bytes)) = machine.at(master, |machine| machine.read_some(room, NONBLOCK)) {
                shown.extend(bytes);
            }
        }
        prop_assert_eq!(&typed, &pieces.concat());
        prop_assert_eq!(&shown, &pieces.concat());
    }

    #[test]
    fn canonical_lines_that_fit_lose_no_byte(
        lines in many(many(b' '..=b'~', 0..4000), 1..20),
    ) {
        let mut machine = Machine::bare();
        let (master, slave) = machine.pty();
        let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let mut read = Vec::new();
        for piece in text.chunks(60_000) {
            machine.at(master, |machine| machine.write(piece, 0)).unwrap();
            while let Ok(Some(bytes)) = machine.at(slave, |machine| machine.read_some(5000, NONBLOCK)) {
                read.extend(bytes);
            }
        }
        prop_assert_eq!(read, text);
    }

    #[test]
    fn no_sequence_of_keys_and_modes_breaks_the_line(
        runs in many((any::<u32>(), any::<u32>(), any::<u32>(), bytes()), 1..20),
    ) {
        let mut line = Line::default();
        for (input, output, local, bytes) in runs {
            let mut termios = line.termios;
            (termios.input, termios.output, termios.local) = (input, output, local);
            line.set_termios(termios);
            for byte in bytes {
                if line.has_room() {
                    line.type_byte(byte);
                }
            }
            prop_assert!(line.available() <= MAX_INPUT);
            line.read(7);
        }
    }
}
