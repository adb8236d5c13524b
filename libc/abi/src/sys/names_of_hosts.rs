//! Looking up names of hosts and services: numbers, and the files `/etc/hosts` and
//! `/etc/services`. There is no network yet, so no name server is asked.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use super::internet::{AF_INET, AF_INET6, parse4, parse6};
use super::stdio;
use super::support::text;
use core::ffi::{c_char, c_int};

const AI_PASSIVE: c_int = 1;
const AI_NUMERICHOST: c_int = 4;

/// An address of either family.
#[derive(Clone, Copy)]
pub(super) enum Address {
    Four([u8; 4]),
    Six([u8; 16]),
}

impl Address {
    fn parse(text: &[u8]) -> Option<Address> {
        // What follows a `%` names an interface, of which there is none.
        parse4(text)
            .map(Address::Four)
            .or_else(|| parse6(text).map(Address::Six))
    }

    /// `AF_INET` or `AF_INET6`.
    pub(super) fn family(&self) -> c_int {
        match self {
            Address::Four(_) => AF_INET,
            Address::Six(_) => AF_INET6,
        }
    }
}

/// Words of a line without its comment.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = line
        .iter()
        .position(|byte| *byte == b'#')
        .unwrap_or(line.len());
    line[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Visits the lines of a file until something is found.
pub(super) unsafe fn in_file<T>(
    path: &core::ffi::CStr,
    mut visit: impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    let mut line = [0 as c_char; 512];
    // SAFETY: the stream is this function's.
    unsafe {
        let file = stdio::fopen(path.as_ptr(), c"re".as_ptr());
        if file.is_null() {
            return None;
        }
        let mut found = None;
        while found.is_none() && !stdio::fgets(line.as_mut_ptr(), 512, file).is_null() {
            found = visit(text(line.as_ptr()));
        }
        stdio::fclose(file);
        found
    }
}

pub(super) fn equals(first: &[u8], second: &[u8]) -> bool {
    first.eq_ignore_ascii_case(second)
}

/// Addresses of a host, into a list: how many.
unsafe fn look_up(name: &[u8], family: c_int, list: &mut [Address]) -> usize {
    let mut count = 0;
    let mut add = |address: Address| {
        if (family == 0 || family == address.family()) && count < list.len() {
            list[count] = address;
            count += 1;
        }
    };
    // SAFETY: reads a file.
    unsafe {
        in_file(c"/etc/hosts", |line| {
            let mut words = words(line);
            let address = Address::parse(words.next()?)?;
            if words.any(|word| equals(word, name)) {
                add(address);
            }
            None::<()>
        });
    }
    // RFC 6761: this name needs no table.
    if count == 0 && equals(name, b"localhost") {
        let mut loopback = [0; 16];
        loopback[15] = 1;
        for address in [Address::Six(loopback), Address::Four([127, 0, 0, 1])] {
            if (family == 0 || family == address.family()) && count < list.len() {
                list[count] = address;
                count += 1;
            }
        }
    }
    count
}

pub(super) fn decimal(text: &[u8]) -> Option<u16> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// The port of a service.
pub(super) unsafe fn port_of(service: &[u8], protocol: Option<&[u8]>) -> Option<u16> {
    // SAFETY: reads a file.
    unsafe {
        in_file(c"/etc/services", |line| {
            let mut words = words(line);
            let name = words.next()?;
            let mut numbers = words.next()?.split(|byte| *byte == b'/');
            let port = decimal(numbers.next()?)?;
            let is_protocol = protocol.is_none_or(|wanted| numbers.next() == Some(wanted));
            let matches = equals(name, service) || words.any(|alias| equals(alias, service));
            (is_protocol && matches).then_some(port)
        })
    }
}

/// The addresses that a host's name or number means, or those of this host: how many.
pub(super) unsafe fn addresses(
    host: *const c_char,
    flags: c_int,
    family: c_int,
    list: &mut [Address],
) -> usize {
    // SAFETY: the caller's.
    let host_name = unsafe { text(host) };
    if host.is_null() {
        let last = u8::from(flags & AI_PASSIVE == 0);
        let mut six = [0; 16];
        six[15] = last;
        let four = if last == 0 { [0; 4] } else { [127, 0, 0, 1] };
        let all = [Address::Six(six), Address::Four(four)];
        let mut count = 0;
        for address in all
            .iter()
            .filter(|address| family == 0 || family == address.family())
        {
            list[count] = *address;
            count += 1;
        }
        return count;
    }
    match Address::parse(host_name) {
        Some(address) if family == 0 || family == address.family() => {
            list[0] = address;
            1
        }
        Some(_) => 0,
        None if flags & AI_NUMERICHOST != 0 => 0,
        // SAFETY: reads a file.
        None => unsafe { look_up(host_name, family, list) },
    }
}
