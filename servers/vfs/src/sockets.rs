//! Sockets by name: files stand for them, and the servers of their families know what they are.

use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::file_type;
use proto::{Answer, Call, Error, Input, Outcome, Reply, socket_domain, socket_space};

use server_rt::read_input;

use crate::backend::Peer;
use crate::kernel::Kernel;
use crate::permission::{Caller, WRITE};
use crate::server::Server;
use crate::walk::{MAX_PATH, View};

/// `AF_UNIX`, the family whose names are files.
const LOCAL: u32 = 1;
/// `AF_INET`.
const INTERNET: u32 = 2;
/// Longest path of a socket's address.
const MAX_SOCKET_PATH: usize = 108;

/// The server of a family of sockets.
pub struct Domain {
    /// The family's number.
    pub family: u32,
    /// Its server.
    pub server: Peer,
    /// The session with it, to pass calls on.
    pub session: Handle,
}

impl<K: Kernel> Server<K> {
    fn domain(&self, family: u32) -> Result<&Domain, Error> {
        let found = self.domains.iter().find(|domain| domain.family == family);
        found.ok_or(Error::NoAddressFamily)
    }

    /// The server of the network, if there is one.
    pub(crate) fn network(&self) -> Option<Peer> {
        let domain = self.domain(INTERNET).ok()?;
        Some(domain.server.clone())
    }

    /// Passes a call on to the server of a family, which learns from it who asks.
    fn pass_on(&mut self, token: u64, operation: u64, arguments: [u32; 4]) -> Reply {
        let [family, kind, protocol, status] = arguments.map(u64::from);
        let session = self.domain(arguments[0])?.session;
        let words = [operation, family, kind, protocol, status, 0];
        self.kernel.forward(token, session, words)?;
        Ok(Outcome::Forwarded)
    }

    fn bind_socket<C: Call + ?Sized>(&mut self, call: &C, view: View, path: &[u8]) -> Reply {
        let caller = Caller::of(call)?;
        let socket = *call.handles().first().ok_or(Error::BadMessage)?;
        if path.len() > MAX_SOCKET_PATH {
            return Err(Error::NameTooLong);
        }
        let mode = file_type::SOCKET | 0o777;
        match self.make(view, path, mode, 0, &caller) {
            // An instance before this one had made the file already.
            Err(Error::Exists) if call.redelivered() => {}
            Err(Error::Exists) => return Err(Error::AddressInUse),
            result => result?,
        }
        let (_, attributes) = self.resolve(view, path, false, &caller)?.existing()?;
        let mut address = Vec::from((LOCAL as u16).to_le_bytes());
        address.extend_from_slice(path);
        address.push(0);
        let server = &self.domain(LOCAL)?.server;
        let (device, node) = (attributes.device, attributes.node);
        match socket_domain::bind_node(server, device, node, &address, &[socket]) {
            Ok(_) => Ok(Answer::default().into()),
            Err(error) => {
                // The name goes again; if that fails, it is a file that no socket answers to.
                let _ = self.remove(view, path, 0, &caller);
                Err(error)
            }
        }
    }

    fn find_socket<C: Call + ?Sized>(&mut self, call: &C, view: View, path: &[u8]) -> Reply {
        let caller = Caller::of(call)?;
        let (_, attributes) = self.resolve(view, path, true, &caller)?.existing()?;
        caller.check(&attributes, WRITE)?;
        if attributes.mode & file_type::MASK != file_type::SOCKET {
            return Err(Error::ConnectionRefused);
        }
        let server = &self.domain(LOCAL)?.server;
        let (device, node) = (attributes.device, attributes.node);
        let answer = socket_domain::find_node(server, device, node, &[])?;
        Ok(Answer::default().with_handle(answer.handles[0]).into())
    }
}

impl<K: Kernel, C: Call + ?Sized> socket_space::SocketSpace<C> for Server<K> {
    fn socket(
        &mut self,
        call: &mut C,
        family: u32,
        kind: u32,
        protocol: u32,
        status: u32,
    ) -> Reply {
        let arguments = [family, kind, protocol, status];
        self.pass_on(call.token(), socket_domain::number::create, arguments)
    }

    fn pair(&mut self, call: &mut C, family: u32, kind: u32, protocol: u32, status: u32) -> Reply {
        let arguments = [family, kind, protocol, status];
        self.pass_on(call.token(), socket_domain::number::pair, arguments)
    }

    fn bind(&mut self, call: &mut C, path: Input) -> Reply {
        let view = self.opened.view(call.badge(), self.root)?;
        let path = read_input(call, path, MAX_PATH, Error::NameTooLong)?;
        self.bind_socket(call, view, &path)
    }

    fn find(&mut self, call: &mut C, path: Input) -> Reply {
        let view = self.opened.view(call.badge(), self.root)?;
        let path = read_input(call, path, MAX_PATH, Error::NameTooLong)?;
        self.find_socket(call, view, &path)
    }
}
