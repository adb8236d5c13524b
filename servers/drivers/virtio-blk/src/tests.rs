use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use driver_hal::Window;
use driver_testing::{FakeCall, FakeQueue, Ram};
use kernel_abi::Handle;
use proto::block::{dispatch, number};
use proto::{Answer, Error, Outcome};
use virtio::{Device, Queue, QueueError};

use crate::disk::{Disk, Geometry, Kernel, headers_size};
use crate::server::{BlockServer, TakeHandle};

const QUEUE_SIZE: u16 = 16;
const RINGS: u64 = 0x1000;
const HEADERS: u64 = 0x3000;
const PAGES: u64 = 0x10_000;
const SECTORS: u64 = 256;
const READ: u64 = 0;
const WRITE: u64 = 1;

impl TakeHandle for FakeCall {
    fn take_handle(&mut self) -> Handle {
        self.handles.remove(0)
    }
}

/// What the driver did to the kernel.
#[derive(Default)]
struct Log {
    /// Addresses of each memory's pages.
    memories: HashMap<u32, Vec<u64>>,
    pins: Vec<(u32, u64, u64)>,
    closed: Vec<Handle>,
    replies: Vec<(u64, Result<Answer, Error>)>,
    read_only_memory: Option<Handle>,
}

struct FakeKernel(Rc<RefCell<Log>>);

impl Kernel for FakeKernel {
    fn pin(
        &mut self,
        memory: Handle,
        offset: u64,
        length: u64,
        to: &mut [u64],
    ) -> Result<(), Error> {
        let mut log = self.0.borrow_mut();
        let pages = log.memories.get(&memory.0).ok_or(Error::BadHandle)?;
        let (first, count) = ((offset / 4096) as usize, (length / 4096) as usize);
        let pages = pages.get(first..first + count).ok_or(Error::OutOfRange)?;
        to.copy_from_slice(pages);
        log.pins.push((memory.0, offset, length));
        Ok(())
    }
    fn unpin(&mut self, memory: Handle, offset: u64, length: u64) {
        let mut log = self.0.borrow_mut();
        let at = log
            .pins
            .iter()
            .position(|pin| *pin == (memory.0, offset, length));
        log.pins.remove(at.expect("unpinned what was not pinned"));
    }
    fn allows(&self, memory: Handle, device_writes: bool) -> bool {
        !(device_writes && self.0.borrow().read_only_memory == Some(memory))
    }
    fn close(&mut self, memory: Handle) {
        self.0.borrow_mut().closed.push(memory);
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.push((token, result));
    }
}

/// A server, a device with contents, and what the kernel saw.
struct Setup {
    server: BlockServer<Ram, FakeKernel>,
    device: FakeQueue,
    ram: Ram,
    contents: Vec<u8>,
    log: Rc<RefCell<Log>>,
    /// Sectors of the requests served.
    requests: Vec<(u32, u64, usize)>,
    fail_sector: Option<u64>,
}

fn geometry() -> Geometry {
    Geometry {
        sectors: SECTORS,
        pieces: 4,
        read_only: false,
        has_cache: true,
    }
}

fn setup_with(geometry: Geometry) -> Setup {
    let ram = Ram::new(0x40_000);
    let common = Ram::new(64);
    common.write_u16(24, QUEUE_SIZE);
    let device = Device::new(common, Ram::new(4), 0, None);
    let rings = ram
        .part(RINGS, Queue::<Ram>::memory_size(QUEUE_SIZE))
        .unwrap();
    let queue = device.add_queue(0, QUEUE_SIZE, rings, RINGS, 0).unwrap();
    let (descriptors, available, used) = queue.addresses(RINGS);
    let headers = ram.part(HEADERS, headers_size(QUEUE_SIZE)).unwrap();
    let log = Rc::new(RefCell::new(Log::default()));
    // Pages 0 and 1 are neighbours, the others are scattered and backwards.
    let pages = vec![
        PAGES,
        PAGES + 0x1000,
        PAGES + 0x9000,
        PAGES + 0x7000,
        PAGES + 0x5000,
    ];
    log.borrow_mut().memories.insert(5, pages);
    let disk = Disk::new(queue, headers, HEADERS, geometry, FakeKernel(log.clone()));
    Setup {
        server: BlockServer::new(vec![disk], 1000),
        device: FakeQueue::new(ram.clone(), QUEUE_SIZE, descriptors, available, used),
        ram,
        contents: (0..SECTORS * 512)
            .map(|at| (at / 512 * 7 + at % 13) as u8)
            .collect(),
        log,
        requests: Vec::new(),
        fail_sector: None,
    }
}

