//! Network interfaces (POSIX `<net/if.h>`, BSD `<ifaddrs.h>`).
//!
//! The network's server answers Linux's `SIOCGIF` requests; addresses of IPv6 are in
//! `/proc/net/if_inet6`, as on Linux.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::control::transfer;
use super::heap::{calloc, free};
use super::internet::AF_INET;
use super::socket::socket;
use super::stdio;
use super::support::{Error, copy_text, fail, set_errno, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use libc_posix::descriptor;

const SOCK_DGRAM_CLOEXEC: c_int = 0o2000002;
/// Longest name, with its NUL.
const NAME_SIZE: usize = 16;
/// No more interfaces than that are looked for.
const MAX_INDEX: u32 = 64;

/// Requests to the network's server.
mod request {
    pub const NAME: u32 = 0x8910;
    pub const FLAGS: u32 = 0x8913;
    pub const ADDRESS: u32 = 0x8915;
    pub const PEER: u32 = 0x8917;
    pub const BROADCAST: u32 = 0x8919;
    pub const MASK: u32 = 0x891b;
    pub const HARDWARE: u32 = 0x8927;
    pub const INDEX: u32 = 0x8933;
}

/// `struct ifreq`: a name, and what is asked about it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Request {
    name: [u8; NAME_SIZE],
    value: [u8; 24],
}

/// A socket to ask the network's server by.
struct Asker(c_int);

impl Asker {
    fn new() -> Result<Asker, c_int> {
        match socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0) {
            -1 => Err(super::support::errno()),
            made => Ok(Asker(made)),
        }
    }

    /// What the server answers about an interface.
    fn ask(&self, request: u32, name: &[u8], value: u32) -> Option<Request> {
        let mut asked = Request {
            name: [0; NAME_SIZE],
            value: [0; 24],
        };
        if name.len() >= NAME_SIZE {
            return None;
        }
        copy_text(name, &mut asked.name);
        asked.value[..4].copy_from_slice(&value.to_ne_bytes());
        // SAFETY: the structure is what these requests want.
        let answered = unsafe { transfer(self.0, request, (&raw mut asked).cast()) };
        answered.ok().map(|_| asked)
    }

    fn number(&self, request: u32, name: &[u8]) -> Option<u32> {
        let [a, b, c, d, ..] = self.ask(request, name, 0)?.value;
        Some(u32::from_ne_bytes([a, b, c, d]))
    }

    /// The interfaces' numbers and names.
    fn interfaces(&self) -> impl Iterator<Item = (u32, [u8; NAME_SIZE])> {
        (1..=MAX_INDEX).map_while(|index| Some((index, self.ask(request::NAME, b"", index)?.name)))
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        // Nobody else has it, so that there is nothing to fail.
        let _ = descriptor::close(self.0);
    }
}

fn without_nul(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The number of an interface by its name.
pub(super) fn index_of(name: &[u8]) -> Option<u32> {
    Asker::new().ok()?.number(request::INDEX, name)
}

/// POSIX: 0 with `errno` if there is no such interface.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn if_nametoindex(name: *const c_char) -> u32 {
    // SAFETY: the caller's.
    match index_of(unsafe { text(name) }) {
        Some(index) => index,
        None => {
            set_errno(Error::NoDevice as c_int);
            0
        }
    }
}

/// POSIX: into a buffer of `IF_NAMESIZE` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn if_indextoname(index: u32, out: *mut c_char) -> *mut c_char {
    let found = Asker::new()
        .ok()
        .and_then(|asker| asker.ask(request::NAME, b"", index));
    match found.filter(|_| index != 0) {
        Some(found) => {
            // SAFETY: the caller's.
            let room = unsafe { core::slice::from_raw_parts_mut(out.cast(), NAME_SIZE) };
            copy_text(without_nul(&found.name), room);
            out
        }
        None => {
            set_errno(Error::NoDeviceAddress as c_int);
            core::ptr::null_mut()
        }
    }
}

/// `struct if_nameindex`.
#[repr(C)]
pub struct NameIndex {
    index: u32,
    name: *mut c_char,
}

