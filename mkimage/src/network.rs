//! The guest's network cards: what is behind each, and the host's ports that lead into the guest.

use anyhow::{Context, Result, bail};
use serde::de::{Deserialize, Deserializer, Error as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::str::FromStr;

/// What a network card is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// A network that QEMU makes: 10.0.2.0/24 and fec0::/64, with DHCP, a DNS server that asks the
    /// host's, and the host's loopback behind 10.0.2.2.
    User,
    /// No card.
    None,
    /// Ethernet frames over a socket of the host.
    Socket(Wire),
}

/// How frames travel between a guest and whoever is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// A TCP connection for which this guest waits; each frame after its length (32 bits, big endian).
    Listen(SocketAddr),
    /// A TCP connection that this guest makes.
    Connect(SocketAddr),
    /// Any number of guests in a group of IPv4 multicast.
    Multicast(SocketAddr),
    /// A stream over a named socket on which someone listens; frames as in TCP.
    Unix(PathBuf),
}

impl<'de> Deserialize<'de> for Attachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Attachment, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Attachment, String> {
        match (text, text.strip_prefix("socket:")) {
            ("user", _) => Ok(Attachment::User),
            ("none", _) => Ok(Attachment::None),
            (_, Some(wire)) => wire.parse().map(Attachment::Socket),
            _ => Err(
                "wanted user, none, or socket: with listen=, connect=, multicast= or unix=".into(),
            ),
        }
    }
}

impl FromStr for Wire {
    type Err = String;

    fn from_str(text: &str) -> Result<Wire, String> {
        let (kind, value) = text.split_once('=').unwrap_or((text, ""));
        match kind {
            // Without an address nobody but this machine can connect.
            "listen" => match value.parse::<u16>() {
                Ok(port) => Ok(Wire::Listen((Ipv4Addr::LOCALHOST, port).into())),
                Err(_) => address(value).map(Wire::Listen),
            },
            "connect" => address(value).map(Wire::Connect),
            "multicast" => match address(value)? {
                group if group.is_ipv4() && group.ip().is_multicast() => Ok(Wire::Multicast(group)),
                _ => Err(format!("{value:?} is no group of IPv4 multicast")),
            },
            "unix" if !value.is_empty() => Ok(Wire::Unix(value.into())),
            "unix" => Err("unix= wants the path of a socket".into()),
            _ => Err(format!(
                "{kind:?} is no kind of socket; there are listen=, connect=, multicast= and unix="
            )),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text
        .parse()
        .ok()
        .filter(|parsed: &SocketAddr| parsed.port() != 0);
    parsed.ok_or_else(|| format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:1234"))
}

/// A TCP port of the host's loopback that leads to one in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The host's port.
    pub host: u16,
    /// The guest's port.
    pub guest: u16,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Forward, String> {
        let port = |text: &str| text.parse().ok().filter(|port: &u16| *port != 0);
        let ports = text
            .split_once(':')
            .and_then(|(host, guest)| Some((port(host)?, port(guest)?)));
        ports
            .map(|(host, guest)| Forward { host, guest })
            .ok_or_else(|| "wanted HOST:GUEST, two ports from 1 to 65535, such as 2222:22".into())
    }
}

impl Forward {
    /// A port of the host's that is free now, to the given one of the guest's.
    pub fn from_free_port(guest: u16) -> Result<Forward> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the host has no free port")?;
        let address = listener.local_addr().context("a socket has no address")?;
        Ok(Forward {
            host: address.port(),
            guest,
        })
    }
}

/// A machine's network cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The cards, in PCI order.
    pub cards: Vec<Attachment>,
    /// Ports that lead into the guest, by its first card on a user network.
    pub forwards: Vec<Forward>,
}

impl Default for Network {
    /// One card on a user network.
    fn default() -> Network {
        Network {
            cards: vec![Attachment::User],
            forwards: Vec::new(),
        }
    }
}

impl Network {
    /// A machine without a card.
    pub fn none() -> Network {
        Network {
            cards: Vec::new(),
            forwards: Vec::new(),
        }
    }

    /// Finds what QEMU would refuse, before minutes of building.
    ///
    /// # Errors
    /// `none` beside other cards, forwards without a network that can carry them or twice from one
    /// port, a port of the host's that is in use.
    pub fn check(&self) -> Result<()> {
        if self.cards.len() > 1 && self.cards.contains(&Attachment::None) {
            bail!("--net none excludes every other --net");
        }
        if !self.forwards.is_empty() && !self.cards.contains(&Attachment::User) {
            bail!("--forward needs --net user");
        }
        for (index, forward) in self.forwards.iter().enumerate() {
            let host = forward.host;
            if self.forwards[..index]
                .iter()
                .any(|other| other.host == host)
            {
                bail!("--forward: port {host} is given twice");
            }
            TcpListener::bind((Ipv4Addr::LOCALHOST, host))
                .with_context(|| format!("--forward: port {host} of this machine cannot be had"))?;
        }
        Ok(())
    }

