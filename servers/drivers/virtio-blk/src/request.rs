//! From the segments of a call to requests of the device.

use alloc::vec::Vec;

use kernel_abi::PAGE_SIZE;
use proto::Error;
use virtio::Segment;

use crate::Geometry;

/// Bytes in a sector of the protocol, whatever the disk's own are.
pub const SECTOR_SIZE: u64 = 512;
/// Bytes of one segment in a call's buffer.
pub const SEGMENT_SIZE: usize = 24;
/// Most segments of one call.
pub const MAX_SEGMENTS: usize = 1024;
/// Most bytes of one segment.
const MAX_LENGTH: u64 = 16 << 20;

/// A part of a transfer: sectors, and where in the Memory their contents are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First sector.
    pub sector: u64,
    /// Offset in the Memory, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Run {
    /// Decodes and checks the segments of a call against the disk.
    pub fn parse_all(bytes: &[u8], geometry: &Geometry) -> Result<Vec<Run>, Error> {
        let count = bytes.len() / SEGMENT_SIZE;
        if bytes.is_empty() || !bytes.len().is_multiple_of(SEGMENT_SIZE) {
            return Err(Error::BadArgument);
        }
        if count > MAX_SEGMENTS {
            return Err(Error::OutOfRange);
        }
        let runs = bytes.chunks_exact(SEGMENT_SIZE).map(|bytes| {
            let word = |at: usize| {
                let field = bytes[at..at + 8].try_into().unwrap_or([0; 8]);
                u64::from_le_bytes(field)
            };
            Run {
                sector: word(0),
                offset: word(8),
                length: word(16),
            }
            .check(geometry)
        });
        runs.collect()
    }

    fn check(self, geometry: &Geometry) -> Result<Run, Error> {
        // Whole sectors at multiples of a sector; then no sector crosses more than pages do.
        let whole = self.length.is_multiple_of(SECTOR_SIZE)
            && self.offset.is_multiple_of(SECTOR_SIZE)
            && self.length > 0;
        if !whole {
            return Err(Error::BadArgument);
        }
        let end = self.sector.checked_add(self.length / SECTOR_SIZE);
        let inside = end.is_some_and(|end| end <= geometry.sectors);
        let reachable = self.offset.checked_add(MAX_LENGTH + PAGE_SIZE).is_some();
        if !inside || !reachable || self.length > MAX_LENGTH {
            return Err(Error::OutOfRange);
        }
        Ok(self)
    }

    /// The whole pages of the Memory that it touches: offset and length in bytes.
    pub fn pages(&self) -> (u64, u64) {
        let start = self.offset / PAGE_SIZE * PAGE_SIZE;
        let end = (self.offset + self.length).next_multiple_of(PAGE_SIZE);
        (start, end - start)
    }

    /// Its memory as the device sees it, given the addresses of its pages; neighbouring pages
    /// become one piece.
    pub fn pieces(&self, addresses: &[u64], device_writes: bool) -> Vec<Segment> {
        let mut pieces: Vec<Segment> = Vec::new();
        let mut skipped = self.offset % PAGE_SIZE;
        let mut left = self.length;
        for page in addresses {
            let length = (PAGE_SIZE - skipped).min(left);
            let address = page + skipped;
            match pieces.last_mut() {
                Some(last) if last.address + u64::from(last.length) == address => {
                    last.length += length as u32;
                }
                _ => pieces.push(Segment {
                    address,
                    length: length as u32,
                    device_writes,
                }),
            }
            skipped = 0;
            left -= length;
        }
        pieces
    }
}

/// What the device is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read sectors.
    Read,
    /// Write sectors.
    Write,
    /// Make what was written durable.
    Flush,
}

impl Kind {
    /// The header of a request (Virtio 1.2, 5.2.6): type, reserved, sector.
    pub fn header(self, sector: u64) -> [u8; 16] {
        let number: u32 = match self {
            Kind::Read => 0,
            Kind::Write => 1,
            Kind::Flush => 4,
        };
        let mut header = [0; 16];
        header[..4].copy_from_slice(&number.to_le_bytes());
        header[8..].copy_from_slice(&sector.to_le_bytes());
        header
    }
}

/// A request that waits for room in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The transfer that it belongs to.
    pub transfer: usize,
    /// What to do.
    pub kind: Kind,
    /// First sector.
    pub sector: u64,
    /// The memory.
    pub pieces: Vec<Segment>,
}

/// Splits pieces into requests of at most `limit` pieces, joining runs whose sectors follow each
/// other: one request of many pages costs the device hardly more than one of one page.
pub struct Requests {
    transfer: usize,
    kind: Kind,
    limit: usize,
    next_sector: u64,
    /// The finished requests.
    pub list: Vec<Request>,
}

impl Requests {
    /// An empty list.
    pub fn new(transfer: usize, kind: Kind, limit: usize) -> Requests {
        Requests {
            transfer,
            kind,
            limit,
            next_sector: 0,
            list: Vec::new(),
        }
    }

    /// Adds a run of sectors with its memory.
    pub fn add(&mut self, mut sector: u64, pieces: &[Segment]) {
        for piece in pieces {
            let follows = sector == self.next_sector;
            let limit = self.limit;
            match self.list.last_mut() {
                Some(last) if follows && last.pieces.len() < limit => last.pieces.push(*piece),
                _ => self.list.push(Request {
                    transfer: self.transfer,
                    kind: self.kind,
                    sector,
                    pieces: Vec::from([*piece]),
                }),
            }
            sector += u64::from(piece.length) / SECTOR_SIZE;
            self.next_sector = sector;
        }
    }
}
