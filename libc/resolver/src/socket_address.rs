//! Socket addresses as C has them: `struct sockaddr_in`, `struct sockaddr_in6`.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};

/// `AF_INET`.
pub const INTERNET: u16 = 2;
/// `AF_INET6`.
pub const INTERNET_6: u16 = 10;
/// Size of `struct sockaddr_in`.
const SIZE_4: usize = 16;
/// Size of `struct sockaddr_in6`.
const SIZE_6: usize = 28;

/// A socket address in C's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(4))]
pub struct Encoded {
    bytes: [u8; SIZE_6],
    length: usize,
}

impl Encoded {
    /// The structure's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The family of an address.
pub fn family_of(address: &IpAddr) -> u16 {
    if address.is_ipv4() {
        INTERNET
    } else {
        INTERNET_6
    }
}

impl From<&SocketAddr> for Encoded {
    fn from(address: &SocketAddr) -> Encoded {
        let mut bytes = [0; SIZE_6];
        let mut put = |at: usize, part: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
        };
        put(0, &family_of(&address.ip()).to_ne_bytes());
        put(2, &address.port().to_be_bytes());
        let length = match address {
            SocketAddr::V4(four) => {
                put(4, &four.ip().octets());
                SIZE_4
            }
            SocketAddr::V6(six) => {
                put(4, &six.flowinfo().to_be_bytes());
                put(8, &six.ip().octets());
                put(24, &six.scope_id().to_ne_bytes());
                SIZE_6
            }
        };
        Encoded { bytes, length }
    }
}

/// Reads a socket address; `None` for another family or one that is cut short.
pub fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    fn at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..)?.first_chunk().copied()
    }
    let port = u16::from_be_bytes(at(bytes, 2)?);
    match u16::from_ne_bytes(at(bytes, 0)?) {
        INTERNET if bytes.len() >= SIZE_4 => Some(SocketAddr::from((at::<4>(bytes, 4)?, port))),
        INTERNET_6 if bytes.len() >= SIZE_6 => Some(SocketAddr::V6(SocketAddrV6::new(
            at::<16>(bytes, 8)?.into(),
            port,
            u32::from_be_bytes(at(bytes, 4)?),
            u32::from_ne_bytes(at(bytes, 24)?),
        ))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_there_and_back() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(decode(Encoded::from(&address).bytes()), Some(address));
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 7, 2));
        assert_eq!(decode(Encoded::from(&scoped).bytes()), Some(scoped));
    }

    #[test]
    fn the_layout_is_that_of_the_headers() {
        let address: SocketAddr = "1.2.3.4:258".parse().unwrap();
        let wanted = [2, 0, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Encoded::from(&address).bytes(), wanted);
    }

    #[test]
    fn what_is_cut_short_or_of_another_family_is_refused() {
        let whole = Encoded::from(&"[::1]:1".parse::<SocketAddr>().unwrap());
        for length in 0..28 {
            assert_eq!(decode(&whole.bytes()[..length]), None);
        }
        assert_eq!(decode(&[1; 28]), None);
    }
}
