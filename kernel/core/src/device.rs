//! What drivers need of the machine: ports, pinned pages, physical memory, control.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::MemoryId;
use crate::object::{HandleEntry, Object};
use crate::slab::Id;
use crate::thread::{Step, Stop};
use alloc::vec::Vec;
use kernel_abi::system::control;
use kernel_abi::{Error, PAGE_SIZE, Rights};

/// A range of I/O ports.
pub(crate) struct Ports {
    pub references: u32,
    base: u16,
    count: u32,
}

/// Pages pinned for one device.
pub(crate) struct DmaDomain {
    pub references: u32,
    /// Ranges: memory (counted), offset, length.
    pinned: Vec<(HandleEntry, u64, u64)>,
}

/// Ports there are.
const PORTS: u64 = 1 << 16;
/// Longest word of the kernel's command line that is looked for.
const OPTION_BYTES: u64 = 64;
/// Most bytes of one PortWriteBytes or DebugWrite step.
const WRITE_BYTES: u64 = 4096;
/// Most pages of one DmaPin.
const PIN_PAGES: u64 = 4096;

impl<M: Machine> Kernel<M> {
    /// Fails unless the handle is the Resource with the right to manage.
    pub(crate) fn check_resource(&self, process: ProcessId, handle: u64) -> Result<(), Error> {
        match self.lookup(process, handle, Rights::MANAGE)?.object {
            Object::Resource => Ok(()),
            _ => Err(Error::WrongKind),
        }
    }

    /// PortsCreate.
    pub(crate) fn ports_create(
        &mut self,
        process: ProcessId,
        resource: u64,
        base: u64,
        count: u64,
    ) -> Step {
        self.check_resource(process, resource)?;
        self.check_reserve()?;
        let end = base.checked_add(count).ok_or(Error::BadArgument)?;
        let start = u16::try_from(base).map_err(|_| Error::BadArgument)?;
        if count == 0 || end > PORTS {
            return Err(Error::BadArgument.into());
        }
        let id = self.ports.insert(Ports {
            references: 0,
            base: start,
            count: count as u32,
        });
        Ok(self.place_new(process, Object::Ports(id), Rights::ALL)?)
    }

    fn port_at(
        &self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        width: u64,
        rights: Rights,
    ) -> Result<u16, Error> {
        let Object::Ports(id) = self.lookup(process, handle, rights)?.object else {
            return Err(Error::WrongKind);
        };
        let ports = self.ports.get(id).ok_or(Error::BadHandle)?;
        let end = offset.checked_add(width).ok_or(Error::BadArgument)?;
        if !matches!(width, 1 | 2 | 4) || end > u64::from(ports.count) {
            return Err(Error::BadArgument);
        }
        u16::try_from(u64::from(ports.base) + offset).map_err(|_| Error::BadArgument)
    }

    /// PortRead.
    pub(crate) fn port_read(
        &mut self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        width: u64,
    ) -> Step {
        let port = self.port_at(process, handle, offset, width, Rights::READ)?;
        Ok(u64::from(self.machine.port_read(port, width as u8)))
    }

    /// PortWrite.
    pub(crate) fn port_write(
        &mut self,
        process: ProcessId,
        handle: u64,
        offset: u64,
        width: u64,
        value: u64,
    ) -> Step {
        let port = self.port_at(process, handle, offset, width, Rights::WRITE)?;
        self.machine.port_write(port, width as u8, value as u32);
        Ok(0)
    }

    /// PortWriteBytes.
    pub(crate) fn port_write_bytes(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [handle, offset, address, length, ..] = arguments;
        let port = self.port_at(process, handle, offset, 1, Rights::WRITE)?;
        let bytes = self.next_bytes(thread, address, length)?;
        for byte in &bytes {
            self.machine.port_write(port, 1, u32::from(*byte));
        }
        self.advance(thread, bytes.len() as u64, length)
    }

    /// DebugWrite.
    pub(crate) fn debug_write(&mut self, thread: ThreadId, address: u64, length: u64) -> Step {
        let bytes = self.next_bytes(thread, address, length)?;
        self.machine.debug_write(&bytes);
        self.advance(thread, bytes.len() as u64, length)
    }

    /// The next piece of a long argument, after the thread's progress.
    fn next_bytes(&mut self, thread: ThreadId, address: u64, length: u64) -> Result<Vec<u8>, Stop> {
        let done = self.progress(thread).min(length);
        let piece = (length - done).min(WRITE_BYTES);
        let start = address.checked_add(done).ok_or(Error::BadAddress)?;
        self.gather(thread, &[(start, piece)], 0, piece as usize)
    }

    /// Records a piece; the call goes on until all is done.
    fn advance(&mut self, thread: ThreadId, piece: u64, length: u64) -> Step {
        let done = self.progress(thread).saturating_add(piece).min(length);
        self.set_progress(thread, done);
        if done < length {
            Err(Stop::Again)
        } else {
            Ok(done)
        }
    }

