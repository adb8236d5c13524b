//! Objects, handles, rights and signal bits.

/// A slot of a process's handle table.
///
/// Slots below [`Handle::HIGH_BASE`] are POSIX file descriptors, given lowest free first. The
/// runtime's own handles live at and above it, so that no program sees or disturbs them by
/// counting descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Handle(pub u32);

impl Handle {
    /// First slot of the runtime's half of the table.
    pub const HIGH_BASE: u32 = 1 << 20;
    /// Names the calling process, or the calling thread, where a call takes either.
    pub const SELF: Handle = Handle(u32::MAX);
    /// No handle.
    pub const NONE: Handle = Handle(u32::MAX - 1);
    /// Session to the process server, in every POSIX process.
    pub const PROCESS_SERVER: Handle = Handle(Self::HIGH_BASE);
    /// Session of the root directory, in every POSIX process.
    pub const ROOT_DIRECTORY: Handle = Handle(Self::HIGH_BASE + 1);
    /// Session of the working directory, in every POSIX process.
    pub const WORKING_DIRECTORY: Handle = Handle(Self::HIGH_BASE + 2);
    /// The interval timers of a POSIX process (`ITIMER_REAL`, `_VIRTUAL`, `_PROF`), from their first
    /// use on: here they are found again after an exec.
    pub const INTERVAL_TIMERS: [Handle; 3] = [
        Handle(Self::HIGH_BASE + 3),
        Handle(Self::HIGH_BASE + 4),
        Handle(Self::HIGH_BASE + 5),
    ];
    /// Session of the file that a POSIX process executes, put there by the process server.
    pub const EXECUTABLE: Handle = Handle(Self::HIGH_BASE + 6);
    /// First high slot that the kernel gives out by itself.
    pub const HIGH_FREE: u32 = Self::HIGH_BASE + 16;
}

/// What kind of object a handle leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ObjectKind {
    /// Address space, handle table and threads.
    Process = 1,
    /// A schedulable context.
    Thread = 2,
    /// Pages.
    Memory = 3,
    /// Where a server receives.
    Endpoint = 4,
    /// A client's connection to an endpoint.
    Session = 5,
    /// One end of a bounded queue.
    Stream = 6,
    /// A position in a Memory object.
    Cursor = 7,
    /// A word of signal bits.
    Event = 8,
    /// Raises [`Signals::READABLE`] at a time.
    Timer = 9,
    /// Raises [`Signals::READABLE`] when a device interrupts.
    Interrupt = 10,
    /// Many objects waited for at once.
    WaitSet = 11,
    /// The right to name physical memory, ports and interrupt lines, and to stop the machine.
    Resource = 12,
    /// A range of x86 I/O ports.
    Ports = 13,
    /// What one device may reach by DMA: the pages pinned for it.
    DmaDomain = 14,
    /// Takes every byte written; reads as its end, or as zeros.
    Void = 15,
}

/// The number that both ends of a stream share, of the [`HandleInfo::object`] of either.
pub const fn stream_number(object: u64) -> u64 {
    object & !(1 << 57)
}

/// What a handle allows. A duplicate never has more than its original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Rights(pub u32);

impl Rights {
    /// Read bytes; map readable; receive from a stream.
    pub const READ: Rights = Rights(1 << 0);
    /// Write bytes; map writable; send to a stream.
    pub const WRITE: Rights = Rights(1 << 1);
    /// Map executable.
    pub const EXECUTE: Rights = Rights(1 << 2);
    /// Make another handle of this one.
    pub const DUPLICATE: Rights = Rights(1 << 3);
    /// Send the handle to another process.
    pub const TRANSFER: Rights = Rights(1 << 4);
    /// Wait for the object's signals.
    pub const WAIT: Rights = Rights(1 << 5);
    /// Change the object: kill, suspend, resize, supply, raise signals, set properties.
    pub const MANAGE: Rights = Rights(1 << 6);
    /// Receive and answer the calls of an endpoint.
    pub const RECEIVE: Rights = Rights(1 << 7);
    /// Make sessions on an endpoint.
    pub const CONNECT: Rights = Rights(1 << 8);
    /// Call through a session.
    pub const CALL: Rights = Rights(1 << 9);
    /// Everything.
    pub const ALL: Rights = Rights((1 << 10) - 1);
    /// No right at all.
    pub const NONE: Rights = Rights(0);