/// POSIX: a list that an entry of zeros ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn if_nameindex() -> *mut NameIndex {
    let found: Vec<_> = match Asker::new() {
        Ok(asker) => asker.interfaces().collect(),
        Err(error) => {
            set_errno(error);
            return core::ptr::null_mut();
        }
    };
    let entries = (found.len() + 1) * size_of::<NameIndex>();
    let list: *mut NameIndex = calloc(1, entries + found.len() * NAME_SIZE).cast();
    if list.is_null() {
        return list;
    }
    // SAFETY: the names have their room behind the entries, of which the last stays zero.
    unsafe {
        let mut room: *mut u8 = list.cast::<u8>().add(entries);
        for (place, (index, name)) in found.iter().enumerate() {
            copy_text(
                without_nul(name),
                core::slice::from_raw_parts_mut(room, NAME_SIZE),
            );
            *list.add(place) = NameIndex {
                index: *index,
                name: room.cast(),
            };
            room = room.add(NAME_SIZE);
        }
    }
    list
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn if_freenameindex(list: *mut NameIndex) {
    // SAFETY: the caller's list came from `if_nameindex`.
    unsafe { free(list.cast()) }
}

/// `struct ifaddrs`.
#[repr(C)]
pub struct InterfaceAddress {
    next: *mut InterfaceAddress,
    name: *mut c_char,
    flags: u32,
    address: *mut c_void,
    mask: *mut c_void,
    /// The broadcast address, or that of the other end.
    other: *mut c_void,
    data: *mut c_void,
}

/// An `InterfaceAddress` in one piece with what it points to.
#[repr(C)]
struct Entry {
    address: InterfaceAddress,
    name: [u8; NAME_SIZE],
    /// Address, mask, other end: socket addresses of any family.
    parts: [[u8; 28]; 3],
}

/// What an entry is made from.
struct Found<'a> {
    name: &'a [u8],
    flags: u32,
    /// Address, mask, other end.
    parts: [Option<[u8; 28]>; 3],
}

/// The entries of `getifaddrs`, made one after the other.
struct List {
    first: *mut InterfaceAddress,
    last: *mut *mut InterfaceAddress,
}

impl List {
    fn add(&mut self, found: &Found<'_>) -> Result<(), c_int> {
        let entry: *mut Entry = calloc(1, size_of::<Entry>()).cast();
        // SAFETY: zero is a value of every field; the list is this value's.
        unsafe {
            let place = entry.as_mut().ok_or(Error::NoMemory as c_int)?;
            copy_text(found.name, &mut place.name);
            place.address.name = place.name.as_mut_ptr().cast();
            place.address.flags = found.flags;
            let pointers = [
                &mut place.address.address,
                &mut place.address.mask,
                &mut place.address.other,
            ];
            for ((room, part), pointer) in place.parts.iter_mut().zip(found.parts).zip(pointers) {
                if let Some(part) = part {
                    *room = part;
                    *pointer = room.as_mut_ptr().cast();
                }
            }
            if self.first.is_null() {
                self.first = entry.cast();
            } else {
                *self.last = entry.cast();
            }
            self.last = &raw mut place.address.next;
        }
        Ok(())
    }
}

/// A socket address in the room that all families have.
fn padded(bytes: &[u8]) -> [u8; 28] {
    let mut room = [0; 28];
    let length = bytes.len().min(room.len());
    room[..length].copy_from_slice(&bytes[..length]);
    room
}

/// An interface's link as `struct sockaddr_ll`.
fn link(asker: &Asker, index: u32, name: &[u8]) -> Option<[u8; 28]> {
    const AF_PACKET: u16 = 17;
    const ADDRESS_LENGTH: u8 = 6;
    let hardware = asker.ask(request::HARDWARE, name, 0)?.value;
    let mut room = [0; 28];
    room[..2].copy_from_slice(&AF_PACKET.to_ne_bytes());
    room[4..8].copy_from_slice(&index.to_ne_bytes());
    room[8..10].copy_from_slice(&hardware[..2]);
    room[11] = ADDRESS_LENGTH;
    room[12..18].copy_from_slice(&hardware[2..8]);
    Some(room)
}

