//! One disk: transfers, the requests they consist of, and the device's queue.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use driver_hal::Window;
use kernel_abi::{Handle, PAGE_SIZE};
use proto::{Answer, Error};
use virtio::{Queue, QueueError, Segment};

use crate::request::{Kind, Request, Requests, Run};

/// Feature bit: the most segments of a request are told.
pub const SEGMENT_LIMIT: u32 = 2;
/// Feature bit: the disk cannot be written.
pub const READ_ONLY: u32 = 5;
/// Feature bit: the disk has a cache, which can be flushed.
pub const FLUSH: u32 = 9;

const HEADER_SIZE: u32 = 16;
/// Header, status byte, and padding to a power of two.
const SLOT_SIZE: u64 = 32;
/// Pages pinned by one kernel call.
const PIN_BYTES: u64 = 256 * PAGE_SIZE;
/// Descriptors for header and status.
const OVERHEAD: usize = 2;

/// Bytes of memory for the headers of a queue's requests.
pub const fn headers_size(queue_size: u16) -> u64 {
    queue_size as u64 / (OVERHEAD as u64) * SLOT_SIZE
}

/// What the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Most pieces of memory in a request.
    pub pieces: u32,
    /// It cannot be written.
    pub read_only: bool,
    /// It has a cache to be flushed.
    pub has_cache: bool,
}

impl Geometry {
    /// From the device's configuration and the features in force.
    pub fn parse(configuration: &[u8; 24], features: u64) -> Geometry {
        // Capacity at 0, the limits of a segment's size and of the segments at 8 and 12.
        let [a, b, c, d, e, f, g, h, _, _, _, _, w, x, y, z, ..] = *configuration;
        let has = |feature: u32| features & 1 << feature != 0;
        let limit = u32::from_le_bytes([w, x, y, z]);
        Geometry {
            sectors: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            pieces: if has(SEGMENT_LIMIT) { limit.max(1) } else { 1 },
            read_only: has(READ_ONLY),
            has_cache: has(FLUSH),
        }
    }
}

/// What a disk needs of the kernel.
pub trait Kernel {
    /// Pins pages and writes their addresses, one a page.
    fn pin(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        addresses: &mut [u64],
    ) -> Result<(), Error>;
    /// Unpins what one `pin` pinned.
    fn unpin(&mut self, memory: Handle, offset: u64, length: u64);
    /// Whether the giver of `memory` may have it read, or written, by the device.
    fn allows(&self, memory: Handle, device_writes: bool) -> bool;
    /// Closes a handle.
    fn close(&mut self, memory: Handle);
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
}

/// The Memory of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Came with the call, and is closed after it.
    Sent(Handle),
    /// Registered, and kept.
    Registered(Handle),
}

impl Source {
    fn handle(self) -> Handle {
        match self {
            Source::Sent(handle) | Source::Registered(handle) => handle,
        }
    }
}

/// A call being worked on.
struct Transfer {
    token: u64,
    memory: Option<Source>,
    pinned: Vec<(u64, u64)>,
    requests_left: usize,
    result: Result<(), Error>,
}

/// A disk.
pub struct Disk<W: Window, K: Kernel> {
    queue: Queue<W>,
    headers: W,
    headers_address: u64,
    free_slots: Vec<usize>,
    /// Transfer of the request in each slot.
    slots: Vec<usize>,
    transfers: Vec<Option<Transfer>>,
    waiting: VecDeque<Request>,
    piece_limit: usize,
    /// What the disk is.
    pub geometry: Geometry,
    kernel: K,
}

impl<W: Window, K: Kernel> Disk<W, K> {
    /// A disk behind `queue`; `headers`, which the device sees at `headers_address`, takes
    /// `headers_size` bytes.
    pub fn new(
        queue: Queue<W>,
        headers: W,
        headers_address: u64,
        geometry: Geometry,
        kernel: K,
    ) -> Disk<W, K> {
        let slots = (headers.length() / SLOT_SIZE) as usize;
        let room = queue.free_count().saturating_sub(OVERHEAD);
        Disk {
            piece_limit: room.min(geometry.pieces as usize),
            queue,
            headers,
            headers_address,
            free_slots: (0..slots).rev().collect(),
            slots: vec![0; slots],
            transfers: Vec::new(),
            waiting: VecDeque::new(),
            geometry,
            kernel,
        }
    }

    /// Most pieces in one request, for clients that plan ahead.
    pub fn piece_limit(&self) -> usize {
        self.piece_limit
    }

