//! File systems: a server behind a session, or a tree made up here.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use kernel_abi::Handle;
use proto::types::{FileSystemStatus, Plain};
use proto::{Answer, Attributes, Error, Request, Transport, file_system as fs};

use crate::permission::Caller;
use crate::tree::{self, Tree};

/// Why a walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the end of the path.
    Done,
    /// Before a symbolic link, whose name is not consumed.
    Symlink,
    /// After a directory that a mount covers.
    Covered,
    /// After `..` of the root.
    AboveRoot,
    /// Before a last name that does not exist.
    Missing,
}

/// Where a walk came to.
#[derive(Clone, Copy, Debug)]
pub struct Walked {
    /// The node reached.
    pub node: u64,
    /// Bytes of the path used.
    pub consumed: usize,
    /// Why it stopped.
    pub stop: Stop,
    /// Attributes of `node`.
    pub attributes: Attributes,
}

/// Another server.
#[derive(Clone)]
pub struct Peer {
    session: Rc<dyn Transport>,
    endpoint: u64,
}

impl Peer {
    /// The server behind a session, whose endpoint has this number.
    pub fn new(session: Rc<dyn Transport>, endpoint: u64) -> Peer {
        Peer { session, endpoint }
    }

    /// Whether a session with an endpoint is one of this server.
    pub fn serves(&self, endpoint: u64) -> bool {
        self.endpoint == endpoint
    }
}

impl Transport for Peer {
    fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
        self.session.call(request)
    }
}

/// A mounted file system.
pub enum Backend {
    /// Served by another server.
    Remote(Peer),
    /// Made up here.
    Tree(Box<dyn Tree>),
}

/// The answer of a file system that cannot be changed.
const READ_ONLY: Error = Error::ReadOnly;

impl Backend {
    /// Root node and device number.
    pub fn root(&self) -> Result<(u64, u64), Error> {
        match self {
            Backend::Remote(session) => {
                let answer = fs::root(session, &[])?;
                Ok((answer.words[0], answer.words[1]))
            }
            Backend::Tree(tree) => Ok((tree::ROOT, tree.device())),
        }
    }

    /// Walks a relative path.
    pub fn walk(
        &self,
        node: u64,
        follow: bool,
        path: &[u8],
        caller: &Caller,
    ) -> Result<Walked, Error> {
        let session = match self {
            Backend::Remote(session) => session,
            Backend::Tree(tree) => return tree::walk(tree.as_ref(), node, follow, path, caller),
        };
        let mut bytes = [0; Attributes::SIZE];
        let credentials = caller.bytes();
        let answer = fs::walk(
            session,
            node,
            follow.into(),
            path,
            &credentials,
            &mut bytes,
            &[],
        )?;
        let stop = match answer.words[2] {
            0 => Stop::Done,
            1 => Stop::Symlink,
            2 => Stop::Covered,
            3 => Stop::AboveRoot,
            4 => Stop::Missing,
            _ => return Err(Error::BadMessage),
        };
        let consumed = usize::try_from(answer.words[1]).unwrap_or(usize::MAX);
        if consumed > path.len() {
            return Err(Error::BadMessage);
        }
        Ok(Walked {
            node: answer.words[0],
            consumed,
            stop,
            attributes: Attributes::decode(&bytes).ok_or(Error::BadMessage)?,
        })
    }

    /// Opens a regular file: kind and session.
    pub fn open(&self, node: u64, flags: u32, credentials: &[u8]) -> Result<(u64, Handle), Error> {
        match self {
            Backend::Remote(session) => {
                let answer = fs::open(session, node, flags, credentials, &[])?;
                Ok((answer.words[0], answer.handles[0]))
            }
            Backend::Tree(_) => Err(Error::NotSupported),
        }
    }

    /// Creates a file.
    pub fn create(
        &self,
        directory: u64,
        mode: u32,
        device: u64,
        name: &[u8],
        caller: &Caller,
    ) -> Result<u64, Error> {
        let session = self.writable()?;
        let answer = fs::create(session, directory, mode, device, name, &caller.bytes(), &[])?;
        Ok(answer.words[0])
    }

    /// Attributes of a node.
    pub fn status(&self, node: u64) -> Result<Attributes, Error> {
        match self {
            Backend::Remote(session) => {
                let mut bytes = [0; Attributes::SIZE];
                fs::status(session, node, &mut bytes, &[])?;
                Attributes::decode(&bytes).ok_or(Error::BadMessage)
            }
            Backend::Tree(tree) => tree.attributes(node),
        }
    }

    /// Sets attributes, at a time since 1970.
    pub fn set_attributes(
        &self,
        node: u64,
        mask: u64,
        attributes: &[u8],
        caller: &Caller,
        now_ns: i64,
    ) -> Result<(), Error> {
        let session = match self {
            Backend::Remote(session) => session,
            Backend::Tree(tree) => {
                return tree.set_attributes(node, mask, attributes, caller, now_ns);
            }
        };
        fs::set_attributes(session, node, mask, attributes, &caller.bytes(), &[])?;
        Ok(())
    }

