//! A call that a test makes.

use std::cell::RefCell;

use kernel_abi::Handle;
use kernel_abi::message::WORDS;
use proto::{Call, Error, Identity, Input, Output};

/// A call with its buffers: inputs first, then outputs, as the generated clients order them.
#[derive(Default)]
pub struct FakeCall {
    /// The session's badge.
    pub badge: u64,
    /// The token.
    pub token: u64,
    /// Operation number and scalars.
    pub words: [u64; WORDS],
    /// What the server may read.
    pub inputs: Vec<Vec<u8>>,
    /// What the server may write.
    pub outputs: RefCell<Vec<Vec<u8>>>,
    /// Handles that came along.
    pub handles: Vec<Handle>,
}

impl FakeCall {
    /// A call of `number` with scalars.
    pub fn new(badge: u64, token: u64, number: u64, scalars: &[u64]) -> FakeCall {
        let mut words = [0; WORDS];
        words[0] = number;
        words[1..=scalars.len()].copy_from_slice(scalars);
        FakeCall {
            badge,
            token,
            words,
            ..FakeCall::default()
        }
    }

    /// The same with a buffer that the server may read.
    pub fn input(mut self, bytes: &[u8]) -> FakeCall {
        self.inputs.push(bytes.to_vec());
        self
    }

    /// The same with room that the server may write.
    pub fn output(self, length: usize) -> FakeCall {
        self.outputs.borrow_mut().push(vec![0; length]);
        self
    }

    /// The same with a handle.
    pub fn handle(mut self, handle: Handle) -> FakeCall {
        self.handles.push(handle);
        self
    }
}

impl Call for FakeCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        1
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        false
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        if let Some(input) = self.inputs.get(index) {
            return Some((input.len() as u64, false));
        }
        let outputs = self.outputs.borrow();
        let output = outputs.get(index - self.inputs.len())?;
        Some((output.len() as u64, true))
    }
    fn handles(&self) -> &[Handle] {
        &self.handles
    }
    fn identity(&self) -> Result<Identity, Error> {
        Err(Error::NoProcess)
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let source = self.inputs.get(input.index).ok_or(Error::BadAddress)?;
        let rest = source.get(offset as usize..).unwrap_or(&[]);
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut outputs = self.outputs.borrow_mut();
        let target = outputs
            .get_mut(output.index - self.inputs.len())
            .ok_or(Error::BadAddress)?;
        let room = target.get_mut(offset as usize..).ok_or(Error::BadAddress)?;
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}
