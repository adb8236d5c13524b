//! A call without a kernel.

use std::cell::RefCell;
use std::vec;
use std::vec::Vec;

use kernel_abi::Handle;
use kernel_abi::message::WORDS;
use proto::types::Plain;
use proto::{Call, Credentials, Error, Identity, Input, Output};

/// A call without a kernel.
pub(super) struct TestCall {
    pub badge: u64,
    pub token: u64,
    pub words: [u64; WORDS],
    pub inputs: Vec<Vec<u8>>,
    pub outputs: RefCell<Vec<Vec<u8>>>,
    pub credentials: Credentials,
    pub redelivered: bool,
}

impl Call for TestCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        u64::from(self.credentials.user) + 1
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        self.redelivered
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        match index.checked_sub(self.inputs.len()) {
            None => Some((self.inputs[index].len() as u64, false)),
            Some(output) => self
                .outputs
                .borrow()
                .get(output)
                .map(|bytes| (bytes.len() as u64, true)),
        }
    }
    fn handles(&self) -> &[Handle] {
        &[]
    }
    fn identity(&self) -> Result<Identity, Error> {
        let bytes = vec![0; Identity::SIZE];
        let mut identity = Identity::decode(&bytes).ok_or(Error::BadMessage)?;
        identity.credentials = self.credentials;
        Ok(identity)
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let source = self.inputs.get(input.index).ok_or(Error::BadAddress)?;
        let source = source.get(offset as usize..).unwrap_or(&[]);
        let count = source.len().min(bytes.len());
        bytes[..count].copy_from_slice(&source[..count]);
        Ok(count)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut outputs = self.outputs.borrow_mut();
        let index = output
            .index
            .checked_sub(self.inputs.len())
            .ok_or(Error::BadAddress)?;
        let target = outputs.get_mut(index).ok_or(Error::BadAddress)?;
        let target = target.get_mut(offset as usize..).unwrap_or(&mut []);
        let count = target.len().min(bytes.len());
        target[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}
