//! The writer, used by the host command and by tests.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{ALIGNMENT, ENTRY_SIZE, MAGIC, NAME_MAX, VERSION, table_end};

/// Why files cannot be put into one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// The name is empty, contains NUL, or is longer than [`NAME_MAX`] bytes.
    BadName(String),
    /// Two files have this name.
    DuplicateName(String),
    /// There are more files, or more bytes, than the format can count.
    TooLarge,
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::BadName(name) => write!(
                f,
                "bundle entry {name:?}: a name has 1 to {NAME_MAX} bytes and no NUL"
            ),
            Self::DuplicateName(name) => write!(f, "bundle entry {name:?}: the name is used twice"),
            Self::TooLarge => write!(f, "the bundle is too large"),
        }
    }
}

impl core::error::Error for WriteError {}

/// Writes a bundle of (name, contents) pairs, in the order given.
///
/// # Errors
///
/// [`WriteError`] when a name cannot be stored, or the sizes cannot be counted.
pub fn write(entries: &[(&str, &[u8])]) -> Result<Vec<u8>, WriteError> {
    check_names(entries)?;
    let count = u32::try_from(entries.len()).map_err(|_| WriteError::TooLarge)?;
    let table_end = table_end(entries.len()).ok_or(WriteError::TooLarge)?;
    let mut bundle = Vec::new();
    bundle.extend_from_slice(&MAGIC);
    bundle.extend_from_slice(&VERSION.to_le_bytes());
    bundle.extend_from_slice(&count.to_le_bytes());
    let mut offset = round_up(table_end)?;
    for (name, data) in entries {
        bundle.extend_from_slice(&record(name, offset, data.len()));
        offset = round_up(offset.checked_add(data.len()).ok_or(WriteError::TooLarge)?)?;
    }
    bundle.reserve_exact(offset - bundle.len());
    for (_, data) in entries {
        pad(&mut bundle);
        bundle.extend_from_slice(data);
    }
    pad(&mut bundle);
    Ok(bundle)
}

fn check_names(entries: &[(&str, &[u8])]) -> Result<(), WriteError> {
    for (index, (name, _)) in entries.iter().enumerate() {
        if name.is_empty() || name.len() > NAME_MAX || name.contains('\0') {
            return Err(WriteError::BadName(name.to_string()));
        }
        if entries[..index].iter().any(|(other, _)| other == name) {
            return Err(WriteError::DuplicateName(name.to_string()));
        }
    }
    Ok(())
}

fn record(name: &str, offset: usize, length: usize) -> [u8; ENTRY_SIZE] {
    let mut record = [0; ENTRY_SIZE];
    record[..name.len()].copy_from_slice(name.as_bytes());
    record[40..48].copy_from_slice(&(offset as u64).to_le_bytes());
    record[48..56].copy_from_slice(&(length as u64).to_le_bytes());
    record
}

fn pad(bundle: &mut Vec<u8>) {
    bundle.resize(bundle.len().next_multiple_of(ALIGNMENT), 0);
}

fn round_up(size: usize) -> Result<usize, WriteError> {
    size.checked_next_multiple_of(ALIGNMENT)
        .ok_or(WriteError::TooLarge)
}
