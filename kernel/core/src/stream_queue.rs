//! What is under way in one direction of a stream.

use crate::byte_queue::ByteQueue;
use crate::object::HandleEntry;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use kernel_abi::socket::SENDER_WORDS;

/// What a queued message costs beside its bytes, so that empty ones cannot fill the memory. Also
/// what a handle under way and a change of sender cost.
pub(crate) const MESSAGE_COST: usize = 64;

/// The first words of a sender's identity page.
pub(crate) type Sender = [u64; SENDER_WORDS];

/// What is under way from one end to the other.
#[derive(Default)]
pub(crate) struct Direction {
    pub bytes: ByteQueue,
    pub messages: VecDeque<Message>,
    /// Handles in a byte stream, each with the position of the bytes they came with.
    pub attached: VecDeque<(u64, Message)>,
    /// Who wrote the bytes from a position on.
    senders: VecDeque<(u64, Sender)>,
    /// Of messages with their bytes, of handles and of senders.
    cost: usize,
    pub written: u64,
    pub read: u64,
    /// No more will be written (or read).
    pub shut: bool,
    /// Most bytes that may be queued.
    pub capacity: usize,
}

/// A message, or the handles that came with bytes.
#[derive(Clone, Default)]
pub(crate) struct Message {
    pub bytes: Vec<u8>,
    pub handles: Vec<HandleEntry>,
    pub sender: Sender,
    pub name: Vec<u8>,
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
        self.bytes.len() + self.cost
    }

    pub fn queued(&self) -> usize {
        self.messages
            .front()
            .map_or(self.bytes.len(), |message| message.bytes.len())
    }

    /// The entries of all handles under way.
    pub fn handles(&self) -> impl Iterator<Item = HandleEntry> + '_ {
        let attached = self.attached.iter().map(|(_, message)| message);
        let messages = self.messages.iter().chain(attached);
        messages.flat_map(|message| message.handles.iter().copied())
    }

    /// Adds a message.
    pub fn push_message(&mut self, message: Message) {
        self.cost += cost_of(&message);
        self.messages.push_back(message);
    }

    /// Adds the first `count` bytes of the room that [`ByteQueue::room`] gave, with the handles that
    /// come along.
    pub fn push_bytes(&mut self, count: usize, with: Message, has_sender: bool) {
        let last = self.senders.back().map(|(_, last)| last);
        if has_sender && last != Some(&with.sender) {
            self.senders.push_back((self.written, with.sender));
            self.cost += MESSAGE_COST;
        }
        if !with.handles.is_empty() {
            self.cost += MESSAGE_COST * with.handles.len();
            self.attached.push_back((self.written, with));
        }
        self.written += count as u64;
        self.bytes.extend(count);
    }

    /// How many bytes a read with that much room takes: not those that come after the place of the
    /// next handles, nor with `one_sender` those of another sender.
    fn readable(&self, room: usize, one_sender: bool) -> usize {
        let mut attached = self.attached.iter().map(|(position, _)| *position);
        let senders = self.senders.get(1).map(|(position, _)| *position);
        let boundaries = [
            attached.find(|position| *position > self.read),
            senders.filter(|_| one_sender),
        ];
        let boundary = boundaries.into_iter().flatten().min();
        let boundary = boundary.map_or(usize::MAX, |position| {
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
            None => self.bytes.front(self.readable(room, false)),
        }
    }

    /// Takes off what [`Direction::front`] showed: what came along with it.
    pub fn consume(&mut self, room: usize) -> Message {
        match self.messages.pop_front() {
            Some(message) => {
                self.cost -= cost_of(&message);
                message
            }
            None => self.consume_bytes(self.readable(room, false)),
        }
    }

    fn consume_bytes(&mut self, count: usize) -> Message {
        let here = self.attached.front().map(|(position, _)| *position) == Some(self.read);
        let taken = if here {
            self.attached.pop_front()
        } else {
            None
        };
        let with = taken.map_or_else(Message::default, |(_, with)| with);
        self.cost -= MESSAGE_COST * with.handles.len();
        self.bytes.consume(count);
        self.read += count as u64;
        self.forget_senders();
        with
    }

    /// Takes (or looks at) up to `room` bytes, not across the place where handles came along, nor
    /// with `one_sender` those of another sender.
    pub fn take_bytes(&mut self, room: usize, peek: bool, one_sender: bool) -> Taken {
        let count = self.readable(room, one_sender);
        let sender = self.senders.front().map(|(_, sender)| *sender);
        let bytes = self.bytes.front(count).concat();
        let first = self.attached.front();
        let mut message = match first {
            _ if !peek => self.consume_bytes(count),
            Some((position, with)) if *position == self.read => with.clone(),
            _ => Message::default(),
        };
        message.bytes = bytes;
        if let Some(sender) = sender {
            message.sender = sender;
        }
        Taken {
            message,
            truncated: 0,
        }
    }

    /// Forgets senders all of whose bytes have been read. The last one stays known, at no cost
    /// beyond its own, so that a writer who goes on needs no new entry.
    fn forget_senders(&mut self) {
        while let Some((position, _)) = self.senders.get(1)
            && *position <= self.read
        {
            self.senders.pop_front();
            self.cost -= MESSAGE_COST;
        }
    }

    pub fn take_message(&mut self, room: usize, peek: bool) -> Taken {
        if peek {
            let Some(front) = self.messages.front() else {
                return Taken::default();
            };
            let bytes = front.bytes.get(..room.min(front.bytes.len()));
            let bytes = bytes.unwrap_or(&[]).to_vec();
            let truncated = front.bytes.len() - bytes.len();
            let message = Message {
                bytes,
                handles: front.handles.clone(),
                sender: front.sender,
                name: front.name.clone(),
            };
            return Taken { message, truncated };
        }
        let Some(mut message) = self.messages.pop_front() else {
            return Taken::default();
        };
        self.cost -= cost_of(&message);
        let truncated = message.bytes.len().saturating_sub(room);
        message.bytes.truncate(room);
        Taken { message, truncated }
    }
}

fn cost_of(message: &Message) -> usize {
    message.bytes.len() + MESSAGE_COST * (1 + message.handles.len())
}
