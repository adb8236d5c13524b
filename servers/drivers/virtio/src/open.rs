//! Claiming a device from the `devices` server.

use alloc::vec::Vec;

use driver_hal::{Registers, Window};
use kernel_abi::Handle;
use kernel_stubs::safe;
use proto::{Error, hardware};
use server_rt::Session;

use crate::{Capabilities, Device, Location};

/// Bytes of configuration space that a claim returns.
const CONFIGURATION_SIZE: usize = 256;

/// A claimed device.
pub struct Opened {
    /// Its registers.
    pub device: Device<Registers>,
    /// What pins memory for it.
    pub domain: Handle,
}

/// Claims the `index`th device that the session allows, and maps its registers.
///
/// # Errors
/// `NoDevice` when there is no such device, `Io` when it is not a modern virtio device, and
/// those of the `devices` server.
pub fn open(session: &Session, index: u32) -> Result<Opened, Error> {
    let mut configuration = [0; CONFIGURATION_SIZE];
    let answer = hardware::claim(session, index, &mut configuration, &[])?;
    let capabilities = Capabilities::parse(&configuration).ok_or(Error::Io)?;
    let mut bars = Bars {
        session,
        index,
        mapped: Vec::new(),
    };
    let common = bars.window(capabilities.common)?;
    let notify = bars.window(capabilities.notify)?;
    let own = match capabilities.device {
        Some(location) => Some(bars.window(location)?),
        None => None,
    };
    Ok(Opened {
        device: Device::new(common, notify, capabilities.notify_multiplier, own),
        domain: answer.handles[0],
    })
}

/// Base registers mapped so far: several structures usually share one.
struct Bars<'a> {
    session: &'a Session,
    index: u32,
    mapped: Vec<(u32, Registers)>,
}

impl Bars<'_> {
    fn window(&mut self, location: Location) -> Result<Registers, Error> {
        let known = self.mapped.iter().find(|(bar, _)| *bar == location.bar);
        let registers = match known {
            Some((_, registers)) => registers.clone(),
            None => self.map(location.bar)?,
        };
        registers
            .part(location.offset, location.length)
            .ok_or(Error::Io)
    }

    fn map(&mut self, bar: u32) -> Result<Registers, Error> {
        let answer = hardware::registers(self.session, self.index, bar, &[])?;
        let memory = answer.handles[0];
        let mapped = Registers::map(memory, answer.words[0]);
        // The mapping keeps the memory.
        let _ = safe::handle_close(memory);
        let registers = mapped?;
        self.mapped.push((bar, registers.clone()));
        Ok(registers)
    }
}
