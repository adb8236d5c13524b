//! Addresses as text.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A number with C's prefixes for octal and hexadecimal.
fn number(digits: &[u8]) -> Option<u32> {
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        value.checked_mul(base)?.checked_add(digit)
    })
}

/// One to four numbers, the last of which fills what is left (4.2BSD's forms, POSIX `inet_addr`).
pub fn parse_loose(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = [0u32; 4];
    let mut count = 0;
    for part in text.split(|byte| *byte == b'.') {
        *parts.get_mut(count)? = number(part)?;
        count += 1;
    }
    let (last, bytes) = parts.get(..count)?.split_last()?;
    let mut value = 0u32;
    for byte in bytes {
        value = value << 8 | u32::from(u8::try_from(*byte).ok()?);
    }
    let left = 32 - 8 * u32::try_from(bytes.len()).ok()?;
    if last.checked_shr(left).unwrap_or(0) != 0 {
        return None;
    }
    Some(Ipv4Addr::from_bits(
        value.checked_shl(left).unwrap_or(0) | last,
    ))
}

/// Exactly four decimal numbers (POSIX `inet_pton`).
pub fn parse4(text: &[u8]) -> Option<Ipv4Addr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// RFC 4291, section 2.2 (POSIX `inet_pton`).
pub fn parse6(text: &[u8]) -> Option<Ipv6Addr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// An address, and for one of IPv6 the interface that it holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopedAddress {
    /// The address.
    pub address: IpAddr,
    /// The interface's index (`sin6_scope_id`), or 0.
    pub scope: u32,
}

impl From<IpAddr> for ScopedAddress {
    fn from(address: IpAddr) -> ScopedAddress {
        ScopedAddress { address, scope: 0 }
    }
}

/// An address as `getaddrinfo` takes it: `%` and an interface's name or number may follow one of IPv6
/// (RFC 4007, section 11). `index` tells an interface's number by its name.
pub fn parse(text: &[u8], index: &mut dyn FnMut(&[u8]) -> Option<u32>) -> Option<ScopedAddress> {
    if let Some(address) = parse_loose(text) {
        return Some(IpAddr::V4(address).into());
    }
    let percent = text.iter().position(|byte| *byte == b'%');
    let Some(at) = percent else {
        return parse6(text).map(|address| IpAddr::V6(address).into());
    };
    let address = parse6(text.get(..at)?)?;
    let zone = text.get(at + 1..)?;
    let digits = core::str::from_utf8(zone).ok();
    let scope = match digits.and_then(|digits| digits.parse().ok()) {
        Some(number) => number,
        // A name of an interface means something on one link only.
        None if is_link_local(&address) => index(zone)?,
        None => return None,
    };
    Some(ScopedAddress {
        address: address.into(),
        scope,
    })
}

/// Whether an address, of a host or a group, holds on one link only.
pub fn is_link_local(address: &Ipv6Addr) -> bool {
    address.is_unicast_link_local()
        || matches!(address.octets(), [0xff, scope, ..] if scope & 0xf == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn loose(text: &str) -> Option<std::string::String> {
        parse_loose(text.as_bytes()).map(|address| address.to_string())
    }

    #[test]
    fn the_last_number_fills_what_is_left() {
        for (text, wanted) in [
            ("1.2.3.4", "1.2.3.4"),
            ("127.1", "127.0.0.1"),
            ("10.1.256", "10.1.1.0"),
            ("0x7f000001", "127.0.0.1"),
            ("4294967295", "255.255.255.255"),
            ("0", "0.0.0.0"),
            ("010.0.0.0x10", "8.0.0.16"),
        ] {
            assert_eq!(loose(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            "1..2",
            "1.2.3.4.5",
            "256.1",
            "1.2.3.256",
            "1.16777216",
            "4294967296",
            "08",
            "0x",
            "1.2.3.4 ",
            "-1",
            "1.2.3.a",
        ] {
            assert_eq!(loose(text), None, "{text}");
        }
    }

    #[test]
    fn the_strict_form_is_four_decimal_numbers() {
        assert!(parse4(b"192.0.2.1").is_some());
        for text in [
            "1.2.3",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.4 ",
            "0x1.2.3.4",
            "",
        ] {
            assert!(parse4(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn an_interface_may_follow_an_address_of_ipv6() {
        let mut index = |name: &[u8]| (name == b"eth0").then_some(2);
        let scope = |text: &str, index: &mut dyn FnMut(&[u8]) -> Option<u32>| {
            parse(text.as_bytes(), index).map(|found| found.scope)
        };
        assert_eq!(scope("fe80::1%eth0", &mut index), Some(2));
        assert_eq!(scope("fe80::1%7", &mut index), Some(7));
        assert_eq!(scope("ff02::1%eth0", &mut index), Some(2));
        assert_eq!(scope("::1", &mut index), Some(0));
        for text in [
            "fe80::1%eth1",
            "fe80::1%",
            "2001:db8::1%eth0",
            "1.2.3.4%eth0",
            "%eth0",
        ] {
            assert_eq!(scope(text, &mut index), None, "{text}");
        }
    }
}
