//! A host of the tests: the server over the fake kernel, and an adapter that is a queue of frames.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use kernel_abi::message::WORDS;
use kernel_abi::{Handle, Signals};
use proto::{
    Answer, Call, Error, Identity, Input, Outcome, Output, Request, Transport, socket_domain,
};
use server_rt::Service;

use super::world::{Fake, Object};
use crate::nic::Nic;
use crate::server::{ADAPTER, NAME_SPACE, Server, TIMER};

/// An adapter: what arrives, and what was sent.
#[derive(Clone, Default)]
pub struct Card {
    pub number: u8,
    pub arrived: Rc<RefCell<VecDeque<Vec<u8>>>>,
    pub sent: Rc<RefCell<VecDeque<Vec<u8>>>>,
}

impl Nic for Card {
    fn hardware_address(&self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.number]
    }
    fn packet_size(&self) -> usize {
        1500
    }
    fn has_link(&self) -> bool {
        true
    }
    fn receive(&mut self, frame: &mut Vec<u8>) -> bool {
        match self.arrived.borrow_mut().pop_front() {
            Some(found) => {
                *frame = found;
                true
            }
            None => false,
        }
    }
    fn has_room(&self) -> bool {
        self.sent.borrow().len() < 64
    }
    fn send(&mut self, frame: &[u8]) {
        self.sent.borrow_mut().push_back(frame.to_vec());
    }
    fn flush(&mut self) {}
    fn listen(&mut self) {}
}

struct TestCall {
    badge: u64,
    words: [u64; WORDS],
    inputs: Vec<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    handles: Vec<Handle>,
    user: u32,
}

/// Token of every call of a test.
pub const TOKEN: u64 = 77;

impl Call for TestCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        0
    }
    fn token(&self) -> u64 {
        TOKEN
    }
    fn number(&self) -> u64 {
        0
    }
    fn redelivered(&self) -> bool {
        false
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        if let Some(input) = self.inputs.get(index) {
            return Some((input.len() as u64, false));
        }
        let outputs = self.outputs.borrow();
        let output = outputs.get(index - self.inputs.len())?;
        Some((output.len() as u64, true))
    }
    fn handles(&self) -> &[Handle] {
        &self.handles
    }
    fn identity(&self) -> Result<Identity, Error> {
        let credentials = proto::Credentials {
            user: self.user,
            group: 0,
            group_count: 0,
            umask: 0,
            groups: [0; proto::types::MAX_GROUPS],
        };
        Ok(Identity {
            process: 100,
            parent: 1,
            group: 1,
            session: 1,
            real_user: self.user,
            saved_user: self.user,
            real_group: 0,
            saved_group: 0,
            credentials,
            terminal: 0,
            flags: 0,
        })
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let rest = &self.inputs[input.index][offset as usize..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut outputs = self.outputs.borrow_mut();
        let target = &mut outputs[output.index - self.inputs.len()][offset as usize..];
        target[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// A host.
pub struct Host {
    pub server: RefCell<Server<Fake, Card>>,
    pub world: Fake,
    pub card: Card,
}

/// Calls on the session with a badge.
pub struct User<'a> {
    pub host: &'a Host,
    pub badge: u64,
}

impl Transport for User<'_> {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let mut call = TestCall {
            badge: self.badge,
            words: request.words,
            inputs: request.inputs.iter().map(|bytes| bytes.to_vec()).collect(),
            outputs: RefCell::new(request.outputs.iter().map(|bytes| bytes.to_vec()).collect()),
            handles: request.handles.to_vec(),
            user: 0,
        };
        let mut server = self.host.server.borrow_mut();
        let reply = server.serve(&mut call);
        server.look_after();
        drop(server);
        for (output, bytes) in request.outputs.iter_mut().zip(call.outputs.into_inner()) {
            output.copy_from_slice(&bytes);
        }
        match reply? {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Later | Outcome::Forwarded => Err(Error::Interrupted),
        }
    }
}

impl Host {
    /// A host whose adapter has a number, which is also its address: 10.0.0.NUMBER.
    pub fn new(number: u8) -> Host {
        let (world, card) = (
            Fake::default(),
            Card {
                number,
                ..Card::default()
            },
        );
        let clock = std::boxed::Box::new(world.clone());
        let mut server = Server::new(world.clone(), clock, vec![card.clone()], number.into());
        let address = std::net::Ipv4Addr::new(10, 0, 0, number);
        server.links[0].set_ipv4(address, 24).unwrap();
        Host {
            server: RefCell::new(server),
            world,
            card,
        }
    }

    pub fn at(&self, badge: u64) -> User<'_> {
        User { host: self, badge }
    }

    /// A socket of IPv4.
    pub fn socket(&self, kind: u32, protocol: u32) -> User<'_> {
        let made = socket_domain::create(&self.at(NAME_SPACE), 2, kind, protocol, 0, &[]);
        let Object::Session(badge) = self.world.object_of(made.unwrap().handles[0]) else {
            panic!("no session");
        };
        self.at(badge)
    }

    /// A program closes a socket.
    pub fn close(&self, badge: u64) {
        self.world.close_session(badge);
        self.server.borrow_mut().closed(badge);
    }

    /// Time has come to a point: the server hears of everything that happened.
    pub fn turn(&self, now_ns: u64) {
        self.world.0.borrow_mut().now_ns = now_ns;
        let mut server = self.server.borrow_mut();
        loop {
            let raised = self.world.0.borrow_mut().raised();
            if raised.is_empty() {
                break;
            }
            for (cookie, signals) in raised {
                server.signalled(cookie, signals);
            }
        }
        let wake_ns = self.world.0.borrow().wake_ns;
        if wake_ns.is_some_and(|wake_ns| wake_ns <= now_ns) {
            server.signalled(TIMER, Signals::READABLE);
        }
        if !self.card.arrived.borrow().is_empty() {
            server.signalled(ADAPTER, Signals::READABLE);
        }
    }
}
