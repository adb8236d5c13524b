//! The order of loading: check the kernel, place it, map it, answer its requests.

use crate::acpi::{self, Madt};
use crate::elf::{Executable, Segment};
use crate::memory::{PhysicalMemory, PhysicalRange, page_ceil, page_floor, write_u64};
use crate::paging::{Access, PageTables, PagingFeatures, REACHABLE_LIMIT};
use crate::requests::{RequestKind, Requests};
use crate::responses::{Arena, Framebuffer, Responder};
use crate::{HHDM_OFFSET, LoadError, MAX_PROCESSORS, MemoryKind, MemoryMap, PAGE_SIZE, STACK_SIZE};

/// Room for the responses whose size does not depend on what the entry passes in: a full
/// memory map takes half of it.
const ARENA_SIZE: u64 = 32 * 1024;
/// The first base revision in which ACPI tables are in the direct map and the root pointer
/// is given as a virtual address.
const ACPI_MAPPED_REVISION: u64 = 4;

/// The firmware, numbered as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// A BIOS, or a virtual machine that starts the loader directly.
    Bios = 0,
    /// 64-bit UEFI.
    Uefi = 2,
}

/// A file for the kernel, mapped in place and never copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its contents, starting at a page.
    pub range: PhysicalRange,
    /// The path under which the kernel sees it.
    pub path: &'a str,
}

/// How the local APICs are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct X2Apic {
    /// The processor can do it.
    pub supported: bool,
    /// The firmware has switched it on already; it cannot be switched off again.
    pub enabled: bool,
}

/// What an entry knows when it calls [`prepare`].
#[derive(Debug)]
pub struct BootInformation<'a> {
    /// All memory; what the loader itself occupies is not usable in it.
    pub memory_map: &'a mut MemoryMap,
    /// The kernel's file.
    pub kernel: PhysicalRange,
    /// Files for the kernel, in the order in which it will see them.
    pub modules: &'a [Module<'a>],
    /// The command line, without a NUL.
    pub command_line: &'a [u8],
    /// Physical address of the ACPI root pointer.
    pub rsdp: Option<u64>,
    /// The screen, if the firmware set one up.
    pub framebuffer: Option<Framebuffer>,
    /// Seconds since the epoch.
    pub date_at_boot: Option<i64>,
    /// What started the loader.
    pub firmware: Firmware,
    /// What the processor's paging offers.
    pub paging: PagingFeatures,
    /// How local APICs are addressed.
    pub x2apic: X2Apic,
    /// Local APIC id of the processor that runs the loader.
    pub boot_lapic_id: u32,
    /// A page below 1 MiB for the code that other processors start in.
    pub trampoline: u64,
}

/// A processor that the kernel will be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Processor {
    /// Local APIC id.
    pub lapic_id: u32,
    /// Address, in the direct map, of what the protocol keeps about it.
    pub info: u64,
    /// End of its stack in the direct map; 0 for the boot processor, which has its own.
    pub stack_top: u64,
}

/// What is left to do: start the processors, then jump.
#[derive(Debug, Clone)]
pub struct Handover {
    /// For CR3.
    pub page_table_root: u64,
    /// Address of the kernel's first instruction.
    pub entry: u64,
    /// End of the boot processor's stack in the direct map.
    pub stack_top: u64,
    /// Other processors are to be put into x2APIC mode, and so is this one.
    pub use_x2apic: bool,
    /// What the firmware says about interrupt controllers.
    pub madt: Madt,
    processors: [Processor; MAX_PROCESSORS],
    processor_count: usize,
    /// Physical addresses of the list of processors and of the response that counts it.
    processor_list: u64,
    processor_response: u64,
}

impl Handover {
    /// The processors that the kernel asked for, the boot processor among them; empty if
    /// it did not ask.
    #[must_use]
    pub fn processors(&self) -> &[Processor] {
        &self.processors[..self.processor_count]
    }

