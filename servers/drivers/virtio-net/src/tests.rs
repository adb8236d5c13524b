//! An adapter between a fake device and a fake `net`.

use std::vec;
use std::vec::Vec;

use driver_hal::Window;
use driver_testing::{FakeQueue, Ram};
use kernel_abi::PAGE_SIZE;
use proto::frames::{HEADER_SIZE, RECEIVE_SLOTS, SEND_SLOTS, SLOT_SIZE, place};
use virtio::{Device, Queue};

use crate::Adapter;

const RECEIVE_RING: u64 = 0x10_000;
const SEND_RING: u64 = 0x20_000;
const SHARED: u64 = 0x100_000;

struct Setup {
    ram: Ram,
    shared: Ram,
    adapter: Adapter<Ram>,
    receive: FakeQueue,
    transmit: FakeQueue,
}

/// Brings an adapter up over the memory; a second time as another instance does.
fn start(ram: &Ram) -> Setup {
    let common = Ram::new(64);
    common.write_u16(24, 256);
    let device = Device::new(common, Ram::new(4), 0, None);
    let queue = |number, size: u32, at| {
        let size = size as u16;
        let memory = ram.part(at, Queue::<Ram>::memory_size(size)).unwrap();
        memory.write_bytes(0, &vec![0; memory.length() as usize]);
        let queue = device.add_queue(number, size, memory, at, 0).unwrap();
        let (descriptors, available, used) = queue.addresses(at);
        let fake = FakeQueue::new(ram.clone(), size, descriptors, available, used);
        (queue, fake)
    };
    let (receive_queue, receive) = queue(0, RECEIVE_SLOTS, RECEIVE_RING);
    let (send_queue, transmit) = queue(1, SEND_SLOTS, SEND_RING);
    let shared = ram.part(SHARED, place::SIZE).unwrap();
    let pages = (0..place::SIZE.div_ceil(PAGE_SIZE))
        .map(|page| SHARED + page * PAGE_SIZE)
        .collect();
    Setup {
        adapter: Adapter::new(receive_queue, send_queue, shared.clone(), pages),
        ram: ram.clone(),
        shared,
        receive,
        transmit,
    }
}

fn setup() -> Setup {
    start(&Ram::new(0x200_000))
}

impl Setup {
    /// The device writes a frame into the next buffers that were offered.
    fn arrive(&mut self, offers: &mut Vec<(u16, u64)>, frame: &[u8]) {
        let (head, address) = offers.remove(0);
        self.ram.write_bytes(address + HEADER_SIZE, frame);
        let written = HEADER_SIZE as u32 + frame.len() as u32;
        self.receive.push_used(head.into(), written);
    }
    fn offers(&mut self) -> Vec<(u16, u64)> {
        let taken = self.receive.take();
        taken
            .iter()
            .map(|(head, chain)| (*head, chain[0].0))
            .collect()
    }
    /// What `net` finds at its next look.
    fn take(&mut self) -> Option<Vec<u8>> {
        let taken = self.shared.read_u64(place::TAKEN);
        if taken == self.shared.read_u64(place::ARRIVED) {
            return None;
        }
        let index = taken % u64::from(RECEIVE_SLOTS);
        let entry = self.shared.read_u64(place::ARRIVALS + 8 * index);
        let (slot, length) = (entry & 0xffff_ffff, entry >> 32);
        let mut frame = vec![0; (length - HEADER_SIZE) as usize];
        let at = place::RECEIVED + SLOT_SIZE * slot + HEADER_SIZE;
        self.shared.read_bytes(at, &mut frame);
        self.shared.write_u64(place::TAKEN, taken + 1);
        Some(frame)
    }
    fn give(&mut self, frame: &[u8]) {
        let given = self.shared.read_u64(place::GIVEN);
        let index = given % u64::from(SEND_SLOTS);
        let at = place::TO_SEND + SLOT_SIZE * index + HEADER_SIZE;
        self.shared.write_bytes(at, frame);
        let length = HEADER_SIZE + frame.len() as u64;
        self.shared.write_u64(place::LENGTHS + 8 * index, length);
        self.shared.write_u64(place::GIVEN, given + 1);
    }
    /// The frames that the device finds to send; it finishes them all.
    fn send(&mut self) -> Vec<Vec<u8>> {
        let requests = self.transmit.take();
        let mut frames = Vec::new();
        for (head, chain) in requests {
            let input = self.transmit.input(&chain);
            frames.push(input[HEADER_SIZE as usize..].to_vec());
            self.transmit.push_used(head.into(), 0);
        }
        frames
    }
}

