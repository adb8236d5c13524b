//! What a round has to work with: handles of every kind, tokens, addresses.

use crate::random::Random;
use crate::raw::system_call;
use kernel_abi::object::{HandleInfo, Rights};
use kernel_abi::{Call, Handle, ObjectKind};
use std::ffi::CString;

/// Most handles that are kept in mind.
const MOST: usize = 96;
/// Bytes beside that memory in which nothing is.
const ROOM_BYTES: usize = 4 << 20;
/// Bytes of the memory that addresses point into.
pub const ARENA_BYTES: u64 = 128 << 10;

/// Kinds by the names that arguments of that kind have.
const KINDS: [(&str, ObjectKind); 11] = [
    ("process", ObjectKind::Process),
    ("thread", ObjectKind::Thread),
    ("memory", ObjectKind::Memory),
    ("endpoint", ObjectKind::Endpoint),
    ("session", ObjectKind::Session),
    ("stream", ObjectKind::Stream),
    ("cursor", ObjectKind::Cursor),
    ("event", ObjectKind::Event),
    ("timer", ObjectKind::Timer),
    ("wait_set", ObjectKind::WaitSet),
    ("interrupt", ObjectKind::Interrupt),
];

/// A handle, and what is known of it.
#[derive(Clone, Copy)]
struct Known {
    handle: u32,
    kind: u32,
    /// The interface that its server offers, if it is one that was opened for it.
    interface: &'static str,
}

/// Everything.
pub struct Pool {
    known: Vec<Known>,
    pub tokens: Vec<u64>,
    pub endpoint: u64,
    /// Start of the memory that addresses point into.
    pub arena: u64,
}

impl Pool {
    /// Makes objects of the kernel and opens files of all kinds; root, which could rightly change
    /// what all need, only gets what is the round's own.
    pub fn new(is_root: bool) -> Pool {
        let mut pool = Pool {
            known: Vec::new(),
            tokens: Vec::new(),
            endpoint: 0,
            arena: arena(),
        };
        pool.make_objects();
        pool.open_own();
        if !is_root {
            pool.open_system();
            pool.note(Handle::ROOT_DIRECTORY.0, "directory");
        }
        pool.note(Handle::WORKING_DIRECTORY.0, "directory");
        pool.note(Handle::PROCESS_SERVER.0, "process");
        pool
    }

    fn make_objects(&mut self) {
        let make = |call: Call, arguments: [u64; 4]| make(call, arguments).unwrap_or(0);
        self.endpoint = make(Call::EndpointCreate, [0; 4]);
        let memory = make(Call::MemoryCreate, [1 << 16, 0, 0, 0]);
        let none = u64::from(Handle::NONE.0);
        let all = u64::from(Rights::ALL.0);
        let pair = self.arena;
        let made = [
            self.endpoint,
            make(Call::SessionCreate, [self.endpoint, 1, none, 0]),
            memory,
            make(Call::MemoryChild, [memory, 0, 8192, 0]),
            make(Call::MemoryCreatePaged, [self.endpoint, 7, 1 << 16, 0]),
            make(Call::CursorCreate, [memory, all, 0, 0]),
            make(Call::StreamCreate, [0, 4096, pair, 0]),
            make(Call::EventCreate, [1, 0, 0, 0]),
            make(Call::EventCreateCounter, [1, 1, 0, 0]),
            make(Call::TimerCreate, [0; 4]),
            make(Call::WaitSetCreate, [0; 4]),
            make(Call::VoidCreate, [0; 4]),
        ];
        for handle in made {
            self.note(handle as u32, "");
        }
        // SAFETY: the pair of handles is in the arena, which is mapped.
        let ends = unsafe { std::ptr::read(pair as *const [u32; 2]) };
        ends.iter().for_each(|end| self.note(*end, ""));
    }

