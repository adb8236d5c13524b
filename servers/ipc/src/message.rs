//! System V message queues (POSIX `<sys/msg.h>`).

use alloc::collections::VecDeque;

use crate::object::Object;
use crate::permission::Permission;
use crate::record::{Reader, Writer};

/// Bytes of a message (`MSGMAX`) and, to begin with, of a queue's messages (`MSGMNB`).
pub const LONGEST: u64 = 8192;
/// See [`LONGEST`].
pub const QUEUE_BYTES: u64 = 16384;
/// `MSG_NOERROR`, `MSG_EXCEPT`, `IPC_NOWAIT`.
pub const CUT: u32 = 0o10000;
/// See [`CUT`].
pub const EXCEPT: u32 = 0o20000;
/// See [`CUT`].
pub const NO_WAIT: u32 = 0o4000;

/// A message: its type (or priority), and where its text lies in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: i64,
    pub offset: u64,
    pub length: u64,
}

impl Message {
    pub(crate) fn encode(&self, out: &mut Writer) {
        for word in [self.kind as u64, self.offset, self.length] {
            out.u64(word);
        }
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Message> {
        Some(Message {
            kind: from.u64()? as i64,
            offset: from.u64()?,
            length: from.u64()?,
        })
    }
}

/// A queue.
pub struct MessageQueue {
    pub permission: Permission,
    pub messages: VecDeque<Message>,
    pub bytes: u64,
    pub limit: u64,
    pub sent_s: i64,
    pub received_s: i64,
    pub changed_s: i64,
    pub last_sender: u64,
    pub last_receiver: u64,
}

impl MessageQueue {
    /// Whether a message of this length can be sent now.
    pub fn has_room(&self, length: u64) -> bool {
        self.bytes + length <= self.limit && (self.messages.len() as u64) < self.limit
    }

    /// Place of the message that a receiver of `wanted` gets.
    pub fn find(&self, wanted: i64, flags: u32) -> Option<usize> {
        let mut kinds = self.messages.iter().map(|message| message.kind);
        match wanted {
            0 => (!self.messages.is_empty()).then_some(0),
            1.. if flags & EXCEPT != 0 => kinds.position(|kind| kind != wanted),
            1.. => kinds.position(|kind| kind == wanted),
            _ => {
                let lowest = kinds
                    .min()
                    .filter(|kind| *kind <= wanted.saturating_neg())?;
                self.messages
                    .iter()
                    .position(|message| message.kind == lowest)
            }
        }
    }
}

impl Object for MessageQueue {
    fn permission(&self) -> &Permission {
        &self.permission
    }

    fn permission_mut(&mut self) -> &mut Permission {
        &mut self.permission
    }

    fn encode(&self, out: &mut Writer) {
        self.permission.encode(out);
        out.count(self.messages.len());
        self.messages.iter().for_each(|message| message.encode(out));
        for time in [self.sent_s, self.received_s, self.changed_s] {
            out.u64(time as u64);
        }
        for word in [self.limit, self.last_sender, self.last_receiver] {
            out.u64(word);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<MessageQueue> {
        let permission = Permission::decode(from)?;
        let mut messages = VecDeque::new();
        for _ in 0..from.count()? {
            messages.push_back(Message::decode(from)?);
        }
        Some(MessageQueue {
            permission,
            bytes: messages.iter().map(|message| message.length).sum(),
            messages,
            sent_s: from.u64()? as i64,
            received_s: from.u64()? as i64,
            changed_s: from.u64()? as i64,
            limit: from.u64()?,
            last_sender: from.u64()?,
            last_receiver: from.u64()?,
        })
    }
}
