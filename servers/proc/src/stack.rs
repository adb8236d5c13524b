//! The initial stack of a program (System V ABI, AMD64 supplement, "Process Initialization").

use alloc::vec::Vec;
use proto::Error;

/// Most bytes of arguments, environment and their pointers (`ARG_MAX`).
pub const ARGUMENTS_MAX: usize = 2 << 20;

/// Types of auxiliary entries.
#[allow(missing_docs, reason = "named as the ABI names them")]
pub mod auxiliary {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const EXECFN: u64 = 31;
}

/// What goes onto the stack.
pub struct Contents<'a> {
    /// `argv`, without NULs.
    pub arguments: &'a [&'a [u8]],
    /// `envp`, without NULs.
    pub environment: &'a [&'a [u8]],
    /// Auxiliary entries whose values are known; `AT_RANDOM`, `AT_EXECFN` and the end are added.
    pub auxiliary: &'a [(u64, u64)],
    /// `AT_EXECFN`.
    pub path: &'a [u8],
    /// What `AT_RANDOM` points to.
    pub random: [u8; 16],
}

/// Bytes to place so that they end at `top`, which must be a multiple of 16. The stack pointer is
/// where they begin.
pub fn build(contents: &Contents<'_>, top: u64) -> Result<Vec<u8>, Error> {
    let strings = string_bytes(contents);
    let pointers = contents.arguments.len() + contents.environment.len() + 2;
    let entries = contents.auxiliary.len() + 3;
    let words = 1 + pointers + 2 * entries;
    if strings + 8 * pointers > ARGUMENTS_MAX {
        return Err(Error::ArgumentsTooLong);
    }
    // The stack pointer is 16-byte aligned; padding goes between the words and the strings.
    let total = (8 * words + strings + 16).next_multiple_of(16);
    let start = top - total as u64;
    let mut out = Vec::with_capacity(total);
    let mut address = top - (strings + 16) as u64;
    let random = address;
    address += 16;
    let push = |out: &mut Vec<u8>, word: u64| out.extend_from_slice(&word.to_le_bytes());
    push(&mut out, contents.arguments.len() as u64);
    for list in [contents.arguments, contents.environment] {
        for text in list {
            push(&mut out, address);
            address += text.len() as u64 + 1;
        }
        push(&mut out, 0);
    }
    let last = [
        (auxiliary::RANDOM, random),
        (auxiliary::EXECFN, address),
        (auxiliary::NULL, 0),
    ];
    for (kind, value) in contents.auxiliary.iter().chain(&last) {
        push(&mut out, *kind);
        push(&mut out, *value);
    }
    out.resize((random - start) as usize, 0);
    out.extend_from_slice(&contents.random);
    let texts = contents.arguments.iter().chain(contents.environment);
    for text in texts.chain([&contents.path]) {
        out.extend_from_slice(text);
        out.push(0);
    }
    Ok(out)
}

/// Where things lie on the stack that a program starts with: address and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstStack {
    /// The environment's strings.
    pub environment: (u64, u64),
    /// The auxiliary vector.
    pub auxiliary: (u64, u64),
}

/// The places on a stack from `pointer` to `top`.
pub fn places(contents: &Contents<'_>, top: u64, pointer: u64) -> FirstStack {
    let texts = contents.environment.iter();
    let length: usize = texts.map(|text| text.len() + 1).sum();
    let environment = top - (contents.path.len() + 1 + length) as u64;
    let before = 1 + contents.arguments.len() + 1 + contents.environment.len() + 1;
    let entries = contents.auxiliary.len() + 3;
    FirstStack {
        environment: (environment, length as u64),
        auxiliary: (pointer + 8 * before as u64, 16 * entries as u64),
    }
}

fn string_bytes(contents: &Contents<'_>) -> usize {
    let texts = contents.arguments.iter().chain(contents.environment);
    texts.map(|text| text.len() + 1).sum::<usize>() + contents.path.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn word(bytes: &[u8], index: usize) -> u64 {
        u64::from_le_bytes(bytes[8 * index..8 * index + 8].try_into().unwrap())
    }

    fn text(bytes: &[u8], top: u64, address: u64) -> &[u8] {
        let start = bytes.len() - (top - address) as usize;
        let end = bytes[start..].iter().position(|byte| *byte == 0).unwrap();
        &bytes[start..start + end]
    }

    #[test]
    fn the_stack_holds_what_the_abi_says_at_an_aligned_pointer() {
        let top = 0x7fff_0000_0000;
        for count in 0..5 {
            let arguments = vec![b"ab".as_slice(); count];
            let contents = Contents {
                arguments: &arguments,
                environment: &[b"HOME=/"],
                auxiliary: &[(auxiliary::PAGESZ, 4096)],
                path: b"/bin/sh",
                random: [7; 16],
            };
            let bytes = build(&contents, top).unwrap();
            assert_eq!(bytes.len() % 16, 0);
            assert_eq!(word(&bytes, 0), count as u64);
            for index in 0..count {
                assert_eq!(text(&bytes, top, word(&bytes, 1 + index)), b"ab");
            }
            assert_eq!(word(&bytes, 1 + count), 0);
            assert_eq!(text(&bytes, top, word(&bytes, 2 + count)), b"HOME=/");
            let pointer = top - bytes.len() as u64;
            let places = places(&contents, top, pointer);
            assert_eq!(places.environment, (word(&bytes, 2 + count), 7));
            let auxiliary = (pointer + 8 * (4 + count as u64), 4 * 16);
            assert_eq!(places.auxiliary, auxiliary);
            assert_eq!(word(&bytes, 3 + count), 0);
            assert_eq!(word(&bytes, 4 + count), auxiliary::PAGESZ);
            assert_eq!(word(&bytes, 6 + count), auxiliary::RANDOM);
            let random = word(&bytes, 7 + count);
            assert_eq!(text(&bytes, top, random)[..16], [7; 16]);
            assert_eq!(word(&bytes, 8 + count), auxiliary::EXECFN);
            assert_eq!(text(&bytes, top, word(&bytes, 9 + count)), b"/bin/sh");
            assert_eq!(word(&bytes, 10 + count), auxiliary::NULL);
        }
    }

    #[test]
    fn arguments_beyond_the_limit_are_refused() {
        let long = vec![b'x'; ARGUMENTS_MAX];
        let contents = Contents {
            arguments: &[&long],
            environment: &[],
            auxiliary: &[],
            path: b"x",
            random: [0; 16],
        };
        assert_eq!(build(&contents, 1 << 40), Err(Error::ArgumentsTooLong));
    }
}
