//! The server: its sockets, what comes in, and making sockets.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::message::operation;
use kernel_abi::socket::stream_flags;
use kernel_abi::{Handle, Signals};
use proto::types::{Plain, file_type};
use proto::{
    Answer, Attributes, Call, Error, Identity, Input, Output, Reply, file, socket, socket_domain,
};
use server_rt::{ServerCall, Service};

use crate::connect::Waiting;
use crate::socket::{DEFAULT_CAPACITY, Ids, Kind, MAX_ADDRESS, Peer, Socket};
use crate::table::Table;
use socket_server::{Kernel, Record};

/// The family's number.
pub const FAMILY: u32 = 1;
/// Set in the badge of a destination, beside the badge of its socket.
pub const DESTINATION: u64 = 1 << 62;
/// The badge of the name space.
pub const NAME_SPACE: u64 = 1;
/// What a socket without a stream shows (Linux; POSIX leaves it open).
pub const UNCONNECTED: Signals = Signals::WRITABLE.or(Signals::PEER_CLOSED);
/// The flags of a datagram socket's inbox.
const INBOX: u64 = stream_flags::SOCKET
    | stream_flags::ONE_WAY
    | stream_flags::MESSAGES
    | stream_flags::OPEN_ENDED;

/// Local sockets.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    pub(crate) table: Table,
    pub(crate) waiting: Vec<Waiting>,
    /// Queues of those that callers of `connect` wait for.
    pub(crate) watched: BTreeMap<u64, Handle>,
}

/// An answer without a value.
pub(crate) fn done() -> Reply {
    Ok(Answer::default().into())
}

/// Copies a whole address in: a family and what follows it.
pub(crate) fn address_of<C: Call + ?Sized>(call: &C, input: Input) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(input.length).unwrap_or(usize::MAX);
    if !(2..=MAX_ADDRESS).contains(&length) {
        return Err(Error::BadArgument);
    }
    let mut bytes = alloc::vec![0; length];
    if call.read(input, 0, &mut bytes)? != length {
        return Err(Error::BadAddress);
    }
    Ok(bytes)
}

impl<K: Kernel> Server<K> {
    /// A server that goes on with what the last instance kept.
    pub fn new(kernel: K) -> Server<K> {
        let mut server = Server {
            kernel,
            table: Table::default(),
            waiting: Vec::new(),
            watched: BTreeMap::new(),
        };
        server.restore();
        server
    }

    fn restore(&mut self) {
        let sessions = self.kernel.sessions();
        for slot in 0..self.kernel.records() {
            let record = self.kernel.load(slot);
            let Some(socket) = record.and_then(|record| Socket::decode(&record)) else {
                continue;
            };
            match self.object_of(socket.badge) {
                Ok(object) if sessions.contains(&socket.badge) => {
                    self.table.put(socket, object, slot);
                }
                _ => self.kernel.clear(slot),
            }
        }
        for &badge in &sessions {
            self.table.set_last(badge & !DESTINATION);
            if badge & DESTINATION != 0
                && let Ok(object) = self.object_of(badge)
            {
                self.table.name_object(object, badge);
            }
        }
    }

    /// The object of an own session.
    pub(crate) fn object_of(&mut self, badge: u64) -> Result<u64, Error> {
        let session = self.kernel.session_open(badge)?;
        let object = self.kernel.object(session);
        self.kernel.close(session);
        object
    }

    /// Changes a socket and its record.
    pub(crate) fn change(
        &mut self,
        badge: u64,
        change: impl FnOnce(&mut Socket),
    ) -> Result<(), Error> {
        let (slot, record) = self.table.change(badge, change)?;
        self.kernel.store(slot, &record);
        Ok(())
    }