    /// Takes the processors out of the response for which `started` says no.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreachable`].
    pub fn keep_processors(
        &mut self,
        memory: &mut impl PhysicalMemory,
        mut started: impl FnMut(&Processor) -> bool,
    ) -> Result<(), LoadError> {
        if self.processor_count == 0 {
            return Ok(());
        }
        let mut kept = 0;
        for index in 0..self.processor_count {
            let processor = self.processors[index];
            if started(&processor) {
                write_u64(
                    memory,
                    self.processor_list + 8 * kept as u64,
                    processor.info,
                )?;
                self.processors[kept] = processor;
                kept += 1;
            }
        }
        self.processor_count = kept;
        write_u64(memory, self.processor_response + 16, kept as u64)
    }
}

/// Checks a kernel's file completely, changing nothing.
///
/// # Errors
///
/// Why the kernel cannot be loaded.
pub fn check_kernel(file: &[u8]) -> Result<(Executable, Requests), LoadError> {
    let executable = Executable::parse(file)?;
    let requests = Requests::find(&executable, file)?;
    Ok((executable, requests))
}

/// Loads and maps the kernel and answers its requests.
///
/// # Errors
///
/// Why the kernel cannot be started.
pub fn prepare(
    mut information: BootInformation<'_>,
    memory: &mut impl PhysicalMemory,
) -> Result<Handover, LoadError> {
    let file = memory
        .bytes(information.kernel)
        .ok_or(LoadError::Unreachable)?;
    let (executable, requests) = check_kernel(file)?;
    claim_memory(&mut information)?;
    if requests.base_revision >= ACPI_MAPPED_REVISION {
        expose_acpi_tables(&mut information, memory)?;
    }
    let image = load(&executable, &mut information, memory)?;
    let tables = map_everything(&executable, image, &mut information, memory)?;
    let stack_request = requests
        .get(RequestKind::StackSize)
        .map(|request| request.arguments[0]);
    let stack_size = stack_request.unwrap_or(0).max(STACK_SIZE);
    let stack_top = allocate(information.memory_map, stack_size)? + page_ceil(stack_size);
    let entry_request = requests
        .get(RequestKind::EntryPoint)
        .map(|request| request.arguments[0]);

    let x2apic = information.x2apic;
    let wants_x2apic = requests
        .get(RequestKind::Multiprocessor)
        .is_some_and(|r| r.arguments[0] & 1 != 0);
    let mut handover = Handover {
        page_table_root: tables.root(),
        entry: entry_request.unwrap_or(executable.entry),
        stack_top: stack_top + HHDM_OFFSET,
        use_x2apic: x2apic.enabled || (x2apic.supported && wants_x2apic),
        madt: information
            .rsdp
            .map_or(Madt::EMPTY, |rsdp| acpi::find_madt(memory, rsdp)),
        processors: [Processor::default(); MAX_PROCESSORS],
        processor_count: 0,
        processor_list: 0,
        processor_response: 0,
    };
    respond(
        &mut information,
        &executable,
        &requests,
        image,
        &mut handover,
        memory,
    )?;
    Ok(handover)
}

/// Settles what is usable, before anything is allocated.
fn claim_memory(information: &mut BootInformation<'_>) -> Result<(), LoadError> {
    let map = &mut *information.memory_map;
    map.align_usable()?;
    if let Some(framebuffer) = &information.framebuffer {
        map.overlay(whole_pages(framebuffer.range), MemoryKind::Framebuffer)?;
    }
    for module in information.modules {
        if module.range.length == 0 || !module.range.base.is_multiple_of(PAGE_SIZE) {
            return Err(LoadError::BadModule);
        }
        map.overlay(whole_pages(module.range), MemoryKind::ExecutableAndModules)?;
    }
    let trampoline = PhysicalRange {
        base: information.trampoline,
        length: PAGE_SIZE,
    };
    map.overlay(trampoline, MemoryKind::BootloaderReclaimable)
}

/// Puts ACPI tables that lie in reserved memory into the direct map.
fn expose_acpi_tables(
    information: &mut BootInformation<'_>,
    memory: &impl PhysicalMemory,
) -> Result<(), LoadError> {
    let Some(rsdp) = information.rsdp else {
        return Ok(());
    };
    let map = &mut *information.memory_map;
    let mut result = Ok(());
    acpi::for_each_table(memory, rsdp, |_, range| {
        let pages = whole_pages(range);
        // BIOS areas are often missing from the map altogether.
        let unmapped = matches!(map.kind_at(range.base), None | Some(MemoryKind::Reserved));
        if unmapped && result.is_ok() {
            result = map.overlay(pages, MemoryKind::MappedReserved);
        }
    });
    result
}

