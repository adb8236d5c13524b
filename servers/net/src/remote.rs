//! Connections with other hosts: smoltcp speaks TCP, and the bytes go on through a stream between this
//! server and the socket's session.

use alloc::vec::Vec;
use core::net::SocketAddr;
use kernel_abi::socket::{stream_flags, stream_property};
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Outcome, Reply};
use smoltcp::socket::tcp;
use socket_server::Kernel;

use crate::address;
use crate::connection::{CONNECT_TIMEOUT_S, Connection, Stage, apply};
use crate::link::{Request, seconds};
use crate::nic::Nic;
use crate::server::{CONNECTION, Server, UNCONNECTED};
use crate::settings::Settings;
use crate::socket::Phase;

/// Bytes of a connection's buffer each way while there is plenty, and at least. One of more than 64 KiB
/// takes memory only as far as it is used.
const BUFFERS: [usize; 2] = [4096, 128 * 1024];
/// Bytes that the buffers of all connections may have, beyond the least.
const MOST_BUFFERS: usize = 16 << 20;
/// Most connections on their way to a socket that listens, in all.
const MOST_ARRIVING: usize = 512;
/// Most connections that their programs have closed and that are not over yet.
const MOST_CLOSED: usize = 512;
/// How long one that was asked for there may be without the answer that completes it, s.
const ANSWER_TIMEOUT_S: u64 = 30;
/// How long it is tried to tell the other side that a connection is over, ns.
const TELLING_NS: u64 = 1_000_000_000;
/// How long one that its program has closed waits for the other side, ns.
const END_TIMEOUT_NS: u64 = 60_000_000_000;

impl<K: Kernel, N: Nic> Server<K, N> {
    /// A buffer's size: the more there are, the smaller is the next.
    fn buffer_size(&self, wanted: u32) -> usize {
        let used: usize = self.connections.values().map(|found| found.room).sum();
        let share = MOST_BUFFERS.saturating_sub(used) / 32;
        let [least, most] = BUFFERS;
        share.min(wanted as usize).clamp(least, most)
    }

    fn tcp_socket(&self, settings: &Settings) -> (tcp::Socket<'static>, usize) {
        let [send, receive] = settings.capacities.map(|wanted| self.buffer_size(wanted));
        let buffer = |size| tcp::SocketBuffer::new(alloc::vec![0; size]);
        let mut socket = tcp::Socket::new(buffer(receive), buffer(send));
        socket.set_congestion_control(tcp::CongestionControl::Reno);
        apply(&mut socket, settings);
        (socket, send + receive)
    }

    /// Begins a connection with another host.
    pub(crate) fn connect_there<C: Call + ?Sized>(
        &mut self,
        call: &C,
        from: SocketAddr,
        to: SocketAddr,
        waits: bool,
    ) -> Reply {
        let badge = call.badge();
        let link = self.link_to(to).ok_or(Error::NetworkUnreachable)?;
        self.make_room();
        let settings = self.table.get(badge)?.settings.clone();
        let (socket, room) = self.tcp_socket(&settings);
        let there = self.links.get_mut(link).ok_or(Error::NetworkUnreachable)?;
        let handle = there.sockets.add(socket);
        if !there.connect(handle, from, to) {
            there.sockets.remove(handle);
            return Err(Error::AddressNotAvailable);
        }
        there
            .tcp(handle)
            .set_timeout(Some(seconds(CONNECT_TIMEOUT_S)));
        let stage = Stage::Opening(waits.then(|| call.token()));
        let began_ns = self.clock.now_ns();
        let made = Connection::new((link, handle), stage, (from, to), (room, began_ns));
        self.connections.insert(badge, made);
        self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
        self.change(badge, |socket| {
            socket.local = from;
            socket.peer = Some(to);
            socket.phase = Phase::Connecting;
            socket.is_remote = true;
        })?;
        self.is_stirred = true;
        if waits {
            Ok(Outcome::Later)
        } else {
            Err(Error::InProgress)
        }
    }

