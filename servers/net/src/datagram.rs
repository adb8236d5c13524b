//! Datagrams and packets. Between two sockets of this host that are connected to each other they go
//! straight into the inbox; all others are calls to this server, which must look at each anyway.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use kernel_abi::socket::{shut_down, stream_flags};
use kernel_abi::{Handle, Signals};
use proto::arrival::Arrival;
use proto::{Answer, Call, Error, Input, Reply};
use socket_server::Kernel;

use crate::address::{self, Family};
use crate::nic::Nic;
use crate::server::{Server, done};
use crate::settings::option;
use crate::socket::{Kind, Phase, Socket};

/// Most bytes of a datagram: what IP has room for beside the headers of IP and UDP.
const MOST_BYTES: u64 = 65_535 - 20 - 8;

/// How what this host sends itself arrives.
pub(crate) fn here(to: SocketAddr) -> Arrival {
    Arrival {
        to: to.ip(),
        interface: 1,
        hops: 64,
    }
}

/// The name that goes with a message: its sender's address, and how it arrived.
fn sender_name(from: SocketAddr, family: Family, arrival: Arrival) -> Vec<u8> {
    let mut name = address::encode(from, family);
    name.extend_from_slice(&arrival.encode());
    name
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// Chooses whom a socket of datagrams or packets speaks to.
    pub(crate) fn connect_datagrams(&mut self, badge: u64, to: SocketAddr) -> Reply {
        let broadcasts = self.table.get(badge)?.settings.is_on(option::BROADCAST);
        if self.is_broadcast(to.ip()) && !broadcasts {
            return Err(Error::AccessDenied);
        }
        let source = self.source_for(to)?;
        self.ensure_port(badge)?;
        self.change(badge, |socket| {
            if socket.local.ip().is_unspecified() {
                socket.local.set_ip(source);
            }
            socket.peer = Some(to);
            socket.phase = Phase::Connected;
        })?;
        if self.table.get(badge)?.kind == Kind::Datagram {
            // Others that it hears no more lose their way to it.
            self.take_outlets(badge, Some(to));
            self.choose_outlet(badge)?;
        }
        done()
    }

    /// A socket has no peer any more.
    pub(crate) fn disconnect(&mut self, badge: u64) -> Reply {
        let socket = self.table.get(badge)?;
        if socket.kind == Kind::Stream {
            return Err(Error::BadArgument);
        }
        self.drop_outlet(badge)?;
        self.change(badge, |socket| {
            socket.peer = None;
            socket.phase = Phase::Fresh;
        })?;
        done()
    }

    /// Has a connected socket write to its peer's inbox, if that is on this host and hears it.
    fn choose_outlet(&mut self, badge: u64) -> Result<(), Error> {
        self.drop_outlet(badge)?;
        let socket = self.table.get(badge)?;
        let (from, family) = (socket.local, socket.family);
        let Some(to) = socket.peer.filter(|peer| self.is_own(peer.ip())) else {
            return Ok(());
        };
        let &[target] = self.table.receivers(to, from, false).as_slice() else {
            return Ok(());
        };
        // Messages carry the name of the session that sends them, as its own family has it.
        if self.table.get(target)?.family != family || self.shares_port(target)? {
            return Ok(());
        }
        let data = self.kernel.data(target)?;
        let way = self.kernel.other_end(data);
        self.kernel.close(data);
        self.kernel
            .set_name(badge, &address::encode(from, family))?;
        self.kernel.set_outlet(badge, way?)?;
        self.kernel.signal(badge, Signals::WRITABLE, Signals::NONE);
        self.change(badge, |socket| socket.outlet = target)
    }

    /// Whether others might have the next datagram that is sent to a socket.
    fn shares_port(&self, badge: u64) -> Result<bool, Error> {
        let socket = self.table.get(badge)?;
        let holders = self.table.holders(socket.protocol, socket.local.port());
        Ok(holders.count() > 1)
    }

    /// A socket's writes are calls again.
    fn drop_outlet(&mut self, badge: u64) -> Result<(), Error> {
        if self.table.get(badge)?.outlet == 0 {
            return Ok(());
        }
        self.kernel.set_outlet(badge, Handle::NONE)?;
        self.kernel.signal(badge, Signals::NONE, Signals::WRITABLE);
        self.change(badge, |socket| socket.outlet = 0)
    }

    /// Takes the way to a socket's inbox from all but one peer.
    pub(crate) fn take_outlets(&mut self, badge: u64, but: Option<SocketAddr>) {
        let others = self.table.iter();
        let those: Vec<u64> = others
            .filter(|other| other.outlet == badge && Some(other.local) != but)
            .map(|other| other.badge)
            .collect();
        for other in those {
            // Its session goes at the same time: then there is nothing to take.
            let _ = self.drop_outlet(other);
        }
    }

    /// A call to send: to an address, or to the peer.
    pub(crate) fn send_data<C: Call + ?Sized>(
        &mut self,
        call: &C,
        to: Option<SocketAddr>,
        data: Input,
        source: Option<IpAddr>,
    ) -> Reply {
        let badge = call.badge();
        let socket = self.table.get(badge)?;
        if socket.kind == Kind::Stream {
            return Err(Error::NotSupported);
        }
        if data.length > MOST_BYTES {
            return Err(Error::MessageTooLong);
        }
        self.take_error(badge)?;
        let to = self.destination(badge, to)?;
        self.ensure_port(badge)?;
        let mut bytes = alloc::vec![0; data.length as usize];
        if call.read(data, 0, &mut bytes)? != bytes.len() {
            return Err(Error::BadAddress);
        }
        self.send_from(badge, to, source, &bytes)?;
        Ok(Answer::value(data.length).into())
    }

    /// Where a send goes.
    fn destination(&self, badge: u64, to: Option<SocketAddr>) -> Result<SocketAddr, Error> {
        let socket = self.table.get(badge)?;
        let mut to = match (to, socket.peer) {
            (Some(to), _) => to,
            (None, Some(peer)) => peer,
            (None, None) => return Err(Error::DestinationRequired),
        };
        if to.ip().is_unspecified() {
            to.set_ip(address::loopback_like(to.ip()));
        }
        if to.port() == 0 && socket.kind == Kind::Datagram {
            return Err(Error::BadArgument);
        }
        if to.is_ipv4() && socket.settings.is_v6_only() {
            return Err(Error::NetworkUnreachable);
        }
        if self.is_broadcast(to.ip()) && !socket.settings.is_on(option::BROADCAST) {
            return Err(Error::AccessDenied);
        }
        Ok(to)
    }

    /// Sends from a socket that has a port.
    fn send_from(
        &mut self,
        badge: u64,
        to: SocketAddr,
        source: Option<IpAddr>,
        data: &[u8],
    ) -> Result<(), Error> {
        let mut from = self.table.get(badge)?.local;
        if let Some(source) = source {
            from.set_ip(source);
        }
        if from.ip().is_unspecified() {
            from.set_ip(self.source_for(to)?);
        }
        if !address::is_alike(from.ip(), to.ip()) {
            return Err(Error::NetworkUnreachable);
        }
        if self.is_own(to.ip()) {
            return self.send_here(badge, from, to, data);
        }
        let loops = self
            .table
            .get(badge)?
            .settings
            .is_on(option::MULTICAST_LOOP);
        if to.ip().is_multicast() && loops {
            self.send_to_members(from, to, data);
        }
        self.send_there(badge, from, to, data)
    }

    /// Sends to this host.
    fn send_here(
        &mut self,
        badge: u64,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
    ) -> Result<(), Error> {
        if self.table.get(badge)?.kind == Kind::Raw {
            return self.send_raw_here(badge, from.ip(), to.ip(), data);
        }
        let receivers = self.table.receivers(to, from, false);
        if receivers.is_empty() {
            // A connected socket hears of it (the port is unreachable, RFC 1122, 4.1.3.3).
            return match self.table.get(badge)?.peer == Some(to) {
                true => Err(Error::ConnectionRefused),
                false => Ok(()),
            };
        }
        receivers
            .into_iter()
            .for_each(|receiver| self.deliver(receiver, from, here(to), data));
        Ok(())
    }

    /// Puts a message into a socket's inbox; as on a network, it may be lost.
    pub(crate) fn deliver(&mut self, badge: u64, from: SocketAddr, arrival: Arrival, data: &[u8]) {
        let Ok(family) = self.table.get(badge).map(|socket| socket.family) else {
            return;
        };
        if let Ok(way) = self.way_to(badge) {
            let name = sender_name(from, family, arrival);
            let _ = self.kernel.send(way, data, &name);
        }
    }

    pub(crate) fn shut_down_socket(&mut self, badge: u64, directions: u64) -> Reply {
        let socket = self.table.get(badge)?;
        if directions & !(shut_down::READ | shut_down::WRITE) != 0 || directions == 0 {
            return Err(Error::BadArgument);
        }
        if socket.phase == Phase::Fresh || socket.phase == Phase::Connecting {
            return Err(Error::NotConnected);
        }
        let is_stream = socket.kind == Kind::Stream;
        let data = self.kernel.data(badge)?;
        let inbox = directions & if is_stream { !0 } else { shut_down::READ };
        let result = match inbox {
            0 => Ok(()),
            _ => self.kernel.shut_down(data, inbox),
        };
        self.kernel.close(data);
        result?;
        if !is_stream && directions & shut_down::WRITE != 0 {
            self.write_nowhere(badge)?;
        }
        done()
    }

    /// Has a datagram socket write to a stream that nobody reads, which fails with `EPIPE`.
    fn write_nowhere(&mut self, badge: u64) -> Result<(), Error> {
        let flags = stream_flags::SOCKET | stream_flags::ONE_WAY | stream_flags::MESSAGES;
        let [reads, writes] = self.kernel.stream(flags, 4096)?;
        self.kernel.close(reads);
        self.change(badge, |socket: &mut Socket| socket.outlet = socket.badge)?;
        self.kernel.set_outlet(badge, writes)
    }
}
