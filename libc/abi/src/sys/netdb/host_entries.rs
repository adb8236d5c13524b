//! Hosts as `struct hostent` (withdrawn from POSIX): `gethostbyname` and its relatives.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid. Functions without a
//! buffer share a static one, as was the custom.

use super::TOO_SMALL;
use super::machine::Machine;
use super::uncancelled::Uncancelled;
use crate::sys::internet::{AF_INET, AF_INET6};
use crate::sys::room::Room;
use crate::sys::stdio;
use crate::sys::support::{Error, bytes, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::net::IpAddr;
use core::ops::ControlFlow;
use libc_resolver::address::{self, ScopedAddress};
use libc_resolver::lookup::{self, Families, Host, NotFound, System, Table};
use libc_resolver::tables;

const HOST_NOT_FOUND: c_int = 1;
const TRY_AGAIN: c_int = 2;
const NO_RECOVERY: c_int = 3;
const NO_DATA: c_int = 4;
const EBADMSG: c_int = 74;

/// Where the thread's `h_errno` is.
#[unsafe(no_mangle)]
pub extern "C" fn __h_errno_location() -> *mut c_int {
    #[thread_local]
    static mut NUMBER: c_int = 0;
    &raw mut NUMBER
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn hstrerror(error: c_int) -> *const c_char {
    let message = match error {
        HOST_NOT_FOUND => c"Host not found",
        TRY_AGAIN => c"Try again",
        NO_RECOVERY => c"Non-recoverable error",
        NO_DATA => c"Address not available",
        _ => c"Unknown error",
    };
    message.as_ptr()
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn herror(message: *const c_char) {
    // SAFETY: the caller's.
    unsafe {
        let error = hstrerror(*__h_errno_location());
        if message.is_null() || *message == 0 {
            stdio::dprintf(2, c"%s\n".as_ptr(), error);
        } else {
            stdio::dprintf(2, c"%s: %s\n".as_ptr(), message, error);
        }
    }
}

/// `struct hostent`.
#[repr(C)]
pub struct HostEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    family: c_int,
    length: c_int,
    addresses: *mut *mut c_char,
}

/// Fills an entry for a host of one family.
unsafe fn fill(host: &Host, asked: &[u8], family: c_int, room: &mut Room) -> Option<HostEntry> {
    let is_canonical = host.name.eq_ignore_ascii_case(asked);
    let aliases = if is_canonical {
        &[][..]
    } else {
        core::slice::from_ref(&asked)
    };
    // SAFETY: the room is the caller's; there is some for each address and a null pointer.
    unsafe {
        let list = room.pointers(host.addresses.len() + 1)?;
        let mut end = list;
        for ScopedAddress { address, .. } in &host.addresses {
            *end = match address {
                IpAddr::V4(four) => room.string(&four.octets())?,
                IpAddr::V6(six) => room.string(&six.octets())?,
            };
            end = end.add(1);
        }
        *end = core::ptr::null_mut();
        Some(HostEntry {
            aliases: room.list(aliases.iter().copied())?,
            name: room.string(&host.name)?,
            family,
            length: if family == AF_INET6 { 16 } else { 4 },
            addresses: list,
        })
    }
}

/// What a function of these answers, and what it says in `h_errno`.
fn told(reason: NotFound) -> (c_int, c_int) {
    match reason {
        NotFound::NoName => (0, HOST_NOT_FOUND),
        NotFound::NoAddress => (0, NO_DATA),
        NotFound::Temporary => (Error::WouldBlock as c_int, TRY_AGAIN),
        NotFound::Refused => (EBADMSG, NO_RECOVERY),
    }
}

/// Where the outcome of a lookup goes.
struct Place {
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
}

impl Place {
    unsafe fn give(&self, found: Result<Host, NotFound>, asked: &[u8], family: c_int) -> c_int {
        // SAFETY: the caller's.
        unsafe {
            *self.result = core::ptr::null_mut();
            let host = match found {
                Ok(host) => host,
                Err(reason) => {
                    let (number, said) = told(reason);
                    *self.error = said;
                    return number;
                }
            };
            let mut room = Room::new(self.buffer, self.size);
            match fill(&host, asked, family, &mut room) {
                Some(entry) => {
                    *self.out = entry;
                    *self.result = self.out;
                    0
                }
                None => {
                    *self.error = NO_RECOVERY;
                    TOO_SMALL
                }
            }
        }
    }
}

fn by_name(name: &[u8], family: c_int) -> Result<Host, NotFound> {
    let families = Families {
        four: family == AF_INET,
        six: family == AF_INET6,
    };
    if !families.four && !families.six {
        return Err(NotFound::Refused);
    }
    let mut index = crate::sys::interfaces::index_of;
    match address::parse(name, &mut index) {
        Some(found) if found.address.is_ipv4() == families.four => Ok(Host {
            name: Vec::from(name),
            addresses: alloc::vec![found],
        }),
        Some(_) => Err(NotFound::NoName),
        None => lookup::host(&mut Machine::default(), name, families),
    }
}

/// GNU: returns the error's number; a host that is not found is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2_r(
    name: *const c_char,
    family: c_int,
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    let place = Place {
        out,
        buffer,
        size,
        result,
        error,
    };
    // SAFETY: the caller's.
    unsafe {
        let name = text(name);
        place.give(by_name(name, family), name, family)
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname_r(
    name: *const c_char,
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { gethostbyname2_r(name, AF_INET, out, buffer, size, result, error) }
}

fn by_address(address: &[u8], family: c_int) -> Result<Host, NotFound> {
    let address = match family {
        AF_INET => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
        AF_INET6 => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
        _ => None,
    };
    let address = address.ok_or(NotFound::Refused)?;
    Ok(Host {
        name: lookup::name_of(&mut Machine::default(), address)?,
        addresses: alloc::vec![address.into()],
    })
}

/// GNU: returns the error's number; a host that is not found is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyaddr_r(
    address: *const c_void,
    length: u32,
    family: c_int,
    out: *mut HostEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut HostEntry,
    error: *mut c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    let place = Place {
        out,
        buffer,
        size,
        result,
        error,
    };
    // SAFETY: the caller's.
    unsafe {
        let found = by_address(bytes(address, length as usize), family);
        let name = found
            .as_ref()
            .map(|host| host.name.clone())
            .unwrap_or_default();
        place.give(found, &name, family)
    }
}

/// What the functions without a buffer share.
struct Shared {
    entry: core::mem::MaybeUninit<HostEntry>,
    room: [c_char; 2048],
    /// How many lines of the table `gethostent` has given.
    given: usize,
}

static mut SHARED: Shared = Shared {
    entry: core::mem::MaybeUninit::uninit(),
    room: [0; 2048],
    given: 0,
};

/// Calls a function with the shared buffer: its entry, or none with `h_errno`.
unsafe fn shared(get: impl FnOnce(&Place) -> c_int) -> *mut HostEntry {
    let mut result = core::ptr::null_mut();
    // SAFETY: no promise is made to threads here.
    unsafe {
        let shared = &raw mut SHARED;
        let place = Place {
            out: (&raw mut (*shared).entry).cast(),
            buffer: (&raw mut (*shared).room).cast(),
            size: size_of_val(&(*shared).room),
            result: &mut result,
            error: __h_errno_location(),
        };
        get(&place);
    }
    result
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname2(name: *const c_char, family: c_int) -> *mut HostEntry {
    // SAFETY: the caller's.
    unsafe {
        shared(|to| {
            gethostbyname2_r(
                name, family, to.out, to.buffer, to.size, to.result, to.error,
            )
        })
    }
}

/// POSIX, withdrawn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyname(name: *const c_char) -> *mut HostEntry {
    // SAFETY: the caller's.
    unsafe { gethostbyname2(name, AF_INET) }
}

/// POSIX, withdrawn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostbyaddr(
    address: *const c_void,
    length: u32,
    family: c_int,
) -> *mut HostEntry {
    // SAFETY: the caller's.
    unsafe {
        shared(|to| {
            gethostbyaddr_r(
                address, length, family, to.out, to.buffer, to.size, to.result, to.error,
            )
        })
    }
}

/// POSIX: begins `/etc/hosts` from its start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sethostent(_stay_open: c_int) {
    // SAFETY: no promise is made to threads here.
    unsafe { SHARED.given = 0 };
}

/// POSIX: the next line of `/etc/hosts`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostent() -> *mut HostEntry {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: no promise is made to threads here.
    let skipped = unsafe { SHARED.given };
    let mut count = 0;
    let mut found = None;
    Machine::default().lines(Table::Hosts, &mut |line| {
        let Some((address, names)) = tables::host(line) else {
            return ControlFlow::Continue(());
        };
        count += 1;
        if count <= skipped {
            return ControlFlow::Continue(());
        }
        found = Some((address, names.map(Vec::from).collect::<Vec<_>>()));
        ControlFlow::Break(())
    });
    let Some((address, names)) = found else {
        return core::ptr::null_mut();
    };
    let mut names = names.into_iter();
    let host = Host {
        name: names.next().unwrap_or_default(),
        addresses: alloc::vec![address],
    };
    let alias = names.next().unwrap_or_else(|| host.name.clone());
    let family = if address.address.is_ipv4() {
        AF_INET
    } else {
        AF_INET6
    };
    // SAFETY: as above.
    unsafe {
        SHARED.given = skipped + 1;
        shared(|place| place.give(Ok(host), &alias, family))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn endhostent() {
    // SAFETY: no promise is made to threads here.
    unsafe { sethostent(0) };
}
