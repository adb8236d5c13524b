//! What the kernel asks of its loader: the Limine boot protocol, base revision 3.

use limine::BaseRevision;
use limine::memmap::{MEMMAP_BOOTLOADER_RECLAIMABLE, MEMMAP_EXECUTABLE_AND_MODULES, MEMMAP_USABLE};
use limine::request::{
    DateAtBootRequest, ExecutableCmdlineRequest, FramebufferRequest, HhdmRequest, MemmapRequest,
    ModulesRequest, MpRequest, RsdpRequest, StackSizeRequest,
};

/// The protocol's revision: physical RSDP address, direct map of RAM only.
pub static BASE_REVISION: BaseRevision = BaseRevision::with_revision(3);
/// Offset of the direct map.
pub static HHDM: HhdmRequest = HhdmRequest::new();
/// What is RAM.
pub static MEMORY_MAP: MemmapRequest = MemmapRequest::new();
/// The boot bundle is module 0.
pub static MODULES: ModulesRequest = ModulesRequest::new();
/// A picture, if there is one.
pub static FRAMEBUFFER: FramebufferRequest = FramebufferRequest::new();
/// Root of the ACPI tables.
pub static RSDP: RsdpRequest = RsdpRequest::new();
/// Seconds since 1970.
pub static DATE: DateAtBootRequest = DateAtBootRequest::new();
/// The other processors.
pub static PROCESSORS: MpRequest = MpRequest::new(0);
/// The kernel's command line.
pub static COMMAND_LINE: ExecutableCmdlineRequest = ExecutableCmdlineRequest::new();
/// Boot itself needs little.
pub static STACK_SIZE: StackSizeRequest = StackSizeRequest::new(64 * 1024);

/// A region of RAM.
#[derive(Clone, Copy)]
pub struct Region {
    /// Physical address.
    pub base: u64,
    /// Bytes.
    pub length: u64,
    /// Free for the kernel to use (else: loader, kernel or boot bundle).
    pub usable: bool,
}

/// The regions of RAM.
pub fn regions() -> impl Iterator<Item = Region> {
    let entries = MEMORY_MAP
        .response()
        .map_or(&[][..], |response| response.entries());
    entries.iter().filter_map(|entry| match entry.type_ {
        MEMMAP_USABLE => Some(Region {
            base: entry.base,
            length: entry.length,
            usable: true,
        }),
        // The loader's tables are still in use: the kernel's half of every space leads to them.
        MEMMAP_BOOTLOADER_RECLAIMABLE | MEMMAP_EXECUTABLE_AND_MODULES => Some(Region {
            base: entry.base,
            length: entry.length,
            usable: false,
        }),
        _ => None,
    })
}