fn interface(asker: &Asker, index: u32, name: &[u8], list: &mut List) -> Result<(), c_int> {
    const BROADCAST: u32 = 2;
    const POINT_TO_POINT: u32 = 16;
    // The flags are 16 bits wide.
    let flags = asker.number(request::FLAGS, name).unwrap_or(0) & 0xffff;
    let parts = [link(asker, index, name), None, None];
    list.add(&Found { name, flags, parts })?;
    let part = |request| {
        asker
            .ask(request, name, 0)
            .map(|found| padded(&found.value[..16]))
    };
    let Some(address) = part(request::ADDRESS) else {
        return Ok(());
    };
    let other = match flags {
        _ if flags & POINT_TO_POINT != 0 => part(request::PEER),
        _ if flags & BROADCAST != 0 => part(request::BROADCAST),
        _ => None,
    };
    let parts = [Some(address), part(request::MASK), other];
    list.add(&Found { name, flags, parts })
}

/// A line of `/proc/net/if_inet6`: address, number of the interface, length of the prefix, scope,
/// flags (all hexadecimal), the interface's name.
struct Line<'a> {
    address: [u8; 16],
    index: u32,
    prefix: u32,
    name: &'a [u8],
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let hexadecimal = |word: &[u8]| u128::from_str_radix(core::str::from_utf8(word).ok()?, 16).ok();
    let address = words
        .next()
        .filter(|word| word.len() == 32)
        .and_then(hexadecimal)?;
    let index = u32::try_from(hexadecimal(words.next()?)?).ok()?;
    let prefix = u32::try_from(hexadecimal(words.next()?)?).ok()?;
    let name = words.nth(2).filter(|name| name.len() < NAME_SIZE)?;
    Some(Line {
        address: address.to_be_bytes(),
        index,
        prefix,
        name,
    })
}

/// `struct sockaddr_in6`.
fn address_6(address: [u8; 16], scope: u32) -> [u8; 28] {
    const AF_INET6: u16 = 10;
    let mut room = [0; 28];
    room[..2].copy_from_slice(&AF_INET6.to_ne_bytes());
    room[8..24].copy_from_slice(&address);
    room[24..].copy_from_slice(&scope.to_ne_bytes());
    room
}

fn addresses_6(asker: &Asker, list: &mut List) -> Result<(), c_int> {
    let mut line = [0 as c_char; 128];
    // SAFETY: the stream is this function's, the buffer has the size given.
    unsafe {
        let file = stdio::fopen(c"/proc/net/if_inet6".as_ptr(), c"re".as_ptr());
        if file.is_null() {
            return Ok(());
        }
        let mut result = Ok(());
        while result.is_ok() && !stdio::fgets(line.as_mut_ptr(), 128, file).is_null() {
            if let Some(found) = parse(text(line.as_ptr())) {
                result = one_address_6(asker, &found, list);
            }
        }
        stdio::fclose(file);
        result
    }
}

fn one_address_6(asker: &Asker, line: &Line<'_>, list: &mut List) -> Result<(), c_int> {
    let is_local = core::net::Ipv6Addr::from(line.address).is_unicast_link_local();
    let scope = if is_local { line.index } else { 0 };
    let mask = u128::MAX
        .checked_shl(128 - line.prefix.min(128))
        .unwrap_or(0);
    let parts = [
        Some(address_6(line.address, scope)),
        Some(address_6(mask.to_be_bytes(), 0)),
        None,
    ];
    let flags = asker.number(request::FLAGS, line.name).unwrap_or(0) & 0xffff;
    list.add(&Found {
        name: line.name,
        flags,
        parts,
    })
}

/// BSD: for each interface its link, then its addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getifaddrs(out: *mut *mut InterfaceAddress) -> c_int {
    let mut list = List {
        first: core::ptr::null_mut(),
        last: core::ptr::null_mut(),
    };
    let result = Asker::new().and_then(|asker| {
        for (index, name) in asker.interfaces() {
            interface(&asker, index, without_nul(&name), &mut list)?;
        }
        addresses_6(&asker, &mut list)
    });
    // SAFETY: the caller's.
    unsafe {
        match result {
            Ok(()) => {
                *out = list.first;
                0
            }
            Err(error) => {
                freeifaddrs(list.first);
                fail(error)
            }
        }
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freeifaddrs(list: *mut InterfaceAddress) {
    let mut entry = list;
    // SAFETY: the list came from `getifaddrs`.
    unsafe {
        while !entry.is_null() {
            let next = (*entry).next;
            free(entry.cast());
            entry = next;
        }
    }
}
