//! Sessions: how the generated clients of `proto` reach a server.

use kernel_abi::Handle;
use kernel_abi::message::{Buffer, Transfer, WORDS, buffer_flags};
use kernel_abi::object::handle_flags;
use proto::{Answer, Error, Request, Transport};

/// A session, and where handles that come back are put.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    handle: Handle,
    flags: u32,
    receive_slot: u32,
}

impl Session {
    /// The process server.
    pub const PROCESS: Session = Session::new(Handle::PROCESS_SERVER);
    /// The caller's root directory.
    pub const ROOT: Session = Session::new(Handle::ROOT_DIRECTORY);
    /// The caller's working directory.
    pub const WORKING: Session = Session::new(Handle::WORKING_DIRECTORY);

    /// A session whose replies' handles stay in the runtime's half of the table and do not
    /// survive an exec: the right thing for everything that is not a descriptor.
    pub const fn new(handle: Handle) -> Session {
        Session {
            handle,
            flags: (handle_flags::HIGH | handle_flags::CLOSE_ON_EXEC) as u32,
            receive_slot: 0,
        }
    }

    /// The session behind a descriptor.
    pub const fn of_descriptor(descriptor: u32) -> Session {
        Session::new(Handle(descriptor))
    }

    /// The same, with received handles becoming the lowest free descriptors.
    pub const fn giving_descriptors(self, close_on_exec: bool) -> Session {
        self.giving_descriptors_with(if close_on_exec {
            handle_flags::CLOSE_ON_EXEC as u32
        } else {
            0
        })
    }

    /// The same, with the kernel's flags for them (closed on exec, on fork).
    pub const fn giving_descriptors_with(self, flags: u32) -> Session {
        Session {
            flags,
            receive_slot: 0,
            ..self
        }
    }

    /// The same, with received handles becoming the lowest free descriptors, with these
    /// `kernel_abi::object::handle_flags`.
    pub const fn giving(self, handle_flags: u64) -> Session {
        Session {
            flags: handle_flags as u32,
            receive_slot: 0,
            ..self
        }
    }

    /// The same, with the received handle replacing what is in `slot`.
    pub const fn replacing(self, slot: Handle) -> Session {
        Session {
            flags: handle_flags::EXACT as u32,
            receive_slot: slot.0,
            ..self
        }
    }

    /// The same, with received handles staying through an exec and not passing to children.
    pub const fn giving_own_handles(self) -> Session {
        Session {
            flags: (handle_flags::HIGH | handle_flags::CLOSE_ON_FORK) as u32,
            receive_slot: 0,
            ..self
        }
    }

    /// Its handle.
    pub const fn handle(self) -> Handle {
        self.handle
    }
}

/// Whether a signal handler that ran may end the operation with `EINTR`: those that wait for
/// others. Every other one is sent again (`fork` and `stat`, say, never fail for a signal); an
/// interrupted call has had no effect.
fn may_be_interrupted(operation: u64) -> bool {
    use proto::{directory, file, ipc, process, queue, socket};
    matches!(
        operation,
        directory::number::open
            | file::number::control
            | file::number::lock
            | process::number::wait
            | ipc::number::operate
            | ipc::number::send
            | ipc::number::receive
            | queue::number::put
            | queue::number::take
            | socket::number::connect
            | socket::number::connect_to
    )
}

/// The words of a reply, unless word 0 is a negated error.
fn status_of(words: [u64; WORDS]) -> Result<[u64; WORDS], Error> {
    match words[0] as i64 {
        status if status < 0 => Err(Error::from_number(-status as i32)),
        _ => Ok(words),
    }
}

impl Transport for Session {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        let mut transfer = Transfer {
            flags: self.flags,
            receive_slot: self.receive_slot,
            ..Transfer::default()
        };
        let mut count = 0;
        for input in request.inputs {
            let slot = transfer.buffers.get_mut(count).ok_or(Error::BadArgument)?;
            *slot = Buffer {
                address: input.as_ptr() as u64,
                length: input.len() as u64,
                flags: buffer_flags::IN,
                reserved: 0,
            };
            count += 1;
        }
        for output in request.outputs.iter_mut() {
            let slot = transfer.buffers.get_mut(count).ok_or(Error::BadArgument)?;
            *slot = Buffer {
                address: output.as_mut_ptr() as u64,
                length: output.len() as u64,
                flags: buffer_flags::OUT,
                reserved: 0,
            };
            count += 1;
        }
        transfer.buffer_count = count as u32;
        for (slot, handle) in transfer.send.iter_mut().zip(request.handles) {
            *slot = handle.0;
            transfer.send_count += 1;
        }
        let words = loop {
            // SAFETY: the buffers are the request's slices, borrowed until the call returns,
            // shared for reading or exclusively for writing as their flags say.
            let result = unsafe {
                kernel_stubs::message::call(self.handle, request.words, Some(&mut transfer))
            };
            match result.map_err(Error::from).and_then(status_of) {
                Err(Error::Interrupted) if !may_be_interrupted(request.words[0]) => {}
                result => break result?,
            }
        };
        let mut answer = Answer {
            words,
            ..Answer::default()
        };
        answer.handle_count = transfer.received_count as usize;
        for (slot, handle) in answer.handles.iter_mut().zip(transfer.received) {
            *slot = Handle(handle);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{directory, process};

    #[test]
    fn only_operations_that_wait_for_others_end_by_a_signal() {
        assert!(may_be_interrupted(process::number::wait));
        assert!(!may_be_interrupted(process::number::fork));
        assert!(!may_be_interrupted(directory::number::status));
    }

    #[test]
    fn a_negated_word_is_an_error() {
        assert_eq!(status_of([3, 0, 0, 0, 0, 0]), Ok([3, 0, 0, 0, 0, 0]));
        let words = [(-4i64) as u64, 0, 0, 0, 0, 0];
        assert_eq!(status_of(words), Err(Error::Interrupted));
    }
}
