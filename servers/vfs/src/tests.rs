//! The name space over two file systems in memory and a fake kernel.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use file_system::testing::{Client, TestKernel};
use kernel_abi::message::{WORDS, operation};
use kernel_abi::object::{HandleInfo, ObjectKind};
use kernel_abi::system::SystemInfo;
use kernel_abi::{Handle, Rights, Signals};
use proto::types::{Plain, file_type, open_flags};
use proto::{
    Answer, Attributes, Call, Error, Identity, Input, Outcome, Output, Request, Transport,
    directory, file, process, process_entry,
};
use tmpfs_server::TemporaryVolume;

use crate::backend::Peer;
use crate::devices::Devices;
use crate::kernel::Kernel;
use crate::server::{Offered, Peers, Server};
use crate::{ROOT_BADGE, devices};

mod descriptors;
mod device_files;

/// What the fake kernel keeps.
#[derive(Default)]
struct World {
    next: u32,
    /// Badges of sessions by handle.
    sessions: BTreeMap<u32, u64>,
    /// Data objects by badge.
    data: BTreeMap<u64, Handle>,
    contents: BTreeMap<u32, Vec<u8>>,
    replies: Vec<(u64, Result<Answer, Error>)>,
    /// The other end of each stream's end.
    ends: BTreeMap<u32, Handle>,
    outlets: BTreeMap<u64, Handle>,
    forwarded: Vec<(u64, Handle, [u64; WORDS])>,
    closed: Vec<Handle>,
    /// What a duplicate was made of.
    originals: BTreeMap<u32, Handle>,
    saved: Option<Vec<u8>>,
    /// The voids made, and whether they read as zeros.
    voids: BTreeMap<u32, bool>,
    /// What handles that come from elsewhere are, and the attributes that their servers tell.
    descriptions: BTreeMap<u32, HandleInfo>,
    files: BTreeMap<u32, Attributes>,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<World>>);

impl Fake {
    fn handle(&self) -> Handle {
        let mut world = self.0.borrow_mut();
        world.next += 1;
        Handle(world.next)
    }
}

impl Kernel for Fake {
    fn session_create(
        &mut self,
        badge: u64,
        data: Handle,
        _status: u32,
        _rights: Rights,
    ) -> Result<Handle, Error> {
        let handle = self.handle();
        let mut world = self.0.borrow_mut();
        world.sessions.insert(handle.0, badge);
        world.data.insert(badge, data);
        Ok(handle)
    }
    fn describe(&self, handle: Handle) -> Result<HandleInfo, Error> {
        let world = self.0.borrow();
        let known = world.descriptions.get(&handle.0).copied();
        Ok(known.unwrap_or(HandleInfo {
            kind: ObjectKind::Session as u32,
            object: handle.0.into(),
            endpoint: OWN_ENDPOINT,
            ..Default::default()
        }))
    }
    fn endpoint(&self) -> u64 {
        OWN_ENDPOINT
    }
    fn position(&self, _handle: Handle) -> u64 {
        17
    }
    fn thread_of_call(&self, _token: u64) -> Result<u64, Error> {
        Ok(3)
    }
    fn call(&self, session: Handle, mut request: Request<'_>) -> Result<Answer, Error> {
        assert_eq!(request.words[0], file::number::status);
        let world = self.0.borrow();
        let attributes = world.files.get(&session.0).ok_or(Error::Unsupported)?;
        attributes.encode(request.outputs[0]).unwrap();
        let _ = &mut request;
        Ok(Answer::default())
    }
    fn session_object(&self, badge: u64) -> Result<u64, Error> {
        let world = self.0.borrow();
        let found = world.sessions.iter().find(|(_, known)| **known == badge);
        Ok(found.map_or(ROOT_OBJECT, |(handle, _)| *handle).into())
    }
    fn sessions(&self) -> Vec<u64> {
        self.0.borrow().sessions.values().copied().collect()
    }
    fn saved(&self) -> Option<Vec<u8>> {
        self.0.borrow().saved.clone()
    }
    fn save(&mut self, state: &[u8]) {
        self.0.borrow_mut().saved = Some(state.to_vec());
    }
    fn session_raise(&mut self, _badge: u64, _set: Signals) -> Result<(), Error> {
        Ok(())
    }
    fn duplicate(&mut self, handle: Handle, _rights: Rights) -> Result<Handle, Error> {
        let copy = self.handle();
        self.0.borrow_mut().originals.insert(copy.0, handle);
        Ok(copy)
    }
    fn close(&self, handle: Handle) {
        self.0.borrow_mut().closed.push(handle);
    }
    fn content(&mut self, bytes: &[u8]) -> Result<Handle, Error> {
        let handle = self.handle();
        let mut world = self.0.borrow_mut();
        world.contents.insert(handle.0, bytes.to_vec());
        Ok(handle)
    }
    fn void(&mut self, zeros: bool) -> Result<Handle, Error> {
        let handle = self.handle();
        self.0.borrow_mut().voids.insert(handle.0, zeros);
        Ok(handle)
    }
    fn pipe(&mut self) -> Result<[Handle; 2], Error> {
        let [reads, writes] = [self.handle(), self.handle()];
        let mut world = self.0.borrow_mut();
        world.ends.insert(reads.0, writes);
        world.ends.insert(writes.0, reads);
        Ok([reads, writes])
    }
    fn session_data(&mut self, badge: u64) -> Result<Handle, Error> {
        Ok(self.0.borrow().data[&badge])
    }
    fn other_end(&mut self, end: Handle) -> Result<Handle, Error> {
        Ok(self.0.borrow().ends[&end.0])
    }
    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error> {
        self.0.borrow_mut().outlets.insert(badge, outlet);
        Ok(())
    }
    fn forward(&mut self, token: u64, session: Handle, words: [u64; WORDS]) -> Result<(), Error> {
        self.0.borrow_mut().forwarded.push((token, session, words));
        Ok(())
    }
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(9);
        Ok(())
    }
    fn realtime_ns(&self) -> i64 {
        0
    }
    fn system(&self) -> SystemInfo {
        SystemInfo::default()
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.push((token, result));
    }
}

