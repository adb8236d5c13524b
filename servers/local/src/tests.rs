//! The server over a fake kernel that knows sessions, streams and what is queued.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use kernel_abi::message::WORDS;
use kernel_abi::socket::{stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{
    Answer, Call, Error, Identity, Input, Outcome, Output, Request, Transport, socket,
    socket_domain,
};

use crate::server::{NAME_SPACE, Server};
use crate::socket::{Kind, Peer, Socket};
use socket_server::{Kernel, Record};

/// What handles lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Session(u64),
    End(usize, u64),
}

#[derive(Default)]
struct World {
    next: u32,
    handles: BTreeMap<u32, Object>,
    data: BTreeMap<u64, Object>,
    outlets: BTreeMap<u64, Object>,
    /// Flags and capacity of each stream.
    streams: Vec<(u64, u64)>,
    /// Connections in a stream's queue: session and name.
    queued: BTreeMap<usize, Vec<(u64, Vec<u8>)>>,
    watched: Vec<u64>,
    replies: Vec<(u64, Result<Answer, Error>)>,
    records: BTreeMap<usize, Vec<u8>>,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<World>>);

impl Fake {
    fn handle(&self, object: Object) -> Handle {
        let mut world = self.0.borrow_mut();
        world.next += 1;
        let handle = world.next;
        world.handles.insert(handle, object);
        Handle(handle)
    }
    fn object_of(&self, handle: Handle) -> Object {
        self.0.borrow().handles[&handle.0]
    }
    fn open(&self) -> usize {
        self.0.borrow().handles.len()
    }
    /// Accepts from a listener: the session's badge and its peer's name.
    fn accept(&self, listener: u64) -> Option<(u64, Vec<u8>)> {
        let Object::End(stream, _) = self.0.borrow().data[&listener] else {
            panic!("it does not listen");
        };
        let mut world = self.0.borrow_mut();
        let queue = world.queued.entry(stream).or_default();
        (!queue.is_empty()).then(|| queue.remove(0))
    }
}

