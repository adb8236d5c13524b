//! Arguments: mostly of the kind that their names ask for, and often not.

use crate::pool::{ARENA_BYTES, Pool};
use crate::random::Random;
use kernel_abi::Handle;
use kernel_abi::message::{Buffer, MAX_BUFFERS, MAX_HANDLES, Transfer};

/// Addresses that are nobody's, the kernel's, or none at all.
const BAD_ADDRESSES: [u64; 8] = [
    0,
    1,
    0x1000,
    0x7fff_ffff_f000,
    0x8000_0000_0000,
    0xffff_8000_0000_0000,
    u64::MAX - 4095,
    u64::MAX,
];
/// Lengths at the edges of something.
const LENGTHS: [u64; 12] = [
    0,
    1,
    7,
    8,
    24,
    4095,
    4096,
    65536,
    1 << 20,
    1 << 32,
    1 << 63,
    u64::MAX,
];
/// Numbers of processes that a user may try.
const PROCESSES: [i64; 8] = [0, 1, 2, 3, -1, -2, i64::MIN, i64::MAX];
/// Names of files, all within the directory of the round.
const NAMES: [&[u8]; 14] = [
    b"a",
    b"b",
    b"d",
    b"d/x",
    b"d/../b",
    b"f",
    b"l",
    b"s",
    b".",
    b"",
    b"a/b",
    b"//d//",
    b"new",
    b"\xff\xfe",
];
/// Names of the system, for a user.
pub const SYSTEM_NAMES: [&[u8]; 14] = [
    b"/",
    b"..",
    b"/bin/sh",
    b"/etc/passwd",
    b"/proc/1/status",
    b"/proc/self/fd/0",
    b"/dev/null",
    b"/dev/pts/0",
    b"/dev/shm/x",
    b"/dev/supervisor",
    b"/root/x",
    b"/tmp/user-was-here",
    b"/dev/ptmx",
    b"/proc/self/exe",
];

/// Makes arguments.
pub struct Arguments<'a> {
    pub random: &'a mut Random,
    pub pool: &'a Pool,
    pub is_root: bool,
}

