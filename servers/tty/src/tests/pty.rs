//! Pseudo terminals: both ends, hang-ups, packet mode.

use super::*;
use crate::state::MAX_TERMINALS;
use crate::termios::input;

const PACKET: u64 = 0x5420;
const PRIORITY: Signals = Signals::PRIORITY;
const HANG_UP: Signals = Signals::PEER_CLOSED;

/// A process 30 that leads a session, with a pseudo terminal that controls it.
fn session() -> (Machine, u64, u64) {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.identity = leader(30);
    machine.badge = slave;
    machine.request(0x540e, 0).unwrap();
    machine.identity.terminal = 136 << 8;
    (machine, master, slave)
}

fn master_reads(machine: &mut Machine, master: u64) -> Result<Option<Vec<u8>>, Error> {
    machine.at(master, |machine| machine.read(NONBLOCK))
}

#[test]
fn what_the_master_writes_is_typed_and_what_the_slave_writes_is_shown() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.badge = slave;
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.badge = master;
    assert_eq!(machine.write(b"hello\r", 0), Ok(Some(6)));
    assert_eq!(machine.got(token), Some(Ok(b"hello\n".to_vec())));
    assert_eq!(machine.read(0), Ok(Some(b"hello\r\n".to_vec())), "the echo");
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.badge = slave;
    assert_eq!(machine.write(b"answer\n", 0), Ok(Some(7)));
    assert_eq!(machine.got(token), Some(Ok(b"answer\r\n".to_vec())));
}

#[test]
fn a_slave_is_locked_at_first_and_named_after_its_number() {
    let mut machine = Machine::bare();
    let master = machine.open(2, 2).unwrap();
    let second = machine.open(2, 2).unwrap();
    assert_eq!(machine.open_slave(0, 2), Err(Error::Io), "locked");
    assert_eq!(machine.open_slave(7, 2), Err(Error::NotFound));
    machine.badge = second;
    assert_eq!(machine.control(0x8004_5430, b"", 4), Ok(vec![1, 0, 0, 0]));
    assert_eq!(machine.control(0x8004_5439, b"", 4), Ok(vec![1, 0, 0, 0]));
    machine.control(0x4004_5431, &[0; 4], 0).unwrap();
    let slave = machine.open_slave(1, 2).unwrap();
    let name = |machine: &mut Machine| {
        let (reply, bytes) = machine.call(&[file::number::path], None, Some(20));
        let Ok(Outcome::Answer(answer)) = reply else {
            panic!("no path")
        };
        bytes[..answer.words[0] as usize].to_vec()
    };
    assert_eq!(machine.at(slave, name), b"/dev/pts/1");
    assert_eq!(machine.at(master, name), b"/dev/ptmx");
}

#[test]
fn a_peer_is_opened_by_its_master_alone() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    let words = [terminals::number::open_peer, 2];
    let reply = machine.at(master, |machine| machine.call(&words, None, None).0);
    assert!(reply.is_ok());
    let reply = machine.at(slave, |machine| machine.call(&words, None, None).0);
    assert!(matches!(reply, Err(Error::NotTerminal)));
    let opening = [terminals::number::open, 0, 2];
    let reply = machine.at(slave, |machine| {
        machine.call(&opening, Some(&[0; Identity::SIZE]), None).0
    });
    assert!(matches!(reply, Err(Error::Unsupported)));
}

#[test]
fn a_master_finds_the_end_when_the_last_slave_closes_and_goes_on_with_the_next() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    let second = machine.open_slave(0, 2 | NO_CONTROLLING_TERMINAL).unwrap();
    machine
        .at(slave, |machine| machine.write(b"last words", 0))
        .unwrap();
    machine.close(slave);
    assert!(!machine.has(master, HANG_UP));
    machine.close(second);
    assert!(machine.has(master, HANG_UP) && machine.has(master, Signals::READABLE));
    let words = Ok(Some(b"last words".to_vec()));
    assert_eq!(master_reads(&mut machine, master), words);
    assert_eq!(master_reads(&mut machine, master), Err(Error::Io));
    let third = machine.open_slave(0, 2 | NO_CONTROLLING_TERMINAL).unwrap();
    assert!(!machine.has(master, HANG_UP));
    assert_eq!(master_reads(&mut machine, master), Err(Error::WouldBlock));
    machine.at(third, |machine| machine.write(b"x", 0)).unwrap();
    assert_eq!(master_reads(&mut machine, master), Ok(Some(b"x".to_vec())));
}

