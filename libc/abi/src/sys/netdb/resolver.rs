//! Asking name servers for any record (BSD `<resolv.h>`).
//!
//! SAFETY of the C functions here: strings are NUL-ended, buffers have the sizes given.

use super::host_entries::__h_errno_location;
use super::machine::Machine;
use super::uncancelled::Uncancelled;
use crate::sys::support::{bytes, bytes_mut, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::net::SocketAddr;
use libc_resolver::ask::{Failure, PORT, Wire, ask};
use libc_resolver::configuration::MAX_SERVERS;
use libc_resolver::lookup::{candidates, configuration};
use libc_resolver::message::{Answer, code, query};
use libc_resolver::name::Name;
use libc_resolver::socket_address::Encoded;

/// `h_errno`: the call itself failed.
const NETDB_INTERNAL: c_int = -1;
const HOST_NOT_FOUND: c_int = 1;
const TRY_AGAIN: c_int = 2;
const NO_RECOVERY: c_int = 3;
const NO_DATA: c_int = 4;
/// The standard query, the only operation that name servers still know.
const QUERY: c_int = 0;
const RES_INIT: u64 = 1;
const RES_DEFAULT: u64 = 0x802c0;

/// `struct __res_state`.
#[repr(C)]
pub struct State {
    retransmission_s: c_int,
    retries: c_int,
    options: u64,
    server_count: c_int,
    servers: [[u8; 16]; MAX_SERVERS],
    id: u16,
    domains: [*mut c_char; 7],
    domain: [c_char; 256],
    unused: u64,
    /// Bits 0 to 3: dots that make a name be tried as it is first.
    bits: u32,
    sort_list: [[u32; 2]; 10],
    hooks: [*mut c_void; 2],
    error: c_int,
    circuit: c_int,
    flags: u32,
    extension: [u64; 7],
}

// The header's structure, as compilers lay it out.
const _: () = assert!(size_of::<State>() == 568);

static mut STATE: core::mem::MaybeUninit<State> = core::mem::MaybeUninit::zeroed();

/// BSD: what `_res` is.
#[unsafe(no_mangle)]
pub extern "C" fn __res_state() -> *mut State {
    (&raw mut STATE).cast()
}

/// BSD: tells in `_res` what `/etc/resolv.conf` says. The functions here read that file themselves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_init() -> c_int {
    let _uncancelled = Uncancelled::begin();
    let found = configuration(&mut Machine::default());
    // SAFETY: zero is a value of every field; no promise is made to threads here.
    let state = unsafe { &mut *__res_state() };
    state.options = RES_INIT | RES_DEFAULT;
    state.retransmission_s = (found.timeout_ms / 1000) as c_int;
    state.retries = found.attempts as c_int;
    state.bits = state.bits & !0xf | found.dots as u32;
    state.server_count = 0;
    let fours = found
        .servers()
        .iter()
        .filter(|server| server.address.is_ipv4());
    for (place, server) in state.servers.iter_mut().zip(fours) {
        let encoded = Encoded::from(&SocketAddr::new(server.address, PORT));
        if let Some(bytes) = encoded.bytes().first_chunk() {
            *place = *bytes;
            state.server_count += 1;
        }
    }
    0
}

/// BSD: a query for records of a name; its length, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_mkquery(
    operation: c_int,
    name: *const c_char,
    class: c_int,
    kind: c_int,
    _data: *const u8,
    _data_length: c_int,
    _record: *const u8,
    buffer: *mut u8,
    size: c_int,
) -> c_int {
    // SAFETY: the caller's.
    let (name, room) = unsafe { (text(name), room(buffer, size)) };
    let made = Name::from_text(if name.is_empty() { b"." } else { name })
        .filter(|_| operation == QUERY)
        .zip(u16::try_from(class).ok().zip(u16::try_from(kind).ok()))
        .map(|(name, (class, kind))| query(Machine::default().random(), &name, class, kind));
    match made
        .as_deref()
        .and_then(|made| Some((made, room.get_mut(..made.len())?)))
    {
        Some((made, room)) => {
            room.copy_from_slice(made);
            made.len() as c_int
        }
        None => -1,
    }
}

