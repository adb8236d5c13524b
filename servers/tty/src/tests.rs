//! The server over a fake kernel and console.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::vec;
use std::vec::Vec;

use kernel_abi::message::{WORDS, operation, status_flags};
use kernel_abi::{Handle, Rights, Signals};
use proto::types::{Plain, open_flags};
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, device, file};

use crate::guest::CONSOLE_COOKIE;
use crate::kernel::Kernel;
use crate::server::{CONSOLE, Server};
use crate::termios::{SIZE, Termios, character, local};

#[derive(Default)]
struct Fake {
    typed: VecDeque<u8>,
    shown: Vec<u8>,
    /// Bytes that the device takes before it is full.
    room: usize,
    badges: Vec<u64>,
    signals: BTreeMap<u64, Signals>,
    replies: Vec<(u64, Result<Answer, Error>)>,
    written: Vec<(u64, Vec<u8>)>,
    raised: Vec<(u64, u32)>,
    terminals: Vec<(u64, u64)>,
    /// Session of each group that exists.
    groups: BTreeMap<u64, u64>,
    orphaned: bool,
    alarm_ns: u64,
    now_ns: u64,
    state: Option<Vec<u8>>,
}

impl Kernel for Fake {
    fn session_create(&mut self, badge: u64, _: u32, _: Rights) -> Result<Handle, Error> {
        self.badges.push(badge);
        Ok(Handle(1))
    }
    fn session_signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        let word = self.signals.entry(badge).or_default();
        *word = word.without(clear).or(set);
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.replies.push((token, result));
    }
    fn write_kept(&mut self, token: u64, _: usize, bytes: &[u8]) -> Result<(), Error> {
        self.written.push((token, bytes.to_vec()));
        Ok(())
    }
    fn set_alarm(&mut self, deadline_ns: u64) {
        self.alarm_ns = deadline_ns;
    }
    fn now_ns(&self) -> u64 {
        self.now_ns
    }
    fn realtime_ns(&self) -> i64 {
        0
    }
    fn sessions(&self) -> Vec<u64> {
        self.badges.clone()
    }
    fn saved(&self) -> Option<Vec<u8>> {
        self.state.clone()
    }
    fn save(&mut self, state: &[u8]) {
        self.state = Some(state.to_vec());
    }
    fn console_read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let count = bytes.len().min(self.typed.len());
        if count == 0 {
            return Err(Error::WouldBlock);
        }
        for (to, from) in bytes.iter_mut().zip(self.typed.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
    fn console_write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(Error::WouldBlock);
        }
        self.room -= count;
        self.shown.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn console_watch(&mut self, _signals: Signals) {}
    fn console_wait_writable(&mut self) {
        self.room = usize::MAX;
    }
    fn signal_group(&mut self, group: u64, signal: u32) -> Result<(), Error> {
        self.raised.push((group, signal));
        Ok(())
    }
    fn set_terminal(&mut self, session: u64, terminal: u64) -> Result<(), Error> {
        self.terminals.push((session, terminal));
        Ok(())
    }
    fn group_status(&mut self, group: u64) -> Result<(u64, u64), Error> {
        let orphaned = if self.orphaned { 2 } else { 0 };
        Ok(match self.groups.get(&group) {
            Some(session) => (1 | orphaned, *session),
            None => (0, 0),
        })
    }
    fn signal_status(&mut self, _process: u64, _signal: u32) -> Result<u64, Error> {
        Ok(0)
    }
}

struct TestCall {
    badge: u64,
    token: u64,
    words: [u64; WORDS],
    input: Option<Vec<u8>>,
    output: RefCell<Option<Vec<u8>>>,
    identity: Identity,
    redelivered: bool,
}

