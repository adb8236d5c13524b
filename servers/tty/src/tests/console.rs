//! The console: waiting, job control, surviving.

use super::*;
use crate::guest::ALARM_COOKIE;

#[test]
fn opening_the_console_makes_it_the_leaders_terminal_unless_asked_not_to() {
    let mut other = Machine::new();
    assert_eq!(other.server.kernel.terminals, [(10, CONSOLE)]);
    other.identity = leader(30);
    other.open(1, NO_CONTROLLING_TERMINAL).unwrap();
    other.open(1, 0).unwrap();
    assert_eq!(other.server.kernel.terminals.len(), 1, "it is taken");
    assert_eq!(other.open(0, 0), Err(Error::NoDeviceAddress), "/dev/tty");
    assert_eq!(other.open(7, 0), Err(Error::NoDeviceAddress));
}

#[test]
fn a_read_waits_for_the_line_and_gets_it() {
    let mut machine = Machine::new();
    assert_eq!(machine.read(NONBLOCK), Err(Error::WouldBlock));
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.type_text("hel");
    assert_eq!(machine.got(token), None);
    machine.type_text("lo\r");
    assert_eq!(machine.got(token), Some(Ok(b"hello\n".to_vec())));
    assert_eq!(machine.server.kernel.shown, b"hello\r\n");
    machine.type_text("next\n");
    assert_eq!(machine.read(0), Ok(Some(b"next\n".to_vec())));
}

#[test]
fn sessions_are_readable_while_there_is_something_to_read() {
    let mut machine = Machine::new();
    let readable = |machine: &Machine| {
        let word = machine.server.kernel.signals[&machine.badge];
        !word.and(Signals::READABLE).is_empty()
    };
    assert!(!readable(&machine));
    machine.type_text("x\n");
    assert!(readable(&machine));
    machine.read(0).unwrap();
    assert!(!readable(&machine));
}

#[test]
fn keys_signal_the_foreground_group() {
    let mut machine = Machine::new();
    machine.type_text("\x03");
    let group = 20u32.to_le_bytes();
    machine.control(0x5410, &group, 0).unwrap();
    machine.type_text("\x1a\x1c");
    assert_eq!(machine.server.kernel.raised, [(10, 2), (20, 20), (20, 3)]);
    assert_eq!(machine.control(0x540f, b"", 4), Ok(group.to_vec()));
    machine.server.kernel.ignored = vec![22];
    let stranger = 30u32.to_le_bytes();
    assert_eq!(
        machine.control(0x5410, &stranger, 0),
        Err(Error::NotPermitted)
    );
}

#[test]
fn a_background_read_stops_its_group_and_is_sent_again() {
    let mut machine = Machine::new();
    machine.type_text("secret\n");
    machine.identity = identity(20, 20);
    assert_eq!(machine.read(0), Err(Error::Restart));
    assert_eq!(machine.server.kernel.raised, [(20, 21)]);
    machine.identity = identity(10, 10);
    machine.control(0x5410, &20u32.to_le_bytes(), 0).unwrap();
    machine.identity = identity(20, 20);
    assert_eq!(machine.read(0), Ok(Some(b"secret\n".to_vec())));
}

#[test]
fn a_background_read_that_nothing_would_stop_fails() {
    for change in [
        |fake: &mut super::Fake| fake.orphaned = true,
        |fake: &mut super::Fake| fake.blocked = 1 << 20,
        |fake: &mut super::Fake| fake.ignored = vec![21],
    ] {
        let mut machine = Machine::new();
        machine.identity = identity(20, 20);
        change(&mut machine.server.kernel);
        assert_eq!(machine.read(0), Err(Error::Io));
        assert_eq!(machine.server.kernel.raised, []);
    }
}

#[test]
fn a_reader_that_comes_into_the_background_gets_nothing_there() {
    let mut machine = Machine::new();
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.control(0x5410, &20u32.to_le_bytes(), 0).unwrap();
    machine.type_text("not for you\n");
    assert_eq!(machine.got(token), None);
    machine.server.kernel.ignored = vec![22];
    machine.control(0x5410, &10u32.to_le_bytes(), 0).unwrap();
    assert_eq!(machine.got(token), Some(Ok(b"not for you\n".to_vec())));
}

