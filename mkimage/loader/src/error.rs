//! Why a kernel cannot be started.

use core::fmt;

use crate::elf::ElfError;

/// Everything that makes the loader stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadError {
    /// The kernel's file is not an executable this loader can load.
    Elf(ElfError),
    /// The kernel has no Limine base revision tag, so it does not speak the protocol.
    NoBaseRevision,
    /// The kernel asks for this base revision, which is not implemented.
    UnsupportedBaseRevision(u64),
    /// The request of this name occurs twice.
    DuplicateRequest(&'static str),
    /// A request reaches behind the end of its segment.
    TruncatedRequest,
    /// The kernel insists on five-level paging.
    UnsupportedPagingMode,
    /// The kernel names modules by itself, which this loader cannot look up.
    InternalModules,
    /// The entry point that the kernel asks for is not in an executable segment.
    EntryOutsideCode(u64),
    /// A module does not start at a page, or is empty.
    BadModule,
    /// The memory map has more regions than the loader can keep.
    MemoryMapFull,
    /// There is no free memory below 4 GiB for what the kernel needs.
    OutOfMemory,
    /// A file or a table lies where the loader cannot reach it.
    Unreachable,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Elf(error) => write!(f, "kernel: {error}"),
            Self::NoBaseRevision => {
                write!(
                    f,
                    "kernel: no Limine base revision tag, not a Limine kernel"
                )
            }
            Self::UnsupportedBaseRevision(revision) => {
                write!(
                    f,
                    "kernel: Limine base revision {revision} is not supported (3 to 6 are)"
                )
            }
            Self::DuplicateRequest(name) => write!(f, "kernel: the {name} request occurs twice"),
            Self::TruncatedRequest => write!(f, "kernel: a request is cut off by its segment"),
            Self::UnsupportedPagingMode => write!(f, "kernel: only 4-level paging is supported"),
            Self::InternalModules => write!(f, "kernel: internal modules are not supported"),
            Self::EntryOutsideCode(address) => {
                write!(
                    f,
                    "kernel: entry point {address:#x} is not in an executable segment"
                )
            }
            Self::BadModule => write!(f, "a module is empty or not page aligned"),
            Self::MemoryMapFull => write!(f, "the memory map has too many regions"),
            Self::OutOfMemory => write!(f, "not enough memory below 4 GiB"),
            Self::Unreachable => write!(f, "a file or table lies outside reachable memory"),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<ElfError> for LoadError {
    fn from(error: ElfError) -> Self {
        Self::Elf(error)
    }
}
