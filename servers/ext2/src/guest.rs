//! The disk behind a block driver's session, and the server's start.

use alloc::vec::Vec;
use core::fmt;

use ext2_format::{
    BlockDevice, DeviceError, FileSystem, InodeNumber, MountOptions, SECTOR_SIZE, Time,
};
use file_system::{GuestKernel, Kernel, OpenFile};
use kernel_abi::Handle;
use kernel_abi::memory::memory_flags;
use kernel_stubs::safe;
use proto::{Error, block};
use server_rt::{Mapping, Session, Start, log};

use crate::disk::{Disk, STAGING_BYTES, Segment};
use crate::partition::find_partition;
use crate::redo::{LOG_BYTES, LogMemory, Replayed, replay};
use crate::volume::DiskVolume;

/// Bytes that metadata is moved in.
const WINDOW_BYTES: u64 = 256 << 10;
/// Blocks of metadata kept in memory.
const CACHE_BLOCKS: usize = 4096;
/// Bytes of one segment as it travels.
const SEGMENT_SIZE: usize = 24;

/// A disk, or a partition of it, behind the session of a block driver.
struct SessionDisk {
    block: Session,
    first_sector: u64,
    sectors: u64,
    /// What metadata goes through, known to the driver under `window_number`.
    window_memory: Handle,
    window: Mapping,
    window_number: u64,
    staging: Handle,
}

impl SessionDisk {
    fn new(block: Session) -> Result<(SessionDisk, bool), Failure> {
        let geometry = block::geometry(&block, &[])?;
        let [sector_size, sectors, _, flags, ..] = geometry.words;
        if sector_size != SECTOR_SIZE as u64 {
            return Err(Failure::SectorSize(sector_size));
        }
        let window_memory = safe::memory_create(WINDOW_BYTES, 0)?;
        let window = Mapping::new(window_memory, 0, WINDOW_BYTES, true)?;
        let window_number = block::register(&block, &[window_memory])?.words[0];
        let staging = safe::memory_create(STAGING_BYTES, memory_flags::RESIZABLE)?;
        let disk = SessionDisk {
            block,
            first_sector: 0,
            sectors,
            window_memory,
            window,
            window_number,
            staging,
        };
        Ok((disk, flags & 1 != 0))
    }

    fn encode(&self, segments: &[Segment]) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(segments.len() * SEGMENT_SIZE);
        for segment in segments {
            let end = segment
                .sector
                .checked_add(segment.length / SECTOR_SIZE as u64);
            if end.is_none_or(|end| end > self.sectors) {
                return Err(Error::OutOfRange);
            }
            for word in [
                self.first_sector + segment.sector,
                segment.offset,
                segment.length,
            ] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        }
        Ok(bytes)
    }

    /// Moves the start of the window.
    fn transfer_window(&mut self, write: u32, sector: u64, length: u64) -> Result<(), Error> {
        let bytes = self.encode(&[Segment {
            sector,
            offset: 0,
            length,
        }])?;
        let number = self.window_number;
        match block::transfer_registered(&self.block, write, number, &bytes, &[]) {
            Ok(_) => Ok(()),
            Err(Error::Io) => Err(Error::Io),
            Err(_) => {
                // A driver that was restarted does not know the window any more.
                let answer = block::register(&self.block, &[self.window_memory])?;
                self.window_number = answer.words[0];
                let number = self.window_number;
                block::transfer_registered(&self.block, write, number, &bytes, &[]).map(|_| ())
            }
        }
    }
}

impl BlockDevice for SessionDisk {
    fn sector_count(&self) -> u64 {
        self.sectors
    }

    fn read(&mut self, first_sector: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let mut sector = first_sector;
        for part in buffer.chunks_mut(WINDOW_BYTES as usize) {
            let length = part.len() as u64;
            self.transfer_window(0, sector, length)
                .map_err(|_| DeviceError)?;
            self.window.read(0, part).ok_or(DeviceError)?;
            sector += length / SECTOR_SIZE as u64;
        }
        Ok(())
    }

    fn write(&mut self, first_sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        let mut sector = first_sector;
        for part in data.chunks(WINDOW_BYTES as usize) {
            let length = part.len() as u64;
            self.window.write(0, part).ok_or(DeviceError)?;
            self.transfer_window(1, sector, length)
                .map_err(|_| DeviceError)?;
            sector += length / SECTOR_SIZE as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        block::flush(&self.block, &[])
            .map(|_| ())
            .map_err(|_| DeviceError)
    }
}

impl Disk for SessionDisk {
    fn staging(&mut self) -> Result<Handle, Error> {
        // Pages that were not moved away the last time still hold what was read.
        if safe::memory_info(self.staging)?.present_pages > 0 {
            safe::memory_resize(self.staging, 0)?;
            safe::memory_resize(self.staging, STAGING_BYTES)?;
        }
        Ok(self.staging)
    }

    fn clear_staging(&mut self, offset: u64, length: u64) -> Result<(), Error> {
        let zeros = [0; 4096];
        let length = (length as usize).min(zeros.len());
        safe::write_at(self.staging, &zeros[..length], offset)?;
        Ok(())
    }

