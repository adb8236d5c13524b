//! A host of the tests: the server over a fake kernel that knows sessions and streams, an adapter
//! that is a queue of frames, and a clock that the test sets.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use kernel_abi::message::WORDS;
use kernel_abi::socket::{shut_down, stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{
    Answer, Call, Error, Identity, Input, Outcome, Output, Request, Transport, socket_domain,
};
use server_rt::Service;
use socket_server::Kernel;

use crate::clock::Clock;
use crate::nic::Nic;
use crate::server::{ADAPTER, NAME_SPACE, Server, TIMER};

/// What handles lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Session(u64),
    End(usize, usize),
}

/// One direction of a stream: from the end of its number.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    messages: VecDeque<(Vec<u8>, Vec<u8>)>,
    sessions: VecDeque<(u64, Vec<u8>)>,
    is_shut: bool,
}

#[derive(Default)]
struct Stream {
    flags: u64,
    capacity: usize,
    ways: [Way; 2],
    closed: [bool; 2],
    resets: [bool; 2],
    reset: [bool; 2],
}

#[derive(Default)]
pub struct World {
    next: u32,
    handles: BTreeMap<u32, Object>,
    data: BTreeMap<u64, Object>,
    outlets: BTreeMap<u64, Object>,
    streams: Vec<Stream>,
    /// What the server wants to hear: by cookie.
    watched: BTreeMap<u64, (Object, Signals)>,
    pub replies: Vec<(u64, Result<Answer, Error>)>,
    pub signals: BTreeMap<u64, Signals>,
    records: BTreeMap<usize, Vec<u8>>,
    pub now_ns: u64,
    pub wake_ns: Option<u64>,
}

#[derive(Clone, Default)]
pub struct Fake(pub Rc<RefCell<World>>);

impl World {
    fn holds(&self, object: Object) -> bool {
        let parts = self.data.values().chain(self.outlets.values());
        self.handles
            .values()
            .chain(parts)
            .any(|held| *held == object)
    }

    /// Something held an object that does no longer.
    fn released(&mut self, object: Object) {
        if let Object::End(stream, end) = object
            && !self.holds(object)
        {
            let stream = &mut self.streams[stream];
            stream.closed[end] = true;
            let unread = !stream.ways[1 - end].bytes.is_empty();
            stream.reset[1 - end] |= unread || stream.resets[end];
            stream.ways[1 - end].bytes.clear();
        }
    }

    fn signals_of(&self, object: Object) -> Signals {
        let Object::End(stream, end) = object else {
            return Signals::NONE;
        };
        let stream = &self.streams[stream];
        let (inbound, outbound) = (&stream.ways[1 - end], &stream.ways[end]);
        let ended = inbound.is_shut || stream.closed[1 - end];
        let mut signals = Signals::NONE;
        if ended || !inbound.bytes.is_empty() || !inbound.messages.is_empty() {
            signals = signals.or(Signals::READABLE);
        }
        let used = outbound.bytes.len() + 128 * outbound.sessions.len();
        if used < stream.capacity || stream.closed[1 - end] || outbound.is_shut {
            signals = signals.or(Signals::WRITABLE);
        }
        signals
    }

    /// What became true that the server wanted to hear.
    fn raised(&mut self) -> Vec<(u64, Signals)> {
        let watched = self.watched.iter();
        let raised: Vec<(u64, Signals)> = watched
            .map(|(cookie, (object, wanted))| (*cookie, self.signals_of(*object).and(*wanted)))
            .filter(|(_, signals)| !signals.is_empty())
            .collect();
        for (cookie, _) in &raised {
            self.watched.remove(cookie);
        }
        raised
    }
}

