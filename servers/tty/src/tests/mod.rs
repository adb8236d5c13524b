//! The server over a fake kernel and console.

mod console;
mod line;
mod modes;
mod properties;
mod pty;

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use kernel_abi::message::{WORDS, operation, status_flags};
use kernel_abi::{Handle, Rights, Signals};
use proto::types::Plain;
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, device, file, terminals};

use crate::guest::{CONSOLE_COOKIE, LEADER_COOKIE};
use crate::kernel::Kernel;
use crate::server::{CONSOLE, Server};
use crate::termios::{SIZE, Termios, character, local};

const NONBLOCK: u32 = status_flags::NONBLOCK;
const NO_CONTROLLING_TERMINAL: u32 = proto::types::open_flags::NO_CONTROLLING_TERMINAL;

/// Buffers that callers lent, by token: what they send, and what they get.
type Buffers = Rc<RefCell<BTreeMap<u64, (Vec<u8>, Vec<u8>)>>>;

#[derive(Default)]
struct Fake {
    typed: VecDeque<u8>,
    shown: Vec<u8>,
    /// Bytes that the device takes before it is full.
    room: usize,
    badges: Vec<u64>,
    signals: BTreeMap<u64, Signals>,
    replies: Vec<(u64, Result<Answer, Error>)>,
    buffers: Buffers,
    raised: Vec<(u64, u32)>,
    terminals: Vec<(u64, u64)>,
    /// Session of each group that exists.
    groups: BTreeMap<u64, u64>,
    /// Leaders that have ended.
    ended: Vec<u64>,
    hung_up: Vec<u64>,
    orphaned: bool,
    /// Signals that callers block, and that they ignore.
    blocked: u64,
    ignored: Vec<u32>,
    alarm_ns: u64,
    now_ns: u64,
    state: BTreeMap<usize, Vec<u8>>,
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
    fn read_kept(
        &mut self,
        token: u64,
        _: usize,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<usize, Error> {
        let buffers = self.buffers.borrow();
        let (input, _) = buffers.get(&token).ok_or(Error::NotFound)?;
        let rest = &input[offset as usize..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write_kept(&mut self, token: u64, _: usize, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut buffers = self.buffers.borrow_mut();
        let (_, output) = buffers.get_mut(&token).ok_or(Error::NotFound)?;
        output[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
    fn blocked(&mut self, _token: u64) -> Result<u64, Error> {
        Ok(self.blocked)
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
    fn saved(&self, terminal: usize) -> Option<Vec<u8>> {
        self.state.get(&terminal).cloned()
    }
    fn save(&mut self, terminal: usize, state: &[u8]) {
        self.state.insert(terminal, state.to_vec());
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
    fn signal_group(&mut self, group: u64, signal: u32) -> Result<(), Error> {
        self.raised.push((group, signal));
        Ok(())
    }
    fn hang_up(&mut self, session: u64) -> Result<(), Error> {
        self.hung_up.push(session);
        Ok(())
    }
    fn set_terminal(&mut self, session: u64, terminal: u64) -> Result<(), Error> {
        self.terminals.push((session, terminal));
        Ok(())
    }
    fn release_terminal(&mut self, process: u64) -> Result<(), Error> {
        self.terminals.push((process, 0));
        Ok(())
    }
    fn watch_leader(&mut self, _: usize, session: u64) -> Result<(), Error> {
        match self.ended.contains(&session) {
            true => Err(Error::NoProcess),
            false => Ok(()),
        }
    }
    fn forget_leader(&mut self, _: usize) {}
    fn group_status(&mut self, group: u64) -> Result<(u64, u64), Error> {
        let orphaned = if self.orphaned { 2 } else { 0 };
        Ok(match self.groups.get(&group) {
            Some(session) => (1 | orphaned, *session),
            None => (0, 0),
        })
    }
    fn signal_status(&mut self, _process: u64, signal: u32) -> Result<u64, Error> {
        Ok(self.ignored.contains(&signal).into())
    }
}

struct TestCall {
    badge: u64,
    token: u64,
    words: [u64; WORDS],
    lengths: Vec<(u64, bool)>,
    buffers: Buffers,
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
        self.lengths.get(index).copied()
    }
    fn handles(&self) -> &[Handle] {
        &[]
    }
    fn identity(&self) -> Result<Identity, Error> {
        Ok(self.identity)
    }
    fn read(&self, _: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let buffers = self.buffers.borrow();
        let rest = &buffers[&self.token].0[offset as usize..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write(&self, _: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut buffers = self.buffers.borrow_mut();
        let (_, output) = buffers.get_mut(&self.token).ok_or(Error::BadAddress)?;
        output[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// Process 10 leads session and group 10, which control the console; 20 is a group behind it.
struct Machine {
    server: Server<Fake>,
    buffers: Buffers,
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
    identity.terminal = CONSOLE;
    identity
}

/// A process that leads a session and has no terminal.
fn leader(process: u64) -> Identity {
    let mut identity = identity(process, process);
    identity.session = process;
    identity.terminal = 0;
    identity
}

impl Machine {
    /// Without anything open.
    fn bare() -> Machine {
        let buffers = Buffers::default();
        let fake = Fake {
            room: usize::MAX,
            groups: [(10, 10), (20, 10), (30, 30)].into(),
            buffers: buffers.clone(),
            ..Fake::default()
        };
        Machine {
            server: Server::new(fake),
            buffers,
            token: 100,
            badge: 1,
            identity: leader(10),
            redelivered: false,
        }
    }

    fn new() -> Machine {
        let mut machine = Machine::bare();
        machine.badge = machine.open(1, 2).unwrap();
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
        let lengths = input.map(|input| (input.len() as u64, false));
        let lengths = lengths
            .into_iter()
            .chain(output.map(|length| (length as u64, true)));
        let sent = input.map(<[u8]>::to_vec).unwrap_or_default();
        let got = vec![0; output.unwrap_or_default()];
        self.buffers.borrow_mut().insert(self.token, (sent, got));
        let mut call = TestCall {
            badge: self.badge,
            token: self.token,
            words: all,
            lengths: lengths.collect(),
            buffers: self.buffers.clone(),
            identity: self.identity,
            redelivered: self.redelivered,
        };
        let reply = self.server.serve(&mut call);
        (reply, self.buffers.borrow()[&self.token].1.clone())
    }

    /// Opens a device of the server; the badge of the new session.
    fn open_by(&mut self, operation: u64, minor: u64, flags: u32) -> Result<u64, Error> {
        let mut bytes = Box::new([0; Identity::SIZE]);
        self.identity.encode(&mut bytes[..]).unwrap();
        let words = [operation, minor, flags.into()];
        let badge = core::mem::replace(&mut self.badge, 1);
        let (reply, _) = self.call(&words, Some(&bytes[..]), None);
        self.badge = badge;
        reply.map(|_| *self.server.kernel.badges.last().unwrap())
    }

    fn open(&mut self, minor: u64, flags: u32) -> Result<u64, Error> {
        self.open_by(device::number::open, minor, flags)
    }

    fn open_slave(&mut self, number: u64, flags: u32) -> Result<u64, Error> {
        self.open_by(terminals::number::open, number, flags)
    }

    /// A pseudo terminal: badges of master and slave, opened by a process without a session.
    fn pty(&mut self) -> (u64, u64) {
        let master = self.open(2, 2).unwrap();
        let slave = self.at(master, |machine| {
            machine.control(0x4004_5431, &[0; 4], 0).unwrap();
            let number = machine.control(0x8004_5430, b"", 4).unwrap();
            machine.open_slave(number[0].into(), 2 | NO_CONTROLLING_TERMINAL)
        });
        (master, slave.unwrap())
    }

    /// Does something at another session.
    fn at<T>(&mut self, badge: u64, action: impl FnOnce(&mut Machine) -> T) -> T {
        let before = core::mem::replace(&mut self.badge, badge);
        let result = action(self);
        self.badge = before;
        result
    }

    /// A read: its bytes, or `None` when it waits.
    fn read_some(&mut self, room: usize, flags: u32) -> Result<Option<Vec<u8>>, Error> {
        let words = [operation::READ, u64::MAX, room as u64, flags.into()];
        let (reply, bytes) = self.call(&words, None, Some(room));
        Ok(match reply? {
            Outcome::Answer(answer) => Some(bytes[..answer.words[0] as usize].to_vec()),
            _ => None,
        })
    }

    fn read(&mut self, flags: u32) -> Result<Option<Vec<u8>>, Error> {
        self.read_some(100, flags)
    }

    /// A write: the count, or `None` when it waits.
    fn write(&mut self, bytes: &[u8], flags: u32) -> Result<Option<u64>, Error> {
        let words = [operation::WRITE, u64::MAX, bytes.len() as u64, flags.into()];
        let (reply, _) = self.call(&words, Some(bytes), None);
        Ok(match reply? {
            Outcome::Answer(answer) => Some(answer.words[0]),
            _ => None,
        })
    }

    /// What a kept call was answered.
    fn answer(&self, token: u64) -> Option<Result<u64, Error>> {
        let replies = &self.server.kernel.replies;
        let found = replies.iter().find(|(known, _)| *known == token)?;
        Some(
            found
                .1
                .as_ref()
                .map(|answer| answer.words[0])
                .map_err(|error| *error),
        )
    }

    /// What a kept read got.
    fn got(&self, token: u64) -> Option<Result<Vec<u8>, Error>> {
        let bytes = |count: u64| self.buffers.borrow()[&token].1[..count as usize].to_vec();
        Some(self.answer(token)?.map(bytes))
    }

    fn control(&mut self, request: u64, data: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        let words = [file::number::control, request];
        let (reply, bytes) = self.call(&words, Some(data), Some(room));
        reply.map(|_| bytes)
    }

    /// A request with a number for an argument. `Ok(false)`: it waits.
    fn request(&mut self, request: u64, argument: u64) -> Result<bool, Error> {
        let words = [file::number::control, request, argument];
        let (reply, _) = self.call(&words, Some(b""), Some(0));
        reply.map(|outcome| matches!(outcome, Outcome::Answer(_)))
    }

    fn type_text(&mut self, text: &str) {
        self.server.kernel.typed.extend(text.bytes());
        self.server.bound(CONSOLE_COOKIE);
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

    fn has(&self, badge: u64, signal: Signals) -> bool {
        let word = self.server.kernel.signals.get(&badge);
        word.is_some_and(|word| !word.and(signal).is_empty())
    }

    /// A new instance of the server takes over.
    fn replace(&mut self) {
        let mut fake = core::mem::take(&mut self.server.kernel);
        fake.now_ns += 1_000_000_000;
        fake.replies.clear();
        self.server = Server::new(fake);
    }

    fn close(&mut self, badge: u64) {
        self.server.kernel.badges.retain(|one| *one != badge);
        self.server.closed_session(badge);
    }

    fn end_leader(&mut self, index: u64, session: u64) {
        self.server.kernel.ended.push(session);
        self.server.bound(LEADER_COOKIE + index);
    }
}