#[test]
fn a_slave_is_hung_up_when_its_master_closes() {
    let (mut machine, master, slave) = session();
    assert_eq!(machine.read(0), Ok(None));
    let reading = machine.token;
    machine.close(master);
    assert_eq!(machine.got(reading), Some(Ok(vec![])));
    assert_eq!(machine.server.kernel.hung_up, [30]);
    assert_eq!(machine.server.kernel.terminals.last(), Some(&(30, 0)));
    assert!(machine.has(slave, HANG_UP) && machine.has(slave, Signals::READABLE));
    assert_eq!(machine.read(0), Ok(Some(vec![])));
    assert_eq!(machine.write(b"x", 0), Err(Error::Io));
    assert_eq!(machine.control(0x5401, b"", SIZE), Err(Error::Io));
    assert_eq!(machine.open_slave(0, 2), Err(Error::NotFound));
    let other = machine.open(2, 2).unwrap();
    let number = machine.at(other, |machine| machine.control(0x8004_5430, b"", 4));
    assert_eq!(number, Ok(vec![1, 0, 0, 0]), "0 is taken while it is open");
    machine.close(slave);
    let third = machine.open(2, 2).unwrap();
    let number = machine.at(third, |machine| machine.control(0x8004_5430, b"", 4));
    assert_eq!(number, Ok(vec![0; 4]));
}

#[test]
fn the_end_of_a_leader_hangs_its_pseudo_terminal_up() {
    let (mut machine, master, slave) = session();
    machine.end_leader(1, 30);
    assert_eq!(machine.server.kernel.raised, [(30, 1)], "the foreground");
    assert_eq!(machine.server.kernel.hung_up, [], "nobody is left to tell");
    machine.badge = slave;
    assert_eq!(machine.read(0), Ok(Some(vec![])));
    assert_eq!(machine.write(b"x", 0), Err(Error::Io));
    assert_eq!(master_reads(&mut machine, master), Err(Error::Io));
    let fresh = machine.open_slave(0, 2 | NO_CONTROLLING_TERMINAL).unwrap();
    machine.badge = fresh;
    assert_eq!(machine.write(b"x", 0), Ok(Some(1)));
    assert_eq!(master_reads(&mut machine, master), Ok(Some(b"x".to_vec())));
}

#[test]
fn a_slave_opened_by_a_leader_becomes_its_terminal() {
    let mut machine = Machine::bare();
    let (master, _) = machine.pty();
    machine.identity = leader(30);
    machine.open_slave(0, 2).unwrap();
    assert_eq!(machine.server.kernel.terminals, [(30, 136 << 8)]);
    machine.identity.terminal = 136 << 8;
    machine.open(0, 2).expect("/dev/tty");
    let group = machine.at(master, |machine| machine.control(0x540f, b"", 4));
    assert_eq!(group, Ok(vec![30, 0, 0, 0]));
    machine
        .at(master, |machine| machine.write(b"\x03", 0))
        .unwrap();
    assert_eq!(machine.server.kernel.raised, [(30, 2)]);
}

#[test]
fn a_paste_longer_than_the_queue_waits_for_its_reader_and_loses_nothing() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    let line = b"sixteen bytes..\n";
    let paste: Vec<u8> = line.iter().copied().cycle().take(65536).collect();
    machine.badge = master;
    assert_eq!(machine.write(&paste, 0), Ok(None));
    let token = machine.token;
    assert!(!machine.has(master, Signals::WRITABLE));
    assert_eq!(machine.write(b"x", NONBLOCK), Err(Error::WouldBlock));
    machine.badge = slave;
    let mut read = Vec::new();
    while let Ok(Some(bytes)) = machine.read(NONBLOCK) {
        assert_eq!(bytes, line);
        read.extend(bytes);
    }
    assert_eq!(read, paste);
    assert_eq!(machine.answer(token), Some(Ok(65536)));
    assert!(machine.has(master, Signals::WRITABLE));
}

#[test]
fn a_line_without_end_is_cut_and_can_still_be_ended() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.badge = master;
    let count = machine.write(&vec![b'x'; 100_000], 0);
    assert_eq!(count, Ok(Some(65536)), "bounded work for each call");
    assert_eq!(machine.write(b"\n", 0), Ok(Some(1)));
    machine.badge = slave;
    let line = machine.read_some(10_000, NONBLOCK).unwrap().unwrap();
    assert_eq!((line.len(), line.last()), (4096, Some(&b'\n')));
}