#[test]
fn background_output_stops_only_where_that_is_wanted() {
    let mut machine = Machine::new();
    machine.identity = identity(20, 20);
    assert_eq!(machine.write(b"a", 0), Ok(Some(1)));
    machine.identity = identity(10, 10);
    machine.set_modes(|termios| termios.local |= local::TOSTOP);
    machine.identity = identity(20, 20);
    assert_eq!(machine.write(b"b", 0), Err(Error::Restart));
    assert_eq!(machine.server.kernel.raised, [(20, 22)]);
    assert_eq!(machine.server.kernel.shown, b"a");
    machine.server.kernel.blocked = 1 << 21;
    assert_eq!(machine.write(b"c", 0), Ok(Some(1)));
}

#[test]
fn the_background_changes_nothing_unless_it_blocks_or_ignores_the_signal() {
    let mut machine = Machine::new();
    machine.identity = identity(20, 20);
    let own = 20u32.to_le_bytes();
    assert_eq!(machine.control(0x5410, &own, 0), Err(Error::Restart));
    assert_eq!(machine.request(0x540b, 0), Err(Error::Restart), "tcflush");
    assert_eq!(machine.request(0x540a, 1), Err(Error::Restart), "tcflow");
    assert_eq!(machine.request(0x5409, 1), Err(Error::Restart), "tcdrain");
    let modes = Termios::default().encode();
    assert_eq!(machine.control(0x5404, &modes, 0), Err(Error::Restart));
    assert_eq!(machine.server.kernel.raised, vec![(20, 22); 5]);
    machine.server.kernel.orphaned = true;
    assert_eq!(machine.control(0x5410, &own, 0), Err(Error::Io));
    machine.server.kernel.blocked = 1 << 21;
    assert!(machine.control(0x5410, &own, 0).is_ok());
}

#[test]
fn tcsetpgrp_refuses_what_posix_names() {
    let mut machine = Machine::new();
    let set = |machine: &mut Machine, group: i32| machine.control(0x5410, &group.to_le_bytes(), 0);
    assert_eq!(set(&mut machine, -5), Err(Error::BadArgument));
    assert_eq!(set(&mut machine, 0), Err(Error::BadArgument));
    assert_eq!(set(&mut machine, 99), Err(Error::NotPermitted), "no such");
    assert_eq!(set(&mut machine, 30), Err(Error::NotPermitted), "elsewhere");
    machine.identity = leader(30);
    assert_eq!(set(&mut machine, 30), Err(Error::NotTerminal));
}

#[test]
fn the_end_of_a_leader_hangs_its_foreground_up_and_frees_the_console() {
    let mut machine = Machine::new();
    machine.control(0x5410, &20u32.to_le_bytes(), 0).unwrap();
    machine.end_leader(0, 10);
    assert_eq!(machine.server.kernel.raised, [(20, 1)]);
    assert_eq!(machine.server.kernel.terminals.last(), Some(&(10, 0)));
    assert!(machine.write(b"still shown", 0).is_ok());
    machine.identity = leader(30);
    machine.open(1, 0).unwrap();
    assert_eq!(machine.server.kernel.terminals.last(), Some(&(30, CONSOLE)));
}

#[test]
fn a_terminal_can_be_given_up_and_taken_by_request() {
    let mut machine = Machine::new();
    machine.identity = identity(11, 10);
    assert_eq!(
        machine.request(0x5422, 0),
        Ok(true),
        "by a member for itself"
    );
    assert_eq!(machine.server.kernel.terminals.last(), Some(&(11, 0)));
    machine.identity = identity(10, 10);
    assert_eq!(machine.request(0x5422, 0), Ok(true));
    assert_eq!(machine.server.kernel.raised, [(10, 1), (10, 18)]);
    machine.identity = identity(30, 30);
    assert_eq!(machine.request(0x540e, 0), Err(Error::NotPermitted));
    machine.identity = leader(30);
    assert_eq!(machine.request(0x540e, 0), Ok(true));
    machine.identity = leader(40);
    machine.identity.credentials.user = 1;
    assert_eq!(machine.request(0x540e, 1), Err(Error::NotPermitted));
    machine.identity.credentials.user = 0;
    assert_eq!(machine.request(0x540e, 0), Err(Error::NotPermitted));
    assert_eq!(machine.request(0x540e, 1), Ok(true), "root may steal");
    let last = &machine.server.kernel.terminals[4..];
    assert_eq!(last, [(30, 0), (40, CONSOLE)]);
}

