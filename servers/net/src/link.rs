//! A network interface: an adapter, its addresses and routes, and what smoltcp knows of it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use smoltcp::iface::{Config, Interface, Route, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::{dhcpv4, raw, tcp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, HardwareAddress, IpAddress, IpCidr,
    IpProtocol, Ipv4Cidr, Ipv4Packet, Ipv6Address, Ipv6Cidr, Ipv6Packet, TcpPacket,
};

use proto::Error;

use crate::nic::Nic;

/// Bytes of a frame's head (Ethernet).
const ETHERNET_HEADER: usize = 14;
/// Bytes for what arrives of a protocol: one packet of the largest size. (More than 64 KiB: such a
/// buffer takes memory only as far as it is used.)
const PACKET_ROOM: usize = 65_536 + 1024;
/// Packets and bytes that wait to be sent for one socket.
const OUTGOING: (usize, usize) = (32, 1 << 17);

/// What passed through an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes and frames that arrived.
    pub received: (u64, u64),
    /// Bytes and frames that were sent.
    pub sent: (u64, u64),
    /// Frames that there was no room to send.
    pub dropped: u64,
}

/// A packet of a protocol other than TCP.
pub struct Packet {
    /// Whom it is for.
    pub to: IpAddr,
    /// Who sent it.
    pub from: IpAddr,
    /// The protocol over IP.
    pub protocol: u8,
    /// The packet with its IP header.
    pub bytes: Vec<u8>,
    /// Where the payload begins.
    pub payload: usize,
}

/// A segment that asks for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom it is for.
    pub to: SocketAddr,
    /// Who sent it.
    pub from: SocketAddr,
}

/// A network interface.
pub struct Link<N> {
    /// Its name.
    pub name: String,
    /// The adapter.
    pub nic: N,
    /// What smoltcp knows of it.
    pub interface: Box<Interface>,
    /// Its sockets.
    pub sockets: SocketSet<'static>,
    /// What passed.
    pub counters: Counters,
    /// Whether it is to be used at all (`IFF_UP`).
    pub is_up: bool,
    /// Servers of names that it was told of.
    pub name_servers: Vec<IpAddr>,
    dhcp: Option<SocketHandle>,
    packets: [SocketHandle; 3],
    frame: Vec<u8>,
}

/// The device that smoltcp sees: at most one frame that arrives.
struct Wire<'a, N> {
    nic: &'a mut N,
    counters: &'a mut Counters,
    frame: Option<&'a [u8]>,
}

struct Arrival<'a>(&'a [u8]);

struct Departure<'a, N> {
    nic: &'a mut N,
    counters: &'a mut Counters,
}

impl phy::RxToken for Arrival<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl<N: Nic> phy::TxToken for Departure<'_, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        if self.nic.has_room() {
            self.nic.send(&frame);
            self.counters.sent.0 += length as u64;
            self.counters.sent.1 += 1;
        } else {
            self.counters.dropped += 1;
        }
        result
    }
}

impl<N: Nic> phy::Device for Wire<'_, N> {
    type RxToken<'a>
        = Arrival<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Departure<'a, N>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Arrival<'_>, Departure<'_, N>)> {
        let frame = self.frame.take()?;
        let departure = Departure {
            nic: self.nic,
            counters: self.counters,
        };
        Some((Arrival(frame), departure))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Departure<'_, N>> {
        self.nic.has_room().then_some(Departure {
            nic: self.nic,
            counters: self.counters,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.nic.packet_size() + ETHERNET_HEADER;
        capabilities
    }
}

fn raw_socket(
    protocol: IpProtocol,
    incoming: (usize, usize),
    outgoing: (usize, usize),
) -> raw::Socket<'static> {
    let buffer = |(packets, bytes): (usize, usize)| {
        raw::PacketBuffer::new(vec![raw::PacketMetadata::EMPTY; packets], vec![0; bytes])
    };
    raw::Socket::new(None, Some(protocol), buffer(incoming), buffer(outgoing))
}

impl<N: Nic> Link<N> {
    /// An interface that asks for its addresses (DHCP, RFC 2131; SLAAC, RFC 4862).
    pub fn new(mut nic: N, number: usize, seed: u64, now: Instant) -> Link<N> {
        let address = EthernetAddress(nic.hardware_address());
        let mut config = Config::new(HardwareAddress::Ethernet(address));
        config.random_seed = seed;
        config.slaac = true;
        let mut counters = Counters::default();
        let mut wire = Wire {
            nic: &mut nic,
            counters: &mut counters,
            frame: None,
        };
        let mut interface = Box::new(Interface::new(config, &mut wire, now));
        if let Some(own) = link_local(address) {
            interface.update_ip_addrs(|all| {
                // There is room: it is the first.
                let _ = all.push(IpCidr::Ipv6(own));
            });
        }
        let mut sockets = SocketSet::new(Vec::new());
        let protocols = [IpProtocol::Udp, IpProtocol::Icmp, IpProtocol::Icmpv6];
        let packets =
            protocols.map(|protocol| sockets.add(raw_socket(protocol, (4, PACKET_ROOM), OUTGOING)));
        let dhcp = Some(sockets.add(dhcpv4::Socket::new()));
        Link {
            name: alloc::format!("eth{number}"),
            nic,
            interface,
            sockets,
            counters,
            is_up: true,
            name_servers: Vec::new(),
            dhcp,
            packets,
            frame: Vec::new(),
        }
    }