/// Endpoints: of the name space, and of its peers.
const OWN_ENDPOINT: u64 = 1;
const FILES_ENDPOINT: u64 = 2;
const DEVICES_ENDPOINT: u64 = 3;
const SOCKETS_ENDPOINT: u64 = 4;

/// The root session's handle in tests.
const ROOT_OBJECT: u32 = u32::MAX - 9;
const ROOT: Handle = Handle(ROOT_OBJECT);

/// A device server that offers one terminal.
struct Terminals;

impl Transport for Terminals {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        match request.words[0] {
            proto::device::number::list => {
                let list = b"tty 5 0 666 c\nconsole 5 1 600 c\n";
                request.outputs[0][..list.len()].copy_from_slice(list);
                Ok(Answer::value(list.len() as u64))
            }
            _ => Ok(Answer::default().with_handle(Handle(500 + request.words[1] as u32))),
        }
    }
}

/// A process server with one process, 42.
struct Processes;

impl Transport for Processes {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        match request.words[0] {
            process::number::list if request.words[1] < 42 => {
                request.outputs[0][..8].copy_from_slice(&42u64.to_le_bytes());
                Ok(Answer::value(8))
            }
            process::number::list => Ok(Answer::value(0)),
            process::number::describe if request.words[1] != 42 => Err(Error::NoProcess),
            process::number::describe if request.words[3] > 0 => Ok(Answer::value(0)),
            process::number::describe => {
                let text = b"text\n";
                request.outputs[0][..text.len()].copy_from_slice(text);
                Ok(Answer::value(text.len() as u64))
            }
            process_entry::number::owner if request.words[1] == 42 => {
                Ok(Answer::value(1000).with(1, 100))
            }
            process_entry::number::descriptors => {
                let slots = [0u32, 1, 2, 3].into_iter();
                let mut used = 0;
                for slot in slots.filter(|slot| u64::from(*slot) >= request.words[2]) {
                    if let Some(place) = request.outputs[0].get_mut(used..used + 4) {
                        place.copy_from_slice(&slot.to_le_bytes());
                        used += 4;
                    }
                }
                Ok(Answer::value(used as u64))
            }
            process_entry::number::descriptor => {
                let slot = request.words[2] as u32 % Handle::HIGH_BASE;
                Ok(Answer::default().with_handle(Handle(DESCRIPTORS + slot)))
            }
            _ => Err(Error::NoProcess),
        }
    }
}

/// Handle of the copy of descriptor 0 of a process.
const DESCRIPTORS: u32 = 7000;

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
        1
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        false
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        match index.checked_sub(self.inputs.len()) {
            None => Some((self.inputs[index].len() as u64, false)),
            Some(output) => {
                let outputs = self.outputs.borrow();
                outputs.get(output).map(|bytes| (bytes.len() as u64, true))
            }
        }
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
        let count = target.len().min(bytes.len());
        target[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}

