//! Messages of name servers, taken apart (BSD `<arpa/nameser.h>`, `<resolv.h>`).
//!
//! SAFETY of the C functions here: a message lies between its start and end.

use crate::sys::support::{fail, text};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use libc_resolver::Name;

const EMSGSIZE: c_int = 90;
const ENODEV: c_int = 19;
const SECTIONS: usize = 4;

/// `ns_msg`.
#[repr(C)]
pub struct Message {
    start: *const u8,
    end: *const u8,
    id: u16,
    flags: u16,
    counts: [u16; SECTIONS],
    sections: [*const u8; SECTIONS],
    section: c_int,
    record: c_int,
    next: *const u8,
}

/// `ns_rr`.
#[repr(C)]
pub struct Record {
    name: [c_char; 1025],
    kind: u16,
    class: u16,
    time_to_live: u32,
    length: u16,
    data: *const u8,
}

/// `ns_get16`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_get16(from: *const u8) -> u32 {
    // SAFETY: the caller's.
    unsafe { u16::from_be(from.cast::<u16>().read_unaligned()) as u32 }
}

/// `ns_get32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_get32(from: *const u8) -> u64 {
    // SAFETY: the caller's.
    unsafe { u32::from_be(from.cast::<u32>().read_unaligned()) as u64 }
}

/// `ns_put16`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_put16(value: u32, to: *mut u8) {
    // SAFETY: the caller's.
    unsafe { to.cast::<u16>().write_unaligned((value as u16).to_be()) }
}

/// `ns_put32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_put32(value: u64, to: *mut u8) {
    // SAFETY: the caller's.
    unsafe { to.cast::<u32>().write_unaligned((value as u32).to_be()) }
}

/// Length of a name as it stands in a message, or `None`.
fn name_length(message: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            0xc0..=0xff => return message.get(at + 1).map(|_| at + 2),
            length => at += 1 + length as usize,
        }
    }
}

unsafe fn between<'a>(start: *const u8, end: *const u8) -> &'a [u8] {
    let length = (end as usize).saturating_sub(start as usize);
    // SAFETY: the caller's.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// `dn_skipname`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dn_skipname(from: *const u8, end: *const u8) -> c_int {
    // SAFETY: the caller's.
    unsafe { name_length(between(from, end)) }.map_or(-1, |length| length as c_int)
}

/// Length of a resource record (question: of a query) at the start of bytes.
fn record_length(bytes: &[u8], is_question: bool) -> Option<usize> {
    const FIXED: usize = 10;
    let name = name_length(bytes)?;
    let length = if is_question {
        name + 4
    } else {
        let at = name + FIXED - 2;
        let data = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
        name + FIXED + data as usize
    };
    (length <= bytes.len()).then_some(length)
}

/// `ns_skiprr`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_skiprr(
    from: *const u8,
    end: *const u8,
    section: c_int,
    count: c_int,
) -> c_int {
    // SAFETY: the caller's.
    let bytes = unsafe { between(from, end) };
    let mut at = 0;
    for _ in 0..count {
        match record_length(&bytes[at..], section == 0) {
            Some(length) => at += length,
            None => return fail(EMSGSIZE),
        }
    }
    at as c_int
}

/// `ns_initparse`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_initparse(start: *const u8, length: c_int, out: *mut Message) -> c_int {
    const HEADER: usize = 12;
    if length < HEADER as c_int {
        return fail(EMSGSIZE);
    }
    // SAFETY: the caller's.
    unsafe {
        let message = &mut *out;
        let word = |at: usize| ns_get16(start.add(at)) as u16;
        message.start = start;
        message.end = start.add(length as usize);
        (message.id, message.flags) = (word(0), word(2));
        message.counts = [word(4), word(6), word(8), word(10)];
        let mut at = start.add(HEADER);
        for section in 0..SECTIONS {
            message.sections[section] = core::ptr::null();
            if message.counts[section] > 0 {
                message.sections[section] = at;
                let count = message.counts[section] as c_int;
                let skipped = ns_skiprr(at, message.end, section as c_int, count);
                if skipped < 0 {
                    return -1;
                }
                at = at.add(skipped as usize);
            }
        }
        if at != message.end {
            return fail(EMSGSIZE);
        }
        (message.section, message.record) = (SECTIONS as c_int, -1);
        message.next = core::ptr::null();
    }
    0
}