    /// The caller of `connect` was interrupted: its connection is made nevertheless (POSIX).
    pub(crate) fn opening_cancelled(&mut self, token: u64) {
        let mut all = self.connections.values_mut();
        let found = all.find(|found| found.stage == Stage::Opening(Some(token)));
        if let Some(found) = found {
            found.stage = Stage::Opening(None);
            self.kernel.reply(token, Err(Error::Interrupted));
        }
    }

    /// A segment asks for a connection: makes a socket of smoltcp that will take it, if somebody
    /// listens. One that takes it not is taken away by [`Self::settle_request`].
    pub(crate) fn admit(&mut self, link: usize, request: Request) -> Option<u64> {
        let listener = self.table.listener(request.to, request.from)?;
        let pair = (request.to, request.from);
        let known = |found: &Connection| (found.local, found.peer) == pair;
        if self.connections.values().any(known) {
            return None;
        }
        self.make_room();
        let settings = self.table.get(listener).ok()?.settings.clone();
        let (mut socket, room) = self.tcp_socket(&settings);
        socket.listen(request.to).ok()?;
        socket.set_timeout(Some(seconds(ANSWER_TIMEOUT_S)));
        let handle = self.links.get_mut(link)?.sockets.add(socket);
        let badge = self.table.badge();
        let stage = Stage::Arriving(listener);
        let began_ns = self.clock.now_ns();
        let made = Connection::new((link, handle), stage, pair, (room, began_ns));
        self.connections.insert(badge, made);
        Some(badge)
    }

    /// A flood of requests drives out the oldest that was not answered, and one of short connections
    /// the oldest that its program has closed.
    fn make_room(&mut self) {
        let is_arriving = |found: &Connection| matches!(found.stage, Stage::Arriving(_));
        self.drive_out(MOST_ARRIVING, is_arriving);
        self.drive_out(MOST_CLOSED, |found| found.closed_ns.is_some());
    }

    /// Takes the oldest connection of a kind away when there are so many.
    fn drive_out(&mut self, most: usize, is_kind: impl Fn(&Connection) -> bool) {
        let all = self.connections.iter();
        let mut those = all
            .filter(|(_, found)| is_kind(found))
            .map(|(badge, _)| *badge);
        // Badges grow with time.
        if let Some(oldest) = those.next()
            && those.count() + 1 >= most
        {
            self.forget_connection(oldest);
        }
    }

    /// The segment was processed: did its socket take it?
    pub(crate) fn settle_request(&mut self, badge: u64) {
        let state = self.state_of(badge);
        if matches!(state, Some(tcp::State::Listen | tcp::State::Closed)) {
            self.forget_connection(badge);
        }
    }

    fn state_of(&mut self, badge: u64) -> Option<tcp::State> {
        let found = self.connections.get(&badge)?;
        let link = self.links.get_mut(found.link)?;
        Some(link.tcp(found.handle).state())
    }

    /// Takes a connection away; the other side is told at its next segment.
    pub(crate) fn forget_connection(&mut self, badge: u64) {
        let Some(found) = self.connections.remove(&badge) else {
            return;
        };
        if let Some(link) = self.links.get_mut(found.link) {
            link.sockets.remove(found.handle);
        }
        if let Some(end) = found.end {
            self.kernel.close(end);
        }
    }

    /// The program has closed a connection's socket: what it has written is sent yet.
    pub(crate) fn connection_closed(&mut self, badge: u64) {
        let now_ns = self.clock.now_ns();
        let Some(found) = self.connections.get_mut(&badge) else {
            return;
        };
        found.closed_ns = Some(now_ns);
        found.may_read = true;
        self.is_stirred = true;
        if found.stage != Stage::Flowing {
            self.abort(badge);
        }
    }

    fn abort(&mut self, badge: u64) {
        if let Some(found) = self.connections.get(&badge)
            && let Some(link) = self.links.get_mut(found.link)
        {
            link.tcp(found.handle).abort();
        }
    }