/// A process that uses the name space through one of its sessions.
#[derive(Clone)]
struct User {
    server: Rc<RefCell<Server<Fake>>>,
    world: Rc<RefCell<World>>,
    session: Handle,
    identity: Identity,
}

/// Token of every call of a test.
const TOKEN: u64 = 77;

impl Transport for User {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let badge = match self.session {
            ROOT => ROOT_BADGE,
            session => self.world.borrow().sessions[&session.0],
        };
        let mut call = TestCall {
            badge,
            token: TOKEN,
            words: request.words,
            inputs: request.inputs.iter().map(|bytes| bytes.to_vec()).collect(),
            outputs: RefCell::new(request.outputs.iter().map(|bytes| bytes.to_vec()).collect()),
            handles: request.handles.to_vec(),
            identity: self.identity,
        };
        let reply = self.server.borrow_mut().serve(&mut call);
        for (output, bytes) in request.outputs.iter_mut().zip(call.outputs.into_inner()) {
            output.copy_from_slice(&bytes);
        }
        match reply? {
            Outcome::Answer(answer) => Ok(answer),
            // Tests look for the answer among the kernel's replies.
            Outcome::Later => Err(Error::Interrupted),
            Outcome::Forwarded => Err(Error::Unsupported),
        }
    }
}

/// A server of sockets that knows one that is bound, and refuses to bind the socket 13.
struct Sockets;

impl Transport for Sockets {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        use proto::socket_domain::number as n;
        match request.words[0] {
            n::bind_node if request.handles == [Handle(13)] => Err(Error::BadArgument),
            n::bind_node => Ok(Answer::default()),
            n::find_node => Ok(Answer::default().with_handle(Handle(99))),
            _ => Err(Error::Unsupported),
        }
    }
}

fn memory_file_system() -> Peer {
    let volume = TemporaryVolume::new(1 << 20, 0);
    let server = file_system::Server::new(volume, TestKernel::default());
    Peer::new(Rc::new(Client::new(server)), FILES_ENDPOINT)
}

fn peers(root: &Peer, temporary: &Peer) -> Peers {
    let terminals: Vec<Peer> = vec![Peer::new(Rc::new(Terminals), DEVICES_ENDPOINT)];
    Peers {
        root: (b"tmpfs".to_vec(), root.clone()),
        offered: vec![Offered {
            kind: b"tmpfs".to_vec(),
            session: Some(temporary.clone()),
        }],
        processes: Peer::new(Rc::new(Processes), 0),
        supervisor: Peer::new(Rc::new(Processes), 0),
        devices: Devices::new(terminals, None),
        domains: vec![crate::server::Domain {
            family: 1,
            server: Peer::new(Rc::new(Sockets), SOCKETS_ENDPOINT),
            session: Handle(4242),
        }],
    }
}

/// A name space with /dev, /proc and /tmp mounted, used by root.
fn system() -> User {
    system_over(&memory_file_system(), &memory_file_system())
}

fn system_over(root: &Peer, temporary: &Peer) -> User {
    let kernel = Fake::default();
    let world = kernel.0.clone();
    let server = Server::new(kernel, peers(root, temporary)).unwrap();
    let bytes = vec![0; Identity::SIZE];
    let user = User {
        server: Rc::new(RefCell::new(server)),
        world,
        session: ROOT,
        identity: Identity::decode(&bytes).unwrap(),
    };
    for (kind, target) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("tmpfs", "/tmp")] {
        user.make_directory(target);
        directory::mount(&user, 0, b"", target.as_bytes(), kind.as_bytes(), b"", &[]).unwrap();
    }
    user
}

impl User {
    fn make_directory(&self, path: &str) {
        directory::make_directory(self, 0o755, path.as_bytes(), &[]).unwrap();
    }

    fn open(&self, path: &str, flags: u32) -> Result<Handle, Error> {
        directory::open(self, flags, 0o666, path.as_bytes(), &[]).map(|answer| answer.handles[0])
    }

    fn create(&self, path: &str) {
        let flags = open_flags::CREATE | open_flags::WRITE_ONLY;
        self.open(path, flags).unwrap();
    }

    fn symlink(&self, target: &str, path: &str) {
        directory::make_symlink(self, target.as_bytes(), path.as_bytes(), &[]).unwrap();
    }

    fn status_at(&self, path: &str, at: u32) -> Result<Attributes, Error> {
        let mut bytes = [0; Attributes::SIZE];
        directory::status(self, at, path.as_bytes(), &mut bytes, &[])?;
        Ok(Attributes::decode(&bytes).unwrap())
    }

