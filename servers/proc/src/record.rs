//! A process as it survives this server: numbers and length-prefixed byte strings, little endian,
//! in the order of the fields.

use alloc::vec::Vec;
use core::array;
use kernel_abi::Handle;
use proto::Identity;
use proto::types::Plain;

use crate::limits::{self, Limits};
use crate::process::{Answered, Process, State, Usage};
use crate::stack::FirstStack;

/// Most bytes of a record.
pub const CAPACITY: usize = 2000;
/// Changes with the layout: another one is not read.
const VERSION: u64 = 4;
/// Most bytes of the arguments that are kept.
const COMMAND_LINE: usize = 512;

fn numbers<const COUNT: usize>(out: &mut Vec<u8>, values: [u64; COUNT]) {
    out.extend_from_slice(values.map(u64::to_le_bytes).as_flattened());
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    numbers(out, [bytes.len() as u64]);
    out.extend_from_slice(bytes);
}

fn plain<T: Plain>(out: &mut Vec<u8>, value: &T) {
    let start = out.len();
    out.resize(start + T::SIZE, 0);
    // There is room for all of it.
    let _ = value.encode(&mut out[start..]);
}

fn usage(out: &mut Vec<u8>, usage: &Usage) {
    let values = [
        usage.user_ns,
        usage.kernel_ns,
        usage.minor_faults,
        usage.major_faults,
    ];
    numbers(out, values);
}

/// The record of a process.
pub fn encode(process: &Process) -> Vec<u8> {
    let mut out = Vec::with_capacity(CAPACITY);
    let (state, first, second) = match process.state {
        State::Running => (0, 0, 0),
        State::Stopped { signal, reported } => (1, u64::from(signal), u64::from(reported)),
        State::Zombie { status } => (2, status, 0),
    };
    numbers(&mut out, [VERSION]);
    plain(&mut out, &process.identity);
    let values = [
        state,
        first,
        second,
        u64::from(process.continued),
        u64::from(process.executed),
        u64::from(process.reaper),
        u64::from(process.nice_plus_20),
        process.start_ns,
        process.first_stack.environment.0,
        process.first_stack.environment.1,
        process.first_stack.auxiliary.0,
        process.first_stack.auxiliary.1,
        process.answered.number,
        process.answered.value,
        process.dumps,
    ];
    numbers(&mut out, values);
    let limits: [_; limits::COUNT] = array::from_fn(|resource| {
        let (current, maximum) = process.limits.get(resource as u32).unwrap_or_default();
        [current, maximum]
    });
    numbers::<{ 2 * limits::COUNT }>(&mut out, array::from_fn(|at| limits[at / 2][at % 2]));
    usage(&mut out, &process.usage);
    usage(&mut out, &process.children_usage);
    text(&mut out, &process.name);
    let length = process.command_line.len().min(COMMAND_LINE);
    text(&mut out, &process.command_line[..length]);
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }
    fn flag(&mut self) -> Option<bool> {
        Some(self.number()? != 0)
    }
    fn text(&mut self) -> Option<Vec<u8>> {
        let length = self.number()?.try_into().ok()?;
        Some(self.bytes(length)?.to_vec())
    }
    fn plain<T: Plain>(&mut self) -> Option<T> {
        T::decode(self.bytes(T::SIZE)?)
    }
    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            user_ns: self.number()?,
            kernel_ns: self.number()?,
            minor_faults: self.number()?,
            major_faults: self.number()?,
        })
    }
    fn state(&mut self) -> Option<State> {
        let (state, first, second) = (self.number()?, self.number()?, self.number()?);
        match state {
            0 => Some(State::Running),
            1 => Some(State::Stopped {
                signal: first.try_into().ok()?,
                reported: second != 0,
            }),
            2 => Some(State::Zombie { status: first }),
            _ => None,
        }
    }
}

/// The process of a record, without its handles.
pub fn decode(bytes: &[u8]) -> Option<Process> {
    let mut reader = Reader(bytes);
    if reader.number()? != VERSION {
        return None;
    }
    let identity: Identity = reader.plain()?;
    let mut process = Process::first(Handle::NONE, 0);
    process.identity = identity;
    process.state = reader.state()?;
    process.continued = reader.flag()?;
    process.executed = reader.flag()?;
    process.reaper = reader.flag()?;
    process.nice_plus_20 = reader.small()?;
    process.start_ns = reader.number()?;
    process.first_stack = FirstStack {
        environment: (reader.number()?, reader.number()?),
        auxiliary: (reader.number()?, reader.number()?),
    };
    process.answered = Answered {
        number: reader.number()?,
        value: reader.number()?,
    };
    process.dumps = reader.number()?;
    process.limits = Limits::default();
    for resource in 0..limits::COUNT as u32 {
        let (current, maximum) = (reader.number()?, reader.number()?);
        process.limits.set(resource, current, maximum, true).ok()?;
    }
    process.usage = reader.usage()?;
    process.children_usage = reader.usage()?;
    process.name = reader.text()?;
    process.command_line = reader.text()?;
    reader.0.is_empty().then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Process {
        let mut process = Process::first(Handle(1), 5).child(42, Handle(7), 9);
        process.state = State::Stopped {
            signal: 20,
            reported: true,
        };
        process.set_program(b"/bin/a-rather-long-name", &[b'x'; 3000]);
        process
    }

    #[test]
    fn a_process_survives_its_record_and_the_record_is_bounded() {
        let process = busy();
        let bytes = encode(&process);
        assert!(bytes.len() <= CAPACITY, "{}", bytes.len());
        let restored = decode(&bytes).unwrap();
        assert_eq!(restored.identity, process.identity);
        assert_eq!(restored.state, process.state);
        assert_eq!(restored.name, process.name);
        assert_eq!(encode(&restored), bytes);
    }

    #[test]
    fn a_cut_record_is_refused() {
        let bytes = encode(&busy());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_none(), "{length}");
        }
    }
}