    fn transfer(&mut self, write: bool, memory: Handle, segments: &[Segment]) -> Result<(), Error> {
        if segments.is_empty() {
            return Ok(());
        }
        let bytes = self.encode(segments)?;
        block::transfer(&self.block, write.into(), &bytes, &[memory]).map(|_| ())
    }
}

impl LogMemory for Mapping {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        Mapping::read(self, offset, bytes)
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> Option<()> {
        Mapping::write(self, offset, bytes)
    }
    fn load(&self, offset: u64) -> Option<u64> {
        Mapping::load(self, offset)
    }
    fn store(&self, offset: u64, value: u64) -> Option<()> {
        Mapping::store(self, offset, value)
    }
}

/// The name under which the redo log is parked.
const LOG_NAME: &str = "redo";

/// The Memory of the redo log: the one that the instance before this one left, or a new one.
fn log_memory(kernel: &mut GuestKernel) -> Result<Mapping, Error> {
    let memory = match kernel.unpark(LOG_NAME) {
        Some(memory) => memory,
        None => {
            let memory = safe::memory_create(LOG_BYTES, 0)?;
            if !kernel.park(LOG_NAME, memory) {
                return Err(Error::NoMemory);
            }
            memory
        }
    };
    Ok(Mapping::new(memory, 0, LOG_BYTES, true)?)
}

/// Why there is no file system to serve.
enum Failure {
    /// The block driver refused.
    Driver(Error),
    /// Sectors of this many bytes.
    SectorSize(u64),
    /// A partition table without a usable Linux partition.
    NoPartition,
    /// What is on the disk.
    Mount(ext2_format::Error),
}

impl Failure {
    /// Whether another start might meet something else: a device that failed, or no memory.
    fn may_pass(&self) -> bool {
        matches!(
            self,
            Failure::Driver(Error::Io | Error::NoMemory)
                | Failure::Mount(ext2_format::Error::Device)
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Driver(error) => write!(out, "the disk cannot be used: {error}"),
            Failure::SectorSize(size) => {
                write!(
                    out,
                    "the disk has sectors of {size} bytes, not {SECTOR_SIZE}"
                )
            }
            Failure::NoPartition => {
                out.write_str("the disk's partition table names no usable Linux partition")
            }
            Failure::Mount(error) => write!(out, "the disk cannot be mounted: {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Driver(error)
    }
}

impl From<kernel_abi::Error> for Failure {
    fn from(error: kernel_abi::Error) -> Failure {
        Failure::Driver(error.into())
    }
}

/// Opens the disk of the session `block` and finds the file system on it; also whether the disk
/// is read-only.
fn open_disk(start: &Start) -> Result<(SessionDisk, bool), Failure> {
    let (mut disk, read_only) = SessionDisk::new(Session(start.require("block")))?;
    match find_partition(&mut disk) {
        Ok(Some((first, sectors))) => (disk.first_sector, disk.sectors) = (first, sectors),
        Ok(None) => return Err(Failure::NoPartition),
        Err(_) => return Err(Failure::Driver(Error::Io)),
    }
    Ok((disk, read_only))
}

/// Mounts the disk, after bringing to it what the instance before this one had not.
fn mount(
    start: &Start,
    in_use: &[InodeNumber],
    log: Option<Mapping>,
) -> Result<DiskVolume<SessionDisk, Mapping>, Failure> {
    let (mut disk, read_only) = open_disk(start)?;
    let replayed = match log.as_ref().map(|log| replay(log, &mut disk)) {
        Some(Ok(replayed)) => replayed,
        Some(Err(error)) => {
            log!("cannot replay the redo log: {error}");
            Replayed::default()
        }
        None => Replayed::default(),
    };
    let now_ns = safe::realtime_ns();
    let now = Time {
        seconds: (now_ns / 1_000_000_000) as i64,
        nanoseconds: (now_ns % 1_000_000_000) as u32,
    };
    let resumed = replayed.resumed;
    let cache_blocks = CACHE_BLOCKS;
    let options = MountOptions {
        read_only,
        cache_blocks,
        now,
        in_use,
        resumed,
    };
    let mut file_system = FileSystem::mount(disk, options).map_err(Failure::Mount)?;
    if let Err(error) = file_system.resume(&replayed.unfinished, in_use) {
        log!("what was freed last stays marked as used: {error}");
    }
    if let Some(feature) = file_system.write_blocker() {
        log!("mounted read-only: the file system has the feature {feature}");
    }
    Ok(DiskVolume::new(file_system, log, replayed.call))
}

/// Runs the server.
pub fn run(start: Start) -> ! {
    let endpoint = start.endpoint();
    let supervisor = start.handle("supervisor");
    let mut kernel = GuestKernel::new(endpoint, supervisor);
    let nodes = kernel
        .sessions()
        .into_iter()
        .filter_map(OpenFile::from_badge);
    let in_use: Vec<InodeNumber> = nodes
        .filter_map(|file| InodeNumber::try_from(file.node).ok())
        .collect();
    let log = log_memory(&mut kernel);
    if let Err(error) = &log {
        log!("no redo log: {error:?}");
    }
    match mount(&start, &in_use, log.ok()) {
        Ok(volume) => file_system::serve(volume, &start),
        Err(failure) if failure.may_pass() => {
            log!("{failure}");
            safe::process_exit(1)
        }
        Err(failure) => start.cannot_start(format_args!("{failure}")),
    }
}