    fn status(&self, path: &str) -> Result<Attributes, Error> {
        self.status_at(path, 0)
    }

    /// The same process with another session.
    fn through(&self, session: Handle) -> User {
        User {
            session,
            ..self.clone()
        }
    }

    fn path(&self) -> String {
        let mut bytes = [0; 4096];
        let length = directory::path(self, &mut bytes, &[]).unwrap().words[0];
        String::from_utf8(bytes[..length as usize].to_vec()).unwrap()
    }

    fn names(&self, path: &str) -> Vec<String> {
        let session = self.open(path, open_flags::DIRECTORY).unwrap();
        let mut names = Vec::new();
        let mut cursor = 0;
        loop {
            let mut bytes = [0; 256];
            let answer =
                file::read_directory(&self.through(session), cursor, &mut bytes, &[]).unwrap();
            let mut at = 0;
            while at < answer.words[0] as usize {
                let record = &bytes[at..];
                cursor = u64::from_le_bytes(record[8..16].try_into().unwrap());
                let end = record[19..].iter().position(|byte| *byte == 0).unwrap();
                names.push(String::from_utf8(record[19..19 + end].to_vec()).unwrap());
                at += usize::from(u16::from_le_bytes([record[16], record[17]]));
            }
            if at == 0 {
                return names;
            }
        }
    }

    fn as_user(&self, user: u32) -> User {
        let mut other = self.clone();
        other.identity.real_user = user;
        other.identity.credentials.user = user;
        other.identity.credentials.group = user;
        other
    }
}

#[test]
fn walks_cross_mounts_in_both_directions() {
    let user = system();
    user.create("/tmp/file");
    let root = user.status("/").unwrap();
    let mounted = user.status("/tmp").unwrap();
    assert!(user.status("/tmp/file").is_ok());
    assert_eq!(
        user.status("/tmp/../tmp/./file").unwrap().mode & 0o777,
        0o666
    );
    assert_eq!(user.status("/tmp/..").unwrap().node, root.node);
    assert_eq!(user.status("/../..//tmp").unwrap(), mounted);
    assert_eq!(user.status("/tmp/none"), Err(Error::NotFound));
    assert_eq!(user.status("/tmp/file/x"), Err(Error::NotDirectory));
    assert_eq!(user.status("/tmp/file/"), Err(Error::NotDirectory));
    assert_eq!(user.status(""), Err(Error::NotFound));
}

#[test]
fn symbolic_links_are_followed_across_mounts_and_only_so_often() {
    let user = system();
    user.make_directory("/a");
    user.create("/tmp/file");
    user.symlink("../tmp/file", "/a/relative");
    user.symlink("/a/relative", "/tmp/absolute");
    user.symlink("/tmp", "/a/mount");
    let file = user.status("/tmp/file").unwrap();
    assert_eq!(user.status("/a/relative").unwrap(), file);
    assert_eq!(user.status("/tmp/absolute").unwrap(), file);
    assert_eq!(user.status("/a/mount/file").unwrap(), file);
    let link = user.status_at("/a/mount", 0x100).unwrap();
    assert_eq!(link.mode & file_type::MASK, file_type::SYMLINK);
    let directory = user.status_at("/a/mount/", 0x100).unwrap();
    assert_eq!(directory.mode & file_type::MASK, file_type::DIRECTORY);
    user.symlink("loop", "/a/loop");
    assert_eq!(user.status("/a/loop"), Err(Error::TooManySymlinks));
    let mut target = [0; 64];
    let answer = directory::read_symlink(&user, b"/a/relative", &mut target, &[]).unwrap();
    assert_eq!(&target[..answer.words[0] as usize], b"../tmp/file");
    assert_eq!(
        directory::read_symlink(&user, b"/a", &mut target, &[]),
        Err(Error::BadArgument)
    );
}

#[test]
fn open_creates_only_what_it_is_asked_to() {
    let user = system();
    assert_eq!(user.open("/new", 0), Err(Error::NotFound));
    user.create("/new");
    let exclusive = open_flags::CREATE | open_flags::EXCLUSIVE;
    assert_eq!(user.open("/new", exclusive), Err(Error::Exists));
    user.symlink("nowhere", "/link");
    assert_eq!(user.open("/link", exclusive), Err(Error::Exists));
    user.open("/link", open_flags::CREATE).unwrap();
    assert!(user.status("/nowhere").is_ok(), "through the link");
    assert_eq!(
        user.open("/link", open_flags::NO_FOLLOW),
        Err(Error::TooManySymlinks)
    );
    assert_eq!(
        user.open("/new", open_flags::DIRECTORY),
        Err(Error::NotDirectory)
    );
    assert_eq!(
        user.open("/", open_flags::WRITE_ONLY),
        Err(Error::IsDirectory)
    );
    assert_eq!(
        user.open("/none/x", open_flags::CREATE),
        Err(Error::NotFound)
    );
}

