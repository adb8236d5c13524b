//! `bind`, `getsockname`, `getpeername`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use proto::{Answer, Call, Error, Input, Output, Reply, socket};
use socket_server::Kernel;

use crate::address::{self, MAX_ADDRESS};
use crate::nic::Nic;
use crate::server::{Server, done};
use crate::settings::{LEVEL_IP, LEVEL_V6, option};
use crate::socket::{Kind, Phase};

/// Longest address that is looked at (`struct sockaddr_storage`).
const MAX_STORAGE: u64 = 128;
/// Ports below are root's.
const FIRST_FREE_PORT: u16 = 1024;

/// Copies an address in, as far as it can matter.
fn read_address<C: Call + ?Sized>(call: &C, input: Input) -> Result<Vec<u8>, Error> {
    if !(2..=MAX_STORAGE).contains(&input.length) {
        return Err(Error::BadArgument);
    }
    let length = (input.length as usize).min(MAX_ADDRESS);
    let mut bytes = alloc::vec![0; length];
    if call.read(input, 0, &mut bytes)? != length {
        return Err(Error::BadAddress);
    }
    Ok(bytes)
}

/// Most bytes of control messages.
const MOST_CONTROL: u64 = 256;

/// Looks through control messages (`struct cmsghdr`: length, level, type, and what follows).
fn packet_source(mut bytes: &[u8]) -> Result<Option<IpAddr>, Error> {
    const HEAD: usize = 16;
    let mut source = None;
    while let Some(head) = bytes.first_chunk::<HEAD>() {
        let word = |at: usize| {
            let part = head.get(at..).and_then(|rest| rest.first_chunk());
            part.map_or(0, |word| u32::from_le_bytes(*word))
        };
        let length = word(0) as usize;
        let data = bytes.get(HEAD..length).ok_or(Error::BadArgument)?;
        let found: IpAddr = match (word(8), word(12), data.len()) {
            (LEVEL_IP, 8, 12) => {
                let octets = data.get(4..).and_then(|rest| rest.first_chunk::<4>());
                Ipv4Addr::from(*octets.ok_or(Error::BadArgument)?).into()
            }
            (LEVEL_V6, 50, 20) => {
                let octets = data.first_chunk::<16>().ok_or(Error::BadArgument)?;
                Ipv6Addr::from(*octets).into()
            }
            _ => return Err(Error::BadArgument),
        };
        source = Some(found).filter(|found| !found.is_unspecified());
        bytes = bytes.get(length.next_multiple_of(8)..).unwrap_or(&[]);
    }
    Ok(source)
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// The address in a call to one of the sockets.
    pub(crate) fn address_in<C: Call + ?Sized>(
        &self,
        call: &C,
        input: Input,
    ) -> Result<SocketAddr, Error> {
        let family = self.table.get(call.badge())?.family;
        address::parse(&read_address(call, input)?, family)
    }

    /// The address that a datagram is to be sent from (`IP_PKTINFO`, `IPV6_PKTINFO`), of the control
    /// messages that go with it.
    fn source_in<C: Call + ?Sized>(
        &self,
        call: &C,
        control: Input,
    ) -> Result<Option<IpAddr>, Error> {
        if control.length == 0 {
            return Ok(None);
        }
        if control.length > MOST_CONTROL {
            return Err(Error::BadArgument);
        }
        let mut bytes = alloc::vec![0; control.length as usize];
        if call.read(control, 0, &mut bytes)? != bytes.len() {
            return Err(Error::BadAddress);
        }
        let source = packet_source(&bytes)?;
        match source {
            Some(source) if !self.is_own(source) => Err(Error::AddressNotAvailable),
            source => Ok(source),
        }
    }

    fn bind_socket<C: Call + ?Sized>(&mut self, call: &C, mut wanted: SocketAddr) -> Reply {
        let badge = call.badge();
        let socket = self.table.get(badge)?;
        let is_raw = socket.kind == Kind::Raw;
        let is_bound = socket.local.port() != 0 || socket.phase != Phase::Fresh;
        if is_bound && !is_raw {
            return Err(Error::BadArgument);
        }
        if socket.settings.is_v6_only() && wanted.is_ipv4() && !wanted.ip().is_unspecified() {
            return Err(Error::BadArgument);
        }
        self.check_local(wanted.ip(), socket.settings.is_on(option::FREE_BIND))?;
        if is_raw {
            self.change(badge, |socket| {
                socket.local = SocketAddr::new(wanted.ip(), 0)
            })?;
            return done();
        }
        match wanted.port() {
            0 => wanted.set_port(self.table.free_port(badge)?),
            1..FIRST_FREE_PORT if call.identity()?.credentials.user != 0 => {
                return Err(Error::AccessDenied);
            }
            _ => self.table.check_free(badge, wanted)?,
        }
        self.change(badge, |socket| socket.local = wanted)?;
        done()
    }

    /// Whether one can be reached at an address.
    fn check_local(&self, address: IpAddr, whatever: bool) -> Result<(), Error> {
        let fits = address.is_unspecified() || address.is_multicast() || self.is_own(address);
        if fits || whatever {
            return Ok(());
        }
        Err(Error::AddressNotAvailable)
    }

    /// Gives a socket a port if it has none.
    pub(crate) fn ensure_port(&mut self, badge: u64) -> Result<(), Error> {
        let socket = self.table.get(badge)?;
        if socket.local.port() != 0 || socket.kind == Kind::Raw {
            return Ok(());
        }
        let port = self.table.free_port(badge)?;
        self.change(badge, |socket| socket.local.set_port(port))
    }
}