impl Arguments<'_> {
    /// An argument of a system call.
    pub fn of_call(&mut self, name: &str) -> u64 {
        if self.random.one_in(8) {
            return self.anything();
        }
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["token"]) {
            self.pool.token(self.random)
        } else if has(&["process", "from"]) && self.random.one_in(2) {
            Handle::SELF.0.into()
        } else if has(&["thread"]) {
            let handle = self.pool.handle(self.random, name);
            self.random.pick(&[0, 1, Handle::SELF.0.into(), handle])
        } else if has(&[
            "address",
            "arguments",
            "items",
            "information",
            "frame",
            "destination",
        ]) || has(&["entry", "stack"])
        {
            self.address()
        } else if has(&["length", "size", "count", "offset", "capacity"]) {
            self.length()
        } else if has(&["deadline", "interval"]) {
            self.deadline()
        } else if has(&[
            "flags",
            "rights",
            "signals",
            "clear",
            "mask",
            "set",
            "protection",
        ]) {
            self.bits()
        } else if has(&[
            "session", "endpoint", "handle", "object", "memory", "stream", "process",
        ]) || has(&[
            "other",
            "timer",
            "event",
            "data",
            "resource",
            "interrupt",
            "source",
        ]) {
            self.pool.handle(self.random, name)
        } else {
            self.random.below(12)
        }
    }

    /// A scalar of an operation.
    pub fn scalar(&mut self, name: &str, kind: &str) -> u64 {
        let value = match name {
            _ if self.random.one_in(8) => self.anything(),
            "process" | "group" | "session" | "who" | "id" | "after" => self.process(),
            "deadline_ns" => self.deadline(),
            "flags" | "mode" | "mask" | "status" => self.bits(),
            "length" | "offset" | "size" | "maximum" | "start" => self.length(),
            _ => self.random.below(20),
        };
        // What is too large for its type is refused; that is tried as well, but not always.
        match kind {
            "u32" if !self.random.one_in(16) => value & 0xffff_ffff,
            _ => value,
        }
    }

    /// A process's number. Root may kill, stop and change whom it likes: it gets its own, and
    /// numbers that nobody has.
    pub fn process(&mut self) -> u64 {
        // SAFETY: takes and changes nothing.
        let own = u64::from(std::process::id());
        if self.is_root {
            return self.random.pick(&[own, own, 0, 900_000_000, 900_000_001]);
        }
        let tried = self.random.pick(&PROCESSES) as u64;
        let near = self.random.below(64);
        self.random.pick(&[own, own, tried, near])
    }

    fn anything(&mut self) -> u64 {
        match self.random.below(6) {
            0 => self.random.below(64),
            1 => self.pool.handle(self.random, ""),
            2 => self.address(),
            3 => self.length(),
            4 => self.bits(),
            _ => self.random.next(),
        }
    }

    /// An address, mostly in the arena.
    fn address(&mut self) -> u64 {
        match self.random.below(8) {
            0 => self.random.pick(&BAD_ADDRESSES),
            1 => self.random.next(),
            2 => self.pool.arena + ARENA_BYTES - self.random.below(16),
            3 => self.pool.arena + (self.random.below(ARENA_BYTES >> 12) << 12),
            _ => self.pool.arena + (self.random.below(ARENA_BYTES / 2) & !7),
        }
    }

    fn length(&mut self) -> u64 {
        match self.random.below(3) {
            0 => self.random.below(10_000),
            1 => self.random.below(16) << 12,
            _ => self.random.pick(&LENGTHS),
        }
    }

    fn bits(&mut self) -> u64 {
        match self.random.below(4) {
            0 => 0,
            1 => 1 << self.random.below(64),
            2 => self.random.below(1 << 12),
            _ => self.random.next() & self.random.next() & 0xffff_ffff,
        }
    }

    /// A time: past, soon, or never, from which a signal wakes.
    fn deadline(&mut self) -> u64 {
        match self.random.below(4) {
            0 => 0,
            1 => u64::MAX,
            2 => self.random.next(),
            _ => self.random.below(1_000_000),
        }
    }

    /// Fills a part of the arena with what structures may hold.
    pub fn fill_arena(&mut self) {
        let start = self.pool.arena + (self.random.below(ARENA_BYTES - 512) & !7);
        for index in 0..self.random.below(64) {
            let word = match self.random.below(5) {
                0 => self.random.below(4),
                1 => self.pool.handle(self.random, "") | self.random.below(2) << 32,
                2 => self.address(),
                3 => self.length(),
                _ => self.random.next(),
            };
            // SAFETY: within the arena; calls before may have unmapped it, which ends the round.
            unsafe { std::ptr::write_volatile((start + index * 8) as *mut u64, word) };
        }
    }

    /// A transfer in the arena for an operation with these inputs and outputs: its address.
    pub fn transfer(&mut self, inputs: &[&str], outputs: usize, sends: u64) -> u64 {
        let mut transfer = Transfer::default();
        let wrong = self.random.one_in(10);
        let count = if wrong {
            self.random.below(6) as usize
        } else {
            inputs.len() + outputs
        };
        for index in 0..count.min(MAX_BUFFERS) {
            let is_input = index < inputs.len();
            let (address, length) = match inputs.get(index) {
                _ if self.random.one_in(10) => (self.address(), self.length()),
                Some(name) => self.input(name, index as u64),
                None => (
                    self.room(index as u64),
                    self.random.pick(&[0, 8, 64, 256, 4096, 16384]),
                ),
            };
            transfer.buffers[index] = Buffer {
                address,
                length,
                flags: if is_input { 1 } else { 2 },
                reserved: 0,
            };
        }
        transfer.buffer_count = count as u32;
        transfer.send_count = if wrong { self.random.below(6) } else { sends } as u32;
        for slot in transfer.send.iter_mut().take(MAX_HANDLES) {
            *slot = self.pool.handle(self.random, "") as u32;
        }
        transfer.flags = self
            .random
            .pick(&[0, 0, 1 << 8, 1 << 8, 1, 2, 1 << 9, u64::MAX]) as u32;
        transfer.receive_slot = self.random.below(200) as u32;
        let place = self.pool.arena + ARENA_BYTES / 2;
        // SAFETY: within the arena; calls before may have unmapped it, which ends the round.
        unsafe { std::ptr::write_volatile(place as *mut Transfer, transfer) };
        place
    }

    /// Where the text of a buffer lies.
    fn room(&self, index: u64) -> u64 {
        self.pool.arena + ARENA_BYTES / 2 + 4096 + index * 8192
    }

    /// An input: names of files where there are to be such, and bytes elsewhere.
    fn input(&mut self, name: &str, index: u64) -> (u64, u64) {
        let place = self.room(index);
        let text: Vec<u8> = match name {
            "path" | "name" | "old" | "new" | "target" | "source" | "kind" => self.file_name(),
            _ => {
                let length = self.random.pick(&[0, 1, 4, 8, 16, 40, 64, 200, 1000, 8000]);
                let mask = self.random.pick(&[0, 1, 0x7, 0xff]);
                (0..length)
                    .map(|_| self.random.next() as u8 & mask)
                    .collect()
            }
        };
        for (offset, byte) in text.iter().enumerate() {
            // SAFETY: within the arena; see above.
            unsafe { std::ptr::write_volatile((place + offset as u64) as *mut u8, *byte) };
        }
        (place, text.len() as u64)
    }

    fn file_name(&mut self) -> Vec<u8> {
        if !self.is_root && self.random.one_in(3) {
            return self.random.pick(&SYSTEM_NAMES).to_vec();
        }
        match self.random.below(12) {
            0 => vec![b'n'; self.random.below(5000) as usize],
            1 => b"x/".repeat(self.random.below(600) as usize),
            _ => self.random.pick(&NAMES).to_vec(),
        }
    }
}