/// Copies the kernel's segments to fresh memory; returns where its lowest page went.
fn load(
    executable: &Executable,
    information: &mut BootInformation<'_>,
    memory: &mut impl PhysicalMemory,
) -> Result<u64, LoadError> {
    let kind = MemoryKind::ExecutableAndModules;
    let image = information
        .memory_map
        .allocate(executable.span(), kind, REACHABLE_LIMIT)?;
    for segment in executable.segments() {
        let pages = segment_pages(segment, executable, image);
        let start = pages.base + segment.virtual_address % PAGE_SIZE;
        let contents_end = start + segment.file_size;
        zero(memory, pages.base, start)?;
        zero(memory, contents_end, pages.end())?;
        let base = information.kernel.base + segment.file_offset;
        let contents = PhysicalRange {
            base,
            length: segment.file_size,
        };
        memory.copy(contents, start).ok_or(LoadError::Unreachable)?;
    }
    Ok(image)
}

fn segment_pages(segment: &Segment, executable: &Executable, image: u64) -> PhysicalRange {
    let base = image + (segment.first_page() - executable.base());
    PhysicalRange {
        base,
        length: segment.page_length(),
    }
}

fn map_everything(
    executable: &Executable,
    image: u64,
    information: &mut BootInformation<'_>,
    memory: &mut impl PhysicalMemory,
) -> Result<PageTables, LoadError> {
    let map = &mut *information.memory_map;
    let tables = PageTables::new(memory, map, information.paging)?;
    for segment in executable.segments() {
        let pages = segment_pages(segment, executable, image);
        let Segment {
            writable,
            executable,
            ..
        } = *segment;
        let access = Access {
            writable,
            executable,
            write_combining: false,
        };
        tables.map(memory, map, segment.first_page(), pages, access)?;
    }
    let mut from = 0;
    while let Some(range) = map.next_direct_mapped(from) {
        tables.map(memory, map, HHDM_OFFSET + range.base, range, Access::DATA)?;
        from = range.end();
    }
    if let Some(framebuffer) = &information.framebuffer {
        let pages = whole_pages(framebuffer.range);
        tables.map(
            memory,
            map,
            HHDM_OFFSET + pages.base,
            pages,
            Access::FRAMEBUFFER,
        )?;
    }
    // The code that changes to these tables, and the loop in which other processors wait,
    // run at the same address before and after the change.
    let trampoline = PhysicalRange {
        base: information.trampoline,
        length: PAGE_SIZE,
    };
    tables.map(
        memory,
        map,
        information.trampoline,
        trampoline,
        Access::CODE,
    )?;
    Ok(tables)
}

fn respond(
    information: &mut BootInformation<'_>,
    executable: &Executable,
    requests: &Requests,
    image: u64,
    handover: &mut Handover,
    memory: &mut impl PhysicalMemory,
) -> Result<(), LoadError> {
    let strings = information
        .modules
        .iter()
        .map(|module| module.path.len() as u64 + 256);
    let length = ARENA_SIZE + information.command_line.len() as u64 + strings.sum::<u64>();
    let base = allocate(information.memory_map, length)?;
    let arena = Arena::new(PhysicalRange { base, length });
    let mut responder = Responder {
        requests,
        image,
        arena,
    };

    respond_simply(&mut responder, information, executable, memory)?;
    responder.modules(memory, information.modules)?;
    if let Some(framebuffer) = &information.framebuffer {
        responder.framebuffer(memory, framebuffer)?;
    }
    if requests.get(RequestKind::Multiprocessor).is_some() {
        respond_processors(&mut responder, information, handover, memory)?;
    }
    responder.grant_base_revision(memory)?;
    responder.memory_map(memory, information.memory_map.regions())
}

