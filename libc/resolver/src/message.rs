//! Queries to name servers, and their answers (RFC 1035, section 4).

use crate::name::Name;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Types of records.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Another name for a name.
    pub const CNAME: u16 = 5;
    /// The name of an address.
    pub const PTR: u16 = 12;
    /// An IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
}

/// What a server says about a query.
pub mod code {
    /// All is well.
    pub const NO_ERROR: u8 = 0;
    /// The server could not find out.
    pub const SERVER_FAILURE: u8 = 2;
    /// There is no such name.
    pub const NO_NAME: u8 = 3;
}

/// Class of all that is asked for here: the Internet.
pub const INTERNET: u16 = 1;
/// Length of a message's header.
pub const HEADER: usize = 12;
/// Second byte pair of the header: this is an answer.
const IS_ANSWER: u8 = 0x80;
/// The kind of query; 0 is the only one asked here.
const OPERATION: u8 = 0x78;
/// There was more than fitted.
const TRUNCATED: u8 = 0x02;
/// The server is to ask others.
const RECURSION: u8 = 0x01;
/// So many names of a name of a name are followed.
const MAX_CHAIN: usize = 16;

/// A query for records of a name.
pub fn query(id: u16, name: &Name, class: u16, kind: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + name.wire().len() + 4);
    message.extend(id.to_be_bytes());
    // One question, nothing else.
    message.extend([RECURSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(name.wire());
    message.extend(kind.to_be_bytes());
    message.extend(class.to_be_bytes());
    message
}

/// A message that answers a query.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    message: &'a [u8],
    /// Where the records begin.
    records: usize,
    count: u16,
}

/// A record of an answer.
#[derive(Debug)]
pub struct Record<'a> {
    /// Whose it is.
    pub name: Name,
    /// Its type.
    pub kind: u16,
    /// Where its data lie in the message.
    at: usize,
    /// Its data.
    pub data: &'a [u8],
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

impl<'a> Answer<'a> {
    /// Takes a message for the answer to `query` if it is that: same id, same question, and every
    /// record whole.
    pub fn new(message: &'a [u8], query: &[u8]) -> Option<Answer<'a>> {
        let flags = *message.get(2)?;
        if word(message, 0)? != word(query, 0)? || flags & (IS_ANSWER | OPERATION) != IS_ANSWER {
            return None;
        }
        if word(message, 4)? != 1 {
            return None;
        }
        let (name, after) = Name::from_wire(message, HEADER)?;
        let (asked, end) = Name::from_wire(query, HEADER)?;
        let question = message.get(after..after + 4)?;
        if !name.equals(&asked) || question != query.get(end..end + 4)? {
            return None;
        }
        let answer = Answer {
            message,
            records: after + 4,
            count: word(message, 6)?,
        };
        // A message that was cut may end within a record.
        (answer.is_truncated() || answer.is_whole()).then_some(answer)
    }

    /// What the server said ([`code`]).
    pub fn code(&self) -> u8 {
        self.message
            .get(3)
            .map_or(code::SERVER_FAILURE, |byte| byte & 0xf)
    }

    /// Whether there was more than fitted into a datagram.
    pub fn is_truncated(&self) -> bool {
        self.message
            .get(2)
            .is_some_and(|flags| flags & TRUNCATED != 0)
    }

    fn is_whole(&self) -> bool {
        self.records().count() == usize::from(self.count)
    }

    /// The records of the answer's own section, of class Internet or not, up to the first that is
    /// not whole.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let message = self.message;
        let mut at = self.records;
        (0..self.count).map_while(move |_| {
            let (name, fixed) = Name::from_wire(message, at)?;
            let length = usize::from(word(message, fixed + 8)?);
            let data = message.get(fixed + 10..fixed + 10 + length)?;
            at = fixed + 10 + length;
            let kind = if word(message, fixed + 2)? == INTERNET {
                word(message, fixed)?
            } else {
                0
            };
            Some(Record {
                name,
                kind,
                at: fixed + 10,
                data,
            })
        })
    }

    /// The name at the end of the chain of other names that begins with the one asked for. `None` if
    /// it has no end.
    pub fn canonical_name(&self) -> Option<Name> {
        let (mut name, _) = Name::from_wire(self.message, HEADER)?;
        for _ in 0..MAX_CHAIN {
            let next = self
                .records()
                .find(|record| record.kind == kind::CNAME && record.name.equals(&name));
            match next {
                Some(record) => name = self.name_in(&record)?,
                None => return Some(name),
            }
        }
        None
    }