#[test]
fn neither_end_fills_the_memory() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.badge = slave;
    assert_eq!(machine.write(&vec![b'\t'; 1 << 20], 0), Ok(None));
    machine.badge = master;
    for _ in 0..100 {
        machine.write(&b"x\x7f".repeat(1000), NONBLOCK).unwrap();
    }
    machine.badge = slave;
    for _ in 0..20_000 {
        machine.request(0x540a, 2).unwrap();
    }
    let state = machine.server.kernel.state[&1].len();
    assert!(state < 20_000, "{state}");
}

#[test]
fn stopped_output_stays_with_its_writer() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine
        .at(master, |machine| machine.write(b"\x13", 0))
        .unwrap();
    assert!(!machine.has(slave, Signals::WRITABLE));
    machine.badge = slave;
    assert_eq!(machine.write(b"held", NONBLOCK), Err(Error::WouldBlock));
    assert_eq!(machine.write(b"held", 0), Ok(None));
    let token = machine.token;
    assert_eq!(master_reads(&mut machine, master), Err(Error::WouldBlock));
    machine
        .at(master, |machine| machine.write(b"\x11", 0))
        .unwrap();
    assert_eq!(machine.answer(token), Some(Ok(4)));
    assert_eq!(
        master_reads(&mut machine, master),
        Ok(Some(b"held".to_vec()))
    );
}

#[test]
fn packet_mode_tells_flushes_stops_and_modes() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.badge = slave;
    let on = 1u32.to_le_bytes();
    assert_eq!(machine.control(PACKET, &on, 0), Err(Error::NotTerminal));
    machine
        .at(master, |machine| machine.control(PACKET, &on, 0))
        .unwrap();
    machine.write(b"data", 0).unwrap();
    let next = |machine: &mut Machine| master_reads(machine, master).unwrap().unwrap();
    assert_eq!(next(&mut machine), b"\0data");
    machine.request(0x540b, 0).unwrap();
    assert!(machine.has(master, PRIORITY));
    assert_eq!(next(&mut machine), [1]);
    assert!(!machine.has(master, PRIORITY));
    machine.write(b"lost", 0).unwrap();
    machine.request(0x540b, 2).unwrap();
    assert_eq!(next(&mut machine), [3]);
    machine.request(0x540a, 0).unwrap();
    assert_eq!(next(&mut machine), [4]);
    machine.request(0x540a, 1).unwrap();
    assert_eq!(next(&mut machine), [8]);
    machine.set_modes(|termios| termios.input &= !input::IXON);
    assert_eq!(next(&mut machine), [0x10]);
    machine.set_modes(|termios| termios.input |= input::IXON);
    assert_eq!(next(&mut machine), [0x20]);
    machine.set_modes(|termios| termios.local |= local::EXTPROC);
    assert_eq!(next(&mut machine), [0x40]);
    assert_eq!(master_reads(&mut machine, master), Err(Error::WouldBlock));
}

#[test]
fn with_external_processing_bytes_arrive_as_they_are() {
    let mut machine = Machine::bare();
    let (master, slave) = machine.pty();
    machine.badge = slave;
    machine.set_modes(|termios| termios.local |= local::EXTPROC);
    machine
        .at(master, |machine| machine.write(b"a\x03\x7f\r", 0))
        .unwrap();
    assert_eq!(machine.read(0), Ok(Some(b"a\x03\x7f\r".to_vec())));
    assert_eq!(master_reads(&mut machine, master), Err(Error::WouldBlock));
    assert_eq!(machine.server.kernel.raised, []);
}

#[test]
fn a_break_of_the_master_arrives_as_the_modes_say() {
    let (mut machine, master, _) = session();
    let send = |machine: &mut Machine| machine.at(master, |machine| machine.request(0x5409, 0));
    machine.raw(0, 0);
    send(&mut machine).unwrap();
    assert_eq!(machine.read(0), Ok(Some(vec![0])));
    machine.set_modes(|termios| termios.input |= input::PARMRK);
    send(&mut machine).unwrap();
    machine
        .at(master, |machine| machine.write(b"\xff", 0))
        .unwrap();
    assert_eq!(machine.read(0), Ok(Some(vec![0xff, 0, 0, 0xff, 0xff])));
    machine.set_modes(|termios| termios.input |= input::BRKINT);
    send(&mut machine).unwrap();
    assert_eq!(machine.server.kernel.raised, [(30, 2)]);
    machine.set_modes(|termios| termios.input |= input::IGNBRK);
    send(&mut machine).unwrap();
    assert_eq!(machine.read(0), Ok(Some(vec![])));
}

