//! The texts of `/proc/net`, in the form that Linux gives them.

use alloc::string::String;
use core::fmt::Write;
use core::net::{IpAddr, SocketAddr};
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
    pub(crate) fn text(&self, name: &str) -> String {
        match name {
            "tcp" => self.sockets_text(Kind::Stream, Family::V4),
            "tcp6" => self.sockets_text(Kind::Stream, Family::V6),
            "udp" => self.sockets_text(Kind::Datagram, Family::V4),
            "udp6" => self.sockets_text(Kind::Datagram, Family::V6),
            "raw" => self.sockets_text(Kind::Raw, Family::V4),
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
}
