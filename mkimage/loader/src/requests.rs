//! Finding the kernel's requests: marked structures on 8-byte boundaries of its segments.

use crate::LoadError;
use crate::elf::{Executable, Segment};
use crate::memory::read_u64;

const COMMON_MAGIC: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
const BASE_REVISION_MAGIC: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];
const START_MARKER: [u64; 2] = [0xf6b8_f4b3_9de7_d1ae, 0xfab9_1a69_40fc_b9cf];
const END_MARKER: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];

/// Base revisions that are implemented. Older ones have the identity map that later ones
/// dropped; the differences among these are in [`crate::boot`].
pub const BASE_REVISIONS: core::ops::RangeInclusive<u64> = 3..=6;

/// Offset of the response pointer in a request.
pub const RESPONSE_OFFSET: u64 = 40;
const REQUEST_SIZE: usize = 48;

/// The requests that are answered; all others keep their null response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Name and version of the loader.
    BootloaderInfo,
    /// The command line.
    CommandLine,
    /// BIOS or UEFI.
    FirmwareType,
    /// The size of the first stack.
    StackSize,
    /// The higher-half direct map.
    Hhdm,
    /// Framebuffers.
    Framebuffer,
    /// Four or five levels of page tables.
    PagingMode,
    /// The other processors.
    Multiprocessor,
    /// The memory map.
    MemoryMap,
    /// Another entry point than the file's.
    EntryPoint,
    /// Modules.
    Modules,
    /// The ACPI root pointer.
    Rsdp,
    /// The time.
    DateAtBoot,
    /// Where the kernel lies.
    ExecutableAddress,
}

const KIND_COUNT: usize = 14;

/// The kinds with their identifiers and the names used in messages.
const KINDS: [(RequestKind, [u64; 2], &str); KIND_COUNT] = [
    (
        RequestKind::BootloaderInfo,
        [0xf550_38d8_e2a1_202f, 0x2794_26fc_f5f5_9740],
        "loader info",
    ),
    (
        RequestKind::CommandLine,
        [0x4b16_1536_e598_651e, 0xb390_ad4a_2f1f_303a],
        "command line",
    ),
    (
        RequestKind::FirmwareType,
        [0x8c2f_75d9_0bef_28a8, 0x7045_a468_8eac_00c3],
        "firmware type",
    ),
    (
        RequestKind::StackSize,
        [0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d],
        "stack size",
    ),
    (
        RequestKind::Hhdm,
        [0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b],
        "direct map",
    ),
    (
        RequestKind::Framebuffer,
        [0x9d58_27dc_d881_dd75, 0xa314_8604_f6fa_b11b],
        "framebuffer",
    ),
    (
        RequestKind::PagingMode,
        [0x95c1_a0ed_ab09_44cb, 0xa4e5_cb38_42f7_488a],
        "paging mode",
    ),
    (
        RequestKind::Multiprocessor,
        [0x95a6_7b81_9a1b_857e, 0xa0b6_1b72_3b6a_73e0],
        "processors",
    ),
    (
        RequestKind::MemoryMap,
        [0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62],
        "memory map",
    ),
    (
        RequestKind::EntryPoint,
        [0x13d8_6c03_5a1c_d3e1, 0x2b0c_aa89_d8f3_026a],
        "entry point",
    ),
    (
        RequestKind::Modules,
        [0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee],
        "modules",
    ),
    (
        RequestKind::Rsdp,
        [0xc5e7_7b6b_397e_7b43, 0x2763_7845_accd_cf3c],
        "ACPI root pointer",
    ),
    (
        RequestKind::DateAtBoot,
        [0x5027_46e1_84c0_88aa, 0xfbc5_ec83_e632_7893],
        "date at boot",
    ),
    (
        RequestKind::ExecutableAddress,
        [0x71ba_7686_3cc5_5f63, 0xb264_4a48_c516_a487],
        "address",
    ),
];

/// A request of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Where it lies, in bytes from the kernel's lowest page.
    pub offset: u64,
    /// The words behind the response pointer; 0 where the segment ends before them.
    pub arguments: [u64; 3],
}