unsafe fn room<'a>(buffer: *mut u8, size: c_int) -> &'a mut [u8] {
    // SAFETY: the caller's.
    unsafe { bytes_mut(buffer.cast(), usize::try_from(size).unwrap_or(0)) }
}

/// Puts as much of an answer into a buffer as there is room for: its whole length.
fn give(answer: &[u8], room: &mut [u8]) -> c_int {
    let length = answer.len().min(room.len());
    room[..length].copy_from_slice(&answer[..length]);
    answer.len() as c_int
}

fn ask_one(query: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let mut machine = Machine::default();
    let configuration = configuration(&mut machine);
    let answers = ask(&mut machine, &configuration, &[query]);
    answers
        .into_iter()
        .next()
        .unwrap_or(Err(Failure::Temporary))
}

/// BSD: sends a query and takes the answer; its length, or -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_send(
    query: *const u8,
    length: c_int,
    buffer: *mut u8,
    size: c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (query, room) = unsafe {
        let length = usize::try_from(length).unwrap_or(0);
        (bytes(query.cast(), length), room(buffer, size))
    };
    match ask_one(Vec::from(query)) {
        Ok(answer) => give(&answer, room),
        Err(_) => -1,
    }
}

fn fail(error: c_int) -> c_int {
    // SAFETY: the word is this thread's.
    unsafe { *__h_errno_location() = error };
    -1
}

/// Looks a name up: the answer, or `h_errno`.
fn look_up(name: &Name, class: c_int, kind: c_int) -> Result<Vec<u8>, c_int> {
    let class = u16::try_from(class).map_err(|_| NO_RECOVERY)?;
    let kind = u16::try_from(kind).map_err(|_| NO_RECOVERY)?;
    let query = query(Machine::default().random(), name, class, kind);
    let message = ask_one(query.clone()).map_err(|failure| match failure {
        Failure::Temporary => TRY_AGAIN,
        Failure::Refused => NO_RECOVERY,
    })?;
    let answer = Answer::new(&message, &query).ok_or(NETDB_INTERNAL)?;
    let is_empty = answer.records().next().is_none();
    match answer.code() {
        code::NO_NAME => Err(HOST_NOT_FOUND),
        _ if is_empty => Err(NO_DATA),
        _ => Ok(message),
    }
}

fn answered(result: Result<Vec<u8>, c_int>, room: &mut [u8]) -> c_int {
    match result {
        Ok(message) => give(&message, room),
        Err(error) => fail(error),
    }
}

/// BSD: records of a name, which is whole; the answer's length, or -1 with `h_errno`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_query(
    name: *const c_char,
    class: c_int,
    kind: c_int,
    buffer: *mut u8,
    size: c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (name, room) = unsafe { (Name::from_text(text(name)), room(buffer, size)) };
    let result = name
        .ok_or(NO_RECOVERY)
        .and_then(|name| look_up(&name, class, kind));
    answered(result, room)
}

/// BSD: records of a name within a domain.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_querydomain(
    name: *const c_char,
    domain: *const c_char,
    class: c_int,
    kind: c_int,
    buffer: *mut u8,
    size: c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (name, domain, room) = unsafe { (text(name), text(domain), room(buffer, size)) };
    let whole = if domain.is_empty() {
        Name::from_text(name)
    } else {
        Name::from_text(&[name, b".", domain].concat())
    };
    let result = whole
        .ok_or(NO_RECOVERY)
        .and_then(|name| look_up(&name, class, kind));
    answered(result, room)
}

/// BSD: records of a name, which the domains of `/etc/resolv.conf` may complete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn res_search(
    name: *const c_char,
    class: c_int,
    kind: c_int,
    buffer: *mut u8,
    size: c_int,
) -> c_int {
    let _uncancelled = Uncancelled::begin();
    // SAFETY: the caller's.
    let (name, room) = unsafe { (text(name), room(buffer, size)) };
    let mut error = HOST_NOT_FOUND;
    for candidate in candidates(name, &configuration(&mut Machine::default())) {
        match look_up(&candidate, class, kind) {
            Err(HOST_NOT_FOUND) => {}
            Err(NO_DATA) => error = NO_DATA,
            result => return answered(result, room),
        }
    }
    fail(error)
}
