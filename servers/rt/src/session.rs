//! A kernel session as a transport of requests.

use kernel_abi::Handle;
use kernel_abi::message::{Buffer, MAX_BUFFERS, MAX_HANDLES, Transfer, buffer_flags};
use kernel_abi::object::handle_flags;
use kernel_stubs::message;
use proto::{Answer, Error, Request, Transport};

/// A session held by this server. Received handles go to the high half of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session(pub Handle);

impl Transport for Session {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let mut transfer = Transfer {
            flags: handle_flags::HIGH as u32,
            ..Default::default()
        };
        let mut count = 0;
        let inputs = request
            .inputs
            .iter()
            .map(|bytes| (bytes.as_ptr() as u64, bytes.len(), buffer_flags::IN));
        let outputs = request
            .outputs
            .iter_mut()
            .map(|bytes| (bytes.as_mut_ptr() as u64, bytes.len(), buffer_flags::OUT));
        for (address, length, flags) in inputs.chain(outputs) {
            let slot = transfer.buffers.get_mut(count).ok_or(Error::BadMessage)?;
            *slot = Buffer {
                address,
                length: length as u64,
                flags,
                reserved: 0,
            };
            count += 1;
        }
        debug_assert!(count <= MAX_BUFFERS);
        transfer.buffer_count = count as u32;
        if request.handles.len() > MAX_HANDLES {
            return Err(Error::BadMessage);
        }
        for (slot, handle) in transfer.send.iter_mut().zip(request.handles) {
            *slot = handle.0;
        }
        transfer.send_count = request.handles.len() as u32;
        // SAFETY: the buffers are the request's slices, borrowed until the call returns.
        let words = unsafe { message::call(self.0, request.words, Some(&mut transfer)) }?;
        if (words[0] as i64) < 0 {
            return Err(Error::from_number((words[0] as i64).unsigned_abs() as i32));
        }
        let handle_count = (transfer.received_count as usize).min(MAX_HANDLES);
        Ok(Answer {
            words,
            handles: transfer.received.map(Handle),
            handle_count,
        })
    }
}