impl Kernel for Fake {
    fn session_create(&mut self, badge: u64, data: Handle, _status: u32) -> Result<Handle, Error> {
        if data != Handle::NONE {
            let object = self.object_of(data);
            self.0.borrow_mut().data.insert(badge, object);
            self.close(data);
        }
        Ok(self.handle(Object::Session(badge)))
    }
    fn session_open(&mut self, badge: u64) -> Result<Handle, Error> {
        let known = self.sessions().contains(&badge);
        known
            .then(|| self.handle(Object::Session(badge)))
            .ok_or(Error::NotFound)
    }
    fn object(&self, handle: Handle) -> Result<u64, Error> {
        match self.object_of(handle) {
            Object::Session(badge) => Ok(badge + 7_000_000),
            Object::End(stream, end) => Ok(stream as u64 * 2 + end),
        }
    }
    fn sessions(&self) -> Vec<u64> {
        let world = self.0.borrow();
        let sessions = world.handles.values().filter_map(|object| match object {
            Object::Session(badge) => Some(*badge),
            Object::End(..) => None,
        });
        let queued = world.queued.values().flatten().map(|(badge, _)| *badge);
        sessions.chain(queued).collect()
    }
    fn signal(&mut self, _badge: u64, _clear: Signals, _set: Signals) {}
    fn attach(&mut self, badge: u64, data: Handle) -> Result<(), Error> {
        if data == Handle::NONE {
            self.0.borrow_mut().data.remove(&badge);
            return Ok(());
        }
        let object = self.object_of(data);
        self.0.borrow_mut().data.insert(badge, object);
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
        self.0.borrow_mut().streams.push((flags, capacity));
        Ok([0, 1].map(|end| self.handle(Object::End(number, end))))
    }
    fn other_end(&mut self, end: Handle) -> Result<Handle, Error> {
        match self.object_of(end) {
            Object::End(stream, end) => Ok(self.handle(Object::End(stream, 1 - end))),
            Object::Session(_) => Err(Error::NotSupported),
        }
    }
    fn property(&mut self, stream: Handle, property: u64, set: Option<u64>) -> Result<u64, Error> {
        let Object::End(number, _) = self.object_of(stream) else {
            return Err(Error::NotSupported);
        };
        let mut world = self.0.borrow_mut();
        if property == stream_property::SEND_QUEUED {
            return Ok(world.queued.get(&number).map_or(0, Vec::len) as u64 * 128);
        }
        if let Some(value) = set {
            world.streams[number].1 = value;
        }
        Ok(world.streams[number].1)
    }
    fn shut_down(&mut self, _stream: Handle, _directions: u64) -> Result<(), Error> {
        Ok(())
    }
    fn send_connection(
        &mut self,
        queue: Handle,
        session: Handle,
        name: &[u8],
    ) -> Result<(), Error> {
        let (Object::End(number, 1), Object::Session(badge)) =
            (self.object_of(queue), self.object_of(session))
        else {
            panic!("no queue, or no session");
        };
        let mut world = self.0.borrow_mut();
        let queue = world.queued.entry(number).or_default();
        queue.push((badge, name.to_vec()));
        Ok(())
    }
    fn watch(&mut self, _object: Handle, _signals: Signals, cookie: u64) -> Result<(), Error> {
        self.0.borrow_mut().watched.push(cookie);
        Ok(())
    }
    fn send(&mut self, _stream: Handle, _message: &[u8], _name: &[u8]) -> Result<(), Error> {
        Err(Error::NotSupported)
    }
    fn read(&mut self, _stream: Handle, _bytes: &mut [u8]) -> Result<usize, Error> {
        Err(Error::NotSupported)
    }
    fn write(&mut self, _stream: Handle, _bytes: &[u8]) -> Result<usize, Error> {
        Err(Error::NotSupported)
    }
    fn do_not_wait(&mut self, _stream: Handle) -> Result<(), Error> {
        Err(Error::NotSupported)
    }
    fn close(&mut self, handle: Handle) {
        if handle != Handle::NONE {
            let closed = self.0.borrow_mut().handles.remove(&handle.0);
            assert!(closed.is_some(), "closed twice");
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

struct TestCall {
    badge: u64,
    token: u64,
    words: [u64; WORDS],
    inputs: Vec<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    handles: Vec<Handle>,
    identity: Identity,
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
        Ok(self.identity)
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

/// Calls on the session with a badge, by a process of a user.
#[derive(Clone)]
struct User {
    server: Rc<RefCell<Server<Fake>>>,
    badge: u64,
    user: u32,
}

/// Token of every call of a test.
const TOKEN: u64 = 77;

impl Transport for User {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let mut call = TestCall {
            badge: self.badge,
            token: TOKEN,
            words: request.words,
            inputs: request.inputs.iter().map(|bytes| bytes.to_vec()).collect(),
            outputs: RefCell::new(request.outputs.iter().map(|bytes| bytes.to_vec()).collect()),
            handles: request.handles.to_vec(),
            identity: identity(self.user),
        };
        let reply = self.server.borrow_mut().serve(&mut call);
        for (output, bytes) in request.outputs.iter_mut().zip(call.outputs.into_inner()) {
            output.copy_from_slice(&bytes);
        }
        match reply? {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Later | Outcome::Forwarded => Err(Error::Interrupted),
        }
    }
}

fn identity(user: u32) -> Identity {
    Identity {
        process: 100 + u64::from(user),
        parent: 1,
        group: 1,
        session: 1,
        real_user: user,
        saved_user: user,
        real_group: 0,
        saved_group: 0,
        credentials: proto::Credentials {
            user,
            group: 0,
            group_count: 0,
            umask: 0,
            groups: [0; proto::types::MAX_GROUPS],
        },
        terminal: 0,
        flags: 0,
    }
}

struct System {
    server: Rc<RefCell<Server<Fake>>>,
    world: Fake,
}

impl System {
    fn new() -> System {
        let world = Fake::default();
        let server = Rc::new(RefCell::new(Server::new(world.clone())));
        System { server, world }
    }
    fn at(&self, badge: u64, user: u32) -> User {
        let server = self.server.clone();
        User {
            server,
            badge,
            user,
        }
    }
    /// A socket: its handle and calls on it.
    fn socket(&self, kind: u32) -> (Handle, User) {
        let names = self.at(NAME_SPACE, 0);
        let made = socket_domain::create(&names, 1, kind, 0, 0, &[]).unwrap();
        self.user_of(made.handles[0])
    }
    fn user_of(&self, handle: Handle) -> (Handle, User) {
        let Object::Session(badge) = self.world.object_of(handle) else {
            panic!("no session");
        };
        (handle, self.at(badge, 0))
    }
    fn restart(&self) {
        *self.server.borrow_mut() = Server::new(self.world.clone());
    }
}

const NAME: &[u8] = b"\x01\0\0name";

fn listener(system: &System, backlog: u32) -> User {
    let (_, user) = system.socket(1);
    socket::bind(&user, NAME, &[]).unwrap();
    socket::listen(&user, backlog, &[]).unwrap();
    user
}

#[test]
fn a_connection_waits_in_the_listeners_queue_with_its_peers_name() {
    let system = System::new();
    let listener = listener(&system, 4);
    let (_, client) = system.socket(1);
    socket::bind(&client, b"\x01\0\0client", &[]).unwrap();
    let before = system.world.open();
    socket::connect(&client, 1, NAME, &[]).unwrap();
    assert_eq!(system.world.open(), before, "nothing is kept here");
    let (accepted, name) = system.world.accept(listener.badge).unwrap();
    assert_eq!(name, b"\x01\0\0client");
    let accepted = system.at(accepted, 0);
    let mut address = [0; 32];
    let own = socket::name(&accepted, 0, &mut address, &[]).unwrap().words[0];
    assert_eq!(&address[..own as usize], NAME);
    let peer = socket::name(&accepted, 1, &mut address, &[]).unwrap().words[0];
    assert_eq!(&address[..peer as usize], b"\x01\0\0client");
    let again = socket::connect(&client, 1, NAME, &[]);
    assert_eq!(again, Err(Error::IsConnected));
    let mut credentials = [0; 12];
    socket::get_option(&client, 1, 17, &mut credentials, &[]).unwrap();
    assert_eq!(credentials[..4], 100u32.to_le_bytes(), "SO_PEERCRED");
}

#[test]
fn a_full_queue_makes_a_caller_wait_until_there_is_room() {
    let system = System::new();
    let listener = listener(&system, 0);
    let [one, two] = [0; 2].map(|_| system.socket(1).1);
    socket::connect(&one, 0, NAME, &[]).unwrap();
    let full = socket::connect(&two, 0, NAME, &[]);
    assert_eq!(full, Err(Error::WouldBlock));
    let waits = socket::connect(&two, 1, NAME, &[]);
    assert_eq!(waits, Err(Error::Interrupted), "kept");
    let cookie = system.world.0.borrow_mut().watched.pop().unwrap();
    system.server.borrow_mut().queue_has_room(cookie);
    assert!(system.world.0.borrow().replies.is_empty(), "still full");
    assert_eq!(system.world.0.borrow().watched, [cookie], "watched again");
    system.world.accept(listener.badge).unwrap();
    system.server.borrow_mut().queue_has_room(cookie);
    let reply = system.world.0.borrow_mut().replies.pop();
    assert_eq!(reply, Some((TOKEN, Ok(Answer::default()))));
    assert!(system.world.accept(listener.badge).is_some());
}

#[test]
fn who_waits_is_refused_when_the_listener_goes_and_let_go_when_interrupted() {
    let system = System::new();
    let listener = listener(&system, 0);
    let [one, two] = [0; 2].map(|_| system.socket(1).1);
    socket::connect(&one, 1, NAME, &[]).unwrap();
    assert!(socket::connect(&two, 1, NAME, &[]).is_err());
    system.server.borrow_mut().connect_cancelled(TOKEN);
    let reply = system.world.0.borrow_mut().replies.pop();
    assert_eq!(reply, Some((TOKEN, Err(Error::Interrupted))));
    assert!(socket::connect(&two, 1, NAME, &[]).is_err());
    system.server.borrow_mut().session_closed(listener.badge);
    let reply = system.world.0.borrow_mut().replies.pop();
    assert_eq!(reply, Some((TOKEN, Err(Error::ConnectionRefused))));
    let gone = socket::connect(&two, 1, NAME, &[]);
    assert_eq!(gone, Err(Error::ConnectionRefused));
}

#[test]
fn names_are_one_sockets_until_it_is_closed() {
    let system = System::new();
    let [one, two] = [0; 2].map(|_| system.socket(2).1);
    socket::bind(&one, NAME, &[]).unwrap();
    assert_eq!(socket::bind(&one, NAME, &[]), Err(Error::BadArgument));
    assert_eq!(socket::bind(&two, NAME, &[]), Err(Error::AddressInUse));
    for (bad, error) in [
        (&b"\x01"[..], Error::BadArgument),
        (b"\x02\0\0name", Error::NoAddressFamily),
        (b"\x01\0/a/file", Error::BadArgument),
        (&[1; 200], Error::BadArgument),
    ] {
        assert_eq!(socket::bind(&two, bad, &[]), Err(error));
    }
    socket::bind(&two, b"\x01\0", &[]).unwrap();
    let mut address = [0; 8];
    let length = socket::name(&two, 0, &mut address, &[]).unwrap().words[0];
    assert_eq!(length, 8, "five digits after a NUL");
    system.server.borrow_mut().session_closed(one.badge);
    let three = system.socket(2).1;
    socket::bind(&three, NAME, &[]).unwrap();
}

#[test]
fn a_file_leads_to_the_socket_that_was_bound_to_it_last() {
    let system = System::new();
    let names = system.at(NAME_SPACE, 0);
    let address = b"\x01\0/s\0";
    let (first, _) = system.socket(2);
    let (second, user) = system.socket(2);
    socket_domain::bind_node(&names, 3, 9, address, &[first]).unwrap();
    socket_domain::bind_node(&names, 3, 9, address, &[first]).unwrap();
    socket_domain::bind_node(&names, 3, 9, address, &[second]).unwrap();
    let found = socket_domain::find_node(&names, 3, 9, &[]).unwrap();
    let (_, sender) = system.socket(2);
    socket::connect_to(&sender, 1, &[found.handles[0]]).unwrap();
    let outlet = system.world.0.borrow().outlets[&sender.badge];
    let Object::End(stream, 0) = system.world.0.borrow().data[&user.badge] else {
        panic!("no inbox");
    };
    assert_eq!(outlet, Object::End(stream, 1), "it sends to the inbox");
    let other = socket_domain::find_node(&names, 3, 10, &[]);
    assert_eq!(other, Err(Error::ConnectionRefused));
    let stranger = socket_domain::bind_node(&sender, 3, 9, address, &[first]);
    assert_eq!(stranger, Err(Error::NotPermitted));
    let no_destination = socket::connect_to(&sender, 1, &[first]);
    assert_eq!(no_destination, Err(Error::BadArgument));
}

#[test]
fn the_types_of_both_sides_must_be_one() {
    let system = System::new();
    listener(&system, 4);
    for kind in [2, 5] {
        let user = system.socket(kind).1;
        let refused = socket::connect(&user, 1, NAME, &[]);
        assert_eq!(refused, Err(Error::WrongProtocolType));
    }
    let datagram = system.socket(2).1;
    assert_eq!(socket::listen(&datagram, 1, &[]), Err(Error::NotSupported));
    let unnamed = system.socket(1).1;
    let refused = socket::listen(&unnamed, 1, &[]);
    assert_eq!(refused, Err(Error::DestinationRequired));
    let names = system.at(NAME_SPACE, 0);
    for (family, kind, protocol, error) in [
        (2, 1, 0, Error::NoAddressFamily),
        (1, 3, 0, Error::NoSocketType),
        (1, 1, 6, Error::NoProtocol),
    ] {
        let made = socket_domain::create(&names, family, kind, protocol, 0, &[]);
        assert_eq!(made, Err(error));
    }
}

#[test]
fn a_pair_of_datagram_sockets_sends_to_each_others_inbox() {
    let system = System::new();
    let names = system.at(NAME_SPACE, 0);
    let made = socket_domain::pair(&names, 1, 2, 0, 0, &[]).unwrap();
    let [(_, one), (_, two)] = [0, 1].map(|side| system.user_of(made.handles[side]));
    let world = system.world.0.borrow();
    let [a, b] = [&one, &two].map(|user| (world.data[&user.badge], world.outlets[&user.badge]));
    let flip = |object| match object {
        Object::End(stream, end) => Object::End(stream, 1 - end),
        other => other,
    };
    assert_eq!((a.0, b.0), (flip(b.1), flip(a.1)));
    assert!(
        world
            .streams
            .iter()
            .all(|(flags, _)| flags & stream_flags::OPEN_ENDED != 0)
    );
}

#[test]
fn a_user_cannot_have_them_all() {
    let system = System::new();
    let names = system.at(NAME_SPACE, 5);
    let mut made = 0;
    while socket_domain::create(&names, 1, 1, 0, 0, &[]).is_ok() {
        made += 1;
    }
    assert_eq!(made, 4096);
    system.socket(1);
    let badge = system.world.sessions()[0];
    system.server.borrow_mut().session_closed(badge);
    assert!(socket_domain::create(&names, 1, 1, 0, 0, &[]).is_ok());
}

#[test]
fn a_new_instance_knows_names_peers_listeners_and_options() {
    let system = System::new();
    let listener = listener(&system, 4);
    let (_, client) = system.socket(1);
    socket::set_option(&client, 1, 9, &1u32.to_le_bytes(), &[]).unwrap();
    socket::connect(&client, 1, NAME, &[]).unwrap();
    let (dead_handle, dead) = system.socket(1);
    system.world.clone().close(dead_handle);
    system.restart();
    let mut address = [0; 32];
    let length = socket::name(&client, 1, &mut address, &[]).unwrap().words[0];
    assert_eq!(&address[..length as usize], NAME);
    let mut value = [0; 4];
    socket::get_option(&client, 1, 9, &mut value, &[]).unwrap();
    assert_eq!(value, [1, 0, 0, 0]);
    assert!(system.world.accept(listener.badge).is_some());
    let (_, other) = system.socket(1);
    assert!(other.badge > client.badge, "badges are not used again");
    socket::connect(&other, 1, NAME, &[]).unwrap();
    let refused = socket::bind(&other, NAME, &[]);
    assert_eq!(refused, Err(Error::AddressInUse));
    assert!(
        socket::listen(&dead, 1, &[]).is_err(),
        "it was closed meanwhile"
    );
}

#[test]
fn a_record_holds_everything_and_a_cut_one_is_refused() {
    let mut full = Socket::new(1 << 40, Kind::Sequence, 7);
    full.name = vec![1; 111];
    full.node = Some((8, 9));
    full.accepted = true;
    full.peer = Some(Peer {
        badge: 5,
        name: vec![2; 111],
        ids: crate::socket::Ids {
            process: 1,
            user: 2,
            group: 3,
        },
    });
    full.switches = 1 << 9;
    full.linger = [1, 5];
    let record = full.encode();
    assert!(record.len() <= crate::socket::RECORD_CAPACITY);
    assert_eq!(Socket::decode(&record), Some(full));
    for length in 0..record.len() {
        assert_eq!(Socket::decode(&record[..length]), None);
    }
}
