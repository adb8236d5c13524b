//! Copying what a caller passed, and to where it waits for an answer.

use alloc::vec;
use alloc::vec::Vec;

use proto::types::Plain;
use proto::{Call, Error, Input, Output};

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

/// Copies a structure to an output that is large enough for it.
///
/// # Errors
/// `BadMessage` when the output is shorter than the structure, and those of writing it.
pub fn write_plain<T: Plain, C: Call + ?Sized>(
    call: &C,
    output: Output,
    value: &T,
) -> Result<(), Error> {
    let mut bytes = vec![0; T::SIZE];
    value.encode(&mut bytes).ok_or(Error::Overflow)?;
    if output.length < T::SIZE as u64 {
        return Err(Error::BadMessage);
    }
    call.write(output, 0, &bytes).map(|_| ())
}