    /// Random.
    pub(crate) fn random(&mut self, thread: ThreadId, address: u64, length: u64) -> Step {
        let done = self.progress(thread).min(length);
        let piece = (length - done).min(WRITE_BYTES);
        let mut bytes = Vec::with_capacity(piece as usize + 8);
        while (bytes.len() as u64) < piece {
            bytes.extend_from_slice(&self.machine.entropy().to_le_bytes());
        }
        bytes.truncate(piece as usize);
        let start = address.checked_add(done).ok_or(Error::BadAddress)?;
        self.write_user(thread, start, &bytes)?;
        self.advance(thread, piece, length)
    }

    /// DmaDomainCreate.
    pub(crate) fn dma_domain_create(&mut self, process: ProcessId, resource: u64) -> Step {
        self.check_resource(process, resource)?;
        self.check_reserve()?;
        let id = self.dma_domains.insert(DmaDomain {
            references: 0,
            pinned: Vec::new(),
        });
        Ok(self.place_new(process, Object::DmaDomain(id), Rights::ALL)?)
    }

    fn dma_domain_of(&self, process: ProcessId, handle: u64) -> Result<Id<DmaDomain>, Error> {
        match self.lookup(process, handle, Rights::WRITE)?.object {
            Object::DmaDomain(id) => Ok(id),
            _ => Err(Error::WrongKind),
        }
    }

    fn memory_entry(
        &self,
        process: ProcessId,
        handle: u64,
    ) -> Result<(HandleEntry, MemoryId), Error> {
        let entry = self.lookup(process, handle, Rights::READ)?;
        match entry.object {
            Object::Memory(id) => Ok((HandleEntry::new(entry.object, entry.rights), id)),
            _ => Err(Error::WrongKind),
        }
    }

    /// DmaPin.
    pub(crate) fn dma_pin(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [domain, memory, offset, length, addresses, _] = arguments;
        let domain = self.dma_domain_of(process, domain)?;
        let (entry, memory) = self.memory_entry(process, memory)?;
        self.check_reserve()?;
        let pages = length.div_ceil(PAGE_SIZE);
        if length == 0 || pages > PIN_PAGES {
            return Err(Error::BadArgument.into());
        }
        self.write_words(thread, addresses, &alloc::vec![0; pages as usize])?;
        let physical = self.memory.pin(&mut self.machine, memory, offset, length);
        self.settle_memory();
        let physical = physical.map_err(Stop::from)?;
        self.retain(&entry);
        if let Some(domain) = self.dma_domains.get_mut(domain) {
            domain.pinned.push((entry, offset, length));
        }
        self.write_words(thread, addresses, &physical)?;
        Ok(physical.len() as u64)
    }

    /// DmaUnpin.
    pub(crate) fn dma_unpin(&mut self, process: ProcessId, arguments: [u64; 6]) -> Step {
        let [domain, memory, offset, length, ..] = arguments;
        let domain = self.dma_domain_of(process, domain)?;
        let (entry, _) = self.memory_entry(process, memory)?;
        let found = self.dma_domains.get_mut(domain).ok_or(Error::BadHandle)?;
        let range = found
            .pinned
            .iter()
            .position(|(p, o, l)| p.object == entry.object && (*o, *l) == (offset, length))
            .ok_or(Error::NotFound)?;
        let (entry, offset, length) = found.pinned.swap_remove(range);
        self.unpin_entry(entry, offset, length);
        Ok(0)
    }

    /// DmaRelease.
    pub(crate) fn dma_release(&mut self, process: ProcessId, domain: u64) -> Step {
        let domain = self.dma_domain_of(process, domain)?;
        self.dma_unpin_all(domain);
        Ok(0)
    }

    fn dma_unpin_all(&mut self, id: Id<DmaDomain>) {
        let Some(domain) = self.dma_domains.get_mut(id) else {
            return;
        };
        for (entry, offset, length) in core::mem::take(&mut domain.pinned) {
            self.unpin_entry(entry, offset, length);
        }
    }

    fn unpin_entry(&mut self, entry: HandleEntry, offset: u64, length: u64) {
        if let Object::Memory(memory) = entry.object {
            self.memory.unpin(&mut self.machine, memory, offset, length);
        }
        self.release(entry);
    }

    /// The last handle is closed: whoever held it has reset the device.
    pub(crate) fn dma_domain_remove(&mut self, id: Id<DmaDomain>) {
        self.dma_unpin_all(id);
        self.dma_domains.remove(id);
    }

    /// SystemControl.
    pub(crate) fn system_control(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [resource, command, argument, argument2, ..] = arguments;
        self.check_resource(process, resource)?;
        match command {
            control::POWER_OFF | control::REBOOT | control::TEST_EXIT => {
                self.machine.control(command, argument);
                // It returns only when the machine cannot do it.
                Err(Error::Unsupported.into())
            }
            control::SET_REALTIME_OFFSET_NS => {
                self.machine.set_realtime_offset_ns(argument);
                self.realtime_changed();
                Ok(0)
            }
            control::HAS_OPTION if argument2 <= OPTION_BYTES => {
                let size = argument2 as usize;
                let option = self.gather(thread, &[(argument, argument2)], 0, size)?;
                Ok(u64::from(self.machine.has_option(&option)))
            }
            _ => Err(Error::BadArgument.into()),
        }
    }
}
