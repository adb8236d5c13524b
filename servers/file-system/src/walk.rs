//! Walking a path inside one file system.

use proto::types::file_type;
use proto::{Attributes, Credentials, Error};

use crate::kernel::Kernel;
use crate::permission;
use crate::server::Server;
use crate::volume::Volume;

/// Longest name in bytes.
const MAXIMUM_NAME: usize = 255;

/// Where a walk ended, and why (`proto::file_system::walk`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    pub(crate) node: u64,
    /// Bytes of the path that are done.
    pub(crate) consumed: usize,
    pub(crate) reason: u64,
}

/// Reasons to stop.
pub(crate) mod reason {
    pub(crate) const DONE: u64 = 0;
    pub(crate) const SYMBOLIC_LINK: u64 = 1;
    pub(crate) const COVERED: u64 = 2;
    pub(crate) const ABOVE_ROOT: u64 = 3;
    pub(crate) const MISSING: u64 = 4;
}

/// A component: where it starts, where it ends, where the next one starts.
fn component(path: &[u8], from: usize) -> (usize, usize, usize) {
    let skip = |mut at: usize| {
        while path.get(at) == Some(&b'/') {
            at += 1;
        }
        at
    };
    let start = skip(from);
    let length = path[start..].iter().position(|byte| *byte == b'/');
    let end = length.map_or(path.len(), |length| start + length);
    (start, end, skip(end))
}

/// Whether somebody may look for a name in what has these attributes.
fn check_search(
    attributes: &Attributes,
    credentials: &Credentials,
    name: &[u8],
) -> Result<(), Error> {
    if attributes.mode & file_type::MASK != file_type::DIRECTORY {
        return Err(Error::NotDirectory);
    }
    permission::check(attributes, credentials, permission::EXECUTE)?;
    if name.len() > MAXIMUM_NAME {
        return Err(Error::NameTooLong);
    }
    Ok(())
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// Walks `path` from directory `node`; see `proto::file_system::walk`.
    pub(crate) fn walk_path(
        &mut self,
        node: u64,
        follow: bool,
        path: &[u8],
        credentials: &Credentials,
    ) -> Result<(Walked, Attributes), Error> {
        let mut attributes = self.status_of(node)?;
        let mut at = Walked {
            node,
            consumed: 0,
            reason: reason::DONE,
        };
        loop {
            let (start, end, next) = component(path, at.consumed);
            if start == end {
                at.consumed = path.len();
                return Ok((at, attributes));
            }
            let name = &path[start..end];
            check_search(&attributes, credentials, name)?;
            if name == b".." && at.node == self.volume.root() {
                at.consumed = next;
                at.reason = reason::ABOVE_ROOT;
                return Ok((at, attributes));
            }
            let child = match self.volume.lookup(at.node, name) {
                Err(Error::NotFound) if next == path.len() => {
                    at.consumed = start;
                    at.reason = reason::MISSING;
                    return Ok((at, attributes));
                }
                other => other?,
            };
            let child_attributes = self.status_of(child)?;
            let kind = child_attributes.mode & file_type::MASK;
            let last = next == path.len();
            // A slash after the last name asks for what the link leads to.
            if kind == file_type::SYMLINK && (!last || follow || end != path.len()) {
                let link = Walked {
                    node: child,
                    consumed: start,
                    reason: reason::SYMBOLIC_LINK,
                };
                return Ok((link, child_attributes));
            }
            if end != next && kind != file_type::DIRECTORY {
                return Err(Error::NotDirectory);
            }
            self.found = (child, at.node);
            attributes = child_attributes;
            at.node = child;
            at.consumed = next;
            if self.covered.contains(&child) {
                at.reason = reason::COVERED;
                return Ok((at, attributes));
            }
        }
    }
}
