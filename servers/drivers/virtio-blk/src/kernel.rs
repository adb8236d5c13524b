//! Pins, rights and replies through the kernel.

use kernel_abi::{Handle, Rights};
use kernel_stubs::safe;
use proto::{Answer, Error};

use crate::Kernel;

/// The disk's DMA domain.
pub struct Pins {
    /// Handle of the domain.
    pub domain: Handle,
}

impl Kernel for Pins {
    fn pin(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        addresses: &mut [u64],
    ) -> Result<(), Error> {
        Ok(safe::dma_pin(
            self.domain,
            memory,
            offset,
            length,
            addresses,
        )?)
    }

    fn unpin(&mut self, memory: Handle, offset: u64, length: u64) {
        // It was pinned, so the kernel knows it.
        let _ = safe::dma_unpin(self.domain, memory, offset, length);
    }

    fn allows(&self, memory: Handle, device_writes: bool) -> bool {
        let needed = if device_writes {
            Rights::WRITE
        } else {
            Rights::READ
        };
        safe::handle_info(memory).is_ok_and(|info| Rights(info.rights).contains(needed))
    }

    fn close(&mut self, memory: Handle) {
        let _ = safe::handle_close(memory);
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }
}
