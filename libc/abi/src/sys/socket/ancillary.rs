//! Ancillary data (POSIX, `struct cmsghdr`): descriptors that travel with a message.

use super::SOL_SOCKET;
use crate::sys::support::{Error, Result};
use kernel_abi::Handle;
use kernel_abi::wait::StreamMessage;
use libc_posix::descriptor;
use libc_rt::kernel;

/// Head of a control message: length, level, kind.
const CONTROL_HEAD: usize = 16;
const SCM_RIGHTS: i32 = 1;
/// Handles that one message can carry.
pub(super) const MOST_HANDLES: usize = 16;

fn word(bytes: &[u8], at: usize) -> i32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    i32::from_le_bytes(word)
}

/// Takes the descriptors of `SCM_RIGHTS` messages out of a control buffer.
pub(super) fn handles_to_send(control: &[u8], message: &mut StreamMessage) -> Result<()> {
    let mut rest = control;
    while rest.len() >= CONTROL_HEAD {
        let length = word(rest, 0) as usize;
        if length < CONTROL_HEAD || length > rest.len() {
            return Err(Error::BadArgument);
        }
        if word(rest, 8) != SOL_SOCKET || word(rest, 12) != SCM_RIGHTS {
            return Err(Error::BadArgument);
        }
        for place in rest[CONTROL_HEAD..length].chunks_exact(4) {
            let slot = message.handles.get_mut(message.handle_count as usize);
            *slot.ok_or(Error::BadArgument)? = descriptor::handle(word(place, 0))?.0;
            message.handle_count += 1;
        }
        rest = &rest[length.next_multiple_of(8).min(rest.len())..];
    }
    Ok(())
}

/// Writes received descriptors as one `SCM_RIGHTS` message: its length, and whether all fitted.
pub(super) fn handles_received(message: &StreamMessage, control: &mut [u8]) -> (usize, bool) {
    let count = message.handle_count as usize;
    if count == 0 {
        return (0, true);
    }
    let room = control.len().saturating_sub(CONTROL_HEAD) / 4;
    let fitting = count.min(room);
    for handle in &message.handles[fitting..count.min(MOST_HANDLES)] {
        // What the caller has no room for would leak.
        let _ = kernel::handle_close(Handle(*handle));
    }
    if fitting == 0 {
        return (0, false);
    }
    let length = CONTROL_HEAD + fitting * 4;
    control[..4].copy_from_slice(&(length as u32).to_le_bytes());
    control[4..8].fill(0);
    control[8..12].copy_from_slice(&SOL_SOCKET.to_le_bytes());
    control[12..16].copy_from_slice(&SCM_RIGHTS.to_le_bytes());
    for (place, handle) in control[CONTROL_HEAD..]
        .chunks_exact_mut(4)
        .zip(&message.handles[..fitting])
    {
        place.copy_from_slice(&handle.to_le_bytes());
    }
    (length, fitting == count)
}
