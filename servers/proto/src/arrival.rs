//! How a datagram arrived. `net` appends it to the name of the sender that goes with each message in an
//! inbox; the C library makes control messages of it (RFC 3542, 6).

use core::net::{IpAddr, Ipv6Addr};

/// Bytes of it behind an address.
pub const SIZE: usize = 24;

/// Status flags of a socket's session by which the C library remembers what it is to tell.
pub mod wanted {
    /// Where it was sent to (`IP_PKTINFO`, `IPV6_RECVPKTINFO`).
    pub const DESTINATION: u32 = 1 << 22;
    /// How many hops it had left (`IP_RECVTTL`, `IPV6_RECVHOPLIMIT`).
    pub const HOPS: u32 = 1 << 23;
    /// When it was received (`SO_TIMESTAMP`).
    pub const TIME: u32 = 1 << 24;
}

/// How a datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Whom it was sent to.
    pub to: IpAddr,
    /// The number of the interface that it came by.
    pub interface: u32,
    /// How many hops it had left.
    pub hops: u32,
}

impl Arrival {
    /// Its bytes.
    pub fn encode(&self) -> [u8; SIZE] {
        let octets = match self.to {
            IpAddr::V4(to) => to.to_ipv6_mapped().octets(),
            IpAddr::V6(to) => to.octets(),
        };
        let mut bytes = [0; SIZE];
        let (address, numbers) = bytes.split_at_mut(16);
        address.copy_from_slice(&octets);
        let numbers = numbers.as_chunks_mut::<4>().0;
        for (place, number) in numbers.iter_mut().zip([self.interface, self.hops]) {
            *place = number.to_le_bytes();
        }
        bytes
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8; SIZE]) -> Arrival {
        let number = |at: usize| {
            let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
            part.map_or(0, |word| u32::from_le_bytes(*word))
        };
        let octets = bytes.first_chunk::<16>().copied().unwrap_or_default();
        let to = Ipv6Addr::from(octets);
        Arrival {
            to: to.to_ipv4_mapped().map_or(to.into(), IpAddr::from),
            interface: number(16),
            hops: number(20),
        }
    }
}

/// Takes the arrival off a sender's name, if one is there: by the length of its family's addresses.
pub fn split(name: &[u8]) -> (&[u8], Option<Arrival>) {
    let length = match name {
        // AF_INET, AF_INET6.
        [2, 0, ..] => 16,
        [10, 0, ..] => 28,
        _ => return (name, None),
    };
    match name.split_at_checked(length) {
        Some((address, rest)) => (address, rest.first_chunk().map(Arrival::decode)),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_travels_behind_an_address_of_its_family() {
        for (to, address) in [
            ("10.0.2.15", [2; 16].to_vec()),
            ("ff02::1", [10; 28].to_vec()),
        ] {
            let mut name = address;
            name[1] = 0;
            let arrival = Arrival {
                to: to.parse().unwrap(),
                interface: 2,
                hops: 64,
            };
            let length = name.len();
            name.extend_from_slice(&arrival.encode());
            assert_eq!(split(&name), (&name[..length], Some(arrival)));
            assert_eq!(split(&name[..length]), (&name[..length], None));
            assert_eq!(split(&name[..9]), (&name[..9], None));
        }
        assert_eq!(split(b"\x01\0/path"), (&b"\x01\0/path"[..], None));
    }
}
