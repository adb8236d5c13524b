//! POSIX message queues (`<mqueue.h>`).

use alloc::vec::Vec;

use crate::message::Message;
use crate::object::Object;
use crate::permission::Permission;
use crate::record::{Reader, Writer};

/// Longest name without its slash.
pub const LONGEST_NAME: usize = 255;
/// Messages of a queue and bytes of a message when `mq_open` does not say.
pub const DEFAULT_MESSAGES: u64 = 10;
/// See [`DEFAULT_MESSAGES`].
pub const DEFAULT_BYTES: u64 = 8192;
/// Most that it may say.
pub const MOST_MESSAGES: u64 = 4096;
/// See [`MOST_MESSAGES`].
pub const MOST_BYTES: u64 = 65536;
/// Bytes that the queues of one user who is not root may hold, and those of all.
pub const USER_BYTES: u64 = 819_200;
/// See [`USER_BYTES`].
pub const ALL_BYTES: u64 = 8 << 20;
/// `MQ_PRIO_MAX`.
pub const PRIORITIES: u32 = 32768;

/// Who is told of a message's arrival in an empty queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    pub process: u64,
    /// The session that it was made through: it ends with that.
    pub badge: u64,
    /// 0 a signal, 1 nothing, 2 a thread that waits.
    pub kind: u32,
    pub signal: u32,
    pub value: u64,
}

/// A queue.
pub struct PosixQueue {
    /// Empty once it was unlinked.
    pub name: Vec<u8>,
    pub permission: Permission,
    pub maximum: u64,
    pub size: u64,
    /// The next to be received first.
    pub messages: Vec<Message>,
    pub registration: Option<Registration>,
}

impl PosixQueue {
    /// Whether nothing more can be sent.
    pub fn is_full(&self) -> bool {
        self.messages.len() as u64 >= self.maximum
    }

    /// What it may come to hold.
    pub fn reserved_bytes(&self) -> u64 {
        reserved(self.maximum, self.size)
    }

    /// Adds a message behind those that are as urgent.
    pub fn add(&mut self, message: Message) {
        let place = self
            .messages
            .partition_point(|other| other.kind >= message.kind);
        self.messages.insert(place, message);
    }
}

/// Bytes that a queue may come to hold.
pub fn reserved(maximum: u64, size: u64) -> u64 {
    maximum.saturating_mul(size.next_multiple_of(64).max(64))
}

impl Object for PosixQueue {
    fn permission(&self) -> &Permission {
        &self.permission
    }

    fn permission_mut(&mut self) -> &mut Permission {
        &mut self.permission
    }

    fn encode(&self, out: &mut Writer) {
        out.text(&self.name);
        self.permission.encode(out);
        out.u64(self.maximum);
        out.u64(self.size);
        out.count(self.messages.len());
        self.messages.iter().for_each(|message| message.encode(out));
        out.u32(u32::from(self.registration.is_some()));
        if let Some(registration) = self.registration {
            for word in [registration.process, registration.badge, registration.value] {
                out.u64(word);
            }
            out.u32(registration.kind);
            out.u32(registration.signal);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<PosixQueue> {
        let (name, permission) = (from.text()?, Permission::decode(from)?);
        let (maximum, size) = (from.u64()?, from.u64()?);
        let mut messages = Vec::new();
        for _ in 0..from.count()? {
            messages.push(Message::decode(from)?);
        }
        let registration = match from.u32()? {
            0 => None,
            _ => Some(Registration {
                process: from.u64()?,
                badge: from.u64()?,
                value: from.u64()?,
                kind: from.u32()?,
                signal: from.u32()?,
            }),
        };
        Some(PosixQueue {
            name,
            permission,
            maximum,
            size,
            messages,
            registration,
        })
    }
}
