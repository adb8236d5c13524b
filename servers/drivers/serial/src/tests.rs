use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use driver_testing::FakeCall;
use kernel_abi::Signals;
use kernel_abi::message::{operation, status_flags};
use proto::{Answer, Error, Outcome};

use crate::server::{Kernel, SerialServer};
use crate::uart::{Line, Uart};

const NONBLOCK: u64 = status_flags::NONBLOCK as u64;

/// A 16550 whose sender and receiver are the test.
#[derive(Default)]
struct FakeLine {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
    /// Bytes that the other side takes before the transmitter stays full.
    credit: usize,
    fifo: Vec<u8>,
    interrupt_enable: u8,
    line_control: u8,
    modem_control: u8,
    output_cause: bool,
}

impl FakeLine {
    /// Moves the transmitter's bytes out, as far as the other side takes them.
    fn drain(&mut self) {
        let count = self.fifo.len().min(self.credit);
        self.credit -= count;
        self.outgoing.extend(self.fifo.drain(..count));
        if self.fifo.is_empty() {
            self.output_cause = true;
        }
    }

    /// Whether the line would interrupt.
    fn interrupts(&self) -> bool {
        let input = self.interrupt_enable & 1 != 0 && !self.incoming.is_empty();
        let output = self.interrupt_enable & 2 != 0 && self.output_cause && self.fifo.is_empty();
        (input || output) && self.modem_control & 8 != 0
    }
}

impl Line for FakeLine {
    fn read(&mut self, register: u64) -> u8 {
        match register {
            0 => self.incoming.pop_front().unwrap_or(0),
            2 if self.interrupt_enable & 1 != 0 && !self.incoming.is_empty() => 0xc4,
            2 if self.interrupt_enable & 2 != 0 && self.output_cause => {
                self.output_cause = false;
                0xc2
            }
            2 => 0xc1,
            5 => u8::from(!self.incoming.is_empty()) | u8::from(self.fifo.is_empty()) << 5,
            other => panic!("register {other} read"),
        }
    }
    fn write(&mut self, register: u64, value: u8) {
        match register {
            0 | 1 if self.line_control & 0x80 != 0 => {}
            1 => {
                // Enabling the cause while the transmitter is empty shows it.
                self.output_cause |= value & 2 != 0 && self.fifo.is_empty();
                self.interrupt_enable = value;
            }
            3 => self.line_control = value,
            4 => self.modem_control = value,
            2 => assert_eq!(value & 0b110, 0, "input that has arrived is thrown away"),
            other => panic!("register {other} written"),
        }
    }
    fn write_bytes(&mut self, register: u64, bytes: &[u8]) {
        assert_eq!(register, 0);
        assert!(
            self.fifo.is_empty() && bytes.len() <= 16,
            "the transmitter overflows"
        );
        self.fifo.extend_from_slice(bytes);
        self.output_cause = false;
        self.drain();
    }
}

#[derive(Default)]
struct State {
    data: HashMap<u64, Vec<u8>>,
    replies: Vec<(u64, Result<u64, Error>)>,
    signals: Signals,
}

struct FakeKernel(Rc<RefCell<State>>);

impl Kernel for FakeKernel {
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let state = self.0.borrow();
        let data = state.data.get(&token).ok_or(Error::BadAddress)?;
        bytes.copy_from_slice(&data[offset as usize..offset as usize + bytes.len()]);
        Ok(bytes.len())
    }
    fn write(&mut self, token: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut state = self.0.borrow_mut();
        let data = state.data.get_mut(&token).ok_or(Error::BadAddress)?;
        data[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        let result = result.map(|answer| answer.words[0]);
        self.0.borrow_mut().replies.push((token, result));
    }
    fn signal_all(&mut self, clear: Signals, set: Signals) {
        let mut state = self.0.borrow_mut();
        state.signals = state.signals.without(clear).or(set);
    }
}