    /// A socket that listens is gone: what was on its way to it is refused.
    pub(crate) fn refuse_arriving(&mut self, listener: u64) {
        let of_it = self.connections.iter();
        let those: Vec<u64> = of_it
            .filter(|(_, found)| found.stage == Stage::Arriving(listener))
            .map(|(badge, _)| *badge)
            .collect();
        for badge in those {
            self.abort(badge);
        }
        self.is_stirred = true;
    }

    /// An option of a connection has changed.
    pub(crate) fn apply_settings(&mut self, badge: u64) {
        let Ok(settings) = self.table.get(badge).map(|socket| socket.settings.clone()) else {
            return;
        };
        if let Some(found) = self.connections.get(&badge)
            && let Some(link) = self.links.get_mut(found.link)
        {
            apply(link.tcp(found.handle), &settings);
        }
    }

    /// A connection's stream has something to say.
    pub(crate) fn stream_signalled(&mut self, badge: u64, signals: Signals) {
        if let Some(found) = self.connections.get_mut(&badge) {
            found.may_read |= !signals.and(Signals::READABLE).is_empty();
            found.may_write |= !signals.and(Signals::WRITABLE).is_empty();
        }
        self.is_stirred = true;
    }

    /// Looks after every connection.
    pub(crate) fn tend_connections(&mut self) {
        let all: Vec<u64> = self.connections.keys().copied().collect();
        for badge in all {
            self.tend(badge);
        }
    }

    fn tend(&mut self, badge: u64) {
        let (Some(state), Some(found)) = (self.state_of(badge), self.connections.get(&badge))
        else {
            return;
        };
        let stage = found.stage;
        let is_made = matches!(state, tcp::State::Established | tcp::State::CloseWait);
        match stage {
            Stage::Opening(token) if is_made => self.opened(badge, token),
            Stage::Opening(token) if self.is_over(badge) => self.failed(badge, token),
            Stage::Arriving(listener) if is_made => self.arrived(badge, listener),
            Stage::Arriving(_) if self.is_over(badge) => self.forget_connection(badge),
            Stage::Flowing => self.pump(badge, state),
            Stage::Opening(_) | Stage::Arriving(_) => {}
        }
    }

    /// Makes a connection's stream; returns the program's end.
    fn make_stream(&mut self, badge: u64) -> Result<Handle, Error> {
        let capacity = self
            .connections
            .get(&badge)
            .map_or(0, |found| found.room / 2);
        let capacity = capacity.max(BUFFERS[0]) as u64;
        let [own, theirs] = self.kernel.stream(stream_flags::SOCKET, capacity)?;
        // Should this server die, the connection is reset.
        let set = self
            .kernel
            .property(own, stream_property::RESETS, Some(1))
            .and_then(|_| self.kernel.do_not_wait(own));
        if let Err(error) = set {
            self.kernel.close(own);
            self.kernel.close(theirs);
            return Err(error);
        }
        if let Some(found) = self.connections.get_mut(&badge) {
            found.end = Some(own);
            found.stage = Stage::Flowing;
        }
        Ok(theirs)
    }

    /// A connection that was asked for here is made.
    fn opened(&mut self, badge: u64, token: Option<u64>) {
        let joined = self.make_stream(badge).and_then(|theirs| {
            if self.table.get(badge)?.settings.resets() {
                self.kernel
                    .property(theirs, stream_property::RESETS, Some(1))?;
            }
            self.kernel.attach(badge, theirs)?;
            self.kernel.signal(badge, UNCONNECTED, Signals::NONE);
            self.change(badge, |socket| socket.phase = Phase::Connected)
        });
        if joined.is_err() {
            self.abort(badge);
            return self.failed(badge, token);
        }
        self.apply_settings(badge);
        if let Some(token) = token {
            self.kernel.reply(token, Ok(Answer::default()));
        }
        self.pump(badge, tcp::State::Established);
    }

    /// A connection that was asked for here is not made.
    fn failed(&mut self, badge: u64, token: Option<u64>) {
        let was_heard = self.connections.get(&badge).is_some_and(|found| {
            found.closed_ns.is_none() && self.clock.now_ns() < found.opened_limit()
        });
        self.forget_connection(badge);
        let error = if was_heard {
            Error::ConnectionRefused
        } else {
            Error::TimedOut
        };
        self.connection_failed(badge, error, token.is_some());
        if let Some(token) = token {
            self.kernel.reply(token, Err(error));
        }
    }

