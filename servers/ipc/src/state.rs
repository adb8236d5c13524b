//! What the next instance needs to know.
//!
//! The state is saved whole before each answer that tells of a change: tables, and where in the
//! arena messages lie; their text was written there before. With it goes the answer itself: when
//! the server dies between saving and answering, the call is delivered again, and must not be
//! carried out twice. One answer is enough while all goes well, as each goes out before the next
//! change is saved. After a restart, calls that had waited longer are delivered before the one
//! whose answer may be missing, so that answers are collected until a call comes that is new.

use alloc::vec::Vec;
use kernel_abi::message::WORDS;
use proto::{Answer, Error};

use crate::message::{Message, MessageQueue};
use crate::object::Table;
use crate::queue::PosixQueue;
use crate::record::{Reader, Writer};
use crate::segment::Segment;
use crate::semaphore::Set;

const VERSION: u32 = 1;

/// The last answer that told of a change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered {
    /// The call's number.
    pub number: u64,
    /// The answer's words, or the negated error.
    pub words: [u64; WORDS],
    /// The message that the call took: its text is kept until the next change.
    pub text: Option<Message>,
}

impl Answered {
    /// The answer to give again.
    pub fn result(&self) -> Result<Answer, Error> {
        match self.words[0] as i64 {
            error if error < 0 => Err(Error::from_number(-error as i32)),
            _ => Ok(Answer {
                words: self.words,
                ..Answer::default()
            }),
        }
    }
}

/// Everything.
pub struct State {
    pub segments: Table<Segment>,
    pub sets: Table<Set>,
    pub messages: Table<MessageQueue>,
    pub queues: Table<PosixQueue>,
    pub answered: Vec<Answered>,
}

impl State {
    /// Nothing.
    pub fn new() -> State {
        State {
            segments: Table::new(),
            sets: Table::new(),
            messages: Table::new(),
            queues: Table::new(),
            answered: Vec::new(),
        }
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u32(VERSION);
        self.segments.encode(&mut out);
        self.sets.encode(&mut out);
        self.messages.encode(&mut out);
        self.queues.encode(&mut out);
        out.count(self.answered.len());
        for answered in &self.answered {
            out.u64(answered.number);
            answered.words.iter().for_each(|word| out.u64(*word));
            out.u32(u32::from(answered.text.is_some()));
            if let Some(text) = answered.text {
                text.encode(&mut out);
            }
        }
        out.bytes
    }

    /// From bytes; `None` when they are no state.
    pub fn decode(bytes: &[u8]) -> Option<State> {
        let mut from = Reader(bytes);
        if from.u32()? != VERSION {
            return None;
        }
        let mut state = State {
            segments: Table::decode(&mut from)?,
            sets: Table::decode(&mut from)?,
            messages: Table::decode(&mut from)?,
            queues: Table::decode(&mut from)?,
            answered: Vec::new(),
        };
        for _ in 0..from.count()? {
            let mut answered = Answered {
                number: from.u64()?,
                ..Answered::default()
            };
            for word in &mut answered.words {
                *word = from.u64()?;
            }
            if from.u32()? != 0 {
                answered.text = Some(Message::decode(&mut from)?);
            }
            state.answered.push(answered);
        }
        Some(state)
    }

    /// Where texts lie.
    pub fn texts(&self) -> impl Iterator<Item = Message> + '_ {
        let messages = self
            .messages
            .iter()
            .flat_map(|(_, queue)| queue.messages.iter());
        let queued = self
            .queues
            .iter()
            .flat_map(|(_, queue)| queue.messages.iter());
        let kept = self.answered.iter().filter_map(|answered| answered.text);
        messages.chain(queued).copied().chain(kept)
    }
}
