//! Processes, threads and upcalls.

/// General registers of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "each field is the register of its name")]
pub struct Registers {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub rsp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rip: u64,
    pub rflags: u64,
    pub fs_base: u64,
    pub gs_base: u64,
}

/// Size of the floating-point state in an upcall frame: the `FXSAVE` area.
pub const FLOATING_POINT_SIZE: usize = 512;

/// What the kernel pushes on the user stack before it enters the process's upcall entry with
/// `rdi` = address of this frame (16-byte aligned, `rsp` = the same address minus 8).
/// [`crate::Call::UpcallReturn`] takes it back.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct UpcallFrame {
    /// Floating-point state.
    pub floating_point: [u8; FLOATING_POINT_SIZE],
    /// Registers to go on with.
    pub registers: Registers,
    /// The thread's mask to go on with.
    pub mask: u64,
    /// The upcall's number (0..64).
    pub upcall: u32,
    /// [`fault_kind`], or 0.
    pub fault: u32,
    /// The faulting address.
    pub address: u64,
    /// Word that came with [`crate::Call::UpcallRaise`] ...
    pub value: u64,
    /// ... and two more.
    pub details: [u64; 2],
}

/// First of the upcalls that queue: each raise of them is kept, in order. Of the others, one is
/// pending at most.
pub const FIRST_QUEUED_UPCALL: u32 = 31;
/// Upcalls that may be queued in a process, unless [`process_property::LIMIT_QUEUED_UPCALLS`] says
/// otherwise.
pub const DEFAULT_QUEUED_UPCALLS: u64 = 1024;
/// Most that it may say.
pub const MAX_QUEUED_UPCALLS: u64 = 4096;
/// Bit of the upcall of [`crate::Call::UpcallRaise`]: its default is to be ignored.
pub const RAISE_UNLESS_DEFAULT: u64 = 1 << 8;

/// Flag of [`crate::Call::ProcessRead`]: only what is there.
pub const READ_PRESENT: u64 = 1;

/// What happens when an upcall is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct UpcallAction {
    /// [`upcall_flags`]; 0 = default: the supervisor gets an exception.
    pub flags: u64,
    /// Upcalls blocked while the handler runs.
    pub mask: u64,
}

/// Flags of an [`UpcallAction`].
pub mod upcall_flags {
    /// Enter the process's upcall entry.
    pub const CAUGHT: u64 = 1;
    /// Drop it.
    pub const IGNORED: u64 = 2;
    /// Run on the thread's alternate stack.
    pub const ALTERNATE_STACK: u64 = 4;
    /// Do not block the upcall itself in its handler.
    pub const NO_DEFER: u64 = 8;
    /// Execute an interrupted system call again.
    pub const RESTART: u64 = 16;
    /// Back to the default when delivered.
    pub const RESET: u64 = 32;
    /// First of the bits that only [`crate::Call::UpcallInspect`] tells: the kernel keeps them.
    pub const FIRST_KEPT: u64 = 1 << 32;
}

/// Kinds of fault, and the upcall each one raises (POSIX signal number minus one).
pub mod fault_kind {
    /// No mapping at the address: upcall 10.
    pub const NOT_MAPPED: u32 = 1;
    /// The mapping does not allow the access: upcall 10.
    pub const PROTECTION: u32 = 2;
    /// The mapping's object ends before, or its pager failed: upcall 6.
    pub const BUS: u32 = 3;
    /// Undefined or privileged instruction: upcall 3.
    pub const ILLEGAL_INSTRUCTION: u32 = 4;
    /// Integer division: upcall 7.
    pub const DIVIDE: u32 = 5;
    /// Floating-point exception: upcall 7.
    pub const FLOATING_POINT: u32 = 6;
    /// Breakpoint or single step: upcall 4.
    pub const TRAP: u32 = 7;
    /// Misaligned access: upcall 6.
    pub const ALIGNMENT: u32 = 8;
    /// No memory for a page: upcall 8 (kill).
    pub const NO_MEMORY: u32 = 9;

    /// The upcall that a fault raises.
    pub const fn upcall(kind: u32) -> u32 {
        match kind {
            NOT_MAPPED | PROTECTION => 10,
            BUS | ALIGNMENT => 6,
            ILLEGAL_INSTRUCTION => 3,
            DIVIDE | FLOATING_POINT => 7,
            TRAP => 4,
            _ => 8,
        }
    }
}

/// Result of [`crate::Call::ProcessFork`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ForkResult {
    /// Handle of the child.
    pub process: u64,
    /// Token that answers the child's copy of the call.
    pub token: u64,
}

/// Mask of [`crate::Call::ProcessInherit`]: that of the calling thread.
pub const SPAWN_MASK_OF_CALLER: u64 = u64::MAX;