#[test]
fn the_umask_and_permissions_hold() {
    let user = system();
    let mut other = user.as_user(1000);
    other.identity.credentials.umask = 0o027;
    let flags = open_flags::CREATE | open_flags::READ_WRITE;
    directory::open(&other, flags, 0o400, b"/tmp/mine", &[]).unwrap();
    let status = user.status("/tmp/mine").unwrap();
    assert_eq!((status.mode & 0o777, status.user), (0o400, 1000));
    directory::open(&other, flags, 0o666, b"/tmp/shared", &[]).unwrap();
    assert_eq!(user.status("/tmp/shared").unwrap().mode & 0o777, 0o640);
    let stranger = user.as_user(2000);
    assert_eq!(stranger.open("/tmp/shared", 0), Err(Error::AccessDenied));
    user.make_directory("/private");
    assert_eq!(
        stranger.open("/private/x", open_flags::CREATE),
        Err(Error::AccessDenied)
    );
    assert_eq!(
        directory::access(&stranger, 4, 0, b"/tmp/shared", &[]).map(|_| ()),
        Err(Error::AccessDenied)
    );
    assert_eq!(stranger.open("/dev/console", 0), Err(Error::AccessDenied));
    assert_eq!(
        directory::mount(&stranger, 0, b"", b"/dev", b"tmpfs", b"", &[]),
        Err(Error::NotPermitted)
    );
}

#[test]
fn a_directorys_path_is_found_through_mounts() {
    let user = system();
    user.make_directory("/tmp/a");
    user.make_directory("/tmp/a/b");
    let session = user.open("/tmp/a/b", open_flags::DIRECTORY).unwrap();
    assert_eq!(user.through(session).path(), "/tmp/a/b");
    assert_eq!(user.path(), "/");
    let up = user.through(session).open("..", 0).unwrap();
    assert_eq!(user.through(up).path(), "/tmp/a");
    let processes = user.open("/proc/42", 0).unwrap();
    assert_eq!(user.through(processes).path(), "/proc/42");
}

#[test]
fn a_changed_root_cannot_be_left() {
    let user = system();
    user.make_directory("/jail");
    user.make_directory("/jail/in");
    user.create("/secret");
    user.symlink("/secret", "/jail/link");
    user.symlink("../../secret", "/jail/in/up");
    let answer = directory::change_root(&user, b"/jail", &[]).unwrap();
    let jailed = user.through(answer.handles[0]);
    for path in [
        "/secret",
        "../secret",
        "/in/../../secret",
        "/link",
        "/in/up",
        "in/up",
    ] {
        assert_eq!(jailed.status(path), Err(Error::NotFound), "{path}");
    }
    let inner = jailed.open("/in", 0).unwrap();
    assert_eq!(jailed.through(inner).path(), "/in");
    assert!(jailed.through(inner).status("../in").is_ok());
}

#[test]
fn rename_and_link_stay_on_one_file_system() {
    let user = system();
    user.create("/a");
    user.make_directory("/d");
    let to = user.open("/d", 0).unwrap();
    directory::rename(&user, 0, b"/a", b"b", &[to]).unwrap();
    assert!(user.status("/d/b").is_ok() && user.status("/a").is_err());
    directory::link(&user, 0, b"/d/b", b"/c", &[ROOT]).unwrap();
    assert_eq!(user.status("/c").unwrap().links, 2);
    assert_eq!(
        directory::rename(&user, 0, b"/c", b"/tmp/c", &[ROOT]),
        Err(Error::CrossDevice)
    );
    assert_eq!(
        directory::rename(&user, 0, b"/c", b"/tmp", &[ROOT]).map(|_| ()),
        Err(Error::Busy),
        "a mount point"
    );
    assert_eq!(
        directory::link(&user, 0, b"/d", b"/e", &[ROOT]),
        Err(Error::NotPermitted)
    );
    for (path, at, error) in [
        ("/d", 0, Error::IsDirectory),
        ("/c", 0x200, Error::NotDirectory),
        ("/d", 0x200, Error::NotEmpty),
        ("/d/.", 0x200, Error::BadArgument),
        ("/", 0x200, Error::Busy),
    ] {
        let result = directory::unlink(&user, at, path.as_bytes(), &[]);
        assert_eq!(result, Err(error), "{path}");
    }
}