#[test]
fn frames_arrive_in_order_for_ever() {
    let mut setup = setup();
    let mut offers = setup.offers();
    assert_eq!(offers.len(), RECEIVE_SLOTS as usize);
    for round in 0..1000_u32 {
        let frame = round.to_le_bytes();
        setup.arrive(&mut offers, &frame);
        assert!(setup.adapter.interrupted().unwrap().is_news);
        assert_eq!(setup.take(), Some(frame.to_vec()));
        setup.adapter.told();
        offers.extend(setup.offers());
        assert_eq!(offers.len(), RECEIVE_SLOTS as usize);
    }
    let idle = setup.adapter.interrupted().unwrap();
    assert!(idle.was_idle && !idle.is_news);
}

#[test]
fn slots_that_net_has_not_read_are_not_overwritten() {
    let mut setup = setup();
    let mut offers = setup.offers();
    while !offers.is_empty() {
        setup.arrive(&mut offers, b"frame");
    }
    setup.adapter.interrupted().unwrap();
    assert_eq!(setup.offers().len(), 0);
    setup.take();
    setup.adapter.told();
    assert_eq!(setup.offers().len(), 1);
}

#[test]
fn frames_are_sent_and_their_slots_come_back() {
    let mut setup = setup();
    for round in 0..300_u32 {
        for _ in 0..=round % SEND_SLOTS {
            setup.give(&round.to_le_bytes());
        }
        setup.adapter.told();
        let frames = setup.send();
        assert_eq!(frames.len(), (round % SEND_SLOTS) as usize + 1);
        assert!(frames.iter().all(|frame| *frame == round.to_le_bytes()));
        setup.adapter.interrupted().unwrap();
        let [given, sent] = [place::GIVEN, place::SENT].map(|at| setup.shared.read_u64(at));
        assert_eq!(given, sent);
    }
}

#[test]
fn the_next_instance_goes_on_where_the_last_one_was_killed() {
    let mut setup = setup();
    let mut offers = setup.offers();
    for frame in [b"one", b"two"] {
        setup.arrive(&mut offers, frame);
    }
    setup.adapter.interrupted().unwrap();
    assert_eq!(setup.take().unwrap(), b"one");
    setup.give(b"first");
    setup.adapter.told();
    setup.give(b"second");
    let mut next = start(&setup.ram);
    // Who died may have sent the first or not; again is what a network does, too.
    assert_eq!(next.offers().len(), RECEIVE_SLOTS as usize - 1);
    next.adapter.told();
    assert_eq!(next.send(), [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(next.take().unwrap(), b"two");
    next.adapter.told();
    assert_eq!(next.offers().len(), 1);
}

#[test]
fn nonsense_from_net_is_not_passed_on() {
    let mut setup = setup();
    let mut offers = setup.offers();
    for count in [1, u64::MAX, 1 << 40] {
        setup.shared.write_u64(place::TAKEN, count);
        setup.adapter.told();
        assert_eq!(setup.offers(), []);
    }
    setup.shared.write_u64(place::TAKEN, 0);
    for count in [u64::from(SEND_SLOTS) + 1, u64::MAX] {
        setup.shared.write_u64(place::GIVEN, count);
        setup.adapter.told();
        assert_eq!(setup.send(), Vec::<Vec<u8>>::new());
    }
    setup.shared.write_u64(place::GIVEN, 0);
    for length in [0, HEADER_SIZE, SLOT_SIZE + 1, u64::MAX] {
        let given = setup.shared.read_u64(place::GIVEN);
        setup.shared.write_u64(place::LENGTHS + 8 * given, length);
        setup.shared.write_u64(place::GIVEN, given + 1);
        setup.adapter.told();
        assert_eq!(setup.send(), Vec::<Vec<u8>>::new());
    }
    setup.adapter.interrupted().unwrap();
    assert_eq!(setup.shared.read_u64(place::SENT), 4);
    // A slot named twice is offered once.
    setup.arrive(&mut offers, b"a");
    setup.arrive(&mut offers, b"b");
    setup.adapter.interrupted().unwrap();
    let first = setup.shared.read_u64(place::ARRIVALS);
    setup.shared.write_u64(place::ARRIVALS + 8, first);
    setup.shared.write_u64(place::TAKEN, 2);
    setup.adapter.told();
    assert_eq!(setup.offers().len(), 1);
}

#[test]
fn the_link_is_shown_and_its_change_told() {
    let mut setup = setup();
    assert!(setup.adapter.set_link(true));
    assert!(!setup.adapter.set_link(true));
    assert_eq!(setup.shared.read_u64(place::LINK), 1);
    assert!(setup.adapter.set_link(false));
}
