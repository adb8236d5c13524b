//! Services (POSIX `<netdb.h>`): `/etc/services`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid. Functions without a
//! buffer share a static one, as POSIX allows.

use super::TOO_SMALL;
use super::machine::Machine;
use super::uncancelled::Uncancelled;
use crate::sys::room::Room;
use crate::sys::support::{Error, text};
use core::ffi::{c_char, c_int};
use core::ops::ControlFlow;
use libc_resolver::lookup::{System, Table};
use libc_resolver::tables::{self, Names};

/// `struct servent`.
#[repr(C)]
pub struct ServiceEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    port: c_int,
    protocol: *mut c_char,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a [u8]),
    Port(u16),
    /// The line after so many.
    Number(usize),
}

/// Finds an entry and fills it in; the error's number if there is none.
unsafe fn find(
    key: Key<'_>,
    protocol: Option<&[u8]>,
    room: &mut Room,
) -> Result<ServiceEntry, c_int> {
    let _uncancelled = Uncancelled::begin();
    let mut found = Err(Error::NotFound as c_int);
    let mut count = 0;
    Machine::default().lines(Table::Services, &mut |line| {
        let Some(service) = tables::service(line) else {
            return ControlFlow::Continue(());
        };
        count += 1;
        let is_wanted = match key {
            Key::Name(name) => service.names.have(name),
            Key::Port(port) => service.port == port,
            Key::Number(number) => count > number,
        };
        if !is_wanted || protocol.is_some_and(|protocol| protocol != service.protocol) {
            return ControlFlow::Continue(());
        }
        let mut names = service.names;
        // SAFETY: the room is the caller's.
        let filled = unsafe {
            (|| {
                Some(ServiceEntry {
                    name: room.string(names.next()?)?,
                    aliases: room.list(names)?,
                    port: c_int::from(service.port.to_be()),
                    protocol: room.string(service.protocol)?,
                })
            })()
        };
        found = filled.ok_or(TOO_SMALL);
        ControlFlow::Break(())
    });
    found
}

unsafe fn given<'a>(protocol: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller's.
    (!protocol.is_null()).then(|| unsafe { text(protocol) })
}

unsafe fn give(
    found: Result<ServiceEntry, c_int>,
    out: *mut ServiceEntry,
    result: *mut *mut ServiceEntry,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *result = core::ptr::null_mut();
        match found {
            Ok(entry) => {
                *out = entry;
                *result = out;
                0
            }
            Err(error) => error,
        }
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyname_r(
    name: *const c_char,
    protocol: *const c_char,
    out: *mut ServiceEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut ServiceEntry,
) -> c_int {
    let mut room = Room::new(buffer, size);
    // SAFETY: the caller's.
    unsafe {
        let found = find(Key::Name(text(name)), given(protocol), &mut room);
        give(found, out, result)
    }
}

/// GNU: returns the error's number. The port is in the network's byte order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyport_r(
    port: c_int,
    protocol: *const c_char,
    out: *mut ServiceEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut ServiceEntry,
) -> c_int {
    let mut room = Room::new(buffer, size);
    // SAFETY: the caller's.
    unsafe {
        let found = find(
            Key::Port(u16::from_be(port as u16)),
            given(protocol),
            &mut room,
        );
        give(found, out, result)
    }
}

/// What the functions without a buffer share.
struct Shared {
    entry: core::mem::MaybeUninit<ServiceEntry>,
    room: [c_char; 2048],
    /// How many lines of the table `getservent` has given.
    given: usize,
}

static mut SHARED: Shared = Shared {
    entry: core::mem::MaybeUninit::uninit(),
    room: [0; 2048],
    given: 0,
};

unsafe fn shared(key: Key<'_>, protocol: Option<&[u8]>) -> *mut ServiceEntry {
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        let shared = &raw mut SHARED;
        let mut room = Room::new(
            (&raw mut (*shared).room).cast(),
            size_of_val(&(*shared).room),
        );
        match find(key, protocol, &mut room) {
            Ok(entry) => (*shared).entry.write(entry),
            Err(_) => core::ptr::null_mut(),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyname(
    name: *const c_char,
    protocol: *const c_char,
) -> *mut ServiceEntry {
    // SAFETY: the caller's.
    unsafe { shared(Key::Name(text(name)), given(protocol)) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyport(port: c_int, protocol: *const c_char) -> *mut ServiceEntry {
    // SAFETY: the caller's.
    unsafe { shared(Key::Port(u16::from_be(port as u16)), given(protocol)) }
}

/// POSIX: begins the table from its start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setservent(_stay_open: c_int) {
    // SAFETY: POSIX makes no promise to threads here.
    unsafe { SHARED.given = 0 };
}

/// POSIX: the next line of the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservent() -> *mut ServiceEntry {
    // SAFETY: as above.
    unsafe {
        let entry = shared(Key::Number(SHARED.given), None);
        if !entry.is_null() {
            SHARED.given += 1;
        }
        entry
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn endservent() {
    // SAFETY: as above.
    unsafe { setservent(0) };
}