#[test]
fn devices_are_opened_where_they_are_served() {
    let user = system();
    assert_eq!(user.open("/dev/console", 2), Ok(Handle(501)));
    let names = user.names("/dev");
    for name in [".", "..", "null", "tty", "console", "shm"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    directory::make_node(
        &user,
        file_type::CHARACTER | 0o666,
        devices::number(5, 0),
        b"/terminal",
        &[],
    )
    .unwrap();
    assert_eq!(user.open("/terminal", 0), Ok(Handle(500)));
    assert_eq!(user.open("/dev/none", 0), Err(Error::NotFound));
    assert_eq!(
        user.open("/dev/new", open_flags::CREATE),
        Err(Error::ReadOnly)
    );
}

#[test]
fn memory_devices_read_and_write_as_named() {
    let user = system();
    let read = |name: &str| {
        let session = user.open(name, 2).unwrap();
        let mut words = [0; WORDS];
        (words[0], words[1], words[2]) = (operation::READ, u64::MAX, 4);
        let mut bytes = [1u8; 4];
        let request = Request {
            words,
            inputs: &[],
            outputs: &mut [&mut bytes],
            handles: &[],
        };
        let count = user.through(session).call(request).unwrap().words[0];
        (count, bytes)
    };
    assert_eq!(read("/dev/full"), (4, [0; 4]));
    assert_eq!(read("/dev/urandom"), (4, [9; 4]));
    let nothing = Request {
        words: [operation::READ, u64::MAX, 0, 0, 0, 0],
        inputs: &[],
        outputs: &mut [],
        handles: &[],
    };
    let session = user.open("/dev/urandom", 0).unwrap();
    let count = user.through(session).call(nothing).unwrap().words[0];
    assert_eq!(count, 0, "a read of no bytes lends no buffer");
    // The kernel reads and writes the others by itself.
    let settled = |name: &str| {
        let session = user.open(name, 2).unwrap();
        let world = user.world.borrow();
        world.voids[&world.data[&world.sessions[&session.0]].0]
    };
    assert!(!settled("/dev/null"));
    assert!(settled("/dev/zero"));
    let session = user.open("/dev/full", 1).unwrap();
    let mut words = [0; WORDS];
    (words[0], words[2]) = (operation::WRITE, 1);
    let request = Request {
        words,
        inputs: &[b"x"],
        outputs: &mut [],
        handles: &[],
    };
    assert_eq!(user.through(session).call(request), Err(Error::NoSpace));
}

#[test]
fn texts_of_proc_are_made_when_they_are_opened() {
    let user = system();
    let session = user.open("/proc/42/stat", 0).unwrap();
    {
        let world = user.world.borrow();
        let badge = world.sessions[&session.0];
        assert_eq!(world.contents[&world.data[&badge].0], b"text\n");
    }
    assert_eq!(user.status("/proc/42").unwrap().user, 1000);
    assert_eq!(user.status("/proc/43"), Err(Error::NotFound));
    assert_eq!(user.open("/proc/42/stat", 1), Err(Error::AccessDenied));
    assert!(user.names("/proc").contains(&"42".into()));
    let mut inside = user.clone();
    inside.identity.process = 42;
    assert!(inside.open("/proc/self/stat", 0).is_ok());
    assert_eq!(user.names("/proc/sys"), [".", "..", "kernel"]);
    assert!(user.open("/proc/sys/kernel/ostype", 0).is_ok());
    assert!(user.open("/proc/sys/../stat", 0).is_ok());
    assert_eq!(user.status("/proc/sys/nothing"), Err(Error::NotFound));
    let environment = user.status("/proc/42/environ").unwrap();
    assert_eq!(environment.mode & 0o777, 0o400, "only its owner reads it");
    let mut text = [0; 4096];
    let length = directory::mounts(&user, 0, &mut text, &[]).unwrap().words[0];
    let text = String::from_utf8(text[..length as usize].to_vec()).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("tmpfs /tmp tmpfs rw 0 0"));
}