/// All requests of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// The base revision it asks for.
    pub base_revision: u64,
    /// Where the tag lies, in bytes from the kernel's lowest page.
    pub base_revision_offset: u64,
    found: [Option<Request>; KIND_COUNT],
}

impl Requests {
    /// Finds the requests in the contents of all segments that are not code.
    ///
    /// Not in code: an instruction that loads a magic number is not a request.
    ///
    /// # Errors
    ///
    /// [`LoadError`] for a missing or unknown base revision, for duplicate and cut-off
    /// requests, and for what a request demands and this loader does not do.
    pub fn find(executable: &Executable, file: &[u8]) -> Result<Self, LoadError> {
        let mut scan = Scan {
            base_revision: None,
            found: [None; KIND_COUNT],
        };
        for segment in executable
            .segments()
            .iter()
            .filter(|segment| !segment.executable)
        {
            scan.segment(segment, executable.base(), file)?;
        }
        let (base_revision_offset, base_revision) =
            scan.base_revision.ok_or(LoadError::NoBaseRevision)?;
        if !BASE_REVISIONS.contains(&base_revision) {
            return Err(LoadError::UnsupportedBaseRevision(base_revision));
        }
        let requests = Self {
            base_revision,
            base_revision_offset,
            found: scan.found,
        };
        requests.check_demands(executable)?;
        Ok(requests)
    }

    /// The request of `kind`, if the kernel makes it.
    #[must_use]
    pub fn get(&self, kind: RequestKind) -> Option<Request> {
        self.found[kind as usize]
    }

    fn check_demands(&self, executable: &Executable) -> Result<(), LoadError> {
        if let Some(request) = self.get(RequestKind::EntryPoint)
            && !executable.is_code(request.arguments[0])
        {
            return Err(LoadError::EntryOutsideCode(request.arguments[0]));
        }
        // The third word is the least mode the kernel accepts; 0 is four levels.
        if self
            .get(RequestKind::PagingMode)
            .is_some_and(|request| request.arguments[2] > 0)
        {
            return Err(LoadError::UnsupportedPagingMode);
        }
        if self
            .get(RequestKind::Modules)
            .is_some_and(|request| request.arguments[0] > 0)
        {
            return Err(LoadError::InternalModules);
        }
        Ok(())
    }
}

struct Scan {
    base_revision: Option<(u64, u64)>,
    found: [Option<Request>; KIND_COUNT],
}

impl Scan {
    fn segment(&mut self, segment: &Segment, base: u64, file: &[u8]) -> Result<(), LoadError> {
        let start = segment.file_offset as usize;
        let contents = &file[start..start + segment.file_size as usize];
        // Boundaries are those of the address, which need not be those of the file.
        let mut at = (segment.virtual_address.wrapping_neg() % 8) as usize;
        let image_offset = segment.virtual_address - base;
        while let (Some(first), Some(second)) = (read_u64(contents, at), read_u64(contents, at + 8))
        {
            match [first, second] {
                COMMON_MAGIC => self.request(contents, at, image_offset)?,
                BASE_REVISION_MAGIC => {
                    let revision =
                        read_u64(contents, at + 16).ok_or(LoadError::TruncatedRequest)?;
                    self.base_revision = Some((image_offset + at as u64, revision));
                }
                START_MARKER => self.found = [None; KIND_COUNT],
                END_MARKER => break,
                _ => {}
            }
            at += 8;
        }
        Ok(())
    }

    fn request(&mut self, contents: &[u8], at: usize, image_offset: u64) -> Result<(), LoadError> {
        let word = |index: usize| read_u64(contents, at + 8 * index);
        if contents.len() - at < REQUEST_SIZE {
            return Err(LoadError::TruncatedRequest);
        }
        let id = [word(2).unwrap_or(0), word(3).unwrap_or(0)];
        let Some((kind, _, name)) = KINDS.iter().find(|(_, known, _)| *known == id) else {
            return Ok(());
        };
        let slot = &mut self.found[*kind as usize];
        if slot.is_some() {
            return Err(LoadError::DuplicateRequest(name));
        }
        let arguments = [6, 7, 8].map(|index| word(index).unwrap_or(0));
        *slot = Some(Request {
            offset: image_offset + at as u64,
            arguments,
        });
        Ok(())
    }
}
