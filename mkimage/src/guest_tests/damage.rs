//! Machines that lack something: a damaged disk, none at all, a boot bundle with parts missing.

use super::description::GuestTest;
use crate::disk::{copy_sparse, root_offset};
use crate::image::Built;
use crate::root_file_system::query;
use crate::workspace::{read_file, write_file};
use anyhow::{Context, Result, anyhow, bail};
use boot_bundle::Bundle;
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a block of the root file system.
const BLOCK: u64 = 4096;
/// Where a file system's superblock lies in it.
const SUPERBLOCK: u64 = 1024;
/// Where the two magic bytes stand in the superblock.
const MAGIC: u64 = 56;
/// The primary partition table: the header, and its entries behind it.
const TABLE: (u64, u64) = (512, 33 * 512);
const TABLE_ENTRIES: (u64, u64) = (1024, 32 * 512);
/// What damaged places are overwritten with, unless zeros are worse.
const GARBAGE: u8 = 0xa5;

/// A part of the disk that is overwritten before the boot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// The root file system's superblock: only the magic number is left.
    Superblock,
    /// Its group descriptors.
    GroupDescriptors,
    /// The first block of each of its inode tables.
    InodeTables,
    /// The inode of this path.
    Inode(String),
    /// The blocks of the file or directory of this path.
    Content(String),
    /// The whole partition table.
    PartitionTable,
    /// The partitions in it.
    Partitions,
    /// Everything: an empty disk.
    Everything,
}

/// Programs that are missing in the boot bundle, wholly or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BundleDamage {
    /// These are left out.
    pub leave_out: Vec<String>,
    /// Of these only the first half is there.
    pub cut_in_half: Vec<String>,
}

/// The disk that a test boots, if not the image itself: a damaged copy in `folder`.
pub fn disk_of(built: &Built, test: &GuestTest, folder: &Path) -> Result<Option<PathBuf>> {
    if test.damage.is_empty() {
        return Ok(None);
    }
    let image = folder.join("damaged.img");
    copy_sparse(&built.image, &image)?;
    let root = root_offset(&image)?;
    // All places are looked up first: one damage may hide another's place.
    let mut places = Vec::new();
    for damage in &test.damage {
        places.extend(damage.places(&image, root)?);
    }
    let file = OpenOptions::new()
        .write(true)
        .open(&image)
        .with_context(|| format!("cannot open {}", image.display()))?;
    for place in places {
        place.overwrite(&file)?;
    }
    Ok(Some(image))
}

/// The boot bundle that a test boots, if not the built one.
pub fn bundle_of(built: &Built, test: &GuestTest, folder: &Path) -> Result<Option<PathBuf>> {
    let Some(damage) = &test.bundle else {
        return Ok(None);
    };
    let bytes = read_file(&built.system.bundle)?;
    let bundle = Bundle::parse(&bytes).map_err(|error| anyhow!("the boot bundle: {error}"))?;
    let mut entries: Vec<(&str, &[u8])> = bundle
        .entries()
        .map(|entry| (entry.name, entry.data))
        .collect();
    for name in damage.leave_out.iter().chain(&damage.cut_in_half) {
        if !entries.iter().any(|(present, _)| present == name) {
            bail!("the boot bundle has no {name:?} that could be damaged");
        }
    }
    entries.retain(|(name, _)| !damage.leave_out.iter().any(|gone| gone == name));
    for (name, data) in &mut entries {
        if damage.cut_in_half.iter().any(|cut| cut == name) {
            *data = &data[..data.len() / 2];
        }
    }
    let path = folder.join("bundle");
    let bytes = boot_bundle::write(&entries)
        .map_err(|error| anyhow!("cannot write the boot bundle: {error:?}"))?;
    write_file(&path, bytes)?;
    Ok(Some(path))
}

/// Bytes of the image to be overwritten.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    length: u64,
    byte: u8,
}

impl Place {
    fn overwrite(&self, image: &File) -> Result<()> {
        let bytes = vec![self.byte; usize::try_from(self.length)?];
        image
            .write_all_at(&bytes, self.offset)
            .context("cannot damage the image")
    }
}

