//! Split virtqueues (Virtio 1.2, 2.7).
//!
//! The device may be broken: nothing is read back from memory that it can write but the used
//! ring, and what stands there is checked against the driver's own books.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

use driver_hal::Window;

const DESCRIPTOR_SIZE: u64 = 16;
const NEXT: u16 = 1;
const DEVICE_WRITES: u16 = 2;
const NO_NOTIFY: u16 = 1;
/// Rings start with flags and an index.
const RING_HEADER: u64 = 4;
const NONE: u16 = u16::MAX;

/// A run of memory as the device sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u32,
    /// The device writes it; otherwise it reads it.
    pub device_writes: bool,
}

/// A request that the device has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What [`Queue::add`] was given.
    pub cookie: u64,
    /// Bytes that the device says it wrote.
    pub written: u32,
}

/// Why a queue refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueError {
    /// Not enough free descriptors now.
    Full,
    /// A request without segments, with more than the queue has, or a queue without memory.
    BadRequest,
    /// The device returned a request that it had not been given.
    BrokenDevice,
}

/// A queue of requests.
pub struct Queue<W: Window> {
    memory: W,
    notify: W,
    number: u16,
    size: u16,
    free: u16,
    free_count: u16,
    /// The driver's own copy of the links: the one in memory is the device's to spoil.
    next: Vec<u16>,
    /// Cookie of the request that starts at each descriptor.
    cookies: Vec<Option<u64>>,
    available_index: u16,
    used_index: u16,
}

impl<W: Window> Queue<W> {
    /// Bytes of memory that a queue of `size` entries takes.
    pub const fn memory_size(size: u16) -> u64 {
        Self::used_offset(size) + RING_HEADER + 8 * size as u64 + 2
    }

    const fn available_offset(size: u16) -> u64 {
        DESCRIPTOR_SIZE * size as u64
    }

    const fn used_offset(size: u16) -> u64 {
        let end = Self::available_offset(size) + RING_HEADER + 2 * size as u64 + 2;
        end.next_multiple_of(4)
    }

    /// An empty queue in zeroed `memory`; `notify` is where its number is written.
    pub(crate) fn new(memory: W, size: u16, number: u16, notify: W) -> Result<Self, QueueError> {
        if !size.is_power_of_two() || memory.length() < Self::memory_size(size) {
            return Err(QueueError::BadRequest);
        }
        let next = (1..size).chain([NONE]).collect();
        Ok(Queue {
            memory,
            notify,
            number,
            size,
            free: 0,
            free_count: size,
            next,
            cookies: vec![None; size as usize],
            available_index: 0,
            used_index: 0,
        })
    }

    /// Addresses of the descriptors, the available and the used ring, for memory at `base`.
    pub fn addresses(&self, base: u64) -> (u64, u64, u64) {
        let available = base + Self::available_offset(self.size);
        (base, available, base + Self::used_offset(self.size))
    }

    /// Descriptors that are free.
    pub fn free_count(&self) -> usize {
        self.free_count as usize
    }

