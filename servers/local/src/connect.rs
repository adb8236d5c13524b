//! `listen` and `connect`.

use alloc::vec::Vec;
use kernel_abi::socket::{stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Outcome, Reply};

use crate::server::{DESTINATION, Server, UNCONNECTED, done};
use crate::socket::{DEFAULT_CAPACITY, Ids, Kind, Peer, Socket};
use socket_server::Kernel;

/// Most connections that wait to be accepted.
const MOST_BACKLOG: u32 = 4096;
/// What a connection costs in a queue: the message and its handle, 64 each.
const CONNECTION_COST: u64 = 128;
/// Most callers of `connect` that wait for one socket.
const MOST_WAITING: usize = 1024;
/// The flags of a queue of connections.
const QUEUE: u64 = stream_flags::SOCKET
    | stream_flags::ONE_WAY
    | stream_flags::MESSAGES
    | stream_flags::OPEN_ENDED
    | stream_flags::CONNECTIONS;

/// A caller of `connect` whose listener's queue is full.
pub(crate) struct Waiting {
    token: u64,
    /// The socket that connects.
    badge: u64,
    /// The socket that listens.
    target: u64,
    ids: Ids,
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

impl<K: Kernel> Server<K> {
    pub(crate) fn listen_on<C: Call + ?Sized>(&mut self, call: &C, backlog: u32) -> Reply {
        let badge = call.badge();
        let found = self.table.get(badge)?;
        let is_listener = found.listener.is_some();
        if found.kind == Kind::Datagram {
            return Err(Error::NotSupported);
        }
        if found.peer.is_some() {
            return Err(Error::BadArgument);
        }
        if found.name.is_empty() {
            return Err(Error::DestinationRequired);
        }
        let ids = Ids::of(&call.identity()?);
        if is_listener {
            let queue = self.kernel.data(badge)?;
            let property = stream_property::RECEIVE_CAPACITY;
            let set = self
                .kernel
                .property(queue, property, Some(queue_capacity(backlog)));
            self.kernel.close(queue);
            match set {
                // More wait already than the new backlog allows: those stay.
                Ok(_) | Err(Error::Busy) => {}
                Err(error) => return Err(error),
            }
        } else {
            let [reads, writes] = self.kernel.stream(QUEUE, queue_capacity(backlog))?;
            self.kernel.close(writes);
            self.kernel.attach(badge, reads)?;
            self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
        }
        self.change(badge, |socket| socket.listener = Some(ids))?;
        done()
    }

    /// Connects the caller's socket to another one.
    pub(crate) fn connect_socket<C: Call + ?Sized>(
        &mut self,
        call: &C,
        target: u64,
        waits: bool,
    ) -> Reply {
        let badge = call.badge();
        let socket = self.table.get(badge)?;
        let other = self
            .table
            .get(target)
            .map_err(|_| Error::ConnectionRefused)?;
        if socket.kind != other.kind {
            return Err(Error::WrongProtocolType);
        }
        if socket.kind == Kind::Datagram {
            return self.connect_datagram(badge, target);
        }
        if socket.listener.is_some() {
            return Err(Error::BadArgument);
        }
        if socket.peer.is_some() {
            return Err(Error::IsConnected);
        }
        if other.listener.is_none() {
            return Err(Error::ConnectionRefused);
        }
        let ids = Ids::of(&call.identity()?);
        match self.try_connect(badge, target, ids) {
            Err(Error::WouldBlock) if waits => {
                if self.waiting.len() >= MOST_WAITING {
                    return Err(Error::WouldBlock);
                }
                self.watch(target)?;
                self.waiting.push(Waiting {
                    token: call.token(),
                    badge,
                    target,
                    ids,
                });
                Ok(Outcome::Later)
            }
            Err(error) => Err(error),
            Ok(()) => done(),
        }
    }

    /// Makes a connection and puts it into the listener's queue.
    fn try_connect(&mut self, badge: u64, target: u64, ids: Ids) -> Result<(), Error> {
        let queue = self.way_to(target)?;
        let result = self.connect_through(queue, badge, target, ids);
        self.kernel.close(queue);
        result
    }

    /// Has [`Self::queue_has_room`] called when a listener's queue has room. The queue's handle is
    /// kept until then, because what nobody has a handle of tells nobody.
    fn watch(&mut self, target: u64) -> Result<(), Error> {
        if self.watched.contains_key(&target) {
            return Ok(());
        }
        let queue = self.way_to(target)?;
        self.watched.insert(target, queue);
        self.kernel.watch(queue, Signals::WRITABLE, target)
    }