    /// Makes a hard link.
    pub fn link(
        &self,
        node: u64,
        directory: u64,
        name: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        fs::link(
            self.writable()?,
            node,
            directory,
            name,
            &caller.bytes(),
            &[],
        )?;
        Ok(())
    }

    /// Removes a name.
    pub fn unlink(
        &self,
        directory: u64,
        is_directory: bool,
        name: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        let session = self.writable()?;
        let kind = is_directory.into();
        fs::unlink(session, directory, kind, name, &caller.bytes(), &[])?;
        Ok(())
    }

    /// Renames.
    pub fn rename(
        &self,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        flags: u32,
        caller: &Caller,
    ) -> Result<(), Error> {
        let session = self.writable()?;
        let credentials = caller.bytes();
        fs::rename(
            session,
            from.0,
            to.0,
            flags,
            from.1,
            to.1,
            &credentials,
            &[],
        )?;
        Ok(())
    }

    /// Makes a symbolic link.
    pub fn make_symlink(
        &self,
        directory: u64,
        name: &[u8],
        target: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        let session = self.writable()?;
        fs::make_symlink(session, directory, name, target, &caller.bytes(), &[])?;
        Ok(())
    }

    /// Reads a symbolic link.
    pub fn read_symlink(&self, node: u64, caller: &Caller) -> Result<Vec<u8>, Error> {
        match self {
            Backend::Remote(session) => {
                let mut target = alloc::vec![0; 4096];
                let answer = fs::read_symlink(session, node, &mut target, &[])?;
                let length = usize::try_from(answer.words[0]).map_err(|_| Error::BadMessage)?;
                if length > target.len() {
                    return Err(Error::BadMessage);
                }
                target.truncate(length);
                Ok(target)
            }
            Backend::Tree(tree) => tree.link(node, caller),
        }
    }

    /// Directory entries from a cursor, into `entries`. Returns the bytes used.
    pub fn read_directory(
        &self,
        node: u64,
        cursor: u64,
        entries: &mut [u8],
    ) -> Result<usize, Error> {
        match self {
            Backend::Remote(session) => {
                let answer = fs::read_directory(session, node, cursor, entries, &[])?;
                Ok((answer.words[0] as usize).min(entries.len()))
            }
            Backend::Tree(tree) => tree::read_directory(tree.as_ref(), node, cursor, entries),
        }
    }

    /// Figures.
    pub fn figures(&self) -> Result<[u8; FileSystemStatus::SIZE], Error> {
        let mut bytes = [0; FileSystemStatus::SIZE];
        match self {
            Backend::Remote(session) => {
                fs::file_system_status(session, &mut bytes, &[])?;
            }
            Backend::Tree(tree) => {
                let status = FileSystemStatus {
                    kind: tree.kind(),
                    block_size: 4096,
                    identifier: tree.device(),
                    name_length: 255,
                    ..Default::default()
                };
                status.encode(&mut bytes).ok_or(Error::BadArgument)?;
            }
        }
        Ok(bytes)
    }

    /// Writes everything out.
    pub fn sync(&self) -> Result<(), Error> {
        if let Backend::Remote(session) = self {
            fs::sync(session, &[])?;
        }
        Ok(())
    }

    /// Marks a directory as covered by a mount, or not.
    pub fn cover(&self, node: u64, covered: bool) -> Result<(), Error> {
        match self {
            Backend::Remote(session) => {
                fs::cover(session, node, covered.into(), &[])?;
                Ok(())
            }
            Backend::Tree(tree) => tree.cover(node, covered),
        }
    }

    /// Keeps a node alive, or lets it go.
    pub fn hold(&self, node: u64, held: bool) -> Result<(), Error> {
        if let Backend::Remote(session) = self {
            fs::hold(session, node, held.into(), &[])?;
        }
        Ok(())
    }

    /// Writes everything out and serves no more.
    pub fn unmount(&self) -> Result<(), Error> {
        if let Backend::Remote(session) = self {
            fs::unmount(session, &[])?;
        }
        Ok(())
    }

    /// A directory's name and parent.
    pub fn name(&self, node: u64) -> Result<(Vec<u8>, u64), Error> {
        match self {
            Backend::Remote(session) => {
                let mut name = alloc::vec![0; 256];
                let answer = fs::name(session, node, &mut name, &[])?;
                let length = usize::try_from(answer.words[0]).map_err(|_| Error::BadMessage)?;
                name.truncate(length);
                Ok((name, answer.words[1]))
            }
            Backend::Tree(tree) => tree::name(tree.as_ref(), node),
        }
    }

    fn writable(&self) -> Result<&Peer, Error> {
        match self {
            Backend::Remote(session) => Ok(session),
            Backend::Tree(_) => Err(READ_ONLY),
        }
    }
}
