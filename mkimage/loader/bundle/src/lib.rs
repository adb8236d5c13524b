//! The boot bundle: the page-aligned archive that carries the first programs from the
//! loader to the kernel and the supervisor.
//!
//! Everything is little endian. Why not `tar` or `cpio`: their members are not page
//! aligned, so a program could not be mapped in place, and a lookup has to walk the data.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `MKBUNDLE` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | number of entries |
//! | 16 + 64 n | 40 | name of entry n, UTF-8, padded with NUL |
//! | 56 + 64 n | 8 | offset of its contents, a multiple of 4096 |
//! | 64 + 64 n | 8 | length of its contents in bytes |
//! | 72 + 64 n | 8 | reserved, 0 |
//!
//! The header and every file's contents are padded with zeros to a multiple of 4096.
#![no_std]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

#[cfg(test)]
mod tests;
#[cfg(any(feature = "alloc", test))]
mod write;

#[cfg(any(feature = "alloc", test))]
pub use write::{WriteError, write};

/// The first eight bytes of every bundle.
pub const MAGIC: [u8; 8] = *b"MKBUNDLE";
/// The only version of the format there is.
pub const VERSION: u32 = 1;
/// Contents start at multiples of this many bytes, so that they can be mapped in place.
pub const ALIGNMENT: usize = 4096;
/// Longest name in bytes.
pub const NAME_MAX: usize = 40;
/// The entry under which the PVH loader finds the kernel.
pub const KERNEL_NAME: &str = "kernel";

const HEADER_SIZE: usize = 16;
const ENTRY_SIZE: usize = 64;

/// Why a bundle was refused. Entries are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleError {
    /// It ends inside the header or inside the table of entries.
    Truncated,
    /// It does not start with [`MAGIC`].
    BadMagic,
    /// Its version is not [`VERSION`].
    UnknownVersion(u32),
    /// This entry's name is empty, not UTF-8, or has bytes behind its NUL padding.
    BadName(u32),
    /// This entry's name is also that of an earlier entry.
    DuplicateName(u32),
    /// This entry's contents do not start at a multiple of [`ALIGNMENT`].
    Misaligned(u32),
    /// This entry's contents reach into the header or behind the end of the bundle.
    OutOfBounds(u32),
    /// This entry's reserved field is not zero.
    ReservedNotZero(u32),
}

impl core::fmt::Display for BundleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Truncated => write!(f, "the bundle ends inside its header"),
            Self::BadMagic => write!(f, "the bundle does not start with MKBUNDLE"),
            Self::UnknownVersion(version) => write!(f, "bundle version {version} is not known"),
            Self::BadName(n) => write!(f, "bundle entry {n}: the name is not valid"),
            Self::DuplicateName(n) => write!(f, "bundle entry {n}: the name is used twice"),
            Self::Misaligned(n) => write!(f, "bundle entry {n}: contents not page aligned"),
            Self::OutOfBounds(n) => write!(f, "bundle entry {n}: contents outside the bundle"),
            Self::ReservedNotZero(n) => write!(f, "bundle entry {n}: reserved field not zero"),
        }
    }
}

impl core::error::Error for BundleError {}

/// One file of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name, unique in the bundle.
    pub name: &'a str,
    /// Where its contents start, in bytes from the start of the bundle; page aligned.
    pub offset: usize,
    /// Its contents.
    pub data: &'a [u8],
}

/// A bundle whose table has been checked whole; the lookups cannot fail afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    entry_count: u32,
}

impl<'a> Bundle<'a> {
    /// Checks the header and every entry of `bytes`.
    ///
    /// Bytes behind the last file are allowed: a loader may round the size up to a page.
    ///
    /// # Errors
    ///
    /// The first [`BundleError`] found, in the order of the table.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let header = bytes.get(..HEADER_SIZE).ok_or(BundleError::Truncated)?;
        if header[..8] != MAGIC {
            return Err(BundleError::BadMagic);
        }
        let version = read_u32(header, 8);
        if version != VERSION {
            return Err(BundleError::UnknownVersion(version));
        }
        let entry_count = read_u32(header, 12);
        let table_end = table_end(entry_count as usize).ok_or(BundleError::Truncated)?;
        if bytes.len() < table_end {
            return Err(BundleError::Truncated);
        }
        let bundle = Self { bytes, entry_count };
        for index in 0..entry_count {
            let entry = bundle.check_entry(index, table_end)?;
            let earlier = bundle.entries().take(index as usize);
            if earlier.into_iter().any(|other| other.name == entry.name) {
                return Err(BundleError::DuplicateName(index));
            }
        }
        Ok(bundle)
    }

    /// The contents of the file called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'a [u8]> {
        self.entries()
            .find(|entry| entry.name == name)
            .map(|entry| entry.data)
    }

    /// All files in the order in which they were written.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let bundle = *self;
        // `parse` has checked every entry, so nothing is skipped once it has returned.
        // While `parse` runs, only entries it has already accepted are asked for.
        (0..self.entry_count).map_while(move |index| bundle.check_entry(index, HEADER_SIZE).ok())
    }

    fn check_entry(&self, index: u32, table_end: usize) -> Result<Entry<'a>, BundleError> {
        let start = HEADER_SIZE + index as usize * ENTRY_SIZE;
        let record = &self.bytes[start..start + ENTRY_SIZE];
        let name = parse_name(&record[..NAME_MAX]).ok_or(BundleError::BadName(index))?;
        let offset = read_u64(record, 40);
        let length = read_u64(record, 48);
        if read_u64(record, 56) != 0 {
            return Err(BundleError::ReservedNotZero(index));
        }
        if !offset.is_multiple_of(ALIGNMENT as u64) {
            return Err(BundleError::Misaligned(index));
        }
        let out_of_bounds = BundleError::OutOfBounds(index);
        let offset = usize::try_from(offset).map_err(|_| out_of_bounds)?;
        let length = usize::try_from(length).map_err(|_| out_of_bounds)?;
        let end = offset.checked_add(length).ok_or(out_of_bounds)?;
        if offset < table_end {
            return Err(out_of_bounds);
        }
        let data = self.bytes.get(offset..end).ok_or(out_of_bounds)?;
        Ok(Entry { name, offset, data })
    }
}

/// The end of a table of `entry_count` entries, or `None` where it cannot be addressed.
const fn table_end(entry_count: usize) -> Option<usize> {
    match entry_count.checked_mul(ENTRY_SIZE) {
        Some(size) => size.checked_add(HEADER_SIZE),
        None => None,
    }
}

fn parse_name(field: &[u8]) -> Option<&str> {
    let length = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    let (name, padding) = field.split_at(length);
    if name.is_empty() || padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    core::str::from_utf8(name).ok()
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}
