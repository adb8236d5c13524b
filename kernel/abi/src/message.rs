//! Calls between processes: registers, buffers, handles, and what a server receives.
//!
//! [`crate::Call::Call`]: `rdi` = session, words 0..=5 in `rsi rdx r10 r8 r9 r12`, `r13` =
//! address of a [`Transfer`] or 0. On return `rax` = 0 or the negated error, and the reply's
//! words 0..=5 stand in `rsi rdx r10 r8 r9 r12`. Word 0 of a request is the operation's number;
//! word 0 of a reply is its status: negative for the negated error of `proto`, else a result.
//!
//! [`crate::Call::ReplyReceive`]: `rdi` = token of the call to answer (0: none), its words in
//! `rsi rdx r10 r8 r9 r12`, `r13` = address of a [`ReplyTransfer`] or 0, `r14` = endpoint,
//! `r15` = address of an [`Incoming`] (always written when the event is a call that has buffers
//! or handles, or is not a call). On return `rax` = [`kind`] | [`flags`], or the negated error;
//! `rdi` = token, `rsi rdx r10 r8 r9 r12` = words 0..=5, `r13` = the session's badge, `r14` =
//! the caller's label (word 0 of its identity page), `r15` = call number.
//!
//! [`crate::Call::Reply`] is the first half of that: `rdi` token, words, `r13`.

/// Words of a message that travel in registers.
pub const WORDS: usize = 6;
/// Buffers that a call may lend.
pub const MAX_BUFFERS: usize = 4;
/// Handles that a call, and its reply, may carry.
pub const MAX_HANDLES: usize = 4;

/// Direction of a lent buffer.
pub mod buffer_flags {
    /// The server may read it.
    pub const IN: u32 = 1;
    /// The server may write it.
    pub const OUT: u32 = 2;
}

/// A piece of the caller's memory that the server may copy out of or into while it holds the
/// call's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Buffer {
    /// Address in the caller.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
    /// [`buffer_flags`].
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a call carries beside its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Transfer {
    /// Lent buffers; the first `buffer_count` count.
    pub buffers: [Buffer; MAX_BUFFERS],
    /// How many buffers.
    pub buffer_count: u32,
    /// How many handles of `send` go along (copied; the caller keeps its own, unless
    /// [`crate::object::handle_flags::MOVE`] is in `flags`).
    pub send_count: u32,
    /// Handles to send.
    pub send: [u32; MAX_HANDLES],
    /// Written by the kernel: handles that came with the reply.
    pub received: [u32; MAX_HANDLES],
    /// Written by the kernel: how many.
    pub received_count: u32,
    /// How received handles are placed: `handle_flags::{HIGH, CLOSE_ON_EXEC, CLOSE_ON_FORK,
    /// MOVE, EXACT}`; `EXACT` puts the first one at `receive_slot`, closing what is there.
    pub flags: u32,
    /// Lowest slot for received handles, or the exact slot.
    pub receive_slot: u32,
    /// Zero.
    pub reserved: u32,
}

/// Handles that a reply carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ReplyTransfer {
    /// Handles to send.
    pub send: [u32; MAX_HANDLES],
    /// How many.
    pub send_count: u32,
    /// `handle_flags::MOVE` closes the server's own copies.
    pub flags: u32,
}

/// What a receive returned, in the low byte of `rax`.
pub mod kind {
    /// A call; answer it with its token.
    pub const CALL: u64 = 1;
    /// The last handle to the session with this badge was closed. No token.
    pub const SESSION_CLOSED: u64 = 2;
    /// The caller of a taken call was interrupted or has died: answer the token (`rdi`) soon;
    /// the answer goes to the caller if it still lives. No token of its own.
    pub const CANCELLED: u64 = 3;
    /// A bound object raised signals: word 0 = cookie, word 1 = the signals. The binding is
    /// disarmed until it is bound again.
    pub const SIGNAL: u64 = 4;
    /// Pages of a pager-backed Memory are missing: `r13` = the Memory's key, word 0 = offset,
    /// word 1 = length in bytes, word 2 = 1 when the access is a write. No token: supply or fail.
    pub const PAGE_REQUEST: u64 = 5;
    /// A supervised process met a fault or an upcall without handler: `r13` = the badge given
    /// with the supervisor, and [`super::Incoming::fault`]. With a token; the process stays
    /// stopped until it is answered (word 0: 0 = go on, else kill with that status).
    pub const EXCEPTION: u64 = 6;
}

/// Bits of `rax` beside the kind.
pub mod flags {
    /// The call was taken before by an instance that died.
    pub const REDELIVERED: u64 = 1 << 8;
    /// [`super::Incoming`] has been written.
    pub const INCOMING: u64 = 1 << 9;
}

/// A received message's parts beside its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Incoming {
    /// Lengths of the lent buffers.
    pub buffer_lengths: [u64; MAX_BUFFERS],
    /// [`buffer_flags`] of each.
    pub buffer_flags: [u32; MAX_BUFFERS],
    /// Handles that came along, now in the server's high slots.
    pub handles: [u32; MAX_HANDLES],
    /// How many buffers.
    pub buffer_count: u32,
    /// How many handles.
    pub handle_count: u32,
    /// For [`kind::EXCEPTION`].
    pub fault: Fault,
}

/// Why a process was stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fault {
    /// [`crate::process::fault_kind`], or 0 for an upcall without handler.
    pub kind: u32,
    /// The upcall's number (0..64).
    pub upcall: u32,
    /// The address that was touched, or of the instruction.
    pub address: u64,
    /// Instruction pointer.
    pub instruction: u64,
    /// Stack pointer.
    pub stack: u64,
    /// Frame pointer, for a backtrace.
    pub frame: u64,
    /// The thread's number.
    pub thread: u64,
}

/// Operations that the kernel itself sends through a session when a program reads, writes or
/// seeks and the session has no data object that settles it. Interfaces start at 16.
pub mod operation {
    /// Word 1 = offset, or `u64::MAX` for the current position; word 2 = length; word 3 =
    /// status flags. Buffer 0 (out) takes the data. Reply word 0 = bytes read.
    pub const READ: u64 = 1;
    /// As [`READ`], buffer 0 (in) holds the data. Also sent for the part of a write to a Cursor
    /// that would grow the file: word 1 is then the offset, `u64::MAX` when appending; reply word
    /// 0 = bytes written, word 1 = the position after them.
    pub const WRITE: u64 = 2;
    /// Word 1 = offset, word 2 = whence (0 set, 1 current, 2 end). Reply word 0 = new position.
    pub const SEEK: u64 = 3;
    /// First number of the servers' interfaces.
    pub const FIRST_FREE: u64 = 16;
}

/// Flags of an open object, shared by all its handles (POSIX "file status flags").
pub mod status_flags {
    /// Reads and writes never wait.
    pub const NONBLOCK: u32 = 1 << 0;
    /// Writes go to the end.
    pub const APPEND: u32 = 1 << 1;
    /// Bits 16.. belong to the server; the kernel only keeps them.
    pub const SERVER_SHIFT: u32 = 16;
}

/// Most bytes of a caller's identity page that a server can read.
pub const IDENTITY_SIZE: usize = 512;
