//! `ioctl` of sockets: what interfaces there are, their addresses and routes (Linux `netdevice(7)`).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use proto::{Answer, Call, Error, Input, Output, Reply};
use smoltcp::iface::Route;
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Cidr};
use socket_server::Kernel;

use crate::address::{self, Family};
use crate::nic::Nic;
use crate::server::Server;

/// Bytes of a `struct ifreq`, and of the name that it begins with.
const REQUEST: usize = 40;
const NAME: usize = 16;
/// Bytes of a `struct rtentry`.
const ROUTE: usize = 120;

/// Requests, by their numbers in C (`SIOC*`).
mod request {
    pub const ADDRT: u64 = 0x890b;
    pub const DELRT: u64 = 0x890c;
    pub const GIFNAME: u64 = 0x8910;
    pub const GIFCONF: u64 = 0x8912;
    pub const GIFFLAGS: u64 = 0x8913;
    pub const SIFFLAGS: u64 = 0x8914;
    pub const GIFADDR: u64 = 0x8915;
    pub const SIFADDR: u64 = 0x8916;
    pub const GIFDSTADDR: u64 = 0x8917;
    pub const GIFBRDADDR: u64 = 0x8919;
    pub const GIFNETMASK: u64 = 0x891b;
    pub const SIFNETMASK: u64 = 0x891c;
    pub const GIFMETRIC: u64 = 0x891d;
    pub const GIFMTU: u64 = 0x8921;
    pub const GIFHWADDR: u64 = 0x8927;
    pub const GIFINDEX: u64 = 0x8933;
    pub const GIFTXQLEN: u64 = 0x8942;
}

/// Flags of an interface (`IFF_*`).
mod flag {
    pub const UP: u32 = 1;
    pub const BROADCAST: u32 = 2;
    pub const LOOPBACK: u32 = 8;
    pub const RUNNING: u32 = 0x40;
    pub const MULTICAST: u32 = 0x1000;
}

/// Types of hardware (`ARPHRD_*`).
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;

/// What there is to tell of an interface.
pub(crate) struct Description {
    pub name: String,
    /// 1 is the loopback.
    pub index: u32,
    /// Which of the server's links it is.
    pub link: Option<usize>,
    pub flags: u32,
    /// Its addresses and their networks.
    pub addresses: Vec<(IpAddr, u8)>,
    pub packet_size: usize,
    pub hardware: [u8; 6],
}

impl Description {
    fn ipv4(&self) -> Option<Ipv4Cidr> {
        self.addresses
            .iter()
            .find_map(|(address, length)| match address {
                IpAddr::V4(address) => Some(Ipv4Cidr::new(*address, *length)),
                IpAddr::V6(_) => None,
            })
    }
}

/// A `struct sockaddr_in` without port.
fn sockaddr(address: Ipv4Addr) -> Vec<u8> {
    address::encode((address, 0).into(), Family::V4)
}

