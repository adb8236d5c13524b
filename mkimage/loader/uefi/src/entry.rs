//! From the firmware to the kernel.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use boot_bundle::{Bundle, BundleError};
use loader_core::{
    BootInformation, Firmware, LoadError, MemoryMap, Module, PhysicalMemory, PhysicalRange,
    check_kernel, prepare,
};
use loader_hardware::console::{SerialLine, stop};
use loader_hardware::memory::IdentityMemory;
use loader_hardware::{clock, registers, start_kernel};
use uefi::proto::media::file::Directory;
use uefi::{Status, cstr16};

use crate::firmware::{self, FileError};

/// UEFI maps all memory at its own addresses; this is the end of what page tables can map.
const IDENTITY_LIMIT: u64 = 1 << 47;
const COMMAND_LINE_MAX: usize = 4096;

/// Why there is nothing to start.
enum EntryError {
    NoPartition(Status),
    File(FileError),
    Bundle(BundleError),
    Load(LoadError),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPartition(status) => write!(f, "the boot partition cannot be read: {status}"),
            Self::File(error) => error.fmt(f),
            Self::Bundle(error) => error.fmt(f),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl From<FileError> for EntryError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LoadError> for EntryError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

#[uefi::entry]
fn main() -> Status {
    let mut buffer = [0; COMMAND_LINE_MAX];
    let mut command_line: &[u8] = &[];
    let error = match firmware::open_partition() {
        Ok(mut root) => {
            match firmware::read_text(&mut root, cstr16!("\\microkosm\\cmdline"), &mut buffer) {
                Ok(text) => {
                    command_line = text;
                    boot(root, command_line)
                }
                Err(error) => error.into(),
            }
        }
        Err(error) => EntryError::NoPartition(error.status()),
    };
    report(&error);
    stop(command_line)
}

/// Boots, or says why not. All that can be checked is checked while the firmware can still
/// show a message.
fn boot(root: Directory, command_line: &[u8]) -> EntryError {
    // SAFETY: the firmware maps memory so; ranges come from the firmware and the memory map.
    let mut memory = unsafe { IdentityMemory::new(IDENTITY_LIMIT) };
    match load_files(root, &memory) {
        Ok((kernel, bundle)) => match enter(kernel, bundle, command_line, &mut memory) {
            Ok(never) => match never {},
            Err(error) => EntryError::Load(error),
        },
        Err(error) => error,
    }
}

fn load_files(
    mut root: Directory,
    memory: &IdentityMemory,
) -> Result<(PhysicalRange, PhysicalRange), EntryError> {
    let kernel = firmware::read_file(&mut root, cstr16!("\\microkosm\\kernel.elf"))?;
    let bundle = firmware::read_file(&mut root, cstr16!("\\microkosm\\bundle"))?;
    check_kernel(memory.bytes(kernel).ok_or(LoadError::Unreachable)?)?;
    let bytes = memory.bytes(bundle).ok_or(LoadError::Unreachable)?;
    Bundle::parse(bytes).map_err(EntryError::Bundle)?;
    Ok((kernel, bundle))
}

fn enter(
    kernel: PhysicalRange,
    bundle: PhysicalRange,
    command_line: &[u8],
    memory: &mut IdentityMemory,
) -> Result<core::convert::Infallible, LoadError> {
    let trampoline = firmware::allocate_trampoline()?;
    let rsdp = firmware::find_rsdp();
    let framebuffer = firmware::find_framebuffer();
    // SAFETY: no protocol is open any more, and nothing of the firmware is used from here on.
    let firmware_map = unsafe { uefi::boot::exit_boot_services(None) };
    let mut memory_map = MemoryMap::new();
    firmware::translate_memory_map(&firmware_map, &mut memory_map)?;
    let handover = prepare(
        BootInformation {
            memory_map: &mut memory_map,
            kernel,
            modules: &[Module {
                range: bundle,
                path: "/bundle",
            }],
            command_line,
            rsdp,
            framebuffer,
            date_at_boot: clock::date_at_boot(),
            firmware: Firmware::Uefi,
            paging: registers::paging_features(),
            x2apic: registers::x2apic(),
            boot_lapic_id: registers::lapic_id(),
            trampoline,
        },
        memory,
    )?;
    // SAFETY: everything was prepared above, and the firmware has been left.
    unsafe { start_kernel(handover, trampoline, memory) }
}

/// Shows a message on the serial line, and on the firmware's screen while there is one.
fn report(message: &dyn fmt::Display) {
    // The firmware shows its screen on the serial line too, but not on every machine.
    let _ = writeln!(SerialLine::new(), "loader: {message}");
    if uefi::table::system_table_raw().is_some_and(boot_services_are_there) {
        let _ = uefi::system::with_stdout(|screen| writeln!(screen, "loader: {message}"));
    }
}

fn boot_services_are_there(
    table: core::ptr::NonNull<uefi_raw::table::system::SystemTable>,
) -> bool {
    // SAFETY: the firmware's system table stays valid while we run.
    !unsafe { table.as_ref() }.boot_services.is_null()
}

#[panic_handler]
fn panic(information: &PanicInfo<'_>) -> ! {
    report(information);
    stop(b"test")
}
