//! All sockets, and who has which port.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use proto::Error;
use socket_server::{Limits, Sockets};

use crate::settings::option;
use crate::socket::{Kind, Phase, Socket};

/// Most sockets there are.
pub const MAX_SOCKETS: usize = 8192;
const LIMITS: Limits = Limits {
    most: MAX_SOCKETS,
    most_of_user: 4096,
    reserve: 512,
};
/// Ports that the server chooses from (Linux `ip_local_port_range`).
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32_768..=60_999;

/// The table.
pub struct Table {
    sockets: Sockets<Socket>,
    /// Badges by protocol and port; raw sockets have port 0.
    ports: BTreeMap<(u8, u16), Vec<u64>>,
    /// Where the search for a free port begins.
    next_port: u16,
}

impl Table {
    /// An empty one; the first port is chosen near `seed`.
    pub fn new(seed: u16) -> Table {
        let span = EPHEMERAL.end() - EPHEMERAL.start() + 1;
        Table {
            sockets: Sockets::new(LIMITS),
            ports: BTreeMap::new(),
            next_port: EPHEMERAL.start() + seed % span,
        }
    }

    /// Whether a user may have one more socket.
    ///
    /// # Errors
    /// `TooManyOpen`.
    pub fn check_limit(&self, user: u32) -> Result<(), Error> {
        self.sockets.check_limit(user, 1)
    }

    /// A badge that was never used.
    pub fn badge(&mut self) -> u64 {
        self.sockets.fresh_badge()
    }

    /// The last badge given out was at least this.
    pub fn set_last(&mut self, badge: u64) {
        self.sockets.set_last(badge);
    }

    /// Adds a socket; returns the slot of its record.
    pub fn insert(&mut self, socket: Socket) -> usize {
        self.enter(&socket);
        self.sockets.insert(socket)
    }

    /// Adds a socket whose record is in a slot.
    pub fn put(&mut self, socket: Socket, slot: usize) {
        self.enter(&socket);
        self.sockets.put(socket, slot);
    }

    fn enter(&mut self, socket: &Socket) {
        if let Some(key) = key_of(socket) {
            self.ports.entry(key).or_default().push(socket.badge);
        }
    }

    fn leave(&mut self, badge: u64, key: (u8, u16)) {
        if let Some(holders) = self.ports.get_mut(&key) {
            holders.retain(|holder| *holder != badge);
            if holders.is_empty() {
                self.ports.remove(&key);
            }
        }
    }

    /// Takes a socket away; returns it with the slot of its record.
    pub fn remove(&mut self, badge: u64) -> Option<(Socket, usize)> {
        let (socket, slot) = self.sockets.remove(badge)?;
        if let Some(key) = key_of(&socket) {
            self.leave(badge, key);
        }
        Some((socket, slot))
    }

