//! Options (`SOL_SOCKET`) and `shutdown`.

use kernel_abi::Handle;
use kernel_abi::socket::{shut_down, stream_flags, stream_property};
use proto::{Answer, Call, Error, Input, Output, Reply};

use crate::server::{FAMILY, Server, done};
use crate::socket::{Ids, Kind, Socket};
use socket_server::Kernel;

/// The level of options that every socket has.
const SOL_SOCKET: u32 = 1;
/// Smallest and largest capacity that can be asked for.
const CAPACITIES: core::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// Options by their numbers in C.
mod option {
    pub const DEBUG: u32 = 1;
    pub const REUSEADDR: u32 = 2;
    pub const TYPE: u32 = 3;
    pub const ERROR: u32 = 4;
    pub const DONTROUTE: u32 = 5;
    pub const BROADCAST: u32 = 6;
    pub const SNDBUF: u32 = 7;
    pub const RCVBUF: u32 = 8;
    pub const KEEPALIVE: u32 = 9;
    pub const OOBINLINE: u32 = 10;
    pub const LINGER: u32 = 13;
    pub const REUSEPORT: u32 = 15;
    pub const PEERCRED: u32 = 17;
    pub const RCVLOWAT: u32 = 18;
    pub const SNDLOWAT: u32 = 19;
    pub const ACCEPTCONN: u32 = 30;
    pub const PROTOCOL: u32 = 38;
    pub const DOMAIN: u32 = 39;
}

/// Options that are kept and told, and mean nothing to a local socket (POSIX `setsockopt`: they are
/// every socket's).
fn is_switch(option: u32) -> bool {
    use option::{BROADCAST, DEBUG, DONTROUTE, KEEPALIVE, OOBINLINE, REUSEADDR, REUSEPORT};
    let all = [
        DEBUG, REUSEADDR, DONTROUTE, BROADCAST, KEEPALIVE, OOBINLINE, REUSEPORT,
    ];
    all.contains(&option)
}

/// The value of an option, as words of 32 bits, and how many.
fn value_of(socket: &Socket, option: u32) -> Result<([u32; 3], usize), Error> {
    let one = |value: u32| Ok(([value, 0, 0], 1));
    match option {
        option::TYPE => one(socket.kind as u32),
        option::DOMAIN => one(FAMILY),
        option::PROTOCOL | option::ERROR => one(0),
        option::ACCEPTCONN => one(socket.listener.is_some().into()),
        option::SNDBUF => one(socket.capacities[0]),
        option::RCVBUF => one(socket.capacities[1]),
        option::RCVLOWAT | option::SNDLOWAT => one(1),
        option::LINGER => Ok(([socket.linger[0], socket.linger[1], 0], 2)),
        option::PEERCRED => {
            let nobody = Ids {
                process: 0,
                user: u32::MAX,
                group: u32::MAX,
            };
            let ids = match (&socket.peer, socket.kind) {
                (Some(peer), Kind::Stream | Kind::Sequence) => peer.ids,
                (Some(peer), Kind::Datagram) if peer.ids != Ids::default() => peer.ids,
                _ => socket.listener.unwrap_or(nobody),
            };
            Ok(([ids.process as u32, ids.user, ids.group], 3))
        }
        option if is_switch(option) => one(socket.switches >> option & 1),
        _ => Err(Error::NoOption),
    }
}

impl<K: Kernel> Server<K> {
    pub(crate) fn read_option<C: Call + ?Sized>(
        &self,
        call: &C,
        level: u32,
        option: u32,
        value: Output,
    ) -> Reply {
        let socket = self.table.get(call.badge())?;
        if level != SOL_SOCKET {
            return Err(Error::NoOption);
        }
        let (words, count) = value_of(socket, option)?;
        let mut bytes = [0; 12];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let room = usize::try_from(value.length).unwrap_or(usize::MAX);
        let length = room.min(count * 4);
        call.write(value, 0, bytes.get(..length).unwrap_or(&[]))?;
        Ok(Answer::value(length as u64).into())
    }

