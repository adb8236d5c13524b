//! The first process, made by the kernel itself.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::memory::{MapRequest, MemoryId, SpaceId};
use crate::object::{HandleEntry, Object};
use crate::thread::{INITIAL_RFLAGS, user_address};
use alloc::vec::Vec;
use kernel_abi::memory::{cache, map_flags, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{Registers, process_state};
use kernel_abi::system::{START_MAGIC, StartBlock, StartEntry};
use kernel_abi::{Error, Handle, ObjectKind, PAGE_SIZE, Rights, Signals};

/// Bytes of the first process's stack.
const STACK_BYTES: u64 = 64 * 1024;
/// Where the stack and the start block are, far from where programs are linked.
const STACK_ADDRESS: u64 = 0x7000_0000_0000;
const START_ADDRESS: u64 = 0x7000_1000_0000;

/// A frame buffer that the loader found.
#[derive(Clone, Copy, Debug)]
pub struct FrameBuffer {
    /// Physical address.
    pub address: u64,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next.
    pub pitch: u32,
}

/// What the first process is made of.
#[derive(Clone, Copy, Debug)]
pub struct FirstProcess<'a> {
    /// A static ELF64 executable.
    pub image: &'a [u8],
    /// Physical address (page aligned) and length in bytes of the boot bundle.
    pub bundle: (u64, u64),
    /// Physical address of the RSDP; 0: none.
    pub rsdp: u64,
    /// The kernel's command line.
    pub command_line: &'a [u8],
    /// The frame buffer.
    pub frame_buffer: Option<FrameBuffer>,
}

/// A loadable part of the image.
struct Segment<'a> {
    address: u64,
    size: u64,
    bytes: &'a [u8],
    protection: u32,
}

impl<M: Machine> Kernel<M> {
    /// Makes the first process and lets it run. Its supervisor is nobody: it must not fail.
    ///
    /// # Errors
    /// `BadArgument` when the image is no static ELF64 executable, `NoMemory`.
    pub fn boot_first_process(&mut self, first: &FirstProcess<'_>) -> Result<ThreadId, Error> {
        let space = self.memory.space_create(&mut self.machine)?;
        let process = self.process_new(space)?;
        if let Some(found) = self.processes.get_mut(process) {
            found.makes_processes = true;
        }
        let entry = self.load_image(space, first.image)?;
        let anonymous = protection::READ | protection::WRITE;
        self.map_bytes(space, STACK_ADDRESS, STACK_BYTES, &[], anonymous)?;
        let entries = self.first_handles(process, first)?;
        let block = start_block(&entries);
        let size = (block.len() as u64).next_multiple_of(PAGE_SIZE);
        self.map_bytes(space, START_ADDRESS, size, &block, protection::READ)?;
        let registers = Registers {
            rip: entry,
            rsp: STACK_ADDRESS + STACK_BYTES - 8,
            rdi: START_ADDRESS,
            rflags: INITIAL_RFLAGS,
            ..Registers::default()
        };
        let priority = self
            .processes
            .get(process)
            .ok_or(Error::NoProcess)?
            .priority;
        let thread = self.thread_new(process, registers, priority, 0)?;
        if let Some(found) = self.processes.get_mut(process) {
            found.state = process_state::RUNNING;
            // Never removed while it runs, though no handle leads to it.
            found.signals.word = Signals::NONE;
        }
        self.make_ready(thread);
        Ok(thread)
    }

    /// Maps the image's segments and returns the entry point.
    fn load_image(&mut self, space: SpaceId, image: &[u8]) -> Result<u64, Error> {
        let (entry, segments) = parse_image(image).ok_or(Error::BadArgument)?;
        for segment in segments {
            let start = segment.address & !(PAGE_SIZE - 1);
            let skip = segment.address - start;
            let end = segment
                .address
                .checked_add(segment.size)
                .ok_or(Error::BadArgument)?;
            let size = end
                .checked_next_multiple_of(PAGE_SIZE)
                .ok_or(Error::BadArgument)?
                - start;
            let mut bytes = alloc::vec![0; skip as usize];
            bytes.extend_from_slice(segment.bytes);
            self.map_bytes(space, start, size, &bytes, segment.protection)?;
        }
        user_address(entry)
    }

    /// Maps fresh memory that begins with some bytes.
    fn map_bytes(
        &mut self,
        space: SpaceId,
        address: u64,
        length: u64,
        bytes: &[u8],
        protection: u32,
    ) -> Result<(), Error> {
        let writable = protection::READ | protection::WRITE;
        let machine = &mut self.machine;
        let request = MapRequest {
            address,
            length,
            offset: 0,
            memory: None,
            protection: writable,
            flags: map_flags::ANONYMOUS | map_flags::FIXED | map_flags::NO_REPLACE,
            maximum: protection::READ | protection::WRITE | protection::EXECUTE,
        };
        self.memory.map(machine, space, &request)?;
        self.memory
            .copy_out(machine, space, address, bytes)
            .map_err(|_| Error::NoMemory)?;
        if protection != writable {
            self.memory
                .protect(machine, space, address, length, protection)?;
        }
        Ok(())
    }