impl Fake {
    fn handle(&self, object: Object) -> Handle {
        let mut world = self.0.borrow_mut();
        world.next += 1;
        let handle = world.next;
        world.handles.insert(handle, object);
        Handle(handle)
    }
    pub fn object_of(&self, handle: Handle) -> Object {
        self.0.borrow().handles[&handle.0]
    }
    fn end_of(&self, handle: Handle) -> Result<(usize, usize), Error> {
        match self.object_of(handle) {
            Object::End(stream, end) => Ok((stream, end)),
            Object::Session(_) => Err(Error::NotSupported),
        }
    }
    /// A program's look at a session's data.
    pub fn data_of(&self, badge: u64) -> Option<(usize, usize)> {
        match self.0.borrow().data.get(&badge)? {
            Object::End(stream, end) => Some((*stream, *end)),
            Object::Session(_) => None,
        }
    }
    /// A program takes what is in an inbox.
    pub fn receive(&self, badge: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let (stream, end) = self.data_of(badge)?;
        let mut world = self.0.borrow_mut();
        world.streams[stream].ways[1 - end].messages.pop_front()
    }
    /// A program accepts a connection: its badge and its peer's name.
    pub fn accept(&self, badge: u64) -> Option<(u64, Vec<u8>)> {
        let (stream, end) = self.data_of(badge)?;
        let mut world = self.0.borrow_mut();
        world.streams[stream].ways[1 - end].sessions.pop_front()
    }
    pub fn read_end(&self, (number, end): (usize, usize), room: usize) -> Result<Vec<u8>, Error> {
        let mut world = self.0.borrow_mut();
        let stream = &mut world.streams[number];
        let inbound = &mut stream.ways[1 - end];
        if inbound.bytes.is_empty() {
            if core::mem::take(&mut stream.reset[end]) {
                return Err(Error::ConnectionReset);
            }
            return match stream.closed[1 - end] || stream.ways[1 - end].is_shut {
                true => Ok(Vec::new()),
                false => Err(Error::WouldBlock),
            };
        }
        let count = room.min(inbound.bytes.len());
        Ok(inbound.bytes.drain(..count).collect())
    }
    pub fn write_end(&self, (number, end): (usize, usize), bytes: &[u8]) -> Result<usize, Error> {
        let mut world = self.0.borrow_mut();
        let stream = &mut world.streams[number];
        if stream.closed[1 - end] || stream.ways[end].is_shut {
            return Err(Error::PeerClosed);
        }
        let room = stream.capacity - stream.ways[end].bytes.len();
        let count = room.min(bytes.len());
        if count == 0 {
            return Err(Error::WouldBlock);
        }
        stream.ways[end].bytes.extend(&bytes[..count]);
        Ok(count)
    }
    pub fn shut_end(&self, (number, end): (usize, usize), directions: u64) {
        let mut world = self.0.borrow_mut();
        let stream = &mut world.streams[number];
        stream.ways[end].is_shut |= directions & shut_down::WRITE != 0;
        stream.ways[1 - end].is_shut |= directions & shut_down::READ != 0;
    }
    /// Closes all that a program has of a session.
    pub fn close_session(&self, badge: u64) {
        let mut world = self.0.borrow_mut();
        world
            .handles
            .retain(|_, object| *object != Object::Session(badge));
        let data = world.data.remove(&badge);
        let outlet = world.outlets.remove(&badge);
        for object in data.into_iter().chain(outlet) {
            world.released(object);
        }
    }
    pub fn open_handles(&self) -> usize {
        self.0.borrow().handles.len()
    }
}

