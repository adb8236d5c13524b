//! Datagrams and packets of other hosts.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use proto::Error;
use proto::arrival::Arrival;
use smoltcp::iface::SocketHandle;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::raw;
use smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, Icmpv4Repr, Icmpv6DstUnreachable,
    Icmpv6Message, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, IpRepr, Ipv4Packet, Ipv4Repr,
    Ipv6Packet, Ipv6Repr, UdpPacket, UdpRepr,
};
use socket_server::Kernel;

use crate::link::{Packet, packet_of};
use crate::nic::Nic;
use crate::server::Server;
use crate::settings::option;
use crate::socket::{Kind, Socket, UDP};

/// `IPPROTO_ICMP` and `IPPROTO_ICMPV6`.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// How long a packet may wait for its neighbour, ns.
const PATIENCE_NS: u64 = 3_000_000_000;
/// Most sockets that have a queue of packets to other hosts at a time.
const MOST_SENDERS: usize = 128;
/// Bytes of a packet that an ICMP message quotes (RFC 1812, 4.3.2.3; RFC 4443, 2.4).
const QUOTED: usize = 548;

/// What a socket sends to other hosts goes through.
pub(crate) struct Sender {
    link: usize,
    handle: SocketHandle,
    /// Since when something waits, ns.
    waits_ns: Option<u64>,
}

/// Puts a payload behind an IP header.
fn with_header(
    protocol: u8,
    (from, to): (IpAddr, IpAddr),
    hops: u8,
    length: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let (from, to) = (IpAddress::from(from), IpAddress::from(to));
    let header = IpRepr::new(from, to, IpProtocol::from(protocol), length, hops);
    let mut packet = vec![0; header.buffer_len()];
    let (head, payload) = packet.split_at_mut(header.header_len());
    header.emit(head, &ChecksumCapabilities::default());
    fill(payload);
    packet
}

/// A datagram as a packet.
fn datagram(from: SocketAddr, to: SocketAddr, hops: u8, data: &[u8]) -> Vec<u8> {
    let header = UdpRepr {
        src_port: from.port(),
        dst_port: to.port(),
    };
    let length = header.header_len() + data.len();
    with_header(UDP, (from.ip(), to.ip()), hops, length, |payload| {
        header.emit(
            &mut UdpPacket::new_unchecked(payload),
            &from.ip().into(),
            &to.ip().into(),
            data.len(),
            |place| place.copy_from_slice(data),
            &ChecksumCapabilities::default(),
        );
    })
}

/// What a raw socket sends: its payload, whose checksum is this server's business for ICMPv6
/// (RFC 3542, 3.1).
fn raw_packet(protocol: u8, from: IpAddr, to: IpAddr, hops: u8, data: &[u8]) -> Vec<u8> {
    with_header(protocol, (from, to), hops, data.len(), |payload| {
        payload.copy_from_slice(data);
        if let (ICMPV6, IpAddr::V6(from), IpAddr::V6(to)) = (protocol, from, to)
            && let Ok(mut message) = Icmpv6Packet::new_checked(payload)
        {
            message.fill_checksum(&from, &to);
        }
    })
}

/// How a packet arrived: by a link, or from this host.
fn arrival_of(link: Option<usize>, packet: &Packet) -> Arrival {
    // Where the headers of IPv4 and IPv6 say how many hops are left.
    let place = if packet.to.is_ipv4() { 8 } else { 7 };
    Arrival {
        to: packet.to,
        interface: link.map_or(1, |link| link as u32 + 2),
        hops: packet.bytes.get(place).copied().unwrap_or(0).into(),
    }
}

/// The answer to a request for an echo (RFC 792; RFC 4443, 4.2).
fn echo_reply(protocol: u8, from: IpAddr, to: IpAddr, data: &[u8]) -> Option<Vec<u8>> {
    let mut answer = data.to_vec();
    match (protocol, from, to) {
        (ICMP, ..) => {
            let mut message = Icmpv4Packet::new_checked(answer.as_mut_slice()).ok()?;
            if message.msg_type() != Icmpv4Message::EchoRequest {
                return None;
            }
            message.set_msg_type(Icmpv4Message::EchoReply);
            message.fill_checksum();
        }
        (_, IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut message = Icmpv6Packet::new_checked(answer.as_mut_slice()).ok()?;
            if message.msg_type() != Icmpv6Message::EchoRequest {
                return None;
            }
            message.set_msg_type(Icmpv6Message::EchoReply);
            message.fill_checksum(&to, &from);
        }
        _ => return None,
    }
    Some(raw_packet(protocol, to, from, 64, &answer))
}