impl Call for TestCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        self.identity.process
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        self.redelivered
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        let input = self.input.as_ref().map(|input| (input.len() as u64, false));
        let output = self.output.borrow();
        let output = output.as_ref().map(|output| (output.len() as u64, true));
        let mut buffers = input.into_iter().chain(output);
        buffers.nth(index)
    }
    fn handles(&self) -> &[Handle] {
        &[]
    }
    fn identity(&self) -> Result<Identity, Error> {
        Ok(self.identity)
    }
    fn read(&self, _: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let input = self.input.as_ref().ok_or(Error::BadAddress)?;
        let rest = &input[offset as usize..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write(&self, _: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut output = self.output.borrow_mut();
        let output = output.as_mut().ok_or(Error::BadAddress)?;
        output[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// Process 10 leads session and group 10, which control the console; 20 is a group behind it.
struct Machine {
    server: Server<Fake>,
    token: u64,
    badge: u64,
    identity: Identity,
    redelivered: bool,
}

fn identity(process: u64, group: u64) -> Identity {
    let zeros = vec![0; Identity::SIZE];
    let mut identity = Identity::decode(&zeros).unwrap();
    identity.process = process;
    identity.group = group;
    identity.session = 10;
    identity
}

impl Machine {
    fn new() -> Machine {
        let fake = Fake {
            room: usize::MAX,
            groups: [(10, 10), (20, 10), (30, 30)].into(),
            ..Fake::default()
        };
        let mut machine = Machine {
            server: Server::new(fake),
            token: 100,
            badge: 1,
            identity: identity(10, 10),
            redelivered: false,
        };
        machine.open(1, 2).unwrap();
        machine.badge = *machine.server.kernel.badges.last().unwrap();
        machine.identity.terminal = CONSOLE;
        machine
    }

    fn call(
        &mut self,
        words: &[u64],
        input: Option<&[u8]>,
        output: Option<usize>,
    ) -> (Result<Outcome, Error>, Vec<u8>) {
        self.token += 1;
        let mut all = [0; WORDS];
        all[..words.len()].copy_from_slice(words);
        let mut call = TestCall {
            badge: self.badge,
            token: self.token,
            words: all,
            input: input.map(<[u8]>::to_vec),
            output: RefCell::new(output.map(|length| vec![0; length])),
            identity: self.identity,
            redelivered: self.redelivered,
        };
        let reply = self.server.serve(&mut call);
        self.server.save();
        (reply, call.output.into_inner().unwrap_or_default())
    }

    fn open(&mut self, minor: u64, flags: u32) -> Result<(), Error> {
        let mut bytes = Box::new([0; Identity::SIZE]);
        self.identity.encode(&mut bytes[..]).unwrap();
        let words = [device::number::open, minor, flags.into()];
        self.call(&words, Some(&bytes[..]), None).0.map(|_| ())
    }

    /// A read: its bytes, or `None` when it waits.
    fn read(&mut self, flags: u32) -> Result<Option<Vec<u8>>, Error> {
        let words = [operation::READ, u64::MAX, 100, flags.into()];
        let (reply, bytes) = self.call(&words, None, Some(100));
        Ok(match reply? {
            Outcome::Answer(answer) => Some(bytes[..answer.words[0] as usize].to_vec()),
            _ => None,
        })
    }

    fn write(&mut self, bytes: &[u8], flags: u32) -> Result<bool, Error> {
        let words = [operation::WRITE, u64::MAX, bytes.len() as u64, flags.into()];
        let (reply, _) = self.call(&words, Some(bytes), None);
        Ok(matches!(reply?, Outcome::Answer(_)))
    }

    fn control(&mut self, request: u64, data: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        let words = [file::number::control, request];
        let (reply, bytes) = self.call(&words, Some(data), Some(room));
        reply.map(|_| bytes)
    }

    fn type_text(&mut self, text: &str) {
        self.server.kernel.typed.extend(text.bytes());
        self.server.bound(CONSOLE_COOKIE);
        self.server.save();
    }

    fn set_modes(&mut self, change: impl FnOnce(&mut Termios)) {
        let bytes = self.control(0x5401, b"", SIZE).unwrap();
        let mut termios = Termios::decode(&bytes.try_into().unwrap());
        change(&mut termios);
        self.control(0x5402, &termios.encode(), 0).unwrap();
    }

    fn raw(&mut self, minimum: u8, time: u8) {
        self.set_modes(|termios| {
            termios.local &= !(local::ICANON | local::ECHO);
            termios.characters[character::MIN] = minimum;
            termios.characters[character::TIME] = time;
        });
    }
}

const NONBLOCK: u32 = status_flags::NONBLOCK;

#[test]
fn opening_the_console_makes_it_the_leaders_terminal_unless_asked_not_to() {
    let machine = Machine::new();
    assert_eq!(machine.server.kernel.terminals, [(10, CONSOLE)]);
    let mut other = Machine::new();
    other.badge = 1;
    other.identity = identity(30, 30);
    other.identity.session = 30;
    other.open(1, open_flags::NO_CONTROLLING_TERMINAL).unwrap();
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
    assert_eq!(machine.server.kernel.written, []);
    machine.type_text("lo\r");
    assert_eq!(
        machine.server.kernel.written,
        [(token, b"hello\n".to_vec())]
    );
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
    let stranger = 30u32.to_le_bytes();
    assert_eq!(
        machine.control(0x5410, &stranger, 0),
        Err(Error::NotPermitted)
    );
}

#[test]
fn a_background_read_stops_its_group_and_goes_on_in_the_foreground() {
    let mut machine = Machine::new();
    machine.type_text("secret\n");
    machine.identity = identity(20, 20);
    assert_eq!(machine.read(0), Ok(None));
    let token = machine.token;
    assert_eq!(machine.server.kernel.raised, [(20, 21)]);
    assert_eq!(machine.server.kernel.written, []);
    machine.identity = identity(10, 10);
    machine.control(0x5410, &20u32.to_le_bytes(), 0).unwrap();
    assert_eq!(
        machine.server.kernel.written,
        [(token, b"secret\n".to_vec())]
    );
    machine.server.kernel.orphaned = true;
    assert_eq!(machine.read(0), Err(Error::Io), "nobody could wake it");
}

#[test]
fn background_output_stops_only_where_that_is_wanted() {
    let mut machine = Machine::new();
    machine.identity = identity(20, 20);
    assert_eq!(machine.write(b"a", 0), Ok(true));
    machine.set_modes(|termios| termios.local |= local::TOSTOP);
    assert_eq!(machine.write(b"b", 0), Err(Error::Interrupted));
    assert_eq!(machine.server.kernel.raised, [(20, 22)]);
    assert_eq!(machine.server.kernel.shown, b"a");
}

#[test]
fn an_interrupted_read_ends_and_leaves_the_input() {
    let mut machine = Machine::new();
    machine.read(0).unwrap();
    let token = machine.token;
    machine.server.wait_cancelled(token);
    let interrupted = (token, Err(Error::Interrupted));
    assert_eq!(machine.server.kernel.replies, [interrupted]);
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
    machine.type_text("c");
    assert_eq!(machine.server.kernel.written.pop().unwrap().1, b"abc");
    machine.raw(0, 5);
    assert_eq!(machine.read(0), Ok(None));
    assert_eq!(machine.server.kernel.alarm_ns, 500_000_000);
    machine.server.kernel.now_ns = 500_000_000;
    machine.server.alarm();
    assert_eq!(machine.server.kernel.written.pop().unwrap().1, b"");
}

#[test]
fn writers_wait_while_the_device_is_full_and_stopped_output_is_kept() {
    let mut machine = Machine::new();
    machine.server.kernel.room = 10;
    let long = vec![b'x'; 20_000];
    assert_eq!(machine.write(&long, 0), Ok(false));
    let token = machine.token;
    assert_eq!(machine.write(b"y", NONBLOCK), Err(Error::WouldBlock));
    machine.server.kernel.room = usize::MAX;
    machine.server.bound(CONSOLE_COOKIE);
    let answered = (token, Ok(Answer::value(20_000)));
    assert_eq!(machine.server.kernel.replies, [answered]);
    machine.type_text("\x13");
    machine.server.kernel.shown.clear();
    machine.write(b"held", 0).unwrap();
    assert_eq!(machine.server.kernel.shown, b"");
    machine.type_text("\x11");
    assert_eq!(machine.server.kernel.shown, b"held");
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
    let fake = core::mem::take(&mut machine.server.kernel);
    machine.server = Server::new(fake);
    machine.redelivered = true;
    machine.token -= 1;
    assert_eq!(machine.write(b"once", 0), Ok(true));
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
fn only_the_name_space_opens_devices() {
    let mut machine = Machine::new();
    assert_eq!(machine.open(1, 0), Err(Error::Unsupported));
    machine.badge = 1;
    let words = [operation::READ, u64::MAX, 1];
    let (reply, _) = machine.call(&words, None, Some(1));
    assert_eq!(reply, Err(Error::BadHandle));
}