/// `ns_parserr`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_parserr(
    message: *mut Message,
    section: c_int,
    record: c_int,
    out: *mut Record,
) -> c_int {
    // SAFETY: the caller's; every step is checked against the message's end.
    unsafe {
        let message = &*message;
        let valid = usize::try_from(section)
            .ok()
            .filter(|section| *section < SECTIONS);
        let Some(section) = valid else {
            return fail(ENODEV);
        };
        if record < 0 || record >= message.counts[section] as c_int {
            return fail(ENODEV);
        }
        let first = message.sections[section];
        let skipped = ns_skiprr(first, message.end, section as c_int, record);
        if skipped < 0 {
            return -1;
        }
        let at = first.add(skipped as usize);
        let bytes = between(at, message.end);
        let name = ns_name_uncompress(
            message.start,
            message.end,
            at,
            (*out).name.as_mut_ptr(),
            1025,
        );
        let Some(length) = record_length(bytes, section == 0).filter(|_| name >= 0) else {
            return fail(EMSGSIZE);
        };
        let name = name as usize;
        (*out).kind = ns_get16(at.add(name)) as u16;
        (*out).class = ns_get16(at.add(name + 2)) as u16;
        ((*out).time_to_live, (*out).length, (*out).data) = (0, 0, core::ptr::null());
        if section != 0 {
            (*out).time_to_live = ns_get32(at.add(name + 4)) as u32;
            (*out).length = (length - name - 10) as u16;
            (*out).data = at.add(name + 10);
        }
    }
    0
}

/// `ns_name_uncompress`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ns_name_uncompress(
    start: *const u8,
    end: *const u8,
    from: *const u8,
    out: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: the caller's.
    match unsafe {
        dn_expand(
            start,
            end,
            from,
            out,
            size.min(c_int::MAX as usize) as c_int,
        )
    } {
        -1 => fail(EMSGSIZE),
        length => length,
    }
}

/// Reads a name with its compression pointers: bytes taken where it stands, bytes of text.
fn expand(message: &[u8], from: usize, out: &mut [u8]) -> Option<(usize, usize)> {
    let (mut at, mut taken, mut length) = (from, None, 0);
    // Each pointer must lead back; a bound on jumps is simpler and as good.
    for _ in 0..message.len() {
        match *message.get(at)? {
            0 => {
                let end = if length == 0 { 0 } else { length - 1 };
                *out.get_mut(end)? = 0;
                return Some((taken.unwrap_or(at + 1 - from), end));
            }
            high @ 0xc0..=0xff => {
                taken = taken.or(Some(at + 2 - from));
                at = ((high & 0x3f) as usize) << 8 | *message.get(at + 1)? as usize;
            }
            count => {
                let label = message.get(at + 1..at + 1 + count as usize)?;
                out.get_mut(length..length + label.len())?
                    .copy_from_slice(label);
                length += label.len();
                *out.get_mut(length)? = b'.';
                length += 1;
                at += 1 + count as usize;
            }
        }
    }
    None
}

/// `dn_expand`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dn_expand(
    start: *const u8,
    end: *const u8,
    from: *const u8,
    out: *mut c_char,
    size: c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let message = between(start, end);
        let offset = (from as usize).wrapping_sub(start as usize);
        if offset >= message.len() || size <= 0 {
            return -1;
        }
        let target = core::slice::from_raw_parts_mut(out.cast::<u8>(), size as usize);
        expand(message, offset, target).map_or(-1, |(taken, _)| taken as c_int)
    }
}

/// The names in a message that a list of pointers says, whose first is the message's start: their
/// offsets.
unsafe fn known_names(pointers: *mut *mut u8, last: *mut *mut u8) -> Vec<usize> {
    let mut offsets = Vec::new();
    if pointers.is_null() {
        return offsets;
    }
    // SAFETY: the caller's list ends with a null pointer, before `last`.
    unsafe {
        let start = *pointers;
        let mut place = pointers.add(1);
        while place < last && !(*place).is_null() {
            offsets.push((*place).offset_from_unsigned(start));
            place = place.add(1);
        }
    }
    offsets
}

/// `dn_comp`: puts a name into a message, shortened by the names that are there; its length, or -1.
/// A name that others may point to is added to the list if it has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dn_comp(
    name: *const c_char,
    to: *mut u8,
    size: c_int,
    pointers: *mut *mut u8,
    last: *mut *mut u8,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let string = text(name);
        let Some(name) = Name::from_text(if string.is_empty() { b"." } else { string }) else {
            return -1;
        };
        let known = known_names(pointers, last);
        let message = if pointers.is_null() || (*pointers).is_null() {
            &[]
        } else {
            between(*pointers, to)
        };
        let bytes = name.compressed(message, &known);
        if bytes.len() > usize::try_from(size).unwrap_or(0) {
            return -1;
        }
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        // A name that is a pointer, or the root, helps nobody.
        let is_new = bytes.first().is_some_and(|first| (1..0xc0).contains(first));
        let place = pointers.wrapping_add(1 + known.len());
        if is_new && !pointers.is_null() && place.wrapping_add(1) < last {
            *place = to;
            *place.add(1) = core::ptr::null_mut();
        }
        bytes.len() as c_int
    }
}