    /// The name that a record's data are.
    fn name_in(&self, record: &Record<'_>) -> Option<Name> {
        let (name, end) = Name::from_wire(self.message, record.at)?;
        (end == record.at + record.data.len()).then_some(name)
    }

    /// The addresses of a name.
    pub fn addresses(&self, name: &Name) -> impl Iterator<Item = IpAddr> {
        self.records()
            .filter(move |record| record.name.equals(name))
            .filter_map(|record| match record.kind {
                kind::A => <[u8; 4]>::try_from(record.data).ok().map(IpAddr::from),
                kind::AAAA => <[u8; 16]>::try_from(record.data).ok().map(IpAddr::from),
                _ => None,
            })
    }

    /// The first name that an address has, at the end of the chain.
    pub fn pointer(&self) -> Option<Name> {
        let owner = self.canonical_name()?;
        let is_wanted =
            |record: &Record<'_>| record.kind == kind::PTR && record.name.equals(&owner);
        self.records()
            .filter(is_wanted)
            .find_map(|record| self.name_in(&record))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec;

    /// A name server's answer to a query, made record by record.
    pub struct Builder {
        message: Vec<u8>,
    }

    impl Builder {
        pub fn new(query: &[u8]) -> Builder {
            let mut message = Vec::from(query);
            message[2] |= IS_ANSWER;
            message[3] = 0x80;
            Builder { message }
        }

        pub fn code(mut self, code: u8) -> Builder {
            self.message[3] = 0x80 | code;
            self
        }

        pub fn truncated(mut self) -> Builder {
            self.message[2] |= TRUNCATED;
            self
        }

        pub fn record(mut self, name: &str, kind: u16, data: &[u8]) -> Builder {
            let count = word(&self.message, 6).unwrap() + 1;
            self.message[6..8].copy_from_slice(&count.to_be_bytes());
            let name = Name::from_text(name.as_bytes()).unwrap();
            self.message
                .extend(name.compressed(&self.message, &[HEADER]));
            self.message.extend(kind.to_be_bytes());
            self.message.extend([0, 1, 0, 0, 0, 60]);
            self.message.extend((data.len() as u16).to_be_bytes());
            self.message.extend(data);
            self
        }

        pub fn other_name(self, name: &str, target: &str) -> Builder {
            let target = Name::from_text(target.as_bytes()).unwrap();
            self.record(name, kind::CNAME, target.wire())
        }

        pub fn build(self) -> Vec<u8> {
            self.message
        }
    }

    pub fn question(name: &str, kind: u16) -> Vec<u8> {
        query(
            0x1234,
            &Name::from_text(name.as_bytes()).unwrap(),
            INTERNET,
            kind,
        )
    }

    fn found(query: &[u8], message: &[u8]) -> Vec<std::string::String> {
        let answer = Answer::new(message, query).unwrap();
        let name = answer.canonical_name().unwrap();
        answer
            .addresses(&name)
            .map(|address| address.to_string())
            .collect()
    }

    #[test]
    fn a_query_has_one_question_and_wants_recursion() {
        let query = question("a.b", kind::AAAA);
        assert_eq!(
            query,
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x1c\0\x01"
        );
    }

    #[test]
    fn addresses_are_those_of_the_name_at_the_end_of_the_chain() {
        let query = question("www.example.org", kind::A);
        let message = Builder::new(&query)
            .record("end.example.net", kind::A, &[192, 0, 2, 1])
            .other_name("www.example.org", "middle.example.org")
            .record("www.example.org", kind::A, &[6, 6, 6, 6])
            .record("elsewhere.example.org", kind::A, &[6, 6, 6, 7])
            .other_name("middle.example.org", "END.example.net")
            .record("end.example.net", kind::A, &[192, 0, 2, 2])
            .build();
        assert_eq!(found(&query, &message), ["192.0.2.1", "192.0.2.2"]);
    }

    #[test]
    fn a_chain_without_end_has_no_name() {
        let query = question("a.example", kind::A);
        let message = Builder::new(&query)
            .other_name("a.example", "b.example")
            .other_name("b.example", "a.example")
            .build();
        assert!(
            Answer::new(&message, &query)
                .unwrap()
                .canonical_name()
                .is_none()
        );
    }

    #[test]
    fn an_address_of_a_wrong_length_is_none() {
        let query = question("a.example", kind::A);
        let message = Builder::new(&query)
            .record("a.example", kind::A, &[1, 2, 3])
            .record("a.example", kind::AAAA, &[0; 4])
            .record("a.example", kind::A, &[1, 2, 3, 4])
            .build();
        assert_eq!(found(&query, &message), ["1.2.3.4"]);
    }

    #[test]
    fn what_answers_another_query_is_refused() {
        let query = question("a.example", kind::A);
        let good = Builder::new(&query)
            .record("a.example", kind::A, &[1, 2, 3, 4])
            .build();
        assert!(Answer::new(&good, &query).is_some());
        let changed = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            message
        };
        for (what, message) in [
            ("another id", changed(1, 0)),
            ("a query", changed(2, 0x01)),
            ("a notification", changed(2, 0xa1)),
            ("two questions", changed(5, 2)),
            ("another name", changed(13, b'b')),
            ("another type", changed(24, 28)),
            ("another class", changed(26, 3)),
            ("a record that is not there", changed(7, 2)),
            ("less than a header", good[..11].to_vec()),
            ("nothing", vec![]),
        ] {
            assert!(Answer::new(&message, &query).is_none(), "{what}");
        }
    }

