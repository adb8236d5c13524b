//! A socket as this server knows it, and as its record keeps it.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use proto::Error;
use proto::types::socket_status;
use socket_server::Record;

use crate::address::Family;
use crate::settings::Settings;

/// Most bytes of a record.
pub const RECORD_CAPACITY: usize = 8 * (NUMBERS + Settings::WORDS) + 16 * MAX_GROUPS;
/// Most multicast groups that a socket may join (Linux `igmp_max_memberships`).
pub const MAX_GROUPS: usize = 20;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 1;
/// Words of a record before its settings.
const NUMBERS: usize = 14;

/// `IPPROTO_TCP`.
pub const TCP: u8 = 6;
/// `IPPROTO_UDP`.
pub const UDP: u8 = 17;

/// Types of socket, by their numbers in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// TCP.
    Stream = 1,
    /// UDP.
    Datagram = 2,
    /// Packets of a protocol over IP.
    Raw = 3,
}

impl Kind {
    /// The type with this number.
    ///
    /// # Errors
    /// `NoSocketType`.
    pub fn from_number(number: u32) -> Result<Kind, Error> {
        match number {
            1 => Ok(Kind::Stream),
            2 => Ok(Kind::Datagram),
            3 => Ok(Kind::Raw),
            _ => Err(Error::NoSocketType),
        }
    }

    /// The status flags of a socket of this type, with those it begins with.
    pub fn status(self, status: u32) -> u32 {
        let sends = match self {
            Kind::Stream => 0,
            Kind::Datagram | Kind::Raw => socket_status::SENDS_BY_CALL,
        };
        status | sends | (self as u32) << socket_status::KIND_SHIFT
    }
}

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Made.
    Fresh = 0,
    /// Waits for connections.
    Listening = 1,
    /// Its connection is on its way.
    Connecting = 2,
    /// Has a peer.
    Connected = 3,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its session's badge.
    pub badge: u64,
    /// Its family.
    pub family: Family,
    /// Its type.
    pub kind: Kind,
    /// The protocol over IP.
    pub protocol: u8,
    /// Who made it: the user that its place is counted for.
    pub owner: u32,
    /// How far it has come.
    pub phase: Phase,
    /// Its address; the port is 0 while it has none.
    pub local: SocketAddr,
    /// The other side.
    pub peer: Option<SocketAddr>,
    /// The datagram socket that it writes to without this server; 0: none.
    pub outlet: u64,
    /// The connection's other side is not on this host.
    pub is_remote: bool,
    /// A listener made it: it shares that one's port.
    pub accepted: bool,
    /// `SO_ERROR`: what went wrong meanwhile; 0: nothing.
    pub error: u32,
    /// Options.
    pub settings: Settings,
    /// Multicast groups.
    pub groups: Vec<IpAddr>,
}

impl Socket {
    /// A fresh one.
    pub fn new(badge: u64, family: Family, kind: Kind, protocol: u8, owner: u32) -> Socket {
        Socket {
            badge,
            family,
            kind,
            protocol,
            owner,
            phase: Phase::Fresh,
            local: SocketAddr::new(family.any(), 0),
            peer: None,
            outlet: 0,
            is_remote: false,
            accepted: false,
            error: 0,
            settings: Settings::default(),
            groups: Vec::new(),
        }
    }

    /// Whether it takes what is sent to an address: by the address that it is bound to.
    pub fn covers(&self, address: IpAddr) -> bool {
        let own = self.local.ip();
        if own.is_unspecified() {
            return match (self.family, address) {
                (Family::V4, address) => address.is_ipv4(),
                (Family::V6, IpAddr::V6(_)) => true,
                (Family::V6, IpAddr::V4(_)) => !self.settings.is_v6_only(),
            };
        }
        own == address
    }

    /// Whether it takes what comes from an address: from anybody, or its peer.
    pub fn hears(&self, from: SocketAddr) -> bool {
        self.peer.is_none_or(|peer| {
            peer.ip() == from.ip() && (self.kind == Kind::Raw || peer.port() == from.port())
        })
    }
}

fn address_words(address: SocketAddr) -> [u64; 3] {
    let (octets, is_v6) = match address.ip() {
        IpAddr::V4(ip) => (ip.to_ipv6_mapped().octets(), 0),
        IpAddr::V6(ip) => (ip.octets(), 1),
    };
    let value = u128::from_le_bytes(octets);
    let scope = u64::from(crate::address::scope_of(address));
    let rest = u64::from(address.port()) | is_v6 << 16 | scope << 32;
    [rest, value as u64, (value >> 64) as u64]
}