    /// Whether every right of `needed` is there.
    pub const fn contains(self, needed: Rights) -> bool {
        self.0 & needed.0 == needed.0
    }
    /// The rights that both have.
    pub const fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
    /// The rights that either has.
    pub const fn or(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
    /// These rights without those of `other`.
    pub const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }
}

/// The word of signal bits that every object has. The low half is the kernel's or, for a
/// session, its server's; the bits are those `poll` reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Signals(pub u32);

impl Signals {
    /// A read would not wait (data, end of file, a due timer, a pending interrupt).
    pub const READABLE: Signals = Signals(1 << 0);
    /// A write would not wait.
    pub const WRITABLE: Signals = Signals(1 << 1);
    /// The other end is closed.
    pub const PEER_CLOSED: Signals = Signals(1 << 2);
    /// Urgent data, a terminal's packet-mode status, or another exceptional condition.
    pub const PRIORITY: Signals = Signals(1 << 3);
    /// The object is broken (`POLLERR`).
    pub const ERROR: Signals = Signals(1 << 4);
    /// The other end will send no more (`POLLRDHUP`).
    pub const PEER_SHUTDOWN: Signals = Signals(1 << 5);
    /// The process or thread has ended.
    pub const TERMINATED: Signals = Signals(1 << 6);
    /// The process has been suspended.
    pub const SUSPENDED: Signals = Signals(1 << 7);
    /// The last handle outside the owner's is gone (Memory: no mapping and no handle left).
    pub const UNREFERENCED: Signals = Signals(1 << 8);
    /// First of the bits without a meaning to the kernel.
    pub const USER_0: Signals = Signals(1 << 16);
    /// All bits.
    pub const ALL: Signals = Signals(u32::MAX);
    /// No bit.
    pub const NONE: Signals = Signals(0);

    /// The bits that both have.
    pub const fn and(self, other: Signals) -> Signals {
        Signals(self.0 & other.0)
    }
    /// The bits that either has.
    pub const fn or(self, other: Signals) -> Signals {
        Signals(self.0 | other.0)
    }
    /// These bits without those of `other`.
    pub const fn without(self, other: Signals) -> Signals {
        Signals(self.0 & !other.0)
    }
    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Flags of handles and of the calls that make them.
pub mod handle_flags {
    /// Closed by [`crate::Call::ProcessReplace`].
    pub const CLOSE_ON_EXEC: u64 = 1 << 0;
    /// Not copied by [`crate::Call::ProcessFork`].
    pub const CLOSE_ON_FORK: u64 = 1 << 1;
    /// Give a slot of the runtime's half instead of a descriptor.
    pub const HIGH: u64 = 1 << 8;
    /// Use exactly the slot asked for, closing what is there.
    pub const EXACT: u64 = 1 << 9;
    /// Move instead of copy: the giver's handle is closed.
    pub const MOVE: u64 = 1 << 10;
}

/// What [`crate::Call::HandleInfo`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HandleInfo {
    /// [`ObjectKind`] as a number.
    pub kind: u32,
    /// [`Rights`].
    pub rights: u32,
    /// The object's number, unique while the system runs.
    pub object: u64,
    /// [`handle_flags`].
    pub flags: u32,
    /// Kind of the data object that a session carries, or 0.
    pub data_kind: u32,
    /// The object's status flags ([`crate::message::status_flags`]).
    pub status: u32,
    /// The object's signal word now.
    pub signals: u32,
    /// Number of the endpoint that a session leads to, or 0: by it a server knows whose it is.
    pub endpoint: u64,
}
