//! A connection with another host: how far it has come, and the bytes between smoltcp and its stream.

use core::net::SocketAddr;
use kernel_abi::Handle;
use kernel_abi::socket::shut_down;
use proto::Error;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use socket_server::Kernel;

use crate::settings::{Settings, option};

/// How long a connection may take to be made, s.
pub(crate) const CONNECT_TIMEOUT_S: u64 = 60;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Asked for here; the call to answer.
    Opening(Option<u64>),
    /// Asked for there, to be accepted from a socket that listens.
    Arriving(u64),
    /// Made.
    Flowing,
}

/// A connection.
pub(crate) struct Connection {
    pub link: usize,
    pub handle: SocketHandle,
    pub stage: Stage,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// This server's end of the stream.
    pub end: Option<Handle>,
    /// Whether a look at the stream may find bytes, or room.
    pub may_read: bool,
    pub may_write: bool,
    /// The program was told that no more comes; it has said that it sends no more.
    pub shut_in: bool,
    pub shut_out: bool,
    /// When it was begun, and when the program closed it, ns.
    pub began_ns: u64,
    pub closed_ns: Option<u64>,
    /// When smoltcp was seen to be through with it, ns.
    pub ended_ns: Option<u64>,
    /// Bytes of both buffers.
    pub room: usize,
}

impl Connection {
    pub fn new(
        (link, handle): (usize, SocketHandle),
        stage: Stage,
        (local, peer): (SocketAddr, SocketAddr),
        (room, began_ns): (usize, u64),
    ) -> Connection {
        Connection {
            link,
            handle,
            stage,
            local,
            peer,
            end: None,
            may_read: true,
            may_write: true,
            shut_in: false,
            shut_out: false,
            began_ns,
            closed_ns: None,
            ended_ns: None,
            room,
        }
    }

    /// Sends what the program has written; `true` when the stream is to tell of more.
    pub fn pump_out<K: Kernel>(
        &mut self,
        socket: &mut tcp::Socket<'_>,
        kernel: &mut K,
        end: Handle,
    ) -> bool {
        while self.may_read && !self.shut_out && socket.can_send() {
            match send_from(socket, kernel, end) {
                Ok(0) => {
                    self.shut_out = true;
                    socket.close();
                }
                Ok(_) => {}
                Err(Error::WouldBlock) => {
                    self.may_read = false;
                    return true;
                }
                // The program has closed it without reading everything, or to reset it.
                Err(_) => {
                    self.shut_out = true;
                    socket.abort();
                }
            }
        }
        false
    }

    /// Gives the program what has arrived; `true` when the stream is to tell of room.
    pub fn pump_in<K: Kernel>(
        &mut self,
        socket: &mut tcp::Socket<'_>,
        kernel: &mut K,
        end: Handle,
    ) -> bool {
        while self.may_write && socket.can_recv() {
            match receive_into(socket, kernel, end) {
                Ok(_) => {}
                Err(Error::WouldBlock) => {
                    self.may_write = false;
                    return true;
                }
                // Nobody reads it any more (RFC 9293, 3.6.1).
                Err(_) => {
                    self.may_write = false;
                    socket.abort();
                }
            }
        }
        let no_more = !socket.may_recv() && socket.recv_queue() == 0;
        let is_orderly = socket.state() != tcp::State::Closed || self.shut_out;
        if no_more && !self.shut_in && is_orderly {
            self.shut_in = true;
            // A program that has closed it has nothing to be told.
            let _ = kernel.shut_down(end, shut_down::WRITE);
        }
        false
    }

    /// When an attempt to connect counts as timed out, ns.
    pub fn opened_limit(&self) -> u64 {
        self.began_ns + CONNECT_TIMEOUT_S * 1_000_000_000
    }
}

/// Sends what the program has written.
fn send_from<K: Kernel>(
    socket: &mut tcp::Socket<'_>,
    kernel: &mut K,
    end: Handle,
) -> Result<usize, Error> {
    let sent = socket.send(|room| match kernel.read(end, room) {
        Ok(count) => (count.min(room.len()), Ok(count)),
        Err(error) => (0, Err(error)),
    });
    sent.unwrap_or(Err(Error::ConnectionReset))
}

/// Gives the program what has arrived.
fn receive_into<K: Kernel>(
    socket: &mut tcp::Socket<'_>,
    kernel: &mut K,
    end: Handle,
) -> Result<usize, Error> {
    let received = socket.recv(|bytes| match kernel.write(end, bytes) {
        Ok(count) => (count.min(bytes.len()), Ok(count)),
        Err(error) => (0, Err(error)),
    });
    received.unwrap_or(Err(Error::ConnectionReset))
}

/// Applies options to a socket of smoltcp.
pub(crate) fn apply(socket: &mut tcp::Socket<'_>, settings: &Settings) {
    let span = |which, unit_ms: u64| {
        let value = u64::try_from(settings.number(which)).unwrap_or(0);
        smoltcp::time::Duration::from_millis(value * unit_ms)
    };
    socket.set_nagle_enabled(!settings.is_on(option::NO_DELAY));
    let keeps = settings.is_on(option::KEEP_ALIVE);
    socket.set_keep_alive(keeps.then(|| span(option::KEEP_IDLE, 1000)));
    let timeout = span(option::USER_TIMEOUT, 1);
    socket.set_timeout((timeout.total_millis() > 0).then_some(timeout));
    socket.set_hop_limit(u8::try_from(settings.number(option::TTL)).ok());
}