/// Properties of [`crate::Call::ProcessSet`]. A process that has a supervisor sets only the first two of
/// its own.
pub mod process_property {
    /// Address that upcalls enter. 0: none (every upcall goes to the supervisor).
    pub const UPCALL_ENTRY: u64 = 1;
    /// Address that unknown call numbers enter, as an upcall with number 64.
    pub const UNKNOWN_CALL_ENTRY: u64 = 2;
    /// Most descriptors (`RLIMIT_NOFILE`).
    pub const LIMIT_DESCRIPTORS: u64 = 3;
    /// Most bytes of address space (`RLIMIT_AS`).
    pub const LIMIT_ADDRESS_SPACE: u64 = 4;
    /// Most bytes of stack growth (`RLIMIT_STACK`).
    pub const LIMIT_STACK: u64 = 5;
    /// Most bytes of anonymous memory (`RLIMIT_DATA`).
    pub const LIMIT_DATA: u64 = 6;
    /// Largest file a write may make (`RLIMIT_FSIZE`).
    pub const LIMIT_FILE: u64 = 7;
    /// Nanoseconds of CPU time after which upcall 23 is raised (`RLIMIT_CPU`).
    pub const LIMIT_CPU_NS: u64 = 8;
    /// The base priority of its threads.
    pub const PRIORITY: u64 = 9;
    /// Most upcalls queued (`RLIMIT_SIGPENDING`).
    pub const LIMIT_QUEUED_UPCALLS: u64 = 10;
    /// Nanoseconds of CPU time after which the process is killed (the maximum of `RLIMIT_CPU`).
    pub const LIMIT_CPU_END_NS: u64 = 11;
    /// Most urgent level of real time that its threads may take by themselves (`RLIMIT_RTPRIO`). With
    /// less than [`priority::LEVELS`](super::priority::LEVELS) they get no more of the fair class
    /// either than the process's base priority gives.
    pub const LIMIT_REAL_TIME: u64 = 12;
    /// 1: it may make processes, and have those of its callers. Given by who may do so itself;
    /// kept by ProcessReplace, not passed on by ProcessFork.
    pub const MAY_MAKE_PROCESSES: u64 = 16;
}

/// Properties of [`crate::Call::ThreadSet`].
pub mod thread_property {
    /// Base of `fs`.
    pub const FS_BASE: u64 = 1;
    /// [`super::priority`].
    pub const PRIORITY: u64 = 2;
    /// CPUs it may run on, a bit each.
    pub const AFFINITY: u64 = 3;
    /// Alternate stack's lowest address (0: none) ...
    pub const ALTERNATE_STACK: u64 = 4;
    /// ... and its size.
    pub const ALTERNATE_STACK_SIZE: u64 = 5;
    /// Base of `gs`.
    pub const GS_BASE: u64 = 6;
    /// What names the thread in a [`lock_word`](super::lock_word): no other living thread of the
    /// system has the same. Only to be read.
    pub const LOCK_OWNER: u64 = 7;
    /// Address of its [`RobustList`](super::RobustList), 0: none. Only the thread sets its own.
    pub const ROBUST_LIST: u64 = 8;
    /// Nanoseconds of CPU time that it has used. Only to be read.
    pub const CPU_NS: u64 = 9;
    /// An upcall, plus 1, that is raised in the thread once, when it next waits; 0: none. So a
    /// handler that came just before a wait can have that wait interrupted.
    pub const UPCALL_AT_WAIT: u64 = 10;
}

/// Words that name the owner of a lock, so that the kernel can lend priority to it, and find what
/// a thread held when it ended.
pub mod lock_word {
    /// The owner ([`thread_property::LOCK_OWNER`](super::thread_property::LOCK_OWNER)); 0: free.
    pub const OWNER: u32 = 0x3fff_ffff;
    /// The owner ended while it held the lock.
    pub const OWNER_DIED: u32 = 1 << 30;
    /// Somebody waits.
    pub const WAITERS: u32 = 1 << 31;
    /// The owner's bits of a lock that nobody can have any more.
    pub const UNRECOVERABLE: u32 = OWNER;
}

/// The robust locks that a thread holds. When the thread ends, for whatever reason, the kernel
/// marks each of them whose word names it with `OWNER_DIED` and wakes a waiter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RobustList {
    /// Address of the first entry, 0: none. An entry begins with the address of the next one.
    pub first: u64,
    /// Distance from an entry to its lock word, in bytes; modulo 2^64.
    pub offset: u64,
    /// The entry that is being added or removed, 0: none.
    pub pending: u64,
}

/// Entries of a [`RobustList`] that the kernel looks at.
pub const ROBUST_LIST_LIMIT: usize = 2048;

/// Priorities: a class in bits 8.. and a level in bits 0..8.
pub mod priority {
    /// Fair class; level 0..40, 20 = normal, lower = more CPU (nice + 20).
    pub const FAIR: u64 = 0;
    /// Real time, round robin; level 1..100, higher runs first.
    pub const ROUND_ROBIN: u64 = 1 << 8;
    /// Real time, first in first out.
    pub const FIFO: u64 = 2 << 8;
    /// Levels of real time are below this.
    pub const LEVELS: u64 = 100;
    /// The normal priority of a program.
    pub const NORMAL: u64 = FAIR | 20;
}