impl<K: Kernel, N: Nic, C: Call + ?Sized> socket::Socket<C> for Server<K, N> {
    fn bind(&mut self, call: &mut C, address: Input) -> Reply {
        let address = self.address_in(call, address)?;
        self.bind_socket(call, address)
    }

    fn listen(&mut self, call: &mut C, backlog: u32) -> Reply {
        self.listen_on(call.badge(), backlog)
    }

    fn connect(&mut self, call: &mut C, wait: u32, address: Input) -> Reply {
        let bytes = read_address(call, address)?;
        if address::is_unspecified(&bytes) {
            return self.disconnect(call.badge());
        }
        let family = self.table.get(call.badge())?.family;
        let address = address::parse(&bytes, family)?;
        self.connect_socket(call, address, wait != 0)
    }

    fn connect_to(&mut self, _call: &mut C, _wait: u32) -> Reply {
        // What is found by a file is of another family.
        Err(Error::NoAddressFamily)
    }

    fn find(&mut self, call: &mut C, address: Input) -> Reply {
        self.address_in(call, address)?;
        // Datagrams are sent by `send`.
        Err(Error::NotSupported)
    }

    fn name(&mut self, call: &mut C, which: u32, address: Output) -> Reply {
        let socket = self.table.get(call.badge())?;
        let name = match which {
            0 => socket.local,
            1 => socket.peer.ok_or(Error::NotConnected)?,
            _ => return Err(Error::BadArgument),
        };
        let is_on_its_way = socket.phase == Phase::Connecting;
        if which == 1 && is_on_its_way {
            return Err(Error::NotConnected);
        }
        let name = address::encode(name, socket.family);
        let room = usize::try_from(address.length).unwrap_or(usize::MAX);
        call.write(address, 0, name.get(..room.min(name.len())).unwrap_or(&[]))?;
        Ok(Answer::value(name.len() as u64).into())
    }

    fn get_option(&mut self, call: &mut C, level: u32, option: u32, value: Output) -> Reply {
        self.read_option(call, (level, option), value)
    }

    fn set_option(&mut self, call: &mut C, level: u32, option: u32, value: Input) -> Reply {
        self.write_option(call, (level, option), value)
    }

    fn shut_down(&mut self, call: &mut C, directions: u32) -> Reply {
        self.shut_down_socket(call.badge(), directions.into())
    }

    fn send(&mut self, call: &mut C, address: Input, data: Input, control: Input) -> Reply {
        let source = self.source_in(call, control)?;
        let to = match address.length {
            0 => None,
            _ => Some(self.address_in(call, address)?),
        };
        self.send_data(call, to, data, source)
    }
}