    /// A connection that was asked for there is made: it waits to be accepted.
    fn arrived(&mut self, badge: u64, listener: u64) {
        let joined = self.queue_arrival(badge, listener);
        match joined {
            Ok(()) => self.pump(badge, tcp::State::Established),
            // It is tried again when something else happens.
            Err(Error::WouldBlock) => {
                let _ = self.watch_queue(listener);
            }
            Err(_) => self.abort(badge),
        }
    }

    fn queue_arrival(&mut self, badge: u64, listener: u64) -> Result<(), Error> {
        let queue = self.way_to(listener)?;
        self.check_room(queue)?;
        let found = self.connections.get(&badge).ok_or(Error::NotConnected)?;
        let (local, peer) = (found.local, found.peer);
        let family = self.table.get(listener)?.family;
        let theirs = self.make_stream(badge)?;
        let session = self.accept_for(listener, badge, (peer, local), theirs)?;
        self.change(badge, |socket| socket.is_remote = true)?;
        self.apply_settings(badge);
        let name = address::encode(peer, family);
        let sent = self.kernel.send_connection(queue, session, &name);
        // On failure this ends the connection: its socket is closed with its only handle.
        self.kernel.close(session);
        sent
    }

    /// Moves bytes between a connection and its stream.
    fn pump(&mut self, badge: u64, state: tcp::State) {
        let Some(found) = self.connections.get_mut(&badge) else {
            return;
        };
        if let (Some(link), Some(end)) = (self.links.get_mut(found.link), found.end) {
            let socket = link.tcp(found.handle);
            let waits = found.pump_out(socket, &mut self.kernel, end)
                | found.pump_in(socket, &mut self.kernel, end);
            if waits {
                self.watch_stream(badge, end);
            }
        }
        self.end(badge, state);
    }

    /// Has [`Self::stream_signalled`] called for what the last looks did not find.
    fn watch_stream(&mut self, badge: u64, end: Handle) {
        let Some(found) = self.connections.get(&badge) else {
            return;
        };
        let mut wanted = Signals::NONE;
        if !found.may_read {
            wanted = wanted.or(Signals::READABLE);
        }
        if !found.may_write {
            wanted = wanted.or(Signals::WRITABLE);
        }
        let _ = self.kernel.watch(end, wanted, CONNECTION | badge);
    }

    /// Whether a connection is closed, and the other side told of it if it is to be and can be.
    fn is_over(&mut self, badge: u64) -> bool {
        let now_ns = self.clock.now_ns();
        let Some(found) = self.connections.get_mut(&badge) else {
            return true;
        };
        let Some(link) = self.links.get_mut(found.link) else {
            return true;
        };
        let socket = link.tcp(found.handle);
        if socket.state() != tcp::State::Closed {
            return false;
        }
        let ended_ns = *found.ended_ns.get_or_insert(now_ns);
        socket.remote_endpoint().is_none() || now_ns > ended_ns + TELLING_NS
    }

    /// Takes a connection away that is over.
    fn end(&mut self, badge: u64, state: tcp::State) {
        let now_ns = self.clock.now_ns();
        let Some(found) = self.connections.get(&badge) else {
            return;
        };
        let is_late = found
            .closed_ns
            .is_some_and(|closed_ns| now_ns > closed_ns + END_TIMEOUT_NS);
        if is_late && state == tcp::State::FinWait2 {
            self.abort(badge);
        }
        if !self.is_over(badge) {
            return;
        }
        let Some(found) = self.connections.get(&badge) else {
            return;
        };
        // Over as both sides wished: then the program reads to the end.
        if let (true, true, Some(end)) = (found.shut_in, found.shut_out, found.end) {
            let _ = self.kernel.property(end, stream_property::RESETS, Some(0));
        }
        self.forget_connection(badge);
    }
}
