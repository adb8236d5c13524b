//! A fake kernel that knows sessions and streams, and a clock that the test sets.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::vec::Vec;

use kernel_abi::socket::{shut_down, stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{Answer, Error};
use socket_server::Kernel;

use crate::clock::Clock;

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
    pub fn raised(&mut self) -> Vec<(u64, Signals)> {
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
        let (bytes, name) = world.streams[stream].ways[1 - end].messages.pop_front()?;
        let (address, arrival) = proto::arrival::split(&name);
        assert!(arrival.is_some());
        Some((bytes, address.to_vec()))
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
        let is_full = {
            let queue = &self.0.borrow().streams[number];
            queue.ways[end].sessions.len() * 128 >= queue.capacity
        };
        if is_full {
            return Err(Error::WouldBlock);
        }
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
