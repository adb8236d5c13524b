//! Ports, callers' memory, replies and sessions through the kernel.

use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error};

use crate::server::Kernel;
use crate::uart::Line;

/// The only buffer of a read or a write.
const DATA_BUFFER: u64 = 0;
/// Most sessions that are told about input; the declaration names one or two.
const MAX_SESSIONS: usize = 16;

/// The registers as I/O ports.
pub struct PortLine {
    /// The ports' handle.
    pub ports: Handle,
}

impl Line for PortLine {
    fn read(&mut self, register: u64) -> u8 {
        // All ones is what a machine without the device answers.
        safe::port_read(self.ports, register, 1).map_or(u8::MAX, |value| value as u8)
    }

    fn write(&mut self, register: u64, value: u8) {
        // The handle covers all registers.
        let _ = safe::port_write(self.ports, register, 1, value.into());
    }

    fn write_bytes(&mut self, register: u64, bytes: &[u8]) {
        let _ = safe::port_write_bytes(self.ports, register, bytes);
    }
}

/// Calls that are kept, and the sessions of the driver's endpoint.
pub struct Callers {
    /// The endpoint.
    pub endpoint: Handle,
}

impl Kernel for Callers {
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::message_read(token, DATA_BUFFER, offset, bytes)?)
    }

    fn write(&mut self, token: u64, bytes: &[u8]) -> Result<usize, Error> {
        Ok(safe::message_write(token, DATA_BUFFER, 0, bytes)?)
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn signal_all(&mut self, clear: Signals, set: Signals) {
        let mut badges = [0; MAX_SESSIONS];
        let count = safe::session_list(self.endpoint, 0, &mut badges).unwrap_or(0);
        for &badge in &badges[..count.min(MAX_SESSIONS)] {
            // A session that has just been closed is not there any more.
            let _ = safe::session_signal(self.endpoint, badge, clear, set);
        }
    }
}