impl Damage {
    fn places(&self, image: &Path, root: u64) -> Result<Vec<Place>> {
        let place = |offset: u64, length: u64, byte: u8| Place {
            offset,
            length,
            byte,
        };
        let blocks = |numbers: Vec<u64>| {
            let at = |number: u64| place(root + number * BLOCK, BLOCK, GARBAGE);
            numbers.into_iter().map(at).collect()
        };
        Ok(match self {
            Damage::Superblock => vec![
                place(root + SUPERBLOCK, MAGIC, 0),
                place(root + SUPERBLOCK + MAGIC + 2, 1024 - MAGIC - 2, 0),
            ],
            Damage::GroupDescriptors => blocks(vec![1]),
            Damage::InodeTables => inode_tables(&query(image, root, "stats")?)?
                .into_iter()
                .map(|block| place(root + block * BLOCK, BLOCK, 0))
                .collect(),
            Damage::Inode(path) => {
                let answer = query(image, root, &format!("imap {path}"))?;
                let (block, offset) = inode_location(&answer)
                    .with_context(|| format!("damage: inode {path:?}: {answer}"))?;
                vec![place(root + block * BLOCK + offset, 128, GARBAGE)]
            }
            Damage::Content(path) => {
                let answer = query(image, root, &format!("blocks {path}"))?;
                let numbers = answer.split_ascii_whitespace().map(str::parse);
                let numbers: Vec<u64> = numbers
                    .collect::<Result<_, _>>()
                    .with_context(|| format!("damage: content {path:?}: {answer}"))?;
                if numbers.is_empty() {
                    bail!("damage: {path:?} has no blocks");
                }
                blocks(numbers)
            }
            Damage::PartitionTable => vec![place(TABLE.0, TABLE.1, 0)],
            Damage::Partitions => vec![place(TABLE_ENTRIES.0, TABLE_ENTRIES.1, 0)],
            Damage::Everything => {
                let length = image.metadata().context("cannot examine the image")?.len();
                let whole = length.div_ceil(1 << 20);
                (0..whole)
                    .map(|part| place(part << 20, (length - (part << 20)).min(1 << 20), 0))
                    .collect()
            }
        })
    }
}

/// The first block of each group's inode table, from debugfs's `stats`.
fn inode_tables(answer: &str) -> Result<Vec<u64>> {
    let numbers: Vec<u64> = answer
        .split("inode table at ")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().ok()
        })
        .collect();
    if numbers.is_empty() {
        bail!("debugfs tells no inode table:\n{answer}");
    }
    Ok(numbers)
}

/// `located at block 5, offset 0x0b00`
fn inode_location(answer: &str) -> Option<(u64, u64)> {
    let (_, rest) = answer.split_once("located at block ")?;
    let (block, rest) = rest.split_once(", offset 0x")?;
    let offset = rest.split_ascii_whitespace().next()?;
    Some((block.parse().ok()?, u64::from_str_radix(offset, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root_file_system;

    fn image() -> tempfile::NamedTempFile {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("file"), vec![7; 10_000]).unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(8 << 20).unwrap();
        root_file_system::make(folder.path(), image.path(), 0, 8 << 20).unwrap();
        image
    }

    #[test]
    fn every_damage_finds_its_place_and_harms_the_file_system() {
        for damage in [
            Damage::Superblock,
            Damage::GroupDescriptors,
            Damage::InodeTables,
            Damage::Inode("/".into()),
            Damage::Inode("/file".into()),
            Damage::Content("/inner".into()),
            Damage::Everything,
        ] {
            let image = image();
            root_file_system::check(image.path(), 0).unwrap();
            for place in damage.places(image.path(), 0).unwrap() {
                place.overwrite(image.as_file()).unwrap();
            }
            assert!(
                root_file_system::check(image.path(), 0).is_err(),
                "{damage:?}"
            );
        }
    }

    #[test]
    fn a_path_that_is_not_there_cannot_be_damaged() {
        let image = image();
        for damage in [
            Damage::Inode("/missing".into()),
            Damage::Content("/missing".into()),
        ] {
            assert!(damage.places(image.path(), 0).is_err(), "{damage:?}");
        }
    }
}
