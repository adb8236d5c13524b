//! From a host's name to its addresses and back: `/etc/hosts`, what needs no table, name servers.

use crate::address::ScopedAddress;
use crate::ask::{Failure, Wire, ask};
use crate::configuration::Configuration;
use crate::message::{Answer, INTERNET, code, kind, query};
use crate::name::Name;
use crate::tables::{self, Names};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::ControlFlow;

/// More addresses of a host are not looked at.
pub const MAX_ADDRESSES: usize = 48;
/// Longest name of a host.
const MAX_NAME: usize = 254;

/// A file with a line for each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// How name servers are asked.
    Configuration,
    /// Hosts.
    Hosts,
    /// Networks.
    Networks,
    /// Protocols.
    Protocols,
    /// Services.
    Services,
}

impl Table {
    /// Where it is.
    pub const fn path(self) -> &'static CStr {
        match self {
            Table::Configuration => c"/etc/resolv.conf",
            Table::Hosts => c"/etc/hosts",
            Table::Networks => c"/etc/networks",
            Table::Protocols => c"/etc/protocols",
            Table::Services => c"/etc/services",
        }
    }
}

/// What lookups need of the system.
pub trait System: Wire {
    /// Visits the lines of a table, without their ends, until a visit breaks off; a table that is not
    /// there has none.
    fn lines(&mut self, table: Table, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);

    /// The function that tells an interface's number by its name.
    fn index_of_interface(&self) -> fn(&[u8]) -> Option<u32>;
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// Those of IPv4.
    pub four: bool,
    /// Those of IPv6.
    pub six: bool,
}

impl Families {
    fn has(self, address: &IpAddr) -> bool {
        if address.is_ipv4() {
            self.four
        } else {
            self.six
        }
    }
}

/// A host that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its canonical name.
    pub name: Vec<u8>,
    /// Its addresses, at least one and at most [`MAX_ADDRESSES`].
    pub addresses: Vec<ScopedAddress>,
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// There is no such name.
    NoName,
    /// The name has no address of the kinds that are wanted.
    NoAddress,
    /// It could not be found out now.
    Temporary,
    /// It cannot be found out.
    Refused,
}

impl From<Failure> for NotFound {
    fn from(failure: Failure) -> NotFound {
        match failure {
            Failure::Temporary => NotFound::Temporary,
            Failure::Refused => NotFound::Refused,
        }
    }
}

/// The addresses of a host by its name.
///
/// # Errors
/// As [`NotFound`] says.
pub fn host(system: &mut dyn System, name: &[u8], families: Families) -> Result<Host, NotFound> {
    if !can_be_a_host(name) {
        return Err(NotFound::NoName);
    }
    if let Some(found) = in_table(system, name, families) {
        return found;
    }
    if is_this_host(name) {
        return loopback(name, families);
    }
    let configuration = configuration(system);
    let mut failure = NotFound::NoName;
    for candidate in candidates(name, &configuration) {
        match by_servers(system, &configuration, &candidate, families) {
            Err(NotFound::NoName) => {}
            // It is there under this name, but another may have an address.
            Err(NotFound::NoAddress) => failure = NotFound::NoAddress,
            result => return result,
        }
    }
    Err(failure)
}

/// Letters, digits, `-`, `_` and dots, or anything beyond ASCII.
fn can_be_a_host(name: &[u8]) -> bool {
    let fits =
        |byte: &u8| !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_NAME).contains(&name.len()) && name.iter().all(fits)
}

fn in_table(
    system: &mut dyn System,
    name: &[u8],
    families: Families,
) -> Option<Result<Host, NotFound>> {
    let mut found: Option<Host> = None;
    system.lines(Table::Hosts, &mut |line| {
        if let Some((address, mut names)) = tables::host(line)
            && names.have(name)
        {
            let host = found.get_or_insert_with(|| Host {
                name: Vec::from(names.next().unwrap_or(name)),
                addresses: Vec::new(),
            });
            if families.has(&address.address) && host.addresses.len() < MAX_ADDRESSES {
                host.addresses.push(address);
            }
        }
        ControlFlow::Continue(())
    });
    let has_addresses = |host: Host| {
        if host.addresses.is_empty() {
            Err(NotFound::NoAddress)
        } else {
            Ok(host)
        }
    };
    found.map(has_addresses)
}

/// RFC 6761, section 6.3: these names need neither table nor server.
fn is_this_host(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    last.eq_ignore_ascii_case(b"localhost")
}

