//! `listen` and `connect`. A connection between two sockets of this host is a stream between their
//! sessions, and nothing of it comes here any more.

use alloc::vec::Vec;
use core::net::SocketAddr;
use kernel_abi::socket::{stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Outcome, Reply};
use socket_server::Kernel;

use crate::address;
use crate::nic::Nic;
use crate::server::{Server, UNCONNECTED, done};
use crate::socket::{Kind, Phase, Socket, TCP};

/// Most connections that wait to be accepted.
const MOST_BACKLOG: u32 = 4096;
/// What a connection costs in a queue: the message and its handle, 64 each.
const CONNECTION_COST: u64 = 128;
/// Most sockets that wait for room in a queue.
const MOST_WAITING: usize = 1024;
/// The flags of a queue of connections.
const QUEUE: u64 = stream_flags::SOCKET
    | stream_flags::ONE_WAY
    | stream_flags::MESSAGES
    | stream_flags::OPEN_ENDED
    | stream_flags::CONNECTIONS;

/// A socket whose listener's queue is full.
pub(crate) struct Waiting {
    /// The call to answer; `None`: it was told that its connection is on its way.
    token: Option<u64>,
    /// The socket that connects.
    badge: u64,
    /// The socket that listens.
    target: u64,
}

/// A queue holds one connection more than the backlog says, so that 0 is not useless.
fn queue_capacity(backlog: u32) -> u64 {
    // C's argument is an int; a negative one counts as 0 (POSIX).
    let backlog = if backlog > i32::MAX as u32 {
        0
    } else {
        backlog
    };
    u64::from(backlog.min(MOST_BACKLOG)) * CONNECTION_COST + 1
}

impl<K: Kernel, N: Nic> Server<K, N> {
    pub(crate) fn listen_on(&mut self, badge: u64, backlog: u32) -> Reply {
        let socket = self.table.get(badge)?;
        if socket.kind != Kind::Stream {
            return Err(Error::NotSupported);
        }
        match socket.phase {
            Phase::Listening => self.change_backlog(badge, backlog)?,
            Phase::Fresh => {
                self.ensure_port(badge)?;
                self.check_listen(badge)?;
                let [reads, writes] = self.kernel.stream(QUEUE, queue_capacity(backlog))?;
                self.kernel.close(writes);
                self.kernel.attach(badge, reads)?;
                self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
                self.change(badge, |socket| socket.phase = Phase::Listening)?;
            }
            Phase::Connecting | Phase::Connected => return Err(Error::BadArgument),
        }
        done()
    }

    /// Two sockets that share a port by `SO_REUSEADDR` cannot both listen.
    fn check_listen(&self, badge: u64) -> Result<(), Error> {
        let socket = self.table.get(badge)?;
        self.table.check_free(badge, socket.local)
    }