struct Setup {
    server: SerialServer<FakeLine, FakeKernel>,
    state: Rc<RefCell<State>>,
    next_token: u64,
}

fn setup() -> Setup {
    let state = Rc::new(RefCell::new(State::default()));
    let line = FakeLine {
        credit: usize::MAX,
        ..FakeLine::default()
    };
    let server = SerialServer::new(Uart::new(line), FakeKernel(state.clone()));
    Setup {
        server,
        state,
        next_token: 0,
    }
}

impl Setup {
    fn start(&mut self, number: u64, data: Vec<u8>, flags: u64) -> (u64, proto::Reply) {
        self.next_token += 1;
        let words = [u64::MAX, data.len() as u64, flags];
        self.state.borrow_mut().data.insert(self.next_token, data);
        let mut call = FakeCall::new(1, self.next_token, number, &words);
        (self.next_token, self.server.call(&mut call))
    }

    fn write(&mut self, data: &[u8], flags: u64) -> (u64, proto::Reply) {
        self.start(operation::WRITE, data.to_vec(), flags)
    }

    fn read(&mut self, length: usize, flags: u64) -> (u64, proto::Reply) {
        self.start(operation::READ, vec![0; length], flags)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.server.line().incoming.extend(bytes);
        self.interrupt();
    }

    /// Interrupts as long as the line does.
    fn interrupt(&mut self) {
        while self.server.line().interrupts() {
            self.server.interrupted();
        }
    }

    /// The other side takes `count` more bytes.
    fn take(&mut self, count: usize) {
        self.server.line().credit = count;
        while self.server.line().credit > 0 && !self.server.line().fifo.is_empty() {
            self.server.line().drain();
            self.interrupt();
        }
    }

    fn replies(&self) -> Vec<(u64, Result<u64, Error>)> {
        self.state.borrow().replies.clone()
    }

    fn data(&self, token: u64, length: usize) -> Vec<u8> {
        self.state.borrow().data[&token][..length].to_vec()
    }
}

#[test]
fn a_write_goes_out_at_once_and_is_answered() {
    let mut setup = setup();
    let data: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
    let (token, reply) = setup.write(&data, 0);
    assert_eq!(reply, Ok(Outcome::Later));
    assert_eq!(setup.replies(), [(token, Ok(10_000))]);
    assert_eq!(setup.server.line().outgoing, data);
}

#[test]
fn a_line_that_is_full_is_waited_for_and_nothing_is_lost() {
    let mut setup = setup();
    setup.server.line().credit = 20;
    let data: Vec<u8> = (0..6000_u32).map(|at| (at % 253) as u8).collect();
    let (first, _) = setup.write(&data[..5000], 0);
    let (second, _) = setup.write(&data[5000..], 0);
    assert_eq!(setup.replies(), []);
    assert_eq!(setup.state.borrow().signals, Signals::NONE);
    while setup.replies().len() < 2 {
        setup.take(7);
    }
    setup.take(16);
    assert_eq!(setup.replies(), [(first, Ok(5000)), (second, Ok(1000))]);
    assert_eq!(setup.server.line().outgoing, data);
    assert_eq!(setup.server.line().interrupt_enable, 1);
    assert_eq!(setup.state.borrow().signals, Signals::WRITABLE);
}

#[test]
fn a_writer_that_will_not_wait_is_told_what_went_out() {
    let mut setup = setup();
    setup.server.line().credit = 20;
    let (token, _) = setup.write(&[1; 100], NONBLOCK);
    assert_eq!(setup.replies(), [(token, Ok(32))]);
    assert_eq!(setup.write(&[1; 100], NONBLOCK).1, Err(Error::WouldBlock));
    // So that whoever waits for the signal does not try in vain again and again.
    assert_eq!(setup.state.borrow().signals, Signals::NONE);
    setup.take(12);
    assert_eq!(setup.state.borrow().signals, Signals::WRITABLE);
    setup.server.line().credit = 0;
    let waiting = setup.write(&[1; 100], 0).0;
    assert_eq!(setup.write(b"x", NONBLOCK).1, Err(Error::WouldBlock));
    setup.server.cancelled(waiting);
    assert_eq!(setup.replies()[1], (waiting, Ok(16)));
}

