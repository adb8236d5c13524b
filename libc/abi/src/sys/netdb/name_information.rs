//! Socket addresses to names (POSIX `<netdb.h>`): `getnameinfo`.
//!
//! SAFETY of the C functions here: addresses and buffers have the sizes given.

use super::machine::Machine;
use super::uncancelled::Uncancelled;
use super::{eai, error_of};
use crate::sys::interfaces::if_indextoname;
use crate::sys::support::{bytes, bytes_mut, copy_text, text};
use alloc::format;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::net::SocketAddr;
use core::ops::ControlFlow;
use libc_resolver::address::is_link_local;
use libc_resolver::lookup::{self, NotFound, System, Table};
use libc_resolver::{socket_address, tables};

const NI_NUMERICHOST: c_int = 1;
const NI_NUMERICSERV: c_int = 2;
const NI_NOFQDN: c_int = 4;
const NI_NAMEREQD: c_int = 8;
const NI_DGRAM: c_int = 0x10;
const NI_NUMERICSCOPE: c_int = 0x100;

/// POSIX: returns 0 or an `EAI_` number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnameinfo(
    address: *const c_void,
    length: u32,
    host: *mut c_char,
    host_size: u32,
    service: *mut c_char,
    service_size: u32,
    flags: c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (address, host, service) = unsafe {
        let room = |buffer: *mut c_char, size: u32| {
            (!buffer.is_null() && size > 0).then(|| bytes_mut(buffer.cast(), size as usize))
        };
        let address = socket_address::decode(bytes(address, length as usize));
        (address, room(host, host_size), room(service, service_size))
    };
    let Some(address) = address else {
        return eai::FAMILY;
    };
    if host.is_none() && service.is_none() {
        return eai::NONAME;
    }
    match information(&address, host, service, flags) {
        Ok(()) => 0,
        Err(error) => error,
    }
}

fn information(
    address: &SocketAddr,
    host: Option<&mut [u8]>,
    service: Option<&mut [u8]>,
    flags: c_int,
) -> Result<(), c_int> {
    if let Some(host) = host {
        give(&host_name(address, flags)?, host)?;
    }
    if let Some(service) = service {
        give(&service_name(address.port(), flags), service)?;
    }
    Ok(())
}

fn give(text: &[u8], buffer: &mut [u8]) -> Result<(), c_int> {
    if text.len() >= buffer.len() {
        return Err(eai::OVERFLOW);
    }
    copy_text(text, buffer);
    Ok(())
}

fn host_name(address: &SocketAddr, flags: c_int) -> Result<Vec<u8>, c_int> {
    if flags & NI_NUMERICHOST == 0 {
        let mut machine = Machine::default();
        match lookup::name_of(&mut machine, address.ip()) {
            Ok(name) if flags & NI_NOFQDN != 0 => return Ok(without_domain(&mut machine, name)),
            Ok(name) => return Ok(name),
            Err(NotFound::NoAddress) if flags & NI_NAMEREQD != 0 => return Err(eai::NONAME),
            Err(reason) if flags & NI_NAMEREQD != 0 => return Err(error_of(reason)),
            Err(_) => {}
        }
    }
    Ok(numbers(address, flags))
}

/// A name without the domain of this machine.
fn without_domain(machine: &mut Machine, mut name: Vec<u8>) -> Vec<u8> {
    let configuration = lookup::configuration(machine);
    if let Some(domain) = configuration.domains.first() {
        let start = name.len().saturating_sub(domain.len());
        let dot = start
            .checked_sub(1)
            .filter(|at| name.get(*at) == Some(&b'.'));
        if let Some(dot) = dot.filter(|_| {
            name.get(start..)
                .is_some_and(|end| end.eq_ignore_ascii_case(domain))
        }) {
            name.truncate(dot);
        }
    }
    name
}

fn numbers(address: &SocketAddr, flags: c_int) -> Vec<u8> {
    let mut text = format!("{}", address.ip()).into_bytes();
    if let SocketAddr::V6(six) = address
        && six.scope_id() != 0
    {
        text.push(b'%');
        let has_name = flags & NI_NUMERICSCOPE == 0 && is_link_local(six.ip());
        match has_name.then(|| interface_name(six.scope_id())).flatten() {
            Some(name) => text.extend(name),
            None => text.extend(format!("{}", six.scope_id()).into_bytes()),
        }
    }
    text
}

fn interface_name(index: u32) -> Option<Vec<u8>> {
    let mut name = [0; 16];
    // SAFETY: the buffer has the size that the function wants.
    let found = unsafe { if_indextoname(index, name.as_mut_ptr()) };
    // SAFETY: it is NUL-ended if it was found.
    (!found.is_null()).then(|| unsafe { Vec::from(text(found)) })
}

fn service_name(port: u16, flags: c_int) -> Vec<u8> {
    let protocol: &[u8] = if flags & NI_DGRAM != 0 {
        b"udp"
    } else {
        b"tcp"
    };
    let mut name = None;
    if flags & NI_NUMERICSERV == 0 {
        Machine::default().lines(Table::Services, &mut |line| match tables::service(line) {
            Some(mut entry) if entry.port == port && entry.protocol == protocol => {
                name = entry.names.next().map(Vec::from);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
    }
    name.unwrap_or_else(|| format!("{port}").into_bytes())
}