    #[test]
    fn letters_case_in_the_question_makes_no_difference() {
        let query = question("a.example", kind::A);
        let mut message = Builder::new(&query).build();
        message[13] = b'A';
        assert!(Answer::new(&message, &query).is_some());
    }

    #[test]
    fn a_truncated_answer_may_end_within_a_record() {
        let query = question("a.example", kind::A);
        let mut message = Builder::new(&query)
            .truncated()
            .record("a.example", kind::A, &[1, 2, 3, 4])
            .build();
        message.truncate(message.len() - 2);
        assert!(Answer::new(&message, &query).unwrap().is_truncated());
    }

    #[test]
    fn the_name_of_an_address_is_found_behind_a_delegation() {
        let query = question("1.2.0.192.in-addr.arpa", kind::PTR);
        let message = Builder::new(&query)
            .other_name("1.2.0.192.in-addr.arpa", "1.0-63.2.0.192.in-addr.arpa")
            .record(
                "1.0-63.2.0.192.in-addr.arpa",
                kind::PTR,
                b"\x04host\x07example\0",
            )
            .build();
        let name = Answer::new(&message, &query).unwrap().pointer().unwrap();
        assert_eq!(name.host_text().unwrap(), b"host.example");
    }

    #[test]
    fn a_name_that_reaches_beyond_its_record_is_none() {
        let query = question("1.2.0.192.in-addr.arpa", kind::PTR);
        let message = Builder::new(&query)
            .record("1.2.0.192.in-addr.arpa", kind::PTR, b"\x04ho")
            .record("x.example", kind::A, b"st\0\0")
            .build();
        assert!(Answer::new(&message, &query).unwrap().pointer().is_none());
    }

    proptest! {
        #[test]
        fn no_message_makes_the_reader_stumble(
            tail in proptest::collection::vec(any::<u8>(), 0..500), count in 0u16..40, flags in any::<[u8; 2]>()
        ) {
            let query = question("a.example", kind::A);
            let mut message = query.clone();
            message[2..4].copy_from_slice(&[flags[0] | IS_ANSWER, flags[1]]);
            message[6..8].copy_from_slice(&count.to_be_bytes());
            message.extend(tail);
            if let Some(answer) = Answer::new(&message, &query) {
                if let Some(name) = answer.canonical_name() {
                    prop_assert!(answer.addresses(&name).count() <= usize::from(count));
                }
                let _ = answer.pointer();
            }
        }

        #[test]
        fn a_good_answer_with_changed_bytes_never_makes_the_reader_stumble(
            changes in proptest::collection::vec((0usize..120, any::<u8>()), 1..6), cut in 0usize..40
        ) {
            let query = question("www.example.org", kind::A);
            let mut message = Builder::new(&query)
                .other_name("www.example.org", "a.example.org")
                .record("a.example.org", kind::A, &[1, 2, 3, 4])
                .record("a.example.org", kind::AAAA, &[1; 16])
                .build();
            for (at, byte) in changes {
                if let Some(place) = message.get_mut(at) {
                    *place = byte;
                }
            }
            message.truncate(message.len() - cut);
            if let Some(answer) = Answer::new(&message, &query)
                && let Some(name) = answer.canonical_name() {
                prop_assert!(answer.addresses(&name).count() <= 3);
            }
        }
    }
}