    /// The socket with a badge.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn get(&self, badge: u64) -> Result<&Socket, Error> {
        self.sockets.get(badge)
    }

    /// Changes a socket; returns its record and the slot to write it to.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn change(
        &mut self,
        badge: u64,
        change: impl FnOnce(&mut Socket),
    ) -> Result<(usize, Vec<u8>), Error> {
        let before = key_of(self.sockets.get(badge)?);
        let changed = self.sockets.change(badge, change)?;
        let after = key_of(self.sockets.get(badge)?);
        if before != after {
            if let Some(key) = before {
                self.leave(badge, key);
            }
            if let Some(key) = after {
                self.ports.entry(key).or_default().push(badge);
            }
        }
        Ok(changed)
    }

    /// All sockets, by badge.
    pub fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.sockets.iter()
    }

    /// Those with a port of a protocol.
    pub fn holders(&self, protocol: u8, port: u16) -> impl Iterator<Item = &Socket> {
        let badges = self.ports.get(&(protocol, port)).map(Vec::as_slice);
        let badges = badges.unwrap_or(&[]).iter();
        badges.filter_map(|badge| self.get(*badge).ok())
    }

    /// Whether a socket may have an address (Linux's rules for `SO_REUSEADDR` and `SO_REUSEPORT`).
    ///
    /// # Errors
    /// `AddressInUse`.
    pub fn check_free(&self, badge: u64, address: SocketAddr) -> Result<(), Error> {
        let socket = self.get(badge)?;
        let wanted = Socket {
            local: address,
            ..socket.clone()
        };
        let both =
            |other: &Socket, which| wanted.settings.is_on(which) && other.settings.is_on(which);
        let conflict = self.holders(socket.protocol, address.port()).any(|other| {
            let shares = (both(other, option::REUSE_PORT) && other.owner == wanted.owner)
                || (both(other, option::REUSE_ADDRESS) && other.phase != Phase::Listening);
            other.badge != badge && overlap(&wanted, other) && !shares
        });
        if conflict {
            return Err(Error::AddressInUse);
        }
        Ok(())
    }

    /// A free port for a socket.
    ///
    /// # Errors
    /// `AddressInUse` when there is none.
    pub fn free_port(&mut self, badge: u64) -> Result<u16, Error> {
        let protocol = self.get(badge)?.protocol;
        for _ in EPHEMERAL {
            let port = self.next_port;
            self.next_port = if port == *EPHEMERAL.end() {
                *EPHEMERAL.start()
            } else {
                port + 1
            };
            // What is chosen is nobody else's, whatever they would share.
            if !self.ports.contains_key(&(protocol, port)) {
                return Ok(port);
            }
        }
        Err(Error::AddressInUse)
    }

    /// The socket that listens at an address for `from`: of several that fit equally well, one
    /// that the peer's address chooses.
    pub fn listener(&self, at: SocketAddr, from: SocketAddr) -> Option<u64> {
        let listeners = self.holders(crate::socket::TCP, at.port());
        let fitting = listeners.filter(|socket| socket.phase == Phase::Listening);
        best(fitting, at, from).first().copied()
    }

    /// The datagram sockets that take what is sent from one address to another: the best one, or
    /// for what is sent to many all of them.
    pub fn receivers(&self, to: SocketAddr, from: SocketAddr, to_many: bool) -> Vec<u64> {
        let holders = self.holders(crate::socket::UDP, to.port());
        if !to_many {
            return best(holders, to, from);
        }
        let wanted = holders.filter(|socket| {
            let joined = !to.ip().is_multicast() || socket.groups.contains(&to.ip());
            joined && socket.covers(to.ip()) && socket.hears(from)
        });
        wanted.map(|socket| socket.badge).collect()
    }

    /// The raw sockets that take a packet of a protocol.
    pub fn raw_receivers(&self, protocol: u8, to: IpAddr, from: IpAddr) -> Vec<u64> {
        let from = SocketAddr::new(from, 0);
        let holders = self.holders(protocol, 0);
        let wanted = holders.filter(|socket| {
            socket.kind == Kind::Raw
                && to.is_ipv4() == (socket.family == crate::address::Family::V4)
                && socket.covers(to)
                && socket.hears(from)
        });
        wanted.map(|socket| socket.badge).collect()
    }
}

/// Under what a socket stands among the ports.
fn key_of(socket: &Socket) -> Option<(u8, u16)> {
    match socket.kind {
        Kind::Raw => Some((socket.protocol, 0)),
        // It is its listener that has the port.
        _ if socket.accepted || socket.local.port() == 0 => None,
        _ => Some((socket.protocol, socket.local.port())),
    }
}

/// Whether there are addresses that both sockets cover.
fn overlap(one: &Socket, other: &Socket) -> bool {
    let any = |socket: &Socket| socket.local.ip().is_unspecified();
    match (any(one), any(other)) {
        (false, false) => one.local.ip() == other.local.ip(),
        (true, false) => one.covers(other.local.ip()),
        (false, true) => other.covers(one.local.ip()),
        (true, true) => {
            one.family == other.family
                || !(one.settings.is_v6_only() || other.settings.is_v6_only())
        }
    }
}

/// How well a socket fits what is sent between two addresses; `None`: not at all.
fn fitness(socket: &Socket, to: SocketAddr, from: SocketAddr) -> Option<u32> {
    if !socket.covers(to.ip()) || !socket.hears(from) {
        return None;
    }
    let has_peer = u32::from(socket.peer.is_some());
    let has_address = u32::from(!socket.local.ip().is_unspecified());
    let is_family = u32::from(to.is_ipv4() == (socket.family == crate::address::Family::V4));
    Some(4 * has_peer + 2 * has_address + is_family)
}

/// The socket that fits best; among equals (they share their port) the sender's address decides.
fn best<'a>(
    sockets: impl Iterator<Item = &'a Socket>,
    to: SocketAddr,
    from: SocketAddr,
) -> Vec<u64> {
    let mut most = 0;
    let mut found = Vec::new();
    for socket in sockets {
        let Some(fitness) = fitness(socket, to, from) else {
            continue;
        };
        if fitness > most || found.is_empty() {
            found.clear();
            most = fitness;
        }
        if fitness == most {
            found.push(socket.badge);
        }
    }
    let chosen = match found.len() {
        0 | 1 => 0,
        count => hash(from) % count,
    };
    found.get(chosen).copied().into_iter().collect()
}

/// Spreads addresses over numbers (FNV-1a).
fn hash(address: SocketAddr) -> usize {
    let bytes = crate::address::encode(address, crate::address::Family::V6);
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    (bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix) >> 32) as usize
}
