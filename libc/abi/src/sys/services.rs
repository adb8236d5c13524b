//! Names of services and protocols, and what is left of `<netdb.h>`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::host_entries::__h_errno_location;
use super::names_of_hosts::{decimal, equals, in_file, port_of, words};
use super::support::{copy_text, text};
use core::ffi::{c_char, c_int, c_void};

/// `struct servent`.
#[repr(C)]
pub struct ServiceEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    port: c_int,
    protocol: *mut c_char,
}

struct ServiceRoom {
    entry: core::mem::MaybeUninit<ServiceEntry>,
    name: [u8; 64],
    protocol: [u8; 16],
    aliases: [*mut c_char; 1],
}

static mut SERVICE: ServiceRoom = ServiceRoom {
    entry: core::mem::MaybeUninit::uninit(),
    name: [0; 64],
    protocol: [0; 16],
    aliases: [core::ptr::null_mut()],
};

unsafe fn service(name: &[u8], port: u16, protocol: &[u8]) -> *mut ServiceEntry {
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        let room = &mut *(&raw mut SERVICE);
        copy_text(name, &mut room.name);
        copy_text(protocol, &mut room.protocol);
        room.entry.write(ServiceEntry {
            name: room.name.as_mut_ptr().cast(),
            aliases: room.aliases.as_mut_ptr(),
            port: port.to_be() as c_int,
            protocol: room.protocol.as_mut_ptr().cast(),
        })
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyname(
    name: *const c_char,
    protocol: *const c_char,
) -> *mut ServiceEntry {
    // SAFETY: the caller's.
    unsafe {
        let wanted = if protocol.is_null() {
            None
        } else {
            Some(text(protocol))
        };
        match port_of(text(name), wanted) {
            Some(port) => service(text(name), port, wanted.unwrap_or(b"tcp")),
            None => core::ptr::null_mut(),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getservbyport(port: c_int, protocol: *const c_char) -> *mut ServiceEntry {
    // SAFETY: the caller's.
    unsafe {
        let port = u16::from_be(port as u16);
        let wanted = if protocol.is_null() {
            None
        } else {
            Some(text(protocol))
        };
        let mut name = [0u8; 64];
        let found = in_file(c"/etc/services", |line| {
            let mut words = words(line);
            let first = words.next()?;
            let mut numbers = words.next()?.split(|byte| *byte == b'/');
            if decimal(numbers.next()?)? != port {
                return None;
            }
            let matches = wanted.is_none_or(|wanted| numbers.next() == Some(wanted));
            matches.then(|| copy_text(first, &mut name))
        });
        match found {
            Some(()) => service(text(name.as_ptr().cast()), port, wanted.unwrap_or(b"tcp")),
            None => core::ptr::null_mut(),
        }
    }
}

/// `struct protoent`.
#[repr(C)]
pub struct ProtocolEntry {
    name: *mut c_char,
    aliases: *mut *mut c_char,
    number: c_int,
}

const PROTOCOLS: [(&core::ffi::CStr, c_int); 6] = [
    (c"ip", 0),
    (c"icmp", 1),
    (c"tcp", 6),
    (c"udp", 17),
    (c"ipv6", 41),
    (c"ipv6-icmp", 58),
];

unsafe fn protocol(found: Option<&(&'static core::ffi::CStr, c_int)>) -> *mut ProtocolEntry {
    static mut ENTRY: core::mem::MaybeUninit<ProtocolEntry> = core::mem::MaybeUninit::uninit();
    static mut ALIASES: [*mut c_char; 1] = [core::ptr::null_mut()];
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        match found {
            Some((name, number)) => (&raw mut ENTRY).cast::<ProtocolEntry>().as_mut().map_or(
                core::ptr::null_mut(),
                |entry| {
                    *entry = ProtocolEntry {
                        name: name.as_ptr().cast_mut(),
                        aliases: (&raw mut ALIASES).cast(),
                        number: *number,
                    };
                    entry
                },
            ),
            None => core::ptr::null_mut(),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getprotobyname(name: *const c_char) -> *mut ProtocolEntry {
    // SAFETY: the caller's.
    unsafe {
        let name = text(name);
        protocol(
            PROTOCOLS
                .iter()
                .find(|entry| equals(entry.0.to_bytes(), name)),
        )
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getprotobynumber(number: c_int) -> *mut ProtocolEntry {
    // SAFETY: constant table.
    unsafe { protocol(PROTOCOLS.iter().find(|entry| entry.1 == number)) }
}

macro_rules! no_walk {
    ($($set:ident $get:ident $end:ident;)*) => {$(
        /// POSIX: the tables are searched, not walked.
        #[unsafe(no_mangle)]
        pub extern "C" fn $set(_stay_open: c_int) {}
        /// POSIX: the tables are searched, not walked: always the end.
        #[unsafe(no_mangle)]
        pub extern "C" fn $get() -> *mut c_void {
            core::ptr::null_mut()
        }
        /// POSIX: the tables are searched, not walked.
        #[unsafe(no_mangle)]
        pub extern "C" fn $end() {}
    )*};
}

no_walk! {
    sethostent gethostent endhostent;
    setnetent getnetent endnetent;
    setservent getservent endservent;
    setprotoent getprotoent endprotoent;
}

/// POSIX: there is no table of networks.
#[unsafe(no_mangle)]
pub extern "C" fn getnetbyname(_name: *const c_char) -> *mut c_void {
    core::ptr::null_mut()
}

/// POSIX: there is no table of networks.
#[unsafe(no_mangle)]
pub extern "C" fn getnetbyaddr(_network: u32, _family: c_int) -> *mut c_void {
    core::ptr::null_mut()
}

/// The resolver: no name server can be reached.
macro_rules! no_resolver {
    ($($name:ident)*) => {$(
        /// BSD: no name server can be reached.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> c_int {
            const TRY_AGAIN: c_int = 2;
            // SAFETY: the word is this module's.
            unsafe { *__h_errno_location() = TRY_AGAIN };
            -1
        }
    )*};
}

no_resolver! { res_init res_query res_querydomain res_search res_send res_mkquery }