    /// A raw socket for what one socket of this host sends, so that it waits for no other's
    /// neighbours. Nothing arrives through it.
    pub fn add_sender(&mut self, protocol: u8) -> SocketHandle {
        self.sockets
            .add(raw_socket(protocol.into(), (0, 0), OUTGOING))
    }

    /// Queues a packet with its IP header; `false` when there is no room.
    pub fn send(&mut self, sender: SocketHandle, packet: &[u8]) -> bool {
        let socket = self.sockets.get_mut::<raw::Socket<'_>>(sender);
        socket.send_slice(packet).is_ok()
    }

    /// Queues a packet of this host's own (an ICMP message).
    pub fn send_own(&mut self, packet: &[u8], is_ipv4: bool) {
        let [_, v4, v6] = self.packets;
        // What finds no room is lost, as on a network.
        self.send(if is_ipv4 { v4 } else { v6 }, packet);
    }

    /// Looks whether a frame has arrived that asks for a connection, and keeps it for
    /// [`Link::process`]. `None`: nothing has arrived.
    pub fn peek(&mut self) -> Option<Option<Request>> {
        if !self.is_up || !self.nic.receive(&mut self.frame) {
            return None;
        }
        self.counters.received.0 += self.frame.len() as u64;
        self.counters.received.1 += 1;
        Some(request_in(&self.frame))
    }

    /// Has smoltcp process the frame.
    pub fn process(&mut self, now: Instant) {
        let mut wire = Wire {
            nic: &mut self.nic,
            counters: &mut self.counters,
            frame: Some(&self.frame),
        };
        self.interface
            .poll_ingress_single(now, &mut wire, &mut self.sockets);
    }

    /// Sends what waits.
    pub fn transmit(&mut self, now: Instant) {
        if !self.is_up {
            return;
        }
        let mut wire = Wire {
            nic: &mut self.nic,
            counters: &mut self.counters,
            frame: None,
        };
        self.interface.poll_maintenance(now);
        let mut more = true;
        while more && wire.nic.has_room() {
            let result = self
                .interface
                .poll_egress(now, &mut wire, &mut self.sockets);
            more = result != smoltcp::iface::PollResult::None;
        }
    }

    /// When something is to be done although nothing arrives.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }

    /// The next packet for sockets of datagrams and packets.
    pub fn next_packet(&mut self) -> Option<Packet> {
        for handle in self.packets {
            let socket = self.sockets.get_mut::<raw::Socket<'_>>(handle);
            if let Ok(bytes) = socket.recv() {
                return packet_of(bytes.to_vec());
            }
        }
        None
    }

