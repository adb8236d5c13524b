//! Addresses as C has them (`struct sockaddr_in`, `struct sockaddr_in6`), and as the server does: an
//! IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2) is an IPv4 address here.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use proto::Error;

/// Bytes of the longest address.
pub const MAX_ADDRESS: usize = 28;
/// Bytes of a `struct sockaddr_in`.
const V4_SIZE: usize = 16;
/// Bytes of a `struct sockaddr_in6` without its scope (RFC 2133), which Linux takes, too.
const OLD_V6_SIZE: usize = 24;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Family {
    /// `AF_INET`.
    V4 = 2,
    /// `AF_INET6`.
    V6 = 10,
}

impl Family {
    /// The family with this number.
    ///
    /// # Errors
    /// `NoAddressFamily`.
    pub fn from_number(number: u32) -> Result<Family, Error> {
        match number {
            2 => Ok(Family::V4),
            10 => Ok(Family::V6),
            _ => Err(Error::NoAddressFamily),
        }
    }

    /// The address that stands for all.
    pub fn any(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// Whether an address (its first two bytes) is of the family `AF_UNSPEC`.
pub fn is_unspecified(address: &[u8]) -> bool {
    address.starts_with(&[0, 0])
}

/// The address in a `struct sockaddr` for a socket of a family.
///
/// # Errors
/// `BadArgument` when it is too short, `NoAddressFamily` when it is of another family.
pub fn parse(bytes: &[u8], family: Family) -> Result<SocketAddr, Error> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(Error::BadArgument)?;
    let [low, high, port @ ..] = *head;
    let port = u16::from_be_bytes(port);
    if u32::from(u16::from_le_bytes([low, high])) != family as u32 {
        return Err(Error::NoAddressFamily);
    }
    if family == Family::V4 {
        let octets = rest.first_chunk::<4>().ok_or(Error::BadArgument)?;
        if bytes.len() < V4_SIZE {
            return Err(Error::BadArgument);
        }
        return Ok(SocketAddr::from((*octets, port)));
    }
    let octets = rest.get(4..).and_then(|rest| rest.first_chunk::<16>());
    let octets = octets.ok_or(Error::BadArgument)?;
    let scope = bytes.get(OLD_V6_SIZE..).and_then(|rest| rest.first_chunk());
    let scope = scope.map_or(0, |scope| u32::from_le_bytes(*scope));
    let address = SocketAddrV6::new(Ipv6Addr::from(*octets), port, 0, scope);
    Ok(match address.ip().to_ipv4_mapped() {
        Some(address) => SocketAddr::from((address, port)),
        None => address.into(),
    })
}

/// A `struct sockaddr` as a socket of a family sees an address.
pub fn encode(address: SocketAddr, family: Family) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAX_ADDRESS);
    bytes.extend_from_slice(&(family as u16).to_le_bytes());
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match (family, address.ip()) {
        (Family::V4, IpAddr::V4(ip)) => bytes.extend_from_slice(&ip.octets()),
        // No socket of IPv4 has such an address.
        (Family::V4, IpAddr::V6(_)) => bytes.extend_from_slice(&[0; 4]),
        (Family::V6, ip) => {
            let ip = match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&scope_of(address).to_le_bytes());
        }
    }
    bytes.resize(bytes.len().max(V4_SIZE), 0);
    bytes
}

/// The interface that an IPv6 address holds for; 0: any.
pub fn scope_of(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

/// The loopback address of the same family.
pub fn loopback_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Whether two addresses are of the same version of IP.
pub fn is_alike(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_their_way_through_c() {
        for text in ["127.0.0.1:80", "[::1]:443", "[fe80::1%3]:7"] {
            let address: SocketAddr = text.parse().unwrap();
            let family = if address.is_ipv4() {
                Family::V4
            } else {
                Family::V6
            };
            assert_eq!(parse(&encode(address, family), family), Ok(address));
        }
    }

    #[test]
    fn a_mapped_address_is_one_of_ipv4() {
        let address: SocketAddr = "10.0.2.2:53".parse().unwrap();
        let bytes = encode(address, Family::V6);
        assert_eq!(bytes.len(), 28);
        assert_eq!(parse(&bytes, Family::V6), Ok(address));
    }

    #[test]
    fn short_and_foreign_addresses_are_refused() {
        let whole = encode("10.0.2.2:53".parse().unwrap(), Family::V4);
        for length in 0..whole.len() {
            let short = parse(whole.get(..length).unwrap(), Family::V4);
            assert!(matches!(short, Err(Error::BadArgument)), "{length}");
        }
        assert_eq!(parse(&whole, Family::V6), Err(Error::NoAddressFamily));
        let whole = encode("[::1]:1".parse().unwrap(), Family::V6);
        assert_eq!(parse(&whole[..23], Family::V6), Err(Error::BadArgument));
        assert!(parse(&whole[..24], Family::V6).is_ok());
    }
}