fn address_from([rest, low, high]: [u64; 3]) -> SocketAddr {
    let octets = (u128::from(low) | u128::from(high) << 64).to_le_bytes();
    let (port, ip) = (rest as u16, Ipv6Addr::from(octets));
    match ip.to_ipv4_mapped() {
        Some(ip) if rest >> 16 & 1 == 0 => SocketAddr::from((ip, port)),
        _ => SocketAddrV6::new(ip, port, 0, (rest >> 32) as u32).into(),
    }
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

impl Record for Socket {
    fn badge(&self) -> u64 {
        self.badge
    }

    fn owner(&self) -> u32 {
        self.owner
    }

    fn encode(&self) -> Vec<u8> {
        let local = address_words(self.local);
        let peer = self.peer.map_or([0; 3], address_words);
        let presence = u64::from(self.peer.is_some())
            | u64::from(self.is_remote) << 1
            | u64::from(self.accepted) << 2
            | u64::from(self.settings != Settings::default()) << 3;
        let numbers = [
            VERSION,
            self.badge,
            pair(self.family as u32, self.kind as u32),
            pair(self.owner, self.protocol.into()),
            pair(self.phase as u32, self.error),
            presence,
            self.outlet,
            local[0],
            local[1],
            local[2],
            peer[0],
            peer[1],
            peer[2],
            self.groups.len() as u64,
        ];
        // Most sockets are as they were made: their records are short.
        let mut out = Vec::with_capacity(RECORD_CAPACITY);
        out.extend_from_slice(numbers.map(u64::to_le_bytes).as_flattened());
        if presence & 8 != 0 {
            for number in self.settings.words() {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        for group in &self.groups {
            let [_, low, high] = address_words(SocketAddr::new(*group, 0));
            out.extend_from_slice(&low.to_le_bytes());
            out.extend_from_slice(&high.to_le_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Socket> {
        let words: Vec<u64> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|chunk| u64::from_le_bytes(*chunk))
            .collect();
        let (numbers, rest) = words.split_first_chunk::<NUMBERS>()?;
        let [
            version,
            badge,
            kinds,
            owner,
            phase,
            presence,
            outlet,
            local @ ..,
            count,
        ] = *numbers;
        let [l0, l1, l2, p0, p1, p2] = local;
        let (settings, groups) = match presence & 8 {
            0 => (Settings::default(), rest),
            _ => {
                let (words, groups) = rest.split_first_chunk::<{ Settings::WORDS }>()?;
                (Settings::from_words(words), groups)
            }
        };
        if version != VERSION || groups.len() as u64 != 2 * count {
            return None;
        }
        let phase_of = |number: u32| match number {
            0 => Some(Phase::Fresh),
            1 => Some(Phase::Listening),
            2 => Some(Phase::Connecting),
            3 => Some(Phase::Connected),
            _ => None,
        };
        Some(Socket {
            badge,
            family: Family::from_number(kinds as u32).ok()?,
            kind: Kind::from_number((kinds >> 32) as u32).ok()?,
            protocol: (owner >> 32) as u8,
            owner: owner as u32,
            phase: phase_of(phase as u32)?,
            local: address_from([l0, l1, l2]),
            peer: (presence & 1 != 0).then(|| address_from([p0, p1, p2])),
            outlet,
            is_remote: presence & 2 != 0,
            accepted: presence & 4 != 0,
            error: (phase >> 32) as u32,
            settings,
            groups: groups
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[low, high]| address_from([0, *low, *high]).ip())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_the_socket_back() {
        let mut socket = Socket::new(1 << 33, Family::V6, Kind::Datagram, UDP, 1000);
        assert_eq!(Socket::decode(&socket.encode()), Some(socket.clone()));
        socket.phase = Phase::Connected;
        socket.local = "[fe80::1%2]:68".parse().unwrap();
        socket.peer = Some("10.0.2.2:67".parse().unwrap());
        socket.outlet = 9;
        socket.is_remote = true;
        socket.error = 111;
        socket.settings.linger = [1, 2];
        socket.groups = (0..MAX_GROUPS)
            .map(|number| IpAddr::from([224, 0, 0, number as u8]))
            .collect();
        let record = socket.encode();
        assert!(record.len() <= RECORD_CAPACITY);
        assert_eq!(Socket::decode(&record), Some(socket));
        for length in 0..record.len() {
            assert_eq!(Socket::decode(&record[..length]), None);
        }
    }
}