    /// QEMU's words for the cards.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut forwards = self.forwards.as_slice();
        for (index, card) in self.cards.iter().enumerate() {
            let behind = match card {
                Attachment::None => continue,
                Attachment::User => user(index, std::mem::take(&mut forwards)),
                Attachment::Socket(wire) => socket(index, wire),
            };
            // The card needs no program to boot from the network, which QEMU would look for.
            let device = format!(
                "virtio-net-pci,netdev=net{index},mac=52:54:00:12:34:{:02x},disable-legacy=on,romfile=",
                0x56 + index
            );
            words.extend(["-netdev".into(), behind, "-device".into(), device]);
        }
        words
    }
}

fn user(index: usize, forwards: &[Forward]) -> String {
    let mut word = format!("user,id=net{index}");
    for Forward { host, guest } in forwards {
        word += &format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}");
    }
    word
}

fn socket(index: usize, wire: &Wire) -> String {
    match wire {
        Wire::Listen(address) => stream(index, *address, "on"),
        Wire::Connect(address) => stream(index, *address, "off"),
        Wire::Multicast(group) => format!("socket,id=net{index},mcast={group}"),
        Wire::Unix(path) => format!(
            "stream,id=net{index},server=off,addr.type=unix,addr.path={}",
            crate::machine::option(path)
        ),
    }
}

fn stream(index: usize, address: SocketAddr, server: &str) -> String {
    let family = match address.ip() {
        IpAddr::V4(_) => "ipv4=on",
        IpAddr::V6(_) => "ipv6=on",
    };
    format!(
        "stream,id=net{index},server={server},addr.type=inet,addr.host={},addr.port={},addr.{family}",
        address.ip(),
        address.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(cards: &[&str], forwards: &[&str]) -> Network {
        Network {
            cards: cards.iter().map(|text| text.parse().unwrap()).collect(),
            forwards: forwards.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_wrong_network_is_refused_with_what_is_wanted() {
        for (text, wanted) in [
            ("", "wanted user, none, or socket:"),
            ("bridge", "wanted user, none, or socket:"),
            ("socket", "wanted user, none, or socket:"),
            ("socket:", "\"\" is no kind of socket"),
            ("socket:udp=1", "\"udp\" is no kind of socket"),
            ("socket:connect=1234", "not ADDRESS:PORT"),
            ("socket:connect=127.0.0.1:0", "not ADDRESS:PORT"),
            ("socket:connect=host:99999", "not ADDRESS:PORT"),
            ("socket:listen=", "not ADDRESS:PORT"),
            ("socket:multicast=10.0.0.1:5", "no group of IPv4 multicast"),
            ("socket:unix=", "path of a socket"),
        ] {
            let error = text.parse::<Attachment>().unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_wrong_forward_is_refused() {
        for text in [
            "", "22", ":22", "2222:", "0:22", "22:0", "65536:1", "1:2:3", "a:b", "-1:5",
        ] {
            assert!(text.parse::<Forward>().is_err(), "{text}");
        }
    }

    #[test]
    fn forwards_are_words_of_the_first_user_network_and_bound_to_loopback() {
        let network = network(
            &["socket:connect=127.0.0.1:9", "user", "user"],
            &["2222:22", "8080:80"],
        );
        let words = network.arguments();
        assert_eq!(
            words[1],
            "stream,id=net0,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port=9,addr.ipv4=on"
        );
        assert_eq!(
            words[5],
            "user,id=net1,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80"
        );
        assert_eq!(words[9], "user,id=net2");
    }

    #[test]
    fn cards_differ_in_their_hardware_addresses() {
        let words = network(&["user", "user"], &[]).arguments();
        assert!(words[3].contains("mac=52:54:00:12:34:56"), "{words:?}");
        assert!(words[7].contains("mac=52:54:00:12:34:57"), "{words:?}");
    }

    #[test]
    fn none_is_no_card() {
        assert!(network(&["none"], &[]).arguments().is_empty());
        assert!(Network::none().arguments().is_empty());
    }

    #[test]
    fn sockets_are_told_to_qemu() {
        for (text, wanted) in [
            (
                "socket:listen=5000",
                "server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=5000",
            ),
            (
                "socket:connect=[::1]:7",
                "server=off,addr.type=inet,addr.host=::1,addr.port=7,addr.ipv6=on",
            ),
            (
                "socket:multicast=230.0.0.1:1234",
                "socket,id=net0,mcast=230.0.0.1:1234",
            ),
            ("socket:unix=/a,b", "addr.type=unix,addr.path=/a,,b"),
        ] {
            let words = network(&[text], &[]).arguments();
            assert!(words[1].contains(wanted), "{words:?}");
        }
    }

    #[test]
    fn what_qemu_would_refuse_is_found_before_it_starts() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        for (network, wanted) in [
            (network(&["none", "user"], &[]), "excludes every other"),
            (network(&["none"], &["2222:22"]), "needs --net user"),
            (network(&["user"], &["0001:2", "1:3"]), "port 1 "),
            (
                network(&["user"], &[&format!("{port}:22")]),
                "cannot be had",
            ),
        ] {
            let error = format!("{:#}", network.check().unwrap_err());
            assert!(error.contains(wanted), "{error}");
        }
    }
}
