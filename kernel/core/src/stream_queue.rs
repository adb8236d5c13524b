//! What is under way in one direction of a stream.

use crate::byte_queue::ByteQueue;
use crate::object::HandleEntry;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What a queued message costs beside its bytes, so that empty ones cannot fill the memory.
pub(crate) const MESSAGE_COST: usize = 64;

/// What is under way from one end to the other.
#[derive(Default)]
pub(crate) struct Direction {
    pub bytes: ByteQueue,
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

    /// How many bytes a read with that much room takes: not those that come after the place of the
    /// next handles.
    fn readable(&self, room: usize) -> usize {
        let mut attached = self.attached.iter();
        let boundary = attached.find(|(position, _)| *position > self.read);
        let boundary = boundary.map_or(usize::MAX, |(position, _)| {
            usize::try_from(position - self.read).unwrap_or(usize::MAX)
        });
        room.min(boundary).min(self.bytes.len())
    }

    /// What a read with that much room gets, still queued, in two pieces.
    pub fn front(&self, room: usize) -> [&[u8]; 2] {
        match self.messages.front() {
            Some(message) => {
                let count = room.min(message.bytes.len());
                [message.bytes.get(..count).unwrap_or_default(), &[]]
            }
            None => self.bytes.front(self.readable(room)),
        }
    }

    /// Takes off what [`Direction::front`] showed: the handles that came with it.
    pub fn consume(&mut self, room: usize) -> Vec<HandleEntry> {
        if let Some(message) = self.messages.pop_front() {
            self.message_bytes -= message.bytes.len() + MESSAGE_COST;
            return message.handles;
        }
        let count = self.readable(room);
        let with = self.take_attached();
        self.bytes.consume(count);
        self.read += count as u64;
        with.handles
    }

    /// The handles that came with the next byte.
    fn take_attached(&mut self) -> Message {
        let here = self.attached.front().map(|(position, _)| *position) == Some(self.read);
        let taken = if here {
            self.attached.pop_front()
        } else {
            None
        };
        taken.map_or_else(Message::default, |(_, message)| message)
    }

    /// Takes up to `room` bytes, not across the place where handles came along.
    pub fn take_bytes(&mut self, room: usize, peek: bool) -> Taken {
        let count = self.readable(room);
        let mut message = if peek {
            Message::default()
        } else {
            self.take_attached()
        };
        for piece in self.bytes.front(count) {
            message.bytes.extend_from_slice(piece);
        }
        if !peek {
            self.bytes.consume(count);
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
