//! Names to lists of socket addresses (POSIX `<netdb.h>`): `getaddrinfo`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::machine::{Machine, source};
use super::uncancelled::Uncancelled;
use super::{eai, error_of};
use crate::sys::heap::{calloc, free};
use crate::sys::internet::{AF_INET, AF_INET6};
use crate::sys::support::{copy_text, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::ops::ControlFlow;
use libc_resolver::address::{self, ScopedAddress};
use libc_resolver::lookup::{self, Families, Host, NotFound, System, Table};
use libc_resolver::order;
use libc_resolver::socket_address::{Encoded, family_of};
use libc_resolver::tables::{self, Names, decimal};

const AI_PASSIVE: c_int = 1;
const AI_CANONNAME: c_int = 2;
const AI_NUMERICHOST: c_int = 4;
const AI_V4MAPPED: c_int = 8;
const AI_ALL: c_int = 0x10;
const AI_ADDRCONFIG: c_int = 0x20;
const AI_NUMERICSERV: c_int = 0x400;
const AI_ALL_FLAGS: c_int = 0x43f;

const SOCK_STREAM: c_int = 1;
const SOCK_DGRAM: c_int = 2;
const IPPROTO_TCP: c_int = 6;
const IPPROTO_UDP: c_int = 17;

/// `struct addrinfo`.
#[repr(C)]
pub struct AddressInfo {
    flags: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    length: u32,
    address: *mut c_void,
    name: *mut c_char,
    next: *mut AddressInfo,
}

/// An `AddressInfo` in one piece with its address, as `freeaddrinfo` expects. The canonical name, if
/// it has one, comes behind it.
#[repr(C)]
struct Entry {
    info: AddressInfo,
    socket_address: Encoded,
}

/// What the hints of `getaddrinfo` restrict.
#[derive(Clone, Copy, Default)]
struct Wanted {
    flags: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
}

/// A kind of socket, its protocol, the protocol's name in the table of services.
type Kind = (c_int, c_int, &'static [u8]);
/// A kind of socket, its protocol, the port.
type Service = (c_int, c_int, u16);

impl Wanted {
    fn new(hints: Option<&AddressInfo>) -> Result<Wanted, c_int> {
        let wanted = hints.map_or(Wanted::default(), |hints| Wanted {
            flags: hints.flags,
            family: hints.family,
            kind: hints.kind,
            protocol: hints.protocol,
        });
        if wanted.flags & !AI_ALL_FLAGS != 0 {
            return Err(eai::BADFLAGS);
        }
        if ![0, AF_INET, AF_INET6].contains(&wanted.family) {
            return Err(eai::FAMILY);
        }
        Ok(wanted)
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    /// The kinds of sockets that are wanted.
    fn kinds(&self) -> Result<Vec<Kind>, c_int> {
        const KNOWN: [Kind; 2] = [
            (SOCK_STREAM, IPPROTO_TCP, b"tcp"),
            (SOCK_DGRAM, IPPROTO_UDP, b"udp"),
        ];
        if !(0..=10).contains(&self.kind) {
            return Err(eai::SOCKTYPE);
        }
        if ![0, SOCK_STREAM, SOCK_DGRAM].contains(&self.kind) {
            return Ok(alloc::vec![(self.kind, self.protocol, &b""[..])]);
        }
        let fits = |(kind, protocol, _): &Kind| {
            (self.kind == 0 || self.kind == *kind)
                && (self.protocol == 0 || self.protocol == *protocol)
        };
        let fitting: Vec<_> = KNOWN.into_iter().filter(fits).collect();
        if fitting.is_empty() {
            Err(eai::SERVICE)
        } else {
            Ok(fitting)
        }
    }

    /// The kinds of sockets with the port that a service's name or number means; none: 0.
    fn services(&self, service: Option<&[u8]>) -> Result<Vec<Service>, c_int> {
        let kinds = self.kinds()?;
        let with_port = |port: u16| {
            kinds
                .iter()
                .map(|(kind, protocol, _)| (*kind, *protocol, port))
                .collect()
        };
        let Some(service) = service else {
            return Ok(with_port(0));
        };
        if service.is_empty() || kinds.iter().any(|(_, _, name)| name.is_empty()) {
            return Err(eai::SERVICE);
        }
        if service.iter().all(u8::is_ascii_digit) {
            return decimal(service).map(with_port).ok_or(eai::SERVICE);
        }
        if self.has(AI_NUMERICSERV) {
            return Err(eai::NONAME);
        }
        let named = |(kind, protocol, name): &Kind| {
            port_of(service, name).map(|port| (*kind, *protocol, port))
        };
        let found: Vec<Service> = kinds.iter().filter_map(named).collect();
        if found.is_empty() {
            Err(eai::SERVICE)
        } else {
            Ok(found)
        }
    }

    fn families(&self) -> Result<Families, c_int> {
        let mut families = Families {
            four: self.family != AF_INET6,
            six: self.family != AF_INET,
        };
        if self.has(AI_ADDRCONFIG) {
            // A family that even this machine's own address cannot be reached in is not there.
            let is_there = |address: IpAddr| source(&address.into()).is_some();
            families.four &= is_there(Ipv4Addr::LOCALHOST.into());
            families.six &= is_there(Ipv6Addr::LOCALHOST.into());
            if !families.four && !families.six {
                return Err(eai::NONAME);
            }
        }
        Ok(families)
    }
}

fn port_of(service: &[u8], protocol: &[u8]) -> Option<u16> {
    let mut port = None;
    Machine::default().lines(Table::Services, &mut |line| match tables::service(line) {
        Some(entry) if entry.protocol == protocol && entry.names.have(service) => {
            port = Some(entry.port);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    port
}

/// POSIX: returns 0 or an `EAI_` number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const AddressInfo,
    out: *mut *mut AddressInfo,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (host, service, hints) = unsafe {
        let given = |string: *const c_char| (!string.is_null()).then(|| text(string));
        (given(host), given(service), hints.as_ref())
    };
    match information(host, service, hints) {
        Ok(list) => {
            // SAFETY: the caller's.
            unsafe { *out = list };
            0
        }
        Err(error) => error,
    }
}

fn information(
    name: Option<&[u8]>,
    service: Option<&[u8]>,
    hints: Option<&AddressInfo>,
) -> Result<*mut AddressInfo, c_int> {
    let wanted = Wanted::new(hints)?;
    if name.is_none() && service.is_none() {
        return Err(eai::NONAME);
    }
    if name.is_none() && wanted.has(AI_CANONNAME) {
        return Err(eai::BADFLAGS);
    }
    let services = wanted.services(service)?;
    let mut host = match name {
        None => own_addresses(&wanted)?,
        Some(name) => addresses(name, &wanted)?,
    };
    order::sort(&mut host.addresses, &mut source);
    let canonical = wanted.has(AI_CANONNAME).then_some(host.name.as_slice());
    entries(&host.addresses, &services, canonical)
}

/// This machine's own addresses: for sockets that listen, or that connect to it.
fn own_addresses(wanted: &Wanted) -> Result<Host, c_int> {
    let families = wanted.families()?;
    let (four, six) = if wanted.has(AI_PASSIVE) {
        (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)
    } else {
        (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
    };
    let four = families.four.then_some(IpAddr::V4(four).into());
    let six = families.six.then_some(IpAddr::V6(six).into());
    Ok(Host {
        name: Vec::new(),
        addresses: six.into_iter().chain(four).collect(),
    })
}

fn addresses(name: &[u8], wanted: &Wanted) -> Result<Host, c_int> {
    let mut index = crate::sys::interfaces::index_of;
    if let Some(address) = address::parse(name, &mut index) {
        return numeric(name, address, wanted);
    }
    if wanted.has(AI_NUMERICHOST) {
        return Err(eai::NONAME);
    }
    let families = wanted.families()?;
    let mut machine = Machine::default();
    let mapping = wanted.family == AF_INET6 && wanted.has(AI_V4MAPPED);
    let all = Families {
        four: true,
        six: families.six,
    };
    let found = if mapping && wanted.has(AI_ALL) {
        lookup::host(&mut machine, name, all)
    } else {
        lookup::host(&mut machine, name, families)
    };
    match found {
        Err(NotFound::NoAddress | NotFound::NoName) if mapping && !wanted.has(AI_ALL) => {
            let four = Families {
                four: true,
                six: false,
            };
            lookup::host(&mut machine, name, four).map(mapped)
        }
        found if mapping => found.map(mapped),
        found => found,
    }
    .map_err(error_of)
}

/// A host with its addresses of IPv4 as such of IPv6 (RFC 4291, section 2.5.5.2).
fn mapped(mut host: Host) -> Host {
    for address in &mut host.addresses {
        if let IpAddr::V4(four) = address.address {
            address.address = four.to_ipv6_mapped().into();
        }
    }
    host
}

fn numeric(name: &[u8], address: ScopedAddress, wanted: &Wanted) -> Result<Host, c_int> {
    let host = Host {
        name: Vec::from(name),
        addresses: alloc::vec![address],
    };
    let is_wanted = wanted.family == 0 || wanted.family == c_int::from(family_of(&address.address));
    match address.address {
        _ if is_wanted => Ok(host),
        IpAddr::V4(_) if wanted.has(AI_V4MAPPED) => Ok(mapped(host)),
        _ => Err(eai::NODATA),
    }
}

/// The list of `getaddrinfo`: each address with each kind of socket.
fn entries(
    addresses: &[ScopedAddress],
    services: &[Service],
    canonical: Option<&[u8]>,
) -> Result<*mut AddressInfo, c_int> {
    let mut list: *mut AddressInfo = core::ptr::null_mut();
    let mut tail = &raw mut list;
    for address in addresses {
        for service in services {
            let name = canonical.filter(|_| list.is_null());
            let entry = new_entry(address, *service, name);
            // SAFETY: the list is this function's so far; `tail` is its last link.
            unsafe {
                if entry.is_null() {
                    freeaddrinfo(list);
                    return Err(eai::MEMORY);
                }
                *tail = entry;
                tail = &raw mut (*entry).next;
            }
        }
    }
    Ok(list)
}

fn new_entry(address: &ScopedAddress, service: Service, name: Option<&[u8]>) -> *mut AddressInfo {
    let room = name.map_or(0, |name| name.len() + 1);
    let (kind, protocol, port) = service;
    let mut whole = SocketAddr::new(address.address, port);
    if let SocketAddr::V6(six) = &mut whole {
        six.set_scope_id(address.scope);
    }
    // SAFETY: zero is a value of every field; the name comes behind the entry.
    unsafe {
        let entry: *mut Entry = calloc(1, size_of::<Entry>() + room).cast();
        let Some(place) = entry.as_mut() else {
            return core::ptr::null_mut();
        };
        place.socket_address = Encoded::from(&whole);
        let bytes = place.socket_address.bytes();
        place.info = AddressInfo {
            flags: 0,
            family: c_int::from(family_of(&address.address)),
            kind,
            protocol,
            length: bytes.len() as u32,
            address: bytes.as_ptr().cast_mut().cast(),
            name: core::ptr::null_mut(),
            next: core::ptr::null_mut(),
        };
        if let Some(name) = name {
            let text = entry.add(1).cast::<u8>();
            copy_text(name, core::slice::from_raw_parts_mut(text, room));
            place.info.name = text.cast();
        }
        entry.cast()
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freeaddrinfo(list: *mut AddressInfo) {
    let mut entry = list;
    // SAFETY: the list, or its rest, came from `getaddrinfo`.
    unsafe {
        while !entry.is_null() {
            let next = (*entry).next;
            free(entry.cast());
            entry = next;
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn gai_strerror(error: c_int) -> *const c_char {
    let message = match error {
        eai::BADFLAGS => c"Invalid flags",
        eai::NONAME => c"Name does not resolve",
        eai::AGAIN => c"Try again",
        eai::FAIL => c"Non-recoverable error",
        eai::NODATA => c"Name has no usable address",
        eai::FAMILY => c"Unrecognized address family or invalid length",
        eai::SOCKTYPE => c"Unrecognized socket type",
        eai::SERVICE => c"Unrecognized service",
        eai::MEMORY => c"Out of memory",
        eai::SYSTEM => c"System error",
        eai::OVERFLOW => c"Overflow",
        _ => c"Unknown error",
    };
    message.as_ptr()
}