    /// The kernel's side.
    pub fn kernel(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// Starts to move `runs` and answers `token` when all of it has been done. On an error the
    /// call has not been kept, and what had been pinned has been unpinned.
    ///
    /// # Errors
    /// `ReadOnly`; `AccessDenied` when the Memory may not be used so; those of pinning.
    pub fn transfer(
        &mut self,
        token: u64,
        write: bool,
        memory: Source,
        runs: &[Run],
    ) -> Result<(), Error> {
        if write && self.geometry.read_only {
            return Err(Error::ReadOnly);
        }
        if !self.kernel.allows(memory.handle(), !write) {
            return Err(Error::AccessDenied);
        }
        let number = self.free_transfer();
        let kind = if write { Kind::Write } else { Kind::Read };
        let mut requests = Requests::new(number, kind, self.piece_limit);
        let mut pinned = Vec::new();
        for run in runs {
            match self.pin(memory.handle(), run, &mut pinned) {
                Ok(addresses) => requests.add(run.sector, &run.pieces(&addresses, !write)),
                Err(error) => {
                    self.unpin_all(memory.handle(), &pinned);
                    return Err(error);
                }
            }
        }
        self.begin(
            number,
            Transfer {
                token,
                memory: Some(memory),
                pinned,
                requests_left: requests.list.len(),
                result: Ok(()),
            },
            requests.list,
        );
        Ok(())
    }

    /// Makes everything durable that was written by transfers already answered. Says whether the
    /// call is kept: a disk without cache has nothing to flush.
    pub fn flush(&mut self, token: u64) -> bool {
        if !self.geometry.has_cache {
            return false;
        }
        let number = self.free_transfer();
        let request = Request {
            transfer: number,
            kind: Kind::Flush,
            sector: 0,
            pieces: Vec::new(),
        };
        let transfer = Transfer {
            token,
            memory: None,
            pinned: Vec::new(),
            requests_left: 1,
            result: Ok(()),
        };
        self.begin(number, transfer, vec![request]);
        true
    }

    /// Takes what the device has finished, answers calls, and offers waiting requests.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`]: nothing can be told about what is in flight.
    pub fn interrupted(&mut self) -> Result<(), QueueError> {
        while let Some(completion) = self.queue.pop()? {
            let slot = completion.cookie as usize;
            let status = self.headers.read_u8(status_offset(slot));
            self.free_slots.push(slot);
            self.finish_request(self.slots[slot], status);
        }
        self.pump();
        Ok(())
    }

    fn free_transfer(&mut self) -> usize {
        let free = self.transfers.iter().position(Option::is_none);
        free.unwrap_or_else(|| {
            self.transfers.push(None);
            self.transfers.len() - 1
        })
    }

    fn begin(&mut self, number: usize, transfer: Transfer, requests: Vec<Request>) {
        self.transfers[number] = Some(transfer);
        self.waiting.extend(requests);
        self.pump();
    }

    fn pin(
        &mut self,
        memory: Handle,
        run: &Run,
        pinned: &mut Vec<(u64, u64)>,
    ) -> Result<Vec<u64>, Error> {
        let (start, length) = run.pages();
        let mut addresses = vec![0; (length / PAGE_SIZE) as usize];
        let chunks = addresses.chunks_mut((PIN_BYTES / PAGE_SIZE) as usize);
        for (offset, chunk) in (start..).step_by(PIN_BYTES as usize).zip(chunks) {
            let length = chunk.len() as u64 * PAGE_SIZE;
            self.kernel.pin(memory, offset, length, chunk)?;
            pinned.push((offset, length));
        }
        Ok(addresses)
    }

    fn unpin_all(&mut self, memory: Handle, pinned: &[(u64, u64)]) {
        for &(offset, length) in pinned {
            self.kernel.unpin(memory, offset, length);
        }
    }

    /// Offers requests while there is room, and tells the device once.
    fn pump(&mut self) {
        let mut offered = false;
        while let Some(request) = self.waiting.pop_front() {
            if !self.offer(&request) {
                self.waiting.push_front(request);
                break;
            }
            offered = true;
        }
        if offered {
            self.queue.notify();
        }
    }

    fn offer(&mut self, request: &Request) -> bool {
        let Some(&slot) = self.free_slots.last() else {
            return false;
        };
        let at = slot as u64 * SLOT_SIZE;
        let mut chain = Vec::with_capacity(request.pieces.len() + OVERHEAD);
        chain.push(Segment {
            address: self.headers_address + at,
            length: HEADER_SIZE,
            device_writes: false,
        });
        chain.extend_from_slice(&request.pieces);
        chain.push(Segment {
            address: self.headers_address + status_offset(slot),
            length: 1,
            device_writes: true,
        });
        if self.queue.free_count() < chain.len() {
            return false;
        }
        self.headers
            .write_bytes(at, &request.kind.header(request.sector));
        // A device that finishes without writing a status has failed.
        self.headers.write_u8(status_offset(slot), u8::MAX);
        if self.queue.add(&chain, slot as u64).is_err() {
            return false;
        }
        self.free_slots.pop();
        self.slots[slot] = request.transfer;
        true
    }

    fn finish_request(&mut self, number: usize, status: u8) {
        let Some(transfer) = self.transfers.get_mut(number).and_then(Option::as_mut) else {
            return;
        };
        let result = match status {
            0 => Ok(()),
            2 => Err(Error::NotSupported),
            _ => Err(Error::Io),
        };
        transfer.result = transfer.result.and(result);
        transfer.requests_left -= 1;
        if transfer.requests_left == 0
            && let Some(transfer) = self.transfers[number].take()
        {
            self.finish_transfer(&transfer);
        }
    }

    fn finish_transfer(&mut self, transfer: &Transfer) {
        if let Some(memory) = transfer.memory {
            self.unpin_all(memory.handle(), &transfer.pinned);
            if let Source::Sent(handle) = memory {
                self.kernel.close(handle);
            }
        }
        let result = transfer.result.map(|()| Answer::default());
        self.kernel.reply(transfer.token, result);
    }
}

const fn status_offset(slot: usize) -> u64 {
    slot as u64 * SLOT_SIZE + HEADER_SIZE as u64
}
