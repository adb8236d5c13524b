use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use driver_hal::Window;
use driver_testing::{FakeCall, FakeQueue, Ram};
use kernel_abi::message::{operation, status_flags};
use kernel_abi::{Handle, Rights, Signals};
use proto::types::Plain;
use proto::{Answer, Attributes, Error, Outcome, device, file};
use virtio::{Device, Queue, QueueError};

use crate::port::{Buffers, Kernel, Port};
use crate::server::{ConsoleServer, Sessions};

const QUEUE_SIZE: u16 = 16;
const RECEIVE: u64 = 0x1000;
const TRANSMIT: u64 = 0x2000;
const INPUT: u64 = 0x4000;
const OUTPUT: u64 = 0x8000;
const INPUT_SIZE: u64 = 64;
const OUTPUT_SIZE: u64 = 100;
const INPUT_COUNT: usize = 4;
const OUTPUT_COUNT: usize = 3;
const NONBLOCK: u64 = status_flags::NONBLOCK as u64;

/// Buffers of the callers by token, and what they were answered.
#[derive(Default)]
struct Callers {
    data: HashMap<u64, Vec<u8>>,
    replies: Vec<(u64, Result<u64, Error>)>,
}

type Shared<T> = Rc<RefCell<T>>;

struct FakeKernel(Shared<Callers>);

impl Kernel for FakeKernel {
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let callers = self.0.borrow();
        let data = callers.data.get(&token).ok_or(Error::BadAddress)?;
        bytes.copy_from_slice(&data[offset as usize..offset as usize + bytes.len()]);
        Ok(bytes.len())
    }
    fn write(&mut self, token: u64, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut callers = self.0.borrow_mut();
        let data = callers.data.get_mut(&token).ok_or(Error::BadAddress)?;
        data[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        let result = result.map(|answer| answer.words[0]);
        self.0.borrow_mut().replies.push((token, result));
    }
}

/// Sessions with their signals and rights.
#[derive(Default)]
struct Table {
    sessions: HashMap<u64, (Signals, Rights)>,
}

struct FakeSessions(Shared<Table>);

impl Sessions for FakeSessions {
    fn create(&mut self, badge: u64, rights: Rights, _: bool) -> Result<Handle, Error> {
        let mut table = self.0.borrow_mut();
        if table.sessions.contains_key(&badge) {
            return Err(Error::Exists);
        }
        table.sessions.insert(badge, (Signals::NONE, rights));
        Ok(Handle(table.sessions.len() as u32))
    }
    fn signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        if let Some((signals, _)) = self.0.borrow_mut().sessions.get_mut(&badge) {
            *signals = signals.without(clear).or(set);
        }
    }
    fn for_each(&mut self, visit: impl FnMut(u64)) {
        self.0.borrow().sessions.keys().copied().for_each(visit);
    }
}

struct Setup {
    server: ConsoleServer<Ram, FakeKernel, FakeSessions>,
    receive: FakeQueue,
    transmit: FakeQueue,
    callers: Shared<Callers>,
    table: Shared<Table>,
    next_token: u64,
}

fn port(callers: &Shared<Callers>) -> (Port<Ram, FakeKernel>, FakeQueue, FakeQueue) {
    let ram = Ram::new(0x10_000);
    let common = Ram::new(64);
    common.write_u16(24, QUEUE_SIZE);
    let device = Device::new(common, Ram::new(4), 0, None);
    let queue = |number, at| {
        let memory = ram.part(at, Queue::<Ram>::memory_size(QUEUE_SIZE)).unwrap();
        let queue = device.add_queue(number, QUEUE_SIZE, memory, at, 0).unwrap();
        let (descriptors, available, used) = queue.addresses(at);
        let fake = FakeQueue::new(ram.clone(), QUEUE_SIZE, descriptors, available, used);
        (queue, fake)
    };
    let ((receive, receive_device), (transmit, transmit_device)) =
        (queue(0, RECEIVE), queue(1, TRANSMIT));
    let buffers = |at: u64, size: u64, count: usize| {
        let window = ram.part(at, size * count as u64).unwrap();
        Buffers::new(window, at, size, count)
    };
    let input = buffers(INPUT, INPUT_SIZE, INPUT_COUNT);
    let output = buffers(OUTPUT, OUTPUT_SIZE, OUTPUT_COUNT);
    let port = Port::new(
        receive,
        transmit,
        input,
        output,
        FakeKernel(callers.clone()),
    );
    (port, receive_device, transmit_device)
}