fn setup() -> Setup {
    setup_with(geometry())
}

fn segments(list: &[(u64, u64, u64)]) -> Vec<u8> {
    let words = list
        .iter()
        .flat_map(|&(sector, offset, length)| [sector, offset, length]);
    words.flat_map(u64::to_le_bytes).collect()
}

impl Setup {
    fn call(&mut self, mut call: FakeCall) -> proto::Reply {
        dispatch(&mut self.server, &mut call)
    }

    fn transfer(&mut self, token: u64, write: u64, list: &[(u64, u64, u64)]) -> proto::Reply {
        let call = FakeCall::new(1, token, number::transfer, &[write]);
        self.call(call.input(&segments(list)).handle(Handle(5)))
    }

    /// Serves what is in the queue, as a disk would; returns how many requests that were.
    fn serve(&mut self) -> usize {
        let taken = self.device.take();
        for (head, chain) in &taken {
            let input = self.device.input(chain);
            let kind = u32::from_le_bytes(input[..4].try_into().unwrap());
            let sector = u64::from_le_bytes(input[8..16].try_into().unwrap());
            self.requests.push((kind, sector, chain.len() - 2));
            let start = sector as usize * 512;
            let mut output = Vec::new();
            match kind {
                0 => {
                    let length = FakeQueue::room(chain) - 1;
                    output.extend_from_slice(&self.contents[start..start + length]);
                }
                1 => self.contents[start..start + input.len() - 16].copy_from_slice(&input[16..]),
                4 => {}
                other => panic!("request {other}"),
            }
            output.push(u8::from(self.fail_sector == Some(sector)));
            self.device.finish(*head, chain, &output);
        }
        taken.len()
    }

    /// Serves and interrupts until nothing is left.
    fn run(&mut self) {
        while self.serve() > 0 {
            self.server.interrupted(0).unwrap();
        }
    }

    fn replies(&self) -> Vec<(u64, Result<u64, Error>)> {
        let log = self.log.borrow();
        let list = log.replies.iter();
        list.map(|(token, result)| (*token, result.map(|answer| answer.words[0])))
            .collect()
    }

    /// Reads a memory's bytes through its pages.
    fn memory(&self, offset: u64, length: usize) -> Vec<u8> {
        let log = self.log.borrow();
        let byte = |at: u64| {
            self.ram
                .read_u8(log.memories[&5][(at / 4096) as usize] + at % 4096)
        };
        (offset..offset + length as u64).map(byte).collect()
    }

    fn assert_clean(&self) {
        assert!(self.log.borrow().pins.is_empty());
    }
}

#[test]
fn sectors_are_read_into_scattered_pages() {
    let mut setup = setup();
    // From the middle of page 1 to the middle of page 4.
    let reply = setup.transfer(7, READ, &[(3, 0x1800, 0x3000)]);
    assert_eq!(reply, Ok(Outcome::Later));
    setup.run();
    assert_eq!(setup.replies(), [(7, Ok(0))]);
    assert_eq!(
        setup.memory(0x1800, 0x3000),
        setup.contents[3 * 512..3 * 512 + 0x3000]
    );
    assert_eq!(setup.log.borrow().closed, [Handle(5)]);
    setup.assert_clean();
}

#[test]
fn what_is_written_is_what_the_memory_holds() {
    let mut setup = setup();
    for at in 0..0x5000 {
        let page = setup.log.borrow().memories[&5][at / 4096];
        setup
            .ram
            .write_u8(page + at as u64 % 4096, (at % 251) as u8);
    }
    assert!(
        setup
            .transfer(7, WRITE, &[(10, 0x200, 0x2200), (100, 0, 0x200)])
            .is_ok()
    );
    setup.run();
    assert_eq!(setup.replies(), [(7, Ok(0))]);
    assert_eq!(
        setup.contents[10 * 512..10 * 512 + 0x2200],
        setup.memory(0x200, 0x2200)
    );
    assert_eq!(setup.contents[100 * 512..101 * 512], setup.memory(0, 0x200));
    setup.assert_clean();
}

