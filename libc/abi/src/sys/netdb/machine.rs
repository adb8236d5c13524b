//! The system as `libc_resolver` sees it: sockets, files, time.

use crate::sys::poll::{PollItem, poll_items};
use crate::sys::socket;
use crate::sys::stdio;
use crate::sys::support::{errno, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use core::net::{IpAddr, SocketAddr};
use core::ops::ControlFlow;
use libc_posix::{Error, descriptor};
use libc_resolver::address::ScopedAddress;
use libc_resolver::ask::Wire;
use libc_resolver::lookup::{System, Table};
use libc_resolver::socket_address::{self, Encoded, family_of};
use libc_rt::kernel;

const SOCK_STREAM: c_int = 1;
const SOCK_DGRAM: c_int = 2;
/// Neither waits nor outlives an execution.
const QUIET: c_int = 0o2004000;
const MSG_NOSIGNAL: c_int = 0x4000;
const EINPROGRESS: c_int = 115;
const POLLIN: i16 = 1;
const POLLOUT: i16 = 4;
/// Longest line of a table that is read whole; of a longer one this much is.
const LINE: usize = 1024;

/// A socket of this library's own, closed when it is dropped.
struct Socket(c_int);

impl Socket {
    fn new(family: u16, kind: c_int) -> Option<Socket> {
        let made = socket::socket(c_int::from(family), kind | QUIET, 0);
        (made >= 0).then_some(Socket(made))
    }

    fn connect(&self, to: &SocketAddr) -> c_int {
        let name = Encoded::from(to);
        // SAFETY: the address is whole.
        unsafe {
            socket::connect(
                self.0,
                name.bytes().as_ptr().cast(),
                name.bytes().len() as u32,
            )
        }
    }

    /// Waits until then for one of the events: whether there is one.
    fn wait(&self, events: i16, until_ms: u64) -> bool {
        let mut items = [PollItem {
            fd: self.0,
            events,
            revents: 0,
        }];
        loop {
            match poll_items(&mut items, until_ms.saturating_mul(1_000_000), None) {
                Err(Error::Interrupted) => {}
                ready => return ready == Ok(1),
            }
        }
    }

    /// Sends all of the bytes of a stream until then.
    fn send_all(&self, mut bytes: &[u8], until_ms: u64) -> Option<()> {
        while !bytes.is_empty() {
            // SAFETY: the bytes are there.
            let sent =
                unsafe { socket::send(self.0, bytes.as_ptr().cast(), bytes.len(), MSG_NOSIGNAL) };
            match usize::try_from(sent) {
                Ok(count) => bytes = bytes.get(count..)?,
                Err(_) if is_passing() && self.wait(POLLOUT, until_ms) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// Receives as many bytes of a stream as fit, until then.
    fn receive_all(&self, bytes: &mut [u8], until_ms: u64) -> Option<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            let rest = bytes.get_mut(filled..)?;
            // SAFETY: the room is there.
            let count = unsafe { socket::recv(self.0, rest.as_mut_ptr().cast(), rest.len(), 0) };
            match usize::try_from(count) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(_) if is_passing() && self.wait(POLLIN, until_ms) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }
}

/// Whether the last error was one that a wait may end.
fn is_passing() -> bool {
    const PASSING: [c_int; 3] = [
        Error::WouldBlock as c_int,
        Error::Interrupted as c_int,
        Error::NotConnected as c_int,
    ];
    PASSING.contains(&errno())
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Nobody else has it, so that there is nothing to fail.
        let _ = descriptor::close(self.0);
    }
}

/// This process's way to name servers and tables.
#[derive(Default)]
pub(super) struct Machine {
    /// For datagrams to servers with addresses of IPv4.
    four: Option<Socket>,
    /// For datagrams to servers with addresses of IPv6.
    six: Option<Socket>,
}

impl Machine {
    fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.four.iter().chain(&self.six)
    }

    /// The socket for datagrams to an address, made when it is wanted first.
    fn socket_to(&mut self, address: &IpAddr) -> Option<&Socket> {
        let place = if address.is_ipv4() {
            &mut self.four
        } else {
            &mut self.six
        };
        if place.is_none() {
            *place = Socket::new(family_of(address), SOCK_DGRAM);
        }
        place.as_ref()
    }

    /// A datagram that has come, and its sender.
    fn take(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.sockets().find_map(|socket| {
            let mut name = [0; size_of::<Encoded>()];
            let mut length = name.len() as u32;
            // SAFETY: buffer and address have the sizes given.
            let count = unsafe {
                socket::recvfrom(
                    socket.0,
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    0,
                    name.as_mut_ptr().cast(),
                    &mut length,
                )
            };
            let from = socket_address::decode(name.get(..length as usize)?)?;
            Some((usize::try_from(count).ok()?, from))
        })
    }
}

impl Wire for Machine {
    fn now_ms(&mut self) -> u64 {
        kernel::monotonic_ns() / 1_000_000
    }

    fn random(&mut self) -> u16 {
        let mut bytes = [0; 2];
        // Without random numbers, the time is better than nothing.
        match kernel::random(&mut bytes) {
            Ok(_) => u16::from_ne_bytes(bytes),
            Err(_) => kernel::monotonic_ns() as u16,
        }
    }

    fn send(&mut self, server: &SocketAddr, message: &[u8]) {
        let Some(socket) = self.socket_to(&server.ip()) else {
            return;
        };
        let name = Encoded::from(server);
        // SAFETY: message and address are whole. What is not sent is lost, as any datagram may be.
        unsafe {
            socket::sendto(
                socket.0,
                message.as_ptr().cast(),
                message.len(),
                MSG_NOSIGNAL,
                name.bytes().as_ptr().cast(),
                name.bytes().len() as u32,
            )
        };
    }

    fn receive(&mut self, buffer: &mut [u8], until_ms: u64) -> Option<(usize, SocketAddr)> {
        // Without a socket there is nothing to wait for.
        self.sockets().next()?;
        loop {
            if let Some(found) = self.take(buffer) {
                return Some(found);
            }
            let mut items = [PollItem {
                fd: -1,
                events: POLLIN,
                revents: 0,
            }; 2];
            for (item, socket) in items.iter_mut().zip(self.sockets()) {
                item.fd = socket.0;
            }
            match poll_items(&mut items, until_ms.saturating_mul(1_000_000), None) {
                Ok(1..) | Err(Error::Interrupted) => {}
                _ => return None,
            }
            if self.now_ms() >= until_ms {
                return None;
            }
        }
    }

    fn exchange(&mut self, server: &SocketAddr, query: &[u8], until_ms: u64) -> Option<Vec<u8>> {
        let socket = Socket::new(family_of(&server.ip()), SOCK_STREAM)?;
        if socket.connect(server) != 0 {
            let is_under_way = errno() == EINPROGRESS;
            if !is_under_way || !socket.wait(POLLOUT, until_ms) {
                return None;
            }
        }
        let length = u16::try_from(query.len()).ok()?.to_be_bytes();
        socket.send_all(&[&length, query].concat(), until_ms)?;
        let mut length = [0; 2];
        socket.receive_all(&mut length, until_ms)?;
        let mut answer = alloc::vec![0; usize::from(u16::from_be_bytes(length))];
        socket.receive_all(&mut answer, until_ms)?;
        Some(answer)
    }
}

impl System for Machine {
    fn lines(&mut self, table: Table, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let mut buffer = [0 as c_char; LINE];
        // SAFETY: the stream is this function's, the buffer has the size given.
        unsafe {
            let file = stdio::fopen(table.path().as_ptr(), c"re".as_ptr());
            if file.is_null() {
                return;
            }
            let mut is_start = true;
            while !stdio::fgets(buffer.as_mut_ptr(), LINE as c_int, file).is_null() {
                let piece = text(buffer.as_ptr());
                let line = piece.strip_suffix(b"\n");
                // What is left of a line that was too long is not a line.
                if is_start && visit(line.unwrap_or(piece)).is_break() {
                    break;
                }
                is_start = line.is_some();
            }
            stdio::fclose(file);
        }
    }

    fn index_of_interface(&self) -> fn(&[u8]) -> Option<u32> {
        crate::sys::interfaces::index_of
    }
}

/// The address that packets to another come from, if there is a way to it.
pub(super) fn source(to: &ScopedAddress) -> Option<IpAddr> {
    // No packet is sent for this; the port is any that is not 0.
    let mut whole = SocketAddr::new(to.address, 65535);
    if let SocketAddr::V6(six) = &mut whole {
        six.set_scope_id(to.scope);
    }
    let socket = Socket::new(family_of(&to.address), SOCK_DGRAM)?;
    if socket.connect(&whole) != 0 {
        return None;
    }
    let mut name = [0u8; size_of::<Encoded>()];
    let mut length = name.len() as u32;
    // SAFETY: the address has the size given.
    let found = unsafe { socket::getsockname(socket.0, name.as_mut_ptr().cast(), &mut length) };
    if found != 0 {
        return None;
    }
    let own = socket_address::decode(name.get(..length as usize)?)?;
    Some(own.ip())
}