/// How [`crate::Call::UpcallMask`] changes the mask.
pub mod mask_how {
    /// Add bits.
    pub const BLOCK: u64 = 0;
    /// Remove bits.
    pub const UNBLOCK: u64 = 1;
    /// Replace.
    pub const SET: u64 = 2;
    /// Leave as it is.
    pub const READ: u64 = 3;
}

/// Arguments of [`crate::Call::ThreadCreate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ThreadArguments {
    /// Where it starts, with `rdi` = `argument`.
    pub entry: u64,
    /// Its `rsp`.
    pub stack: u64,
    /// Its `rdi`.
    pub argument: u64,
    /// Its `fs` base.
    pub fs_base: u64,
    /// Its first upcall mask.
    pub mask: u64,
    /// [`priority`], or 0 for the creator's.
    pub priority: u64,
    /// Where the creator has its number (u64), written before it runs; 0: nowhere.
    pub number_address: u64,
}

/// What [`crate::Call::ProcessInfo`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ProcessInfo {
    /// The object's number.
    pub object: u64,
    /// Word 0 of the identity page.
    pub label: u64,
    /// [`process_state`].
    pub state: u32,
    /// Threads alive.
    pub threads: u32,
    /// Status it ended with (see [`crate::Call::ProcessExit`]).
    pub exit_status: u64,
    /// CPU time in user mode, and in kernel calls that are too short to be measured: those that
    /// never wait, and message calls that go straight to the other side.
    pub user_ns: u64,
    /// CPU time in the kernel, for all other calls and for page faults.
    pub kernel_ns: u64,
    /// CPU time of ended threads is included above. Bytes of address space mapped.
    pub mapped_bytes: u64,
    /// Bytes of pages present.
    pub resident_bytes: u64,
    /// Handles in use.
    pub handles: u64,
    /// Page faults that needed no server, and those that did.
    pub minor_faults: u64,
    /// Page faults that waited for a pager.
    pub major_faults: u64,
    /// Upcalls pending for the whole process.
    pub pending: u64,
    /// Upcalls caught.
    pub caught: u64,
    /// Upcalls ignored.
    pub ignored: u64,
}

/// States of a process.
pub mod process_state {
    /// Made, not started.
    pub const NEW: u32 = 0;
    /// Alive.
    pub const RUNNING: u32 = 1;
    /// Stopped by its owner.
    pub const SUSPENDED: u32 = 2;
    /// Ended.
    pub const TERMINATED: u32 = 3;
}

/// What [`crate::Call::ThreadInfo`] writes. Registers are those that the thread goes on with; they
/// stand still while it waits or its process is suspended.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ThreadInfo {
    /// Its number in its process, from 1.
    pub number: u64,
    /// [`thread_state`].
    pub state: u32,
    /// Reserved, 0.
    pub reserved: u32,
    /// [`priority`], as it was set.
    pub priority: u64,
    /// CPU time as in [`ProcessInfo`].
    pub user_ns: u64,
    /// CPU time in the kernel.
    pub kernel_ns: u64,
    /// Upcalls blocked.
    pub mask: u64,
    /// Upcalls pending for it alone.
    pub pending: u64,
    /// CPUs it may run on, a bit each.
    pub affinity: u64,
    /// CPU it ran on last.
    pub processor: u64,
    /// Registers.
    pub registers: Registers,
    /// Floating-point state as of its last switch.
    pub floating_point: [u8; FLOATING_POINT_SIZE],
}

impl Default for ThreadInfo {
    fn default() -> ThreadInfo {
        ThreadInfo {
            number: 0,
            state: 0,
            reserved: 0,
            priority: 0,
            user_ns: 0,
            kernel_ns: 0,
            mask: 0,
            pending: 0,
            affinity: 0,
            processor: 0,
            registers: Registers::default(),
            floating_point: [0; FLOATING_POINT_SIZE],
        }
    }
}

/// What a thread is doing.
pub mod thread_state {
    /// Runs, or could.
    pub const RUNNING: u32 = 1;
    /// Stopped with its process, or not started.
    pub const PARKED: u32 = 2;
    /// Waits for signals of objects.
    pub const WAIT_SIGNALS: u32 = 3;
    /// Waits for a futex's wake.
    pub const WAIT_FUTEX: u32 = 4;
    /// Waits for a time.
    pub const WAIT_TIME: u32 = 5;
    /// Waits for the answer to a call.
    pub const WAIT_REPLY: u32 = 6;
    /// Waits for a message of an endpoint.
    pub const WAIT_MESSAGE: u32 = 7;
    /// Waits for a page from its pager.
    pub const WAIT_PAGE: u32 = 8;
    /// Waits for an upcall.
    pub const WAIT_UPCALL: u32 = 9;
}