fn loopback(name: &[u8], families: Families) -> Result<Host, NotFound> {
    let all = [
        IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(Ipv4Addr::LOCALHOST),
    ];
    let wanted = all.into_iter().filter(|address| families.has(address));
    let addresses: Vec<_> = wanted.map(ScopedAddress::from).collect();
    if addresses.is_empty() {
        return Err(NotFound::NoAddress);
    }
    Ok(Host {
        name: Vec::from(name),
        addresses,
    })
}

/// What `/etc/resolv.conf` says.
pub fn configuration(system: &mut dyn System) -> Configuration {
    let mut found = Configuration::default();
    let index = system.index_of_interface();
    system.lines(Table::Configuration, &mut |line| {
        found.line(line, &mut |name| index(name));
        ControlFlow::Continue(())
    });
    found
}

/// The whole names that a name may stand for, in the order in which they are asked for: a dot at the
/// end says that it is whole already.
pub fn candidates(name: &[u8], configuration: &Configuration) -> Vec<Name> {
    let whole = Name::from_text(name);
    if name.ends_with(b".") {
        return whole.into_iter().collect();
    }
    let completed = configuration
        .domains
        .iter()
        .filter_map(|domain| Name::from_text(&[name, b".", domain.as_slice()].concat()));
    let dots = name.iter().filter(|byte| **byte == b'.').count();
    if dots >= configuration.dots {
        whole.into_iter().chain(completed).collect()
    } else {
        completed.chain(whole).collect()
    }
}

fn by_servers(
    system: &mut dyn System,
    configuration: &Configuration,
    name: &Name,
    families: Families,
) -> Result<Host, NotFound> {
    let kinds = [(families.four, kind::A), (families.six, kind::AAAA)];
    let first_id = system.random();
    let queries: Vec<Vec<u8>> = (kinds.iter().filter(|(is_wanted, _)| *is_wanted).zip(0..))
        // Two queries that are under way must not have the same number.
        .map(|((_, kind), step)| query(first_id ^ step, name, INTERNET, *kind))
        .collect();
    let answers = ask(system, configuration, &queries);
    let mut host = Host {
        name: Vec::new(),
        addresses: Vec::new(),
    };
    let mut failure = NotFound::NoName;
    for (query, answer) in queries.iter().zip(answers) {
        match answer
            .map_err(NotFound::from)
            .and_then(|message| take_in(&message, query, &mut host))
        {
            Ok(()) | Err(NotFound::NoName) => {}
            // What could not be found out weighs more than that there is nothing.
            Err(other) if failure != NotFound::Temporary => failure = other,
            Err(_) => {}
        }
    }
    if host.addresses.is_empty() {
        Err(failure)
    } else {
        Ok(host)
    }
}

/// Adds the addresses of an answer.
fn take_in(message: &[u8], query: &[u8], host: &mut Host) -> Result<(), NotFound> {
    let answer = Answer::new(message, query).ok_or(NotFound::Temporary)?;
    if answer.code() == code::NO_NAME {
        return Err(NotFound::NoName);
    }
    let canonical = answer.canonical_name().ok_or(NotFound::Refused)?;
    let text = canonical.host_text().ok_or(NotFound::Refused)?;
    let room = MAX_ADDRESSES - host.addresses.len().min(MAX_ADDRESSES);
    let before = host.addresses.len();
    host.addresses.extend(
        answer
            .addresses(&canonical)
            .take(room)
            .map(ScopedAddress::from),
    );
    if host.addresses.len() == before {
        return Err(NotFound::NoAddress);
    }
    host.name = text;
    Ok(())
}

