//! What a program is made of before the kernel holds it.

use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::file_type;
use proto::{Attributes, Error, Identity};
use server_rt::elf::{ElfError, Image};

use crate::credentials::in_group;

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;

/// An executable file's content, header and attributes.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its session.
    pub file: Handle,
    /// The Memory that is its content.
    pub memory: Handle,
    /// Length in bytes.
    pub length: u64,
    /// Its first bytes.
    pub header: Vec<u8>,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Everything that a new address space is made from.
pub struct Program<'a> {
    /// The file.
    pub source: &'a Source,
    /// Its checked headers.
    pub image: &'a Image,
    /// `argv`.
    pub arguments: &'a [&'a [u8]],
    /// `envp`.
    pub environment: &'a [&'a [u8]],
    /// `AT_EXECFN`.
    pub path: &'a [u8],
    /// Whose ids the auxiliary vector tells.
    pub identity: Identity,
    /// Largest size of the stack in bytes.
    pub stack_bytes: u64,
}

/// Checks that a file is a program: `NotExecutable` (`ENOEXEC`) for what is no ELF program for
/// this machine, which the C library or the shell may take for a script.
pub fn parse(source: &Source) -> Result<Image, Error> {
    Image::parse(&source.header, source.length).map_err(|error| match error {
        ElfError::Kernel(error) => error.into(),
        _ => Error::NotExecutable,
    })
}

/// Whether the holder of `identity` may execute a file with these attributes. The file system has
/// checked that at open; but a file opened only to read can be sent here as well.
pub fn check_permission(identity: &Identity, attributes: &Attributes) -> Result<(), Error> {
    if attributes.mode & file_type::MASK != file_type::REGULAR {
        return Err(Error::AccessDenied);
    }
    let user = identity.credentials.user;
    let needed = if user == 0 {
        0o111
    } else if user == attributes.user {
        0o100
    } else if in_group(identity, attributes.group) {
        0o010
    } else {
        0o001
    };
    if attributes.mode & needed == 0 {
        return Err(Error::AccessDenied);
    }
    Ok(())
}

/// The identity after executing a file with these attributes: set-id bits take effect, and the
/// effective ids are saved (POSIX `exec`).
pub fn identity_after(identity: &Identity, attributes: &Attributes) -> Identity {
    let mut after = *identity;
    if attributes.mode & SET_USER != 0 {
        after.credentials.user = attributes.user;
    }
    // Without group execution the bit marks mandatory locking on other systems.
    if attributes.mode & SET_GROUP != 0 && attributes.mode & 0o010 != 0 {
        after.credentials.group = attributes.group;
    }
    after.saved_user = after.credentials.user;
    after.saved_group = after.credentials.group;
    let changed =
        after.credentials.user != after.real_user || after.credentials.group != after.real_group;
    after.flags = (after.flags & !1) | u64::from(changed);
    after
}

/// The interpreter and its optional argument, from a `#!` line; `None` when there is none.
pub fn interpreter(header: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let line = header.strip_prefix(b"#!")?;
    let end = line.iter().position(|byte| *byte == b'\n')?;
    let line = line[..end].trim_ascii();
    let split = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    let argument = line[split..].trim_ascii();
    let path = &line[..split];
    (!path.is_empty()).then_some((path, (!argument.is_empty()).then_some(argument)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;

    #[test]
    fn interpreter_lines_are_split_at_the_first_blank_only() {
        assert_eq!(interpreter(b"#!/bin/sh\n"), Some((&b"/bin/sh"[..], None)));
        assert_eq!(
            interpreter(b"#! /bin/awk -f x \nBEGIN"),
            Some((&b"/bin/awk"[..], Some(&b"-f x"[..])))
        );
        assert_eq!(interpreter(b"#!\n"), None);
        assert_eq!(interpreter(b"\x7fELF"), None);
        assert_eq!(interpreter(b"#!/bin/sh"), None);
    }

    #[test]
    fn a_set_user_program_runs_as_its_owner_and_is_marked_secure() {
        let mut identity = Process::first(Handle(0), 0).identity;
        identity.real_user = 1000;
        identity.credentials.user = 1000;
        let mut attributes = Attributes {
            mode: 0o104755,
            ..Default::default()
        };
        let after = identity_after(&identity, &attributes);
        assert_eq!((after.credentials.user, after.saved_user), (0, 0));
        assert_eq!((after.real_user, after.flags), (1000, 1));
        attributes.mode = 0o100700;
        assert_eq!(
            check_permission(&identity, &attributes),
            Err(Error::AccessDenied)
        );
        attributes.mode = 0o100710;
        assert_eq!(check_permission(&identity, &attributes), Ok(()));
    }
}
