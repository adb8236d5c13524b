//! What is asked of the firmware: files, the screen, ACPI tables, memory.

use core::fmt;

use loader_core::{Framebuffer, LoadError, MemoryKind, MemoryMap, PhysicalRange};
use uefi::boot::{self, AllocateType, MemoryType};
use uefi::mem::memory_map::{MemoryMap as _, MemoryMapOwned};
use uefi::proto::console::gop::{GraphicsOutput, PixelFormat};
use uefi::proto::media::file::{Directory, File, FileAttribute, FileMode, RegularFile};
use uefi::{CStr16, Guid, Status, guid};

const PAGE_SIZE: u64 = loader_core::PAGE_SIZE;
/// The kernel's structures are built by code that reaches 32-bit addresses only.
const REACHABLE_LIMIT: u64 = 1 << 32;
const REAL_MODE_LIMIT: u64 = 1 << 20;

/// Names under which the firmware lists the ACPI root pointer (UEFI 2.10, 4.6.1).
const ACPI_2_TABLE: Guid = guid!("8868e871-e4f1-11d3-bc22-0080c73c8881");
const ACPI_1_TABLE: Guid = guid!("eb9d2d30-2d88-11d3-9a16-0090273fc14d");

/// A file that cannot be read.
pub struct FileError {
    path: &'static CStr16,
    status: Status,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.status)
    }
}

/// The root folder of the partition that the loader was started from.
pub fn open_partition() -> uefi::Result<Directory> {
    boot::get_image_file_system(boot::image_handle())?.open_volume()
}

fn open_file(root: &mut Directory, path: &'static CStr16) -> uefi::Result<RegularFile> {
    let handle = root.open(path, FileMode::Read, FileAttribute::empty())?;
    handle
        .into_regular_file()
        .ok_or_else(|| Status::NOT_FOUND.into())
}

/// Reads a whole file into pages of its own and returns where it is.
pub fn read_file(root: &mut Directory, path: &'static CStr16) -> Result<PhysicalRange, FileError> {
    let mut read = || -> uefi::Result<PhysicalRange> {
        let mut file = open_file(root, path)?;
        // Seeking to the end is how UEFI tells a size without a buffer for names.
        file.set_position(RegularFile::END_OF_FILE)?;
        let length = file.get_position()?;
        file.set_position(0)?;
        let place = allocate(length, REACHABLE_LIMIT, MemoryType::LOADER_DATA)?;
        let size = usize::try_from(length).map_err(|_| Status::BAD_BUFFER_SIZE)?;
        // SAFETY: the firmware has just given these pages to us alone.
        let buffer = unsafe { core::slice::from_raw_parts_mut(place as *mut u8, size) };
        let count = file.read(buffer)?;
        if count != size {
            return Err(Status::VOLUME_CORRUPTED.into());
        }
        Ok(PhysicalRange {
            base: place,
            length,
        })
    };
    read().map_err(|error| FileError {
        path,
        status: error.status(),
    })
}

/// Reads the start of a file into `buffer`; a missing file reads as empty.
pub fn read_text<'a>(
    root: &mut Directory,
    path: &'static CStr16,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], FileError> {
    let result = open_file(root, path).and_then(|mut file| file.read(buffer));
    match result {
        Ok(length) => Ok(buffer[..length].trim_ascii()),
        Err(error) if error.status() == Status::NOT_FOUND => Ok(&[]),
        Err(error) => Err(FileError {
            path,
            status: error.status(),
        }),
    }
}

fn allocate(length: u64, limit: u64, kind: MemoryType) -> uefi::Result<u64> {
    let pages = length.div_ceil(PAGE_SIZE).max(1) as usize;
    let pages = boot::allocate_pages(AllocateType::MaxAddress(limit - 1), kind, pages)?;
    Ok(pages.as_ptr() as u64)
}

/// A page below 1 MiB for code.
pub fn allocate_trampoline() -> Result<u64, LoadError> {
    allocate(PAGE_SIZE, REAL_MODE_LIMIT, MemoryType::LOADER_CODE)
        .map_err(|_| LoadError::OutOfMemory)
}

/// Physical address of the ACPI root pointer, the newer one where there are two.
pub fn find_rsdp() -> Option<u64> {
    uefi::system::with_config_table(|tables| {
        let find = |guid| tables.iter().find(|table| table.guid == guid);
        find(ACPI_2_TABLE)
            .or_else(|| find(ACPI_1_TABLE))
            .map(|table| table.address as u64)
    })
}

/// The screen in its present mode, if its pixels can be written directly.
pub fn find_framebuffer() -> Option<Framebuffer> {
    let handle = boot::get_handle_for_protocol::<GraphicsOutput>().ok()?;
    let mut output = boot::open_protocol_exclusive::<GraphicsOutput>(handle).ok()?;
    let mode = output.current_mode_info();
    let shifts = match mode.pixel_format() {
        PixelFormat::Rgb => [0, 8, 16],
        PixelFormat::Bgr => [16, 8, 0],
        PixelFormat::Bitmask | PixelFormat::BltOnly => return None,
    };
    let (width, height) = mode.resolution();
    let mut pixels = output.frame_buffer();
    let range = PhysicalRange {
        base: pixels.as_mut_ptr() as u64,
        length: pixels.size() as u64,
    };
    let pitch = mode.stride() as u64 * 4;
    Some(Framebuffer {
        range,
        width: width as u64,
        height: height as u64,
        pitch,
        shifts,
    })
}

/// Translates the firmware's final memory map.
pub fn translate_memory_map(
    firmware: &MemoryMapOwned,
    map: &mut MemoryMap,
) -> Result<(), LoadError> {
    for usable in [true, false] {
        for descriptor in firmware.entries() {
            let kind = memory_kind(descriptor.ty);
            if (kind == MemoryKind::Usable) == usable {
                let length = descriptor.page_count.saturating_mul(PAGE_SIZE);
                map.overlay(
                    PhysicalRange {
                        base: descriptor.phys_start,
                        length,
                    },
                    kind,
                )?;
            }
        }
    }
    Ok(())
}

fn memory_kind(kind: MemoryType) -> MemoryKind {
    match kind {
        MemoryType::CONVENTIONAL | MemoryType::BOOT_SERVICES_CODE => MemoryKind::Usable,
        // The loader itself; and the firmware's page tables and our stack, which are in force
        // until the kernel has its own.
        MemoryType::LOADER_CODE | MemoryType::LOADER_DATA | MemoryType::BOOT_SERVICES_DATA => {
            MemoryKind::BootloaderReclaimable
        }
        MemoryType::ACPI_RECLAIM => MemoryKind::AcpiReclaimable,
        MemoryType::ACPI_NON_VOLATILE => MemoryKind::AcpiNvs,
        MemoryType::UNUSABLE => MemoryKind::BadMemory,
        _ => MemoryKind::Reserved,
    }
}