#[test]
fn an_interrupted_read_ends_and_leaves_the_input() {
    let mut machine = Machine::new();
    machine.read(0).unwrap();
    let token = machine.token;
    machine.server.wait_cancelled(token);
    assert_eq!(machine.answer(token), Some(Err(Error::Interrupted)));
    machine.type_text("kept\n");
    assert_eq!(machine.read(0), Ok(Some(b"kept\n".to_vec())));
}

#[test]
fn raw_reads_obey_their_minimum_and_time() {
    let mut machine = Machine::new();
    machine.raw(0, 0);
    assert_eq!(machine.read(0), Ok(Some(vec![])));
    machine.raw(3, 0);
    machine.type_text("ab");
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.type_text("c");
    assert_eq!(machine.got(token), Some(Ok(b"abc".to_vec())));
    machine.raw(0, 5);
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    assert_eq!(machine.server.kernel.alarm_ns, 500_000_000);
    machine.server.kernel.now_ns = 500_000_000;
    machine.server.bound(ALARM_COOKIE);
    assert_eq!(machine.got(token), Some(Ok(vec![])));
}

#[test]
fn with_a_minimum_and_a_time_the_time_runs_between_bytes() {
    let mut machine = Machine::new();
    machine.raw(3, 2);
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    machine.server.kernel.now_ns = 900_000_000;
    machine.server.bound(ALARM_COOKIE);
    assert_eq!(machine.got(token), None, "it starts with the first byte");
    machine.type_text("a");
    assert_eq!(machine.server.kernel.alarm_ns, 1_100_000_000);
    machine.server.kernel.now_ns = 1_000_000_000;
    machine.type_text("b");
    machine.server.kernel.now_ns = 1_150_000_000;
    machine.server.bound(ALARM_COOKIE);
    assert_eq!(machine.got(token), None, "it started anew");
    machine.server.kernel.now_ns = 1_200_000_000;
    machine.server.bound(ALARM_COOKIE);
    assert_eq!(machine.got(token), Some(Ok(b"ab".to_vec())));
}

#[test]
fn a_raw_read_that_does_not_wait_takes_what_there_is() {
    let mut machine = Machine::new();
    machine.raw(5, 0);
    assert_eq!(machine.read(NONBLOCK), Err(Error::WouldBlock));
    machine.type_text("ab");
    assert_eq!(machine.read(NONBLOCK), Ok(Some(b"ab".to_vec())));
}

#[test]
fn writers_wait_while_the_device_is_full_and_stopped_output_is_kept() {
    let mut machine = Machine::new();
    machine.server.kernel.room = 10;
    let long = vec![b'x'; 20_000];
    assert_eq!(machine.write(&long, 0), Ok(None));
    let token = machine.token;
    assert_eq!(machine.write(b"y", NONBLOCK), Err(Error::WouldBlock));
    machine.server.kernel.room = usize::MAX;
    machine.server.bound(CONSOLE_COOKIE);
    assert_eq!(machine.answer(token), Some(Ok(20_000)));
    assert_eq!(machine.server.kernel.shown, long);
    machine.type_text("\x13");
    machine.server.kernel.shown.clear();
    machine.write(b"held", 0).unwrap();
    assert_eq!(machine.server.kernel.shown, b"");
    machine.type_text("\x11");
    assert_eq!(machine.server.kernel.shown, b"held");
}

#[test]
fn an_interrupted_write_tells_what_it_has_written() {
    let mut machine = Machine::new();
    machine.server.kernel.room = 100;
    assert_eq!(machine.write(&vec![b'x'; 20_000], 0), Ok(None));
    let first = machine.token;
    assert_eq!(machine.write(b"after it", 0), Ok(None));
    let second = machine.token;
    machine.server.wait_cancelled(first);
    let written = machine.answer(first).unwrap().unwrap();
    assert!(written > 100 && written < 20_000, "{written}");
    machine.server.wait_cancelled(second);
    assert_eq!(machine.answer(second), Some(Err(Error::Interrupted)));
}

#[test]
fn draining_waits_for_the_device_and_not_the_whole_server() {
    let mut machine = Machine::new();
    machine.server.kernel.room = 2;
    machine.write(b"four", 0).unwrap();
    assert_eq!(machine.request(0x5409, 1), Ok(false));
    let drained = machine.token;
    let mut modes = Termios::default();
    modes.local &= !local::ECHO;
    let words = [file::number::control, 0x5403];
    let reply = machine.call(&words, Some(&modes.encode()), Some(0)).0;
    assert!(matches!(reply, Ok(Outcome::Later)), "TCSADRAIN");
    machine.type_text("e");
    machine.server.kernel.room = usize::MAX;
    machine.server.bound(CONSOLE_COOKIE);
    assert_eq!(machine.answer(drained), Some(Ok(0)));
    machine.type_text("f");
    assert_eq!(machine.server.kernel.shown, b"foure", "no echo after it");
}

