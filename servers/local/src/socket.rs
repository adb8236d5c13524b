//! A socket as this server knows it, and as its record keeps it.

use alloc::vec::Vec;
use kernel_abi::socket::stream_flags;
use proto::types::socket_status;
use proto::{Error, Identity};
use socket_server::Record;

/// Most bytes of a record.
pub const RECORD_CAPACITY: usize = 472;
/// Longest address: a family and 108 bytes of path, with a NUL that may follow them.
pub const MAX_ADDRESS: usize = 2 + 108 + 1;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 1;
/// Bytes that a socket's queue holds unless it is told otherwise.
pub const DEFAULT_CAPACITY: u32 = 212_992;

/// Types of socket, by their numbers in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A connection of bytes.
    Stream = 1,
    /// Messages to whom one likes.
    Datagram = 2,
    /// A connection of messages.
    Sequence = 5,
}

impl Kind {
    /// The type with this number.
    pub fn from_number(number: u32) -> Result<Kind, Error> {
        match number {
            1 => Ok(Kind::Stream),
            2 => Ok(Kind::Datagram),
            5 => Ok(Kind::Sequence),
            _ => Err(Error::NoSocketType),
        }
    }

    /// The flags of a connection's stream.
    pub fn stream_flags(self) -> u64 {
        match self {
            Kind::Stream => stream_flags::SOCKET,
            _ => stream_flags::SOCKET | stream_flags::MESSAGES,
        }
    }

    /// The status flags of a socket of this type, with those it begins with.
    pub fn status(self, status: u32) -> u32 {
        status | (self as u32) << socket_status::KIND_SHIFT
    }
}

/// Who somebody was: process and effective user and group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Process.
    pub process: u64,
    /// Effective user.
    pub user: u32,
    /// Effective group.
    pub group: u32,
}

impl Ids {
    /// Those of a caller.
    pub fn of(identity: &Identity) -> Ids {
        Ids {
            process: identity.process,
            user: identity.credentials.user,
            group: identity.credentials.group,
        }
    }
}

/// The other side of a connection, or where a datagram socket sends to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its badge when the connection was made.
    pub badge: u64,
    /// Its address then.
    pub name: Vec<u8>,
    /// Who made it, or called `listen`.
    pub ids: Ids,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its session's badge.
    pub badge: u64,
    /// Its type.
    pub kind: Kind,
    /// Who made it: the user that its place is counted for.
    pub owner: u32,
    /// Its address; empty without one.
    pub name: Vec<u8>,
    /// The file that is its name: device and node.
    pub node: Option<(u64, u64)>,
    /// Who called `listen`.
    pub listener: Option<Ids>,
    /// Whether a listener made it, whose name it has without being found by it.
    pub accepted: bool,
    /// The other side.
    pub peer: Option<Peer>,
    /// Capacities towards the peer and towards this socket.
    pub capacities: [u32; 2],
    /// Options that are on or off, a bit for each.
    pub switches: u32,
    /// `SO_LINGER`.
    pub linger: [u32; 2],
}

impl Socket {
    /// A fresh one.
    pub fn new(badge: u64, kind: Kind, owner: u32) -> Socket {
        Socket {
            badge,
            kind,
            owner,
            name: Vec::new(),
            node: None,
            listener: None,
            accepted: false,
            peer: None,
            capacities: [DEFAULT_CAPACITY; 2],
            switches: 0,
            linger: [0; 2],
        }
    }
}

impl Record for Socket {
    fn badge(&self) -> u64 {
        self.badge
    }

    fn owner(&self) -> u32 {
        self.owner
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_CAPACITY);
        let mut number = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        let pair = |[low, high]: [u32; 2]| u64::from(low) | u64::from(high) << 32;
        let listener = self.listener.unwrap_or_default();
        let peer = self.peer.clone().unwrap_or_default();
        let (device, node) = self.node.unwrap_or_default();
        let presence = u64::from(self.node.is_some())
            | u64::from(self.listener.is_some()) << 1
            | u64::from(self.peer.is_some()) << 2
            | u64::from(self.accepted) << 3;
        for value in [
            VERSION,
            self.badge,
            pair([self.kind as u32, self.owner]),
            presence,
            device,
            node,
            listener.process,
            pair([listener.user, listener.group]),
            peer.badge,
            peer.ids.process,
            pair([peer.ids.user, peer.ids.group]),
            pair(self.capacities),
            pair([self.switches, 0]),
            pair(self.linger),
            pair([self.name.len() as u32, peer.name.len() as u32]),
        ] {
            number(value);
        }
        out.extend_from_slice(&self.name);
        out.extend_from_slice(&peer.name);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Socket> {
        const NUMBERS: usize = 15;
        let (numbers, names) = bytes.split_at_checked(NUMBERS * 8)?;
        let mut numbers = numbers
            .as_chunks()
            .0
            .iter()
            .map(|chunk| u64::from_le_bytes(*chunk));
        let mut next = || numbers.next();
        let pair = |word: u64| [word as u32, (word >> 32) as u32];
        if next()? != VERSION {
            return None;
        }
        let badge = next()?;
        let [kind, owner] = pair(next()?);
        let presence = next()?;
        let node = (next()?, next()?);
        let ids = |process: u64, word: u64| {
            let [user, group] = pair(word);
            Ids {
                process,
                user,
                group,
            }
        };
        let listener = ids(next()?, next()?);
        let peer_badge = next()?;
        let peer_ids = ids(next()?, next()?);
        let capacities = pair(next()?);
        let [switches, _] = pair(next()?);
        let linger = pair(next()?);
        let [name, peer_name] = pair(next()?).map(|length| length as usize);
        let (name, rest) = names.split_at_checked(name)?;
        if rest.len() != peer_name || name.len() > MAX_ADDRESS || rest.len() > MAX_ADDRESS {
            return None;
        }
        let has = |bit: u64| presence & bit != 0;
        Some(Socket {
            badge,
            kind: Kind::from_number(kind).ok()?,
            owner,
            name: name.to_vec(),
            node: has(1).then_some(node),
            listener: has(2).then_some(listener),
            accepted: has(8),
            peer: has(4).then(|| Peer {
                badge: peer_badge,
                name: rest.to_vec(),
                ids: peer_ids,
            }),
            capacities,
            switches,
            linger,
        })
    }
}
