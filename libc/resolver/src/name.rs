//! Domain names (RFC 1035, sections 2.3.4, 3.1 and 4.1.4).

use alloc::vec::Vec;
use core::net::IpAddr;

/// Longest name on the wire, with the empty label at its end.
const MAX_WIRE: usize = 255;
/// Longest label.
const MAX_LABEL: usize = 63;
/// The bits that tell a pointer from a label's length.
const POINTER: u8 = 0xc0;
/// A name has at most so many labels; one with more pointers is not meant well.
const MAX_POINTERS: usize = 127;

/// A domain name: labels, each behind its length, and an empty one at the end.
#[derive(Clone, Debug)]
pub struct Name {
    bytes: [u8; MAX_WIRE],
    length: usize,
}

impl Name {
    const fn empty() -> Name {
        Name {
            bytes: [0; MAX_WIRE],
            length: 0,
        }
    }

    /// A name from labels with dots between them; the dot at the end may be there or not. `None` for
    /// what is too long or has an empty label. `.` is the root.
    pub fn from_text(text: &[u8]) -> Option<Name> {
        let mut name = Name::empty();
        let labels = text.strip_suffix(b".").unwrap_or(text);
        if !labels.is_empty() {
            for label in labels.split(|byte| *byte == b'.') {
                name.push(label)?;
            }
        } else if text.is_empty() {
            return None;
        }
        name.end()
    }

    fn push(&mut self, label: &[u8]) -> Option<()> {
        if label.is_empty() || label.len() > MAX_LABEL {
            return None;
        }
        let start = self.length + 1;
        // The empty label must find room, too.
        let place = self.bytes[..MAX_WIRE - 1].get_mut(start..start + label.len())?;
        place.copy_from_slice(label);
        self.bytes[self.length] = u8::try_from(label.len()).ok()?;
        self.length = start + label.len();
        Some(())
    }

    fn end(mut self) -> Option<Name> {
        *self.bytes.get_mut(self.length)? = 0;
        self.length += 1;
        Some(self)
    }

    /// Reads the name at `at` of a message, with its pointers; answers it and where what follows
    /// begins. A pointer must lead back, so that there is an end.
    pub fn from_wire(message: &[u8], at: usize) -> Option<(Name, usize)> {
        let mut name = Name::empty();
        let (mut at, mut follows, mut pointers) = (at, None, 0);
        // Where the labels being read began: the next pointer must lead before it.
        let mut began = at;
        loop {
            let first = *message.get(at)?;
            if first & POINTER == POINTER {
                let second = *message.get(at + 1)?;
                follows = follows.or(Some(at + 2));
                at = usize::from(u16::from_be_bytes([first & !POINTER, second]));
                pointers += 1;
                if at >= began || pointers > MAX_POINTERS {
                    return None;
                }
                began = at;
            } else if first == 0 {
                return Some((name.end()?, follows.unwrap_or(at + 1)));
            } else {
                // The two other patterns of the highest bits are over the longest label.
                let end = at + 1 + usize::from(first);
                name.push(message.get(at + 1..end)?)?;
                at = end;
            }
        }
    }

    /// As it stands in a message, without pointers.
    pub fn wire(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether two names are the same: letters' case makes no difference.
    pub fn equals(&self, other: &Name) -> bool {
        // No length is a letter's code.
        self.wire().eq_ignore_ascii_case(other.wire())
    }

    /// The labels, without the empty one.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire();
        core::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The text of a name that can be a host's: letters, digits, `-` and `_` between dots. `None` for
    /// any other, which a program might take for something else than a name.
    pub fn host_text(&self) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(self.length);
        for label in self.labels() {
            if !label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
            {
                return None;
            }
            if !text.is_empty() {
                text.push(b'.');
            }
            text.extend_from_slice(label);
        }
        (!text.is_empty()).then_some(text)
    }

    /// The name under which an address's host is found (RFC 1035, section 3.5; RFC 3596, section 2.5).
    pub fn of_address(address: IpAddr) -> Option<Name> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut name = Name::empty();
        match address {
            IpAddr::V4(address) => {
                for byte in address.octets().into_iter().rev() {
                    let digits = [byte / 100, byte / 10 % 10, byte % 10].map(|digit| digit + b'0');
                    let zeros = usize::from(byte < 100) + usize::from(byte < 10);
                    name.push(digits.get(zeros..)?)?;
                }
                name.push(b"in-addr")?;
            }
            IpAddr::V6(address) => {
                for byte in address.octets().into_iter().rev() {
                    for nibble in [byte & 0xf, byte >> 4] {
                        name.push(&[*DIGITS.get(usize::from(nibble))?])?;
                    }
                }
                name.push(b"ip6")?;
            }
        }
        name.push(b"arpa")?;
        name.end()
    }

    /// The bytes that stand for this name in a message, in which names begin at `known` offsets: its
    /// labels up to the first rest that one of them ends with, and a pointer to that.
    pub fn compressed(&self, message: &[u8], known: &[usize]) -> Vec<u8> {
        let wire = self.wire();
        let mut start = 0;
        while let Some(length @ 1..) = wire.get(start).copied() {
            let rest = wire.get(start..).unwrap_or_default();
            let found = known.iter().find_map(|at| suffix_at(message, *at, rest));
            if let Some(at) = found {
                let mut bytes = Vec::from(wire.get(..start).unwrap_or_default());
                bytes.extend((u16::from(POINTER) << 8 | at).to_be_bytes());
                return bytes;
            }
            start += 1 + usize::from(length);
        }
        Vec::from(wire)
    }
}