/// The responses of a few words each.
fn respond_simply(
    responder: &mut Responder<'_>,
    information: &BootInformation<'_>,
    executable: &Executable,
    memory: &mut impl PhysicalMemory,
) -> Result<(), LoadError> {
    let name = responder.arena.string(memory, b"MicroKosm loader")?;
    let version = responder
        .arena
        .string(memory, env!("CARGO_PKG_VERSION").as_bytes())?;
    let command_line = responder.arena.string(memory, information.command_line)?;
    responder.respond(memory, RequestKind::BootloaderInfo, [0, name, version])?;
    responder.respond(memory, RequestKind::CommandLine, [0, command_line])?;
    responder.respond(
        memory,
        RequestKind::FirmwareType,
        [0, information.firmware as u64],
    )?;
    responder.respond(memory, RequestKind::StackSize, [0])?;
    responder.respond(memory, RequestKind::EntryPoint, [0])?;
    responder.respond(memory, RequestKind::Hhdm, [0, HHDM_OFFSET])?;
    responder.respond(memory, RequestKind::PagingMode, [0, 0])?;
    let address = [0, responder.image, executable.base()];
    responder.respond(memory, RequestKind::ExecutableAddress, address)?;
    if let Some(rsdp) = information.rsdp {
        let mapped = responder.requests.base_revision >= ACPI_MAPPED_REVISION;
        let address = if mapped { rsdp + HHDM_OFFSET } else { rsdp };
        responder.respond(memory, RequestKind::Rsdp, [0, address])?;
    }
    if let Some(date) = information.date_at_boot {
        responder.respond(memory, RequestKind::DateAtBoot, [0, date.cast_unsigned()])?;
    }
    Ok(())
}

fn respond_processors(
    responder: &mut Responder<'_>,
    information: &mut BootInformation<'_>,
    handover: &mut Handover,
    memory: &mut impl PhysicalMemory,
) -> Result<(), LoadError> {
    let boot_id = information.boot_lapic_id;
    let boot_only = [acpi::ApicProcessor {
        processor_id: 0,
        lapic_id: boot_id,
    }];
    let described = handover.madt.processors();
    // Firmware that does not list the processor it runs on is not to be believed at all.
    let trusted = described
        .iter()
        .any(|processor| processor.lapic_id == boot_id);
    let list = if trusted { described } else { &boot_only[..] };
    let addressable = |id: u32| handover.use_x2apic || id < 255;
    for processor in list
        .iter()
        .filter(|processor| addressable(processor.lapic_id))
    {
        let ids = u64::from(processor.processor_id) | u64::from(processor.lapic_id) << 32;
        // Ids, reserved, address to go to, argument.
        let info = responder.arena.words(memory, [ids, 0, 0, 0].into_iter())?;
        let stack_top = if processor.lapic_id == boot_id {
            0
        } else {
            allocate(information.memory_map, STACK_SIZE)? + STACK_SIZE + HHDM_OFFSET
        };
        let entry = Processor {
            lapic_id: processor.lapic_id,
            info,
            stack_top,
        };
        handover.processors[handover.processor_count] = entry;
        handover.processor_count += 1;
    }
    let addresses = handover.processors().iter().map(|processor| processor.info);
    let list = responder.arena.words(memory, addresses)?;
    let flags = u64::from(handover.use_x2apic) | u64::from(boot_id) << 32;
    handover.processor_list = list - HHDM_OFFSET;
    handover.processor_response = responder.arena.next_address();
    let count = handover.processor_count as u64;
    responder.respond(memory, RequestKind::Multiprocessor, [0, flags, count, list])
}

fn allocate(map: &mut MemoryMap, length: u64) -> Result<u64, LoadError> {
    map.allocate(length, MemoryKind::BootloaderReclaimable, REACHABLE_LIMIT)
}

fn zero(memory: &mut impl PhysicalMemory, start: u64, end: u64) -> Result<(), LoadError> {
    let range = PhysicalRange {
        base: start,
        length: end - start,
    };
    memory
        .bytes_mut(range)
        .ok_or(LoadError::Unreachable)?
        .fill(0);
    Ok(())
}

fn whole_pages(range: PhysicalRange) -> PhysicalRange {
    let base = page_floor(range.base);
    PhysicalRange {
        base,
        length: page_ceil(range.end()) - base,
    }
}