fn setup_with(table: Table) -> Setup {
    let callers = Shared::<Callers>::default();
    let (port, receive, transmit) = port(&callers);
    let table = Rc::new(RefCell::new(table));
    Setup {
        server: ConsoleServer::new(vec![port], FakeSessions(table.clone()), 0),
        receive,
        transmit,
        callers,
        table,
        next_token: 0,
    }
}

fn setup() -> Setup {
    setup_with(Table::default())
}

impl Setup {
    /// Opens the console; returns the badge of the session.
    fn open(&mut self, flags: u64) -> u64 {
        let before: Vec<u64> = self.table.borrow().sessions.keys().copied().collect();
        let mut call = FakeCall::new(1, 1, device::number::open, &[0, flags]).input(b"");
        assert!(self.server.call(&mut call).is_ok());
        let table = self.table.borrow();
        *table
            .sessions
            .keys()
            .find(|badge| !before.contains(badge))
            .unwrap()
    }

    fn token(&mut self, data: &[u8]) -> u64 {
        self.next_token += 1;
        self.callers
            .borrow_mut()
            .data
            .insert(self.next_token, data.to_vec());
        self.next_token
    }

    fn write(&mut self, badge: u64, data: &[u8], flags: u64) -> (u64, proto::Reply) {
        let token = self.token(data);
        let words = [u64::MAX, data.len() as u64, flags];
        let mut call = FakeCall::new(badge, token, operation::WRITE, &words).input(data);
        (token, self.server.call(&mut call))
    }

    fn read(&mut self, badge: u64, length: usize, flags: u64) -> (u64, proto::Reply) {
        let token = self.token(&vec![0; length]);
        let words = [u64::MAX, length as u64, flags];
        let mut call = FakeCall::new(badge, token, operation::READ, &words).output(length);
        (token, self.server.call(&mut call))
    }

    /// The host takes what was written.
    fn take_output(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        self.transmit.serve(|bytes| {
            all.extend_from_slice(bytes);
            Vec::new()
        });
        self.server.interrupted(0).unwrap();
        all
    }

    /// The host sends input as far as there is room; returns how much.
    fn send(&mut self, data: &[u8]) -> usize {
        let mut rest = data;
        self.receive.serve(|_| {
            let (now, later) = rest.split_at(rest.len().min(INPUT_SIZE as usize));
            rest = later;
            now.to_vec()
        });
        self.server.interrupted(0).unwrap();
        data.len() - rest.len()
    }

    fn replies(&self) -> Vec<(u64, Result<u64, Error>)> {
        self.callers.borrow().replies.clone()
    }

    fn data(&self, token: u64, length: usize) -> Vec<u8> {
        self.callers.borrow().data[&token][..length].to_vec()
    }

    fn signals(&self, badge: u64) -> Signals {
        self.table.borrow().sessions[&badge].0
    }
}

