//! Where on a disk the file system lies: GUID partition tables (UEFI 2.10, chapter 5).

use alloc::vec;

use ext2_format::{BlockDevice, DeviceError, SECTOR_SIZE};

/// Type of partitions that hold Linux file systems, as it stands on the disk.
const LINUX_FILE_SYSTEM: [u8; 16] = [
    0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47, 0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4,
];

/// Most bytes of a partition table that are looked at.
const TABLE_LIMIT: usize = 64 << 10;

fn word(bytes: &[u8], offset: usize) -> u64 {
    let field = bytes
        .get(offset..offset + 8)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u64::from_le_bytes)
}

fn half(bytes: &[u8], offset: usize) -> usize {
    (word(bytes, offset) & u64::from(u32::MAX)) as usize
}

/// The first sector and the length in sectors of the file system: the first partition of the
/// Linux type, or the whole disk if it has no partition table. None: there is a table, but it is
/// damaged or names no such partition.
pub fn find_partition<D: BlockDevice>(disk: &mut D) -> Result<Option<(u64, u64)>, DeviceError> {
    let whole = Some((0, disk.sector_count()));
    if disk.sector_count() < 34 {
        return Ok(whole);
    }
    let mut header = [0; SECTOR_SIZE];
    disk.read(1, &mut header)?;
    if &header[..8] != b"EFI PART" {
        return Ok(whole);
    }
    let (first, count, size) = (word(&header, 72), half(&header, 80), half(&header, 84));
    let length = count.saturating_mul(size);
    let sane = size >= 128 && length > 0 && length <= TABLE_LIMIT;
    let sectors = length.div_ceil(SECTOR_SIZE);
    if !sane
        || first
            .checked_add(sectors as u64)
            .is_none_or(|end| end > disk.sector_count())
    {
        return Ok(None);
    }
    let mut table = vec![0; sectors * SECTOR_SIZE];
    disk.read(first, &mut table)?;
    for entry in table[..length].chunks_exact(size) {
        let (start, last) = (word(entry, 32), word(entry, 40));
        if entry[..16] == LINUX_FILE_SYSTEM && start <= last && last < disk.sector_count() {
            return Ok(Some((start, last - start + 1)));
        }
    }
    Ok(None)
}
