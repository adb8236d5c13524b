//! Sockets: sessions with the server of their family (`proto::socket`), which may carry a stream.
//!
//! Names that are files are the name space's business: it makes and finds them with the caller's
//! permissions, and gives a *destination*, a handle that stands for the socket. All other addresses
//! go to the socket's own server.

use crate::descriptor::{handle, session};
use crate::names::start;
use crate::{Error, Result};
use kernel_abi::Handle;
use kernel_abi::object::{HandleInfo, ObjectKind};
use kernel_abi::socket::stream_property;
use libc_rt::{Session, kernel};
use proto::types::socket_status;
use proto::{socket, socket_space};

/// `AF_UNIX`.
pub const LOCAL: u32 = 1;
/// `SOCK_STREAM`.
pub const STREAM: u32 = 1;
/// `SOCK_DGRAM`.
pub const DATAGRAM: u32 = 2;
/// `SOCK_SEQPACKET`.
pub const SEQUENCE: u32 = 5;
/// Longest path of a local address.
const MAX_PATH: usize = 108;

/// What a descriptor of a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Information {
    /// Its type.
    pub kind: u32,
    /// Whether there is a stream to send and receive through.
    pub has_stream: bool,
    /// The session's status flags.
    pub status: u32,
}

/// What a descriptor is, or `NotSocket`.
pub fn information(descriptor: i32) -> Result<Information> {
    let HandleInfo {
        kind,
        data_kind,
        status,
        ..
    } = kernel::handle_info(handle(descriptor)?)?;
    let socket_kind = socket_status::kind(status);
    if kind != ObjectKind::Session as u32 || socket_kind == 0 {
        return Err(Error::NotSocket);
    }
    Ok(Information {
        kind: socket_kind,
        has_stream: data_kind == ObjectKind::Stream as u32,
        status,
    })
}

/// The session of a socket.
fn socket_of(descriptor: i32) -> Result<Session> {
    information(descriptor)?;
    session(descriptor)
}

/// A socket in the making: `status` are the kernel's status flags.
#[derive(Clone, Copy, Debug)]
pub struct New {
    /// The family of addresses.
    pub family: u32,
    /// Its type.
    pub kind: u32,
    /// The protocol; 0: the type's.
    pub protocol: u32,
    /// `kernel_abi::message::status_flags`.
    pub status: u32,
    /// `kernel_abi::object::handle_flags` of the descriptor.
    pub handle_flags: u64,
}

/// `socket`.
pub fn create(new: New) -> Result<i32> {
    let from = Session::ROOT.giving(new.handle_flags);
    let answer = socket_space::socket(&from, new.family, new.kind, new.protocol, new.status, &[])?;
    Ok(answer.handles[0].0 as i32)
}

/// `socketpair`.
pub fn pair(new: New) -> Result<[i32; 2]> {
    let from = Session::ROOT.giving(new.handle_flags);
    let answer = socket_space::pair(&from, new.family, new.kind, new.protocol, new.status, &[]);
    let answer = answer?;
    Ok([answer.handles[0].0 as i32, answer.handles[1].0 as i32])
}

/// An address as the parts of this system see it.
enum Address<'a> {
    /// A file's path.
    Path(&'a [u8]),
    /// Whatever the socket's server makes of it.
    Other(&'a [u8]),
}

/// The path of a local address that names a file, up to a NUL.
fn parse(address: &[u8]) -> Result<Address<'_>> {
    let (family, rest) = address.split_at_checked(2).ok_or(Error::BadArgument)?;
    if family != (LOCAL as u16).to_le_bytes() {
        return Ok(Address::Other(address));
    }
    match rest.first() {
        None | Some(0) if rest.len() <= MAX_PATH => Ok(Address::Other(address)),
        _ => {
            let path = rest.split(|byte| *byte == 0).next().unwrap_or(rest);
            if path.len() > MAX_PATH || path.is_empty() {
                return Err(Error::BadArgument);
            }
            Ok(Address::Path(path))
        }
    }
}

fn directory_of(path: &[u8]) -> Result<Session> {
    start(crate::names::WORKING_DIRECTORY, path)
}

/// `bind`.
pub fn bind(descriptor: i32, address: &[u8]) -> Result<()> {
    let own = socket_of(descriptor)?;
    match parse(address)? {
        Address::Path(path) => socket_space::bind(&directory_of(path)?, path, &[own.handle()])?,
        Address::Other(address) => socket::bind(&own, address, &[])?,
    };
    Ok(())
}

/// `listen`.
pub fn listen(descriptor: i32, backlog: i32) -> Result<()> {
    let backlog = u32::try_from(backlog).unwrap_or(0);
    socket::listen(&socket_of(descriptor)?, backlog, &[])?;
    Ok(())
}

/// What a send or a connection goes to. Closed when dropped.
pub struct Destination(Handle);

impl Destination {
    /// The handle.
    pub fn handle(&self) -> Handle {
        self.0
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        // Nobody else has this handle, so that there is nothing to fail.
        let _ = kernel::handle_close(self.0);
    }
}

/// Where an address leads to.
pub fn destination(descriptor: i32, address: &[u8]) -> Result<Destination> {
    let answer = match parse(address)? {
        Address::Path(path) => socket_space::find(&directory_of(path)?, path, &[])?,
        Address::Other(address) => socket::find(&socket_of(descriptor)?, address, &[])?,
    };
    Ok(Destination(answer.handles[0]))
}

/// Whether what a socket's streams do not take is sent by [`send`].
pub fn sends_by_call(descriptor: i32) -> bool {
    information(descriptor).is_ok_and(|found| found.status & socket_status::SENDS_BY_CALL != 0)
}

