//! `bind`, `getsockname` and finding sockets.

use alloc::vec::Vec;
use kernel_abi::{Handle, Signals};
use proto::{Answer, Call, Error, Input, Output, Reply, socket};

use crate::server::{DESTINATION, FAMILY, Server, address_of, done};
use crate::socket::Kind;
use crate::table::Name;
use socket_server::Kernel;

/// Names that the server makes up: five hexadecimal digits.
const AUTOMATIC_NAMES: u32 = 1 << 20;

/// The bytes after the family of an address of this one.
fn path_of(address: &[u8]) -> Result<&[u8], Error> {
    let (family, path) = address.split_at_checked(2).ok_or(Error::BadArgument)?;
    if family != (FAMILY as u16).to_le_bytes() {
        return Err(Error::NoAddressFamily);
    }
    Ok(path)
}

impl<K: Kernel> Server<K> {
    /// Gives a socket an abstract name, or, for an empty one, a name that is free.
    fn bind_abstract(&mut self, badge: u64, address: Vec<u8>) -> Reply {
        let path = path_of(&address)?;
        let socket = self.table.get(badge)?;
        if !socket.name.is_empty() {
            return Err(Error::BadArgument);
        }
        let address = match path.first() {
            None => self.free_name(badge)?,
            Some(0) => address,
            // The name space binds names of files.
            Some(_) => return Err(Error::BadArgument),
        };
        let name = Name::Abstract(address.get(2..).unwrap_or(&[]).to_vec());
        if self.table.find(&name).is_some() {
            return Err(Error::AddressInUse);
        }
        self.take_name(badge, address, None)?;
        self.table.name(name, badge);
        done()
    }

    fn free_name(&self, badge: u64) -> Result<Vec<u8>, Error> {
        let first = badge as u32;
        let tried = (0..AUTOMATIC_NAMES).map(|step| first.wrapping_add(step) % AUTOMATIC_NAMES);
        let mut addresses = tried.map(|number| {
            let mut address = Vec::from((FAMILY as u16).to_le_bytes());
            address.push(0);
            address.extend_from_slice(alloc::format!("{number:05x}").as_bytes());
            address
        });
        let is_free = |address: &Vec<u8>| {
            let path = address.get(2..).unwrap_or(&[]);
            self.table.find(&Name::Abstract(path.to_vec())).is_none()
        };
        addresses.find(is_free).ok_or(Error::AddressNotAvailable)
    }

    /// Notes a socket's name; messages carry it from now on.
    fn take_name(
        &mut self,
        badge: u64,
        address: Vec<u8>,
        node: Option<(u64, u64)>,
    ) -> Result<(), Error> {
        if self.table.get(badge)?.kind != Kind::Stream {
            self.kernel.set_name(badge, &address)?;
        }
        self.change(badge, |socket| {
            socket.name = address;
            socket.node = node;
        })
    }

    pub(crate) fn bind_to_node(
        &mut self,
        handle: Handle,
        node: (u64, u64),
        address: Vec<u8>,
    ) -> Reply {
        path_of(&address)?;
        let badge = self.table.badge_of(self.kernel.object(handle)?)?;
        let socket = self.table.get(badge)?;
        if socket.node == Some(node) && socket.name == address {
            // The same call again, after this server or the name space had died over it.
            return done();
        }
        if !socket.name.is_empty() {
            return Err(Error::BadArgument);
        }
        self.take_name(badge, address, Some(node))?;
        self.table.name(Name::Node(node.0, node.1), badge);
        done()
    }

    pub(crate) fn find_by_node(&mut self, device: u64, node: u64) -> Reply {
        self.destination(&Name::Node(device, node))
    }

    /// The destination that stands for a named socket.
    fn destination(&mut self, name: &Name) -> Reply {
        let found = self.table.find(name).ok_or(Error::ConnectionRefused)?;
        let (target, kind) = (found.badge, found.kind);
        let badge = target | DESTINATION;
        if let Ok(session) = self.kernel.session_open(badge) {
            return Ok(Answer::default().with_handle(session).into());
        }
        let data = match kind {
            Kind::Datagram => self.way_to(target)?,
            _ => Handle::NONE,
        };
        let session = match self.kernel.session_create(badge, data, 0) {
            Ok(session) => session,
            Err(error) => {
                self.kernel.close(data);
                return Err(error);
            }
        };
        let object = self.kernel.object(session)?;
        self.table.name_object(object, badge);
        self.kernel.signal(badge, Signals::NONE, Signals::NONE);
        Ok(Answer::default().with_handle(session).into())
    }

    fn find_abstract(&self, address: &[u8]) -> Result<Name, Error> {
        match path_of(address)? {
            path @ [0, ..] => Ok(Name::Abstract(path.to_vec())),
            _ => Err(Error::BadArgument),
        }
    }
}

impl<K: Kernel, C: Call + ?Sized> socket::Socket<C> for Server<K> {
    fn bind(&mut self, call: &mut C, address: Input) -> Reply {
        let address = address_of(call, address)?;
        self.bind_abstract(call.badge(), address)
    }

    fn listen(&mut self, call: &mut C, backlog: u32) -> Reply {
        self.listen_on(call, backlog)
    }

    fn connect(&mut self, call: &mut C, wait: u32, address: Input) -> Reply {
        let address = address_of(call, address)?;
        if address.starts_with(&[0, 0]) {
            return self.disconnect(call.badge());
        }
        let name = self.find_abstract(&address)?;
        let found = self.table.find(&name).ok_or(Error::ConnectionRefused)?;
        let target = found.badge;
        self.connect_socket(call, target, wait != 0)
    }

    fn connect_to(&mut self, call: &mut C, wait: u32) -> Reply {
        let handle = *call.handles().first().ok_or(Error::BadMessage)?;
        let target = self.destination_badge(handle)?;
        self.connect_socket(call, target, wait != 0)
    }

    fn find(&mut self, call: &mut C, address: Input) -> Reply {
        let address = address_of(call, address)?;
        let name = self.find_abstract(&address)?;
        self.destination(&name)
    }

    fn name(&mut self, call: &mut C, which: u32, address: Output) -> Reply {
        let socket = self.table.get(call.badge())?;
        let name = match which {
            0 => &socket.name,
            1 => &socket.peer.as_ref().ok_or(Error::NotConnected)?.name,
            _ => return Err(Error::BadArgument),
        };
        let unnamed = (FAMILY as u16).to_le_bytes();
        let name = if name.is_empty() { &unnamed[..] } else { name };
        let room = usize::try_from(address.length).unwrap_or(usize::MAX);
        let part = name.get(..room.min(name.len())).unwrap_or(&[]);
        call.write(address, 0, part)?;
        Ok(Answer::value(name.len() as u64).into())
    }

    fn get_option(&mut self, call: &mut C, level: u32, option: u32, value: Output) -> Reply {
        self.read_option(call, level, option, value)
    }

    fn set_option(&mut self, call: &mut C, level: u32, option: u32, value: Input) -> Reply {
        self.write_option(call, level, option, value)
    }

    fn shut_down(&mut self, call: &mut C, directions: u32) -> Reply {
        self.shut_down_socket(call.badge(), directions.into())
    }
}