/// Where in the name at `at` the labels are that `rest` consists of, if a pointer can say it.
fn suffix_at(message: &[u8], mut at: usize, rest: &[u8]) -> Option<u16> {
    const REACH: usize = 1 << 14;
    loop {
        let (name, _) = Name::from_wire(message, at)?;
        if name.wire().eq_ignore_ascii_case(rest) {
            return u16::try_from(at).ok().filter(|_| at < REACH);
        }
        match *message.get(at)? {
            0 => return None,
            first if first & POINTER == POINTER => return None,
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec;

    fn text(name: &Name) -> String {
        String::from_utf8(name.host_text().unwrap()).unwrap()
    }

    #[test]
    fn a_name_is_its_labels_behind_their_lengths() {
        let name = Name::from_text(b"www.Example.org").unwrap();
        assert_eq!(name.wire(), b"\x03www\x07Example\x03org\0");
        assert!(name.equals(&Name::from_text(b"WWW.example.ORG.").unwrap()));
        assert_eq!(Name::from_text(b".").unwrap().wire(), b"\0");
    }

    #[test]
    fn names_that_are_too_long_or_have_empty_labels_are_refused() {
        let label = "a".repeat(63);
        let longest = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
        assert_eq!(
            Name::from_text(longest.as_bytes()).unwrap().wire().len(),
            255
        );
        let longer = [label.as_str(), &label, &label, &"a".repeat(62)].join(".");
        for wrong in ["", "..", "a..b", ".a", &"a".repeat(64), &longer] {
            assert!(Name::from_text(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn pointers_are_followed_back() {
        let message = b"\x03org\0\x07example\xc0\0\x03www\xc0\x05after";
        let (name, next) = Name::from_wire(message, 15).unwrap();
        assert_eq!((text(&name).as_str(), next), ("www.example.org", 21));
    }

    #[test]
    fn pointers_that_do_not_lead_back_are_refused() {
        for (message, at) in [
            (&b"\xc0\0"[..], 0),
            (b"\x01a\xc0\0", 0),
            (b"\xc0\x02\xc0\0", 0),
            (b"\xc0\x02\xc0\0", 2),
            (b"\0\xc0\x03\x01a\0", 1),
        ] {
            assert!(Name::from_wire(message, at).is_none(), "{message:?} {at}");
        }
    }

    #[test]
    fn a_chain_of_pointers_has_an_end() {
        let mut message = vec![0];
        for at in 0..200u16 {
            let back = if at == 0 { 0 } else { 1 + 2 * (at - 1) };
            message.extend((0xc000 | back).to_be_bytes());
        }
        assert!(Name::from_wire(&message, 1 + 2 * 100).is_some());
        assert!(Name::from_wire(&message, 1 + 2 * 199).is_none());
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for message in [
            &b""[..],
            b"\x03ab",
            b"\x03abc",
            b"\xc0",
            b"\x40a\0",
            b"\x80a\0",
        ] {
            assert!(Name::from_wire(message, 0).is_none(), "{message:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_a_hosts_has_no_text() {
        for wire in [
            &b"\x03a.b\0"[..],
            b"\x03a b\0",
            b"\x01\0\0",
            b"\x02%s\0",
            b"\0",
        ] {
            assert!(Name::from_wire(wire, 0).unwrap().0.host_text().is_none());
        }
    }

    #[test]
    fn addresses_have_names() {
        let name = Name::of_address("192.0.2.10".parse().unwrap()).unwrap();
        assert_eq!(text(&name), "10.2.0.192.in-addr.arpa");
        let name = Name::of_address("2001:db8::1".parse().unwrap()).unwrap();
        let wanted = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(text(&name), wanted);
    }

    #[test]
    fn a_name_is_compressed_by_the_longest_known_rest() {
        let message = b"\x03www\x07example\x03org\0";
        let name = |text: &str| Name::from_text(text.as_bytes()).unwrap();
        assert_eq!(
            name("ftp.example.org").compressed(message, &[0]),
            b"\x03ftp\xc0\x04"
        );
        assert_eq!(name("WWW.example.org").compressed(message, &[0]), b"\xc0\0");
        assert_eq!(name("a.net").compressed(message, &[0]), b"\x01a\x03net\0");
        assert_eq!(name("a.org").compressed(message, &[]), b"\x01a\x03org\0");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_name_of_bounded_length_or_refused(
            message in proptest::collection::vec(any::<u8>(), 0..600), at in 0usize..700
        ) {
            if let Some((name, next)) = Name::from_wire(&message, at) {
                prop_assert!(name.wire().len() <= 255 && next <= message.len() && next > at);
                let again = Name::from_wire(name.wire(), 0).unwrap().0;
                prop_assert!(again.equals(&name));
            }
        }

        #[test]
        fn a_compressed_name_is_read_as_the_same(
            first in "[a-c]{1,3}(\\.[a-c]{1,2}){0,3}", second in "[a-c]{1,3}(\\.[a-c]{1,2}){0,3}"
        ) {
            let first = Name::from_text(first.as_bytes()).unwrap();
            let second = Name::from_text(second.as_bytes()).unwrap();
            let mut message = Vec::from(first.wire());
            message.extend(second.compressed(&message, &[0]));
            let (found, next) = Name::from_wire(&message, first.wire().len()).unwrap();
            prop_assert!(found.equals(&second) && next == message.len());
        }
    }
}