fn count(reply: proto::Reply) -> u64 {
    match reply {
        Ok(Outcome::Answer(answer)) => answer.words[0],
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_is_answered_when_the_host_has_it() {
    let mut setup = setup();
    let badge = setup.open(1);
    let (token, reply) = setup.write(badge, b"hello", 0);
    assert_eq!(reply, Ok(Outcome::Later));
    assert_eq!(setup.replies(), []);
    assert_eq!(setup.take_output(), b"hello");
    assert_eq!(setup.replies(), [(token, Ok(5))]);
}

#[test]
fn eight_megabytes_arrive_in_order_without_loss() {
    let mut setup = setup();
    let badge = setup.open(1);
    let data: Vec<u8> = (0..8_u32 << 20).map(|at| (at % 251) as u8).collect();
    let mut arrived = Vec::new();
    // Two at a time, so that writers wait behind each other.
    for pair in data.chunks(70_000) {
        let (first, second) = pair.split_at(pair.len() / 2);
        assert!(setup.write(badge, first, 0).1.is_ok());
        assert!(setup.write(badge, second, 0).1.is_ok());
        loop {
            let more = setup.take_output();
            if more.is_empty() {
                break;
            }
            arrived.extend_from_slice(&more);
        }
    }
    assert!(arrived == data);
    let total: u64 = setup
        .replies()
        .iter()
        .map(|(_, result)| result.unwrap())
        .sum();
    assert_eq!(total, data.len() as u64);
}

#[test]
fn a_writer_that_will_not_wait_writes_what_fits() {
    let mut setup = setup();
    let badge = setup.open(1);
    let (first, reply) = setup.write(badge, &[1; 1000], NONBLOCK);
    assert_eq!(reply, Ok(Outcome::Later));
    assert_eq!(setup.write(badge, b"x", NONBLOCK).1, Err(Error::WouldBlock));
    assert_eq!(
        setup.take_output(),
        [1; OUTPUT_SIZE as usize * OUTPUT_COUNT]
    );
    assert_eq!(setup.replies(), [(first, Ok(300))]);
}

#[test]
fn input_reaches_readers_in_their_order_and_stays_for_later_ones() {
    let mut setup = setup();
    let badge = setup.open(0);
    let (first, reply) = setup.read(badge, 3, 0);
    assert_eq!(reply, Ok(Outcome::Later));
    let (second, _) = setup.read(badge, 3, 0);
    setup.send(b"abcdefgh");
    assert_eq!(setup.replies(), [(first, Ok(3)), (second, Ok(3))]);
    assert_eq!(
        (setup.data(first, 3), setup.data(second, 3)),
        (b"abc".to_vec(), b"def".to_vec())
    );
    let (third, reply) = setup.read(badge, 10, 0);
    assert_eq!(count(reply), 2);
    assert_eq!(setup.data(third, 2), b"gh");
    assert_eq!(setup.read(badge, 10, NONBLOCK).1, Err(Error::WouldBlock));
}

#[test]
fn input_is_held_back_until_it_is_read_and_none_is_lost() {
    let mut setup = setup();
    let badge = setup.open(0);
    let data: Vec<u8> = (0..2000_u32).map(|at| (at % 241) as u8).collect();
    let (mut sent, mut arrived) = (0, Vec::new());
    assert_eq!(setup.send(&data), INPUT_SIZE as usize * INPUT_COUNT);
    sent += INPUT_SIZE as usize * INPUT_COUNT;
    assert_eq!(setup.send(&data[sent..]), 0);
    while arrived.len() < data.len() {
        let (token, reply) = setup.read(badge, 90, 0);
        let length = count(reply) as usize;
        arrived.extend_from_slice(&setup.data(token, length));
        sent += setup.send(&data[sent..]);
    }
    assert_eq!(arrived, data);
}

#[test]
fn nothing_is_asked_of_an_empty_read_or_write() {
    let mut setup = setup();
    let badge = setup.open(2);
    assert_eq!(count(setup.read(badge, 0, 0).1), 0);
    assert_eq!(count(setup.write(badge, b"", 0).1), 0);
}

#[test]
fn a_cancelled_read_is_interrupted_and_input_goes_to_the_next() {
    let mut setup = setup();
    let badge = setup.open(0);
    let (first, _) = setup.read(badge, 5, 0);
    let (second, _) = setup.read(badge, 5, 0);
    setup.server.cancelled(first);
    setup.send(b"abc");
    assert_eq!(
        setup.replies(),
        [(first, Err(Error::Interrupted)), (second, Ok(3))]
    );
}

#[test]
fn a_cancelled_write_is_answered_with_what_was_taken() {
    let mut setup = setup();
    let badge = setup.open(1);
    let (first, _) = setup.write(badge, &[1; 1000], 0);
    let (second, _) = setup.write(badge, &[2; 10], 0);
    setup.server.cancelled(second);
    assert_eq!(setup.replies(), [(second, Err(Error::Interrupted))]);
    setup.server.cancelled(first);
    assert_eq!(setup.take_output().len(), 300);
    assert_eq!(setup.replies()[1], (first, Ok(300)));
    assert_eq!(setup.take_output().len(), 0);
}

#[test]
fn a_writer_whose_memory_is_gone_does_not_stop_the_others() {
    let mut setup = setup();
    let badge = setup.open(1);
    let (first, _) = setup.write(badge, &[1; 350], 0);
    let (second, _) = setup.write(badge, &[2; 10], 0);
    setup.callers.borrow_mut().data.remove(&first);
    assert_eq!(setup.take_output().len(), 300);
    assert_eq!(setup.take_output(), [2; 10]);
    assert_eq!(setup.replies(), [(first, Ok(300)), (second, Ok(10))]);
}

#[test]
fn signals_tell_whether_reads_and_writes_would_wait() {
    let mut setup = setup();
    let badge = setup.open(2);
    assert_eq!(setup.signals(badge), Signals::WRITABLE);
    assert!(setup.write(badge, &[1; 300], 0).1.is_ok());
    assert_eq!(setup.signals(badge), Signals::NONE);
    setup.take_output();
    setup.send(b"x");
    assert_eq!(
        setup.signals(badge),
        Signals::WRITABLE.or(Signals::READABLE)
    );
    let late = setup.open(2);
    assert_eq!(setup.signals(late), Signals::WRITABLE.or(Signals::READABLE));
    assert!(setup.read(badge, 1, 0).1.is_ok());
    assert_eq!(setup.signals(late), Signals::WRITABLE);
}

#[test]
fn the_access_mode_limits_the_handle() {
    let mut setup = setup();
    let rights = |setup: &mut Setup, flags| {
        let badge = setup.open(flags);
        setup.table.borrow().sessions[&badge].1
    };
    assert!(!rights(&mut setup, 0).contains(Rights::WRITE));
    assert!(!rights(&mut setup, 1).contains(Rights::READ));
    assert_eq!(rights(&mut setup, 2), Rights::ALL);
}

#[test]
fn sessions_of_an_earlier_instance_go_on() {
    let mut table = Table::default();
    let old = 1 << 32 | 1;
    table.sessions.insert(old, (Signals::READABLE, Rights::ALL));
    table.sessions.insert(1, (Signals::NONE, Rights::ALL));
    let mut setup = setup_with(table);
    assert_eq!(setup.signals(old), Signals::WRITABLE);
    let (token, _) = setup.write(old, b"again", 0);
    assert_eq!(setup.take_output(), b"again");
    assert_eq!(setup.replies(), [(token, Ok(5))]);
    // The serial number of the old one is not given out again.
    assert_ne!(setup.open(2), old);
}

#[test]
fn closing_a_session_ends_its_reads() {
    let mut setup = setup();
    let badge = setup.open(0);
    let (token, _) = setup.read(badge, 5, 0);
    setup.server.closed(badge);
    assert_eq!(setup.replies(), [(token, Err(Error::BadHandle))]);
}

#[test]
fn consoles_are_listed_and_missing_ones_refused() {
    let mut setup = setup();
    let mut list = FakeCall::new(1, 1, device::number::list, &[]).output(100);
    let length = count(setup.server.call(&mut list)) as usize;
    let text = String::from_utf8(list.outputs.borrow()[0][..length].to_vec()).unwrap();
    assert_eq!(text, "hvc0 229 0 666 c\n");
    let mut open = FakeCall::new(1, 1, device::number::open, &[1, 0]).input(b"");
    assert_eq!(setup.server.call(&mut open), Err(Error::NoDeviceAddress));
}

#[test]
fn a_console_is_a_character_device_and_no_terminal() {
    let mut setup = setup();
    let badge = setup.open(2);
    let mut status = FakeCall::new(badge, 1, file::number::status, &[]).output(Attributes::SIZE);
    assert!(setup.server.call(&mut status).is_ok());
    let attributes = Attributes::decode(&status.outputs.borrow()[0]).unwrap();
    assert_eq!(
        (attributes.mode, attributes.special_device),
        (0o020_666, 229 << 8)
    );
    let mut control = FakeCall::new(badge, 1, file::number::control, &[0x5401, 0]);
    control = control.input(b"").output(60);
    assert_eq!(setup.server.call(&mut control), Err(Error::NotTerminal));
    let mut path = FakeCall::new(badge, 1, file::number::path, &[]).output(20);
    let length = count(setup.server.call(&mut path)) as usize;
    assert_eq!(path.outputs.borrow()[0][..length], *b"/dev/hvc0");
    let mut seek = FakeCall::new(badge, 1, operation::SEEK, &[0, 0]);
    assert_eq!(setup.server.call(&mut seek), Err(Error::NotSeekable));
}

#[test]
fn the_two_kinds_of_session_cannot_stand_in_for_each_other() {
    let mut setup = setup();
    let badge = setup.open(2);
    let mut open = FakeCall::new(badge, 1, device::number::open, &[0, 0]).input(b"");
    assert_eq!(setup.server.call(&mut open), Err(Error::Unsupported));
    assert_eq!(setup.write(1, b"x", 0).1, Err(Error::BadHandle));
    assert_eq!(setup.write(9 << 32, b"x", 0).1, Err(Error::NoDeviceAddress));
}

#[test]
fn a_device_that_breaks_the_rules_is_reported() {
    let mut setup = setup();
    setup.receive.take();
    setup.receive.push_used(0, INPUT_SIZE as u32 + 1);
    assert_eq!(setup.server.interrupted(0), Err(QueueError::BrokenDevice));
    let mut setup = self::setup();
    setup.transmit.push_used(3, 0);
    assert_eq!(setup.server.interrupted(0), Err(QueueError::BrokenDevice));
}