/// The number of hops that a socket's packets may take to an address.
fn hops_of(socket: &Socket, to: IpAddr) -> u8 {
    let which = match (to.is_ipv4(), to.is_multicast()) {
        (true, false) => option::TTL,
        (true, true) => option::MULTICAST_TTL,
        (false, false) => option::HOPS,
        (false, true) => option::MULTICAST_HOPS,
    };
    u8::try_from(socket.settings.number(which)).unwrap_or(1)
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// Sends to other hosts.
    pub(crate) fn send_there(
        &mut self,
        badge: u64,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
    ) -> Result<(), Error> {
        let link = self.link_to(to).ok_or(Error::NetworkUnreachable)?;
        let socket = self.table.get(badge)?;
        let (protocol, hops) = (socket.protocol, hops_of(socket, to.ip()));
        let packet = match socket.kind {
            Kind::Raw => raw_packet(protocol, from.ip(), to.ip(), hops, data),
            _ => datagram(from, to, hops, data),
        };
        let largest = self
            .links
            .get(link)
            .map_or(0, |link| link.nic.packet_size());
        if to.is_ipv6() && packet.len() > largest {
            return Err(Error::MessageTooLong);
        }
        let sender = self.sender(badge, link, protocol)?;
        let there = self.links.get_mut(link).ok_or(Error::NetworkUnreachable)?;
        if !there.is_up {
            return Err(Error::NetworkDown);
        }
        // Without room it is lost, as on a network.
        there.send(sender, &packet);
        self.is_stirred = true;
        Ok(())
    }

    /// What a socket's packets are sent through.
    fn sender(&mut self, badge: u64, link: usize, protocol: u8) -> Result<SocketHandle, Error> {
        if let Some(found) = self.senders.get(&badge)
            && found.link == link
        {
            return Ok(found.handle);
        }
        self.forget_sender(badge);
        if self.senders.len() >= MOST_SENDERS {
            let idle = self.idle_sender().ok_or(Error::NoBuffers)?;
            self.forget_sender(idle);
        }
        let there = self.links.get_mut(link).ok_or(Error::NetworkUnreachable)?;
        let handle = there.add_sender(protocol);
        let sender = Sender {
            link,
            handle,
            waits_ns: None,
        };
        self.senders.insert(badge, sender);
        Ok(handle)
    }

    /// A socket whose packets have all been sent.
    fn idle_sender(&self) -> Option<u64> {
        let mut all = self.senders.iter();
        let idle = all.find(|(_, sender)| {
            self.links.get(sender.link).is_none_or(|link| {
                let socket = link.sockets.get::<raw::Socket<'_>>(sender.handle);
                socket.send_queue() == 0
            })
        });
        idle.map(|(badge, _)| *badge)
    }

    /// A socket sends no more. What waits for its neighbour is lost.
    pub(crate) fn forget_sender(&mut self, badge: u64) {
        if let Some(sender) = self.senders.remove(&badge)
            && let Some(link) = self.links.get_mut(sender.link)
        {
            link.sockets.remove(sender.handle);
        }
    }

    /// Gives up what has waited too long: nobody has answered who its neighbour is.
    pub(crate) fn tend_senders(&mut self) {
        let now_ns = self.clock.now_ns();
        let mut late = Vec::new();
        for (badge, sender) in &mut self.senders {
            let Some(link) = self.links.get_mut(sender.link) else {
                continue;
            };
            let socket = link.sockets.get::<raw::Socket<'_>>(sender.handle);
            sender.waits_ns = match (socket.send_queue(), sender.waits_ns) {
                (0, _) => None,
                (_, None) => Some(now_ns),
                (_, since_ns) => since_ns,
            };
            if sender
                .waits_ns
                .is_some_and(|since_ns| now_ns > since_ns + PATIENCE_NS)
            {
                late.push(*badge);
            }
        }
        for badge in late {
            self.forget_sender(badge);
            let _ = self.change(badge, |socket| socket.error = Error::HostUnreachable as u32);
        }
    }

    /// A packet has come from another host.
    pub(crate) fn take_packet(&mut self, link: usize, packet: &Packet) {
        let is_many = packet.to.is_multicast() || self.is_link_broadcast(link, packet.to);
        if !is_many && !self.links.get(link).is_some_and(|link| link.has(packet.to)) {
            return;
        }
        match packet.protocol {
            UDP => self.take_datagram(link, packet, is_many),
            ICMP => self.take_icmp(packet),
            ICMPV6 => self.take_icmpv6(packet),
            _ => {}
        }
        self.show_to_raw(Some(link), packet);
    }

    /// A raw socket sends to this host, which answers echoes as it does others'.
    pub(crate) fn send_raw_here(
        &mut self,
        badge: u64,
        from: IpAddr,
        to: IpAddr,
        data: &[u8],
    ) -> Result<(), Error> {
        let socket = self.table.get(badge)?;
        let (protocol, hops) = (socket.protocol, hops_of(socket, to));
        let bytes = raw_packet(protocol, from, to, hops, data);
        let answer = echo_reply(protocol, from, to, data);
        for bytes in core::iter::once(bytes).chain(answer) {
            if let Some(packet) = packet_of(bytes) {
                self.show_to_raw(None, &packet);
            }
        }
        Ok(())
    }

    /// Raw sockets see a packet.
    fn show_to_raw(&mut self, link: Option<usize>, packet: &Packet) {
        let receivers = self
            .table
            .raw_receivers(packet.protocol, packet.to, packet.from);
        // IPv4 shows the header, IPv6 does not (RFC 3542, 3).
        let skipped = if packet.to.is_ipv4() {
            0
        } else {
            packet.payload
        };
        let shown = packet.bytes.get(skipped..).unwrap_or(&[]);
        for receiver in receivers {
            let from = SocketAddr::new(packet.from, 0);
            self.deliver(receiver, from, arrival_of(link, packet), shown);
        }
    }

    /// Whether an address is all hosts' behind an interface.
    fn is_link_broadcast(&self, link: usize, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        let mut networks = self
            .links
            .get(link)
            .map_or(&[][..], |link| link.interface.ip_addrs())
            .iter();
        address.is_broadcast()
            || networks.any(|network| match network {
                smoltcp::wire::IpCidr::Ipv4(network) => network.broadcast() == Some(address),
                smoltcp::wire::IpCidr::Ipv6(_) => false,
            })
    }

    fn take_datagram(&mut self, link: usize, packet: &Packet, is_many: bool) {
        let payload = packet.bytes.get(packet.payload..).unwrap_or(&[]);
        let (from, to) = (packet.from.into(), packet.to.into());
        let Ok(whole) = UdpPacket::new_checked(payload) else {
            return;
        };
        let checks = ChecksumCapabilities::default();
        let Ok(header) = UdpRepr::parse(&whole, &from, &to, &checks) else {
            return;
        };
        let from = SocketAddr::new(packet.from, header.src_port);
        let to = SocketAddr::new(packet.to, header.dst_port);
        let receivers = self.table.receivers(to, from, is_many);
        if receivers.is_empty() && !is_many {
            return self.port_unreachable(link, packet);
        }
        for receiver in receivers {
            let arrival = arrival_of(Some(link), packet);
            self.deliver(receiver, from, arrival, whole.payload());
        }
    }

    /// Tells a sender that nobody has the port (RFC 1122, 4.1.3.1).
    fn port_unreachable(&mut self, link: usize, packet: &Packet) {
        let quoted = packet.bytes.get(packet.payload..).unwrap_or(&[]);
        let quoted = quoted.get(..quoted.len().min(QUOTED)).unwrap_or(&[]);
        let checks = ChecksumCapabilities::default();
        let answer = match (packet.to, packet.from) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let message = Icmpv4Repr::DstUnreachable {
                    reason: Icmpv4DstUnreachable::PortUnreachable,
                    header: Ipv4Repr {
                        src_addr: other,
                        dst_addr: own,
                        next_header: IpProtocol::Udp,
                        payload_len: quoted.len(),
                        hop_limit: 64,
                    },
                    data: quoted,
                };
                let ends = (packet.to, packet.from);
                with_header(ICMP, ends, 64, message.buffer_len(), |payload| {
                    message.emit(&mut Icmpv4Packet::new_unchecked(payload), &checks);
                })
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let message = Icmpv6Repr::DstUnreachable {
                    reason: Icmpv6DstUnreachable::PortUnreachable,
                    header: Ipv6Repr {
                        src_addr: other,
                        dst_addr: own,
                        next_header: IpProtocol::Udp,
                        payload_len: quoted.len(),
                        hop_limit: 64,
                    },
                    data: quoted,
                };
                let ends = (packet.to, packet.from);
                with_header(ICMPV6, ends, 64, message.buffer_len(), |payload| {
                    let mut place = Icmpv6Packet::new_unchecked(payload);
                    message.emit(&own, &other, &mut place, &checks);
                })
            }
            _ => return,
        };
        if let Some(link) = self.links.get_mut(link) {
            link.send_own(&answer, packet.to.is_ipv4());
        }
    }

    /// An ICMP message may tell what became of a datagram.
    fn take_icmp(&mut self, packet: &Packet) {
        let payload = packet.bytes.get(packet.payload..).unwrap_or(&[]);
        let Ok(message) = Icmpv4Packet::new_checked(payload) else {
            return;
        };
        if message.msg_type() != Icmpv4Message::DstUnreachable || !message.verify_checksum() {
            return;
        }
        let error = match Icmpv4DstUnreachable::from(message.msg_code()) {
            Icmpv4DstUnreachable::PortUnreachable => Error::ConnectionRefused,
            Icmpv4DstUnreachable::NetUnreachable => Error::NetworkUnreachable,
            _ => Error::HostUnreachable,
        };
        let quoted = message.data();
        // It is cut: only what is there is looked at.
        let header = Ipv4Packet::new_unchecked(quoted);
        if quoted.len() < 20 || header.next_header() != IpProtocol::Udp {
            return;
        }
        let (own, other) = (header.src_addr().into(), header.dst_addr().into());
        let rest = quoted
            .get(usize::from(header.header_len())..)
            .unwrap_or(&[]);
        self.datagram_failed(own, other, rest, error);
    }

    fn take_icmpv6(&mut self, packet: &Packet) {
        let payload = packet.bytes.get(packet.payload..).unwrap_or(&[]);
        let Ok(message) = Icmpv6Packet::new_checked(payload) else {
            return;
        };
        let (IpAddr::V6(from), IpAddr::V6(to)) = (packet.from, packet.to) else {
            return;
        };
        let is_one = message.msg_type() == Icmpv6Message::DstUnreachable;
        if !is_one || !message.verify_checksum(&from, &to) {
            return;
        }
        let error = match Icmpv6DstUnreachable::from(message.msg_code()) {
            Icmpv6DstUnreachable::PortUnreachable => Error::ConnectionRefused,
            Icmpv6DstUnreachable::NoRoute => Error::NetworkUnreachable,
            _ => Error::HostUnreachable,
        };
        let quoted = message.payload();
        if quoted.len() < 40 {
            return;
        }
        let header = Ipv6Packet::new_unchecked(quoted);
        if header.next_header() != IpProtocol::Udp {
            return;
        }
        let (own, other) = (header.src_addr().into(), header.dst_addr().into());
        self.datagram_failed(own, other, quoted.get(40..).unwrap_or(&[]), error);
    }

    /// A datagram of this host did not arrive: its socket hears of it if that is connected
    /// (RFC 1122, 4.1.3.3).
    fn datagram_failed(&mut self, own: IpAddr, other: IpAddr, header: &[u8], error: Error) {
        let Some([a, b, c, d]) = header.first_chunk::<4>() else {
            return;
        };
        let from = SocketAddr::new(own, u16::from_be_bytes([*a, *b]));
        let to = SocketAddr::new(other, u16::from_be_bytes([*c, *d]));
        for badge in self.table.receivers(from, to, false) {
            let is_connected = self
                .table
                .get(badge)
                .is_ok_and(|socket| socket.peer == Some(to));
            if is_connected {
                let _ = self.change(badge, |socket| socket.error = error as u32);
                let raised = kernel_abi::Signals::ERROR;
                self.kernel.signal(badge, kernel_abi::Signals::NONE, raised);
            }
        }
    }
}