#[test]
fn typed_bytes_wait_with_the_driver_while_the_queue_is_full() {
    let mut machine = Machine::new();
    let line = "0123456789abcde\n";
    machine.type_text(&line.repeat(1024));
    let mut read = Vec::new();
    while let Ok(Some(bytes)) = machine.read(NONBLOCK) {
        read.extend(bytes);
    }
    assert_eq!(read, line.repeat(1024).as_bytes());
}

#[test]
fn a_changed_window_is_told_to_the_foreground() {
    let mut machine = Machine::new();
    let size = [24, 0, 80, 0, 0, 0, 0, 0];
    machine.control(0x5414, &size, 0).unwrap();
    machine.control(0x5414, &size, 0).unwrap();
    assert_eq!(machine.server.kernel.raised, [(10, 28)]);
    assert_eq!(machine.control(0x5413, b"", 8), Ok(size.to_vec()));
    assert_eq!(
        machine.control(0x5413, b"", 4),
        Err(Error::BadArgument),
        "no room"
    );
    assert_eq!(machine.control(0x9999, b"", 8), Err(Error::NotTerminal));
}

#[test]
fn a_new_instance_goes_on_and_does_no_write_twice() {
    let mut machine = Machine::new();
    machine.control(0x5410, &20u32.to_le_bytes(), 0).unwrap();
    machine.type_text("typed ahead\nhalf");
    machine.write(b"once", 0).unwrap();
    machine.replace();
    machine.redelivered = true;
    machine.token -= 1;
    assert_eq!(machine.write(b"once", 0), Ok(Some(4)));
    machine.redelivered = false;
    let shown = &machine.server.kernel.shown;
    assert_eq!(shown.windows(4).filter(|four| four == b"once").count(), 1);
    assert_eq!(machine.control(0x540f, b"", 4).unwrap()[0], 20);
    machine.identity = identity(20, 20);
    assert_eq!(machine.read(0), Ok(Some(b"typed ahead\n".to_vec())));
    machine.type_text(" line\n");
    assert_eq!(machine.read(0), Ok(Some(b"half line\n".to_vec())));
}

#[test]
fn a_new_instance_goes_on_with_a_write_where_it_was() {
    let mut machine = Machine::new();
    machine.server.kernel.room = 100;
    let long: Vec<u8> = (0..20_000).map(|at| b'a' + (at % 26) as u8).collect();
    assert_eq!(machine.write(&long, 0), Ok(None));
    machine.replace();
    machine.redelivered = true;
    machine.token -= 1;
    assert_eq!(machine.write(&long, 0), Ok(None));
    let token = machine.token;
    machine.server.kernel.room = usize::MAX;
    machine.server.bound(CONSOLE_COOKIE);
    assert_eq!(machine.answer(token), Some(Ok(20_000)));
    assert_eq!(machine.server.kernel.shown, long);
}

#[test]
fn a_read_whose_answer_was_lost_is_not_done_again() {
    let mut machine = Machine::new();
    assert_eq!(machine.read(0), Ok(None));
    machine.type_text("one\ntwo\n");
    machine.replace();
    machine.redelivered = true;
    machine.token -= 1;
    // The bytes are in the caller's buffer since before.
    let words = [operation::READ, u64::MAX, 100, 0];
    let reply = machine.call(&words, None, Some(100)).0;
    assert!(matches!(reply, Ok(Outcome::Answer(answer)) if answer.words[0] == 4));
    machine.redelivered = false;
    assert_eq!(machine.read(0), Ok(Some(b"two\n".to_vec())));
}

#[test]
fn only_the_name_space_opens_devices() {
    let mut machine = Machine::new();
    let words = [device::number::open, 1, 0];
    let (reply, _) = machine.call(&words, Some(&[0; Identity::SIZE]), None);
    assert!(matches!(reply, Err(Error::Unsupported)));
    machine.badge = 1;
    let words = [operation::READ, u64::MAX, 1];
    let (reply, _) = machine.call(&words, None, Some(1));
    assert!(matches!(reply, Err(Error::BadHandle)));
}
