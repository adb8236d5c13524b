//! The options that a socket keeps: switches and numbers, by level and number in C (`<sys/socket.h>`,
//! `<netinet/in.h>`, `<netinet/tcp.h>`; values as on Linux).

use proto::Error;

use crate::socket::Kind;

/// `SOL_SOCKET`.
pub const SOL_SOCKET: u32 = 1;
/// `IPPROTO_IP`.
pub const LEVEL_IP: u32 = 0;
/// `IPPROTO_TCP`.
pub const LEVEL_TCP: u32 = 6;
/// `IPPROTO_IPV6`.
pub const LEVEL_V6: u32 = 41;

/// Bytes that a socket's queue holds unless it is told otherwise.
pub const DEFAULT_CAPACITY: u32 = 212_992;

/// Options that are on or off; each has the bit of its place.
const SWITCHES: [(u32, u32); 26] = [
    (SOL_SOCKET, 1),  // SO_DEBUG
    (SOL_SOCKET, 2),  // SO_REUSEADDR
    (SOL_SOCKET, 5),  // SO_DONTROUTE
    (SOL_SOCKET, 6),  // SO_BROADCAST
    (SOL_SOCKET, 9),  // SO_KEEPALIVE
    (SOL_SOCKET, 10), // SO_OOBINLINE
    (SOL_SOCKET, 15), // SO_REUSEPORT
    (SOL_SOCKET, 29), // SO_TIMESTAMP
    (LEVEL_IP, 8),    // IP_PKTINFO
    (LEVEL_IP, 11),   // IP_RECVERR
    (LEVEL_IP, 12),   // IP_RECVTTL
    (LEVEL_IP, 13),   // IP_RECVTOS
    (LEVEL_IP, 15),   // IP_FREEBIND
    (LEVEL_IP, 24),   // IP_BIND_ADDRESS_NO_PORT
    (LEVEL_IP, 34),   // IP_MULTICAST_LOOP
    (LEVEL_IP, 49),   // IP_MULTICAST_ALL
    (LEVEL_V6, 19),   // IPV6_MULTICAST_LOOP
    (LEVEL_V6, 25),   // IPV6_RECVERR
    (LEVEL_V6, 26),   // IPV6_V6ONLY
    (LEVEL_V6, 49),   // IPV6_RECVPKTINFO
    (LEVEL_V6, 51),   // IPV6_RECVHOPLIMIT
    (LEVEL_V6, 66),   // IPV6_RECVTCLASS
    (LEVEL_TCP, 1),   // TCP_NODELAY
    (LEVEL_TCP, 3),   // TCP_CORK
    (LEVEL_TCP, 12),  // TCP_QUICKACK
    (LEVEL_TCP, 30),  // TCP_FASTOPEN_CONNECT
];
/// Switches that are on at first: `IP_MULTICAST_LOOP`, `IP_MULTICAST_ALL`, `IPV6_MULTICAST_LOOP`.
const ON: u64 = 1 << 14 | 1 << 15 | 1 << 16;

/// An option that is a number.
struct Number {
    level: u32,
    option: u32,
    default: i32,
    least: i32,
    most: i32,
}

const fn number(level: u32, option: u32, default: i32, least: i32, most: i32) -> Number {
    Number {
        level,
        option,
        default,
        least,
        most,
    }
}

/// Options that are numbers; a value out of the bounds is refused.
const NUMBERS: [Number; 21] = [
    number(LEVEL_IP, 1, 0, 0, 255),         // IP_TOS
    number(LEVEL_IP, 2, 64, 1, 255),        // IP_TTL
    number(LEVEL_IP, 10, 1, 0, 5),          // IP_MTU_DISCOVER
    number(LEVEL_IP, 33, 1, 0, 255),        // IP_MULTICAST_TTL
    number(LEVEL_V6, 16, 64, 1, 255),       // IPV6_UNICAST_HOPS
    number(LEVEL_V6, 17, 0, 0, i32::MAX),   // IPV6_MULTICAST_IF
    number(LEVEL_V6, 18, 1, 0, 255),        // IPV6_MULTICAST_HOPS
    number(LEVEL_V6, 23, 1, 0, 5),          // IPV6_MTU_DISCOVER
    number(LEVEL_V6, 67, 0, 0, 255),        // IPV6_TCLASS
    number(LEVEL_TCP, 2, 1460, 88, 65_535), // TCP_MAXSEG
    number(LEVEL_TCP, 4, 7200, 1, 32_767),  // TCP_KEEPIDLE
    number(LEVEL_TCP, 5, 75, 1, 32_767),    // TCP_KEEPINTVL
    number(LEVEL_TCP, 6, 9, 1, 127),        // TCP_KEEPCNT
    number(LEVEL_TCP, 7, 6, 1, 127),        // TCP_SYNCNT
    number(LEVEL_TCP, 8, 60, -1, 120),      // TCP_LINGER2
    number(LEVEL_TCP, 9, 0, 0, 3600),       // TCP_DEFER_ACCEPT
    number(LEVEL_TCP, 18, 0, 0, i32::MAX),  // TCP_USER_TIMEOUT, ms
    number(LEVEL_TCP, 23, 0, 0, 1 << 16),   // TCP_FASTOPEN
    number(LEVEL_TCP, 25, 0, 0, i32::MAX),  // TCP_NOTSENT_LOWAT
    number(SOL_SOCKET, 12, 0, 0, 6),        // SO_PRIORITY
    number(SOL_SOCKET, 18, 1, 1, i32::MAX), // SO_RCVLOWAT
];

