//! How long a node lives: names, sessions, holds and mappings keep it.

use alloc::vec::Vec;

use proto::{Attributes, Error};

use crate::kernel::Kernel;
use crate::open_file::OpenFile;
use crate::server::Server;
use crate::volume::Volume;

/// Who uses a node besides its names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Users {
    /// Open files.
    sessions: u32,
    /// References of the name-space server.
    holds: u32,
    /// Nameless, and kept by mappings that outlive the sessions.
    mapped: bool,
    /// The directory in which it was found when it was opened; 0: not known.
    pub(crate) directory: u64,
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// A node's attributes, times of writes included.
    pub(crate) fn status_of(&mut self, node: u64) -> Result<Attributes, Error> {
        self.settle_times(node)?;
        let mut attributes = self.volume.attributes(node)?;
        attributes.device = self.volume.device();
        Ok(attributes)
    }

    pub(crate) fn add_session(&mut self, file: OpenFile) {
        let users = self.nodes.entry(file.node).or_default();
        users.sessions += 1;
        if self.found.0 == file.node {
            users.directory = self.found.1;
        }
    }

    /// A name of a node has gone to another directory.
    pub(crate) fn moved(&mut self, node: u64, directory: u64) {
        if let Some(users) = self.nodes.get_mut(&node) {
            users.directory = directory;
        }
    }

    pub(crate) fn change_hold(&mut self, node: u64, held: bool) -> Result<(), Error> {
        if held {
            self.volume.attributes(node)?;
            self.nodes.entry(node).or_default().holds += 1;
            return Ok(());
        }
        let users = self.nodes.get_mut(&node).ok_or(Error::BadArgument)?;
        users.holds = users.holds.checked_sub(1).ok_or(Error::BadArgument)?;
        self.settle_node(node)
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        let Some(file) = OpenFile::from_badge(badge) else {
            self.lock_owner_closed(badge);
            return;
        };
        self.locks_closed(badge);
        if let Some(users) = self.nodes.get_mut(&file.node) {
            users.sessions = users.sessions.saturating_sub(1);
        }
        if let Err(error) = self.settle_node(file.node) {
            server_rt::log!("cannot free node {}: {error:?}", file.node);
        }
        self.commit(None);
    }

    /// Frees nameless nodes whose last mapping is gone. To be called now and then: being told
    /// of the end of every mapping would cost more than it is worth, as few files are mapped
    /// without a name.
    pub fn release_unmapped(&mut self) {
        let mapped = self.nodes.iter().filter(|(_, users)| users.mapped);
        let nodes: Vec<u64> = mapped.map(|(node, _)| *node).collect();
        for node in nodes {
            if let Err(error) = self.settle_node(node) {
                server_rt::log!("cannot free node {node}: {error:?}");
            }
        }
        self.commit(None);
    }

    /// After a use ended: forgets a node that nobody uses, and frees it if it has no name.
    pub(crate) fn settle_node(&mut self, node: u64) -> Result<(), Error> {
        let users = self.nodes.get(&node).copied().unwrap_or_default();
        if users.sessions > 0 || users.holds > 0 {
            return Ok(());
        }
        if self.volume.attributes(node)?.links > 0 {
            self.nodes.remove(&node);
            return Ok(());
        }
        // Memory without a pager lives by itself as long as it is mapped.
        if V::PAGED && self.client_references(node)? > 0 {
            self.nodes.entry(node).or_default().mapped = true;
            return Ok(());
        }
        self.nodes.remove(&node);
        self.drop_content(node);
        self.volume.release(node)
    }

    /// A name was removed; `nameless` is the node if it was the last one.
    pub(crate) fn after_unlink(&mut self, nameless: Option<u64>) -> Result<(), Error> {
        match nameless {
            Some(node) => self.settle_node(node),
            None => Ok(()),
        }
    }
}