impl Kernel for Fake {
    fn session_create(&mut self, badge: u64, data: Handle, _status: u32) -> Result<Handle, Error> {
        let session = self.handle(Object::Session(badge));
        if data != Handle::NONE {
            self.attach(badge, data)?;
        }
        Ok(session)
    }
    fn session_open(&mut self, badge: u64) -> Result<Handle, Error> {
        Ok(self.handle(Object::Session(badge)))
    }
    fn object(&self, _handle: Handle) -> Result<u64, Error> {
        Err(Error::NotSupported)
    }
    fn sessions(&self) -> Vec<u64> {
        let world = self.0.borrow();
        let handles = world.handles.values();
        let mut all: Vec<u64> = handles
            .filter_map(|object| match object {
                Object::Session(badge) => Some(*badge),
                Object::End(..) => None,
            })
            .collect();
        all.sort_unstable();
        all
    }
    fn signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        let mut world = self.0.borrow_mut();
        let signals = world.signals.entry(badge).or_default();
        *signals = signals.without(clear).or(set);
    }
    fn attach(&mut self, badge: u64, data: Handle) -> Result<(), Error> {
        let object = (data != Handle::NONE).then(|| self.object_of(data));
        let before = match object {
            Some(object) => self.0.borrow_mut().data.insert(badge, object),
            None => self.0.borrow_mut().data.remove(&badge),
        };
        if let Some(before) = before {
            self.0.borrow_mut().released(before);
        }
        self.close(data);
        Ok(())
    }
    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error> {
        if outlet == Handle::NONE {
            self.0.borrow_mut().outlets.remove(&badge);
            return Ok(());
        }
        let object = self.object_of(outlet);
        self.0.borrow_mut().outlets.insert(badge, object);
        self.close(outlet);
        Ok(())
    }
    fn set_name(&mut self, _badge: u64, _name: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    fn data(&mut self, badge: u64) -> Result<Handle, Error> {
        let found = self.0.borrow().data.get(&badge).copied();
        Ok(self.handle(found.ok_or(Error::NotFound)?))
    }
    fn stream(&mut self, flags: u64, capacity: u64) -> Result<[Handle; 2], Error> {
        let number = self.0.borrow().streams.len();
        self.0.borrow_mut().streams.push(Stream {
            flags,
            capacity: capacity as usize,
            ..Stream::default()
        });
        Ok([0, 1].map(|end| self.handle(Object::End(number, end))))
    }
    fn other_end(&mut self, end: Handle) -> Result<Handle, Error> {
        let (stream, end) = self.end_of(end)?;
        self.0.borrow_mut().streams[stream].closed[1 - end] = false;
        Ok(self.handle(Object::End(stream, 1 - end)))
    }
    fn property(&mut self, stream: Handle, property: u64, set: Option<u64>) -> Result<u64, Error> {
        let (number, end) = self.end_of(stream)?;
        let mut world = self.0.borrow_mut();
        let stream = &mut world.streams[number];
        match property {
            stream_property::SEND_QUEUED => Ok(stream.ways[end].sessions.len() as u64 * 128),
            stream_property::RESETS => {
                stream.resets[end] = set == Some(1);
                Ok(0)
            }
            _ => {
                stream.capacity = set.map_or(stream.capacity, |value| value as usize);
                Ok(stream.capacity as u64)
            }
        }
    }
    fn shut_down(&mut self, stream: Handle, directions: u64) -> Result<(), Error> {
        self.shut_end(self.end_of(stream)?, directions);
        Ok(())
    }
    fn send_connection(
        &mut self,
        queue: Handle,
        session: Handle,
        name: &[u8],
    ) -> Result<(), Error> {
        let (number, end) = self.end_of(queue)?;
        let Object::Session(badge) = self.object_of(session) else {
            panic!("no session");
        };
        // The queue keeps a handle of it.
        self.handle(Object::Session(badge));
        let mut world = self.0.borrow_mut();
        let queued = (badge, name.to_vec());
        world.streams[number].ways[end].sessions.push_back(queued);
        Ok(())
    }
    fn watch(&mut self, object: Handle, signals: Signals, cookie: u64) -> Result<(), Error> {
        let object = self.object_of(object);
        self.0
            .borrow_mut()
            .watched
            .insert(cookie, (object, signals));
        Ok(())
    }
    fn send(&mut self, stream: Handle, message: &[u8], name: &[u8]) -> Result<(), Error> {
        let (number, end) = self.end_of(stream)?;
        let mut world = self.0.borrow_mut();
        assert_ne!(world.streams[number].flags & stream_flags::LOSSY, 0);
        let message = (message.to_vec(), name.to_vec());
        world.streams[number].ways[end].messages.push_back(message);
        Ok(())
    }
    fn read(&mut self, stream: Handle, bytes: &mut [u8]) -> Result<usize, Error> {
        let got = self.read_end(self.end_of(stream)?, bytes.len())?;
        bytes[..got.len()].copy_from_slice(&got);
        Ok(got.len())
    }
    fn write(&mut self, stream: Handle, bytes: &[u8]) -> Result<usize, Error> {
        self.write_end(self.end_of(stream)?, bytes)
    }
    fn do_not_wait(&mut self, _stream: Handle) -> Result<(), Error> {
        Ok(())
    }
    fn close(&mut self, handle: Handle) {
        if handle != Handle::NONE {
            let mut world = self.0.borrow_mut();
            let closed = world.handles.remove(&handle.0).expect("closed twice");
            world.released(closed);
        }
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.push((token, result));
    }
    fn records(&self) -> usize {
        let world = self.0.borrow();
        world.records.keys().next_back().map_or(0, |slot| slot + 1)
    }
    fn load(&self, slot: usize) -> Option<Vec<u8>> {
        self.0.borrow().records.get(&slot).cloned()
    }
    fn store(&mut self, slot: usize, record: &[u8]) {
        self.0.borrow_mut().records.insert(slot, record.to_vec());
    }
    fn clear(&mut self, slot: usize) {
        self.0.borrow_mut().records.remove(&slot);
    }
}

impl Clock for Fake {
    fn now_ns(&self) -> u64 {
        self.0.borrow().now_ns
    }
    fn wake_at(&mut self, deadline_ns: Option<u64>) {
        self.0.borrow_mut().wake_ns = deadline_ns;
    }
    fn woken(&mut self) {
        self.0.borrow_mut().wake_ns = None;
    }
}

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
