//! Control messages of sockets: descriptors (`SCM_RIGHTS`) and credentials (`SCM_CREDENTIALS`).

use crate::sys::support::{Error, Result, Timeval};
use core::net::IpAddr;
use kernel_abi::Handle;
use kernel_abi::socket::StreamMessage;
use libc_posix::descriptor;
use libc_rt::{identity, kernel};
use proto::arrival::{Arrival, wanted};
use proto::types::socket_status;

/// Head of a control message: length, level, type.
const HEAD: usize = 16;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
const SO_TIMESTAMP: i32 = 29;
const IPV6: i32 = 41;
const IP_TTL: i32 = 2;
const IP_PKTINFO: i32 = 8;
const IPV6_PKTINFO: i32 = 50;
const IPV6_HOPLIMIT: i32 = 52;
/// `struct ucred`: process, user, group.
const CREDENTIALS: usize = 12;

fn word(bytes: &[u8], at: usize) -> i32 {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().map_or(0, i32::from_le_bytes)
}

/// Takes the descriptors of `SCM_RIGHTS` messages out of a control buffer: how many.
pub fn handles_to_send(control: &[u8], handles: &mut [u32]) -> Result<usize> {
    let (mut rest, mut count) = (control, 0);
    while rest.len() >= HEAD {
        let length = word(rest, 0) as u32 as usize;
        if length < HEAD || length > rest.len() {
            return Err(Error::BadArgument);
        }
        let data = &rest[HEAD..length];
        match (word(rest, 4 + 4), word(rest, 12)) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                for place in data.chunks_exact(4) {
                    let slot = handles.get_mut(count).ok_or(Error::BadArgument)?;
                    *slot = descriptor::handle(word(place, 0))?.0;
                    count += 1;
                }
            }
            (SOL_SOCKET, SCM_CREDENTIALS) => check_credentials(data)?,
            _ => return Err(Error::BadArgument),
        }
        rest = &rest[length.next_multiple_of(8).min(rest.len())..];
    }
    Ok(count)
}

/// The kernel tells who sends; a sender may say so itself, but not say anything else.
fn check_credentials(data: &[u8]) -> Result<()> {
    if data.len() != CREDENTIALS {
        return Err(Error::BadArgument);
    }
    let [process, user, group] = [0, 4, 8].map(|at| word(data, at) as u32);
    let users = [identity::real_user(), identity::effective_user()];
    let groups = [identity::real_group(), identity::effective_group()];
    if u64::from(process) != identity::process()
        || !users.contains(&user)
        || !groups.contains(&group)
    {
        return Err(Error::NotPermitted);
    }
    Ok(())
}

/// How many descriptors a control buffer has room for, if nothing else is in it.
pub fn most_handles(room: usize) -> usize {
    room.saturating_sub(HEAD) / 4
}

/// What was written into a control buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub length: usize,
    /// Something did not fit.
    pub cut: bool,
}

/// Writes what came with a message into a control buffer. Descriptors that do not fit are closed.
pub fn write(message: &StreamMessage, handles: &[u32], any: bool, room: &mut [u8]) -> Written {
    let mut written = Written::default();
    if any && message.status & socket_status::PASS_CREDENTIALS != 0 {
        put_credentials(message, room, &mut written);
    }
    let count = (message.handle_count as usize).min(handles.len());
    let (fitting, lost) = {
        let left = room.len().saturating_sub(written.length);
        handles[..count].split_at(count.min(most_handles(left)))
    };
    for &handle in lost {
        // What the caller has no room for would leak.
        let _ = kernel::handle_close(Handle(handle));
    }
    written.cut |= !lost.is_empty();
    if !fitting.is_empty() {
        let length = HEAD + fitting.len() * 4;
        let place = &mut room[written.length..written.length + length];
        head(place, length, SCM_RIGHTS);
        for (slot, handle) in place[HEAD..].chunks_exact_mut(4).zip(fitting) {
            slot.copy_from_slice(&handle.to_le_bytes());
        }
        let end = written.length + length.next_multiple_of(8);
        written.length = end.min(room.len());
    }
    written
}

/// Who sent: process, real user, real group (words 0, 4 and 5 of the identity page).
fn put_credentials(message: &StreamMessage, room: &mut [u8], written: &mut Written) {
    let length = HEAD + CREDENTIALS;
    let Some(place) = room.get_mut(..length) else {
        written.cut = true;
        return;
    };
    head(place, length, SCM_CREDENTIALS);
    let [process, users, groups] = [0, 4, 5].map(|index| message.sender[index] as u32);
    for (slot, value) in place[HEAD..]
        .chunks_exact_mut(4)
        .zip([process, users, groups])
    {
        slot.copy_from_slice(&value.to_le_bytes());
    }
    written.length = length.next_multiple_of(8).min(room.len());
}

/// Writes how a datagram arrived, as far as the socket's owner wants to know.
pub fn write_arrival(arrival: &Arrival, status: u32, room: &mut [u8], written: &mut Written) {
    let to = arrival.to;
    let interface = arrival.interface.to_le_bytes();
    if status & wanted::DESTINATION != 0 {
        match to {
            IpAddr::V4(to) => {
                let to = to.octets();
                put((0, IP_PKTINFO), &[&interface, &to, &to], room, written);
            }
            IpAddr::V6(to) => put(
                (IPV6, IPV6_PKTINFO),
                &[&to.octets(), &interface],
                room,
                written,
            ),
        }
    }
    if status & wanted::HOPS != 0 {
        let which = if to.is_ipv4() {
            (0, IP_TTL)
        } else {
            (IPV6, IPV6_HOPLIMIT)
        };
        put(which, &[&arrival.hops.to_le_bytes()], room, written);
    }
    if status & wanted::TIME != 0 {
        let now = Timeval::from_ns(kernel_stubs::safe::realtime_ns());
        let (seconds, rest) = (now.seconds.to_le_bytes(), now.microseconds.to_le_bytes());
        put(
            (SOL_SOCKET, SO_TIMESTAMP),
            &[&seconds, &rest],
            room,
            written,
        );
    }
}

/// Puts a message of some parts behind those that are there.
fn put((level, kind): (i32, i32), parts: &[&[u8]], room: &mut [u8], written: &mut Written) {
    let length = HEAD + parts.iter().map(|part| part.len()).sum::<usize>();
    let left = room.len().saturating_sub(written.length);
    if left < length {
        written.cut = true;
        return;
    }
    let place = &mut room[written.length..written.length + length];
    head(place, length, kind);
    place[8..12].copy_from_slice(&level.to_le_bytes());
    let mut at = HEAD;
    for part in parts {
        place[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    written.length += length.next_multiple_of(8).min(left);
}

fn head(place: &mut [u8], length: usize, kind: i32) {
    place[..4].copy_from_slice(&(length as u32).to_le_bytes());
    place[4..8].fill(0);
    place[8..12].copy_from_slice(&SOL_SOCKET.to_le_bytes());
    place[12..16].copy_from_slice(&kind.to_le_bytes());
}