/// Options that the server itself looks at.
pub mod option {
    use super::{LEVEL_IP, LEVEL_TCP, LEVEL_V6, SOL_SOCKET};
    /// `SO_REUSEADDR`.
    pub const REUSE_ADDRESS: (u32, u32) = (SOL_SOCKET, 2);
    /// `SO_BROADCAST`.
    pub const BROADCAST: (u32, u32) = (SOL_SOCKET, 6);
    /// `SO_KEEPALIVE`.
    pub const KEEP_ALIVE: (u32, u32) = (SOL_SOCKET, 9);
    /// `SO_REUSEPORT`.
    pub const REUSE_PORT: (u32, u32) = (SOL_SOCKET, 15);
    /// `IP_FREEBIND`.
    pub const FREE_BIND: (u32, u32) = (LEVEL_IP, 15);
    /// `IP_MULTICAST_LOOP`.
    pub const MULTICAST_LOOP: (u32, u32) = (LEVEL_IP, 34);
    /// `IPV6_V6ONLY`.
    pub const V6_ONLY: (u32, u32) = (LEVEL_V6, 26);
    /// `TCP_NODELAY`.
    pub const NO_DELAY: (u32, u32) = (LEVEL_TCP, 1);
    /// `IP_TTL`.
    pub const TTL: (u32, u32) = (LEVEL_IP, 2);
    /// `IP_MULTICAST_TTL`.
    pub const MULTICAST_TTL: (u32, u32) = (LEVEL_IP, 33);
    /// `IPV6_UNICAST_HOPS`.
    pub const HOPS: (u32, u32) = (LEVEL_V6, 16);
    /// `IPV6_MULTICAST_HOPS`.
    pub const MULTICAST_HOPS: (u32, u32) = (LEVEL_V6, 18);
    /// `TCP_KEEPIDLE`.
    pub const KEEP_IDLE: (u32, u32) = (LEVEL_TCP, 4);
    /// `TCP_USER_TIMEOUT`.
    pub const USER_TIMEOUT: (u32, u32) = (LEVEL_TCP, 18);
}

/// What a socket was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    switches: u64,
    numbers: [i32; NUMBERS.len()],
    /// Capacities towards the peer and towards this socket, bytes.
    pub capacities: [u32; 2],
    /// `SO_LINGER`: on, and for how long, s.
    pub linger: [u32; 2],
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            switches: ON,
            numbers: NUMBERS.map(|number| number.default),
            capacities: [DEFAULT_CAPACITY; 2],
            linger: [0; 2],
        }
    }
}

fn switch_of((level, option): (u32, u32)) -> Option<usize> {
    SWITCHES.iter().position(|known| *known == (level, option))
}

fn number_of((level, option): (u32, u32)) -> Option<usize> {
    NUMBERS
        .iter()
        .position(|known| (known.level, known.option) == (level, option))
}

impl Settings {
    /// Words of a record.
    pub const WORDS: usize = 3 + NUMBERS.len();

    /// Whether a switch is on.
    pub fn is_on(&self, which: (u32, u32)) -> bool {
        switch_of(which).is_some_and(|bit| self.switches >> bit & 1 != 0)
    }

    /// A number; 0 for an option that is none.
    pub fn number(&self, which: (u32, u32)) -> i32 {
        let place = number_of(which).and_then(|place| self.numbers.get(place));
        place.copied().unwrap_or(0)
    }

    /// Whether the end of a connection resets the other side: it lingers for no time.
    pub fn resets(&self) -> bool {
        self.linger == [1, 0]
    }