    pub(crate) fn write_option<C: Call + ?Sized>(
        &mut self,
        call: &C,
        level: u32,
        option: u32,
        value: Input,
    ) -> Reply {
        let badge = call.badge();
        self.table.get(badge)?;
        if level != SOL_SOCKET {
            return Err(Error::NoOption);
        }
        let mut bytes = [0; 8];
        let wanted = if option == option::LINGER { 8 } else { 4 };
        if value.length < wanted as u64 {
            return Err(Error::BadArgument);
        }
        let place = bytes.get_mut(..wanted).ok_or(Error::BadArgument)?;
        if call.read(value, 0, place)? != wanted {
            return Err(Error::BadAddress);
        }
        let word = |at: usize| {
            let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
            part.copied().map_or(0, u32::from_le_bytes)
        };
        match option {
            option::LINGER => {
                let linger = [u32::from(word(0) != 0), word(4)];
                self.change(badge, |socket| socket.linger = linger)?;
            }
            option::SNDBUF | option::RCVBUF => {
                let index = usize::from(option == option::RCVBUF);
                let capacity = word(0).clamp(*CAPACITIES.start(), *CAPACITIES.end());
                self.change(badge, |socket| socket.capacities[index] = capacity)?;
                self.capacity_changed(badge)?;
            }
            option if is_switch(option) => {
                let (bit, on) = (1 << option, word(0) != 0);
                self.change(badge, |socket| {
                    socket.switches = socket.switches & !bit | if on { bit } else { 0 };
                })?;
            }
            _ => return Err(Error::NoOption),
        }
        done()
    }

    /// Carries a socket's capacities over to its stream, if it has one for data.
    fn capacity_changed(&mut self, badge: u64) -> Result<(), Error> {
        let socket = self.table.get(badge)?;
        let (kind, capacities) = (socket.kind, socket.capacities);
        if socket.listener.is_some() || (kind != Kind::Datagram && socket.peer.is_none()) {
            return Ok(());
        }
        let data = self.kernel.data(badge)?;
        match kind {
            // Of its inbox, which is all that it has of its own.
            Kind::Datagram => {
                let (property, value) = (stream_property::RECEIVE_CAPACITY, capacities[1].into());
                self.set_capacity(data, property, value);
            }
            _ => self.apply_capacities(data, capacities),
        }
        self.kernel.close(data);
        Ok(())
    }

    /// Sets a connection's capacity towards the peer: a sender's limit is what counts.
    pub(crate) fn apply_capacities(&mut self, end: Handle, capacities: [u32; 2]) {
        self.set_capacity(end, stream_property::SEND_CAPACITY, capacities[0].into());
    }

    fn set_capacity(&mut self, end: Handle, property: u64, value: u64) {
        // While more is queued it stays as it is: an option is a wish (POSIX `SO_SNDBUF`).
        let _ = self.kernel.property(end, property, Some(value));
    }

    pub(crate) fn shut_down_socket(&mut self, badge: u64, directions: u64) -> Reply {
        let socket = self.table.get(badge)?;
        let is_connection = socket.kind != Kind::Datagram;
        if socket.peer.is_none() && socket.listener.is_none() {
            return Err(Error::NotConnected);
        }
        if directions & !(shut_down::READ | shut_down::WRITE) != 0 || directions == 0 {
            return Err(Error::BadArgument);
        }
        let data = self.kernel.data(badge)?;
        let result = if is_connection {
            self.kernel.shut_down(data, directions)
        } else if directions & shut_down::READ != 0 {
            self.kernel.shut_down(data, shut_down::READ)
        } else {
            Ok(())
        };
        self.kernel.close(data);
        result?;
        if !is_connection && directions & shut_down::WRITE != 0 {
            self.write_nowhere(badge)?;
        }
        done()
    }

    /// Has a datagram socket write to a stream that nobody reads, which fails with `EPIPE`.
    fn write_nowhere(&mut self, badge: u64) -> Result<(), Error> {
        let flags = stream_flags::SOCKET | stream_flags::ONE_WAY | stream_flags::MESSAGES;
        let [reads, writes] = self.kernel.stream(flags, 4096)?;
        self.kernel.close(reads);
        self.kernel.set_outlet(badge, writes)
    }
}