    /// Takes over what DHCP says; `true` when something changed.
    pub fn configure(&mut self) -> bool {
        let Some(handle) = self.dhcp else {
            return false;
        };
        let socket = self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle);
        let (address, router, servers) = match socket.poll() {
            None => return false,
            Some(dhcpv4::Event::Deconfigured) => (None, None, Vec::new()),
            Some(dhcpv4::Event::Configured(found)) => {
                let servers = found.dns_servers.iter();
                let servers = servers.map(|server| IpAddr::V4(*server)).collect();
                (Some(found.address), found.router, servers)
            }
        };
        // What is no host's address would not be one for smoltcp either.
        let address = address.filter(|found| is_host(found.address()));
        self.interface.update_ip_addrs(|all| {
            all.retain(|known| matches!(known, IpCidr::Ipv6(_)));
            if let Some(address) = address {
                let _ = all.push(IpCidr::Ipv4(address));
            }
        });
        let routes = self.interface.routes_mut();
        routes.remove_default_ipv4_route();
        if let Some(router) = router.filter(|router| is_host(*router)) {
            let _ = routes.add_default_ipv4_route(router);
        }
        self.name_servers = servers;
        true
    }

    /// Sets its IPv4 address and network by hand; DHCP is given up.
    ///
    /// # Errors
    /// `BadArgument` for an address that no host has.
    pub fn set_ipv4(&mut self, address: Ipv4Addr, length: u8) -> Result<(), Error> {
        if !is_host(address) && !address.is_unspecified() || length > 32 {
            return Err(Error::BadArgument);
        }
        if let Some(handle) = self.dhcp.take() {
            self.sockets.remove(handle);
        }
        self.interface.update_ip_addrs(|all| {
            all.retain(|known| matches!(known, IpCidr::Ipv6(_)));
            if !address.is_unspecified() {
                let _ = all.push(IpCidr::Ipv4(Ipv4Cidr::new(address, length)));
            }
        });
        Ok(())
    }

    /// Its routes by routers.
    pub fn routes(&mut self) -> Vec<Route> {
        let mut all = Vec::new();
        let routes = self.interface.routes_mut();
        routes.update(|known| all.extend_from_slice(known));
        all
    }

    /// Whether an address is this interface's.
    pub fn has(&self, address: IpAddr) -> bool {
        self.interface.has_ip_addr(IpAddress::from(address))
    }

    /// Whether a network that an address is in is behind this interface: directly (2), by a
    /// router (1), or not (0).
    pub fn reaches(&mut self, address: IpAddr) -> u32 {
        let wanted = IpAddress::from(address);
        let networks = self.interface.ip_addrs();
        if networks
            .iter()
            .any(|network| network.contains_addr(&wanted))
        {
            return 2;
        }
        let mut routes = self.routes().into_iter();
        let is_routed = routes.any(|route| route.cidr.contains_addr(&wanted));
        let has_address = self.source(address).is_some();
        match (address, has_address) {
            (_, false) => 0,
            (IpAddr::V4(address), true) if address.is_broadcast() || address.is_multicast() => 1,
            (IpAddr::V6(address), true) if address.is_multicast() => 1,
            _ => is_routed.into(),
        }
    }

    /// The address that one is reached from.
    pub fn source(&self, address: IpAddr) -> Option<IpAddr> {
        let found = self.interface.get_source_address(&IpAddress::from(address));
        found
            .map(IpAddr::from)
            .filter(|source| !source.is_unspecified() && !source.is_loopback())
    }

    /// The socket of a connection.
    pub fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Begins a connection on a socket.
    pub fn connect(&mut self, handle: SocketHandle, from: SocketAddr, to: SocketAddr) -> bool {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket.connect(self.interface.context(), to, from).is_ok()
    }
}

fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}

/// The address that an adapter has on its link without asking (RFC 4291, 2.5.6).
fn link_local(address: EthernetAddress) -> Option<Ipv6Cidr> {
    let prefix = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);
    Ipv6Cidr::from_link_prefix(&prefix, HardwareAddress::Ethernet(address))
}

/// The request for a connection in a frame.
fn request_in(frame: &[u8]) -> Option<Request> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (to, from, payload): (IpAddr, IpAddr, &[u8]) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let is_whole = !packet.more_frags() && packet.frag_offset() == 0;
            if packet.next_header() != IpProtocol::Tcp || !is_whole {
                return None;
            }
            let (to, from) = (packet.dst_addr().into(), packet.src_addr().into());
            (to, from, packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            if packet.next_header() != IpProtocol::Tcp {
                return None;
            }
            let (to, from) = (packet.dst_addr().into(), packet.src_addr().into());
            (to, from, packet.payload())
        }
        _ => return None,
    };
    let segment = TcpPacket::new_checked(payload).ok()?;
    let asks = segment.syn() && !segment.ack() && !segment.rst() && !segment.fin();
    asks.then(|| Request {
        to: SocketAddr::new(to, segment.dst_port()),
        from: SocketAddr::new(from, segment.src_port()),
    })
}

/// Takes a packet apart.
pub fn packet_of(bytes: Vec<u8>) -> Option<Packet> {
    let (to, from, protocol, payload) = match bytes.first()? >> 4 {
        4 => {
            let packet = Ipv4Packet::new_checked(bytes.as_slice()).ok()?;
            let (to, from) = (packet.dst_addr().into(), packet.src_addr().into());
            (
                to,
                from,
                packet.next_header(),
                usize::from(packet.header_len()),
            )
        }
        _ => {
            let packet = Ipv6Packet::new_checked(bytes.as_slice()).ok()?;
            let (to, from) = (packet.dst_addr().into(), packet.src_addr().into());
            (to, from, packet.next_header(), packet.header_len())
        }
    };
    Some(Packet {
        to,
        from,
        protocol: protocol.into(),
        bytes,
        payload,
    })
}

/// A time of the monotonic clock as smoltcp has it.
pub fn instant(now_ns: u64) -> Instant {
    Instant::from_micros((now_ns / 1000) as i64)
}

/// A span in seconds.
pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
