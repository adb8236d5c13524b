//! Requests and replies as they travel.

use crate::{Error, Identity};
use kernel_abi::Handle;
use kernel_abi::message::{MAX_BUFFERS, MAX_HANDLES, WORDS};

/// A value that travels in one word.
pub trait Scalar: Sized + Copy {
    /// As a word.
    fn to_word(self) -> u64;
    /// From a word; `None` when it does not fit.
    fn from_word(word: u64) -> Option<Self>;
}

impl Scalar for u64 {
    fn to_word(self) -> u64 {
        self
    }
    fn from_word(word: u64) -> Option<u64> {
        Some(word)
    }
}

impl Scalar for i64 {
    fn to_word(self) -> u64 {
        self as u64
    }
    fn from_word(word: u64) -> Option<i64> {
        Some(word as i64)
    }
}

impl Scalar for u32 {
    fn to_word(self) -> u64 {
        self as u64
    }
    fn from_word(word: u64) -> Option<u32> {
        u32::try_from(word).ok()
    }
}

/// A request before it is sent: what a generated client hands to a [`Transport`].
pub struct Request<'a> {
    /// Operation number and scalars.
    pub words: [u64; WORDS],
    /// Buffers the server may read; they come first.
    pub inputs: &'a [&'a [u8]],
    /// Buffers the server may write.
    pub outputs: &'a mut [&'a mut [u8]],
    /// Handles to send (copies).
    pub handles: &'a [Handle],
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Word 0 is the value (not negative), the others are further results.
    pub words: [u64; WORDS],
    /// Handles that came along; the first `handle_count` count.
    pub handles: [Handle; MAX_HANDLES],
    /// How many.
    pub handle_count: usize,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer {
            words: [0; WORDS],
            handles: [Handle::NONE; MAX_HANDLES],
            handle_count: 0,
        }
    }
}

impl Answer {
    /// An answer with a value and no more.
    pub fn value(value: u64) -> Answer {
        let mut answer = Answer::default();
        answer.words[0] = value;
        answer
    }

    /// The same with result `index` (0 = the value, 1..=5) set.
    pub fn with(mut self, index: usize, word: u64) -> Answer {
        if let Some(slot) = self.words.get_mut(index) {
            *slot = word;
        }
        self
    }

    /// The same with one more handle. (A fifth is refused by being ignored: declare fewer.)
    pub fn with_handle(mut self, handle: Handle) -> Answer {
        if let Some(slot) = self.handles.get_mut(self.handle_count) {
            *slot = handle;
            self.handle_count += 1;
        }
        self
    }
}

/// Carries requests: a kernel session in the guest, a loopback in tests.
pub trait Transport {
    /// Sends and waits.
    fn call(&self, request: Request<'_>) -> Result<Answer, Error>;
}

impl<T: Transport + ?Sized> Transport for &T {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        (**self).call(request)
    }
}

/// A lent buffer that the server may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Which buffer of the call.
    pub index: usize,
    /// Its length.
    pub length: u64,
}

/// A lent buffer that the server may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Which buffer of the call.
    pub index: usize,
    /// Its length.
    pub length: u64,
}

/// A call being served: who made it, and its buffers and handles.
pub trait Call {
    /// The session's badge.
    fn badge(&self) -> u64;
    /// Word 0 of the caller's identity page (a process id, for POSIX processes).
    fn label(&self) -> u64;
    /// The token, to keep for a later reply.
    fn token(&self) -> u64;
    /// The call's number, the same in every delivery.
    fn number(&self) -> u64;
    /// Whether an instance before this one had taken it.
    fn redelivered(&self) -> bool;
    /// All words.
    fn words(&self) -> [u64; WORDS];
    /// Buffers: (length, the server may write it).
    fn buffer(&self, index: usize) -> Option<(u64, bool)>;
    /// Handles that came along. They are the server's to close.
    fn handles(&self) -> &[Handle];
    /// The caller's identity, as the process server wrote it.
    fn identity(&self) -> Result<Identity, Error>;
    /// Copies out of an input.
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Copies into an output.
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error>;
}

/// How a call went.
pub type Reply = Result<Outcome, Error>;

/// What to do with a served call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answer now.
    Answer(Answer),
    /// The server keeps the token and answers later.
    Later,
    /// The call went on to another server.
    Forwarded,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Outcome {
        Outcome::Answer(answer)
    }
}

/// Checks of a decoded request that every generated dispatcher makes.
#[doc(hidden)]
pub fn check_shape<C: Call + ?Sized>(
    call: &C,
    scalars: usize,
    inputs: usize,
    outputs: usize,
    handles: usize,
) -> Result<(), Error> {
    if call.words().iter().skip(1 + scalars).any(|word| *word != 0) {
        return Err(Error::BadMessage);
    }
    if call.handles().len() != handles {
        return Err(Error::BadMessage);
    }
    for index in 0..MAX_BUFFERS {
        let expected = match index {
            index if index < inputs => Some(false),
            index if index < inputs + outputs => Some(true),
            _ => None,
        };
        if call.buffer(index).map(|(_, writable)| writable) != expected {
            return Err(Error::BadMessage);
        }
    }
    Ok(())
}

/// Checks that as many handles came back as the declaration says. Fewer mean that the caller's
/// table is full: the kernel places what fits and tells how many.
#[doc(hidden)]
pub fn check_returned(answer: Answer, returns: usize) -> Result<Answer, Error> {
    match answer.handle_count.cmp(&returns) {
        core::cmp::Ordering::Less => Err(Error::TableFull),
        core::cmp::Ordering::Equal => Ok(answer),
        core::cmp::Ordering::Greater => Err(Error::BadMessage),
    }
}