    /// Makes a socket's session, over a stream's end or an inbox of its own.
    pub(crate) fn make(
        &mut self,
        mut socket: Socket,
        data: Option<Handle>,
        status: u32,
    ) -> Result<Handle, Error> {
        let connected = data.is_some();
        let data = match data {
            Some(data) => data,
            None if socket.kind == Kind::Datagram => self.inbox()?,
            None => Handle::NONE,
        };
        let status = socket.kind.status(status);
        let session = match self.kernel.session_create(socket.badge, data, status) {
            Ok(session) => session,
            Err(error) => {
                self.kernel.close(data);
                return Err(error);
            }
        };
        let own = match socket.kind {
            Kind::Datagram => Signals::WRITABLE,
            _ if connected => Signals::NONE,
            _ => UNCONNECTED,
        };
        self.kernel.signal(socket.badge, Signals::NONE, own);
        socket.capacities = [DEFAULT_CAPACITY; 2];
        let record = socket.encode();
        let object = self.kernel.object(session)?;
        let slot = self.table.insert(socket, object);
        self.kernel.store(slot, &record);
        Ok(session)
    }

    /// The reading end of a fresh inbox.
    fn inbox(&mut self) -> Result<Handle, Error> {
        let [reads, writes] = self.kernel.stream(INBOX, DEFAULT_CAPACITY.into())?;
        self.kernel.close(writes);
        Ok(reads)
    }

    /// What sends to a datagram socket's inbox.
    pub(crate) fn way_to(&mut self, badge: u64) -> Result<Handle, Error> {
        let data = self.kernel.data(badge)?;
        let other = self.kernel.other_end(data);
        self.kernel.close(data);
        other
    }

    fn check_new<C: Call + ?Sized>(
        &self,
        call: &C,
        [family, kind, protocol]: [u32; 3],
        count: usize,
    ) -> Result<(Kind, Identity), Error> {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        if family != FAMILY {
            return Err(Error::NoAddressFamily);
        }
        let kind = Kind::from_number(kind)?;
        if protocol != 0 && protocol != FAMILY {
            return Err(Error::NoProtocol);
        }
        let identity = call.identity()?;
        self.table.check_limit(identity.credentials.user, count)?;
        Ok((kind, identity))
    }

    /// Two sockets that are each other's peer.
    fn make_pair(
        &mut self,
        kind: Kind,
        identity: &Identity,
        status: u32,
    ) -> Result<[Handle; 2], Error> {
        let badges = [self.table.badge(), self.table.badge()];
        let mut ends = [None; 2];
        if kind != Kind::Datagram {
            let flags = kind.stream_flags();
            ends = self
                .kernel
                .stream(flags, DEFAULT_CAPACITY.into())?
                .map(Some);
        }
        let user = identity.credentials.user;
        let mut sessions = [Handle::NONE; 2];
        for side in 0..2 {
            let mut made = Socket::new(badges[side], kind, user);
            made.peer = Some(Peer {
                badge: badges[1 - side],
                name: Vec::new(),
                ids: Ids::of(identity),
            });
            match self.make(made, ends[side].take(), status) {
                Ok(session) => sessions[side] = session,
                Err(error) => {
                    let rest = ends.into_iter().flatten().chain(sessions);
                    rest.for_each(|handle| self.kernel.close(handle));
                    return Err(error);
                }
            }
        }
        if kind == Kind::Datagram {
            for side in 0..2 {
                self.send_to(badges[side], badges[1 - side])?;
            }
        }
        Ok(sessions)
    }

    /// Has a datagram socket write to another's inbox.
    pub(crate) fn send_to(&mut self, badge: u64, target: u64) -> Result<(), Error> {
        let way = self.way_to(target)?;
        self.kernel.set_outlet(badge, way)?;
        self.kernel.signal(badge, Signals::WRITABLE, Signals::NONE);
        Ok(())
    }