/// The name of a host by its address.
///
/// # Errors
/// As [`NotFound`] says.
pub fn name_of(system: &mut dyn System, address: IpAddr) -> Result<Vec<u8>, NotFound> {
    let address = address.to_canonical();
    let mut found = None;
    system.lines(Table::Hosts, &mut |line| match tables::host(line) {
        Some((own, mut names)) if own.address == address => {
            found = names.next().map(Vec::from);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    if let Some(name) = found {
        return Ok(name);
    }
    let name = Name::of_address(address).ok_or(NotFound::NoName)?;
    let configuration = configuration(system);
    let query = query(system.random(), &name, INTERNET, kind::PTR);
    let answers = ask(system, &configuration, core::slice::from_ref(&query));
    let message = answers.into_iter().next().ok_or(NotFound::Temporary)??;
    let answer = Answer::new(&message, &query).ok_or(NotFound::Temporary)?;
    let pointer = answer.pointer().ok_or(NotFound::NoName)?;
    pointer.host_text().ok_or(NotFound::NoName)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::tests::Network;
    use crate::message::tests::Builder;
    use core::net::SocketAddr;
    use std::string::{String, ToString};
    use std::vec;

    /// A system with tables, and a name server at 10.0.0.1 that knows some names.
    struct Machine {
        network: Network,
        hosts: &'static str,
        configuration: &'static str,
    }

    impl Wire for Machine {
        fn now_ms(&mut self) -> u64 {
            self.network.now_ms()
        }
        fn random(&mut self) -> u16 {
            self.network.random()
        }
        fn send(&mut self, server: &SocketAddr, message: &[u8]) {
            self.network.send(server, message);
        }
        fn receive(&mut self, buffer: &mut [u8], until_ms: u64) -> Option<(usize, SocketAddr)> {
            self.network.receive(buffer, until_ms)
        }
        fn exchange(
            &mut self,
            server: &SocketAddr,
            query: &[u8],
            until_ms: u64,
        ) -> Option<Vec<u8>> {
            self.network.exchange(server, query, until_ms)
        }
    }

    impl System for Machine {
        fn lines(&mut self, table: Table, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
            let text = match table {
                Table::Hosts => self.hosts,
                Table::Configuration => self.configuration,
                _ => "",
            };
            for line in text.lines() {
                if visit(line.as_bytes()).is_break() {
                    return;
                }
            }
        }
        fn index_of_interface(&self) -> fn(&[u8]) -> Option<u32> {
            |_| None
        }
    }

    fn asked(query: &[u8]) -> (String, u16) {
        let (name, end) = Name::from_wire(query, 12).unwrap();
        let name = name
            .labels()
            .map(|label| String::from_utf8(label.to_vec()).unwrap());
        (
            name.collect::<Vec<_>>().join("."),
            u16::from_be_bytes([query[end], query[end + 1]]),
        )
    }

    fn system() -> Machine {
        let network = Network::new(|server, query| {
            let answer = Builder::new(query);
            let message = match asked(query) {
                (name, kind::A) if name == "both.example" => answer
                    .other_name("both.example", "real.example")
                    .record("real.example", kind::A, &[192, 0, 2, 1]),
                (name, kind::AAAA) if name == "both.example" => {
                    answer.record("both.example", kind::AAAA, &[0x20; 16])
                }
                (name, kind::A) if name == "four.example" => {
                    answer.record("four.example", kind::A, &[192, 0, 2, 4])
                }
                (name, _) if name == "four.example" => answer,
                (name, kind::A) if name == "odd.example" => {
                    answer.record("odd.example", kind::A, &[192, 0, 2, 5])
                }
                (name, _) if name == "odd.example" => answer.code(2),
                (name, kind::A) if name == "evil.example" => answer
                    .record("evil.example", kind::CNAME, b"\x08$(evil)\x00\x00")
                    .record("evil.example", kind::A, &[6, 6, 6, 6]),
                (name, _) if name == "empty.example" => answer,
                (name, _) if name == "refused.example" => answer.code(5),
                (name, _) if name == "failing.example" => answer.code(2),
                (name, kind::PTR) if name == "4.2.0.192.in-addr.arpa" => answer.record(
                    "4.2.0.192.in-addr.arpa",
                    kind::PTR,
                    b"\x04four\x07example\0",
                ),
                (name, kind::PTR) if name == "6.2.0.192.in-addr.arpa" => {
                    answer.record("6.2.0.192.in-addr.arpa", kind::PTR, b"\x03a b\0")
                }
                _ => answer.code(3),
            };
            vec![(message.build(), *server)]
        });
        Machine {
            network,
            hosts: "127.0.0.1 localhost\n192.0.2.7 table.example table\n2001:db8::7 table.example\n",
            configuration: "nameserver 10.0.0.1\nsearch nowhere.example example\n",
        }
    }

    const BOTH: Families = Families {
        four: true,
        six: true,
    };
    const FOUR: Families = Families {
        four: true,
        six: false,
    };
    const SIX: Families = Families {
        four: false,
        six: true,
    };

    fn look_up(name: &str, families: Families) -> Result<(String, Vec<String>), NotFound> {
        host(&mut system(), name.as_bytes(), families).map(|host| {
            let addresses = host
                .addresses
                .iter()
                .map(|address| address.address.to_string());
            (String::from_utf8(host.name).unwrap(), addresses.collect())
        })
    }

    fn found(name: &str, addresses: &[&str]) -> Result<(String, Vec<String>), NotFound> {
        Ok((
            name.to_string(),
            addresses.iter().map(|text| text.to_string()).collect(),
        ))
    }

    #[test]
    fn the_table_comes_before_the_servers() {
        assert_eq!(
            look_up("TABLE", BOTH),
            found("table.example", &["192.0.2.7"])
        );
        assert_eq!(
            look_up("table.example", BOTH),
            found("table.example", &["192.0.2.7", "2001:db8::7"])
        );
        assert_eq!(look_up("table", SIX), Err(NotFound::NoAddress));
    }

    #[test]
    fn names_of_this_host_are_never_asked_for() {
        assert_eq!(
            look_up("a.localhost.", SIX),
            found("a.localhost.", &["::1"])
        );
        let mut system = system();
        system.hosts = "";
        let all = host(&mut system, b"LocalHost", BOTH).unwrap();
        assert_eq!(all.addresses.len(), 2);
        assert!(system.network.sent.is_empty());
    }

    #[test]
    fn both_kinds_of_addresses_are_asked_for_at_once() {
        let (_, addresses) = look_up("both.example", BOTH).unwrap();
        assert_eq!(
            addresses,
            ["192.0.2.1", "2020:2020:2020:2020:2020:2020:2020:2020"]
        );
        assert_eq!(
            look_up("both.example", FOUR),
            found("real.example", &["192.0.2.1"])
        );
    }

    #[test]
    fn a_short_name_is_completed_with_the_domains_in_order() {
        let mut system = system();
        let host = host(&mut system, b"four", FOUR).unwrap();
        assert_eq!(host.name, b"four.example");
        let names: Vec<_> = system
            .network
            .sent
            .iter()
            .map(|(_, query)| asked(query).0)
            .collect();
        assert_eq!(names, ["four.nowhere.example", "four.example"]);
    }

    #[test]
    fn a_dot_at_the_end_says_that_the_name_is_whole() {
        assert_eq!(look_up("four.", FOUR), Err(NotFound::NoName));
        assert_eq!(
            look_up("four.example.", FOUR),
            found("four.example", &["192.0.2.4"])
        );
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        for (name, wanted) in [
            ("none.example.", NotFound::NoName),
            ("empty.example.", NotFound::NoAddress),
            ("refused.example.", NotFound::Refused),
            ("failing.example.", NotFound::Temporary),
            ("four.example.", NotFound::NoAddress),
        ] {
            let families = if name.starts_with("four") { SIX } else { BOTH };
            assert_eq!(look_up(name, families), Err(wanted), "{name}");
        }
    }

    #[test]
    fn one_family_that_cannot_be_found_out_does_not_spoil_the_other() {
        assert_eq!(
            look_up("odd.example", BOTH),
            found("odd.example", &["192.0.2.5"])
        );
        assert_eq!(look_up("odd.example", SIX), Err(NotFound::Temporary));
    }

    #[test]
    fn a_canonical_name_that_is_none_is_refused() {
        assert_eq!(look_up("evil.example.", FOUR), Err(NotFound::Refused));
    }

    #[test]
    fn what_cannot_be_a_host_is_not_asked_for() {
        let mut system = system();
        let long = "a.".repeat(130);
        for name in ["", "a b", "a/b", "$x", "a\nb", &long] {
            assert_eq!(
                host(&mut system, name.as_bytes(), BOTH),
                Err(NotFound::NoName)
            );
        }
        assert!(system.network.sent.is_empty());
    }

    #[test]
    fn an_address_has_a_name_in_the_table_or_by_the_servers() {
        let name = |address: &str| {
            let found = name_of(&mut system(), address.parse().unwrap());
            found.map(|name| String::from_utf8(name).unwrap())
        };
        assert_eq!(name("192.0.2.7").as_deref(), Ok("table.example"));
        assert_eq!(name("::ffff:192.0.2.7").as_deref(), Ok("table.example"));
        assert_eq!(name("192.0.2.4").as_deref(), Ok("four.example"));
        assert_eq!(name("192.0.2.5"), Err(NotFound::NoName));
        assert_eq!(name("192.0.2.6"), Err(NotFound::NoName));
    }
}