#[test]
fn consecutive_sectors_and_neighbouring_pages_become_few_requests() {
    let mut setup = setup();
    let pages = [
        (0, 0, 0x1000),
        (8, 0x1000, 0x1000),
        (16, 0x2000, 0x1000),
        (64, 0x3000, 0x1000),
    ];
    assert!(setup.transfer(7, READ, &pages).is_ok());
    setup.run();
    assert_eq!(setup.requests, [(0, 0, 3), (0, 64, 1)]);
    let mut setup = self::setup();
    assert!(setup.transfer(7, READ, &[(0, 0, 0x2000)]).is_ok());
    setup.run();
    assert_eq!(setup.requests, [(0, 0, 1)]);
}

#[test]
fn a_request_never_has_more_pieces_than_the_device_takes() {
    let mut setup = setup_with(Geometry {
        pieces: 2,
        ..geometry()
    });
    assert!(setup.transfer(7, READ, &[(0, 0, 0x5000)]).is_ok());
    setup.run();
    assert_eq!(setup.requests, [(0, 0, 2), (0, 24, 2)]);
    assert_eq!(setup.memory(0, 0x5000), setup.contents[..0x5000]);
}

#[test]
fn more_transfers_than_the_queue_holds_wait_and_all_finish() {
    let mut setup = setup();
    for token in 1..=40 {
        assert!(setup.transfer(token, READ, &[(token, 0x2000, 512)]).is_ok());
    }
    let first = setup.serve();
    assert!(first > 1 && first < 40, "{first}");
    setup.server.interrupted(0).unwrap();
    setup.run();
    let tokens: Vec<_> = setup.replies().iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, (1..=40).collect::<Vec<_>>());
    setup.assert_clean();
}

#[test]
fn an_error_of_one_request_fails_its_transfer_alone() {
    let mut setup = setup();
    setup.fail_sector = Some(50);
    assert!(
        setup
            .transfer(1, READ, &[(0, 0, 512), (50, 512, 512), (99, 1024, 512)])
            .is_ok()
    );
    assert!(setup.transfer(2, READ, &[(60, 0x2000, 512)]).is_ok());
    setup.run();
    assert_eq!(setup.replies(), [(1, Err(Error::Io)), (2, Ok(0))]);
    setup.assert_clean();
}

