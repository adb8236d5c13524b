//! Copying what a caller passed.

use alloc::vec;
use alloc::vec::Vec;

use proto::{Call, Error, Input};

/// Copies a whole input of at most `most` bytes.
///
/// # Errors
/// `too_long` when there is more, `BadAddress` when the caller's memory ends before the input, and
/// those of reading it.
pub fn read_input<C: Call + ?Sized>(
    call: &C,
    input: Input,
    most: usize,
    too_long: Error,
) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(input.length).unwrap_or(usize::MAX);
    if length > most {
        return Err(too_long);
    }
    let mut bytes = vec![0; length];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match call.read(input, done as u64, rest)? {
            0 => return Err(Error::BadAddress),
            count => done += count,
        }
    }
    Ok(bytes)
}
