//! Walking paths across mounts and symbolic links.

use alloc::vec::Vec;
use proto::types::file_type;
use proto::{Attributes, Error};

use crate::backend::{Stop, Walked};
use crate::descriptors::Target;
use crate::kernel::Kernel;
use crate::permission::Caller;
use crate::server::Server;
use crate::tree::{Slot, Special};

/// Most symbolic links of one walk (`SYMLOOP_MAX`).
const MAX_SYMLINKS: usize = 40;
/// Longest path (`PATH_MAX` less the NUL).
pub const MAX_PATH: usize = 4095;

/// A file: a mount and a node of its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the mount.
    pub mount: u64,
    /// Node.
    pub node: u64,
}

/// Where a walk starts, and where absolute links begin.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The directory of the session.
    pub start: Place,
    /// The root directory.
    pub root: Place,
}

/// What a path names.
#[derive(Clone, Debug)]
pub enum Found {
    /// A file.
    Existing {
        /// It.
        place: Place,
        /// Its attributes.
        attributes: Attributes,
    },
    /// No file, but its directory exists.
    Missing {
        /// The directory.
        directory: Place,
        /// The name, without slashes.
        name: Vec<u8>,
        /// A slash followed it.
        slash: bool,
    },
}

impl Found {
    /// The file, or `NotFound`.
    pub fn existing(self) -> Result<(Place, Attributes), Error> {
        match self {
            Found::Existing { place, attributes } => Ok((place, attributes)),
            Found::Missing { .. } => Err(Error::NotFound),
        }
    }
}

/// The walk of one path.
struct Walk<'a, K> {
    server: &'a Server<K>,
    caller: &'a Caller,
    place: Place,
    root: Place,
    rest: Vec<u8>,
    symlinks: usize,
    follow: bool,
}

impl<K: Kernel> Server<K> {
    /// Resolves a path; `follow` says whether a link at its end is followed.
    pub(crate) fn resolve(
        &self,
        view: View,
        path: &[u8],
        follow: bool,
        caller: &Caller,
    ) -> Result<Found, Error> {
        if path.is_empty() {
            return Err(Error::NotFound);
        }
        let mut walk = Walk {
            server: self,
            caller,
            place: view.start,
            root: view.root,
            rest: Vec::new(),
            symlinks: 0,
            follow,
        };
        walk.prepend(path)?;
        loop {
            if let Some(found) = walk.step()? {
                return Ok(found);
            }
        }
    }

    /// Resolves all but the last name of a path. The name is empty when the path is only slashes.
    pub(crate) fn resolve_parent<'p>(
        &self,
        view: View,
        path: &'p [u8],
        caller: &Caller,
    ) -> Result<(Place, &'p [u8]), Error> {
        let end = path
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        let start = path[..end]
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        let (directory, name) = (&path[..start], &path[start..end]);
        if path.is_empty() {
            return Err(Error::NotFound);
        }
        if path.len() > MAX_PATH {
            return Err(Error::NameTooLong);
        }
        let directory = if directory.is_empty() {
            b"."
        } else {
            directory
        };
        let (place, attributes) = self.resolve(view, directory, true, caller)?.existing()?;
        if attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        Ok((place, name))
    }
}