#[test]
fn input_reaches_readers_in_their_order_and_stays_for_later_ones() {
    let mut setup = setup();
    let (first, reply) = setup.read(2, 0);
    assert_eq!(reply, Ok(Outcome::Later));
    let (second, _) = setup.read(2, 0);
    setup.send(b"abcde");
    assert_eq!(setup.replies(), [(first, Ok(2)), (second, Ok(2))]);
    assert_eq!(
        (setup.data(first, 2), setup.data(second, 2)),
        (b"ab".to_vec(), b"cd".to_vec())
    );
    assert_eq!(
        setup.state.borrow().signals,
        Signals::READABLE.or(Signals::WRITABLE)
    );
    let (third, reply) = setup.read(9, NONBLOCK);
    assert_eq!(reply, Ok(Answer::value(1).into()));
    assert_eq!(setup.data(third, 1), b"e");
    assert_eq!(setup.read(9, NONBLOCK).1, Err(Error::WouldBlock));
    assert_eq!(setup.state.borrow().signals, Signals::WRITABLE);
}

#[test]
fn input_that_nobody_reads_holds_the_sender_back() {
    let mut setup = setup();
    let data: Vec<u8> = (0..100_000_u32).map(|at| (at % 239) as u8).collect();
    setup.send(&data);
    assert_eq!(setup.server.line().incoming.len(), 100_000 - 65_536);
    let mut arrived = Vec::new();
    while arrived.len() < data.len() {
        let (token, reply) = setup.read(5000, NONBLOCK);
        let Ok(Outcome::Answer(answer)) = reply else {
            panic!("{reply:?}")
        };
        arrived.extend_from_slice(&setup.data(token, answer.words[0] as usize));
    }
    assert!(arrived == data);
    assert_eq!(setup.server.line().interrupt_enable, 1);
}

#[test]
fn a_cancelled_read_is_interrupted_and_input_goes_to_the_next() {
    let mut setup = setup();
    let (first, _) = setup.read(2, 0);
    let (second, _) = setup.read(2, 0);
    setup.server.cancelled(first);
    setup.send(b"x");
    assert_eq!(
        setup.replies(),
        [(first, Err(Error::Interrupted)), (second, Ok(1))]
    );
}

#[test]
fn a_caller_that_is_gone_does_not_stop_the_others() {
    let mut setup = setup();
    setup.server.line().credit = 0;
    let (first, _) = setup.write(&[1; 40], 0);
    let (second, _) = setup.write(&[2; 4], 0);
    setup.state.borrow_mut().data.remove(&first);
    setup.take(100);
    assert_eq!(setup.replies(), [(first, Ok(16)), (second, Ok(4))]);
}

#[test]
fn other_operations_are_refused() {
    let mut setup = setup();
    assert_eq!(
        setup.start(operation::SEEK, vec![], 0).1,
        Err(Error::NotSeekable)
    );
    assert_eq!(setup.start(99, vec![], 0).1, Err(Error::Unsupported));
    assert_eq!(setup.read(0, 0).1, Ok(Answer::value(0).into()));
    assert_eq!(setup.write(b"", 0).1, Ok(Answer::value(0).into()));
}

/// A machine without the device: everything reads as ones.
struct Nothing;

impl Line for Nothing {
    fn read(&mut self, _register: u64) -> u8 {
        u8::MAX
    }
    fn write(&mut self, _register: u64, _value: u8) {}
    fn write_bytes(&mut self, _register: u64, _bytes: &[u8]) {}
}

#[test]
fn a_line_that_is_not_there_does_not_hang_the_driver() {
    let state = Rc::new(RefCell::new(State::default()));
    let mut server = SerialServer::new(Uart::new(Nothing), FakeKernel(state));
    server.interrupted();
}
