//! The machine through the kernel.

use alloc::vec::Vec;

use driver_hal::{Registers, Window};
use kernel_abi::memory::cache;
use kernel_abi::object::handle_flags;
use kernel_abi::system::InterruptArguments;
use kernel_abi::{Handle, PAGE_SIZE, Rights};
use kernel_stubs::safe;
use proto::Error;

use crate::acpi::ConfigurationSpace;
use crate::{Address, Platform};

/// Configuration space of one bus.
const BUS_SIZE: u64 = 1 << 20;
const FUNCTION_SIZE: u64 = 1 << 12;

/// The kernel's resource, and configuration space mapped so far.
pub struct Machine {
    resource: Handle,
    configuration: Option<ConfigurationSpace>,
    buses: Vec<(u8, Registers)>,
}

impl Machine {
    /// A machine reached through `resource`.
    pub fn new(resource: Handle) -> Machine {
        Machine {
            resource,
            configuration: None,
            buses: Vec::new(),
        }
    }

    /// Says where configuration space is.
    pub fn set_configuration(&mut self, configuration: ConfigurationSpace) {
        self.configuration = Some(configuration);
    }

    /// Maps whole pages around `address..+length` and returns the window over exactly that.
    fn map(&mut self, address: u64, length: u64, cache: u64) -> Result<Registers, Error> {
        let skipped = address % PAGE_SIZE;
        let size = (skipped + length).next_multiple_of(PAGE_SIZE);
        let base = address - skipped;
        let memory = safe::memory_create_physical(self.resource, base, size, cache)?;
        let mapped = Registers::map(memory, size);
        // The mapping keeps the memory.
        let _ = safe::handle_close(memory);
        mapped?.part(skipped, length).ok_or(Error::BadAddress)
    }

    fn bus(&mut self, bus: u8) -> Option<Registers> {
        if let Some((_, window)) = self.buses.iter().find(|(number, _)| *number == bus) {
            return Some(window.clone());
        }
        let space = self.configuration?;
        if !(space.first_bus..=space.last_bus).contains(&bus) {
            return None;
        }
        let address = space.base + u64::from(bus) * BUS_SIZE;
        let window = self.map(address, BUS_SIZE, cache::UNCACHED).ok()?;
        self.buses.push((bus, window.clone()));
        Some(window)
    }

    fn place(function: Address, offset: u16) -> u64 {
        let number = u64::from(function.device) * 8 + u64::from(function.function);
        number * FUNCTION_SIZE + u64::from(offset)
    }
}

impl Platform for Machine {
    fn read_physical(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let window = self.map(address, bytes.len() as u64, cache::CACHED)?;
        window
            .read_bytes(0, bytes)
            .then_some(())
            .ok_or(Error::BadAddress)
    }

    fn configuration_read(&mut self, function: Address, offset: u16) -> u32 {
        let bus = self.bus(function.bus);
        bus.map_or(u32::MAX, |bus| bus.read_u32(Self::place(function, offset)))
    }

    fn configuration_write(&mut self, function: Address, offset: u16, value: u32) {
        if let Some(bus) = self.bus(function.bus) {
            bus.write_u32(Self::place(function, offset), value);
        }
    }

    fn register_write(&mut self, address: u64, value: u32) -> Result<(), Error> {
        self.map(address, 4, cache::UNCACHED)?.write_u32(0, value);
        Ok(())
    }

    fn register_write_u8(&mut self, address: u64, value: u8) -> Result<(), Error> {
        self.map(address, 1, cache::UNCACHED)?.write_u8(0, value);
        Ok(())
    }

    fn registers(&mut self, address: u64, length: u64) -> Result<Handle, Error> {
        let uncached = cache::UNCACHED;
        Ok(safe::memory_create_physical(
            self.resource,
            address,
            length,
            uncached,
        )?)
    }

    fn interrupt(&mut self) -> Result<(Handle, u64, u32), Error> {
        let mut arguments = InterruptArguments {
            line: u32::MAX,
            ..Default::default()
        };
        let handle = safe::interrupt_create(self.resource, &mut arguments)?;
        let datum = u32::try_from(arguments.message_data).map_err(|_| Error::Io)?;
        Ok((handle, arguments.message_address, datum))
    }

    fn domain(&mut self) -> Result<(Handle, Handle), Error> {
        let domain = safe::dma_domain_create(self.resource)?;
        let flags = handle_flags::HIGH;
        match safe::handle_duplicate(domain, 0, Rights::ALL, flags) {
            Ok(drivers) => Ok((domain, drivers)),
            Err(error) => {
                let _ = safe::handle_close(domain);
                Err(error.into())
            }
        }
    }

    fn release_domain(&mut self, domain: Handle) {
        // Nothing is left to do if the kernel does not know it any more.
        let _ = safe::dma_release(domain);
        let _ = safe::handle_close(domain);
    }
}