fn ipv4_in(bytes: &[u8]) -> Result<Ipv4Addr, Error> {
    match address::parse(bytes, Family::V4)?.ip() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(Error::BadArgument),
    }
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// All interfaces.
    pub(crate) fn interfaces(&self) -> Vec<Description> {
        let mut all = alloc::vec![Description {
            name: String::from("lo"),
            index: 1,
            link: None,
            flags: flag::UP | flag::LOOPBACK | flag::RUNNING,
            addresses: alloc::vec![
                (Ipv4Addr::LOCALHOST.into(), 8),
                (core::net::Ipv6Addr::LOCALHOST.into(), 128),
            ],
            packet_size: 65_536,
            hardware: [0; 6],
        }];
        for (number, link) in self.links.iter().enumerate() {
            let up = if link.is_up { flag::UP } else { 0 };
            let running = if link.nic.has_link() {
                flag::RUNNING
            } else {
                0
            };
            let networks = link.interface.ip_addrs().iter();
            all.push(Description {
                name: link.name.clone(),
                index: number as u32 + 2,
                link: Some(number),
                flags: up | running | flag::BROADCAST | flag::MULTICAST,
                addresses: networks
                    .map(|network| (network.address().into(), network.prefix_len()))
                    .collect(),
                packet_size: link.nic.packet_size(),
                hardware: link.nic.hardware_address(),
            });
        }
        all
    }

    /// Serves a request.
    pub(crate) fn control_interface<C: Call + ?Sized>(
        &mut self,
        call: &C,
        request: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        match request {
            request::GIFCONF => self.list_addresses(call, result),
            request::ADDRT | request::DELRT => self.change_route(call, request, data),
            0x8910..=0x89ff => self.control_one(call, request, data, result),
            _ => Err(Error::NotTerminal),
        }
    }

    /// `SIOCGIFCONF`: a `struct ifreq` for each interface with an IPv4 address. Without room, how much
    /// there should be.
    fn list_addresses<C: Call + ?Sized>(&self, call: &C, result: Output) -> Reply {
        let mut bytes = Vec::new();
        for interface in self.interfaces() {
            if let Some(network) = interface.ipv4() {
                let start = bytes.len();
                bytes.extend_from_slice(interface.name.as_bytes());
                bytes.resize(start + NAME, 0);
                bytes.extend_from_slice(&sockaddr(network.address()));
                bytes.resize(start + REQUEST, 0);
            }
        }
        if result.length == 0 {
            return Ok(Answer::value(bytes.len() as u64).into());
        }
        let room = usize::try_from(result.length).unwrap_or(usize::MAX) / REQUEST * REQUEST;
        let part = bytes.get(..room.min(bytes.len())).unwrap_or(&[]);
        call.write(result, 0, part)?;
        Ok(Answer::value(part.len() as u64).into())
    }

    fn control_one<C: Call + ?Sized>(
        &mut self,
        call: &C,
        request: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        let mut bytes = [0; REQUEST];
        if data.length < REQUEST as u64 || call.read(data, 0, &mut bytes)? != REQUEST {
            return Err(Error::BadArgument);
        }
        let (name, value) = bytes.split_at_mut(NAME);
        let all = self.interfaces();
        let found = if request == request::GIFNAME {
            let index = value
                .first_chunk()
                .map_or(0, |word| u32::from_le_bytes(*word));
            all.iter().find(|interface| interface.index == index)
        } else {
            let wanted = name.split(|byte| *byte == 0).next().unwrap_or(&[]);
            all.iter()
                .find(|interface| interface.name.as_bytes() == wanted)
        };
        let interface = found.ok_or(Error::NoDevice)?;
        if matches!(
            request,
            request::SIFFLAGS | request::SIFADDR | request::SIFNETMASK
        ) {
            let root = call.identity()?.credentials.user == 0;
            let link = interface.link.ok_or(Error::NotSupported)?;
            if !root {
                return Err(Error::NotPermitted);
            }
            return self.change_interface(link, request, value);
        }
        if request == request::GIFNAME {
            name.fill(0);
            let place = name.get_mut(..interface.name.len());
            place
                .ok_or(Error::Overflow)?
                .copy_from_slice(interface.name.as_bytes());
        } else {
            let told = tell(interface, request)?;
            value.fill(0);
            let place = value.get_mut(..told.len()).ok_or(Error::Overflow)?;
            place.copy_from_slice(&told);
        }
        call.write(result, 0, &bytes)?;
        Ok(Answer::value(0).into())
    }

    fn change_interface(&mut self, link: usize, request: u64, value: &[u8]) -> Reply {
        let link = self.links.get_mut(link).ok_or(Error::NoDevice)?;
        let old = link.interface.ipv4_addr();
        let length = |link: &crate::link::Link<N>| {
            let networks = link.interface.ip_addrs().iter();
            let mut lengths = networks.filter_map(|network| match network {
                IpCidr::Ipv4(network) => Some(network.prefix_len()),
                IpCidr::Ipv6(_) => None,
            });
            lengths.next()
        };
        let network = match request {
            request::SIFFLAGS => {
                let flags = value
                    .first_chunk()
                    .map_or(0, |word| u16::from_le_bytes(*word));
                link.is_up = u32::from(flags) & flag::UP != 0;
                self.is_stirred = true;
                return Ok(Answer::value(0).into());
            }
            request::SIFADDR => {
                let address = ipv4_in(value)?;
                let usual = if address.octets()[0] < 128 {
                    8
                } else if address.octets()[0] < 192 {
                    16
                } else {
                    24
                };
                (address, length(link).unwrap_or(usual))
            }
            _ => {
                let mask = u32::from(ipv4_in(value)?);
                let ones = mask.leading_ones();
                if mask.checked_shl(ones).unwrap_or(0) != 0 {
                    return Err(Error::BadArgument);
                }
                (old.ok_or(Error::AddressNotAvailable)?, ones as u8)
            }
        };
        link.set_ipv4(network.0, network.1)?;
        self.is_stirred = true;
        Ok(Answer::value(0).into())
    }

    /// `SIOCADDRT` and `SIOCDELRT`.
    fn change_route<C: Call + ?Sized>(&mut self, call: &C, request: u64, data: Input) -> Reply {
        let mut bytes = [0; ROUTE];
        if data.length < ROUTE as u64 || call.read(data, 0, &mut bytes)? != ROUTE {
            return Err(Error::BadArgument);
        }
        if call.identity()?.credentials.user != 0 {
            return Err(Error::NotPermitted);
        }
        // struct rtentry: a word, then destination, gateway and mask of 16 bytes each.
        let [target, gateway, mask] = [8, 24, 40].map(|at| bytes.get(at..at + 16).unwrap_or(&[]));
        let (target, gateway) = (ipv4_in(target)?, ipv4_in(gateway)?);
        let mask = ipv4_in(mask).map_or(u32::MAX, u32::from);
        let length = mask.leading_ones() as u8;
        let cidr = IpCidr::Ipv4(Ipv4Cidr::new(target, length));
        if gateway.is_unspecified() {
            // What is on a link has its route by the link's address.
            return Err(Error::NotSupported);
        }
        let (link, removes) = (self.link_to((gateway, 0).into()), request == request::DELRT);
        let link = link.and_then(|link| self.links.get_mut(link));
        let link = link.ok_or(Error::NetworkUnreachable)?;
        let mut outcome = Ok(());
        link.interface.routes_mut().update(|routes| {
            let via = IpAddress::Ipv4(gateway);
            let is_it = |route: &Route| route.cidr == cidr && route.via_router == via;
            let known = routes.iter().position(is_it);
            outcome = match (removes, known) {
                (true, None) => Err(Error::NoProcess),
                (true, Some(place)) => {
                    routes.remove(place);
                    Ok(())
                }
                (false, Some(_)) => Err(Error::Exists),
                (false, None) => {
                    let route = Route {
                        cidr,
                        via_router: via,
                        preferred_until: None,
                        expires_at: None,
                    };
                    routes.push(route).map_err(|_| Error::NoSpace)
                }
            };
        });
        outcome?;
        Ok(Answer::value(0).into())
    }
}

/// The value of a request that only asks.
fn tell(interface: &Description, request: u64) -> Result<Vec<u8>, Error> {
    let network = || interface.ipv4().ok_or(Error::AddressNotAvailable);
    let word = |value: u32| value.to_le_bytes().to_vec();
    Ok(match request {
        request::GIFFLAGS => word(interface.flags & 0xffff),
        request::GIFADDR | request::GIFDSTADDR => sockaddr(network()?.address()),
        request::GIFBRDADDR => sockaddr(network()?.broadcast().unwrap_or(Ipv4Addr::UNSPECIFIED)),
        request::GIFNETMASK => sockaddr(network()?.netmask()),
        request::GIFMETRIC => word(0),
        request::GIFMTU => word(interface.packet_size as u32),
        request::GIFINDEX => word(interface.index),
        request::GIFTXQLEN => word(proto::frames::SEND_SLOTS),
        request::GIFHWADDR => {
            let kind = if interface.link.is_some() {
                ETHERNET
            } else {
                LOOPBACK
            };
            let mut bytes = kind.to_le_bytes().to_vec();
            bytes.extend_from_slice(&interface.hardware);
            bytes
        }
        _ => return Err(Error::BadArgument),
    })
}
