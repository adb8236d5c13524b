//! Lines of `/etc/hosts`, `/etc/services`, `/etc/protocols` and `/etc/networks`.

use crate::address::{self, ScopedAddress};

/// Words of a line without its comment.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let text = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Words of a line that are names of what it is about.
pub trait Names<'a>: Iterator<Item = &'a [u8]> + Clone {
    /// Whether one of them is `name`; letters' case makes no difference.
    fn have(&self, name: &[u8]) -> bool {
        self.clone().any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl<'a, T: Iterator<Item = &'a [u8]> + Clone> Names<'a> for T {}

/// A line of `/etc/hosts`: an address and names, the canonical one first.
pub fn host(line: &[u8]) -> Option<(ScopedAddress, impl Names<'_>)> {
    let mut words = words(line);
    // An address of this form names an interface by its number, if at all.
    let address = address::parse(words.next()?, &mut |_| None)?;
    words.clone().next()?;
    Some((address, words))
}

/// A line of `/etc/services`.
pub struct Service<'a, N> {
    /// The name, then the aliases.
    pub names: N,
    /// The port.
    pub port: u16,
    /// The protocol's name.
    pub protocol: &'a [u8],
}

/// A line of `/etc/services`: a name, port and protocol, aliases.
pub fn service(line: &[u8]) -> Option<Service<'_, impl Names<'_>>> {
    let mut words = words(line);
    let name = words.next()?;
    let mut parts = words.next()?.split(|byte| *byte == b'/');
    let port = decimal(parts.next()?)?;
    let protocol = parts.next().filter(|protocol| !protocol.is_empty())?;
    Some(Service {
        names: core::iter::once(name).chain(words),
        port,
        protocol,
    })
}

/// A line of `/etc/protocols` or `/etc/networks`: a name, a number, aliases. Answers the number as it
/// stands there, and all names.
pub fn numbered(line: &[u8]) -> Option<(&[u8], impl Names<'_>)> {
    let mut words = words(line);
    let name = words.next()?;
    let number = words.next()?;
    Some((number, core::iter::once(name).chain(words)))
}

/// A number of up to 16 bits, of decimal digits only.
pub fn decimal(digits: &[u8]) -> Option<u16> {
    let text = core::str::from_utf8(digits).ok()?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn a_host_has_an_address_and_names() {
        let (address, names) = host(b"192.0.2.1\tHost.example  host # ours").unwrap();
        assert_eq!(address.address.to_string(), "192.0.2.1");
        assert_eq!(
            names.clone().collect::<Vec<_>>(),
            [&b"Host.example"[..], b"host"]
        );
        assert!(names.have(b"HOST") && !names.have(b"ours"));
        for line in [
            &b""[..],
            b"# 1.2.3.4 a",
            b"1.2.3.4",
            b"name 1.2.3.4",
            b"1.2.3.4 #a",
        ] {
            assert!(host(line).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_service_has_a_port_and_a_protocol() {
        let found = service(b"http 80/tcp www # web").unwrap();
        assert_eq!((found.port, found.protocol), (80, &b"tcp"[..]));
        assert!(found.names.have(b"www") && found.names.have(b"http") && !found.names.have(b"web"));
        for line in [
            &b""[..],
            b"http",
            b"http 80",
            b"http 80/",
            b"http x/tcp",
            b"http 65536/tcp",
            b"http +80/tcp",
        ] {
            assert!(service(line).is_none(), "{line:?}");
        }
    }

    #[test]
    fn a_protocol_has_a_number() {
        let (number, names) = numbered(b"tcp 6 TCP").unwrap();
        assert_eq!(decimal(number), Some(6));
        assert!(names.have(b"tcp"));
        assert!(numbered(b"tcp").is_none());
    }
}
