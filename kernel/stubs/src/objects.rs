//! Calls for streams, sockets, events and timers that take an address.

use crate::raw;
use kernel_abi::{Call, Error, Handle, socket};

/// Sets the stream end that a session writes to (moved; `Handle::NONE` takes it away).
pub fn session_set_outlet(endpoint: Handle, badge: u64, outlet: Handle) -> Result<(), Error> {
    let part = socket::session_part::OUTLET;
    let arguments = [endpoint.0 as u64, badge, part, outlet.0 as u64];
    let [a, b, c, d] = arguments;
    // SAFETY: no address is passed.
    unsafe { raw::call5(Call::SessionSet, a, b, c, d, 0) }.map(|_| ())
}

/// Sets the name that the messages of a session carry.
pub fn session_set_name(endpoint: Handle, badge: u64, name: &[u8]) -> Result<(), Error> {
    let part = socket::session_part::NAME;
    let (address, length) = (name.as_ptr() as u64, name.len() as u64);
    // SAFETY: the kernel reads `name`.
    unsafe {
        raw::call5(
            Call::SessionSet,
            endpoint.0 as u64,
            badge,
            part,
            address,
            length,
        )
    }
    .map(|_| ())
}

/// Sends a message of one handle (copied) and no bytes under a name, without waiting: a connection.
pub fn stream_send_handle(stream: Handle, handle: Handle, name: &[u8]) -> Result<(), Error> {
    let handles = [handle.0];
    let mut message = socket::StreamMessage {
        handles: handles.as_ptr() as u64,
        handle_count: 1,
        name: name.as_ptr() as u64,
        name_length: name.len() as u32,
        flags: socket::message_flags::DO_NOT_WAIT,
        target: Handle::NONE.0,
        ..socket::StreamMessage::default()
    };
    // SAFETY: the kernel reads `handles` and `name`.
    unsafe { stream_transfer(Call::StreamSend, stream, &mut message) }.map(|_| ())
}

/// Sends a message through a stream, which must be managed, with a name.
pub fn stream_send_named(stream: Handle, message: &[u8], name: &[u8]) -> Result<(), Error> {
    let segment = [message.as_ptr() as u64, message.len() as u64];
    let mut fields = socket::StreamMessage {
        segments: segment.as_ptr() as u64,
        segment_count: 1,
        name: name.as_ptr() as u64,
        name_length: name.len() as u32,
        target: Handle::NONE.0,
        ..socket::StreamMessage::default()
    };
    // SAFETY: the message and the name are borrowed slices.
    unsafe { stream_transfer(Call::StreamSend, stream, &mut fields) }.map(|_| ())
}

/// Sends through a stream, and receives: bytes, handles and name are named by address.
///
/// # Safety
/// What `message` names must be valid to read (send) or write (receive).
pub unsafe fn stream_transfer(
    call: Call,
    stream: Handle,
    message: &mut socket::StreamMessage,
) -> Result<usize, Error> {
    let address = core::ptr::from_mut(message) as u64;
    // SAFETY: passed on to the caller.
    unsafe { raw::call2(call, stream.0 as u64, address) }.map(|count| count as usize)
}

/// The set of an event over pending upcalls; `new` replaces it.
pub fn event_upcalls(event: Handle, new: Option<u64>) -> Result<u64, Error> {
    let mut before = 0u64;
    let address = core::ptr::from_mut(&mut before) as u64;
    let (set, upcalls) = (new.is_some().into(), new.unwrap_or(0));
    // SAFETY: the kernel writes one u64 at the address.
    unsafe { raw::call4(Call::EventUpcalls, event.0 as u64, address, set, upcalls)? };
    Ok(before)
}

/// Makes a stream; see [`socket::stream_flags`].
pub fn stream_create(flags: u64, capacity: u64, handle_flags: u64) -> Result<[Handle; 2], Error> {
    let mut handles = [0u32; 2];
    let address = handles.as_mut_ptr() as u64;
    // SAFETY: the kernel writes two u32 at the address.
    unsafe { raw::call4(Call::StreamCreate, flags, capacity, address, handle_flags)? };
    Ok(handles.map(Handle))
}
