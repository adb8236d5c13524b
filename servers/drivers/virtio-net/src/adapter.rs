//! One adapter: frames between the Memory that is shared with `net` (`proto::frames`) and the device's
//! queues. The device reads and writes the frames where they lie; this driver never looks at them.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

use driver_hal::Window;
use kernel_abi::PAGE_SIZE;
use proto::frames::{HEADER_SIZE, RECEIVE_SLOTS, SEND_SLOTS, SLOT_SIZE, place};
use virtio::{Queue, QueueError, Segment};

/// What changed for `net`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames have arrived, or there is room to send again.
    pub is_news: bool,
    /// The device had nothing to say about its queues.
    pub was_idle: bool,
}

/// An adapter at work.
///
/// All that the next instance must know stands in the shared Memory. What `net` writes there is
/// checked: a count that cannot be is taken for the last one that could.
pub struct Adapter<W: Window> {
    receive: Queue<W>,
    transmit: Queue<W>,
    shared: W,
    /// Where the device sees each page of the Memory.
    pages: Vec<u64>,
    /// Which slots the device has for what arrives.
    offered: Vec<bool>,
    /// Entries of the ring of arrivals that were made, and those whose slots are the device's again.
    arrived: u64,
    taken: u64,
    /// Frames given to the device, and those that are sent; of the others, which are.
    passed: u64,
    sent: u64,
    finished: Vec<bool>,
}

impl<W: Window> Adapter<W> {
    /// An adapter over its two queues, which goes on where the Memory says that the last one was.
    pub fn new(receive: Queue<W>, transmit: Queue<W>, shared: W, pages: Vec<u64>) -> Adapter<W> {
        let arrived = shared.read_u64(place::ARRIVED);
        let sent = shared.read_u64(place::SENT);
        let taken = shared.read_u64(place::TAKEN);
        let kept = arrived.wrapping_sub(taken);
        let mut adapter = Adapter {
            receive,
            transmit,
            shared,
            pages,
            offered: vec![false; RECEIVE_SLOTS as usize],
            arrived,
            taken: if kept > RECEIVE_SLOTS.into() {
                arrived
            } else {
                taken
            },
            passed: sent,
            sent,
            finished: vec![false; SEND_SLOTS as usize],
        };
        adapter.offer_all();
        adapter
    }

    /// Offers every slot that `net` is not reading.
    fn offer_all(&mut self) {
        let mut kept = vec![false; RECEIVE_SLOTS as usize];
        for count in self.taken..self.arrived {
            if let Some(place) = kept.get_mut(self.arrival(count) as usize) {
                *place = true;
            }
        }
        for slot in (0..RECEIVE_SLOTS).filter(|slot| !kept[*slot as usize]) {
            self.offer(slot);
        }
        self.receive.notify();
    }

    /// The slot in the ring of arrivals.
    fn arrival(&self, count: u64) -> u32 {
        let index = count % u64::from(RECEIVE_SLOTS);
        self.shared.read_u64(place::ARRIVALS + 8 * index) as u32
    }

    /// Where the device sees a place in the Memory.
    fn address(&self, offset: u64) -> Option<u64> {
        let page = self.pages.get((offset / PAGE_SIZE) as usize)?;
        Some(page + offset % PAGE_SIZE)
    }

    /// Gives the device a slot for what arrives.
    fn offer(&mut self, slot: u32) {
        let offset = place::RECEIVED + SLOT_SIZE * u64::from(slot);
        let (Some(address), Some(false)) = (
            self.address(offset),
            self.offered.get(slot as usize).copied(),
        ) else {
            return;
        };
        let segment = Segment {
            address,
            length: SLOT_SIZE as u32,
            device_writes: true,
        };
        // There are as many descriptors as slots.
        if self.receive.add(&[segment], slot.into()).is_ok() {
            self.offered[slot as usize] = true;
        }
    }

    /// Takes what the device has finished.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`]: it must be reset.
    pub fn interrupted(&mut self) -> Result<Progress, QueueError> {
        let before = (self.arrived, self.sent);
        self.take_arrivals()?;
        self.take_sent()?;
        let is_news = before != (self.arrived, self.sent);
        let was_idle = !is_news;
        self.told();
        Ok(Progress { is_news, was_idle })
    }

    /// `net` has changed the Memory: slots are free again, or there are frames to send.
    pub fn told(&mut self) {
        self.offer_taken();
        self.pass_given();
    }

    fn take_arrivals(&mut self) -> Result<(), QueueError> {
        while let Some(completion) = self.receive.pop()? {
            let slot = completion.cookie;
            let length = u64::from(completion.written).min(SLOT_SIZE);
            if let Some(offered) = self.offered.get_mut(slot as usize) {
                *offered = false;
            }
            let index = self.arrived % u64::from(RECEIVE_SLOTS);
            let entry = slot | length << 32;
            self.shared.write_u64(place::ARRIVALS + 8 * index, entry);
            self.arrived += 1;
        }
        self.publish(place::ARRIVED, self.arrived);
        Ok(())
    }

    fn take_sent(&mut self) -> Result<(), QueueError> {
        while let Some(completion) = self.transmit.pop()? {
            if let Some(place) = self.finished.get_mut(completion.cookie as usize) {
                *place = true;
            }
        }
        while self.sent != self.passed {
            let index = (self.sent % u64::from(SEND_SLOTS)) as usize;
            if !core::mem::take(&mut self.finished[index]) {
                break;
            }
            self.sent += 1;
        }
        self.publish(place::SENT, self.sent);
        Ok(())
    }

    /// Writes a count after all that it tells of.
    fn publish(&self, offset: u64, count: u64) {
        fence(Ordering::Release);
        self.shared.write_u64(offset, count);
    }

    fn offer_taken(&mut self) {
        let taken = self.shared.read_u64(place::TAKEN);
        fence(Ordering::Acquire);
        if taken < self.taken || taken > self.arrived {
            return;
        }
        if self.taken == taken {
            return;
        }
        for count in self.taken..taken {
            let slot = self.arrival(count);
            self.offer(slot);
        }
        self.taken = taken;
        self.receive.notify();
    }

    fn pass_given(&mut self) {
        let given = self.shared.read_u64(place::GIVEN);
        fence(Ordering::Acquire);
        if given <= self.passed || given - self.sent > SEND_SLOTS.into() {
            return;
        }
        while self.passed != given {
            let index = self.passed % u64::from(SEND_SLOTS);
            if !self.pass(index) {
                break;
            }
            self.passed += 1;
        }
        self.transmit.notify();
    }

    /// Gives the device a frame to send; `false` when its queue is full.
    fn pass(&mut self, index: u64) -> bool {
        let length = self.shared.read_u64(place::LENGTHS + 8 * index);
        let address = self.address(place::TO_SEND + SLOT_SIZE * index);
        let fits = (HEADER_SIZE + 1..=SLOT_SIZE).contains(&length);
        let Some(address) = address.filter(|_| fits) else {
            // What is no frame counts as sent.
            self.finished[index as usize] = true;
            return true;
        };
        let segment = Segment {
            address,
            length: length as u32,
            device_writes: false,
        };
        self.transmit.add(&[segment], index).is_ok()
    }

    /// Tells `net` whether there is a link; `true` when that has changed.
    pub fn set_link(&mut self, is_up: bool) -> bool {
        let before = self.shared.read_u64(place::LINK);
        self.shared.write_u64(place::LINK, is_up.into());
        before != u64::from(is_up)
    }
}