    /// Files that only this round knows.
    fn open_own(&mut self) {
        let (create, both) = (libc::O_CREAT, libc::O_RDWR);
        self.open(".", libc::O_RDONLY, "directory");
        self.open("a", create | both, "file");
        self.open("d", libc::O_RDONLY, "directory");
        self.open("f", both | libc::O_NONBLOCK, "file");
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
            let mut ends = [0; 2];
            // SAFETY: `ends` takes two descriptors. The other calls take none of this memory.
            unsafe {
                libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr());
                self.note(libc::socket(libc::AF_UNIX, kind, 0) as u32, "socket");
            }
            ends.iter().for_each(|end| self.note(*end as u32, "socket"));
        }
        let mut ends = [0; 2];
        // SAFETY: `ends` takes two descriptors; names are strings that end with NUL.
        unsafe {
            libc::pipe(ends.as_mut_ptr());
            self.note(
                libc::posix_openpt(both | libc::O_NOCTTY) as u32,
                "terminals",
            );
            self.note(libc::eventfd(1, 0) as u32, "");
            self.note(libc::epoll_create1(0) as u32, "");
            self.note(
                libc::mq_open(c"/fuzz".as_ptr(), create | both, 0o666, 0) as u32,
                "queue",
            );
        }
        ends.iter().for_each(|end| self.note(*end as u32, "file"));
        self.open("/dev/ipc", both, "ipc");
    }

    /// Files of the system, of which a user cannot take anything from others.
    fn open_system(&mut self) {
        for name in ["/", "/proc", "/dev", "/tmp"] {
            self.open(name, libc::O_RDONLY, "directory");
        }
        for name in ["/bin/sh", "/proc/self/status", "/proc/mounts"] {
            self.open(name, libc::O_RDONLY, "file");
        }
        for name in [
            "/dev/null",
            "/dev/zero",
            "/dev/full",
            "/dev/urandom",
            "/dev/tty",
        ] {
            self.open(name, libc::O_RDWR, "file");
        }
    }

    /// Opens a file, if that is possible.
    pub fn open(&mut self, name: &str, flags: i32, interface: &'static str) -> Option<u32> {
        let name = CString::new(name).ok()?;
        // SAFETY: the name ends with NUL.
        let descriptor = unsafe { libc::open(name.as_ptr(), flags, 0o666) };
        let handle = u32::try_from(descriptor).ok()?;
        self.note(handle, interface);
        Some(handle)
    }

    /// Keeps a handle in mind, if it is one.
    pub fn note(&mut self, handle: u32, interface: &'static str) {
        let mut information = HandleInfo::default();
        let address = std::ptr::from_mut(&mut information) as u64;
        if make(Call::HandleInfo, [handle.into(), address, 0, 0]).is_none() {
            return;
        }
        let known = Known {
            handle,
            kind: information.kind,
            interface,
        };
        let found = self.known.iter_mut().find(|other| other.handle == handle);
        if let Some(other) = found {
            *other = Known {
                interface: if interface.is_empty() {
                    other.interface
                } else {
                    interface
                },
                ..known
            };
        } else if self.known.len() < MOST {
            self.known.push(known);
        }
    }

    /// A handle: mostly of the kind that an argument's name asks for.
    pub fn handle(&self, random: &mut Random, wanted: &str) -> u64 {
        let kind = KINDS.iter().find(|(name, _)| wanted.contains(name));
        let fits = |known: &&Known| kind.is_some_and(|(_, kind)| known.kind == *kind as u32);
        self.choose(random, fits)
    }

    /// A session: mostly one of a server with this interface.
    pub fn session(&self, random: &mut Random, interface: &str) -> u64 {
        // What names the interface of the one opens the other.
        let interface = match interface {
            "socket_space" | "socket_domain" => "directory",
            other => other,
        };
        self.choose(random, |known| known.interface == interface)
    }

    fn choose(&self, random: &mut Random, fits: impl Fn(&&Known) -> bool) -> u64 {
        let fitting: Vec<&Known> = self.known.iter().filter(fits).collect();
        if !fitting.is_empty() && !random.one_in(5) {
            return random.pick(&fitting).handle.into();
        }
        match random.below(8) {
            0 => random.below(40),
            1 => u64::from(Handle::HIGH_BASE) + random.below(24),
            2 => random.next(),
            _ if !self.known.is_empty() => random.pick(&self.known).handle.into(),
            _ => 0,
        }
    }

    /// A token: mostly of a call that was taken.
    pub fn token(&self, random: &mut Random) -> u64 {
        if self.tokens.is_empty() || random.one_in(4) {
            return random.next() >> random.below(64);
        }
        random.pick(&self.tokens)
    }
}

/// A call that makes something.
pub fn make(call: Call, arguments: [u64; 4]) -> Option<u64> {
    let mut registers = [0; 10];
    registers[..4].copy_from_slice(&arguments);
    // SAFETY: addresses among the arguments are of live memory.
    let (value, _) = unsafe { system_call(call as u64, registers) };
    u64::try_from(value).ok()
}

/// The memory that addresses point into, alone in a wide room that nothing is mapped in.
fn arena() -> u64 {
    // SAFETY: mappings of its own.
    unsafe {
        let room = libc::mmap(
            std::ptr::null_mut(),
            3 * ROOM_BYTES,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        let arena = room.byte_add(ROOM_BYTES);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        libc::mprotect(arena, ARENA_BYTES as usize, access);
        arena as u64
    }
}
