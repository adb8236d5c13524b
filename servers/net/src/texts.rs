//! The texts of `/proc/net`, in the form that Linux gives them.

use alloc::string::String;
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Cidr};
use socket_server::Kernel;

use crate::address::Family;
use crate::nic::Nic;
use crate::server::Server;
use crate::socket::{Kind, Phase, Socket};

/// States of sockets as Linux numbers them.
fn state_of(socket: &Socket) -> u32 {
    match socket.phase {
        Phase::Connected => 1,
        Phase::Connecting => 2,
        Phase::Fresh => 7,
        Phase::Listening => 10,
    }
}

/// An address in hexadecimal words, as they lie in memory.
fn hexadecimal(address: SocketAddr, family: Family) -> String {
    let mut text = String::new();
    let octets: alloc::vec::Vec<u8> = match (family, address.ip()) {
        (Family::V4, IpAddr::V4(ip)) => ip.octets().to_vec(),
        (Family::V4, IpAddr::V6(_)) => alloc::vec![0; 4],
        (Family::V6, IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets().to_vec(),
        (Family::V6, IpAddr::V6(ip)) => ip.octets().to_vec(),
    };
    // Writing to a string cannot fail.
    for word in octets.as_chunks::<4>().0 {
        let _ = write!(text, "{:08X}", u32::from_le_bytes(*word));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// The text of a file.
    pub(crate) fn text(&mut self, name: &str) -> String {
        match name {
            "tcp" => self.sockets_text(Kind::Stream, Family::V4),
            "tcp6" => self.sockets_text(Kind::Stream, Family::V6),
            "udp" => self.sockets_text(Kind::Datagram, Family::V4),
            "udp6" => self.sockets_text(Kind::Datagram, Family::V6),
            "raw" => self.sockets_text(Kind::Raw, Family::V4),
            "dev" => self.devices_text(),
            "route" => self.routes_text(),
            "if_inet6" => self.addresses_text(),
            "pnp" => self.name_servers_text(),
            _ => String::new(),
        }
    }

    fn sockets_text(&self, kind: Kind, family: Family) -> String {
        let mut text = String::from(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
        );
        let sockets = self.table.iter();
        let shown = sockets.filter(|socket| socket.kind == kind && socket.family == family);
        for (number, socket) in shown.enumerate() {
            let nobody = SocketAddr::new(family.any(), 0);
            let local = hexadecimal(socket.local, family);
            let peer = hexadecimal(socket.peer.unwrap_or(nobody), family);
            let _ = writeln!(
                text,
                "{number:4}: {local} {peer} {:02X} 00000000:00000000 00:00000000 00000000 {:5} 0 {}",
                state_of(socket),
                socket.owner,
                socket.badge,
            );
        }
        text
    }

    fn devices_text(&self) -> String {
        let mut text = String::from(
            "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
        );
        for interface in self.interfaces() {
            let link = interface.link.and_then(|link| self.links.get(link));
            let counters = link.map(|link| link.counters).unwrap_or_default();
            let ((in_bytes, in_frames), (out_bytes, out_frames)) =
                (counters.received, counters.sent);
            let _ = writeln!(
                text,
                "{:>6}: {in_bytes:7} {in_frames:7}    0    0    0     0          0         0 {out_bytes:8} {out_frames:7}    0 {:4}    0     0       0          0",
                interface.name, counters.dropped,
            );
        }
        text
    }

    fn routes_text(&mut self) -> String {
        let mut text = String::from(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n",
        );
        let word = |address: Ipv4Addr| u32::from_le_bytes(address.octets());
        let mut line = |name: &str, network: Ipv4Cidr, gateway: Ipv4Addr, flags: u32| {
            let target = network.network().address();
            let _ = writeln!(
                text,
                "{name}\t{:08X}\t{:08X}\t{flags:04X}\t0\t0\t0\t{:08X}\t0\t0\t0",
                word(target),
                word(gateway),
                word(network.netmask()),
            );
        };
        for link in &mut self.links {
            for route in link.routes() {
                if let (IpCidr::Ipv4(network), IpAddress::Ipv4(gateway)) =
                    (route.cidr, route.via_router)
                {
                    // Up, by a gateway.
                    line(&link.name, network, gateway, 3);
                }
            }
            for network in link.interface.ip_addrs() {
                if let IpCidr::Ipv4(network) = network {
                    line(&link.name, *network, Ipv4Addr::UNSPECIFIED, 1);
                }
            }
        }
        text
    }

    fn addresses_text(&self) -> String {
        let mut text = String::new();
        for interface in self.interfaces() {
            for (address, length) in &interface.addresses {
                let IpAddr::V6(address) = address else {
                    continue;
                };
                // Scopes as Linux has them: global, of the host, of the link.
                let scope = match (address.is_loopback(), address.is_unicast_link_local()) {
                    (true, _) => 0x10,
                    (_, true) => 0x20,
                    _ => 0,
                };
                let _ = writeln!(
                    text,
                    "{:032x} {:02x} {length:02x} {scope:02x} 80 {:>8}",
                    u128::from(*address),
                    interface.index,
                    interface.name,
                );
            }
        }
        text
    }

    /// What `/etc/resolv.conf` is: the servers of names that the interfaces were told of.
    fn name_servers_text(&self) -> String {
        let mut text = String::new();
        for server in self.links.iter().flat_map(|link| &link.name_servers) {
            let _ = writeln!(text, "nameserver {server}");
        }
        text
    }
}
