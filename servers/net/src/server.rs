//! The server: its sockets, what comes in, and making sockets.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::message::operation;
use kernel_abi::socket::stream_flags;
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Identity, Input, Reply, file, network, socket, socket_domain};
use server_rt::{ServerCall, Service};
use socket_server::{Kernel, Record};

use crate::address::Family;
use crate::clock::Clock;
use crate::connect::Waiting;
use crate::connection::Connection;
use crate::link::{Link, instant};
use crate::nic::Nic;
use crate::packets::Sender;
use crate::settings::DEFAULT_CAPACITY;
use crate::socket::{Kind, Phase, Socket, TCP, UDP};
use crate::table::Table;

/// The badge of the name space.
pub const NAME_SPACE: u64 = 1;
/// In the cookie of a connection's stream, beside its badge; of an interface's adapter, beside its
/// number; of the timer.
pub const CONNECTION: u64 = 1 << 62;
/// As [`CONNECTION`].
pub const ADAPTER: u64 = 1 << 61;
/// As [`CONNECTION`].
pub const TIMER: u64 = 1 << 60;
/// What a socket without a connection shows (Linux; POSIX leaves it open).
pub const UNCONNECTED: Signals = Signals::WRITABLE.or(Signals::PEER_CLOSED);
/// The flags of the inbox of a socket of datagrams or packets.
const INBOX: u64 = stream_flags::SOCKET
    | stream_flags::ONE_WAY
    | stream_flags::MESSAGES
    | stream_flags::OPEN_ENDED
    | stream_flags::LOSSY;
/// `IPPROTO_ICMP` and `IPPROTO_ICMPV6`.
const ICMP: [u32; 2] = [1, 58];

/// Sockets of the internet families.
pub struct Server<K, N> {
    /// Effects.
    pub kernel: K,
    pub(crate) clock: Box<dyn Clock>,
    /// Interfaces; the loopback is none of them.
    pub(crate) links: Vec<Link<N>>,
    /// Connections with other hosts, by the badges of their sockets.
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) senders: BTreeMap<u64, Sender>,
    /// Whether something was changed that the interfaces must look at.
    pub(crate) is_stirred: bool,
    pub(crate) table: Table,
    pub(crate) waiting: Vec<Waiting>,
    /// Writing ends of inboxes and queues that were used.
    pub(crate) ways: BTreeMap<u64, Handle>,
}