    /// Gives the first process its handles.
    fn first_handles(
        &mut self,
        process: ProcessId,
        first: &FirstProcess<'_>,
    ) -> Result<Vec<StartEntry>, Error> {
        let mut entries = Vec::new();
        let (address, length) = first.bundle;
        let size = length.next_multiple_of(PAGE_SIZE);
        let bundle = self.memory.create_physical(address, size)?;
        let readable = Rights::ALL.without(Rights::WRITE);
        entries.push(self.give(process, "bundle", Object::Memory(bundle), readable, length)?);
        entries.push(self.give(process, "resource", Object::Resource, Rights::ALL, 0)?);
        entries.push(start_entry("rsdp", Handle::NONE.0, 0, first.rsdp));
        let line = first.command_line;
        let memory = self.memory_with(line)?;
        let length = line.len() as u64;
        entries.push(self.give(
            process,
            "command-line",
            Object::Memory(memory),
            readable,
            length,
        )?);
        if let Some(buffer) = first.frame_buffer {
            let size = u64::from(buffer.pitch) * u64::from(buffer.height);
            let size = size.next_multiple_of(PAGE_SIZE);
            let memory = self
                .memory
                .create_device(buffer.address, size, cache::WRITE_COMBINING)?;
            let value = u64::from(buffer.width) << 48
                | u64::from(buffer.height & 0xffff) << 32
                | u64::from(buffer.pitch);
            let object = Object::Memory(memory);
            entries.push(self.give(process, "framebuffer", object, Rights::ALL, value)?);
        }
        Ok(entries)
    }

    /// Memory that holds some bytes.
    fn memory_with(&mut self, bytes: &[u8]) -> Result<MemoryId, Error> {
        let size = (bytes.len() as u64).max(1);
        let memory = self.memory.create_anonymous(&mut self.machine, size, 0)?;
        let filled = self.memory.fill_memory(&mut self.machine, memory, 0, bytes);
        filled.map_err(|_| Error::NoMemory)?;
        Ok(memory)
    }

    fn give(
        &mut self,
        process: ProcessId,
        name: &str,
        object: Object,
        rights: Rights,
        value: u64,
    ) -> Result<StartEntry, Error> {
        // A new Memory has its first reference already.
        let entry = HandleEntry::new(object, rights);
        let slot = self.place(process, entry, 0, handle_flags::HIGH)?;
        let kind = if object == Object::Resource {
            ObjectKind::Resource
        } else {
            object.kind()
        };
        Ok(start_entry(name, slot, kind as u32, value))
    }
}

fn start_entry(name: &str, handle: u32, kind: u32, value: u64) -> StartEntry {
    let mut padded = [0; 32];
    for (place, byte) in padded.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    StartEntry {
        name: padded,
        handle,
        kind,
        value,
    }
}

/// The bytes of a start block without arguments.
fn start_block(entries: &[StartEntry]) -> Vec<u8> {
    let header = StartBlock {
        magic: START_MAGIC,
        entry_count: entries.len() as u64,
        argument_bytes: 0,
        restarts: 0,
    };
    let words = [
        header.magic,
        header.entry_count,
        header.argument_bytes,
        header.restarts,
    ];
    let mut block: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    for entry in entries {
        block.extend_from_slice(&entry.name);
        block.extend_from_slice(&entry.handle.to_le_bytes());
        block.extend_from_slice(&entry.kind.to_le_bytes());
        block.extend_from_slice(&entry.value.to_le_bytes());
    }
    block
}

/// The entry point and the segments of a static ELF64 executable for this machine.
fn parse_image(image: &[u8]) -> Option<(u64, Vec<Segment<'_>>)> {
    const LOADABLE: u32 = 1;
    const X86_64: u16 = 62;
    const EXECUTABLE: u16 = 2;
    let half = |at: usize| {
        image
            .get(at..)?
            .first_chunk()
            .copied()
            .map(u16::from_le_bytes)
    };
    let word = |at: usize| {
        image
            .get(at..)?
            .first_chunk()
            .copied()
            .map(u32::from_le_bytes)
    };
    let long = |at: usize| {
        image
            .get(at..)?
            .first_chunk()
            .copied()
            .map(u64::from_le_bytes)
    };
    // Identification: magic, 64 bits, little endian.
    if image.get(..6)? != b"\x7fELF\x02\x01" || half(16)? != EXECUTABLE || half(18)? != X86_64 {
        return None;
    }
    let (entry, table) = (long(24)?, usize::try_from(long(32)?).ok()?);
    let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
    let mut segments = Vec::new();
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if word(header)? != LOADABLE || long(header.checked_add(40)?)? == 0 {
            continue;
        }
        let start = usize::try_from(long(header + 8)?).ok()?;
        let length = usize::try_from(long(header + 32)?).ok()?;
        let bytes = image.get(start..start.checked_add(length)?)?;
        // Bits of p_flags: 1 execute, 2 write, 4 read.
        let flags = word(header + 4)?;
        let bit = |present: u32, gives: u32| if flags & present != 0 { gives } else { 0 };
        let protection =
            bit(4, protection::READ) | bit(2, protection::WRITE) | bit(1, protection::EXECUTE);
        let address = user_address(long(header + 16)?).ok()?;
        let size = long(header + 40)?;
        if size < length as u64 || protection & 6 == 6 {
            return None;
        }
        segments.push(Segment {
            address,
            size,
            bytes,
            protection,
        });
    }
    Some((entry, segments))
}
