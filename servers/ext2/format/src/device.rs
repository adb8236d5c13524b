//! What the format layer needs from a disk.

use crate::error::DeviceError;

/// Bytes in one sector, the unit of device addresses.
pub const SECTOR_SIZE: usize = 512;

/// A disk, addressed in sectors of 512 bytes.
///
/// The calls are synchronous: the server that implements them waits for its driver, which
/// only happens for metadata (file data does not pass through here in the server).
pub trait BlockDevice {
    /// The device's size in sectors.
    fn sector_count(&self) -> u64;

    /// Fills `buffer` (a whole number of sectors) from `first_sector` on.
    fn read(&mut self, first_sector: u64, buffer: &mut [u8]) -> Result<(), DeviceError>;

    /// Writes `data` (a whole number of sectors) from `first_sector` on. The write may stay in
    /// the device's volatile cache, and may reach the medium in any order with other writes
    /// that no `flush` separates from it.
    fn write(&mut self, first_sector: u64, data: &[u8]) -> Result<(), DeviceError>;

    /// Returns once all writes that completed before are on the medium.
    fn flush(&mut self) -> Result<(), DeviceError>;
}