#[test]
fn a_master_signals_the_foreground_by_request() {
    let (mut machine, master, slave) = session();
    let signal = |machine: &mut Machine, number| machine.request(0x4004_5436, number);
    assert_eq!(machine.at(master, |machine| signal(machine, 20)), Ok(true));
    assert_eq!(machine.server.kernel.raised, [(30, 20)]);
    let killed = machine.at(master, |machine| signal(machine, 9));
    assert_eq!(killed, Err(Error::BadArgument));
    let refused = machine.at(slave, |machine| signal(machine, 2));
    assert_eq!(refused, Err(Error::NotTerminal));
}

#[test]
fn a_pseudo_terminal_survives_with_its_buffers_modes_and_ends() {
    let (mut machine, master, slave) = session();
    machine.set_modes(|termios| termios.local &= !local::ECHO);
    machine
        .at(master, |machine| machine.write(b"typed\nhalf", 0))
        .unwrap();
    machine.write(b"shown", 0).unwrap();
    machine.replace();
    assert_eq!(
        master_reads(&mut machine, master),
        Ok(Some(b"shown".to_vec()))
    );
    assert_eq!(machine.read(0), Ok(Some(b"typed\n".to_vec())));
    machine
        .at(master, |machine| machine.write(b" line\n", 0))
        .unwrap();
    assert_eq!(machine.read(0), Ok(Some(b"half line\n".to_vec())));
    assert_eq!(master_reads(&mut machine, master), Err(Error::WouldBlock));
    assert_eq!(machine.control(0x540f, b"", 4), Ok(vec![30, 0, 0, 0]));
    machine.close(slave);
    assert!(machine.has(master, HANG_UP));
}

#[test]
fn what_closes_while_nobody_serves_is_found_out() {
    let (mut machine, master, slave) = session();
    let (second_master, second_slave) = machine.pty();
    machine
        .server
        .kernel
        .badges
        .retain(|one| ![master, second_slave].contains(one));
    machine.replace();
    assert_eq!(machine.server.kernel.hung_up, [30]);
    machine.badge = slave;
    assert_eq!(machine.read(0), Ok(Some(vec![])));
    assert_eq!(master_reads(&mut machine, second_master), Err(Error::Io));
    let (mut machine, _, slave) = session();
    machine.server.kernel.ended.push(30);
    machine.replace();
    machine.badge = slave;
    assert_eq!(
        machine.write(b"x", 0),
        Err(Error::Io),
        "the leader had ended"
    );
}

#[test]
fn pseudo_terminals_are_used_again_and_bounded() {
    let mut machine = Machine::bare();
    for _ in 0..2000 {
        let (master, slave) = machine.pty();
        machine.close(slave);
        machine.close(master);
    }
    assert_eq!(machine.server.terminals.len(), 2);
    let mut fill = |user| {
        machine.identity.credentials.user = user;
        let open = |_: &usize| machine.open(2, 2).is_ok();
        (0..).take_while(open).count()
    };
    let others = fill(1000);
    assert_eq!(others + fill(0), MAX_TERMINALS - 1);
    assert!(others < MAX_TERMINALS - 60, "root has some left");
    assert_eq!(machine.open(2, 2), Err(Error::NoSpace));
}

#[test]
fn open_slaves_are_listed_with_their_owner() {
    let mut machine = Machine::bare();
    machine.identity.real_user = 1000;
    let (first, slave) = machine.pty();
    machine.pty();
    machine.close(first);
    machine.badge = 1;
    let words = [terminals::number::list, 0];
    let (reply, bytes) = machine.call(&words, None, Some(100));
    assert!(matches!(reply, Ok(Outcome::Answer(answer)) if answer.words[0] == 8));
    assert_eq!(bytes[..8], 1u64.to_le_bytes(), "0 has no master any more");
    let words = [terminals::number::status, 1];
    let (_, bytes) = machine.call(&words, None, Some(proto::Attributes::SIZE));
    let attributes = proto::Attributes::decode(&bytes).unwrap();
    assert_eq!((attributes.user, attributes.group), (1000, 5));
    assert_eq!(attributes.mode, 0o020_620);
    assert_eq!(attributes.special_device, 136 << 8 | 1);
    machine.close(slave);
}