#[test]
fn a_named_pipe_joins_its_openers_and_ends_with_them() {
    let user = system();
    directory::make_node(&user, file_type::FIFO | 0o600, 0, b"/pipe", &[]).unwrap();
    let nonblocking = open_flags::NONBLOCK;
    assert_eq!(
        user.open("/pipe", open_flags::WRITE_ONLY | nonblocking),
        Err(Error::NoDeviceAddress)
    );
    assert_eq!(user.open("/pipe", 0), Err(Error::Interrupted), "it waits");
    let writer = user.open("/pipe", open_flags::WRITE_ONLY).unwrap();
    let (token, answer) = user.world.borrow_mut().replies.pop().unwrap();
    assert_eq!(token, TOKEN);
    let reader = answer.unwrap().handles[0];
    let badge = |handle: Handle| user.world.borrow().sessions[&handle.0];
    let data = |handle: Handle| user.world.borrow().data[&badge(handle)];
    let [first, second] = [data(reader), data(writer)];
    assert_eq!(user.world.borrow().ends[&first.0], second);
    let writer_badge = badge(writer);
    user.server.borrow_mut().session_closed(writer_badge);
    let again = user
        .open("/pipe", open_flags::WRITE_ONLY | nonblocking)
        .unwrap();
    assert_eq!(data(again), second, "the end is open again");
    let both = user.open("/pipe", open_flags::READ_WRITE).unwrap();
    assert_eq!(data(both), first);
    assert_eq!(user.world.borrow().outlets[&badge(both)], second);
}

#[test]
fn opens_after_a_restart_join_the_pipes_opened_before() {
    let root = memory_file_system();
    let temporary = memory_file_system();
    let user = system_over(&root, &temporary);
    directory::make_node(&user, file_type::FIFO | 0o600, 0, b"/pipe", &[]).unwrap();
    let reader = user.open("/pipe", open_flags::NONBLOCK).unwrap();
    user.server.borrow_mut().save();
    let kernel = Fake(user.world.clone());
    *user.server.borrow_mut() = Server::new(kernel, peers(&root, &temporary)).unwrap();
    let writer = user
        .open("/pipe", open_flags::WRITE_ONLY | open_flags::NONBLOCK)
        .unwrap();
    let world = user.world.borrow();
    let data = |handle: Handle| world.data[&world.sessions[&handle.0]];
    assert_eq!(world.ends[&data(reader).0], data(writer));
}

#[test]
fn a_socket_is_bound_to_a_new_file_and_found_by_it() {
    use proto::socket_space;
    let user = system();
    assert_eq!(socket_space::find(&user, b"/s", &[]), Err(Error::NotFound));
    socket_space::bind(&user, b"/s", &[Handle(7)]).unwrap();
    let found = socket_space::find(&user, b"/s", &[]).unwrap();
    assert_eq!(found.handles[0], Handle(99));
    let again = socket_space::bind(&user, b"/s", &[Handle(7)]);
    assert_eq!(again, Err(Error::AddressInUse));
    let refused = socket_space::bind(&user, b"/t", &[Handle(13)]);
    assert_eq!(refused, Err(Error::BadArgument));
    assert_eq!(
        socket_space::find(&user, b"/t", &[]),
        Err(Error::NotFound),
        "the name went again"
    );
    let long = [b'x'; 109];
    let long = socket_space::bind(&user, &long, &[Handle(7)]);
    assert_eq!(long, Err(Error::NameTooLong));
    directory::make_node(&user, file_type::REGULAR | 0o600, 0, b"/file", &[]).unwrap();
    let file = socket_space::find(&user, b"/file", &[]);
    assert_eq!(file, Err(Error::ConnectionRefused));
}

#[test]
fn a_temporary_file_is_open_without_a_name() {
    let user = system();
    let how = open_flags::TEMPORARY | open_flags::DIRECTORY;
    assert!(user.open("/", how | open_flags::READ_WRITE).is_ok());
    assert_eq!(user.open("/", how), Err(Error::BadArgument), "to read");
    let mut entries = [0; 4096];
    let root = user.open("/", open_flags::DIRECTORY).unwrap();
    let listed = User {
        session: root,
        ..user.clone()
    };
    let length = file::read_directory(&listed, 0, &mut entries, &[])
        .unwrap()
        .words[0];
    let text = String::from_utf8_lossy(&entries[..length as usize]).into_owned();
    assert!(!text.contains("temporary"), "{text}");
}

#[test]
fn making_a_socket_is_its_familys_servers_business() {
    use proto::{socket_domain, socket_space};
    let user = system();
    let forwarded = socket_space::socket(&user, 1, 2, 0, 1, &[]);
    assert_eq!(
        forwarded,
        Err(Error::Unsupported),
        "tests do not go on there"
    );
    let words = [socket_domain::number::create, 1, 2, 0, 1, 0];
    let expected = (TOKEN, Handle(4242), words);
    assert_eq!(user.world.borrow().forwarded, [expected]);
    let unknown = socket_space::pair(&user, 2, 1, 0, 0, &[]);
    assert_eq!(unknown, Err(Error::NoAddressFamily));
}

