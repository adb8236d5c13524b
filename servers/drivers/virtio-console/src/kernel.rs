//! Callers' memory, replies and sessions through the kernel.

use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error};

use crate::port::Kernel;
use crate::server::Sessions;

/// The only buffer of a read or a write.
const DATA_BUFFER: u64 = 0;
/// Sessions asked for at a time.
const LIST_LENGTH: usize = 64;

/// Calls that are kept.
pub struct Callers;

impl Kernel for Callers {
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::message_read(token, DATA_BUFFER, offset, bytes)?)
    }

    fn write(&mut self, token: u64, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        Ok(safe::message_write(token, DATA_BUFFER, offset, bytes)?)
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }
}

/// Sessions on the driver's own endpoint.
pub struct EndpointSessions {
    /// The endpoint.
    pub endpoint: Handle,
}

impl Sessions for EndpointSessions {
    fn create(&mut self, badge: u64, rights: Rights, non_blocking: bool) -> Result<Handle, Error> {
        let flags = if non_blocking {
            status_flags::NONBLOCK
        } else {
            0
        };
        let session = safe::session_create(self.endpoint, badge, Handle::NONE, flags)?;
        let narrowed = safe::handle_duplicate(session, 0, rights, handle_flags::HIGH);
        let _ = safe::handle_close(session);
        Ok(narrowed?)
    }

    fn signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        // A session that has just been closed is not there any more.
        let _ = safe::session_signal(self.endpoint, badge, clear, set);
    }

    fn for_each(&mut self, mut visit: impl FnMut(u64)) {
        let mut badges = [0; LIST_LENGTH];
        let mut after = 0;
        while let Ok(count) = safe::session_list(self.endpoint, after, &mut badges) {
            let Some(&last) = badges[..count.min(LIST_LENGTH)].last() else {
                return;
            };
            badges[..count.min(LIST_LENGTH)]
                .iter()
                .for_each(|badge| visit(*badge));
            after = last;
        }
    }
}
