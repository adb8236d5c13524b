//! Datagrams that are sent by a call to the socket's server, which is told where they go.

use crate::sys::support::{Error, Result, bytes};
use alloc::vec::Vec;
use core::ffi::c_int;
use kernel_abi::socket::StreamMessage;
use libc_posix::socket as posix;

/// More bytes than any datagram has.
const MOST_BYTES: usize = 65_535;

/// Sends what a message names to an address (empty: the peer's), with control messages.
///
/// # Safety
/// The message's segments are valid.
pub unsafe fn send(
    fd: c_int,
    address: &[u8],
    message: &StreamMessage,
    control: &[u8],
) -> Result<usize> {
    let count = message.segment_count as usize;
    let list = message.segments as *const [u64; 2];
    // SAFETY: the caller's.
    let segment = |index: usize| unsafe {
        let [start, length] = *list.add(index);
        bytes(start as *const _, length as usize)
    };
    if count == 1 {
        return posix::send(fd, address, segment(0), control);
    }
    let mut whole = Vec::new();
    for index in 0..count {
        let part = segment(index);
        if part.len() > MOST_BYTES - whole.len() {
            return Err(Error::MessageTooLong);
        }
        whole.extend_from_slice(part);
    }
    posix::send(fd, address, &whole, control)
}