#[test]
fn an_interrupted_open_of_a_pipe_leaves_nothing() {
    let user = system();
    directory::make_node(&user, file_type::FIFO | 0o600, 0, b"/pipe", &[]).unwrap();
    assert_eq!(user.open("/pipe", 0), Err(Error::Interrupted));
    user.server.borrow_mut().open_cancelled(TOKEN);
    let reply = user.world.borrow_mut().replies.pop();
    assert_eq!(reply, Some((TOKEN, Err(Error::Interrupted))));
    assert_eq!(
        user.open("/pipe", open_flags::WRITE_ONLY | open_flags::NONBLOCK),
        Err(Error::NoDeviceAddress)
    );
    assert!(user.server.borrow().fifos.is_empty());
}

#[test]
fn a_mount_goes_when_nothing_is_open_on_it() {
    let user = system();
    user.create("/tmp/file");
    let session = user.open("/tmp", open_flags::DIRECTORY).unwrap();
    let unmount = || directory::unmount(&user, 0, b"/tmp", &[]).map(|_| ());
    assert_eq!(unmount(), Err(Error::Busy));
    let badge = user.world.borrow().sessions[&session.0];
    user.server.borrow_mut().session_closed(badge);
    assert_eq!(
        directory::unmount(&user, 0, b"/tmp/file", &[]),
        Err(Error::BadArgument)
    );
    unmount().unwrap();
    assert_eq!(user.status("/tmp/file"), Err(Error::NotFound));
    assert_eq!(directory::unmount(&user, 0, b"/", &[]), Err(Error::Busy));
}

#[test]
fn a_request_of_another_shape_is_refused() {
    let user = system();
    let mut words = [0; WORDS];
    words[0] = directory::number::open;
    words[5] = 1;
    let request = Request {
        words,
        inputs: &[b"/"],
        outputs: &mut [],
        handles: &[],
    };
    assert_eq!(user.call(request), Err(Error::BadMessage));
    let long = Box::new([b'x'; 5000]);
    assert_eq!(
        directory::open(&user, 0, 0, &long[..], &[]),
        Err(Error::NameTooLong)
    );
    assert_eq!(user.status("/a\0b"), Err(Error::BadArgument));
}

#[test]
fn a_new_instance_goes_on_with_mounts_and_open_directories() {
    let (root, temporary) = (memory_file_system(), memory_file_system());
    let user = system_over(&root, &temporary);
    user.make_directory("/tmp/a");
    user.create("/tmp/a/file");
    let session = user.open("/tmp/a", open_flags::DIRECTORY).unwrap();
    let gone = user.open("/proc", open_flags::DIRECTORY).unwrap();
    let null = user.open("/dev/null", 0).unwrap();
    user.server.borrow_mut().save();
    // While nobody served, a session was closed.
    user.world.borrow_mut().sessions.remove(&gone.0);
    let server = Server::new(Fake(user.world.clone()), peers(&root, &temporary)).unwrap();
    assert!(!server.is_fresh());
    let next = User {
        server: Rc::new(RefCell::new(server)),
        ..user.clone()
    };
    assert_eq!(next.through(session).path(), "/tmp/a");
    assert!(next.through(session).status("file").is_ok());
    assert!(next.status("/dev/console").is_ok() && next.status("/proc/42").is_ok());
    let around = next.through(session).status("../../tmp/a/file");
    assert_eq!(around, next.status("/tmp/a/file"));
    let mut bytes = [0; Attributes::SIZE];
    file::status(&next.through(null), &mut bytes, &[]).unwrap();
    directory::rename(&next, 0, b"/tmp/a/file", b"other", &[session]).unwrap();
    let opened = next.server.borrow().opened.count();
    assert_eq!(opened, 2, "the closed session is forgotten");
    let fresh = next.open("/tmp", 0).unwrap();
    let badge = |handle: Handle| next.world.borrow().sessions[&handle.0];
    assert_ne!(badge(fresh), badge(session));
}

#[test]
fn no_damaged_state_is_taken_over() {
    let user = system();
    let state = user.server.borrow().state();
    assert!(crate::state::State::decode(&state).is_some());
    for length in 0..state.len() {
        assert!(crate::state::State::decode(&state[..length]).is_none());
    }
}
