//! The errors of the format layer.

use core::fmt;

/// A block-device request failed; the device's own reason stays with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceError;

/// Everything that can go wrong between a request and the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device could not read or write (`EIO`).
    Device,
    /// The image does not hold an ext2 file system at all.
    NotExt2,
    /// The image needs a feature that this implementation does not have.
    UnsupportedFeature(Feature),
    /// An on-disk number contradicts the format; the text names which (`EIO`, or `EUCLEAN`).
    Corrupt(&'static str),
    /// No entry of that name (`ENOENT`).
    NotFound,
    /// An entry of that name exists (`EEXIST`).
    Exists,
    /// The inode should be a directory (`ENOTDIR`).
    NotDirectory,
    /// The inode should not be a directory (`EISDIR`).
    IsDirectory,
    /// The directory has entries besides `.` and `..` (`ENOTEMPTY`).
    NotEmpty,
    /// No free block or inode (`ENOSPC`).
    NoSpace,
    /// The file system is mounted read-only (`EROFS`).
    ReadOnly,
    /// A name longer than 255 bytes, or a link target longer than a block (`ENAMETOOLONG`).
    NameTooLong,
    /// An argument that the operation has no meaning for (`EINVAL`).
    Invalid,
    /// The link count would pass the format's limit (`EMLINK`).
    TooManyLinks,
    /// The size or offset is beyond what the format can address (`EFBIG`).
    FileTooLarge,
}

impl From<DeviceError> for Error {
    fn from(_: DeviceError) -> Error {
        Error::Device
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Device => formatter.write_str("the block device failed"),
            Error::NotExt2 => formatter.write_str("not an ext2 file system"),
            Error::UnsupportedFeature(feature) => {
                write!(formatter, "unsupported feature: {feature}")
            }
            Error::Corrupt(what) => write!(formatter, "corrupted file system: {what}"),
            Error::NotFound => formatter.write_str("no such entry"),
            Error::Exists => formatter.write_str("the entry exists"),
            Error::NotDirectory => formatter.write_str("not a directory"),
            Error::IsDirectory => formatter.write_str("is a directory"),
            Error::NotEmpty => formatter.write_str("the directory is not empty"),
            Error::NoSpace => formatter.write_str("no space left"),
            Error::ReadOnly => formatter.write_str("mounted read-only"),
            Error::NameTooLong => formatter.write_str("the name is too long"),
            Error::Invalid => formatter.write_str("invalid argument"),
            Error::TooManyLinks => formatter.write_str("too many links"),
            Error::FileTooLarge => formatter.write_str("the file would be too large"),
        }
    }
}

/// One feature bit of a superblock, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Whether the bit is from the incompatible set (otherwise: read-only compatible).
    pub incompatible: bool,
    /// The single bit.
    pub bit: u32,
}

const INCOMPATIBLE_NAMES: [(u32, &str); 15] = [
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery (an unreplayed journal)"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extents"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x10000, "encrypt"),
];

const READ_ONLY_NAMES: [(u32, &str); 14] = [
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x4, "btree_dir"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x80, "has_snapshot"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x8000, "verity"),
];

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: &[(u32, &str)] = if self.incompatible {
            &INCOMPATIBLE_NAMES
        } else {
            &READ_ONLY_NAMES
        };
        match names.iter().find(|(bit, _)| *bit == self.bit) {
            Some((_, name)) => formatter.write_str(name),
            None if self.incompatible => write!(formatter, "incompatible bit {:#x}", self.bit),
            None => write!(formatter, "read-only-compatible bit {:#x}", self.bit),
        }
    }
}