/// Sends a datagram by a call: to an address, or (empty) to the peer. How many bytes.
///
/// # Errors
/// `DestinationRequired` for a socket that has another way (`socket_status::SENDS_BY_CALL`).
pub fn send(descriptor: i32, address: &[u8], data: &[u8], control: &[u8]) -> Result<usize> {
    if !sends_by_call(descriptor) {
        return Err(Error::DestinationRequired);
    }
    let answer = socket::send(&session(descriptor)?, address, data, control, &[])?;
    Ok(answer.words[0] as usize)
}

/// `connect`.
pub fn connect(descriptor: i32, address: &[u8]) -> Result<()> {
    let found = information(descriptor)?;
    let own = session(descriptor)?;
    let nonblocking = found.status & kernel_abi::message::status_flags::NONBLOCK != 0;
    let wait = u32::from(!nonblocking);
    match parse(address)? {
        Address::Path(_) => {
            let target = destination(descriptor, address)?;
            socket::connect_to(&own, wait, &[target.handle()])?;
        }
        Address::Other(address) => {
            socket::connect(&own, wait, address, &[])?;
        }
    }
    Ok(())
}

/// `getsockname` (`which` 0) and `getpeername` (1): the address's length.
pub fn name(descriptor: i32, which: u32, address: &mut [u8]) -> Result<usize> {
    let answer = socket::name(&socket_of(descriptor)?, which, address, &[])?;
    Ok(answer.words[0] as usize)
}

/// `getsockopt`, for what the socket's server knows: the value's length.
pub fn option(descriptor: i32, level: u32, option: u32, value: &mut [u8]) -> Result<usize> {
    let answer = socket::get_option(&socket_of(descriptor)?, level, option, value, &[])?;
    Ok(answer.words[0] as usize)
}

/// `setsockopt`, for what the socket's server knows.
pub fn set_option(descriptor: i32, level: u32, option: u32, value: &[u8]) -> Result<()> {
    let own = session(descriptor)?;
    match socket::set_option(&own, level, option, value, &[]) {
        Ok(_) => Ok(()),
        Err(error) => {
            // What is no socket has no server that knows the call.
            information(descriptor)?;
            Err(error)
        }
    }
}

/// Whether the end of a connection resets the other side (`SO_LINGER` with a time of 0).
pub fn set_reset(descriptor: i32, resets: bool) -> Result<()> {
    let own = session(descriptor)?;
    match kernel::stream_property(own.handle(), stream_property::RESETS, 1, resets.into()) {
        // Nothing is connected yet: the server remembers it.
        Ok(_) | Err(kernel_abi::Error::WrongKind) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// How long reads (or `sends`: writes) wait, ns; 0: for ever.
pub fn timeout(descriptor: i32, sends: bool, set_ns: Option<u64>) -> Result<u64> {
    let socket = socket_of(descriptor)?;
    let property = if sends {
        stream_property::SEND_TIMEOUT_NS
    } else {
        stream_property::RECEIVE_TIMEOUT_NS
    };
    let (set, value) = (u64::from(set_ns.is_some()), set_ns.unwrap_or(0));
    Ok(kernel::stream_property(
        socket.handle(),
        property,
        set,
        value,
    )?)
}

/// Whether one of the status flags that belong to sockets is set (`socket_status`, `arrival::wanted`).
pub fn status_bit(descriptor: i32, bit: u32, set: Option<bool>) -> Result<bool> {
    let status = information(descriptor)?.status;
    if let Some(on) = set {
        let status = status & !bit | if on { bit } else { 0 };
        kernel::status_flags(handle(descriptor)?, 1, status)?;
    }
    Ok(status & bit != 0)
}

/// Whether who receives is told the sender's credentials.
pub fn pass_credentials(descriptor: i32, set: Option<bool>) -> Result<bool> {
    status_bit(descriptor, socket_status::PASS_CREDENTIALS, set)
}

/// `shutdown`: a connection's stream is shut by its holder, anything else by its server.
pub fn shut_down(descriptor: i32, directions: u64) -> Result<()> {
    let found = information(descriptor)?;
    if found.kind == DATAGRAM || !found.has_stream {
        let directions = directions as u32;
        socket::shut_down(&session(descriptor)?, directions, &[])?;
        return Ok(());
    }
    Ok(kernel::stream_shut_down(handle(descriptor)?, directions)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(address: &[u8]) -> Option<Vec<u8>> {
        match parse(address) {
            Ok(Address::Path(path)) => Some(path.to_vec()),
            _ => None,
        }
    }

    use std::vec::Vec;

    #[test]
    fn a_local_address_names_a_file_up_to_its_nul() {
        assert_eq!(path(b"\x01\0/tmp/s\0garbage"), Some(b"/tmp/s".to_vec()));
        assert_eq!(path(b"\x01\0s"), Some(b"s".to_vec()));
        let longest = [b"\x01\0".as_slice(), &[b'x'; 108]].concat();
        assert_eq!(path(&longest).map(|path| path.len()), Some(108));
        let longer = [b"\x01\0".as_slice(), &[b'x'; 109]].concat();
        assert!(matches!(parse(&longer), Err(Error::BadArgument)));
    }

    #[test]
    fn abstract_unnamed_and_foreign_addresses_are_the_servers() {
        for address in [&b"\x01\0"[..], b"\x01\0\0name", b"\x02\0\0\x50abcd"] {
            assert!(matches!(parse(address), Ok(Address::Other(_))));
        }
        assert!(matches!(parse(b"\x01"), Err(Error::BadArgument)));
    }
}