#[test]
fn bad_segments_are_refused_before_anything_is_pinned() {
    type Segments<'a> = &'a [(u64, u64, u64)];
    let cases: [(Segments<'_>, Error); 7] = [
        (&[], Error::BadArgument),
        (&[(0, 0, 0)], Error::BadArgument),
        (&[(0, 0, 100)], Error::BadArgument),
        (&[(0, 7, 512)], Error::BadArgument),
        (&[(SECTORS, 0, 512)], Error::OutOfRange),
        (&[(u64::MAX, 0, 512)], Error::OutOfRange),
        (&[(0, 0, 512), (SECTORS - 1, 0, 1024)], Error::OutOfRange),
    ];
    for (list, error) in cases {
        let mut setup = setup();
        assert_eq!(setup.transfer(1, READ, list), Err(error), "{list:?}");
        setup.assert_clean();
    }
    let mut setup = setup();
    let cut = FakeCall::new(1, 1, number::transfer, &[0])
        .input(&[0; 23])
        .handle(Handle(5));
    assert_eq!(setup.call(cut), Err(Error::BadArgument));
    let many = FakeCall::new(1, 1, number::transfer, &[0]).input(&[0; 24 * 1025]);
    assert_eq!(setup.call(many.handle(Handle(5))), Err(Error::OutOfRange));
}

#[test]
fn a_memory_that_is_too_short_is_unpinned_and_closed() {
    let mut setup = setup();
    let reply = setup.transfer(1, READ, &[(0, 0, 0x1000), (8, 0x4000, 0x2000)]);
    assert_eq!(reply, Err(Error::OutOfRange));
    assert_eq!(setup.log.borrow().closed, [Handle(5)]);
    setup.assert_clean();
}

#[test]
fn a_memory_without_the_right_to_write_is_not_read_into() {
    let mut setup = setup();
    setup.log.borrow_mut().read_only_memory = Some(Handle(5));
    assert_eq!(
        setup.transfer(1, READ, &[(0, 0, 512)]),
        Err(Error::AccessDenied)
    );
    assert_eq!(setup.transfer(1, WRITE, &[(0, 0, 512)]), Ok(Outcome::Later));
}

#[test]
fn a_read_only_disk_is_not_written_and_says_so() {
    let mut setup = setup_with(Geometry {
        read_only: true,
        ..geometry()
    });
    assert_eq!(
        setup.transfer(1, WRITE, &[(0, 0, 512)]),
        Err(Error::ReadOnly)
    );
    let geometry = setup.call(FakeCall::new(1, 1, number::geometry, &[]));
    let expected = Answer::value(512).with(1, SECTORS).with(2, 4).with(3, 1);
    assert_eq!(geometry, Ok(Outcome::Answer(expected)));
}

#[test]
fn a_flush_waits_for_the_device_where_there_is_a_cache() {
    let mut setup = setup();
    let flush = || FakeCall::new(1, 9, number::flush, &[]);
    assert_eq!(setup.call(flush()), Ok(Outcome::Later));
    setup.run();
    assert_eq!(
        (setup.requests.clone(), setup.replies()),
        (vec![(4, 0, 0)], vec![(9, Ok(0))])
    );
    let mut without = setup_with(Geometry {
        has_cache: false,
        ..geometry()
    });
    assert_eq!(
        without.call(flush()),
        Ok(Outcome::Answer(Answer::default()))
    );
}

#[test]
fn a_registered_memory_is_used_by_number_until_its_session_closes() {
    let mut setup = setup();
    let register = FakeCall::new(1, 1, number::register, &[]).handle(Handle(5));
    let Ok(Outcome::Answer(answer)) = setup.call(register) else {
        panic!()
    };
    let memory = answer.words[0];
    assert!(memory > 1000);
    let transfer = |memory| {
        let call = FakeCall::new(1, 2, number::transfer_registered, &[READ, memory]);
        call.input(&segments(&[(1, 0, 512)]))
    };
    assert_eq!(setup.call(transfer(memory)), Ok(Outcome::Later));
    setup.run();
    assert_eq!(setup.replies(), [(2, Ok(0))]);
    assert!(setup.log.borrow().closed.is_empty());
    assert_eq!(setup.call(transfer(memory + 1)), Err(Error::NotFound));
    setup.server.closed(1);
    assert_eq!(setup.log.borrow().closed, [Handle(5)]);
    assert_eq!(setup.call(transfer(memory)), Err(Error::NotFound));
}

#[test]
fn a_session_cannot_register_without_bound() {
    let mut setup = setup();
    let mut register = || setup.call(FakeCall::new(1, 1, number::register, &[]).handle(Handle(5)));
    assert!((0..64).all(|_| register().is_ok()));
    assert_eq!(register(), Err(Error::TooManyOpen));
}

#[test]
fn sessions_without_a_disk_are_refused() {
    let mut setup = setup();
    for badge in [0, 2, u64::MAX] {
        let reply = setup.call(FakeCall::new(badge, 1, number::geometry, &[]));
        assert_eq!(reply, Err(Error::NoDevice));
        setup.server.closed(badge);
    }
}

#[test]
fn a_device_that_returns_nonsense_is_reported() {
    let mut setup = setup();
    assert!(setup.transfer(1, READ, &[(0, 0, 512)]).is_ok());
    setup.device.push_used(9, 0);
    assert_eq!(setup.server.interrupted(0), Err(QueueError::BrokenDevice));
}

#[test]
fn the_configuration_tells_the_geometry() {
    let mut configuration = [0; 24];
    configuration[..8].copy_from_slice(&0x1_0000_0001_u64.to_le_bytes());
    configuration[12..16].copy_from_slice(&254_u32.to_le_bytes());
    let all = Geometry::parse(&configuration, 1 << 2 | 1 << 5 | 1 << 9);
    let expected = Geometry {
        sectors: 0x1_0000_0001,
        pieces: 254,
        read_only: true,
        has_cache: true,
    };
    assert_eq!(all, expected);
    assert_eq!(Geometry::parse(&configuration, 0).pieces, 1);
}
