//! Protocols and networks (POSIX `<netdb.h>`): `/etc/protocols`, `/etc/networks`.
//!
//! SAFETY of the C functions here: strings are NUL-ended. Entries lie in static buffers, as POSIX
//! allows.

use super::machine::Machine;
use super::uncancelled::Uncancelled;
use crate::sys::internet::AF_INET;
use crate::sys::room::Room;
use crate::sys::support::text;
use core::ffi::{c_char, c_int};
use core::mem::MaybeUninit;
use core::ops::ControlFlow;
use libc_resolver::address;
use libc_resolver::lookup::{System, Table};
use libc_resolver::tables::{self, Names};

/// `struct protoent`.
#[repr(C)]
pub struct ProtocolEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    number: c_int,
}

/// `struct netent`.
#[repr(C)]
pub struct NetworkEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    family: c_int,
    number: u32,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a [u8]),
    Number(u32),
    /// The line after so many.
    Line(usize),
}

/// An entry's buffer, and how many lines of the table have been given one by one.
struct Shared<T> {
    entry: MaybeUninit<T>,
    room: [c_char; 1024],
    given: usize,
}

impl<T> Shared<T> {
    const fn new() -> Shared<T> {
        Shared {
            entry: MaybeUninit::uninit(),
            room: [0; 1024],
            given: 0,
        }
    }

    /// Finds a line and fills its entry in.
    unsafe fn find(
        &mut self,
        table: Table,
        number: fn(&[u8]) -> Option<u32>,
        key: Key<'_>,
        make: fn(*mut c_char, *mut *mut c_char, u32) -> T,
    ) -> *mut T {
        let _uncancelled = Uncancelled::begin();
        let mut room = Room::new(self.room.as_mut_ptr(), self.room.len());
        let mut found = None;
        let mut count = 0;
        Machine::default().lines(table, &mut |line| {
            let entry =
                tables::numbered(line).and_then(|(digits, names)| Some((number(digits)?, names)));
            let Some((number, mut names)) = entry else {
                return ControlFlow::Continue(());
            };
            count += 1;
            let is_wanted = match key {
                Key::Name(name) => names.have(name),
                Key::Number(wanted) => wanted == number,
                Key::Line(given) => count > given,
            };
            if !is_wanted {
                return ControlFlow::Continue(());
            }
            // SAFETY: the room is this value's own.
            found = unsafe {
                let name = names.next().and_then(|name| room.string(name));
                name.zip(room.list(names))
                    .map(|(name, aliases)| make(name, aliases, number))
            };
            ControlFlow::Break(())
        });
        match found {
            Some(entry) => self.entry.write(entry),
            None => core::ptr::null_mut(),
        }
    }
}

static mut PROTOCOL: Shared<ProtocolEntry> = Shared::new();
static mut NETWORK: Shared<NetworkEntry> = Shared::new();

unsafe fn protocol(key: Key<'_>) -> *mut ProtocolEntry {
    let make = |name, aliases, number: u32| ProtocolEntry {
        name,
        aliases,
        number: number as c_int,
    };
    let number = |digits: &[u8]| tables::decimal(digits).map(u32::from);
    // SAFETY: POSIX makes no promise to threads here.
    unsafe { (*&raw mut PROTOCOL).find(Table::Protocols, number, key, make) }
}

/// A network's number: as many bytes as the table has, without the zeros behind them.
fn network_number(text: &[u8]) -> Option<u32> {
    let bytes = address::parse4(text).map(|address| address.to_bits());
    let number = match bytes {
        Some(0) => 0,
        Some(bits) => bits >> (bits.trailing_zeros() / 8 * 8),
        None => {
            // Fewer than four parts are the highest bytes.
            let parts = text.split(|byte| *byte == b'.').map(tables::decimal);
            parts.into_iter().try_fold(0u32, |number, part| {
                let byte = u8::try_from(part?).ok()?;
                number.checked_mul(256)?.checked_add(u32::from(byte))
            })?
        }
    };
    Some(number)
}

unsafe fn network(key: Key<'_>) -> *mut NetworkEntry {
    let make = |name, aliases, number| NetworkEntry {
        name,
        aliases,
        family: AF_INET,
        number,
    };
    // SAFETY: POSIX makes no promise to threads here.
    unsafe { (*&raw mut NETWORK).find(Table::Networks, network_number, key, make) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getprotobyname(name: *const c_char) -> *mut ProtocolEntry {
    // SAFETY: the caller's.
    unsafe { protocol(Key::Name(text(name))) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getprotobynumber(number: c_int) -> *mut ProtocolEntry {
    match u32::try_from(number) {
        // SAFETY: POSIX makes no promise to threads here.
        Ok(number) => unsafe { protocol(Key::Number(number)) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnetbyname(name: *const c_char) -> *mut NetworkEntry {
    // SAFETY: the caller's.
    unsafe { network(Key::Name(text(name))) }
}

/// POSIX: the number is in the machine's byte order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getnetbyaddr(number: u32, family: c_int) -> *mut NetworkEntry {
    if ![0, AF_INET].contains(&family) {
        return core::ptr::null_mut();
    }
    // SAFETY: POSIX makes no promise to threads here.
    unsafe { network(Key::Number(number)) }
}

macro_rules! walks {
    ($($set:ident $get:ident $end:ident: $find:ident $store:ident $entry:ty;)*) => {$(
        /// POSIX: begins the table from its start.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $set(_stay_open: c_int) {
            // SAFETY: POSIX makes no promise to threads here.
            unsafe { $store.given = 0 };
        }

        /// POSIX: the next line of the table.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get() -> *mut $entry {
            // SAFETY: as above.
            unsafe {
                let entry = $find(Key::Line($store.given));
                if !entry.is_null() {
                    $store.given += 1;
                }
                entry
            }
        }

        /// POSIX.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $end() {
            // SAFETY: as above.
            unsafe { $store.given = 0 };
        }
    )*};
}

walks! {
    setprotoent getprotoent endprotoent: protocol PROTOCOL ProtocolEntry;
    setnetent getnetent endnetent: network NETWORK NetworkEntry;
}