    /// Whether a socket of IPv6 keeps out of IPv4.
    pub fn is_v6_only(&self) -> bool {
        self.is_on(option::V6_ONLY)
    }

    /// The value of a switch or number.
    ///
    /// # Errors
    /// `NoOption`.
    pub fn get(&self, kind: Kind, which: (u32, u32)) -> Result<i32, Error> {
        if which.0 == LEVEL_TCP && kind != Kind::Stream {
            return Err(Error::NoOption);
        }
        match switch_of(which) {
            Some(bit) => Ok((self.switches >> bit & 1) as i32),
            None if number_of(which).is_some() => Ok(self.number(which)),
            None => Err(Error::NoOption),
        }
    }

    /// Sets one.
    ///
    /// # Errors
    /// `NoOption`; `BadArgument` when it is out of bounds.
    pub fn set(&mut self, kind: Kind, which: (u32, u32), value: i32) -> Result<(), Error> {
        self.get(kind, which)?;
        if let Some(bit) = switch_of(which) {
            let bit = 1 << bit;
            self.switches = self.switches & !bit | if value != 0 { bit } else { 0 };
            return Ok(());
        }
        let place = number_of(which).ok_or(Error::NoOption)?;
        let number = NUMBERS.get(place).ok_or(Error::NoOption)?;
        // -1 gives the default back where Linux says so: the numbers of hops and the traffic class.
        let is_default = value == -1 && matches!(which, (LEVEL_V6, _) | (LEVEL_IP, 2 | 33));
        let value = if is_default { number.default } else { value };
        if !(number.least..=number.most).contains(&value) {
            return Err(Error::BadArgument);
        }
        if let Some(place) = self.numbers.get_mut(place) {
            *place = value;
        }
        Ok(())
    }

    /// Its words in a record.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let pair = |[low, high]: [u32; 2]| u64::from(low) | u64::from(high) << 32;
        let first = [self.switches, pair(self.capacities), pair(self.linger)];
        first
            .into_iter()
            .chain(self.numbers.iter().map(|number| *number as u64))
    }

    /// From its words in a record.
    pub fn from_words(words: &[u64; Self::WORDS]) -> Settings {
        let [switches, capacities, linger, numbers @ ..] = words;
        let pair = |word: &u64| [*word as u32, (*word >> 32) as u32];
        Settings {
            switches: *switches,
            numbers: numbers.map(|number| number as i32),
            capacities: pair(capacities),
            linger: pair(linger),
        }
    }
}

const _: () = assert!(SWITCHES.len() <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_set_read_and_kept_in_the_record() {
        let mut settings = Settings::default();
        for which in SWITCHES {
            let before = settings.get(Kind::Stream, which).unwrap();
            settings.set(Kind::Stream, which, 1 - before).unwrap();
            assert_eq!(settings.get(Kind::Stream, which), Ok(1 - before));
        }
        for number in &NUMBERS {
            let which = (number.level, number.option);
            settings.set(Kind::Stream, which, number.most).unwrap();
            assert_eq!(settings.get(Kind::Stream, which), Ok(number.most));
            let beyond = settings.set(Kind::Stream, which, -3);
            assert_eq!(beyond, Err(Error::BadArgument), "{which:?}");
        }
        settings.linger = [1, 7];
        let words: alloc::vec::Vec<u64> = settings.words().collect();
        let words = words.as_slice().try_into().unwrap();
        assert_eq!(Settings::from_words(words), settings);
    }

    #[test]
    fn options_of_tcp_are_no_datagram_sockets_and_unknown_ones_nobodys() {
        let settings = Settings::default();
        let refused = settings.get(Kind::Datagram, option::NO_DELAY);
        assert_eq!(refused, Err(Error::NoOption));
        assert_eq!(settings.get(Kind::Stream, (7, 7)), Err(Error::NoOption));
        assert!(settings.is_on(option::MULTICAST_LOOP));
        assert!(settings.is_on((LEVEL_V6, 19)));
    }

    #[test]
    fn minus_one_gives_the_default_number_of_hops_back() {
        let mut settings = Settings::default();
        settings.set(Kind::Datagram, option::HOPS, 3).unwrap();
        settings.set(Kind::Datagram, option::HOPS, -1).unwrap();
        assert_eq!(settings.number(option::HOPS), 64);
        let refused = settings.set(Kind::Stream, option::KEEP_IDLE, -1);
        assert_eq!(refused, Err(Error::BadArgument));
    }
}
