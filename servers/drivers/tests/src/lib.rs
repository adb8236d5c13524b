//! The guest's half of the drivers' test: a program in the terminal server's place that uses every
//! driver as its clients do, says what it found on the log, and switches the machine off.
#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use kernel_abi::Handle;
use kernel_abi::system::clock;
use kernel_stubs::safe;
use proto::{Error, block, device, hardware, supervisor};
use server_rt::{Session, Start, log};

const SECTOR: u64 = 512;
const PAGE: u64 = 4096;
/// Memory of the disk's test, in pages.
const PAGES: u64 = 300;
/// Bytes written to the first console.
const CONSOLE_BYTES: usize = 8 << 20;
/// Bytes that the host sends through the second console.
const INPUT_BYTES: u64 = 300_000;
/// Bytes of one write; no divisor or multiple of what the driver splits into.
const WRITE_BYTES: usize = 100_000;
/// Sectors of the disk that the host has filled, less what is read from a place among them.
const PATTERN_SECTORS: u64 = 2048;
/// Reads and writes while the driver is killed.
const ROUNDS: u64 = 300;
/// Times that the disk's driver is killed meanwhile. (A server that dies too often is given up.)
const KILLS: u32 = 3;
const KILL_INTERVAL_NS: u64 = 30_000_000;
/// Times that every driver is killed.
const RESTARTS: u64 = 3;
/// `supervisor::shut_down`: stop with a status for the host.
const TEST_EXIT: u32 = 3;
const PASSED: u32 = 0x10;
const FAILED: u32 = 0x11;
const READ_ONLY: u32 = 0;
const WRITE_ONLY: u32 = 1;

/// What went wrong, for the log.
type Outcome = Result<(), String>;
type Test = fn(&Start) -> Outcome;

/// Runs everything; never returns.
pub fn run(start: Start) -> ! {
    if start.argument("role") == Some("killer") {
        kill_the_disk_driver(&start);
    }
    // Devices last: by then every driver has claimed all of its own.
    let tests: [(&str, Test); 6] = [
        ("disk under fire", test_disk_under_fire),
        ("disk", test_disk),
        ("console", test_console),
        ("serial", test_serial),
        ("restart", test_restart),
        ("devices", test_devices),
    ];
    let mut status = PASSED;
    for (name, test) in tests {
        match test(&start) {
            Ok(()) => log!("{name}: passed"),
            Err(reason) => {
                log!("{name}: FAILED: {reason}");
                status = FAILED;
            }
        }
    }
    let control = Session(start.require("control"));
    let error = supervisor::shut_down(&control, TEST_EXIT, status, &[]);
    log!("the machine does not stop: {error:?}");
    safe::process_exit(1)
}

fn session(start: &Start, name: &str) -> Session {
    Session(start.require(name))
}

fn expect<T: PartialEq + core::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(alloc::format!("{what}: {found:?} instead of {expected:?}"))
}

fn failed<E: core::fmt::Debug>(what: &'static str) -> impl FnOnce(E) -> String {
    move |error| alloc::format!("{what}: {error:?}")
}

fn test_devices(start: &Start) -> Outcome {
    let hardware = session(start, "hardware");
    let mut text = vec![0; 4096];
    let answer = hardware::list(&hardware, 0, &mut text, &[]).map_err(failed("list"))?;
    let text = String::from_utf8_lossy(&text[..answer.words[0] as usize]).into_owned();
    text.lines().for_each(|line| log!("{line}"));
    let claimed = text
        .lines()
        .filter(|line| line.ends_with("claimed"))
        .count();
    // A disk and two consoles.
    expect("claimed devices", claimed, 3)?;
    // This session's badge is no device's.
    let nothing = hardware::claim(&hardware, 0, &mut [0; 256], &[]).err();
    expect("claim of another's device", nothing, Some(Error::NoDevice))
}

