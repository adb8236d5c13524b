//! A network adapter: frames in memory that its driver shares (`proto::frames`).

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::frames::{HEADER_SIZE, RECEIVE_SLOTS, SEND_SLOTS, SLOT_SIZE, place};
use proto::{Error, adapter};
use server_rt::{Mapping, Session};

/// Where the header says over how many slots a frame is spread.
const SPREAD: usize = 10;

/// Frames come and go here.
pub trait Nic {
    /// Hardware address.
    fn hardware_address(&self) -> [u8; 6];
    /// Bytes of the largest packet.
    fn packet_size(&self) -> usize;
    /// Whether there is a link.
    fn has_link(&self) -> bool;
    /// Takes the next frame that has arrived.
    fn receive(&mut self, frame: &mut Vec<u8>) -> bool;
    /// Whether a frame can be sent now.
    fn has_room(&self) -> bool;
    /// Gives a frame to be sent; without room it is lost.
    fn send(&mut self, frame: &[u8]);
    /// Tells the driver what has changed.
    fn flush(&mut self);
    /// Goes on listening to the driver.
    fn listen(&mut self);
}

/// An adapter behind its driver's shared memory.
///
/// What the driver writes there is checked: a count that cannot be is not followed.
pub struct Shared {
    mapping: Mapping,
    /// Raised by the driver, and by this server.
    news: Handle,
    request: Handle,
    endpoint: Handle,
    cookie: u64,
    address: [u8; 6],
    packet_size: usize,
    taken: u64,
    given: u64,
    has_changed: bool,
}

impl Shared {
    /// Opens the `index`th adapter of a driver; `cookie` comes with its signals at `endpoint`.
    ///
    /// # Errors
    /// `NoDevice` when there is no such adapter; the driver's, and those of making memory.
    pub fn open(
        driver: &Session,
        index: u32,
        endpoint: Handle,
        cookie: u64,
    ) -> Result<Shared, Error> {
        let memory = safe::memory_create(place::SIZE.next_multiple_of(kernel_abi::PAGE_SIZE), 0)?;
        let news = safe::event_create(Signals::NONE)?;
        let request = safe::event_create(Signals::NONE)?;
        let opened = adapter::open(driver, index, &[memory, news, request]);
        let mapping = opened.and_then(|answer| {
            let mapping = Mapping::new(memory, 0, place::SIZE, true)?;
            Ok((answer, mapping))
        });
        // The mapping keeps the memory.
        let _ = safe::handle_close(memory);
        let (answer, mapping) = match mapping {
            Ok(found) => found,
            Err(error) => {
                let _ = safe::handle_close(news);
                let _ = safe::handle_close(request);
                return Err(error);
            }
        };
        let [a, b, c, d, e, f, ..] = answer.words[0].to_le_bytes();
        let mut nic = Shared {
            mapping,
            news,
            request,
            endpoint,
            cookie,
            address: [a, b, c, d, e, f],
            packet_size: answer.words[1] as usize,
            taken: 0,
            given: 0,
            has_changed: false,
        };
        nic.listen();
        Ok(nic)
    }

    /// Appends what is in the slot of an arrival.
    fn append(&self, arrival: u64, frame: &mut Vec<u8>) {
        let index = arrival % u64::from(RECEIVE_SLOTS);
        let entry = self.count(place::ARRIVALS + 8 * index);
        let (slot, length) = (entry & 0xffff_ffff, (entry >> 32).min(SLOT_SIZE));
        let start = frame.len();
        frame.resize(start + length as usize, 0);
        let offset = place::RECEIVED + SLOT_SIZE * slot.min(u64::from(RECEIVE_SLOTS) - 1);
        if let Some(part) = frame.get_mut(start..) {
            // A slot is within the Memory.
            let _ = self.mapping.read(offset, part);
        }
    }

    fn count(&self, offset: u64) -> u64 {
        let count = self.mapping.load(offset).unwrap_or(0);
        fence(Ordering::Acquire);
        count
    }
}

impl Nic for Shared {
    fn hardware_address(&self) -> [u8; 6] {
        self.address
    }

    fn packet_size(&self) -> usize {
        self.packet_size
    }

    fn has_link(&self) -> bool {
        self.count(place::LINK) != 0
    }

    fn receive(&mut self, frame: &mut Vec<u8>) -> bool {
        let waiting = self.count(place::ARRIVED).wrapping_sub(self.taken);
        if waiting == 0 || waiting > RECEIVE_SLOTS.into() {
            return false;
        }
        frame.clear();
        self.append(self.taken, frame);
        // How many slots the frame is spread over (Virtio 1.2, 5.1.6.3.2).
        let head = frame.get(SPREAD..).and_then(|rest| rest.first_chunk());
        let slots = head.map_or(1, |count| u64::from(u16::from_le_bytes(*count)));
        let slots = slots.clamp(1, waiting);
        for count in 1..slots {
            self.append(self.taken + count, frame);
        }
        frame.drain(..frame.len().min(HEADER_SIZE as usize));
        self.taken += slots;
        let _ = self.mapping.store(place::TAKEN, self.taken);
        self.has_changed = true;
        true
    }

    fn has_room(&self) -> bool {
        let waiting = self.given.wrapping_sub(self.count(place::SENT));
        waiting < SEND_SLOTS.into()
    }

    fn send(&mut self, frame: &[u8]) {
        let length = HEADER_SIZE + frame.len() as u64;
        if !self.has_room() || length > SLOT_SIZE {
            return;
        }
        let index = self.given % u64::from(SEND_SLOTS);
        let offset = place::TO_SEND + SLOT_SIZE * index;
        let header = [0; HEADER_SIZE as usize];
        let written = self
            .mapping
            .write(offset, &header)
            .and_then(|()| self.mapping.write(offset + HEADER_SIZE, frame))
            .and_then(|()| self.mapping.store(place::LENGTHS + 8 * index, length));
        if written.is_none() {
            return;
        }
        self.given += 1;
        let _ = self.mapping.store(place::GIVEN, self.given);
        self.has_changed = true;
    }

    fn flush(&mut self) {
        if core::mem::take(&mut self.has_changed) {
            // The driver's next instance looks by itself.
            let _ = safe::event_signal(self.request, Signals::NONE, Signals::READABLE);
        }
    }

    fn listen(&mut self) {
        // Lowered first: what comes during the work that follows is then told again.
        let _ = safe::event_signal(self.news, Signals::READABLE, Signals::NONE);
        let bound = safe::endpoint_bind(self.endpoint, self.news, Signals::READABLE, self.cookie);
        if let Err(error) = bound {
            server_rt::log!("an adapter cannot be heard: {}", error.name());
        }
    }
}

/// Opens all adapters of a driver.
pub fn open_all(driver: Handle, endpoint: Handle, cookie: u64) -> Vec<Shared> {
    let driver = Session(driver);
    let mut all = vec![];
    for index in 0.. {
        match Shared::open(&driver, index, endpoint, cookie + u64::from(index)) {
            Ok(nic) => all.push(nic),
            Err(Error::NoDevice) => break,
            Err(error) => {
                server_rt::log!("adapter {index} cannot be used: {error}");
                break;
            }
        }
    }
    all
}