    /// Serves a call of any interface.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        if socket::contains(number) {
            socket::dispatch(self, call)
        } else if socket_domain::contains(number) {
            socket_domain::dispatch(self, call)
        } else if file::contains(number) {
            file::dispatch(self, call)
        } else if (operation::READ..=operation::SEEK).contains(&number) {
            self.transfer(call.badge(), number)
        } else {
            Err(Error::Unsupported)
        }
    }

    /// The kernel asks for what the socket's streams do not settle.
    fn transfer(&self, badge: u64, number: u64) -> Reply {
        let kind = self.table.get(badge)?.kind;
        Err(match (number, kind) {
            (operation::SEEK, _) => Error::NotSeekable,
            (operation::WRITE, Kind::Datagram) => Error::DestinationRequired,
            _ => Error::NotConnected,
        })
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        if badge & DESTINATION != 0 {
            self.table.forget_object(badge);
            return;
        }
        if let Some((socket, slot)) = self.table.remove(badge) {
            self.kernel.clear(slot);
            if socket.listener.is_some() {
                self.refuse_waiting(badge);
            }
        }
    }
}

impl<K: Kernel, C: Call + ?Sized> socket_domain::SocketDomain<C> for Server<K> {
    fn create(
        &mut self,
        call: &mut C,
        family: u32,
        kind: u32,
        protocol: u32,
        status: u32,
    ) -> Reply {
        let (kind, identity) = self.check_new(call, [family, kind, protocol], 1)?;
        let badge = self.table.badge();
        let made = Socket::new(badge, kind, identity.credentials.user);
        let session = self.make(made, None, status)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn pair(&mut self, call: &mut C, family: u32, kind: u32, protocol: u32, status: u32) -> Reply {
        let (kind, identity) = self.check_new(call, [family, kind, protocol], 2)?;
        let [first, second] = self.make_pair(kind, &identity, status)?;
        let answer = Answer::default().with_handle(first).with_handle(second);
        Ok(answer.into())
    }

    fn bind_node(&mut self, call: &mut C, device: u64, node: u64, address: Input) -> Reply {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        let handle = *call.handles().first().ok_or(Error::BadMessage)?;
        let address = address_of(call, address)?;
        self.bind_to_node(handle, (device, node), address)
    }

    fn find_node(&mut self, call: &mut C, device: u64, node: u64) -> Reply {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        self.find_by_node(device, node)
    }
}

impl<K: Kernel, C: Call + ?Sized> file::File<C> for Server<K> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let socket = self.table.get(call.badge())?;
        let found = Attributes {
            node: socket.badge,
            mode: file_type::SOCKET | 0o777,
            links: 1,
            user: socket.owner,
            block_size: 4096,
            ..Attributes::default()
        };
        let mut bytes = [0; Attributes::SIZE];
        found.encode(&mut bytes).ok_or(Error::BadArgument)?;
        call.write(attributes, 0, &bytes)?;
        done()
    }

    fn truncate(&mut self, _call: &mut C, _length: u64) -> Reply {
        Err(Error::BadArgument)
    }

    fn sync(&mut self, _call: &mut C, _data_only: u32) -> Reply {
        Err(Error::BadArgument)
    }

    fn read_directory(&mut self, _call: &mut C, _cursor: u64, _entries: Output) -> Reply {
        Err(Error::NotDirectory)
    }

    fn map(&mut self, _call: &mut C, _protection: u32) -> Reply {
        Err(Error::NoDevice)
    }

    fn control(
        &mut self,
        _call: &mut C,
        _request: u64,
        _argument: u64,
        _data: Input,
        _result: Output,
    ) -> Reply {
        Err(Error::NotTerminal)
    }

    fn allocate(&mut self, _call: &mut C, _mode: u32, _offset: u64, _length: u64) -> Reply {
        Err(Error::NotSeekable)
    }
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        self.serve(call)
    }
    fn closed(&mut self, badge: u64) {
        self.session_closed(badge);
    }
    fn cancelled(&mut self, token: u64) {
        self.connect_cancelled(token);
    }
    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        self.queue_has_room(cookie);
    }
}