/// An answer without a value.
pub(crate) fn done() -> Reply {
    Ok(Answer::default().into())
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// A server that goes on with what the last instance kept.
    pub fn new(kernel: K, clock: Box<dyn Clock>, nics: Vec<N>, seed: u64) -> Server<K, N> {
        let now = instant(clock.now_ns());
        let links = nics.into_iter().enumerate();
        let mut server = Server {
            kernel,
            clock,
            links: links
                .map(|(number, nic)| Link::new(nic, number, seed ^ number as u64, now))
                .collect(),
            connections: BTreeMap::new(),
            senders: BTreeMap::new(),
            is_stirred: true,
            table: Table::new(seed as u16),
            waiting: Vec::new(),
            ways: BTreeMap::new(),
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
            if sessions.contains(&socket.badge) {
                self.table.put(socket, slot);
            } else {
                self.kernel.clear(slot);
            }
        }
        if let Some(last) = sessions.iter().max() {
            self.table.set_last(*last);
        }
        self.rejoin_groups();
        let connecting = self
            .table
            .iter()
            .filter(|one| one.phase == Phase::Connecting);
        let connecting: Vec<u64> = connecting.map(|socket| socket.badge).collect();
        for badge in connecting {
            // A caller that waits is delivered again, and begins anew.
            self.connection_failed(badge, Error::ConnectionReset, false);
        }
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

    /// Makes a socket's session, over a connection's end or an inbox of its own.
    pub(crate) fn make(
        &mut self,
        socket: Socket,
        connection: Option<Handle>,
        status: u32,
    ) -> Result<Handle, Error> {
        let data = match (connection, socket.kind) {
            (Some(data), _) => data,
            (None, Kind::Stream) => Handle::NONE,
            (None, Kind::Datagram | Kind::Raw) => self.inbox()?,
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
            Kind::Datagram | Kind::Raw => Signals::WRITABLE,
            Kind::Stream if connection.is_some() => Signals::NONE,
            Kind::Stream => UNCONNECTED,
        };
        if !own.is_empty() {
            self.kernel.signal(socket.badge, Signals::NONE, own);
        }
        let record = socket.encode();
        let slot = self.table.insert(socket);
        self.kernel.store(slot, &record);
        Ok(session)
    }

    /// The reading end of a fresh inbox.
    fn inbox(&mut self) -> Result<Handle, Error> {
        let [reads, writes] = self.kernel.stream(INBOX, DEFAULT_CAPACITY.into())?;
        self.kernel.close(writes);
        Ok(reads)
    }

    /// What sends to a socket's inbox, or to the queue of one that listens. It is kept open.
    pub(crate) fn way_to(&mut self, badge: u64) -> Result<Handle, Error> {
        if let Some(way) = self.ways.get(&badge) {
            return Ok(*way);
        }
        let data = self.kernel.data(badge)?;
        let other = self.kernel.other_end(data);
        self.kernel.close(data);
        let way = other?;
        if let Err(error) = self.kernel.do_not_wait(way) {
            self.kernel.close(way);
            return Err(error);
        }
        self.ways.insert(badge, way);
        Ok(way)
    }

    fn check_new<C: Call + ?Sized>(
        &self,
        call: &C,
        [family, kind, protocol]: [u32; 3],
    ) -> Result<(Family, Kind, u8, Identity), Error> {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        let family = Family::from_number(family)?;
        let kind = Kind::from_number(kind)?;
        let identity = call.identity()?;
        let protocol = match (kind, protocol) {
            (Kind::Stream, 0) => TCP,
            (Kind::Stream, protocol) if protocol == u32::from(TCP) => TCP,
            (Kind::Datagram, 0) => UDP,
            (Kind::Datagram, protocol) if protocol == u32::from(UDP) => UDP,
            (Kind::Raw, 1..=254) if identity.credentials.user != 0 => {
                return Err(Error::NotPermitted);
            }
            // Others would meddle with this server's own connections.
            (Kind::Raw, protocol) if ICMP.contains(&protocol) => protocol as u8,
            _ => return Err(Error::NoProtocol),
        };
        self.table.check_limit(identity.credentials.user)?;
        Ok((family, kind, protocol, identity))
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
        } else if network::contains(number) {
            network::dispatch(self, call)
        } else if (operation::READ..=operation::SEEK).contains(&number) {
            self.transfer(call, number)
        } else {
            Err(Error::Unsupported)
        }
    }

    /// The kernel asks for what the socket's streams do not settle.
    fn transfer<C: Call + ?Sized>(&mut self, call: &C, number: u64) -> Reply {
        let badge = call.badge();
        let socket = self.table.get(badge)?;
        match (number, socket.kind) {
            (operation::SEEK, _) => Err(Error::NotSeekable),
            (operation::WRITE, Kind::Datagram | Kind::Raw) => {
                let length = call.buffer(0).ok_or(Error::BadMessage)?.0;
                let data = Input { index: 0, length };
                self.send_data(call, None, data, None)
            }
            _ => {
                self.take_error(badge)?;
                Err(match self.table.get(badge)?.phase {
                    Phase::Connecting => Error::WouldBlock,
                    _ => Error::NotConnected,
                })
            }
        }
    }

    /// Fails with what went wrong meanwhile, which is thereby told.
    pub(crate) fn take_error(&mut self, badge: u64) -> Result<(), Error> {
        match self.table.get(badge)?.error {
            0 => Ok(()),
            error => {
                self.change(badge, |socket| socket.error = 0)?;
                Err(Error::from_number(error as i32))
            }
        }
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        let Some((socket, slot)) = self.table.remove(badge) else {
            return;
        };
        self.kernel.clear(slot);
        if let Some(way) = self.ways.remove(&badge) {
            self.kernel.close(way);
        }
        if !socket.groups.is_empty() {
            self.forget_groups(&socket.groups);
        }
        match socket.kind {
            Kind::Stream if socket.phase == Phase::Listening => {
                self.refuse_waiting(badge);
                self.refuse_arriving(badge);
            }
            Kind::Stream => self.connection_closed(badge),
            Kind::Datagram => {
                self.take_outlets(badge, None);
                self.forget_sender(badge);
            }
            Kind::Raw => self.forget_sender(badge),
        }
    }
}

impl<K: Kernel, N: Nic, C: Call + ?Sized> socket_domain::SocketDomain<C> for Server<K, N> {
    fn create(
        &mut self,
        call: &mut C,
        family: u32,
        kind: u32,
        protocol: u32,
        status: u32,
    ) -> Reply {
        let (family, kind, protocol, identity) = self.check_new(call, [family, kind, protocol])?;
        let badge = self.table.badge();
        let user = identity.credentials.user;
        let made = Socket::new(badge, family, kind, protocol, user);
        let session = self.make(made, None, status)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn pair(&mut self, call: &mut C, family: u32, _: u32, _: u32, _: u32) -> Reply {
        if call.badge() != NAME_SPACE {
            return Err(Error::NotPermitted);
        }
        Family::from_number(family)?;
        Err(Error::NotSupported)
    }

    fn bind_node(&mut self, _call: &mut C, _device: u64, _node: u64, _address: Input) -> Reply {
        Err(Error::NotSupported)
    }

    fn find_node(&mut self, _call: &mut C, _device: u64, _node: u64) -> Reply {
        Err(Error::NotSupported)
    }
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// Lets the interfaces see what a message has changed.
    pub(crate) fn look_after(&mut self) {
        if self.is_stirred {
            self.take_turn();
        }
    }
}

impl<K: Kernel, N: Nic> Service for Server<K, N> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        let reply = self.serve(call);
        self.look_after();
        reply
    }
    fn closed(&mut self, badge: u64) {
        self.session_closed(badge);
        self.look_after();
    }
    fn cancelled(&mut self, token: u64) {
        self.connect_cancelled(token);
    }
    fn signalled(&mut self, cookie: u64, signals: Signals) {
        if cookie & CONNECTION != 0 {
            self.stream_signalled(cookie & !CONNECTION, signals);
        } else if cookie & ADAPTER != 0 {
            let index = (cookie & !ADAPTER) as usize;
            if let Some(link) = self.links.get_mut(index) {
                link.nic.listen();
            }
            self.is_stirred = true;
        } else if cookie & TIMER != 0 {
            self.clock.woken();
            self.is_stirred = true;
        } else {
            self.queue_has_room(cookie);
        }
        self.look_after();
    }
}
