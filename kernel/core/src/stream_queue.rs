//! What is under way in one direction of a stream.

use crate::object::HandleEntry;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What a queued message costs beside its bytes, so that empty ones cannot fill the memory.
pub(crate) const MESSAGE_COST: usize = 64;

/// What is under way from one end to the other.
#[derive(Default)]
pub(crate) struct Direction {
    pub bytes: VecDeque<u8>,
    pub messages: VecDeque<Message>,
    pub message_bytes: usize,
    /// Handles in a byte stream, each with the position of the bytes they came with.
    pub attached: VecDeque<(u64, Message)>,
    pub written: u64,
    pub read: u64,
    /// No more will be written (or read).
    pub shut: bool,
}

/// A message, or the handles that came with bytes.
#[derive(Default)]
pub(crate) struct Message {
    pub bytes: Vec<u8>,
    pub handles: Vec<HandleEntry>,
    pub sender: u64,
}

/// What a receive takes.
#[derive(Default)]
pub(crate) struct Taken {
    pub message: Message,
    /// Bytes that did not fit.
    pub truncated: usize,
}

impl Direction {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.messages.is_empty()
    }

    pub fn used(&self) -> usize {
        self.bytes.len() + self.message_bytes
    }

    pub fn queued(&self) -> usize {
        self.messages
            .front()
            .map_or(self.bytes.len(), |message| message.bytes.len())
    }

    /// Takes up to `room` bytes, not across the place where handles came along.
    pub fn take_bytes(&mut self, room: usize, peek: bool) -> Taken {
        let mut message = Message::default();
        if let Some((position, _)) = self.attached.front()
            && *position == self.read
            && !peek
            && let Some((_, with)) = self.attached.pop_front()
        {
            message = with;
        }
        let boundary = self
            .attached
            .iter()
            .find(|(position, _)| *position > self.read);
        let boundary = boundary.map_or(usize::MAX, |(position, _)| {
            usize::try_from(position - self.read).unwrap_or(usize::MAX)
        });
        let room = room.min(boundary);
        let count = room.min(self.bytes.len());
        let (first, second) = self.bytes.as_slices();
        let split = count.min(first.len());
        message
            .bytes
            .extend_from_slice(first.get(..split).unwrap_or(&[]));
        message
            .bytes
            .extend_from_slice(second.get(..count - split).unwrap_or(&[]));
        if !peek {
            self.bytes.drain(..count);
            self.read += count as u64;
        }
        Taken {
            message,
            truncated: 0,
        }
    }

    pub fn take_message(&mut self, room: usize, peek: bool) -> Taken {
        if peek {
            let Some(front) = self.messages.front() else {
                return Taken::default();
            };
            let bytes = front
                .bytes
                .get(..room.min(front.bytes.len()))
                .unwrap_or(&[])
                .to_vec();
            let truncated = front.bytes.len() - bytes.len();
            let message = Message {
                bytes,
                handles: Vec::new(),
                sender: front.sender,
            };
            return Taken { message, truncated };
        }
        let Some(mut message) = self.messages.pop_front() else {
            return Taken::default();
        };
        self.message_bytes -= message.bytes.len() + MESSAGE_COST;
        let truncated = message.bytes.len().saturating_sub(room);
        message.bytes.truncate(room);
        Taken { message, truncated }
    }
}
