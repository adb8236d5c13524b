//! Who is told of what happens to servers, as it happens.

use kernel_abi::Handle;
use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::socket::stream_flags;
use proto::Error;
use server_rt::stubs::safe;

use crate::text::Text;

/// Most listeners.
const MAX_LISTENERS: usize = 8;
/// Bytes that a listener may be behind before it is cut off.
const CAPACITY: u64 = 16 * 1024;

/// The listeners' pipes.
pub struct Events {
    pipes: [Handle; MAX_LISTENERS],
}

impl Events {
    /// Nobody listens.
    pub fn new() -> Events {
        Events {
            pipes: [Handle::NONE; MAX_LISTENERS],
        }
    }

    /// A new listener's end of its pipe.
    ///
    /// # Errors
    /// `TooManyOpen` when [`MAX_LISTENERS`] listen already, and those of making a pipe.
    pub fn listen(&mut self) -> Result<Handle, Error> {
        let mut pipes = self.pipes.iter_mut();
        let free = pipes.find(|pipe| **pipe == Handle::NONE);
        let free = free.ok_or(Error::TooManyOpen)?;
        let (kind, flags) = (stream_flags::ONE_WAY, handle_flags::HIGH);
        let [reading, writing] = safe::stream_create(kind, CAPACITY, flags)?;
        safe::status_flags(writing, 1, status_flags::NONBLOCK)?;
        *free = writing;
        Ok(reading)
    }

    /// Tells a line to all. Who has gone, or has not read for so long that it does not fit, is cut off.
    pub fn tell(&mut self, line: &Text) {
        let bytes = line.as_str().as_bytes();
        for pipe in self.pipes.iter_mut().filter(|pipe| **pipe != Handle::NONE) {
            let whole = safe::write(*pipe, bytes).is_ok_and(|count| count == bytes.len());
            if !whole {
                let _ = safe::handle_close(*pipe);
                *pipe = Handle::NONE;
            }
        }
    }
}
