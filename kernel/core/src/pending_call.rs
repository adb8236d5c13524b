//! The call that a thread waits for.

use crate::cursor::Cursor;
use crate::kernel::{EndpointId, ProcessId, ThreadId};
use crate::object::HandleEntry;
use crate::slab::Id;
use crate::thread::Thread;
use crate::transfer::{Lent, Received};
use alloc::vec::Vec;
use kernel_abi::message::{Fault, WORDS};
use kernel_abi::process::Registers;

/// Names calls; never repeats while the system runs.
#[derive(Default)]
pub(crate) struct CallCounter {
    last: u64,
}

impl CallCounter {
    /// The token of a thread's next call.
    #[inline]
    pub fn next(&mut self, thread: ThreadId) -> Token {
        self.last += 1;
        Token((self.last << Token::INDEX_BITS) | u64::from(thread.index()))
    }
}

/// Names a call to its server: the caller's place in the thread table, and the call's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token(pub u64);

impl Token {
    /// No call's.
    pub const NONE: Token = Token(0);
    const INDEX_BITS: u32 = 20;

    /// The call's number, the same in every delivery.
    #[inline]
    pub fn number(self) -> u64 {
        self.0 >> Token::INDEX_BITS
    }

    /// The caller's place in the thread table.
    #[inline]
    pub fn index(self) -> u32 {
        self.0 as u32 & ((1 << Token::INDEX_BITS) - 1)
    }
}

/// Where a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is none.
    #[default]
    None,
    /// At its endpoint.
    Queued,
    /// With a server.
    Taken,
}

/// What becomes of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its words go to the caller's registers.
    #[default]
    Words,
    /// Word 0 is the result of a read, write or seek.
    Value,
    /// As `Value`, after `written` bytes of the same write; word 1 is the cursor's new position.
    Cursor { cursor: Id<Cursor>, written: u64 },
    /// Word 0 says whether the process goes on.
    Exception,
}

/// The call a thread waits for. Every thread has room for one, so that calling allocates nothing.
#[derive(Default)]
pub(crate) struct PendingCall {
    pub token: Token,
    pub stage: Stage,
    pub endpoint: Option<EndpointId>,
    pub badge: u64,
    pub taken_by: Option<ProcessId>,
    pub lent: Lent,
    /// Handles under way; kept until the answer, for the next instance of a server that dies.
    pub handles: Vec<HandleEntry>,
    /// Handles that came with the answer, to be reported in the caller's memory.
    pub received: Option<Received>,
    pub fault: Fault,
    pub course: Course,
}

/// What sets a call apart from one with the words in its caller's registers that goes to a server
/// and comes back. All as by default between calls, so that a call need not set it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    /// Anything below is not as by default, or handles are under way.
    pub special: bool,
    pub purpose: Purpose,
    /// Its words, where they are not those in the caller's registers.
    pub words: Option<[u64; WORDS]>,
    /// Servers that died over it.
    pub deaths: u8,
    pub redelivered: bool,
    pub cancelled: bool,
    /// Its words were replaced on the way, so it cannot be sent again.
    pub forwarded: bool,
}

impl PendingCall {
    /// Changes the course of a call.
    pub fn divert(&mut self, change: impl FnOnce(&mut Course)) {
        self.course.special = true;
        change(&mut self.course);
    }

    /// The call is over. Handles that were under way are the caller's to release.
    pub fn end(&mut self) {
        self.token = Token::NONE;
        self.stage = Stage::None;
        self.lent.clear();
        if self.course.special {
            self.course = Course::default();
        }
    }

    /// Whether the mark of a special course is right, for the invariants.
    #[cfg(test)]
    pub fn is_consistent(&self) -> bool {
        let plain = Course {
            special: self.course.special,
            ..Course::default()
        };
        self.course.special || (self.course == plain && self.handles.is_empty())
    }
}

impl Thread {
    /// The words of its call.
    pub fn call_words(&self) -> [u64; WORDS] {
        let own = words_of(&self.context.registers);
        self.call.course.words.unwrap_or(own)
    }
}

/// The words of a message in registers.
#[inline]
pub(crate) fn words_of(registers: &Registers) -> [u64; WORDS] {
    [
        registers.rsi,
        registers.rdx,
        registers.r10,
        registers.r8,
        registers.r9,
        registers.r12,
    ]
}

/// Puts the words of a message into registers.
#[inline]
pub(crate) fn set_words(registers: &mut Registers, words: &[u64; WORDS]) {
    [
        registers.rsi,
        registers.rdx,
        registers.r10,
        registers.r8,
        registers.r9,
        registers.r12,
    ] = *words;
}