    fn unwatch(&mut self, target: u64) {
        if let Some(queue) = self.watched.remove(&target) {
            self.kernel.close(queue);
        }
    }

    fn connect_through(
        &mut self,
        queue: Handle,
        badge: u64,
        target: u64,
        ids: Ids,
    ) -> Result<(), Error> {
        let property = |kernel: &mut K, which| kernel.property(queue, which, None);
        let queued = property(&mut self.kernel, stream_property::SEND_QUEUED)?;
        if queued >= property(&mut self.kernel, stream_property::SEND_CAPACITY)? {
            return Err(Error::WouldBlock);
        }
        let socket = self.table.get(badge)?.clone();
        let listener = self.table.get(target)?;
        let server_peer = Peer {
            badge: target,
            name: listener.name.clone(),
            ids: listener.listener.unwrap_or_default(),
        };
        let owner = listener.owner;
        self.table.check_limit(owner, 1)?;
        let flags = socket.kind.stream_flags();
        let [own, others] = self.kernel.stream(flags, DEFAULT_CAPACITY.into())?;
        let mut accepted = Socket::new(self.table.badge(), socket.kind, owner);
        accepted.accepted = true;
        accepted.peer = Some(Peer {
            badge,
            name: socket.name.clone(),
            ids,
        });
        accepted.name = server_peer.name.clone();
        let session = match self.make(accepted, Some(others), 0) {
            Ok(session) => session,
            Err(error) => {
                self.kernel.close(own);
                return Err(error);
            }
        };
        self.apply_capacities(own, socket.capacities);
        let joined = self
            .kernel
            .attach(badge, own)
            .and_then(|()| self.kernel.send_connection(queue, session, &socket.name));
        // On failure this ends the connection: its socket is closed with its only handle.
        self.kernel.close(session);
        if let Err(error) = joined {
            self.kernel.attach(badge, Handle::NONE)?;
            return Err(error);
        }
        self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
        self.change(badge, |socket| socket.peer = Some(server_peer))
    }

    fn connect_datagram(&mut self, badge: u64, target: u64) -> Reply {
        let other = self.table.get(target)?;
        // Who has chosen a peer hears no other (Linux).
        if let Some(peer) = &other.peer
            && peer.badge != badge
        {
            return Err(Error::NotPermitted);
        }
        let peer = Peer {
            badge: target,
            name: other.name.clone(),
            ids: Ids::default(),
        };
        self.send_to(badge, target)?;
        self.change(badge, |socket| socket.peer = Some(peer))?;
        done()
    }

    /// A datagram socket has no peer any more.
    pub(crate) fn disconnect(&mut self, badge: u64) -> Reply {
        if self.table.get(badge)?.kind != Kind::Datagram {
            return Err(Error::BadArgument);
        }
        self.kernel.set_outlet(badge, Handle::NONE)?;
        self.kernel.signal(badge, Signals::NONE, Signals::WRITABLE);
        self.change(badge, |socket| socket.peer = None)?;
        done()
    }

    /// The socket behind a destination that a caller was given.
    pub(crate) fn destination_badge(&self, handle: Handle) -> Result<u64, Error> {
        let object = self.kernel.object(handle)?;
        let badge = self.table.badge_of(object)?;
        match badge & DESTINATION {
            0 => Err(Error::BadArgument),
            _ => Ok(badge & !DESTINATION),
        }
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
            match self.try_connect(waiting.badge, target, waiting.ids) {
                Err(Error::WouldBlock) => {
                    full = true;
                    rest.push(waiting);
                }
                result => self
                    .kernel
                    .reply(waiting.token, result.map(|()| Answer::default())),
            }
        }
        self.waiting = rest;
        self.unwatch(target);
        if full && self.watch(target).is_err() {
            self.refuse_waiting(target);
        }
    }

    /// The caller of `connect` was interrupted.
    pub(crate) fn connect_cancelled(&mut self, token: u64) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.token != token);
        if self.waiting.len() != before {
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }

    /// The listener is gone.
    pub(crate) fn refuse_waiting(&mut self, target: u64) {
        self.unwatch(target);
        let (refused, rest) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.target == target);
        self.waiting = rest;
        let refused: Vec<Waiting> = refused;
        for waiting in refused {
            self.kernel
                .reply(waiting.token, Err(Error::ConnectionRefused));
        }
    }
}