impl<K: Kernel> Walk<'_, K> {
    /// Puts a path before what is left, going to the root if it is absolute.
    fn prepend(&mut self, path: &[u8]) -> Result<(), Error> {
        if path.contains(&0) {
            return Err(Error::BadArgument);
        }
        if path.len() + self.rest.len() > MAX_PATH {
            return Err(Error::NameTooLong);
        }
        if path.starts_with(b"/") {
            self.place = self.root;
        }
        self.rest.splice(0..0, path.iter().copied());
        Ok(())
    }

    fn is_chrooted(&self) -> bool {
        self.root != self.server.root_place()
    }

    /// The part of the path to walk at once. Inside a changed root every `..` is looked at here,
    /// because the file system does not know where that root is.
    fn piece(&self) -> &[u8] {
        if !self.is_chrooted() {
            return &self.rest;
        }
        let length = self.rest.iter().position(|byte| *byte == b'/');
        &self.rest[..length.unwrap_or(self.rest.len())]
    }

    fn drop_slashes(&mut self) {
        let count = self.rest.iter().take_while(|byte| **byte == b'/').count();
        self.rest.drain(..count);
    }

    fn step(&mut self) -> Result<Option<Found>, Error> {
        let had_slash = self.rest.starts_with(b"/");
        self.drop_slashes();
        if self.rest.is_empty() {
            return self.finish(had_slash).map(Some);
        }
        let piece = self.piece();
        if self.is_chrooted() && piece == b".." && self.place == self.root {
            self.rest.drain(..2);
            return Ok(None);
        }
        let is_last = piece.len() == self.rest.len();
        // A slash at the end asks for a directory, so a link before it is followed.
        let follow = self.follow || !is_last || piece.ends_with(b"/");
        let backend = &self.server.mounted(self.place.mount)?.backend;
        let walked = backend.walk(self.place.node, follow, piece, self.caller)?;
        self.take(walked, is_last)
    }

    fn take(&mut self, walked: Walked, is_last: bool) -> Result<Option<Found>, Error> {
        let prefix: Vec<u8> = self.rest.drain(..walked.consumed).collect();
        let here = Place {
            mount: self.place.mount,
            node: walked.node,
        };
        match walked.stop {
            Stop::Done => {
                let must_be_directory = !self.rest.is_empty() || prefix.ends_with(b"/");
                let is_directory = walked.attributes.mode & file_type::MASK == file_type::DIRECTORY;
                if must_be_directory && !is_directory {
                    return Err(Error::NotDirectory);
                }
                self.place = here;
                let attributes = walked.attributes;
                Ok(self.rest.is_empty().then_some(Found::Existing {
                    place: here,
                    attributes,
                }))
            }
            Stop::Covered => {
                self.place = self.server.mounted_on(here)?;
                Ok(None)
            }
            Stop::AboveRoot => {
                if here != self.root
                    && let Some(covered) = self.server.mounted(here.mount)?.covered
                {
                    self.place = covered;
                    self.rest.splice(0..0, *b"../");
                } else {
                    self.place = here;
                }
                Ok(None)
            }
            Stop::Symlink => self.follow_link(here, &prefix),
            Stop::Missing if !is_last => Err(Error::NotFound),
            Stop::Missing => {
                let slash = self.rest.ends_with(b"/");
                let length = self.rest.iter().position(|byte| *byte == b'/');
                self.rest.truncate(length.unwrap_or(self.rest.len()));
                Ok(Some(Found::Missing {
                    directory: here,
                    name: core::mem::take(&mut self.rest),
                    slash,
                }))
            }
        }
    }

    /// The path is used up at a directory (a root, or after a mount).
    fn finish(&mut self, had_slash: bool) -> Result<Found, Error> {
        let attributes = self
            .server
            .mounted(self.place.mount)?
            .backend
            .status(self.place.node)?;
        if had_slash && attributes.mode & file_type::MASK != file_type::DIRECTORY {
            return Err(Error::NotDirectory);
        }
        Ok(Found::Existing {
            place: self.place,
            attributes,
        })
    }

    /// Goes on at a link's target: relative ones start at the link's directory, which the walked
    /// prefix leads to.
    fn follow_link(&mut self, link: Place, prefix: &[u8]) -> Result<Option<Found>, Error> {
        self.symlinks += 1;
        if self.symlinks > MAX_SYMLINKS {
            return Err(Error::TooManySymlinks);
        }
        if let Some(Special::Open(slot)) = self.server.special(link) {
            return self.follow_slot(link, slot);
        }
        let view = View {
            start: self.place,
            root: self.root,
        };
        let target = self.server.link_text(view, link, self.caller)?;
        if target.is_empty() {
            return Err(Error::NotFound);
        }
        if !target.starts_with(b"/") && !prefix.is_empty() {
            let backend = &self.server.mounted(link.mount)?.backend;
            let directory = backend.walk(self.place.node, true, prefix, self.caller)?;
            self.place.node = directory.node;
        }
        self.drop_name();
        self.prepend(&target)?;
        Ok(None)
    }

    /// Drops the first name of what is left.
    fn drop_name(&mut self) {
        let length = self.rest.iter().position(|byte| *byte == b'/');
        self.rest.drain(..length.unwrap_or(self.rest.len()));
    }

    /// Goes on at what a process has open.
    fn follow_slot(&mut self, link: Place, slot: Slot) -> Result<Option<Found>, Error> {
        let target = self.server.slot_target(link, slot, self.caller)?;
        self.drop_name();
        match target {
            Target::Place(place) => {
                self.place = place;
                Ok(None)
            }
            Target::Object(_) if !self.rest.is_empty() => Err(Error::NotDirectory),
            Target::Object(object) => Ok(Some(Found::Existing {
                place: link,
                attributes: object.attributes,
            })),
        }
    }
}
