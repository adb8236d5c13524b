//! Input that may be read: bytes, and where lines end.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bytes in the order of their arrival, in runs: a line each, or what arrived raw. An empty run
/// is an end of file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    bytes: VecDeque<u8>,
    runs: VecDeque<usize>,
}

impl Queue {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing, not even an end of file.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many runs wait.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The runs' lengths, and the bytes in two pieces.
    pub fn parts(&self) -> (&VecDeque<usize>, (&[u8], &[u8])) {
        (&self.runs, self.bytes.as_slices())
    }

    /// Adds a run.
    pub fn push_run(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.runs.push_back(bytes.len());
    }

    /// Adds a byte to the last run.
    pub fn push_byte(&mut self, byte: u8) {
        self.bytes.push_back(byte);
        match self.runs.back_mut() {
            Some(run) => *run += 1,
            None => self.runs.push_back(1),
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
    }

    /// Takes at most `most` bytes: from the first run only (`by_run`), or from all. An end of
    /// file reads as nothing, once.
    pub fn take(&mut self, most: usize, by_run: bool) -> Vec<u8> {
        let mut count = 0;
        while let Some(run) = self.runs.front_mut() {
            let part = (*run).min(most - count);
            *run -= part;
            count += part;
            if *run > 0 {
                break;
            }
            self.runs.pop_front();
            if by_run {
                break;
            }
        }
        self.bytes.drain(..count.min(self.bytes.len())).collect()
    }
}
