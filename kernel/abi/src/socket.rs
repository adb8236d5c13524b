//! Streams, and what sockets need of them: messages with handles, names and senders.

/// Kinds of stream.
pub mod stream_flags {
    /// Bytes from the first end to the second only (a pipe: end 0 reads, end 1 writes).
    pub const ONE_WAY: u64 = 1;
    /// Boundaries are kept: one read takes one message.
    pub const MESSAGES: u64 = 2;
    /// [`crate::Call::StreamSend`] and [`crate::Call::StreamReceive`] are allowed; an end that is
    /// closed before it has read everything resets the other one.
    pub const SOCKET: u64 = 4;
    /// A reader waits even while nobody has the writing end: the inbox of a datagram socket.
    pub const OPEN_ENDED: u64 = 8;
    /// Each message is a handle, taken with [`super::message_flags::ACCEPT`] only: the queue of a
    /// socket that listens.
    pub const CONNECTIONS: u64 = 16;
    /// A message that finds no room is dropped, as a network drops it, and nobody waits.
    pub const LOSSY: u64 = 32;
    /// Every flag.
    pub const ALL: u64 = 63;
}

/// What [`crate::Call::SessionSet`] sets.
pub mod session_part {
    /// The Stream end that takes what is written.
    pub const OUTLET: u64 = 1;
    /// The name that messages carry.
    pub const NAME: u64 = 2;
}

/// What [`crate::Call::StreamProperty`] reads and sets.
pub mod stream_property {
    /// The flags it was made with. Read only.
    pub const FLAGS: u64 = 0;
    /// Bytes that may be queued towards the other end.
    pub const SEND_CAPACITY: u64 = 1;
    /// Bytes that may be queued towards this end.
    pub const RECEIVE_CAPACITY: u64 = 2;
    /// How long a session's reads wait, ns; 0: for ever.
    pub const RECEIVE_TIMEOUT_NS: u64 = 3;
    /// How long a session's writes wait, ns; 0: for ever.
    pub const SEND_TIMEOUT_NS: u64 = 4;
    /// Bytes (messages with their cost) queued towards the other end. Read only.
    pub const SEND_QUEUED: u64 = 5;
    /// Not 0: when this end is closed, the other one is reset (POSIX `SO_LINGER` with a time of 0).
    pub const RESETS: u64 = 6;
}

/// Bits of [`StreamMessage::flags`].
pub mod message_flags {
    /// Do not wait.
    pub const DO_NOT_WAIT: u32 = 1 << 0;
    /// Leave the data in the queue; handles are copied.
    pub const PEEK: u32 = 1 << 1;
    /// Take a connection.
    pub const ACCEPT: u32 = 1 << 2;
    /// Any stream will do, not only a socket's.
    pub const ANY_STREAM: u32 = 1 << 3;
    /// Written on receive: there were more handles than were taken.
    pub const HANDLES_LOST: u32 = 1 << 8;
}

/// Most bytes of a name.
pub const MAX_NAME: usize = 128;
/// Most handles of one message.
pub const MAX_MESSAGE_HANDLES: u32 = 253;
/// Words of a [`StreamMessage::sender`].
pub const SENDER_WORDS: usize = 6;

/// Argument of [`crate::Call::StreamSend`] and [`crate::Call::StreamReceive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct StreamMessage {
    /// Address of (address, length) pairs of u64: the bytes.
    pub segments: u64,
    /// How many pairs.
    pub segment_count: u64,
    /// Address of handles (u32 each).
    pub handles: u64,
    /// Address of the sender's name; only a receive writes it (a send gives its session's).
    pub name: u64,
    /// How many handles are sent; on a receive the most to take, then how many were taken.
    pub handle_count: u32,
    /// On a receive the room for the name, then its whole length.
    pub name_length: u32,
    /// [`message_flags`].
    pub flags: u32,
    /// Send: a Stream end (or a session that has one) to use instead of the session's own, or
    /// `Handle::NONE`.
    pub target: u32,
    /// [`crate::object::handle_flags`] of received handles.
    pub handle_flags: u32,
    /// Receive: the session's status flags.
    pub status: u32,
    /// Receive: bytes of the message that did not fit.
    pub truncated: u64,
    /// Receive: the first words of the sender's identity page when it sent.
    pub sender: [u64; SENDER_WORDS],
}

/// Directions of [`crate::Call::StreamShutDown`].
pub mod shut_down {
    /// No more reads here.
    pub const READ: u64 = 1;
    /// No more writes here; the peer reads to the end.
    pub const WRITE: u64 = 2;
}