    /// Whether nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.free_count == self.size
    }

    /// Offers a request to the device; [`Queue::notify`] tells it.
    ///
    /// # Errors
    /// [`QueueError::Full`], [`QueueError::BadRequest`].
    pub fn add(&mut self, segments: &[Segment], cookie: u64) -> Result<(), QueueError> {
        if segments.is_empty() || segments.len() > self.size as usize {
            return Err(QueueError::BadRequest);
        }
        if segments.len() > self.free_count() {
            return Err(QueueError::Full);
        }
        let head = self.free;
        for (index, segment) in segments.iter().enumerate() {
            let descriptor = self.free;
            let last = index + 1 == segments.len();
            self.write_descriptor(descriptor, segment, last);
            self.free = self.next[descriptor as usize];
            if last {
                self.next[descriptor as usize] = NONE;
            }
        }
        self.free_count -= segments.len() as u16;
        self.cookies[head as usize] = Some(cookie);
        let slot = u64::from(self.available_index % self.size);
        let ring = Self::available_offset(self.size);
        self.memory.write_u16(ring + RING_HEADER + 2 * slot, head);
        self.available_index = self.available_index.wrapping_add(1);
        // The entry must be visible before the index that announces it.
        fence(Ordering::Release);
        self.memory.write_u16(ring + 2, self.available_index);
        Ok(())
    }

    fn write_descriptor(&self, descriptor: u16, segment: &Segment, last: bool) {
        let at = DESCRIPTOR_SIZE * u64::from(descriptor);
        let next = if last {
            0
        } else {
            self.next[descriptor as usize]
        };
        let mut flags = if last { 0 } else { NEXT };
        if segment.device_writes {
            flags |= DEVICE_WRITES;
        }
        self.memory.write_u64(at, segment.address);
        self.memory.write_u32(at + 8, segment.length);
        self.memory.write_u16(at + 12, flags);
        self.memory.write_u16(at + 14, next);
    }

    /// Tells the device about new requests, unless it said that it looks by itself.
    pub fn notify(&self) {
        // The index must be written before the flag is read, or both sides may wait.
        fence(Ordering::SeqCst);
        if self.memory.read_u16(Self::used_offset(self.size)) & NO_NOTIFY == 0 {
            self.notify.write_u16(0, self.number);
        }
    }

    /// The next request that the device has finished.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`]: the device must be reset.
    pub fn pop(&mut self) -> Result<Option<Completion>, QueueError> {
        let ring = Self::used_offset(self.size);
        if self.memory.read_u16(ring + 2) == self.used_index {
            return Ok(None);
        }
        fence(Ordering::Acquire);
        let slot = u64::from(self.used_index % self.size);
        let head = self.memory.read_u32(ring + RING_HEADER + 8 * slot);
        let written = self.memory.read_u32(ring + RING_HEADER + 8 * slot + 4);
        let entry = usize::try_from(head).ok();
        let cookie = entry
            .and_then(|head| self.cookies.get_mut(head))
            .and_then(Option::take)
            .ok_or(QueueError::BrokenDevice)?;
        self.used_index = self.used_index.wrapping_add(1);
        self.release(head as u16);
        Ok(Some(Completion { cookie, written }))
    }

    fn release(&mut self, head: u16) {
        let mut last = head;
        let mut count = 1;
        while self.next[last as usize] != NONE {
            last = self.next[last as usize];
            count += 1;
        }
        self.next[last as usize] = self.free;
        self.free = head;
        self.free_count += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver_testing::{FakeQueue, Ram};

    const SIZE: u16 = 8;

    fn queue() -> (Queue<Ram>, FakeQueue, Ram) {
        let ram = Ram::new(0x4000);
        let notify = Ram::new(2);
        notify.write_u16(0, 0xffff);
        let memory = ram.part(0x1000, Queue::<Ram>::memory_size(SIZE)).unwrap();
        let queue = Queue::new(memory, SIZE, 5, notify.clone()).unwrap();
        let (descriptors, available, used) = queue.addresses(0x1000);
        let device = FakeQueue::new(ram, SIZE, descriptors, available, used);
        (queue, device, notify)
    }

    fn reads(address: u64, length: u32) -> Segment {
        Segment {
            address,
            length,
            device_writes: false,
        }
    }

    fn writes(address: u64, length: u32) -> Segment {
        Segment {
            address,
            length,
            device_writes: true,
        }
    }

    #[test]
    fn a_request_travels_there_and_back() {
        let (mut queue, mut device, notify) = queue();
        device.ram.write_bytes(0x2000, b"hello");
        queue
            .add(&[reads(0x2000, 5), writes(0x3000, 8)], 77)
            .unwrap();
        assert_eq!(queue.pop(), Ok(None));
        queue.notify();
        assert_eq!(notify.read_u16(0), 5);
        let served = device.serve(|input| {
            assert_eq!(input, b"hello");
            b"world!".to_vec()
        });
        assert_eq!(served, 1);
        let expected = Completion {
            cookie: 77,
            written: 6,
        };
        assert_eq!(queue.pop(), Ok(Some(expected)));
        assert_eq!(queue.pop(), Ok(None));
        let mut answer = [0; 8];
        device.ram.read_bytes(0x3000, &mut answer);
        assert_eq!(&answer, b"world!\0\0");
        assert!(queue.is_idle());
    }

    #[test]
    fn requests_may_finish_in_any_order_and_for_ever() {
        let (mut queue, mut device, _) = queue();
        let mut expected = 0;
        for round in 0..70_000_u64 {
            let count = 1 + round % 4;
            for cookie in 0..count {
                let segments = [reads(0x2000, 1), writes(0x3000, 1)];
                queue.add(&segments, round * 4 + cookie).unwrap();
            }
            device.serve_reversed(|_| std::vec![0]);
            for cookie in (0..count).rev() {
                let completion = queue.pop().unwrap().unwrap();
                assert_eq!(completion.cookie, round * 4 + cookie);
                expected += 1;
            }
            assert!(queue.is_idle());
        }
        assert!(expected > 65_536);
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_later() {
        let (mut queue, mut device, _) = queue();
        for cookie in 0..u64::from(SIZE) {
            queue.add(&[reads(0x2000, 1)], cookie).unwrap();
        }
        assert_eq!(queue.add(&[reads(0x2000, 1)], 9), Err(QueueError::Full));
        device.serve(|_| std::vec::Vec::new());
        assert!(queue.pop().unwrap().is_some());
        assert_eq!(queue.add(&[reads(0x2000, 1)], 9), Ok(()));
    }

    #[test]
    fn requests_that_can_never_fit_are_refused() {
        let (mut queue, _, _) = queue();
        assert_eq!(queue.add(&[], 1), Err(QueueError::BadRequest));
        let many = [reads(0, 1); SIZE as usize + 1];
        assert_eq!(queue.add(&many, 1), Err(QueueError::BadRequest));
    }

    #[test]
    fn a_device_that_asks_for_quiet_is_not_notified() {
        let (queue, device, notify) = queue();
        device.set_flags(1);
        queue.notify();
        assert_eq!(notify.read_u16(0), 0xffff);
    }

    #[test]
    fn a_device_that_returns_what_it_was_not_given_is_broken() {
        for head in [1, 7, 8, u32::MAX] {
            let (mut queue, mut device, _) = queue();
            queue.add(&[reads(0x2000, 1), reads(0x2000, 1)], 1).unwrap();
            device.push_used(head, 0);
            assert_eq!(queue.pop(), Err(QueueError::BrokenDevice), "{head}");
        }
        let (mut queue, mut device, _) = queue();
        queue.add(&[reads(0x2000, 1)], 1).unwrap();
        device.push_used(0, 0);
        device.push_used(0, 0);
        assert!(queue.pop().is_ok());
        assert_eq!(queue.pop(), Err(QueueError::BrokenDevice));
    }
}