    fn change_backlog(&mut self, badge: u64, backlog: u32) -> Result<(), Error> {
        let queue = self.way_to(badge)?;
        let property = stream_property::SEND_CAPACITY;
        let set = self
            .kernel
            .property(queue, property, Some(queue_capacity(backlog)));
        match set {
            // More wait already than the new backlog allows: those stay.
            Ok(_) | Err(Error::Busy) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Connects the caller's socket to an address.
    pub(crate) fn connect_socket<C: Call + ?Sized>(
        &mut self,
        call: &C,
        mut to: SocketAddr,
        waits: bool,
    ) -> Reply {
        let badge = call.badge();
        let socket = self.table.get(badge)?;
        if to.is_ipv4() && socket.settings.is_v6_only() {
            return Err(Error::NetworkUnreachable);
        }
        if to.ip().is_unspecified() {
            // "This host", as BSD has it.
            to.set_ip(address::loopback_like(to.ip()));
        }
        if socket.kind != Kind::Stream {
            return self.connect_datagrams(badge, to);
        }
        match socket.phase {
            Phase::Fresh => {}
            Phase::Connecting => return Err(Error::AlreadyInProgress),
            Phase::Listening | Phase::Connected => return Err(Error::IsConnected),
        }
        if call.redelivered() {
            self.change(badge, |socket| socket.error = 0)?;
        }
        self.take_error(badge)?;
        let source = self.source_for(to)?;
        let socket = self.table.get(badge)?;
        let mut from = SocketAddr::new(socket_source(socket, source)?, socket.local.port());
        if from.port() == 0 {
            from.set_port(self.table.free_port(badge)?);
        }
        if !self.is_own(to.ip()) {
            return self.connect_there(call, from, to, waits);
        }
        let target = self.table.listener(to, from);
        let target = target.ok_or(Error::ConnectionRefused)?;
        self.connect_here(call.token(), badge, (from, to, target), waits)
    }

    /// Connects to a socket that listens on this host.
    fn connect_here(
        &mut self,
        token: u64,
        badge: u64,
        (from, to, target): (SocketAddr, SocketAddr, u64),
        waits: bool,
    ) -> Reply {
        match self.join(badge, (from, to), target) {
            Err(Error::WouldBlock) => {}
            Err(error) => return Err(error),
            Ok(()) => return done(),
        }
        if self.waiting.len() >= MOST_WAITING {
            return Err(Error::TimedOut);
        }
        self.watch_queue(target)?;
        self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
        self.change(badge, |socket| {
            socket.local = from;
            socket.peer = Some(to);
            socket.phase = Phase::Connecting;
        })?;
        self.waiting.push(Waiting {
            token: waits.then_some(token),
            badge,
            target,
        });
        if waits {
            Ok(Outcome::Later)
        } else {
            Err(Error::InProgress)
        }
    }

    /// Makes a connection and puts it into the listener's queue.
    fn join(
        &mut self,
        badge: u64,
        (here, there): (SocketAddr, SocketAddr),
        target: u64,
    ) -> Result<(), Error> {
        let queue = self.way_to(target)?;
        let settings = &self.table.get(badge)?.settings;
        let (capacity, resets) = (settings.capacities[0], settings.resets());
        let [own, others] = self.kernel.stream(stream_flags::SOCKET, capacity.into())?;
        if resets {
            self.kernel
                .property(own, stream_property::RESETS, Some(1))?;
        }
        let accepted = self.table.badge();
        let joined = self
            .accept_for(target, accepted, (here, there), others)
            .and_then(|session| self.enqueue(queue, target, session, here));
        if let Err(error) = joined {
            self.kernel.close(own);
            return Err(error);
        }
        self.kernel.attach(badge, own)?;
        self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
        self.change(badge, |socket| {
            socket.local = here;
            socket.peer = Some(there);
            socket.phase = Phase::Connected;
        })
    }

    /// Puts an accepted socket (its session is moved) into its listener's queue; without room its
    /// connection ends with it.
    fn enqueue(
        &mut self,
        queue: Handle,
        target: u64,
        session: Handle,
        peer: SocketAddr,
    ) -> Result<(), Error> {
        let name = address::encode(peer, self.table.get(target)?.family);
        let sent = self.kernel.send_connection(queue, session, &name);
        self.kernel.close(session);
        sent
    }

    /// Fails with `WouldBlock` when a queue is full.
    pub(crate) fn check_room(&mut self, queue: Handle) -> Result<(), Error> {
        let mut property = |which| self.kernel.property(queue, which, None);
        if property(stream_property::SEND_QUEUED)? >= property(stream_property::SEND_CAPACITY)? {
            return Err(Error::WouldBlock);
        }
        Ok(())
    }

    /// The session of the socket that a listener's owner is to accept, over an end of the
    /// connection (moved).
    pub(crate) fn accept_for(
        &mut self,
        target: u64,
        badge: u64,
        (peer, local): (SocketAddr, SocketAddr),
        end: Handle,
    ) -> Result<Handle, Error> {
        let listener = self.table.get(target)?;
        let (owner, family) = (listener.owner, listener.family);
        let settings = listener.settings.clone();
        if let Err(error) = self.table.check_limit(owner) {
            self.kernel.close(end);
            return Err(error);
        }
        let mut accepted = Socket::new(badge, family, Kind::Stream, TCP, owner);
        accepted.accepted = true;
        accepted.phase = Phase::Connected;
        accepted.local = local;
        accepted.peer = Some(peer);
        if settings.resets() {
            self.kernel
                .property(end, stream_property::RESETS, Some(1))?;
        }
        accepted.settings = settings;
        self.make(accepted, Some(end), 0)
    }

    /// Has [`Self::queue_has_room`] called when a listener's queue has room.
    pub(crate) fn watch_queue(&mut self, target: u64) -> Result<(), Error> {
        let queue = self.way_to(target)?;
        self.kernel.watch(queue, Signals::WRITABLE, target)
    }

    /// A queue has room: those who wait for it go on, in their order.
    pub(crate) fn queue_has_room(&mut self, target: u64) {
        let mut rest = Vec::new();
        let mut full = false;
        for waiting in core::mem::take(&mut self.waiting) {
            if waiting.target != target || full {
                rest.push(waiting);
                continue;
            }
            let ends = self
                .table
                .get(waiting.badge)
                .map(|one| (one.local, one.peer));
            let joined = match ends {
                Ok((local, Some(peer))) => self.join(waiting.badge, (local, peer), target),
                _ => Err(Error::NotConnected),
            };
            match joined {
                Err(Error::WouldBlock) => {
                    full = true;
                    rest.push(waiting);
                }
                result => self.connected(&waiting, result),
            }
        }
        self.waiting = rest;
        if full && self.watch_queue(target).is_err() {
            self.refuse_waiting(target);
        }
    }

    /// A socket's wait for a queue is over.
    fn connected(&mut self, waiting: &Waiting, result: Result<(), Error>) {
        if let Err(error) = result {
            self.connection_failed(waiting.badge, error, waiting.token.is_some());
        }
        if let Some(token) = waiting.token {
            let result = result.map(|()| Answer::default());
            self.kernel.reply(token, result);
        }
    }

    /// A socket's attempt to connect has failed; `SO_ERROR` says so unless its caller is told.
    pub(crate) fn connection_failed(&mut self, badge: u64, error: Error, is_told: bool) {
        let number = if is_told { 0 } else { error as u32 };
        let changed = self.change(badge, |socket| {
            socket.phase = Phase::Fresh;
            socket.peer = None;
            socket.is_remote = false;
            socket.error = number;
        });
        if changed.is_ok() {
            let raised = match is_told {
                true => UNCONNECTED,
                false => UNCONNECTED.or(Signals::READABLE).or(Signals::ERROR),
            };
            self.kernel.signal(badge, Signals::NONE, raised);
        }
    }

    /// The caller of `connect` was interrupted: its connection is made nevertheless (POSIX).
    pub(crate) fn connect_cancelled(&mut self, token: u64) {
        let found = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.token == Some(token));
        if let Some(waiting) = found {
            waiting.token = None;
            self.kernel.reply(token, Err(Error::Interrupted));
        } else {
            self.opening_cancelled(token);
        }
    }

    /// The listener is gone.
    pub(crate) fn refuse_waiting(&mut self, target: u64) {
        let (refused, rest): (Vec<_>, Vec<_>) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.target == target);
        self.waiting = rest;
        for waiting in refused {
            self.connected(&waiting, Err(Error::ConnectionRefused));
        }
    }
}

/// The address that a socket speaks from when `source` is the one that reaches its peer.
fn socket_source(socket: &Socket, source: core::net::IpAddr) -> Result<core::net::IpAddr, Error> {
    let own = socket.local.ip();
    if own.is_unspecified() {
        return Ok(source);
    }
    match address::is_alike(own, source) {
        true => Ok(own),
        false => Err(Error::BadArgument),
    }
}
