//! From the first instruction to the kernel.

use core::arch::global_asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use boot_bundle::{Bundle, BundleError, KERNEL_NAME};
use loader_core::pvh::StartInfo;
use loader_core::{
    BootInformation, Firmware, LoadError, MemoryKind, MemoryMap, Module, PhysicalMemory,
    PhysicalRange, prepare,
};
use loader_hardware::console::stop;
use loader_hardware::memory::IdentityMemory;
use loader_hardware::{clock, registers, start_kernel};

use crate::screen::Console;

/// Memory that the entry code maps at its own addresses.
const IDENTITY_LIMIT: u64 = 1 << 32;
/// The page in which processors start must lie below this.
const REAL_MODE_LIMIT: u64 = 1 << 20;
const COMMAND_LINE_MAX: usize = 4096;

// The note tells QEMU where to enter: type 18 of the owner Xen, a 32-bit address. The entry
// is 32-bit protected mode without paging; ebx points to the start information.
//
// The tables map the first 4 GiB with 2 MiB pages: 1 GiB pages would need less, but not
// every processor has them.
global_asm!(
    ".section .note.pvh, \"a\", @note",
    ".balign 4",
    ".long 4, 4, 18",
    ".asciz \"Xen\"",
    ".long pvh_start",
    ".section .text.pvh, \"ax\"",
    ".code32",
    ".global pvh_start",
    "pvh_start:",
    "    cli",
    "    cld",
    "    movl $pvh_stack_top, %esp",
    "    movl $pvh_directories, %edi",
    "    movl $0x83, %eax",
    "    movl $2048, %ecx",
    "1:",
    "    movl %eax, (%edi)",
    "    addl $8, %edi",
    "    addl $0x200000, %eax",
    "    loop 1b",
    "    movl $pvh_directories + 3, %eax",
    "    movl $pvh_directory_pointers, %edi",
    "    movl $4, %ecx",
    "2:",
    "    movl %eax, (%edi)",
    "    addl $8, %edi",
    "    addl $0x1000, %eax",
    "    loop 2b",
    "    movl $pvh_directory_pointers + 3, %eax",
    "    movl %eax, pvh_root",
    "    movl $pvh_root, %eax",
    "    movl %eax, %cr3",
    "    movl %cr4, %eax",
    "    orl $0x20, %eax",
    "    movl %eax, %cr4",
    "    movl $0xc0000080, %ecx",
    "    rdmsr",
    "    orl $0x100, %eax",
    "    wrmsr",
    "    movl $0x80000011, %eax",
    "    movl %eax, %cr0",
    "    lgdtl pvh_gdt_operand",
    "    ljmpl $8, $pvh_long_mode",
    ".code64",
    "pvh_long_mode:",
    "    movl $16, %eax",
    "    movw %ax, %ds",
    "    movw %ax, %es",
    "    movw %ax, %ss",
    "    movl %ebx, %edi",
    "    call {main}",
    "    ud2",
    ".balign 8",
    "pvh_gdt:",
    "    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff",
    "pvh_gdt_operand:",
    "    .word 23",
    "    .long pvh_gdt",
    ".section .bss.pvh, \"aw\", @nobits",
    ".balign 4096",
    "pvh_root: .skip 4096",
    "pvh_directory_pointers: .skip 4096",
    "pvh_directories: .skip 4 * 4096",
    "pvh_stack: .skip 64 * 1024",
    "pvh_stack_top:",
    ".text",
    main = sym main,
    options(att_syntax),
);

unsafe extern "C" {
    static loader_start: u8;
    static loader_end: u8;
}

/// Why there is nothing to start.
enum EntryError {
    NoStartInfo,
    NoBundle,
    Bundle(BundleError),
    NoKernel,
    Load(LoadError),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStartInfo => write!(f, "no PVH start information of version 1 or later"),
            Self::NoBundle => write!(f, "no boot bundle: give one with -initrd"),
            Self::Bundle(error) => error.fmt(f),
            Self::NoKernel => write!(f, "the bundle has no entry named {KERNEL_NAME}"),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl From<LoadError> for EntryError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

extern "C" fn main(start_info: u64) -> ! {
    // SAFETY: the entry code has mapped the first 4 GiB; the memory map keeps the loader's
    // own range out of everything that is allocated.
    let mut memory = unsafe { IdentityMemory::new(IDENTITY_LIMIT) };
    let mut buffer = [0; COMMAND_LINE_MAX];
    let start_info = StartInfo::read(&memory, start_info);
    let command_line = match &start_info {
        Some(info) => info.command_line(&memory, &mut buffer),
        None => &[],
    };
    let result = start_info
        .ok_or(EntryError::NoStartInfo)
        .and_then(|info| boot(&info, command_line, &mut memory));
    if let Err(error) = result {
        // Nobody is left to tell if the message cannot be written.
        let _ = writeln!(Console::new(), "loader: {error}");
    }
    stop(command_line)
}

fn boot(
    start_info: &StartInfo,
    command_line: &[u8],
    memory: &mut IdentityMemory,
) -> Result<(), EntryError> {
    let bundle = start_info.first_module.ok_or(EntryError::NoBundle)?;
    let kernel = find_kernel(bundle, memory)?;
    let mut memory_map = MemoryMap::new();
    start_info.memory_map(memory, &mut memory_map)?;
    let start = (&raw const loader_start) as u64;
    let length = (&raw const loader_end) as u64 - start;
    let loader = PhysicalRange {
        base: start,
        length,
    };
    memory_map.overlay(loader, MemoryKind::BootloaderReclaimable)?;
    let kind = MemoryKind::BootloaderReclaimable;
    let trampoline = memory_map.allocate(1, kind, REAL_MODE_LIMIT)?;
    let handover = prepare(
        BootInformation {
            memory_map: &mut memory_map,
            kernel,
            modules: &[Module {
                range: bundle,
                path: "/bundle",
            }],
            command_line,
            rsdp: start_info.rsdp,
            framebuffer: None,
            date_at_boot: clock::date_at_boot(),
            firmware: Firmware::Bios,
            paging: registers::paging_features(),
            x2apic: registers::x2apic(),
            boot_lapic_id: registers::lapic_id(),
            trampoline,
        },
        memory,
    )?;
    // SAFETY: everything was prepared above, and PVH leaves no firmware running.
    match unsafe { start_kernel(handover, trampoline, memory) } {
        Ok(never) => match never {},
        Err(error) => Err(error.into()),
    }
}

fn find_kernel(
    bundle: PhysicalRange,
    memory: &IdentityMemory,
) -> Result<PhysicalRange, EntryError> {
    let bytes = memory.bytes(bundle).ok_or(LoadError::Unreachable)?;
    let files = Bundle::parse(bytes).map_err(EntryError::Bundle)?;
    let mut entries = files.entries();
    let kernel = entries
        .find(|entry| entry.name == KERNEL_NAME)
        .ok_or(EntryError::NoKernel)?;
    let base = bundle.base + kernel.offset as u64;
    Ok(PhysicalRange {
        base,
        length: kernel.data.len() as u64,
    })
}

#[panic_handler]
fn panic(information: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Console::new(), "loader: {information}");
    stop(b"test")
}