/// A byte that depends on the whole of a position.
fn pattern(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn segments(list: &[(u64, u64, u64)]) -> Vec<u8> {
    let words = list
        .iter()
        .flat_map(|&(sector, offset, length)| [sector, offset, length]);
    words.flat_map(u64::to_le_bytes).collect()
}

struct DiskTest {
    disk: Session,
    memory: Handle,
}

impl DiskTest {
    fn transfer(&self, write: u32, list: &[(u64, u64, u64)]) -> Result<(), Error> {
        block::transfer(&self.disk, write, &segments(list), &[self.memory]).map(|_| ())
    }

    /// Bytes `offset..` of the memory become those of the pattern from `position` on.
    fn fill(&self, offset: u64, length: u64, position: u64) -> Outcome {
        let bytes: Vec<u8> = (position..position + length).map(pattern).collect();
        let written = safe::write_at(self.memory, &bytes, offset).map_err(failed("fill"))?;
        expect("bytes filled", written as u64, length)
    }

    fn check(&self, offset: u64, length: u64, position: u64) -> Outcome {
        let mut bytes = vec![0; length as usize];
        let read = safe::read_at(self.memory, &mut bytes, offset).map_err(failed("check"))?;
        expect("bytes read", read as u64, length)?;
        let wrong = (position..)
            .zip(&bytes)
            .position(|(at, byte)| pattern(at) != *byte);
        expect("first wrong byte", wrong, None)
    }
}

fn test_disk(start: &Start) -> Outcome {
    let size = PAGES * PAGE;
    let memory = safe::memory_create(size, 0).map_err(failed("memory"))?;
    safe::memory_set_length(memory, size).map_err(failed("length"))?;
    let disk = session(start, "block");
    let test = DiskTest { disk, memory };
    let geometry = block::geometry(&disk, &[]).map_err(failed("geometry"))?;
    expect("sector size", geometry.words[0], SECTOR)?;
    let sectors = geometry.words[1];

    // The host has put the pattern, from position 0 on, on the disk's first MiB.
    let first = 1 << 20;
    test.transfer(0, &[(0, 0, first)])
        .map_err(failed("large read"))?;
    test.check(0, first, 0)?;
    // Scattered: single sectors, out of order, into odd places.
    let scattered = [
        (77, 512, 512),
        (3, 5 * 512, 1024),
        (1000, 9000 / 512 * 512, 8192),
    ];
    test.transfer(0, &scattered)
        .map_err(failed("scattered read"))?;
    for (sector, offset, length) in scattered {
        test.check(offset, length, sector * SECTOR)?;
    }
    // Write at the end of the disk, and read it back to somewhere else.
    let length = 40 * PAGE;
    let last = sectors - length / SECTOR;
    test.fill(0, length, 12_345)?;
    test.transfer(1, &[(last, 0, length)])
        .map_err(failed("write"))?;
    block::flush(&disk, &[]).map_err(failed("flush"))?;
    test.transfer(0, &[(last, 100 * PAGE, length)])
        .map_err(failed("read back"))?;
    test.check(100 * PAGE, length, 12_345)?;
    // By number.
    let number = block::register(&disk, &[memory])
        .map_err(failed("register"))?
        .words[0];
    let list = segments(&[(0, 0, PAGE)]);
    block::transfer_registered(&disk, 0, number, &list, &[]).map_err(failed("by number"))?;
    test.check(0, PAGE, 0)?;
    // Refusals.
    let beyond = test.transfer(0, &[(sectors, 0, 512)]);
    expect("read behind the end", beyond, Err(Error::OutOfRange))?;
    let short = test.transfer(0, &[(0, size - 512, 1024)]);
    expect("memory too short", short.is_err(), true)
}

/// Reads what the host sends through the second console, in pieces of changing size.
fn check_console_input(consoles: &Session) -> Outcome {
    let input = device::open(consoles, 1, READ_ONLY, &[], &[]).map_err(failed("open input"))?;
    let mut bytes = vec![0; 7000];
    let mut position = 0;
    while position < INPUT_BYTES {
        let room = (position % 6999 + 1) as usize;
        let count = safe::read(input.handles[0], &mut bytes[..room]).map_err(failed("read"))?;
        expect("a read of something", (1..=room).contains(&count), true)?;
        let wrong = (position..)
            .zip(&bytes[..count])
            .find(|(at, byte)| pattern(*at) != **byte);
        expect("wrong input", wrong.map(|(at, _)| at), None)?;
        position += count as u64;
    }
    expect("bytes of input", position, INPUT_BYTES)
}

fn test_console(start: &Start) -> Outcome {
    let consoles = session(start, "console");
    let open = |minor| {
        let answer = device::open(&consoles, minor, WRITE_ONLY, &[], &[]);
        answer
            .map(|answer| answer.handles[0])
            .map_err(failed("open"))
    };
    let (output, error) = (open(0)?, open(1)?);
    check_console_input(&consoles)?;
    let data: Vec<u8> = (0..CONSOLE_BYTES as u64).map(pattern).collect();
    for chunk in data.chunks(WRITE_BYTES) {
        let written = safe::write(output, chunk).map_err(failed("write"))?;
        expect("bytes written", written, chunk.len())?;
    }
    let written = safe::write(error, b"second console\n").map_err(failed("second write"))?;
    expect("bytes written to the second", written, 15)?;
    let mut byte = [0];
    let read = safe::read(output, &mut byte).is_ok();
    expect("a read of what is open to write", read, false)
}

/// The second instance of this program: kills the disk's driver while the first one uses it.
fn kill_the_disk_driver(start: &Start) -> ! {
    let control = session(start, "control");
    for _ in 0..KILLS {
        let deadline_ns = safe::monotonic_ns() + KILL_INTERVAL_NS;
        let _ = safe::sleep_until(clock::MONOTONIC, deadline_ns);
        if let Err(error) = supervisor::kill(&control, b"virtio-blk", &[]) {
            log!("the driver cannot be killed: {error:?}");
        }
    }
    // Its own end would be taken for a crash.
    loop {
        let _ = safe::sleep_until(clock::MONOTONIC, u64::MAX);
    }
}

/// Reads and writes while the driver is killed now and then. A call fails only when it meets two
/// kills, and then it can be made again.
fn test_disk_under_fire(start: &Start) -> Outcome {
    let size = 64 * PAGE;
    let memory = safe::memory_create(size, 0).map_err(failed("memory"))?;
    safe::memory_set_length(memory, size).map_err(failed("length"))?;
    let disk = session(start, "block");
    let test = DiskTest { disk, memory };
    let again = |write, list: (u64, u64, u64)| match test.transfer(write, &[list]) {
        Err(Error::Io) => test.transfer(write, &[list]),
        result => result,
    };
    for round in 0..ROUNDS {
        let sector = round % 1024;
        again(0, (sector, 0, size)).map_err(failed("read under fire"))?;
        test.check(0, size, sector * SECTOR)?;
        // Behind the pattern, where nothing else is.
        let place = PATTERN_SECTORS + round * 8;
        test.fill(0, PAGE, round)?;
        again(1, (place, 0, PAGE)).map_err(failed("write under fire"))?;
        again(0, (place, PAGE, PAGE)).map_err(failed("read back under fire"))?;
        test.check(PAGE, PAGE, round)?;
    }
    Ok(())
}

/// Kills each driver and goes on using the sessions: to a client a crash is a pause.
fn test_restart(start: &Start) -> Outcome {
    let control = session(start, "control");
    let console = device::open(&session(start, "console"), 1, WRITE_ONLY, &[], &[]);
    let console = console.map_err(failed("open"))?.handles[0];
    let memory = safe::memory_create(PAGE, 0).map_err(failed("memory"))?;
    safe::memory_set_length(memory, PAGE).map_err(failed("length"))?;
    let disk = session(start, "block");
    let test = DiskTest { disk, memory };
    for round in 0..RESTARTS {
        for driver in ["virtio-blk", "virtio-console", "serial"] {
            supervisor::kill(&control, driver.as_bytes(), &[]).map_err(failed("kill"))?;
        }
        test.transfer(0, &[(round * 8, 0, PAGE)])
            .map_err(failed("read after restart"))?;
        test.check(0, PAGE, round * PAGE)?;
        let line = alloc::format!("after restart {round}\n");
        let written = safe::write(console, line.as_bytes()).map_err(failed("console"))?;
        expect("bytes written", written, line.len())?;
        safe::write(start.require("serial"), line.as_bytes()).map_err(failed("serial"))?;
    }
    Ok(())
}

fn test_serial(start: &Start) -> Outcome {
    let serial = start.require("serial");
    let text = b"serial line: hello\n";
    let written = safe::write(serial, text).map_err(failed("write"))?;
    expect("bytes written", written, text.len())
}
